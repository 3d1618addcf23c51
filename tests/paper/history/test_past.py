"""The generated past: the same for a seed, fitted where the live market begins."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.history.calendar import calendar_of
from twsloop.paper.history.past import Opening, Past

START = int(datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC).timestamp())
CATALOGUE = Catalogue.standard(date(2026, 1, 5))


def instrument(symbol: str) -> Instrument:
    found = CATALOGUE.by_symbol(symbol)
    assert found is not None
    return found


def past(symbol: str, opening: Opening | None = None, seed: int = 1) -> Past:
    own = instrument(symbol)
    return Past(own, calendar_of(own.hours), seed, opening or Opening(START))


@pytest.mark.parametrize("symbol", ["AAPL", "F", "EUR.USD", "ESH6", "SPY"])
def test_prices_are_near_the_catalogue_now_and_possible_before(symbol: str) -> None:
    own = past(symbol)
    reference = instrument(symbol).reference_price
    for session in own.calendar.between(START - 60 * 86_400, START):
        assert own.price(own.close_ticks(session.day)) == pytest.approx(reference, rel=0.15)
    for year in range(2005, 2026):
        assert own.close_ticks(date(year, 6, 15)) > 0


def test_days_move_as_much_as_they_usually_do() -> None:
    own = past("AAPL")
    days = [session.day for session in own.calendar.between(START - 600 * 86_400, START)]
    closes = [own.close_ticks(day) for day in days]
    moves = [abs(b / a - 1) for a, b in itertools.pairwise(closes)]
    assert 0.004 < sum(moves) / len(moves) < 0.03
    assert max(moves) < 0.12


def test_seeds_and_contracts_differ() -> None:
    day = date(2024, 5, 7)
    assert past("AAPL").close_ticks(day) == past("AAPL").close_ticks(day)
    assert past("AAPL").close_ticks(day) != past("AAPL", seed=2).close_ticks(day)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(0, 23 * 3600),
    st.integers(-200, 200),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(0, 30_000_000),
)
def test_the_session_under_way_fits_any_book(
    later: int, move: int, up: int, down: int, volume: int
) -> None:
    begin = int(datetime(2026, 1, 5, 5, tzinfo=UTC).timestamp()) + later
    first = 270.0
    opening = Opening(
        begin,
        open=first,
        high=round(first + (max(move, 0) + up) / 100, 2),
        low=round(first + (min(move, 0) - down) / 100, 2),
        close=269.5,
        volume=volume,
        price=round(first + move / 100, 2),
    )
    own = past("AAPL", opening)
    session = own.calendar.session(date(2026, 1, 5))
    assert session is not None
    pieces = own.session(session)
    if begin <= session.start or volume < 100:
        return
    assert pieces[0].open == own.ticks(first)
    assert max(piece.high for piece in pieces) == own.ticks(opening.high or 0)
    assert min(piece.low for piece in pieces) == own.ticks(opening.low or 0)
    assert pieces[-1].close == own.ticks(opening.price or 0)
    assert sum(piece.volume for piece in pieces) == volume
    for place, piece in enumerate(pieces):
        minutes = own.minutes(session, place)
        assert sum(minute.volume for minute in minutes) == piece.volume
        assert minutes[-1].start < begin
        halves = own.halves(session, place)
        assert sum(half.turnover for half in halves) == piece.turnover
        assert [half.start for half in halves] == sorted({half.start for half in halves})
    (before,) = [
        own.calendar.session(day) for day in (date(2026, 1, 2),) if own.calendar.session(day)
    ]
    assert before is not None
    assert own.session(before)[1].close == own.ticks(269.5)


def test_nothing_is_after_the_beginning_or_before_the_listing() -> None:
    own = past("AAPL")
    tomorrow = own.calendar.session(date(2026, 1, 6))
    early = own.calendar.session(date(1998, 1, 6))
    assert tomorrow is not None
    assert early is not None
    assert own.session(tomorrow) == []
    assert own.session(early) == []
    today = own.calendar.session(date(2026, 1, 5))
    assert today is not None
    last = own.minutes(today, len(own.session(today)) - 1)[-1]
    assert last.start == START - 7
    assert all(trade.millis < START * 1000 for trade in own.trades(last))


def test_memory_of_the_past_is_bounded() -> None:
    own = past("AAPL")
    for session in own.calendar.between(START - 900 * 86_400, START):
        for place in range(len(own.session(session))):
            own.halves(session, place)
    assert len(own._sessions) <= 600
    assert len(own._halves) <= 64
