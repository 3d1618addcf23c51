"""Prices that follow from others: indices and options on any feed."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.Contract_pb2 import Contract

from tests.support.manual_feed import ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.catalogue.market_rules import increment
from twsloop.paper.feeds.derived import SLEEPY_NS, DerivedFeed, option_terms
from twsloop.paper.market import options
from twsloop.paper.market.vocabulary import (
    Change,
    Event,
    Field,
    Halt,
    QuoteChange,
    TopOfBook,
    Trade,
    Valued,
)

SECOND = 10**9
SPY, SPX, VIX = 756733, 416904, 13455763


class Market:
    """A derived feed on a manual one, and a sink that does what the hub does."""

    def __init__(self, price: float = 662.0) -> None:
        self.manual = ManualFeed()
        self.held: set[int] = set()
        self.feed = DerivedFeed(self.manual, held=self.held.__contains__)
        self.events: list[Event] = []
        self.changes: list[tuple[int, Change]] = []
        spy = self.manual.book(SPY)
        spy.close, spy.open, spy.high, spy.low = 660.0, 661.0, 664.0, 659.0
        self.manual.send([self.manual.quote("SPY", price, price + 0.02)])
        self.manual.send([self.manual.trade("SPY", price)])
        self.clock = ManualClock()
        self.feed.start(self.sink, self.clock)

    def sink(self, events: Iterable[Event]) -> None:
        for event in events:
            self.events.append(event)
            changed = self.feed.book(event.con_id).apply(event)
            self.changes += [(event.con_id, one) for one in changed]

    def move(self, price: float, seconds: float = 1.0) -> list[Event]:
        """SPY's quote moves; what happened then."""
        before = len(self.events)
        self.manual.time_ns += int(seconds * SECOND)
        self.manual.send([self.manual.quote("SPY", price, price + 0.02)])
        return self.events[before:]

    def option(self, **fields: object) -> Instrument:
        wanted = {"symbol": "SPY", "secType": "OPT", "lastTradeDateOrContractMonth": "20260116"}
        (found,) = self.feed.instruments.find(Contract(**{**wanted, **fields}))
        return found


@pytest.fixture
def market() -> Market:
    return Market()


def test_nothing_follows_unless_somebody_looks(market: Market) -> None:
    (event,) = market.move(663.0)
    assert isinstance(event, QuoteChange)


def test_an_index_follows_its_fund(market: Market) -> None:
    book = market.feed.book(SPX)
    assert book.last == round(6640.0 * 662.01 / 662.0, 2)
    assert (book.bid, book.ask, str(book.volume)) == (None, None, "0")
    assert book.close == round(6640.0 * 660.0 / 662.0, 2)
    assert book.low is not None
    assert book.high is not None
    assert book.low <= book.last <= book.high
    _, trade = market.move(669.0)
    assert isinstance(trade, Trade)
    assert trade == Trade(SPX, trade.time_ns, round(6640.0 * 669.01 / 662.0, 2), Decimal(0))
    assert market.feed.book(SPX).high == trade.price


def test_a_volatility_index_falls_when_the_fund_rises(market: Market) -> None:
    first = market.feed.book(VIX).last
    market.move(690.0)
    second = market.feed.book(VIX).last
    assert first is not None
    assert second is not None
    assert first > second > 5.0


def test_an_option_has_a_quote_and_a_session_when_it_is_looked_at(market: Market) -> None:
    option = market.option(strike=660.0, right="C")
    book = market.feed.book(option.con_id)
    terms = option_terms(option, market.manual.book(SPY).time_ns)
    fair = options.price(terms, 662.01, options.smile(option.volatility, terms, 662.01))
    assert book.bid is not None
    assert book.ask is not None
    assert book.last is not None
    assert book.bid < fair < book.ask
    assert book.ask - book.bid < fair * 0.03
    assert book.low is not None
    assert book.high is not None
    assert book.low <= book.last <= book.high
    assert book.close is not None
    assert book.volume > 0
    assert set(book.values) == {10, 11, 12, 13}
    model = book.values[13]
    assert model is not None
    assert model.price == pytest.approx(fair)
    assert model.underlying == pytest.approx(662.01)
    assert model.delta is not None
    assert 0.5 < model.delta < 0.7


