"""Bar sizes in people's spellings, and what history shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from twsloop.errors import HistoryError
from twsloop.history.words import (
    BAR_SIZES,
    Show,
    TickKind,
    bar_size_of,
    show_of,
    tick_kind_of,
)
from twsloop.paper.history.bars import BAR_SIZES as TAKEN


@pytest.mark.parametrize(
    ("spelling", "text"),
    [
        ("1 min", "1 min"),
        ("1 mins", "1 min"),  # which a gateway refuses
        ("5min", "5 mins"),
        ("30s", "30 secs"),
        ("1 Hour", "1 hour"),
        ("60 mins", "1 hour"),
        ("1d", "1 day"),
        (" 1 week ", "1W"),
        ("7 days", "1W"),
        ("1W", "1W"),
        ("1M", "1M"),  # IB's own word for a month
        ("1 month", "1M"),
        (timedelta(minutes=15), "15 mins"),
        (timedelta(days=1), "1 day"),
    ],
)
def test_bar_sizes_in_many_spellings(spelling: str | timedelta, text: str) -> None:
    assert bar_size_of(spelling).text == text


@pytest.mark.parametrize(
    "wrong", ["7 mins", "1m", "", "min", "0 secs", "1 fortnight", timedelta(seconds=7)]
)
def test_a_size_that_is_none_names_those_that_are(wrong: str | timedelta) -> None:
    with pytest.raises(HistoryError, match="it has 1 secs, 5 secs"):
        bar_size_of(wrong)


@pytest.mark.parametrize("text", BAR_SIZES)
def test_a_gateway_takes_every_size_as_we_send_it(text: str) -> None:
    size = bar_size_of(text)
    assert bar_size_of(size) is size
    assert bar_size_of(size.length) is size
    taken = TAKEN[text.lower()]
    assert (taken.intraday, taken.small) == (size.intraday, size.small)


def test_what_bars_show() -> None:
    assert show_of("trades") is Show.TRADES
    assert (Show.BID_ASK.weight, Show.TRADES.weight, TickKind.BID_ASK.weight) == (2, 1, 2)
    assert [show for show in Show if show.live] == ["TRADES", "MIDPOINT", "BID", "ASK"]
    assert [show for show in Show if show.ends_now] == ["ADJUSTED_LAST"]
    with pytest.raises(HistoryError, match=r"history\.schedule"):
        show_of("schedule")
    with pytest.raises(HistoryError, match="'LAST'; it shows TRADES, MIDPOINT"):
        show_of("LAST")


def test_what_ticks_show() -> None:
    assert tick_kind_of(" bid_ask") is TickKind.BID_ASK
    with pytest.raises(HistoryError, match="'BID'; they show TRADES, BID_ASK"):
        tick_kind_of("BID")
