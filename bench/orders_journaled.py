"""How soon an order's bytes leave, with the journal and without it, side by side in one run.

Counted is from the call of ``place_order`` in the program's thread until the bytes are handed to
the socket: the check of the order, the risk gate, the intent (durable before the first byte) and
the encoding are in it. The gateway and each client have a process of their own; the clients take
turns, fifty orders each, so that what else the machine does falls on all of them alike. The gateway
says nothing of the orders (`quiet_gateway`), because its work would be done on our processors.

Twice: an order each millisecond, and one each twenty. A processor that slept, or did something
else, is slow at first whatever it is to do. The line "plain work" shows it: the same arithmetic,
timed where the order is placed.

::

    python bench/orders_journaled.py                 500 orders each
    python bench/orders_journaled.py --orders 100 --folder /data
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from twsloop import Config, IBGateway, limit_order, stock

PATIENCE = 30.0
#: Orders that are not counted: what is done once is done with them.
WARM_UP = 20
#: A client's orders in one turn.
TURN = 50
GOAL_US = 300.0
WAYS: dict[str, dict[str, Any]] = {
    "no journal": {"journal.enabled": False},
    "normal": {"journal.enabled": True, "journal.sync": "normal"},
    "full": {"journal.enabled": True, "journal.sync": "full"},
}
#: Seconds from one order to the next.
PAUSES = {"an order each millisecond": 0.001, "an order each 20 milliseconds": 0.02}
GATEWAY = str(Path(__file__).with_name("quiet_gateway.py"))


@contextlib.contextmanager
def process(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python of its own, which ends when nobody writes to it any more."""
    with subprocess.Popen(
        [sys.executable, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            assert child.stdin is not None
            child.stdin.close()


class Client:
    """One client, and how long its orders took."""

    def __init__(self, port: int, number: int, settings: Mapping[str, Any]) -> None:
        usual = {"connection.port": port, "connection.client_id": number, "pacing.enabled": False}
        self.app = IBGateway(Config.load(environ={}, overrides={**usual, **settings}))
        self.app.start()
        self.taken: list[float] = []
        self.plain: list[float] = []
        self._sum = 0.0

    def order(self, pause: float) -> None:
        """Place one, wait until its bytes have left; note how long that took, and rest."""
        left = threading.Event()
        self.plain.append(plain_work())
        self.app.place_order(
            stock("AAPL"),
            limit_order("BUY", 1, 50),
            on_update=lambda trade: left.set() if trade.status == "PendingSubmit" else None,
        )
        if not left.wait(PATIENCE):
            raise SystemExit("an order did not leave")
        hops = self.app.stats().orders.hops
        total = sum((hops[n].mean or 0.0) * hops[n].count for n in ("queue", "bytes"))
        self.taken.append((total - self._sum) * 1e6)
        self._sum = total
        time.sleep(pause)


def plain_work() -> float:
    """Microseconds that a little arithmetic takes just now."""
    began = time.perf_counter_ns()
    sum(number * number for number in range(200))
    return (time.perf_counter_ns() - began) / 1e3


def be_client(port: int, number: int, way: str, file: str, pause: float) -> None:
    """A client's process: so many orders for each number that it reads."""
    client = Client(port, number, {**WAYS[way], "journal.file": file})
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        for _ in range(int(line)):
            client.order(pause)
        print(json.dumps({"taken": client.taken, "plain": client.plain}), flush=True)
    client.app.stop()


def run(orders: int, folder: Path, pause: float) -> dict[str, dict[str, Any]]:
    """Microseconds of each order, by the way of the journal."""
    found: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as stack:
        served = stack.enter_context(process(GATEWAY))
        port = served.stdout.readline().strip()  # type: ignore[union-attr]
        clients = {}
        for number, way in enumerate(WAYS, start=1):
            file = str(folder / f"{number}-{pause}.db")
            arguments = (__file__, "--client", port, str(number), way, file, str(pause))
            clients[way] = stack.enter_context(process(*arguments))
        for child in clients.values():
            child.stdout.readline()  # type: ignore[union-attr]
        for done in range(0, WARM_UP + orders, TURN):
            for way, child in clients.items():
                child.stdin.write(f"{min(TURN, WARM_UP + orders - done)}\n")  # type: ignore[union-attr]
                child.stdin.flush()  # type: ignore[union-attr]
                found[way] = json.loads(child.stdout.readline())  # type: ignore[union-attr]
    return found


def show(what: str, found: Mapping[str, Mapping[str, Any]]) -> float:
    """Print a table; the p50 of ``normal``."""
    taken = {way: told["taken"][WARM_UP:] for way, told in found.items()}
    base = statistics.median(taken["no journal"])
    plain = statistics.median(time for told in found.values() for time in told["plain"][WARM_UP:])
    print(f"{what} (plain work: {plain:.0f} us)")
    for way, times in taken.items():
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"  {way:<12} p50 {p50:7.0f}   p99 {p99:7.0f}   x {p50 / base:.2f}")
    return statistics.median(taken["normal"])


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=500, help="so many for each")
    parser.add_argument("--folder", type=Path, help="where the journals go (default: temporary)")
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.client:
        port, number, way, file, pause = asked.client
        be_client(int(port), int(number), way, file, float(pause))
        return 0
    print(f"from the call until the bytes left, microseconds, {asked.orders} orders each")
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        found = [
            show(what, run(asked.orders, Path(folder), pause)) for what, pause in PAUSES.items()
        ]
    normal = found[0]
    print(f"goal: normal within {GOAL_US:.0f} us (p50): {'met' if normal <= GOAL_US else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
