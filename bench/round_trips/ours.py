"""twsloop, in each of the ways that a program may place an order.

``bare`` is IB's placeOrder on a connection without slices, ``raw`` the same call on an `IBGateway`,
whose gate, book and watch are in the way; both are told by IB's orderStatus. ``place`` is
``gw.place_order`` with a callback, and ``journal`` the same with every intent on disk first. A last
argument may name other settings, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibapi.contract import Contract
from ibapi.order import Order

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.round_trips.turns import PATIENCE, pin, report, turns
from twsloop import Config, IBGateway, limit_order, stock
from twsloop.connection import IBKRConnection


class Noting:
    """Notes when the orderStatus comes."""

    at = opened = 0
    came: threading.Event

    def openOrder(self, *_args: Any) -> None:
        """The order as the gateway has it; a message that nobody hears would not be decoded."""
        self.opened += 1

    def orderStatus(self, *_args: Any) -> None:
        """Note when."""
        self.at = time.perf_counter_ns()
        self.came.set()


class Bare(Noting, IBKRConnection):
    """IB's client and wrapper, and nothing else."""


class Gateway(Noting, IBGateway):
    """All of it."""


def settings(port: int, client_id: int, journal: str, more: Mapping[str, Any]) -> Config:
    """No client waits for a rate in this measurement."""
    told: dict[str, Any] = {
        "connection.port": port,
        "connection.client_id": client_id,
        "pacing.enabled": False,
        "journal.enabled": bool(journal),
    }
    if journal:
        told["journal.file"] = journal
    return Config.load(environ={}, overrides={**told, **more})


def raw_call(app: Any) -> Callable[[], float]:
    """IB's placeOrder, and its orderStatus."""
    app.came = threading.Event()
    contract, order = Contract(), Order()
    contract.symbol, contract.secType = "AAPL", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    order.action, order.orderType, order.tif = "BUY", "LMT", "DAY"
    order.totalQuantity, order.lmtPrice = Decimal(1), 50.0
    next_id = 1

    def one() -> float:
        nonlocal next_id
        order_id, next_id = next_id, next_id + 1
        app.came.clear()
        began = time.perf_counter_ns()
        app.placeOrder(order_id, contract, order)
        if not app.came.wait(PATIENCE):
            raise SystemExit("no orderStatus came")
        return float(app.at - began) / 1e3

    return one


def own_call(app: IBGateway) -> Callable[[], float]:
    """``place_order``, and its callback."""
    contract = stock("AAPL")
    came = threading.Event()
    at = 0

    def told(trade: Any) -> None:
        nonlocal at
        if trade.status == "Submitted":
            at = time.perf_counter_ns()
            came.set()

    def one() -> float:
        came.clear()
        began = time.perf_counter_ns()
        app.place_order(contract, limit_order("BUY", 1, 50), on_update=told)
        if not came.wait(PATIENCE):
            raise SystemExit("no orderStatus came")
        return (at - began) / 1e3

    return one


@contextlib.contextmanager
def client(
    way: str, port: int, client_id: int, more: Mapping[str, Any]
) -> Iterator[Callable[[], float]]:
    """What places one order, that way, while inside."""
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder) / "journal.db") if way == "journal" else ""
        config = settings(port, client_id, journal, more)
        kind: type[IBKRConnection] = {"bare": Bare, "raw": Gateway}.get(way, IBGateway)
        app: Any = kind(config)
        with app:
            yield raw_call(app) if isinstance(app, Noting) else own_call(app)


def main() -> None:
    """Take turns."""
    pin()
    port, client_id, way = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    more = json.loads(sys.argv[4]) if len(sys.argv) > 4 else {}
    with client(way, port, client_id, more) as one:
        for orders in turns():
            report(orders, one)


if __name__ == "__main__":
    main()
