"""The paper gateway's exchange without sockets: an engine over a market that a test moves."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.manual_feed import ManualFeed
from twsloop.paper.accounts.account import Account
from twsloop.paper.exchange.engine import Engine
from twsloop.paper.feeds.shelf import Shelf
from twsloop.paper.market.vocabulary import Halt
from twsloop.paper.orders.rules import OrderRules

__all__ = ["ACCOUNT", "NOW", "Exchange", "brief", "codes"]

#: A Monday, when the New York market opens.
NOW = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
ACCOUNT = "DU1234567"


class Exchange:
    """An engine, its market, and the time."""

    def __init__(self, *accounts: str, keeps_hours: bool = False, **rules: Any) -> None:
        self.feed = ManualFeed()
        self.now = NOW
        names = accounts or (ACCOUNT,)
        self.engine = Engine(
            self.feed.instruments,
            {n: Account(n) for n in names},
            Shelf(self.feed.book),
            keeps_hours=keeps_hours,
            rules=OrderRules(**rules),
        )

    # ---- the market ------------------------------------------------------------------------

    def quote(self, symbol: str, bid: float | None, ask: float | None, size: int = 100) -> None:
        self.happen(self.feed.quote(symbol, bid, ask, size))

    def trade(self, symbol: str, price: float) -> None:
        self.happen(self.feed.trade(symbol, price))

    def halt(self, symbol: str, value: int = 1) -> None:
        con_id = self.feed.instrument(symbol).con_id
        self.happen(Halt(con_id, self.feed.time_ns, value))

    def happen(self, event: Any) -> None:
        self.feed.book(event.con_id).apply(event)
        self.engine.on_market(event.con_id, self.now)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, as the hub's alarm does: what is due is done at its time."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            due = self.engine.next_due
            if due is None or due > end:
                break
            self.now = max(due, self.now)
            self.engine.on_time(self.now)
        self.now = end

    def until(self, moment: datetime) -> None:
        """Let time pass until then."""
        self.pass_time((moment - self.now).total_seconds())

    # ---- a client --------------------------------------------------------------------------

    def contract(self, symbol: str) -> Contract:
        if "." in symbol:
            base, quote = symbol.split(".")
            return Contract(symbol=base, secType="CASH", currency=quote, exchange="IDEALPRO")
        return Contract(symbol=symbol, secType="STK", currency="USD", exchange="SMART")

    def place(self, order_id: int = 1, **order: Any) -> list[str]:
        """Place an order, and hear what is told (see `send`)."""
        self.send(order_id, **order)
        return self.told()

    def send(
        self,
        order_id: int = 1,
        *,
        symbol: str = "AAPL",
        client: int = 7,
        contract: Contract | None = None,
        **order: Any,
    ) -> None:
        """Place an order: a market order for 100 AAPL, unless told otherwise."""
        fields: dict[str, Any] = {
            "action": "BUY",
            "totalQuantity": "100",
            "orderType": "MKT",
            "tif": "DAY",
            "transmit": True,
        }
        fields.update(order)
        request = PlaceOrderRequest(
            orderId=order_id,
            contract=contract or self.contract(symbol),
            order=Order(**fields),
        )
        self.engine.place(client, request, self.now)

    def cancel(self, order_id: int = 1, client: int = 7) -> list[str]:
        self.engine.cancel(client, order_id, self.now)
        return self.told()

    def order(self, order_id: int = 1, client: int = 7) -> Any:
        return self.engine.book.find(client, order_id)

    def raw(self) -> list[tuple[str, Any]]:
        """What has been told since the last call: names and messages."""
        return [(name, message) for _, name, message in self.engine.take()]

    def told(self) -> list[str]:
        """The same in short lines."""
        return [brief(name, message) for name, message in self.raw()]

    @property
    def account(self) -> Account:
        return self.engine.accounts[ACCOUNT]


def codes(told: list[str]) -> list[int]:
    """The codes of the errors among short lines."""
    return [int(line.split()[2]) for line in told if line.startswith("error")]


def brief(name: str, m: Any) -> str:
    """A message in one short line."""
    if name == "orderStatus":
        held = f" {m.whyHeld}" if m.whyHeld else ""
        return f"status {m.orderId} {m.status} {m.filled}/{m.remaining} @{m.avgFillPrice:g}{held}"
    if name == "openOrder":
        cost = f" {m.orderState.commissionAndFees:g}" if m.orderState.commissionAndFees else ""
        return f"open {m.orderId} {m.orderState.status}{cost}"
    if name == "execDetails":
        e = m.execution
        return f"exec {m.reqId} {e.side} {e.shares} @{e.price:g} cum {e.cumQty} avg {e.avgPrice:g}"
    if name == "commissionReport":
        pnl = f" pnl {m.realizedPNL:g}" if m.HasField("realizedPNL") else ""
        return f"report {m.commissionAndFees:g} {m.currency}{pnl}"
    if name == "errMsg":
        return f"error {m.id} {m.errorCode} {m.errorMsg}"
    raise AssertionError(name)