def test_an_option_follows_its_underlying(market: Market) -> None:
    call, put = market.option(strike=660.0, right="C"), market.option(strike=660.0, right="P")
    before = {one.con_id: market.feed.book(one.con_id).bid for one in (call, put)}
    market.feed.subscribe(call.con_id)
    market.feed.subscribe(put.con_id)
    events = market.move(668.0)
    assert events[0].con_id == SPY
    assert {one.con_id for one in events[1:]} == {call.con_id, put.con_id}
    assert isinstance(events[1], QuoteChange)
    assert market.feed.book(call.con_id).bid > before[call.con_id]  # type: ignore[operator]
    assert market.feed.book(put.con_id).bid < before[put.con_id]  # type: ignore[operator]
    kinds = [one.number for con_id, one in market.changes if one.field is Field.VALUED]
    assert {10, 11, 13} <= set(kinds)


def test_an_index_option_follows_the_fund_through_the_index(market: Market) -> None:
    option = market.option(symbol="SPX", tradingClass="SPXW", strike=6640.0, right="C")
    book = market.feed.book(option.con_id)
    first = book.bid
    assert first is not None
    events = market.move(670.0)
    assert [one.con_id for one in events[:3]] == [SPY, SPX, option.con_id]
    assert book.bid is not None
    assert book.bid > first + 30
    model = book.values[13]
    assert model is not None
    assert model.underlying == market.feed.book(SPX).last


async def test_it_is_quoted_at_most_ten_times_a_second() -> None:
    market = Market()
    option = market.option(strike=660.0, right="C")
    market.feed.subscribe(option.con_id)
    assert len(market.move(663.0, 0.05)) == 1
    assert len(market.move(664.0, 0.06)) > 1
    assert len(market.move(665.0, 0.09)) == 1
    # What was left out follows when the time is over.
    quoted, seen = market.feed.book(option.con_id).bid, len(market.events)
    market.clock.advance(0.06)
    assert {one.con_id for one in market.events[seen:]} == {option.con_id}
    assert market.feed.book(option.con_id).bid != quoted
    model = market.feed.book(option.con_id).values[13]
    assert model is not None
    assert model.underlying == pytest.approx(665.01)
    seen = len(market.events)
    market.clock.advance(10.0)
    assert len(market.events) == seen


async def test_what_is_late_waits_for_a_paused_market_and_ends_with_it() -> None:
    market = Market()
    option = market.option(strike=660.0, right="C")
    market.feed.subscribe(option.con_id)
    market.move(663.0)
    market.move(664.0, 0.01)
    seen = len(market.events)
    market.feed.pause()
    market.clock.advance(1.0)
    assert len(market.events) == seen
    market.feed.resume()
    assert len(market.move(665.0)) > 1
    market.move(666.0, 0.01)
    seen = len(market.events)
    market.feed.stop()
    market.clock.advance(1.0)
    assert len(market.events) == seen


def combo(market: Market, *legs: tuple[Instrument, int, int]) -> Instrument:
    found = Instrument(con_id=77, symbol="SPY", sec_type="BAG", local_symbol="", trading_class="")
    market.feed.combine(found, [(one.con_id, sign, Decimal(n)) for one, sign, n in legs])
    return found


