"""Nothing appears, nothing vanishes, nothing is told twice: after any sequence of orders, fills,
changes, cancels, session rolls and restarts.

A Hypothesis state machine trades shares, options, futures, currency pairs and combinations from two
accounts with different base currencies, and two clients. After every step:

- cash, positions at cost, commissions and realized profit of each account add up, to the last digit
  and in every currency, to what the messages said (`tests.support.bookkeeping`);
- filled + remaining = total, of every order and in every message;
- no fill is outside the quote, worse than its limit, or larger than what the quote showed;
- each execution was told once, and its commission once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from ibapi.protobuf.ComboLeg_pb2 import ComboLeg
from ibapi.protobuf.Contract_pb2 import Contract
from ibapi.protobuf.Order_pb2 import Order
from ibapi.protobuf.PlaceOrderRequest_pb2 import PlaceOrderRequest

from tests.support.bookkeeping import Bookkeeper
from tests.support.manual_feed import ManualFeed
from twsloop.paper.accounts.account import Account
from twsloop.paper.exchange.engine import Engine
from twsloop.paper.market.vocabulary import QuoteChange, TopOfBook, Trade
from twsloop.paper.orders.rules import OrderRules

#: The nightly profile plays so many sequences that a minute is not enough.
pytestmark = pytest.mark.timeout(1800)

D = Decimal
NOON = datetime(2026, 1, 5, 17, tzinfo=UTC)
#: Name, price and tick of what is traded.
TRADED = {
    "AAPL": (D("270.00"), D("0.01")),
    "MSFT": (D("420.00"), D("0.01")),
    "CALL": (D("5.00"), D("0.05")),
    "ES": (D("6650.00"), D("0.25")),
    "EUR.USD": (D("1.10000"), D("0.00005")),
    "USD.JPY": (D("150.000"), D("0.005")),
}
SIZES = {"EUR.USD": 20_000, "USD.JPY": 20_000, "ES": 1, "CALL": 1}
ACCOUNTS = {"DU1": "USD", "DU2": "EUR"}
CLIENTS = (1, 2)

names = st.sampled_from(sorted(TRADED))
sides = st.sampled_from(("BUY", "SELL"))
lots = st.integers(1, 8)
steps = st.integers(-6, 6)


class World:
    """A market whose quotes live on over a restart."""

    def __init__(self) -> None:
        self.feed = ManualFeed()
        self.named: dict[str, Any] = {
            name: self.feed.instrument(name) for name in ("AAPL", "MSFT", "EUR.USD", "USD.JPY")
        }
        self.named["ES"] = next(one for one in self.feed.instruments.all() if one.symbol == "ES")
        calls = Contract(symbol="AAPL", secType="OPT", currency="USD", exchange="SMART", right="C")
        self.named["CALL"] = next(
            one for one in self.feed.instruments.find(calls) if one.strike == 270.0
        )
        call = self.named["CALL"].con_id
        self.feed._books[call] = TopOfBook(call)
        self.by_id = {one.con_id: one for one in self.named.values()}


class Conservation(RuleBasedStateMachine):
    """Trades at random, and lets a bookkeeper check every step."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.world = World()
        self.accounts = {
            name: Account(name, base, start=D(10_000_000)) for name, base in ACCOUNTS.items()
        }
        self.books = Bookkeeper(self.world.by_id)
        self.next_id = dict.fromkeys(CLIENTS, 1)
        self.placed: list[tuple[int, int, dict[str, Any], Any]] = []
        #: What our fills may still take: by instrument and side, of the quote that stands.
        self.left: dict[tuple[int, bool], tuple[Any, D]] = {}

    @initialize(
        accept_delay=st.sampled_from((0.0, 0.0, 2.0)),
        cancel_delay=st.sampled_from((0.0, 0.0, 3.0)),
        keeps_hours=st.booleans(),
    )
    def open_market(self, accept_delay: float, cancel_delay: float, keeps_hours: bool) -> None:
        self.engine = Engine(
            self.world.feed.instruments,
            self.accounts,
            self.world.feed.book,
            rules=OrderRules(accept_delay=accept_delay, cancel_delay=cancel_delay),
            keeps_hours=keeps_hours,
        )
        for name, (price, tick) in TRADED.items():
            self._quote(name, price - tick, price + tick, 8)
            self._trade(name, price)

    # ---- the market ------------------------------------------------------------------------

    def _apply(self, event: Any) -> None:
        self.world.feed.book(event.con_id).apply(event)
        for is_buy in (True, False):
            self._refresh(event.con_id, is_buy)
        self.engine.on_market(event.con_id, self.now)
        self._listen()

    def _refresh(self, con_id: int, is_buy: bool) -> None:
        top = self.world.feed.book(con_id)
        shown = (top.ask, top.ask_size) if is_buy else (top.bid, top.bid_size)
        known = self.left.get((con_id, is_buy))
        if known is None or known[0] != shown:
            self.left[con_id, is_buy] = (shown, shown[1] or D(0))

    def _quote(self, name: str, bid: D, ask: D, size: int) -> None:
        shown = D(size * SIZES.get(name, 10))
        now_ns = int(self.now.timestamp()) * 10**9
        con_id = self.world.named[name].con_id
        self._apply(QuoteChange(con_id, now_ns, float(bid), shown, float(ask), shown, "P", "Q"))

    def _trade(self, name: str, price: D) -> None:
        if self.world.named[name].sec_type != "CASH":
            now_ns = int(self.now.timestamp()) * 10**9
            self._apply(Trade(self.world.named[name].con_id, now_ns, float(price), D(10), "Q"))

    @rule(name=names, move=steps, width=st.integers(0, 3), size=lots, trades=st.booleans())
    def market_moves(self, name: str, move: int, width: int, size: int, trades: bool) -> None:
        price, tick = TRADED[name]
        bid = price + move * tick
        self._quote(name, bid, bid + width * tick, size)
        if trades:
            self._trade(name, bid)

    @rule(seconds=st.sampled_from((1, 5, 3600, 9 * 3600, 24 * 3600, 72 * 3600)))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)
        self.engine.on_time(self.now)
        self._listen()
        for account in self.accounts.values():
            self.engine.valuation.roll(account, self.now)

    # ---- clients ---------------------------------------------------------------------------

    def _contract(self, name: str) -> Contract:
        instrument = self.world.named[name]
        return Contract(conId=instrument.con_id, exchange=instrument.exchange)

    def _send(self, client: int, contract: Any, order_id: int = 0, **fields: Any) -> int:
        number = order_id or self.next_id[client]
        if not order_id:
            self.next_id[client] += 1
            self.placed.append((client, number, fields, contract))
        order = {"tif": "GTC", "transmit": True, **fields}
        request = PlaceOrderRequest(orderId=number, contract=contract, order=Order(**order))
        self.engine.place(client, request, self.now)
        self._listen()
        return number

    def _size(self, name: str, count: int) -> str:
        return str(count * SIZES.get(name, 10))

    @rule(
        client=st.sampled_from(CLIENTS),
        account=st.sampled_from(sorted(ACCOUNTS)),
        name=names,
        side=sides,
        count=lots,
        kind=st.sampled_from(("MKT", "LMT", "LMT", "STP", "TRAIL", "MTL")),
        away=steps,
        tif=st.sampled_from(("GTC", "DAY", "IOC")),
        group=st.sampled_from(("", "", "g1", "g2")),
        group_type=st.integers(1, 3),
    )
    def place(
        self,
        client: int,
        account: str,
        name: str,
        side: str,
        count: int,
        kind: str,
        away: int,
        tif: str,
        group: str,
        group_type: int,
    ) -> None:
        price, tick = TRADED[name]
        fields: dict[str, Any] = {"action": side, "orderType": kind, "account": account}
        fields |= {"totalQuantity": self._size(name, count), "tif": tif}
        if kind == "LMT":
            fields["lmtPrice"] = float(price + away * tick)
        elif kind == "STP":
            fields["auxPrice"] = float(price + away * tick)
        elif kind == "TRAIL":
            fields["auxPrice"] = float(tick * (abs(away) + 1))
        if group:
            fields |= {"ocaGroup": f"{group}{account}", "ocaType": group_type}
        self._send(client, self._contract(name), **fields)

    @rule(client=st.sampled_from(CLIENTS), name=names, side=sides, count=lots, away=steps)
    def bracket(self, client: int, name: str, side: str, count: int, away: int) -> None:
        price, tick = TRADED[name]
        other = "SELL" if side == "BUY" else "BUY"
        up = 1 if side == "BUY" else -1
        contract = self._contract(name)
        common: dict[str, Any] = {"totalQuantity": self._size(name, count), "account": "DU1"}
        entry = self._send(
            client,
            contract,
            **common,
            action=side,
            orderType="LMT",
            lmtPrice=float(price + away * tick),
            transmit=False,
        )
        common |= {"action": other, "parentId": entry}
        gain, loss = float(price + 4 * up * tick), float(price - 4 * up * tick)
        self._send(client, contract, **common, orderType="LMT", lmtPrice=gain, transmit=False)
        self._send(client, contract, **common, orderType="STP", auxPrice=loss)

    @rule(
        client=st.sampled_from(CLIENTS),
        account=st.sampled_from(sorted(ACCOUNTS)),
        side=sides,
        count=st.integers(1, 3),
        ratios=st.sampled_from(((1, 1), (1, 2), (3, 1))),
        limit=st.sampled_from((None, -400.0, 0.0, 400.0)),
        legs=st.sampled_from((("AAPL", "MSFT"), ("CALL", "AAPL"))),
    )
    def combo(
        self,
        client: int,
        account: str,
        side: str,
        count: int,
        ratios: tuple[int, int],
        limit: float | None,
        legs: tuple[str, str],
    ) -> None:
        contract = Contract(symbol="AAPL", secType="BAG", currency="USD", exchange="SMART")
        for name, ratio, action in zip(legs, ratios, ("BUY", "SELL"), strict=True):
            con_id = self.world.named[name].con_id
            contract.comboLegs.append(
                ComboLeg(conId=con_id, ratio=ratio, action=action, exchange="SMART")
            )
        fields: dict[str, Any] = {"action": side, "account": account, "totalQuantity": str(count)}
        fields["orderType"] = "MKT" if limit is None else "LMT"
        if limit is not None:
            fields["lmtPrice"] = limit
        self._send(client, contract, **fields)

    @precondition(lambda self: self.placed)
    @rule(data=st.data(), away=steps, count=lots)
    def modify(self, data: st.DataObject, away: int, count: int) -> None:
        client, number, fields, contract = data.draw(st.sampled_from(self.placed))
        changed = {**fields, "totalQuantity": str(int(fields["totalQuantity"]) * count // 2 or 1)}
        changed["transmit"] = True
        if "lmtPrice" in fields and contract.secType != "BAG":
            instrument = self.world.by_id[contract.conId]
            name = next(name for name, one in self.world.named.items() if one is instrument)
            price, tick = TRADED[name]
            changed["lmtPrice"] = float(price + away * tick)
        self._send(client, contract, number, **changed)

    @precondition(lambda self: self.placed)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        client, number, *_ = data.draw(st.sampled_from(self.placed))
        self.engine.cancel(client, number, self.now)
        self._listen()

    @rule(client=st.sampled_from(CLIENTS))
    def cancel_all(self, client: int) -> None:
        self.engine.cancel_all(client, self.now)
        self._listen()

    @rule()
    def restart(self) -> None:
        """A new market and a new catalogue; orders, positions and ids stay."""
        before = {client: self.engine.next_order_id(client) for client in CLIENTS}
        tops = {con_id: self.world.feed.book(con_id) for con_id in self.world.by_id}
        self.world.feed = feed = ManualFeed()
        feed._books.update({con_id: TopOfBook(con_id) for con_id in self.world.by_id})
        self.engine.use_market(feed.instruments, feed.book)
        self._listen()
        self.left.clear()  # the new market shows all it has
        for con_id, top in tops.items():
            now_ns = int(self.now.timestamp()) * 10**9
            feed.book(con_id).quote_driven = top.quote_driven
            self._apply(
                QuoteChange(con_id, now_ns, top.bid, top.bid_size, top.ask, top.ask_size, "P", "Q")
            )
        for client in CLIENTS:
            assert self.engine.next_order_id(client) >= before[client]

    # ---- the bookkeeper --------------------------------------------------------------------

    def _listen(self) -> None:
        """Take what is told, and check each message against the market that stands."""
        totals: dict[tuple[int, int], D] = {}
        news: Any = self.engine.take()
        for client, name, message in news:
            if name == "openOrder":
                totals[client, message.orderId] = D(message.order.totalQuantity)
            elif name == "orderStatus":
                open_total = D(message.filled) + D(message.remaining)
                assert totals.get((client, message.orderId), open_total) == open_total
            elif name == "execDetails":
                assert message.execution.clientId == client
                fill = self.books.execution(message)
                if fill is not None:
                    self._check_fill(fill)
            elif name == "commissionReport":
                self.books.report(message)
        self.engine.take_touched()

    def _check_fill(self, fill: Any) -> None:
        top = self.world.feed.book(fill.con_id)
        is_buy = fill.signed > 0
        quoted = top.ask if is_buy else top.bid
        order = self.engine.book.find(fill.client_id, fill.order_id)
        assert order is not None
        assert fill.price == D(repr(quoted))  # the opposite quote: neither better nor worse
        limit = order.request.lmtPrice if order.order_type == "LMT" else 0
        if limit and not order.legs and order.filled == fill.cumulative:
            assert fill.price <= D(repr(limit)) if is_buy else fill.price >= D(repr(limit))
        self._refresh(fill.con_id, is_buy)
        shown, left = self.left[fill.con_id, is_buy]
        assert abs(fill.signed) <= left
        self.left[fill.con_id, is_buy] = (shown, left - abs(fill.signed))

    @invariant()
    def accounts_add_up(self) -> None:
        for account in self.accounts.values():
            self.books.check(account)

    @invariant()
    def orders_add_up(self) -> None:
        for order in self.engine.book:
            assert order.filled + order.remaining == order.total
            assert order.filled == sum(
                (one.quantity for one in order.executions if one.leg is None), D(0)
            )
            assert order.remaining >= 0

    @invariant()
    def values_add_up(self) -> None:
        """Net liquidation is what was started with and all profit, by any way of counting."""
        for account in self.accounts.values():
            marks = self.engine.valuation.marks_of(account)
            by_currency = sum(
                (
                    (
                        amount
                        + account.stock_value(marks, name)
                        + account.option_value(marks, name)
                        + account.futures_profit(marks, name)
                    )
                    * marks.rate(name)
                    for name, amount in account.cash.items()
                ),
                D(0),
            )
            assert abs(account.net_liquidation(marks) - by_currency) < D("1e-9")

    @invariant()
    def every_fill_has_its_report(self) -> None:
        assert set(self.books.reports) == set(self.books.fills)


TestConservation = Conservation.TestCase
TestConservation.settings = settings(
    max_examples=max(25, settings().max_examples // 4), stateful_step_count=30, deadline=None
)
