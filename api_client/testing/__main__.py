"""``python -m api_client.testing``: the reference server, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence

from . import ReferenceServer, ServerOptions
from .faults import named

__all__ = ["main"]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m api_client.testing",
        description="Serve the Options Flow Monitor's contract from a made-up market.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (%(default)s)")
    parser.add_argument("--port", type=int, default=8600, help="0 takes a free one (%(default)s)")
    parser.add_argument("--key", default="test-key", help="the key to take (%(default)s)")
    parser.add_argument("--ticker", action="append", metavar="SYMBOL", help="repeat for more")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up market (%(default)s)")
    parser.add_argument("--standard", type=int, default=30, help="requests a minute; 0: no limit")
    parser.add_argument("--heavy", type=int, default=15, help="the same, data-heavy endpoints")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="PATH=NAME[:NUMBER][*TIMES]",
        help="let requests fail, e.g. /trades=500*2, *=429:3, /trades=drop",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted.

    Returns:
        The exit code: 0 after Ctrl-C, 1 if the port cannot be opened.
    """
    parser = _parser()
    given = parser.parse_args(arguments)
    options = ServerOptions(
        keys=(given.key,),
        tickers=tuple(given.ticker or ("SLV", "SPY", "QQQ")),
        seed=given.seed,
        limits={"standard": given.standard, "heavy": given.heavy},
    )
    server = ReferenceServer(given.host, given.port, options)
    for text in given.fault:
        try:
            server.faults.add(*named(text))
        except ValueError as error:
            parser.error(str(error))

    def ready() -> None:
        lines = (f"export API_BASE_URL={server.base_url}", f"export API_KEY={given.key}")
        print(*lines, sep="\n", flush=True)  # noqa: T201 - a program's output

    # SIGTERM ends it like Ctrl-C does, also where a shell's "&" made it ignore Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(server.serve(ready))
    except OSError as error:
        print(f"cannot listen on {given.host}:{given.port}: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
