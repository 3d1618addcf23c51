"""The requests that make up a span, against the calendars and the limits of the paper gateway."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, time

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import HistoryError
from twsloop.history.chunks import (
    DAY_S,
    Chunk,
    duration_text,
    final_until,
    labels,
    next_chunk,
    whole_from,
)
from twsloop.history.spans import Span
from twsloop.history.words import BAR_SIZES, BarSize, bar_size_of
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clock.hours import Hours
from twsloop.paper.history.bars import BAR_SIZES as TAKEN
from twsloop.paper.history.bars import Show
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.live import Tape
from twsloop.paper.history.query import BarQuery, parse_duration, too_fine
from twsloop.paper.history.reach import reach as reached
from twsloop.paper.history.reach import too_many

NOW = int(datetime(2026, 6, 1, tzinfo=UTC).timestamp())


def at(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[arg-type,misc]


#: Markets elsewhere, by the same rules: a day of theirs begins and ends at other times of UTC.
ELSEWHERE = {
    "Tokyo": ("Asia/Tokyo", time(9), time(15, 30)),
    "Auckland": ("Pacific/Auckland", time(10), time(17)),
    "Honolulu": ("Pacific/Honolulu", time(9), time(23)),
}
MARKETS = ("AAPL", "ESH6", "EUR.USD", *ELSEWHERE)


@functools.cache
def market(name: str) -> Chronicle:
    instrument = Catalogue.standard(date(2026, 1, 5)).by_symbol(
        "AAPL" if name in ELSEWHERE else name
    )
    assert instrument is not None
    if name in ELSEWHERE:
        zone, first, last = ELSEWHERE[name]
        hours = Hours(time_zone=zone, trading=(first, last), liquid=(first, last), rollover=time(0))
        instrument = attrs.evolve(instrument, hours=hours)
    return Chronicle(instrument, Tape(), None, began=NOW, always_open=False)


def query_of(size: BarSize, chunk: Chunk, *, regular: bool) -> BarQuery:
    """As the paper gateway reads it; fails if it would refuse it."""
    duration = parse_duration(chunk.duration)
    query = BarQuery(None, duration, TAKEN[size.text.lower()], Show.TRADES, 2, regular, False)
    assert not too_fine(query)
    return query


sizes = st.sampled_from(list(BAR_SIZES.values()))
moments = st.integers(NOW - 800 * DAY_S, NOW)
lengths = st.one_of(st.integers(1, 7200), st.integers(1, 20 * DAY_S), st.integers(1, 700 * DAY_S))


@given(st.sampled_from(MARKETS), sizes, moments, lengths, st.booleans())
def test_what_a_chunk_is_sure_of_is_in_the_answer(
    name: str, size: BarSize, end: int, length: int, regular: bool
) -> None:
    chronicle = market(name)
    if not size.intraday:
        end, length = end // DAY_S * DAY_S, (length // DAY_S + 1) * DAY_S
    span = Span(end - length, end)
    chunk = next_chunk(size, span, NOW)
    assert chunk.sure < span.end  # it gets on
    query = query_of(size, chunk, regular=regular)
    ends = NOW if chunk.end is None else chunk.end
    start = reached(chronicle, ends, query)
    assert not too_many(chronicle, query, (start, ends))
    if size.intraday:
        assert span.end <= ends < span.end + size.seconds or ends == NOW
        for session in chronicle.days.between(chunk.sure, min(start, ends)):
            for first, last in session.runs(regular=regular):
                # whatever was traded from the sure second on, the answer holds
                assert max(first, chunk.sure) >= min(last, start, ends)
        return
    first_day = chunk.sure - size.seconds + DAY_S  # a week's bar carries its last day
    for session in chronicle.days.between(first_day - 2 * DAY_S, ends):
        label = labels(session.day, session.day)
        if first_day <= label.start < span.end:
            runs = session.runs(regular=regular)
            assert start <= runs[0][0]
            assert ends >= min(runs[-1][1], NOW)


@given(sizes, moments, lengths)
def test_a_span_is_done_in_few_requests(size: BarSize, end: int, length: int) -> None:
    if not size.intraday:
        end, length = end // DAY_S * DAY_S, (length // DAY_S + 1) * DAY_S
    left: Span | None = Span(end - min(length, 2000 * size.seconds), end)
    for _ in range(20):  # even if no answer has a bar in it
        assert left is not None
        chunk = next_chunk(size, left, NOW)
        left = Span(left.start, chunk.sure) if chunk.sure > left.start else None
        if left is None:
            return
    raise AssertionError("too many requests")


@pytest.mark.parametrize(
    ("size", "length", "duration"),
    [
        ("1 secs", 600, "600 S"),
        ("1 secs", DAY_S, "1800 S"),
        ("5 secs", 10, "30 S"),
        ("5 secs", DAY_S, "28800 S"),
        ("1 min", 7200, "7259 S"),
        ("1 min", 3 * DAY_S, "5 D"),
        ("1 min", 300 * DAY_S, "8 D"),
        ("5 mins", 7200, "2 D"),
        ("1 hour", 100 * DAY_S, "102 D"),
        ("8 hours", 100 * DAY_S, "4 M"),
        ("1 day", 2 * DAY_S, "5 D"),
        ("1 day", 3000 * DAY_S, "9 Y"),
        ("1 day", 30_000 * DAY_S, "20 Y"),
        ("1W", 30 * DAY_S, "6 W"),
    ],
)
def test_the_durations_we_ask_for(size: str, length: int, duration: str) -> None:
    chunk = next_chunk(bar_size_of(size), Span(NOW - 40 * DAY_S - length, NOW - 40 * DAY_S), NOW)
    assert chunk.duration == duration


def test_what_ends_now_has_no_end() -> None:
    minute, day = bar_size_of("1 min"), bar_size_of("1 day")
    assert next_chunk(minute, Span(NOW - 600, NOW), NOW).end is None
    assert next_chunk(minute, Span(NOW - 600, NOW + 5000), NOW).end_time is None
    assert next_chunk(minute, Span(NOW - 600, NOW - 60), NOW).end == NOW - 1
    assert next_chunk(minute, Span(NOW - 600, NOW - 59), NOW).end is None
    yesterday = NOW // DAY_S * DAY_S - DAY_S
    assert next_chunk(day, Span(yesterday - DAY_S, yesterday), NOW).end is None
    early = next_chunk(day, Span(yesterday - 9 * DAY_S, yesterday - 8 * DAY_S), NOW)
    assert early.end_time == datetime(2026, 5, 24, tzinfo=UTC)


def test_an_answer_is_whole_from_its_second_bar_on() -> None:
    minute, day = bar_size_of("1 min"), bar_size_of("1 day")
    chunk = Chunk(None, "600 S", 1000)
    assert whole_from(minute, chunk, []) == 1000
    assert whole_from(minute, chunk, [400]) == 1000
    assert whole_from(minute, chunk, [400, 460, 1200]) == 460
    assert whole_from(minute, chunk, [1020, 1080]) == 1000  # nothing was traded before
    assert whole_from(day, chunk, [0, 86_400]) == 1000


@pytest.mark.parametrize(
    ("size", "seconds", "text"),
    [
        ("1 secs", 1800, "1800 S"),
        ("5 secs", DAY_S, "86400 S"),
        ("1 min", 40 * DAY_S, "41 D"),
        ("1 min", 400 * DAY_S, "2 Y"),
        ("1 hour", DAY_S, "2 D"),
        ("1 day", 400 * DAY_S, "2 Y"),
    ],
)
def test_one_request_that_ends_now(size: str, seconds: int, text: str) -> None:
    assert duration_text(bar_size_of(size), seconds) == text


@given(sizes, lengths)
def test_one_request_is_right_or_refused(size: BarSize, seconds: int) -> None:
    try:
        text = duration_text(size, seconds)
    except HistoryError as error:
        assert size.small
        assert "take larger bars" in str(error)  # noqa: PT017
    else:
        query_of(size, Chunk(None, text, 0), regular=True)


@pytest.mark.parametrize(
    ("size", "now", "until"),
    [
        ("1 min", at(2026, 1, 5, 14, 31), at(2026, 1, 5, 14, 30, 1)),
        ("1 min", at(2026, 1, 5, 14, 30, 59), at(2026, 1, 5, 14, 30)),
        ("1 day", at(2026, 1, 6, 11, 59), at(2026, 1, 5)),
        ("1 day", at(2026, 1, 6, 12), at(2026, 1, 6)),
        ("1W", at(2026, 1, 7, 15), at(2026, 1, 5)),
        ("1M", at(2026, 1, 31, 15), at(2026, 1, 1)),
        ("1M", at(2026, 2, 1, 15), at(2026, 2, 1)),
    ],
)
def test_when_a_bar_is_over(size: str, now: int, until: int) -> None:
    assert final_until(bar_size_of(size), now) == until


def test_labels_hold_both_days() -> None:
    assert labels(date(1970, 1, 1), date(1970, 1, 2)) == Span(0, 2 * DAY_S)
