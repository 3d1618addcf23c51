"""What must hold whatever happens: any orders, quotes, trades, changes, cancels, and time."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any, ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.exchange import Exchange
from twsloop.paper.orders.order import TERMINAL, TRANSITIONS, Status

AAPL = 265598
TICK = Decimal("0.01")
ZERO = Decimal(0)
#: Which status may follow which, as the wire tells them (the first may be any that is no end).
FOLLOWING = {
    before.value: {after.value for after in events.values()} | {before.value}
    for before, events in TRANSITIONS.items()
}
FIRST = {"PreSubmitted", "Submitted", "PendingCancel", "Inactive", "Cancelled", "Filled"}

prices = st.integers(26900, 27100).map(lambda cents: cents / 100)
TYPES = {
    "MKT": {},
    "LMT": {"lmtPrice": prices},
    "STP": {"auxPrice": prices},
    "STP LMT": {"auxPrice": prices, "lmtPrice": prices},
    "TRAIL": {"auxPrice": st.integers(1, 100).map(lambda cents: cents / 100)},
    "TRAIL LIMIT": {
        "auxPrice": st.integers(1, 100).map(lambda cents: cents / 100),
        "trailStopPrice": prices,
        "lmtPriceOffset": st.integers(0, 50).map(lambda cents: cents / 100),
    },
    "TRAIL MIT": {"auxPrice": st.integers(1, 100).map(lambda cents: cents / 100)},
    "MIT": {"auxPrice": prices},
    "LIT": {"auxPrice": prices, "lmtPrice": prices},
    "MOC": {},
    "LOC": {"lmtPrice": prices},
    "MTL": {},
    "REL": {},
    "MIDPRICE": {"lmtPrice": prices},
    "SNAP MKT": {},
}


class Orders(RuleBasedStateMachine):
    """Any sequence of requests and events, judged by what a client is told."""

    keeps_hours = False
    options: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.market = Exchange(keeps_hours=self.keeps_hours, **self.options)
        self.market.quote("AAPL", 269.99, 270.01)
        self.market.trade("AAPL", 270.0)
        self.next_id = 1
        self.taken: set[int] = set()
        self.statuses: dict[int, list[tuple[str, str, str]]] = {}
        self.ended: dict[int, Status] = {}
        self.seen = 0
        self.left = {True: Decimal(100), False: Decimal(100)}
        self.shown: tuple[Any, ...] = (269.99, 270.01, 100)
        self.auction = False

    # ---- what is told ----------------------------------------------------------------------

    def hear(self) -> None:
        """Read what was told, and judge it as a client could."""
        opened: tuple[int, str] | None = None
        for name, m in self.market.raw():
            if name == "openOrder":
                assert opened is None
                opened = (m.orderId, m.orderState.status)
            elif name == "orderStatus":
                # An openOrder is always followed by its status; a cancel's comes alone.
                assert opened in {None, (m.orderId, m.status)}
                assert opened is not None or m.status == "Cancelled"
                opened = None
                self.statuses.setdefault(m.orderId, []).append((m.status, m.filled, m.remaining))
            else:
                assert opened is None
        assert opened is None
        self.judge_fills()

    def judge_fills(self) -> None:
        """Each new fill is within its limit, inside the quote, and of what was displayed."""
        book = self.market.feed.book(AAPL)
        for fill in self.market.engine.executions[self.seen :]:
            order = fill.order
            bid, ask = Decimal(repr(book.bid)), Decimal(repr(book.ask))
            assert bid <= fill.price <= ask
            if order.limit_price is not None:
                worse = (
                    fill.price > order.limit_price
                    if order.is_buy
                    else (fill.price < order.limit_price)
                )
                assert not worse
            if not order.kind.auction:
                assert fill.price == (ask if order.is_buy else bid)
                self.left[order.is_buy] -= fill.quantity
                assert self.left[order.is_buy] >= 0
        self.seen = len(self.market.engine.executions)

    # ---- what happens ----------------------------------------------------------------------

    @rule(bid=prices, spread=st.integers(1, 20), size=st.integers(1, 300))
    def quote(self, bid: float, spread: int, size: int) -> None:
        ask = round(bid + spread / 100, 2)
        if (bid, size) != (self.shown[0], self.shown[2]):
            self.left[False] = Decimal(size)
        if (ask, size) != (self.shown[1], self.shown[2]):
            self.left[True] = Decimal(size)
        self.shown = (bid, ask, size)
        self.market.quote("AAPL", bid, ask, size)
        self.hear()

    @rule(price=prices)
    def trade(self, price: float) -> None:
        self.market.trade("AAPL", price)
        self.hear()

    @rule(
        data=st.data(),
        action=st.sampled_from(["BUY", "SELL"]),
        order_type=st.sampled_from(sorted(TYPES)),
        quantity=st.integers(1, 500),
        tif=st.sampled_from(["DAY", "GTC", "IOC", "AUC", "GTD"]),
        group=st.sampled_from([("", 0), ("", 0), ("g", 1), ("h", 3)]),
        parent=st.booleans(),
        transmit=st.sampled_from([True, True, False]),
    )
    def place(
        self,
        data: st.DataObject,
        action: str,
        order_type: str,
        quantity: int,
        tif: str,
        group: tuple[str, int],
        parent: bool,
        transmit: bool,
    ) -> None:
        fields = {name: data.draw(value) for name, value in TYPES[order_type].items()}
        order_id, self.next_id = self.next_id, self.next_id + 1
        self._send(
            order_id,
            action=action,
            orderType=order_type,
            totalQuantity=str(quantity),
            tif="DAY" if TYPES[order_type] is TYPES["MOC"] or order_type == "LOC" else tif,
            duration=60 if tif == "GTD" and order_type not in {"MOC", "LOC", "MKT"} else 0,
            ocaGroup=group[0],
            ocaType=group[1],
            parentId=order_id - 1 if parent else 0,
            transmit=transmit,
            **fields,
        )

    @rule(data=st.data(), quantity=st.integers(1, 500))
    def modify(self, data: st.DataObject, quantity: int) -> None:
        order_id = data.draw(st.integers(1, self.next_id))
        known = self.market.order(order_id)
        if known is None:
            return
        fields = {name: data.draw(value) for name, value in TYPES[known.order_type].items()}
        self._send(
            order_id,
            action=known.request.action,
            orderType=known.order_type,
            totalQuantity=str(quantity),
            tif=known.tif,
            duration=60 if known.tif == "GTD" else 0,
            parentId=known.parent.order_id if known.parent else 0,
            **fields,
        )

    def _send(self, order_id: int, **fields: Any) -> None:
        before = self.market.order(order_id)
        self.market.send(order_id, **fields)
        if before is None and self.market.order(order_id) is not None:
            self.taken.add(order_id)
        self.hear()

    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        order_id = data.draw(st.integers(1, self.next_id))
        self.market.engine.cancel(7, order_id, self.market.now)
        self.hear()

    @rule()
    def cancel_all(self) -> None:
        self.market.engine.cancel_all(7, self.market.now)
        self.hear()

    @rule(seconds=st.sampled_from([0.1, 1, 30, 3600, 8 * 3600]))
    def pass_time(self, seconds: float) -> None:
        self.market.pass_time(seconds)
        self.hear()

    # ---- what must hold --------------------------------------------------------------------

    @invariant()
    def filled_and_remaining_make_the_total(self) -> None:
        for order in self.market.engine.book:
            assert order.filled + order.remaining == order.total
            assert order.filled == sum((e.quantity for e in order.executions), ZERO)
            assert 0 <= order.filled <= order.total

    @invariant()
    def an_end_is_an_end(self) -> None:
        for order in self.market.engine.book:
            if order.order_id in self.ended:
                assert order.status == self.ended[order.order_id]
            elif order.status in TERMINAL:
                self.ended[order.order_id] = order.status

    @invariant()
    def the_stream_of_states_is_one_that_can_be(self) -> None:
        for order_id, stream in self.statuses.items():
            order = self.market.order(order_id)
            assert order is not None
            assert stream[0][0] in FIRST
            for (before, filled, _), (after, more, _) in itertools.pairwise(stream):
                assert after in FOLLOWING[before] | {"Filled"}
                assert Decimal(more) >= Decimal(filled)
            status, filled, remaining = stream[-1]
            if order.cancel_at is None or order.is_terminal:
                assert status == order.status.value  # a cancel under way is not told
            assert (Decimal(filled), Decimal(remaining)) == (order.filled, order.remaining)

    @invariant()
    def every_sent_order_is_told_of(self) -> None:
        for order in self.market.engine.book:
            if order.status is Status.UNTRANSMITTED or order.silent:
                assert order.order_id not in self.statuses
            elif order.status is not Status.PENDING_SUBMIT and order.cancel_at is None:
                assert order.order_id in self.statuses

    @invariant()
    def the_index_has_the_live_orders(self) -> None:
        book = self.market.engine.book
        live = {order.perm_id for order in book if order.is_live}
        assert {order.perm_id for order in book.live(AAPL)} == live

    @invariant()
    def executions_are_the_position_and_counted_once(self) -> None:
        fills = self.market.engine.executions
        assert len({f.exec_id for f in fills}) == len(fills)
        signed = sum((f.quantity if f.is_buy else -f.quantity for f in fills), ZERO)
        assert self.market.account.quantity(AAPL) == signed

    @invariant()
    def money_is_conserved(self) -> None:
        account = self.market.account
        fills = self.market.engine.executions
        paid = sum((f.commission for f in fills), ZERO)
        turned = sum((f.quantity * f.price * (1 if f.is_buy else -1) for f in fills), ZERO)
        assert account.cash["USD"] == account.start - turned - paid


class OrdersInHours(Orders):
    """The same where the exchange closes."""

    keeps_hours = True


class OrdersUnderWay(Orders):
    """The same where reports and cancels take their time."""

    options: ClassVar[dict[str, Any]] = {
        "accept_delay": 0.5,
        "cancel_delay": 2.0,
        "price_band": None,
    }


QUICK = settings(max_examples=25, stateful_step_count=30, deadline=None)
TestOrders = Orders.TestCase
TestOrders.settings = QUICK
TestOrdersInHours = OrdersInHours.TestCase
TestOrdersInHours.settings = QUICK
TestOrdersUnderWay = OrdersUnderWay.TestCase
TestOrdersUnderWay.settings = QUICK
