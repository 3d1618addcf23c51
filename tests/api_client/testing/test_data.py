"""The made-up market: the same for the same seed, and never ahead of its time."""

from __future__ import annotations

import datetime as dt

import pytest

from api_client.fields import EASTERN
from api_client.occ import OptionSymbol
from api_client.testing.data import Filters, Market
from tests.support.flow import NOW

MONDAY, SUNDAY = dt.date(2026, 11, 16), dt.date(2026, 11, 22)


def market(seed: int = 1, now: dt.datetime = NOW, trades_per_day: int = 50) -> Market:
    return Market(seed=seed, tickers=("SLV", "SPY"), trades_per_day=trades_per_day, now=lambda: now)


def test_the_same_seed_is_the_same_market() -> None:
    first, second, other = market(), market(), market(seed=2)
    assert first.trades("SLV", MONDAY, SUNDAY) == second.trades("SLV", MONDAY, SUNDAY)
    assert first.trades("SLV", MONDAY, SUNDAY) != other.trades("SLV", MONDAY, SUNDAY)
    assert first.trades("SLV", MONDAY, SUNDAY) != first.trades("SPY", MONDAY, SUNDAY)


def test_a_day_does_not_depend_on_what_was_asked_before() -> None:
    first, second = market(), market()
    tuesday = MONDAY + dt.timedelta(days=1)
    first.trades("SLV", MONDAY, MONDAY)
    assert first.trades("SLV", tuesday, tuesday) == second.trades("SLV", tuesday, tuesday)


def test_nothing_later_than_now_and_nothing_at_the_weekend() -> None:
    subject = market()
    stamps = [row["trade_timestamp"] for row in subject.trades("SLV", MONDAY, SUNDAY)]
    assert stamps == sorted(stamps)
    assert max(stamps) <= subject.now_ms
    days = {dt.datetime.fromtimestamp(stamp / 1000, EASTERN).date() for stamp in stamps}
    assert days == {MONDAY + dt.timedelta(days=ahead) for ahead in range(3)}
    later = market(now=NOW + dt.timedelta(days=30))
    days = {
        dt.datetime.fromtimestamp(row["timestamp"] / 1000, EASTERN).date()
        for row in later.bars("SLV", MONDAY, SUNDAY)
    }
    assert {day.weekday() for day in days} == {0, 1, 2, 3, 4}


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-18T15:00:00-05:00", "2026-11-18"),
        ("2026-11-18T09:00:00-05:00", "2026-11-17"),
        ("2026-11-21T12:00:00-05:00", "2026-11-20"),
        ("2026-11-22T12:00:00-05:00", "2026-11-20"),
        ("2026-11-23T09:29:00-05:00", "2026-11-20"),
        ("2026-07-01T13:31:00+00:00", "2026-07-01"),
    ],
)
def test_the_last_day(now: str, day: str) -> None:
    assert market(now=dt.datetime.fromisoformat(now)).last_day() == dt.date.fromisoformat(day)


def test_days_back_skip_the_weekend() -> None:
    subject = market(now=dt.datetime(2026, 11, 17, 20, tzinfo=dt.UTC))  # a Tuesday
    assert [subject.back(days).day for days in (1, 2, 3)] == [17, 16, 13]


def test_the_market_opens_at_half_past_nine_in_summer_and_winter() -> None:
    subject = market()
    for day, offset in (("2026-07-01", "-04:00"), ("2026-01-05", "-05:00")):
        date = dt.date.fromisoformat(day)
        bars = subject.bars("SLV", date, date)
        assert len(bars) == 405
        assert bars[0]["datetime"] == f"{day}T09:30:00{offset}"
        assert bars[-1]["datetime"] == f"{day}T16:14:00{offset}"


def test_rows_make_sense() -> None:
    subject = market()
    for row in subject.trades("SLV", MONDAY, MONDAY):
        option = OptionSymbol.parse(row["option_symbol"])
        assert option.root == "SLV"
        assert option.expiry >= MONDAY
        assert (row["delta"] > 0) is (option.right == "C")
        assert row["bid"] <= row["price"] <= row["ask"]
    for bar in subject.bars("SLV", MONDAY, MONDAY):
        assert bar["low"] <= min(bar["open"], bar["close"])
        assert bar["high"] >= max(bar["open"], bar["close"])
    for point in subject.divergence("SLV", MONDAY, MONDAY):
        assert point["d_diff_short"] == pytest.approx(
            point["d_pos_short"] - point["d_neg_short"], abs=2e-6
        )
    for row in subject.predictions("SLV", MONDAY, MONDAY):
        assert sum(row["probabilities"]) == pytest.approx(1.0, abs=1e-5)
        assert row["confidence"] == max(row["probabilities"])
        assert (row["signal"], row["numeric"]) in {("BUY", 1), ("HOLD", 0), ("SELL", -1)}


def test_ids_are_unique() -> None:
    subject = market()
    ids = [
        row["id"]
        for ticker in subject.tickers
        for row in subject.trades(ticker, MONDAY - dt.timedelta(days=30), SUNDAY)
    ]
    assert len(ids) == len(set(ids)) > 1000


def test_divergence_counts_the_trades_of_its_memory() -> None:
    subject = market()
    day = MONDAY
    whole = subject.divergence("SLV", day, day)
    assert whole[-1]["number_of_trades"] == 50
    last_hour = subject.divergence("SLV", day, day, Filters(lookback_hours=1.0))[-1]
    end = last_hour["timestamp"] + 60_000
    expected = [
        row
        for row in subject.trades("SLV", day, day)
        if end - 3_600_000 <= row["trade_timestamp"] < end
    ]
    assert last_hour["number_of_trades"] == len(expected)
    assert last_hour["sum_pos"] == pytest.approx(
        sum(row["trade_value"] for row in expected if row["delta"] > 0)
    )
    big = Filters(least={"size": 200}, most={"delta": 0.0})
    filtered = subject.divergence("SLV", day, day, big)[-1]
    assert filtered["d_pos_short"] == 0.0
    assert filtered["number_of_trades"] < 50
