"""Pacing: in no window of a second more than the rate, and no waiting that is not needed."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from twsloop.session.pacing import WINDOW, Pacer

#: Times in 1/1024 s are exact as floats, so that the bound can be checked without any tolerance.
STEP = 1024


def test_no_rate_means_no_limit() -> None:
    pacer = Pacer(0)
    for _ in range(10_000):
        assert pacer.wait(0.0) == 0
        pacer.spend(0.0)


def test_the_first_ones_leave_at_once_and_the_next_one_waits() -> None:
    pacer = Pacer(3)
    for now in (0.0, 0.25, 0.5):
        assert pacer.wait(now) == 0
        pacer.spend(now)
    assert pacer.wait(0.5) == 0.5
    assert pacer.wait(0.75) == 0.25
    assert pacer.wait(1.0) == 0
    pacer.spend(1.0)
    assert pacer.wait(1.0) == 0.25


def test_a_new_session_starts_with_a_clean_count() -> None:
    pacer = Pacer(1)
    pacer.spend(0.0)
    assert pacer.wait(0.0) == WINDOW
    pacer.reset()
    assert pacer.wait(0.0) == 0


@given(st.integers(1, 20), st.lists(st.integers(0, 600), min_size=1, max_size=120))
def test_it_never_exceeds_its_rate_in_any_window(rate: int, gaps: list[int]) -> None:
    pacer = Pacer(rate)
    sent: list[Fraction] = []
    now = 0.0
    for gap in gaps:
        now += gap / STEP
        now += pacer.wait(now)
        assert pacer.wait(now) == 0, "one wait has to be enough"
        pacer.spend(now)
        sent.append(Fraction(now))
    for start in sent:
        assert sum(start <= time < start + 1 for time in sent) <= rate


@given(st.integers(1, 20), st.lists(st.integers(0, 600), min_size=1, max_size=120))
def test_it_holds_nothing_back_that_may_leave(rate: int, gaps: list[int]) -> None:
    pacer = Pacer(rate)
    sent: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap / STEP
        if pacer.wait(now):
            assert sum(time > now - WINDOW for time in sent) >= rate
        else:
            pacer.spend(now)
            sent.append(now)
