"""What a thread that computes in the same process does to the latency of ticks.

A gateway in a process of its own sends a tick each millisecond, with the time in it; a client's
callback says how old it is. Beside it a thread adds numbers, as a program does that computes an
indicator, and Python's switch interval (``[loop] switch_interval``) is each of those asked for.
What that thread gets done is counted, because a shorter interval costs it something.

::

    python bench/gil.py                     nobody computes; then 5, 0.5 and 0.05 ms
    python bench/gil.py --ticks 200 --rounds 1
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.round_trips.prompt_gateway import Client, encoded, framed  # noqa: E402
from bench.round_trips.turns import pin  # noqa: E402
from twsloop import Config  # noqa: E402
from twsloop.connection import IBKRConnection  # noqa: E402

VERSION, OFFSET = 225, 200
#: reqMarketDataType, which says how many ticks are wanted; and a tick that carries a text.
COMMAND, LAST_TIME = 59, 45
PAUSE = 0.001
PATIENCE = 60.0
_LENGTH = struct.Struct(">I")


@attrs.frozen
class Row:
    """What was measured together.

    Attributes:
        interval_ms: The switch interval; None where nobody computes.
        p50_us: How old the ticks were.
        p99_us: The same, of the slowest hundredth.
        work: Additions a second of the thread that computes.
    """

    interval_ms: float | None
    p50_us: float
    p99_us: float
    work: float


class Ticking(Client):
    """Sends so many ticks, one a millisecond, when it is asked for them."""

    def _other(self, body: bytes) -> None:
        if _LENGTH.unpack_from(body)[0] - OFFSET != COMMAND:
            super()._other(body)
            return
        for _ in range(ticks_of(body)):
            time.sleep(PAUSE)
            text = str(time.monotonic_ns())
            tick = encoded("tickString", self.version, reqId=1, tickType=LAST_TIME, value=text)
            self._socket.sendall(framed(tick))


def ticks_of(body: bytes) -> int:
    """How many ticks a reqMarketDataType stands for."""
    from twsloop.wire.codec import decode  # noqa: PLC0415  (the gateway's process alone)
    from twsloop.wire.messages import Direction  # noqa: PLC0415

    wanted: int = decode(Direction.OUTBOUND, body, VERSION).message.marketDataType
    return wanted


def serve() -> None:
    """Print the port, and serve one client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(server.getsockname()[1], flush=True)
        connection, _ = server.accept()
        with connection:
            Ticking(connection, VERSION).serve()


class App(IBKRConnection):
    """Notes how old each tick is."""

    ages: list[float]
    wanted = 0
    enough: threading.Event

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        """A tick, which says when it was sent."""
        del reqId, tickType
        self.ages.append((time.monotonic_ns() - int(value)) / 1e3)
        if len(self.ages) == self.wanted:
            self.enough.set()


class Busy:
    """A thread that computes."""

    def __init__(self) -> None:
        self.additions = 0
        self._stop = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop:
            total = 0
            for number in range(1000):
                total += number
            self.additions += 1000

    def stop(self) -> None:
        """End it."""
        self._stop = True
        self._thread.join()


def measure(interval_ms: float | None, ticks: int) -> Row:
    """One client, with a thread beside it that computes unless the interval is None."""
    arguments = [sys.executable, __file__, "--serve"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as gateway:
        assert gateway.stdout is not None
        told: dict[str, Any] = {"connection.port": int(gateway.stdout.readline())}
        if interval_ms is not None:
            told["loop.switch_interval"] = interval_ms / 1e3
        app = App(Config.load(environ={}, overrides=told))
        app.ages, app.wanted, app.enough = [], ticks, threading.Event()
        with app:
            busy = None if interval_ms is None else Busy()
            began = time.monotonic()
            app.reqMarketDataType(ticks)
            came = app.enough.wait(PATIENCE)
            took = time.monotonic() - began
            if busy is not None:
                busy.stop()
        if not came:
            raise SystemExit("the ticks did not come")
    ages = sorted(app.ages)
    done = 0.0 if busy is None else busy.additions / took
    return Row(interval_ms, statistics.median(ages), ages[int(len(ages) * 0.99)], done)


def run(intervals: Sequence[float], *, ticks: int, rounds: int) -> list[Row]:
    """The medians of the rounds, which take turns."""
    every: list[float | None] = [None, *intervals]
    found: dict[float | None, list[Row]] = {one: [] for one in every}
    for _ in range(rounds):
        for interval in every:
            found[interval].append(measure(interval, ticks))
    return [
        Row(
            interval,
            *(
                statistics.median(getattr(row, name) for row in rows)
                for name in ("p50_us", "p99_us", "work")
            ),
        )
        for interval, rows in found.items()
    ]


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ticks", type=int, default=1000, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--intervals", type=float, nargs="+", default=[5, 0.5, 0.05], help="ms")
    parser.add_argument("--json", type=Path, help="where the figures go")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return 0
    pin()
    rows = run(given.intervals, ticks=given.ticks, rounds=given.rounds)
    print(f"{'switch interval':<24}{'p50 us':>10}{'p99 us':>10}{'M additions/s':>16}")
    for row in rows:
        name = "nobody computes" if row.interval_ms is None else f"{row.interval_ms:g} ms"
        print(f"{name:<24}{row.p50_us:>10.0f}{row.p99_us:>10.0f}{row.work / 1e6:>16.1f}")
    if given.json is not None:
        told = [attrs.asdict(row) for row in rows]
        given.json.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
