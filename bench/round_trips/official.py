"""IB's own client: placeOrder in the main thread, callbacks in the thread of run()."""

from __future__ import annotations

import sys
import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.round_trips.turns import PATIENCE, pin, report, turns


class App(EWrapper, EClient):  # type: ignore[misc]
    """Notes when the orderStatus comes."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.ready, self.came = threading.Event(), threading.Event()
        self.next_id, self.at, self.opened = 0, 0, 0

    def nextValidId(self, orderId: int) -> None:
        """The first id."""
        self.next_id = orderId
        self.ready.set()

    def openOrder(self, *_args: Any) -> None:
        """The order as the gateway has it."""
        self.opened += 1

    def orderStatus(self, *_args: Any) -> None:
        """Note when."""
        self.at = time.perf_counter_ns()
        self.came.set()


def main() -> None:
    """Take turns."""
    pin()
    app = App()
    app.connect("127.0.0.1", int(sys.argv[1]), int(sys.argv[2]))
    threading.Thread(target=app.run, daemon=True).start()
    if not app.ready.wait(PATIENCE):
        raise SystemExit("no nextValidId came")
    contract, order = Contract(), Order()
    contract.symbol, contract.secType = "AAPL", "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    order.action, order.orderType, order.tif = "BUY", "LMT", "DAY"
    order.totalQuantity, order.lmtPrice = Decimal(1), 50.0

    def one() -> float:
        order_id, app.next_id = app.next_id, app.next_id + 1
        app.came.clear()
        began = time.perf_counter_ns()
        app.placeOrder(order_id, contract, order)
        if not app.came.wait(PATIENCE):
            raise SystemExit("no orderStatus came")
        return (app.at - began) / 1e3

    for orders in turns():
        report(orders, one)
    app.disconnect()


if __name__ == "__main__":
    main()
