"""Metrics: what is counted is counted once, from any thread."""

from __future__ import annotations

import threading

import pytest

from twsloop.metrics import Metrics


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
