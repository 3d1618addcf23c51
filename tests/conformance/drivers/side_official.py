"""IB's own client in the side-by-side: EWrapper and EClient in one, ``run()`` in a thread."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import side  # type: ignore[import-not-found]
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper


class App(EWrapper, EClient, side.Driver):
    """The program."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        side.Driver.__init__(self)
        self.next_id = 0
        self.happened = threading.Condition()

    def wait(self, what: str, condition: Any) -> None:
        """Wait until something came."""
        with self.happened:
            if not self.happened.wait_for(condition, side.PATIENCE_S):
                side.tell("failed", text=f"{what} did not come")

    def _came(self) -> None:
        with self.happened:
            self.happened.notify_all()

    # ---- IB's callbacks ------------------------------------------------------------------

    def nextValidId(self, orderId: int) -> None:
        """The session may be used."""
        self.next_id = orderId
        self._came()

    def connectionClosed(self) -> None:
        """The session is over."""
        side.tell("closed")

    def error(self, reqId: int, _time: int, code: int, text: str, _reject: str = "") -> None:
        """An error or a notice."""
        side.tell("error", id=reqId, code=code, text=text)

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        """A price."""
        if tickType == 1:
            self.bid = price
            self._came()

    def orderStatus(self, orderId: int, status: str, *more: Any) -> None:
        """An order's status."""
        self.statuses[orderId] = status
        self._came()

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        """A fill."""
        self.fills.append(execution.execId)

    def historicalData(self, reqId: int, bar: Any) -> None:
        """A bar of the past."""
        self.close = bar.close
        self._came()

    def historicalDataUpdate(self, reqId: int, bar: Any) -> None:
        """The bar under way."""
        self.close = bar.close

    # ---- what it does --------------------------------------------------------------------

    def connected(self) -> bool:
        """What the client says."""
        return bool(self.isConnected())

    def buy(self) -> None:
        """At the market."""
        self._place("MKT")

    def rest(self) -> None:
        """Far below the market."""
        self._place("LMT", side.REST_PRICE)

    def _place(self, kind: str, price: float = 0.0) -> None:
        order = Order()
        order.action, order.orderType, order.totalQuantity, order.tif = (
            "BUY",
            kind,
            side.QUANTITY,
            "DAY",
        )
        if price:
            order.lmtPrice = price
        number, self.next_id = self.next_id, self.next_id + 1
        self.placeOrder(number, share(), order)


def share() -> Contract:
    """What is watched and traded."""
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = side.SYMBOL, "STK", "SMART", "USD"
    return made


def main() -> None:
    """Connect, watch, rest an order, and do what is asked."""
    plan = side.arguments()
    app = App()
    side.tell("connecting")
    app.connect("127.0.0.1", plan.port, 1)
    threading.Thread(target=app.run, daemon=True).start()
    app.wait("nextValidId", lambda: app.next_id > 0)
    app.reqMktData(1001, share(), "", False, False, [])
    app.wait("a quote", lambda: app.bid > 0)
    if plan.bars:
        app.reqHistoricalData(1002, share(), "", "1 D", "1 min", "TRADES", 1, 1, True, [])
        app.wait("bars", lambda: app.close > 0)
    app.rest()
    app.wait("the order", lambda: "Submitted" in app.statuses.values())
    side.tell("ready")
    side.serve(app)


if __name__ == "__main__":
    main()
