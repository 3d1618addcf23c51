"""What is live is kept whole, whatever form it is kept in, and within bounds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from twsloop.paper.history import live
from twsloop.paper.history.live import Prices, Row, Tape
from twsloop.paper.market.vocabulary import Event, Halt, QuoteChange, Trade

NS = 10**9
START = 1_767_628_980  # a full minute


@st.composite
def streams(draw: st.DrawFn) -> list[Event]:
    """Events in order of time."""
    gaps = draw(st.lists(st.integers(0, 4 * NS), min_size=1, max_size=300))
    time_ns = (START + draw(st.integers(0, 59))) * NS
    found: list[Event] = []
    for gap in gaps:
        time_ns += gap
        price = draw(st.integers(9_000, 9_100)) / 100
        size = Decimal(draw(st.integers(1, 10**9))) / draw(st.sampled_from([1, 100, 10_000]))
        kind = draw(st.integers(0, 9))
        event: Event
        if kind < 4:
            event = Trade(1, time_ns, price, size)
        elif kind == 4:
            event = Halt(1, time_ns, 0)
        else:
            bid = None if kind == 5 else price
            ask = None if kind == 6 else price + 0.05
            event = QuoteChange(1, time_ns, bid, size, ask, size)
        found.append(event)
    return found


def over(rows: list[Row]) -> tuple[object, ...]:
    """All rows as one, without the sums of floats."""
    columns: list[Prices] = []
    for column in (1, 5, 6, 7):
        known: list[Any] = [row[column] for row in rows if row[column] is not None]
        columns.append(
            (
                known[0][0],
                max(one[1] for one in known),
                min(one[2] for one in known),
                known[-1][3],
            )
            if known
            else None
        )
    counts = sum(row[4] for row in rows), sum(row[8][1] for row in rows)
    return (*columns, sum(row[2] for row in rows), *counts)


@settings(deadline=None)
@given(streams(), st.booleans())
def test_folding_loses_nothing(events: list[Event], asked: bool) -> None:
    whole, folded = Tape(), Tape()
    for event in events:
        whole.hear(event)
    before = live.RAW, live.RAW_UNASKED, live.FIVES
    live.RAW, live.RAW_UNASKED, live.FIVES = 7, 5, 6
    try:
        folded = Tape()
        if asked:
            folded.asked()
        for event in events:
            folded.hear(event)
            assert len(folded.events) <= 9
        first, end = events[0].time_ns // NS, events[-1].time_ns // NS + 1
        assert min(row[0] for row in folded.rows(0, end)) == first
        assert over(list(folded.rows(START, end))) == over(list(whole.rows(START, end)))
        assert folded.began_ns == whole.began_ns == events[0].time_ns
        for column in (1, 5, 6, 7):
            assert folded.last_before(end, column) == whole.last_before(end, column)
        minute = list(folded.rows(START, START + 60))
        assert over(minute) == over(list(whole.rows(START, START + 60)))
    finally:
        live.RAW, live.RAW_UNASKED, live.FIVES = before


def test_memory_is_bounded() -> None:
    asked, unasked = Tape(), Tape()
    asked.asked()
    for number in range(60_000):
        event = Trade(1, START * NS + number * NS // 3, 100.0, Decimal(100))
        asked.hear(event)
        unasked.hear(event)
    assert len(unasked) < 1_500
    assert len(asked) < 10_000
    total = sum(row[2] for row in unasked.rows(START, START + 30_000))
    assert total == sum(row[2] for row in asked.rows(START, START + 30_000)) == 6_000_000


def test_rows_are_of_their_seconds() -> None:
    tape = Tape()
    for number, price in enumerate((10.0, 12.0, 9.0, 11.0)):
        tape.hear(Trade(1, START * NS + number * 400_000_000, price, Decimal(number + 1)))
    first, second = tape.rows(START, START + 2)
    assert first[:5] == (START, (10.0, 12.0, 9.0, 9.0), Decimal(6), 61.0, 3)
    assert second[:5] == (START + 1, (11.0, 11.0, 11.0, 11.0), Decimal(4), 44.0, 1)
    assert list(tape.rows(START + 1, START + 2)) == [second]
    assert tape.last_before(START + 1, 1) == 9.0
    assert tape.last_before(START, 1) is None


def test_more_is_kept_of_what_is_watched() -> None:
    watching = False
    tape = Tape(lambda: watching)
    for number in range(3_000):
        watching = number > 1_000
        tape.hear(Trade(1, START * NS + number * NS, 100.0, Decimal(1)))
    assert len(tape.events) > 2_000
    assert sum(row[2] for row in tape.rows(START, START + 3_000)) == 3_000
