"""Each trade is one tick, each change of the quote is one tick, whatever else happens."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.market.tick_by_tick import Kind, Projection, is_odd_lot, last_tick
from twsloop.paper.market.vocabulary import Event, Halt, QuoteChange, TopOfBook, Trade

CATALOGUE = Catalogue.standard(date(2026, 1, 5))
APPLE = CATALOGUE.by_con_id(265598)
assert APPLE is not None
ID = APPLE.con_id
SECOND = 10**9

PRICES = st.sampled_from([270.0, 270.01, 270.02]) | st.none()
SIZES = st.sampled_from([Decimal(100), Decimal(200)])


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    """Quotes, trades and halts, each a second after the other."""
    made: list[Event] = []
    for at in range(draw(st.integers(0, 12))):
        kind, time_ns = draw(st.sampled_from("qqthr")), at * SECOND
        if kind == "t":
            made.append(Trade(ID, time_ns, 270.0, draw(SIZES), "Q"))
        elif kind == "h":
            made.append(Halt(ID, time_ns, draw(st.integers(0, 2))))
        elif kind == "r" and made and isinstance(made[-1], QuoteChange):
            made.append(made[-1])  # the same again
        else:
            bid, ask = draw(PRICES), draw(PRICES)
            size = draw(SIZES)
            sizes = (None if bid is None else size, None if ask is None else size)
            made.append(QuoteChange(ID, time_ns, bid, sizes[0], ask, sizes[1]))
    return made


def project(kind: Kind, happened: list[Event], *, ignore_size: bool = False) -> list[Any]:
    assert APPLE is not None
    top, projection = TopOfBook(ID), Projection(APPLE, kind, ignore_size)
    projection.begin(top)
    told = [projection.tick(event, top.apply(event), top) for event in happened]
    return [tick for tick in told if tick is not None]


def quotes_of(happened: list[Event]) -> list[tuple[Any, ...]]:
    """The quotes, one after the other, with the repetitions."""
    return [
        (one.bid, one.bid_size, one.ask, one.ask_size)
        for one in happened
        if isinstance(one, QuoteChange)
    ]


def changes(values: list[Any], start: Any) -> int:
    """How often a row of values changes."""
    return sum(now != before for before, now in zip([start, *values], values, strict=False))


@given(events())
def test_each_trade_is_one_tick_of_both_kinds(happened: list[Event]) -> None:
    trades = [one for one in happened if isinstance(one, Trade)]
    for kind, number in ((Kind.LAST, 1), (Kind.ALL_LAST, 2)):
        ticks = project(kind, happened)
        assert [tick.tickType for tick in ticks] == [number] * len(trades)
        assert [tick.historicalTickLast.time for tick in ticks] == [
            one.time_ns // SECOND for one in trades
        ]
        assert [Decimal(tick.historicalTickLast.size) for tick in ticks] == [
            one.size for one in trades
        ]


@given(events())
def test_each_change_of_the_quote_is_one_tick(happened: list[Event]) -> None:
    quotes = quotes_of(happened)
    ticks = project(Kind.BID_ASK, happened)
    assert len(ticks) == changes(quotes, (None,) * 4)
    prices = [(quote[0], quote[2]) for quote in quotes]
    assert len(project(Kind.BID_ASK, happened, ignore_size=True)) == changes(prices, (None, None))
    if ticks:
        last = ticks[-1].historicalTickBidAsk
        assert [last.priceBid, last.priceAsk] == [
            -1.0 if price is None else price for price in prices[-1]
        ]


@given(events())
def test_a_midpoint_is_never_told_twice_in_a_row(happened: list[Event]) -> None:
    prices = [tick.historicalTickMidPoint.price for tick in project(Kind.MID_POINT, happened)]
    assert changes(prices, None) == len(prices)
    assert set(prices) <= {270.0, 270.005, 270.01, 270.015, 270.02}


def test_a_stream_that_begins_later_does_not_repeat_the_middle() -> None:
    assert APPLE is not None
    top = TopOfBook(ID, bid=270.0, ask=270.02)
    projection = Projection(APPLE, Kind.MID_POINT)
    projection.begin(top)
    wider = QuoteChange(ID, SECOND, 269.99, Decimal(1), 270.03, Decimal(1))
    assert projection.tick(wider, top.apply(wider), top) is None


@pytest.mark.parametrize(("size", "odd"), [("99", True), ("100", False), ("0.5", True)])
def test_odd_lots_are_unreported(size: str, odd: bool) -> None:
    assert APPLE is not None
    tick = last_tick(Trade(ID, SECOND, 270.0, Decimal(size), "P"), APPLE)
    assert (tick.tickAttribLast.unreported, tick.specialConditions) == (odd, "I" if odd else "")
    assert (tick.exchange, tick.size) == ("ARCA", size)
    future = next(one for one in CATALOGUE.all() if one.sec_type == "FUT")
    assert not is_odd_lot(future, Decimal(size))
