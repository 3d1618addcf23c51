"""Metrics: what is counted is counted once, from any thread."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.metrics import (
    HIGHEST,
    LAST_BUCKET,
    LOWEST,
    Distribution,
    Histogram,
    Metrics,
    bounds_of,
    bucket_of,
)


def test_counters_and_gauges_are_made_once() -> None:
    metrics = Metrics()
    metrics.counter("ticks").add()
    metrics.counter("ticks").add(4)
    metrics.gauge("queue").set(7)
    metrics.gauge("queue").add(-2)
    assert metrics.snapshot() == {"queue": 5, "ticks": 5}


def test_a_peak_only_rises() -> None:
    gauge = Metrics().gauge("longest")
    for value in (0.5, 2.0, 1.0):
        gauge.peak(value)
    assert gauge.value == 2.0


def test_a_counter_does_not_go_back() -> None:
    counter = Metrics().counter("ticks")
    with pytest.raises(ValueError, match=r"ticks is a counter; it does not go back \(by -1\)"):
        counter.add(-1)
    assert counter.value == 0


def test_a_watched_number_is_read_when_somebody_looks() -> None:
    metrics = Metrics()
    items: list[int] = []
    metrics.watch("items", lambda: len(items))
    assert metrics.snapshot() == {"items": 0}
    items.append(1)
    assert metrics.snapshot() == {"items": 1}
    metrics.watch("items", lambda: -1)
    assert metrics.snapshot() == {"items": -1}


def test_a_watched_number_that_raises_hides_no_other() -> None:
    metrics = Metrics()
    metrics.watch("a", lambda: 1 // 0)
    metrics.counter("b").add()
    assert metrics.snapshot() == {"b": 1}


def test_a_name_is_one_kind_of_number() -> None:
    metrics = Metrics()
    metrics.counter("a")
    metrics.watch("b", lambda: 0)
    with pytest.raises(ValueError, match="a is a counter already"):
        metrics.gauge("a")
    with pytest.raises(ValueError, match="a is a counter already"):
        metrics.watch("a", lambda: 0)
    with pytest.raises(ValueError, match="b is a watched number already"):
        metrics.counter("b")


def test_nothing_is_lost_between_threads() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(5000):
            metrics.counter("n").add()
            metrics.gauge("g").add(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert metrics.snapshot() == {"g": 20000, "n": 20000}


# ------------------------------------------------------------------------------- histograms
#: From a nanosecond to more than the last bucket begins with, seconds.
seconds = st.floats(0, 2.0**HIGHEST * 4, allow_nan=False)


def gathered(values: Iterable[float]) -> Distribution:
    histogram = Histogram("took")
    for value in values:
        histogram.record(value)
    return histogram.read()


@given(value=seconds)
def test_a_value_is_within_the_bounds_of_its_bucket(value: float) -> None:
    low, high = bounds_of(bucket_of(value))
    assert low <= value < high


def test_buckets_have_no_holes_and_no_more_than_an_eighth() -> None:
    for bucket in range(1, LAST_BUCKET):
        low, high = bounds_of(bucket)
        assert bounds_of(bucket - 1)[1] == low
        assert bucket_of(low) == bucket
        assert bucket_of(math.nextafter(high, 0)) == bucket
        assert high <= low * 1.125
    assert bounds_of(LAST_BUCKET - 1)[1] == bounds_of(LAST_BUCKET)[0]


@given(values=st.lists(seconds, min_size=1), percent=st.floats(0, 100))
def test_a_percentile_is_that_of_the_sorted_values_and_an_eighth_at_most(
    values: list[float], percent: float
) -> None:
    true = sorted(values)[max(math.ceil(len(values) * percent / 100), 1) - 1]
    estimate = gathered(values).percentile(percent)
    assert estimate is not None
    assert true <= estimate <= max(values)
    if true < 2.0**HIGHEST:
        assert estimate <= max(true * 1.125, 2.0**LOWEST)


@given(values=st.lists(seconds))
def test_what_is_exact(values: list[float]) -> None:
    found = gathered(values)
    assert found.count == len(values) == sum(found.buckets.values())
    assert found.low == min(values, default=None)
    assert found.high == max(values, default=None)
    assert found.total == pytest.approx(sum(values))
    assert found.percentile(0) == found.low
    assert found.percentile(100) == found.high
    if values:
        assert found.mean == pytest.approx(sum(values) / len(values))


@given(first=st.lists(seconds), second=st.lists(seconds))
def test_two_that_are_added_are_as_one(first: list[float], second: list[float]) -> None:
    both, one = gathered(first) + gathered(second), gathered([*first, *second])
    assert (both.count, both.low, both.high) == (one.count, one.low, one.high)
    assert dict(both.buckets) == dict(one.buckets)
    assert both.total == pytest.approx(one.total)
    assert gathered([]) + one == one


def test_of_nothing_there_is_nothing_to_say() -> None:
    empty = Histogram("took").read()
    assert (empty.count, empty.mean, empty.percentile(50)) == (0, None, None)
    assert empty.as_dict() == {
        "count": 0, "mean": None, "min": None, "p50": None, "p90": None, "p99": None, "max": None
    }  # fmt: skip


def test_what_a_histogram_does_not_take() -> None:
    histogram = Histogram("took")
    with pytest.raises(ValueError, match="took cannot count what is no number"):
        histogram.record(math.nan)
    histogram.record(-1)
    assert histogram.read().high == 0
    with pytest.raises(ValueError, match="between 0 and 100, and not 101"):
        histogram.read().percentile(101)


def test_histograms_are_made_once_and_read_together() -> None:
    metrics = Metrics()
    metrics.histogram("took").record(1)
    metrics.histogram("took").record(3)
    metrics.counter("ticks").add()
    assert {name: found.count for name, found in metrics.distributions().items()} == {"took": 2}
    assert metrics.snapshot() == {"ticks": 1}
    with pytest.raises(ValueError, match="took is a histogram already"):
        metrics.counter("took")


def test_no_value_is_lost_between_threads() -> None:
    histogram = Histogram("took")

    def count() -> None:
        for number in range(1000):
            histogram.record(number / 1000)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert histogram.read().count <= 4000
    for thread in threads:
        thread.join()
    assert histogram.read().count == 4000
