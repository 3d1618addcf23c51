"""Bars of any size are exact aggregates of finer ones, in trading hours, over the whole history."""

from __future__ import annotations

import functools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.history.bars import BAR_SIZES, Bar, Show
from twsloop.paper.history.calendar import calendar_of
from twsloop.paper.history.chronicle import Chronicle
from twsloop.paper.history.live import Tape
from twsloop.paper.history.past import Opening, Past
from twsloop.paper.history.ticks import Ticks, ticks_after
from twsloop.paper.market.vocabulary import QuoteChange, Trade

CATALOGUE = Catalogue.standard(date(2026, 1, 5))
NS = 10**9
#: A Monday at 11:03:07 in New York.
START = int(datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC).timestamp())
SYMBOLS = ("AAPL", "EUR.USD", "ESH6", "F")
INTRADAY = [size for size in BAR_SIZES.values() if size.intraday]


def live_events(
    con_id: int, price: float, tick: float, *, trades: bool
) -> list[QuoteChange | Trade]:
    """Ten minutes of a live market, one event every 0.7 s."""
    found: list[QuoteChange | Trade] = []
    for number in range(857):
        time_ns = START * NS + number * 7 * NS // 10
        at = round(price + tick * ((number * 7) % 23 - 11), 6)
        if trades and number % 3 == 0:
            found.append(Trade(con_id, time_ns, at, Decimal(100 + number % 7)))
        else:
            ask = round(at + tick * (1 + number % 2), 6)
            found.append(QuoteChange(con_id, time_ns, at, Decimal(100), ask, Decimal(200)))
    return found


@functools.cache
def chronicle(symbol: str, *, always_open: bool = True, seed: int = 7) -> Chronicle:
    instrument = CATALOGUE.by_symbol(symbol)
    assert instrument is not None
    price, tick = instrument.reference_price, float(instrument.min_tick)
    price = round(round(price / tick) * tick, 6)
    opening = Opening(
        START,
        open=price,
        high=round(price + 90 * tick, 6),
        low=round(price - 70 * tick, 6),
        close=round(price - 12 * tick, 6),
        volume=0 if instrument.quote_driven else 9_876_543,
        price=round(price + 5 * tick, 6),
    )
    tape = Tape()
    tape.asked()
    for event in live_events(instrument.con_id, price, tick, trades=not instrument.quote_driven):
        tape.hear(event)
    past = Past(instrument, calendar_of(instrument.hours), seed, opening)
    return Chronicle(instrument, tape, past, began=START, always_open=always_open)


def shows(symbol: str) -> list[Show]:
    others = [Show.MIDPOINT, Show.BID, Show.ASK]
    return others if symbol == "EUR.USD" else [Show.TRADES, *others]


def shape(bars: list[Bar]) -> tuple[object, ...]:
    return (
        bars[0].open,
        max(bar.high for bar in bars),
        min(bar.low for bar in bars),
        bars[-1].close,
        sum(bar.volume for bar in bars),
        sum(bar.count for bar in bars),
    )


def folded(bars: list[Bar]) -> tuple[object, ...]:
    """The shape of the trading ones; quiet bars show the price before."""
    trading = [bar for bar in bars if bar.count]
    return shape(trading or bars)


@st.composite
def questions(draw: st.DrawFn) -> tuple[str, Show, str, int, int, bool]:
    symbol = draw(st.sampled_from(SYMBOLS))
    show = draw(st.sampled_from(shows(symbol)))
    size = draw(st.sampled_from(INTRADAY))
    days_back = draw(st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 7000)))
    end = START + draw(st.integers(-40_000, 600)) - days_back * 86_400
    length = draw(st.integers(size.seconds, max(size.seconds * 20, 3_600)))
    return symbol, show, size.text, end - length, end, draw(st.booleans())


@settings(deadline=None)
@given(questions())
def test_bars_are_sound(question: tuple[str, Show, str, int, int, bool]) -> None:
    symbol, show, text, start, end, regular = question
    history, size = chronicle(symbol), BAR_SIZES[text]
    bars = history.bars(show, size, (start, end), regular=regular)
    assert [bar.start for bar in bars] == sorted({bar.start for bar in bars})
    for bar in bars:
        assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
        assert bar.low > 0
        assert start - size.seconds < bar.start < end
        if regular:
            assert history.days.in_regular_hours(bar.start)
        assert (bar.volume == 0) == (bar.count == 0)
        if bar.volume:
            average = bar.turnover / float(bar.volume)
            assert bar.low * (1 - 1e-9) <= average <= bar.high * (1 + 1e-9)
    assert bars == history.bars(show, size, (start, end), regular=regular)


