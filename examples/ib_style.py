"""IB's own style: callbacks in a class, request ids of one's own, connect and run.

A program like this one was written for IB's ``ibapi``; only the base class is another.

    twsloop paper                   # in another terminal; or IB Gateway in paper mode
    python examples/ib_style.py
"""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

from ibapi.contract import Contract
from ibapi.order import Order

from twsloop import Config, IBGateway


class App(IBGateway):
    """Buys one share when the first offer has come, and leaves when it was filled and paid."""

    QUOTES = 1

    def nextValidId(self, orderId: int) -> None:
        """The session is whole: ask for quotes."""
        self.order_id = orderId
        self.ordered = False
        self.contract = Contract()
        self.contract.symbol = "AAPL"
        self.contract.secType = "STK"
        self.contract.exchange = "SMART"
        self.contract.currency = "USD"
        self.reqMktData(self.QUOTES, self.contract, "", False, False, [])

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        """A price: 2 is the offer."""
        if tickType == 2 and price > 0 and not self.ordered:
            self.ordered = True
            print(f"the offer is {price}")
            order = Order()
            order.action = "BUY"
            order.orderType = "MKT"
            order.totalQuantity = Decimal(1)
            self.placeOrder(self.order_id, self.contract, order)

    def execDetails(self, reqId: int, contract: Contract, execution: Any) -> None:
        """A fill."""
        print(f"bought {execution.shares} {contract.symbol} at {execution.price}")

    def commissionAndFeesReport(self, report: Any) -> None:
        """What it cost."""
        print(f"commission {report.commissionAndFees} {report.currency}")
        self.cancelMktData(self.QUOTES)
        self.disconnect()


def main() -> int:
    """Run until it has disconnected itself; the exit code."""
    config = Config.load()
    app = App()
    app.connect(config.connection.host, config.connection.port, clientId=11)
    app.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
