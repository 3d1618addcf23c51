"""``bench/gil.py``: it measures, and the interval is what was found when it is over."""

from __future__ import annotations

import sys

from bench import gil


def test_ticks_are_timed_with_and_without_a_thread_that_computes() -> None:
    before = sys.getswitchinterval()
    rows = gil.run([0.5], ticks=5, rounds=1)
    assert sys.getswitchinterval() == before
    assert [row.interval_ms for row in rows] == [None, 0.5]
    assert all(0 < row.p50_us <= row.p99_us for row in rows)
    assert rows[0].work == 0 < rows[1].work
