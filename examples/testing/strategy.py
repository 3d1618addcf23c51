"""A strategy, such as one tests: it buys a share that has become cheap, once."""

from __future__ import annotations

from typing import Any

from twsloop import IBGateway, Trade, limit_order, stock


class BuyCheap(IBGateway):
    """Buys 100 AAPL when the offer is below 100; gives up at the first rejection."""

    LIMIT = 100.0
    trade: Trade | None = None
    rejected = False

    def watch(self) -> None:
        """Begin."""
        self.reqMktData(1, stock("AAPL"), "", False, False, [])

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        """IB's callback: tick type 2 is the offer."""
        if tickType == 2 and 0 < price < self.LIMIT and self.trade is None and not self.rejected:
            self.trade = self.place_order("AAPL", limit_order("BUY", 100, price))

    def error(self, reqId: int, _time: int, code: int, text: str, _reject: str = "") -> None:
        """IB's callback: 201 is a rejected order."""
        if code == 201:
            self.rejected = True
            self.cancelMktData(1)
