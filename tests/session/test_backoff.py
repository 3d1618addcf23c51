"""Back-off: growing, capped, never more than the cap and never less than jitter allows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.session.backoff import Backoff

CHANCE = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("attempt", "seconds"), [(1, 0.5), (2, 1), (3, 2), (4, 4), (7, 32), (8, 60), (500, 60)]
)
def test_it_doubles_up_to_the_cap(attempt: int, seconds: float) -> None:
    assert Backoff(jitter=0).delay(attempt, 0.99) == seconds


def test_chance_takes_away_its_share_and_no_more() -> None:
    backoff = Backoff(first=10, jitter=0.2)
    assert backoff.delay(1, 0.0) == 10
    assert backoff.delay(1, 0.5) == 9
    assert backoff.delay(1, 0.999999) == pytest.approx(8, abs=1e-4)


@given(
    st.integers(-5, 10**9),
    CHANCE,
    st.floats(0.01, 3600),
    st.floats(1, 10),
    st.floats(0, 1),
)
def test_every_wait_lies_within_its_bounds(
    attempt: int, chance: float, first: float, factor: float, jitter: float
) -> None:
    backoff = Backoff(first, factor, max(first, 60.0), jitter)
    wait = backoff.delay(attempt, chance)
    assert 0 <= wait <= backoff.cap
    assert wait >= first * (1 - jitter) * 0.999999


@given(st.integers(1, 100), CHANCE)
def test_it_never_shrinks_with_the_attempts(attempt: int, chance: float) -> None:
    backoff = Backoff()
    assert backoff.delay(attempt + 1, chance) >= backoff.delay(attempt, chance)