@settings(deadline=None)
@given(questions(), st.data())
def test_coarse_bars_are_made_of_fine_ones(
    question: tuple[str, Show, str, int, int, bool], data: st.DataObject
) -> None:
    symbol, show, text, start, end, regular = question
    history, size = chronicle(symbol), BAR_SIZES[text]
    finer = [
        one
        for one in INTRADAY
        if one.seconds <= size.seconds and size.seconds % one.seconds == 0
        if (end - start) / one.seconds < 4_000
    ]
    fine = data.draw(st.sampled_from(finer))
    coarse_bars = history.bars(show, size, (start, end), regular=regular)
    if not coarse_bars:
        return
    fine_bars = history.bars(show, fine, (coarse_bars[0].start, end), regular=regular)
    starts = [bar.start for bar in coarse_bars[1:]] + [end]
    begin = 0
    for bar, until in zip(coarse_bars, starts, strict=True):
        part = []
        while begin < len(fine_bars) and fine_bars[begin].start < until:
            part.append(fine_bars[begin])
            begin += 1
        assert folded([bar]) == (folded(part) if show is Show.TRADES else shape(part))
        if show is Show.TRADES:
            assert bar.turnover == pytest.approx(sum(one.turnover for one in part))
    assert begin == len(fine_bars)


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(SYMBOLS), st.integers(0, 5000), st.integers(1, 40), st.booleans(), st.data())
def test_days_weeks_and_months_are_made_of_minutes_and_days(
    symbol: str, back: int, length: int, regular: bool, data: st.DataObject
) -> None:
    history = chronicle(symbol)
    show = data.draw(st.sampled_from(shows(symbol)))
    end = START + 600 - back * 86_400
    start = end - length * 86_400
    days = history.bars(show, BAR_SIZES["1 day"], (start, end), regular=regular)
    if not days:
        return
    day = data.draw(st.sampled_from(days))
    assert day.day is not None
    session = next(
        one for one in history.days.between(day.start - 86_400, day.start + 1) if one.day == day.day
    )
    minutes = history.bars(
        show, BAR_SIZES["1 min"], (session.start, min(session.end, START + 600)), regular=regular
    )
    assert shape([day]) == shape([bar for bar in minutes if bar.count or not show.has_volume])
    for text in ("1w", "1m"):
        wholes = history.bars(show, BAR_SIZES[text], (start, end), regular=regular)
        assert shape(wholes) == shape(days)
        assert wholes[-1].day == days[-1].day


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(("AAPL", "ESH6", "F")), st.integers(0, 900), st.integers(0, 20_000))
def test_ticks_add_up_to_bars_of_a_second(symbol: str, back: int, at: int) -> None:
    history = chronicle(symbol)
    start = START - back * 86_400 - at
    ticks = ticks_after(history, Ticks.TRADES, start, 300, regular=False, ignore_size=False)
    if not ticks:
        return
    first, last = ticks[0].second, ticks[-1].second + 1
    bars = history.bars(Show.TRADES, BAR_SIZES["1 secs"], (first, last), regular=False)
    assert folded(bars) == (
        ticks[0].price,
        max(tick.price for tick in ticks),
        min(tick.price for tick in ticks),
        ticks[-1].price,
        sum(tick.size for tick in ticks),
        len(ticks),
    )


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_session_under_way_is_that_of_the_book(symbol: str) -> None:
    history = chronicle(symbol)
    past = history.past
    assert isinstance(past, Past)
    show = Show.BID if symbol == "EUR.USD" else Show.TRADES
    days = history.bars(show, BAR_SIZES["1 day"], (START - 5 * 86_400, START), regular=False)
    today, before = days[-1], days[-2]
    opening = past.opening
    assert (today.open, today.high, today.low) == (opening.open, opening.high, opening.low)
    if show is Show.TRADES:
        assert today.volume == opening.volume
    regular = history.bars(show, BAR_SIZES["1 day"], (START - 5 * 86_400, START), regular=True)
    assert regular[-1].open == opening.open
    assert (regular[-1].high, regular[-1].low) == (opening.high, opening.low)
    assert regular[-2].close == opening.close
    assert before.day == regular[-2].day
    last = history.bars(show, BAR_SIZES["1 secs"], (START - 60, START), regular=False)[-1]
    assert last.close == opening.price


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_a_day_is_the_same_whenever_the_gateway_began(symbol: str) -> None:
    history = chronicle(symbol)
    assert isinstance(history.past, Past)
    instrument = history.instrument
    later = Past(
        instrument,
        history.calendar,
        7,
        Opening(START + 3 * 86_400, close=instrument.reference_price),
    )
    for session in history.calendar.between(START - 9 * 86_400, START - 4 * 86_400):
        if session.day < date(2026, 1, 2):
            assert later.session(session) == history.past.session(session)
            assert later.minutes(session, 0) == history.past.minutes(session, 0)
    other = Past(instrument, history.calendar, 8, history.past.opening)
    day = date(2025, 3, 5)
    assert other.close_ticks(day) != history.past.close_ticks(day)


