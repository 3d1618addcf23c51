"""How soon an order's bytes leave, with the journal and without it, side by side in one run.

Counted is from the call of ``place_order`` in the program's thread until the bytes are handed to
the socket: the check of the order, the risk gate, the intent (durable before the first byte) and
the encoding are in it. The gateway runs in a process of its own; the three clients take turns,
order by order, so that what else the machine does falls on all of them alike.

::

    python bench/orders_journaled.py                 500 orders each
    python bench/orders_journaled.py --orders 50 --folder /data
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twsloop import Config, IBGateway, limit_order, stock

PATIENCE = 30.0
#: Orders that are not counted: what is done once is done with them.
WARM_UP = 20
GOAL_US = 300.0
WAYS: dict[str, dict[str, Any]] = {
    "no journal": {"journal.enabled": False},
    "normal": {"journal.enabled": True, "journal.sync": "normal"},
    "full": {"journal.enabled": True, "journal.sync": "full"},
}
SERVE = """
import sys
from twsloop.paper import PaperGateway
with PaperGateway() as gateway:
    print(gateway.port, flush=True)
    sys.stdin.read()
"""


@contextlib.contextmanager
def gateway() -> Iterator[int]:
    """A paper gateway in a process of its own; its port."""
    with subprocess.Popen(
        [sys.executable, "-c", SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()


class Client:
    """One client, and how long its orders took."""

    def __init__(self, port: int, number: int, settings: dict[str, Any]) -> None:
        usual = {"connection.port": port, "connection.client_id": number, "pacing.enabled": False}
        self.app = IBGateway(Config.load(environ={}, overrides={**usual, **settings}))
        self.app.start()
        self.taken: list[float] = []
        self._sum = 0.0

    def order(self) -> None:
        """Place one, wait until it works, cancel it; note how long its bytes took."""
        works = threading.Event()
        trade = self.app.place_order(
            stock("AAPL"),
            limit_order("BUY", 1, 50),
            on_update=lambda trade: works.set() if trade.status == "Submitted" else None,
        )
        if not works.wait(PATIENCE):
            raise SystemExit(f"{trade} does not work")
        trade.cancel().result(PATIENCE)
        hops = self.app.stats().orders.hops
        total = sum((hops[n].mean or 0.0) * hops[n].count for n in ("queue", "bytes"))
        self.taken.append((total - self._sum) * 1e6)
        self._sum = total


def run(orders: int, folder: Path) -> dict[str, list[float]]:
    """Microseconds of each order, by the way of the journal."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(gateway())
        clients = {}
        for number, (way, settings) in enumerate(WAYS.items(), start=1):
            file = {"journal.file": folder / f"{number}.db"}
            clients[way] = client = Client(port, number, {**settings, **file})
            stack.callback(client.app.stop)
        for _ in range(WARM_UP + orders):
            for client in clients.values():
                client.order()
        return {way: client.taken[WARM_UP:] for way, client in clients.items()}


def main() -> int:
    """Run, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=500, help="so many for each")
    parser.add_argument("--folder", type=Path, help="where the journals go (default: temporary)")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        taken = run(asked.orders, Path(folder))
    base = statistics.median(taken["no journal"])
    print(f"from the call until the bytes left, microseconds, {asked.orders} orders each")
    for way, times in taken.items():
        p50, p99 = statistics.median(times), statistics.quantiles(times, n=100)[98]
        print(f"  {way:<12} p50 {p50:7.0f}   p99 {p99:7.0f}   x {p50 / base:.2f}")
    normal = statistics.median(taken["normal"])
    print(f"goal: normal within {GOAL_US:.0f} us (p50): {'met' if normal <= GOAL_US else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
