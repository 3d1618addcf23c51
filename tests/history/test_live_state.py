"""Bars kept up to date, through interruptions: nothing twice, nothing missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from twsloop.history.live_state import KEPT, BarUpdate, LiveBars
from twsloop.history.rows import Bar

START = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)


def bar(minute: int, progress: int = 3) -> Bar:
    """A minute's bar, as it is after so many of its three updates."""
    price = Decimal(100 + minute)
    close = price + progress
    return Bar(START + timedelta(minutes=minute), price, close, price, close, Decimal(progress))


def answer(now: int, since: int) -> list[Bar]:
    """What IB tells at a moment (in thirds of minutes) of all bars since a minute."""
    minute, progress = divmod(now, 3)
    return [*(bar(one) for one in range(since, minute)), bar(minute, progress + 1)]


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12), st.integers(1, 5))
def test_every_bar_is_over_once_and_in_order(pauses: list[int], reach: int) -> None:
    state, now = LiveBars(), 30
    told = state.answer(answer(now, now // 3 - reach))
    first = now // 3 - reach
    for pause in pauses:
        if pause <= 6:  # the stream goes on
            for _ in range(pause):
                now += 1
                told += state.update(bar(now // 3, now % 3 + 1))
        else:  # interrupted; then asked for anew, as far back as what is known
            assert state.current is not None
            since = (state.current.time - START) // timedelta(minutes=1)
            now += pause
            told += state.answer(answer(now, since - reach))
    over = [update.bar for update in told if update.over]
    assert over == [bar(minute) for minute in range(first, now // 3)]
    assert state.bars == (*over, bar(now // 3, now % 3 + 1))
    assert state.holes == 0
    times = [update.bar.time for update in told]
    assert times == sorted(times)


def test_an_answer_that_does_not_reach_back_is_counted() -> None:
    state = LiveBars()
    state.answer([bar(1)])
    assert state.answer([bar(3)]) == [BarUpdate(bar(1), True), BarUpdate(bar(3), False)]
    assert state.holes == 1


def test_what_changes_nothing_is_not_told() -> None:
    state = LiveBars()
    assert state.answer([]) == []
    assert (state.bars, state.current) == ((), None)
    assert state.update(bar(1)) == [BarUpdate(bar(1), False)]
    assert state.update(bar(1)) == []
    assert state.update(bar(0)) == []
    assert state.current == bar(1)


def test_it_does_not_grow_for_ever() -> None:
    state = LiveBars()
    for minute in range(KEPT + 10):
        state.update(bar(minute))
    assert (len(state.bars), state.bars[-1]) == (KEPT, bar(KEPT + 9))
