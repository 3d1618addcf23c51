"""How long a connection takes: until the first thing that a program may do, and until all is known.

IB's own client and twsloop under IB's own start (`bare`) are ready with nextValidId. ib_async,
ib_insync and a supervised session of twsloop fetch orders, executions and positions first; of the
former both figures are given.

::

    python bench/connect.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.machine import machine, said
from bench.rows import ROWS, Blaster, Row, chosen, once

__all__ = ["measure", "table"]

DEFAULT = ("official", "official-text", "ib_async", "ib_insync", "bare", "live", "live-text")


def measure(rows: Sequence[Row], rounds: int, times: int) -> dict[str, dict[str, float]]:
    """Milliseconds, medians; the first of each process is not counted if there are more."""
    taken: dict[str, dict[str, list[float]]] = {row.name: {} for row in rows}
    with Blaster.running() as blaster:
        for _ in range(rounds):
            for row in rows:
                one = once(blaster, row, {"mode": "idle", "lines": 0, "streams": 0, "times": times})
                for key in ("connect_ms", "ready_ms"):
                    counted = one[key][1:] or one[key]
                    taken[row.name].setdefault(key, []).extend(counted)
    return {
        name: {key: statistics.median(times) for key, times in one.items()}
        for name, one in taken.items()
    }


def table(found: Mapping[str, Mapping[str, float]]) -> str:
    """As Markdown."""
    lines = ["| client | usable after | everything known after |", "|:--|--:|--:|"]
    for name, one in found.items():
        title = ROWS[name].title.replace(", pure", "")
        if name.startswith("live"):
            title = title.replace("live tickers and a callback", "supervised, READY")
        fetches = name not in {"official", "official-text", "bare"}
        ready = f"{one['ready_ms']:.1f} ms" if fetches else "nothing is fetched"
        lines.append(f"| {title} | {one['connect_ms']:.1f} ms | {ready} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--times", type=int, default=11, help="connections of a process")
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--json", type=Path, default=Path(__file__).with_name("connect.json"))
    options = parser.parse_args()
    if options.tiny:
        options.rounds, options.times = 1, 1
    found: dict[str, Any] = {
        "rows": measure(chosen(options.rows, DEFAULT), options.rounds, options.times)
    }
    found["machine"] = machine()
    print(f"{said(found['machine'])}\n")
    print(table(found["rows"]))
    options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
