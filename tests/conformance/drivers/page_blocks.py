"""Run the code of a page of the docs that shows another library, block after block."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from recorder import line  # type: ignore[import-not-found]


def main() -> None:
    """Run the blocks of a file, a list of line numbers and codes, in one namespace."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--blocks", type=Path, required=True)
    args = parser.parse_args()
    namespace: dict[str, Any] = {"__name__": "__main__", "PORT": args.port}
    for number, code in json.loads(args.blocks.read_text(encoding="utf-8")):
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile("\n" * (number - 1) + code, "page", "exec"), namespace)
        line("block", number=number, printed=printed.getvalue())


if __name__ == "__main__":
    main()