def test_a_combination_has_the_net_of_its_legs_quotes(market: Market) -> None:
    low, high = market.option(strike=650.0, right="C"), market.option(strike=670.0, right="C")
    spread = combo(market, (low, 1, 1), (high, -1, 2))
    assert market.feed._awake.keys() == {SPY}  # the legs, not yet the combination
    book = market.feed.book(spread.con_id)
    legs = [market.feed.book(one.con_id) for one in (low, high)]

    def fits() -> bool:
        bid = legs[0].bid - 2 * legs[1].ask  # type: ignore[operator]
        ask = legs[0].ask - 2 * legs[1].bid  # type: ignore[operator]
        return book.bid == pytest.approx(bid) and book.ask == pytest.approx(ask)

    assert fits()
    assert book.bid_size == min(legs[0].bid_size, legs[1].ask_size // 2)  # type: ignore[type-var, operator]
    assert book.last is None
    assert book.close == pytest.approx(legs[0].close - 2 * legs[1].close)  # type: ignore[operator]
    market.feed.subscribe(spread.con_id)
    events = market.move(668.0)
    assert spread.con_id in {one.con_id for one in events}
    market.move(669.0)
    assert fits()


def test_a_combination_without_a_leg_has_no_quote(market: Market) -> None:
    low, far = market.option(strike=650.0, right="C"), market.option(strike=400.0, right="P")
    spread = combo(market, (low, 1, 1), (far, 1, 1))
    book = market.feed.book(spread.con_id)
    assert book.bid is None  # nobody bids for the far one
    assert book.ask is not None
    stocks = combo(market, (low, 1, 1))
    assert market.feed.book(stocks.con_id) is book  # made once


def test_it_falls_asleep_when_nobody_looks(market: Market) -> None:
    option = market.option(strike=660.0, right="C")
    market.feed.book(option.con_id)
    con_id = option.con_id
    market.feed.subscribe(con_id)
    assert len(market.move(663.0, 2 * SLEEPY_NS / SECOND)) > 1
    market.feed.unsubscribe(con_id)
    market.held.add(con_id)
    # Nobody asks for its book but the sink, when it has moved.
    market.feed._followers[con_id].looked_ns = 1
    assert len(market.move(664.0, 2 * SLEEPY_NS / SECOND)) > 1
    market.held.clear()
    market.feed._followers[con_id].looked_ns = 1
    assert len(market.move(665.0, 2 * SLEEPY_NS / SECOND)) == 1
    assert market.feed._awake == {}
    stale = market.feed._followers[con_id].book.bid
    assert market.feed.book(con_id).bid != stale
    assert len(market.move(666.0)) > 1


def test_a_halt_of_the_underlying_halts_it(market: Market) -> None:
    option = market.option(strike=660.0, right="C")
    market.feed.subscribe(option.con_id)
    market.manual.send([Halt(SPY, market.manual.time_ns, 1)])
    assert market.feed.book(option.con_id).halted == 1
    other = market.option(strike=661.0, right="C")
    assert market.feed.book(other.con_id).halted == 1
    market.manual.send([Halt(SPY, market.manual.time_ns, 0)])
    assert market.feed.book(option.con_id).halted == 0


def test_without_a_price_of_the_underlying_it_has_none() -> None:
    market = Market()
    msft = market.option(symbol="MSFT", strike=485.0, right="P")
    book = market.feed.book(msft.con_id)
    assert (book.bid, book.ask, book.last) == (None, None, None)
    market.manual.send([market.manual.quote("MSFT", 485.0, None)])
    assert book.ask is None
    market.manual.send([market.manual.quote("MSFT", 485.0, 485.2)])
    assert book.ask is not None


def test_what_has_no_prices_has_an_empty_book(market: Market) -> None:
    wanted = Contract(symbol="ES", secType="FUT", includeExpired=True)
    expired = market.feed.instruments.find(wanted)[0]
    for con_id in (29105564, expired.con_id):  # a bond, a future of the past
        market.feed.subscribe(con_id)
        assert market.feed.book(con_id) is market.feed.book(con_id)
        assert market.feed.book(con_id) == TopOfBook(con_id)
        market.feed.unsubscribe(con_id)
    with pytest.raises(KeyError):
        market.feed.book(12345)
    no_funds = [one for one in market.feed.instruments if one.stock_type != "ETF"]
    indices = Catalogue(no_funds, others=market.feed.instruments.others)
    assert DerivedFeed(ManualFeed(indices)).book(SPX).last is None
    custom = DerivedFeed(ManualFeed(market.feed.instruments.with_instruments([])))
    assert custom.book(SPX).last is None


def test_trades_happen_at_the_quote_and_are_the_same_for_all() -> None:
    def watch(since: int) -> list[Event]:
        market = Market()
        option = market.option(strike=662.0, right="P", lastTradeDateOrContractMonth="20260105")
        for n in range(300):
            if n == since:
                market.feed.subscribe(option.con_id)
            market.move(662.0 + math.sin(n / 20.0))
        return [one for one in market.events if one.con_id == option.con_id]

    early, late = watch(0), watch(150)
    trades = [one for one in early if isinstance(one, Trade)]
    assert 20 < len(trades) < 280
    assert [one for one in late if isinstance(one, Trade)] == [
        one for one in trades if one.time_ns >= late[0].time_ns
    ]
    book = TopOfBook(trades[0].con_id)
    for event in early:
        if isinstance(event, Trade) and book.bid is not None:
            assert event.price in {book.bid, book.ask}
            shown = book.bid_size if event.price == book.bid else book.ask_size
            assert shown is not None
            assert 1 <= event.size <= shown
        book.apply(event)


@given(
    price=st.floats(300.0, 1000.0),
    strike=st.sampled_from(range(450, 900, 10)),
    hours=st.floats(0.0, 9000.0),
)
def test_quotes_are_on_the_tick_and_allow_no_arbitrage(
    price: float, strike: int, hours: float
) -> None:
    market = Market(round(price, 2))
    market.manual.time_ns += int(hours * 3600 * SECOND)
    market.manual.send([market.manual.quote("SPY", round(price, 2), round(price, 2) + 0.02)])
    expiry = {"lastTradeDateOrContractMonth": "20270115", "strike": float(strike)}
    call, put = (market.option(right=right, **expiry) for right in "CP")
    books = [market.feed.book(one.con_id) for one in (call, put)]
    for book in books:
        assert book.ask is not None
        for side in (book.bid, book.ask):
            if side is not None:
                assert Decimal(str(side)) % increment(32, side) == 0
                assert side > 0
        assert book.bid is None or book.bid < book.ask
    terms = option_terms(call, market.manual.time_ns)
    spot = round(price, 2) + 0.01
    forward = spot * math.exp(-terms.dividends * terms.years)
    # Bought and sold at the quotes, a conversion pays at most what exercise may cost.
    call_ask, put_ask = (book.ask or 0.0 for book in books)
    call_bid, put_bid = (book.bid or 0.0 for book in books)
    later = strike * math.exp(-terms.rate * terms.years)
    assert call_bid - put_ask <= spot - min(strike, later) + 1e-6
    assert call_ask - put_bid >= forward - max(strike, later) - 1e-6


def test_the_greeks_of_bid_and_offer_are_those_of_their_prices(market: Market) -> None:
    option = market.option(strike=670.0, right="C")
    book = market.feed.book(option.con_id)
    terms = option_terms(option, market.manual.book(SPY).time_ns)
    for kind, price in ((10, book.bid), (11, book.ask), (12, book.last)):
        found = book.values[kind]
        assert found is not None
        assert price is not None
        assert found.volatility is not None
        assert found.price == price
        assert options.price(terms, 662.01, found.volatility) == pytest.approx(price, abs=1e-5)


def test_what_is_worth_nothing_has_no_bid(market: Market) -> None:
    option = market.option(strike=450.0, right="P", lastTradeDateOrContractMonth="20260106")
    book = market.feed.book(option.con_id)
    assert (book.bid, book.ask, book.bid_size) == (None, 0.01, None)
    assert book.values.get(10) is None
    events = market.move(600.0)
    assert any(isinstance(one, Valued) for one in events)