@pytest.mark.parametrize(
    ("day", "hour", "count"),
    [
        (date(2025, 3, 7), 14, 78),  # before summer time: 9:30 is 14:30 UTC
        (date(2025, 3, 10), 13, 78),  # in it
        (date(2025, 11, 28), 14, 42),  # the day after Thanksgiving ends at 13:00
        (date(2025, 11, 27), 0, 0),  # Thanksgiving
        (date(2025, 11, 29), 0, 0),  # a Saturday
    ],
)
def test_regular_bars_follow_the_calendar(day: date, hour: int, count: int) -> None:
    begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
    bars = chronicle("AAPL").bars(
        Show.TRADES, BAR_SIZES["5 mins"], (begin, begin + 86_400), regular=True
    )
    assert len(bars) == count
    if count:
        assert bars[0].start == begin + hour * 3600 + 1800


def test_bars_are_aligned_with_the_clock_and_begin_with_the_session() -> None:
    begin = int(datetime(2025, 12, 3, 5, tzinfo=UTC).timestamp())  # midnight in New York
    history = chronicle("AAPL")
    hours = {
        text: [
            f"{history.calendar.local(bar.start):%H:%M}"
            for bar in history.bars(
                Show.TRADES, BAR_SIZES[text], (begin, begin + 86_400), regular=regular
            )
        ]
        for text, regular in (("1 hour", True), ("2 hours", True), ("4 hours", False))
    }
    assert hours == {
        "1 hour": ["09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"],
        "2 hours": ["09:30", "10:00", "12:00", "14:00"],
        "4 hours": ["04:00", "08:00", "12:00", "16:00"],
    }


def test_a_currency_trades_over_the_change_to_summer_time() -> None:
    history = chronicle("EUR.USD")
    sunday = datetime(2025, 3, 9, 12, tzinfo=UTC)
    bars = history.bars(
        Show.MIDPOINT,
        BAR_SIZES["1 hour"],
        (int(sunday.timestamp()), int((sunday + timedelta(days=1)).timestamp())),
        regular=True,
    )
    assert f"{history.calendar.local(bars[0].start):%d %H:%M}" == "09 17:15"
    assert bars[0].start == int(datetime(2025, 3, 9, 21, 15, tzinfo=UTC).timestamp())
    starts = [bar.start for bar in bars[1:]]
    assert starts == list(range(starts[0], starts[0] + 3600 * len(starts), 3600))


def test_nothing_is_known_before_the_listing() -> None:
    history = chronicle("AAPL")
    assert history.past is not None
    listed = history.past.listed
    assert date(1999, 1, 1) <= listed <= date(2004, 12, 31)
    span = (history.oldest() - 40 * 86_400, history.oldest() + 86_400)
    days = history.bars(Show.TRADES, BAR_SIZES["1 day"], span, regular=True)
    assert days[0].day == listed


def test_a_closed_market_has_no_bars_where_hours_are_kept() -> None:
    saturday = int(datetime(2026, 1, 10, 12, tzinfo=UTC).timestamp())
    for always_open, expected in ((True, 0), (False, 0)):
        history = chronicle("AAPL", always_open=always_open)
        bars = history.bars(
            Show.TRADES, BAR_SIZES["1 hour"], (saturday, saturday + 7200), regular=True
        )
        assert len(bars) == expected
    assert not chronicle("AAPL", always_open=False).bars(
        Show.TRADES, BAR_SIZES["1 hour"], (saturday, saturday + 7200), regular=False
    )


def test_expiries_of_a_future_move_together_and_end() -> None:
    opening = Opening(START)
    wanted = Contract(symbol="ES", secType="FUT", exchange="CME", includeExpired=True)
    expiries = sorted(CATALOGUE.find(wanted), key=lambda one: one.last_trade_date)
    gone = [one for one in expiries if one.last_trade_date < "20260105"]
    assert gone
    pasts = [Past(one, calendar_of(one.hours), 7, opening) for one in (gone[-1], expiries[-1])]
    day = date(2025, 10, 7)
    assert pasts[0].close_ticks(day) == pytest.approx(pasts[1].close_ticks(day), rel=0.03)
    last = date.fromisoformat(gone[-1].last_trade_date)
    for past, known in zip(pasts, (False, True), strict=True):
        for session in past.calendar.between(START - 20 * 86_400, START - 10 * 86_400):
            assert bool(past.session(session)) is (known or session.day <= last)
