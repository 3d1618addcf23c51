"""When to try again: quickly after a session that stood, else by what went wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.session.backoff import Backoff
from twsloop.session.retries import Outcome, Retries, RetryRules

RULES = RetryRules(backoff=Backoff(first=0.5, factor=2, cap=60, jitter=0.2))
CHANCE = st.floats(0, 1, exclude_max=True)


def waits(retries: Retries, outcomes: list[Outcome]) -> list[float]:
    """The wait before each of some attempts, each of which fails as given."""
    found = []
    for outcome in outcomes:
        found.append(retries.plan(0.0).wait)
        retries.failed(outcome)
    return found


def test_after_a_session_that_stood_the_first_try_is_quick_and_the_others_grow() -> None:
    retries = Retries(RULES)
    retries.stood(3600)
    assert waits(retries, [Outcome.FAILED] * 10) == [0.1, 0.5, 1, 2, 4, 8, 16, 32, 60, 60]


def test_a_session_that_comes_and_goes_is_made_again_more_slowly_up_to_a_point() -> None:
    retries = Retries(RULES)
    found = []
    for _ in range(6):
        retries.stood(1.0)
        found.append(retries.plan(0.0).wait)
    assert found == [0.1, 0.5, 1, 2, 2, 2]
    retries.stood(5.0)
    assert retries.plan(0.0).wait == 0.1, "until one stands"


def test_a_port_that_nobody_listens_on_is_tried_evenly_before_the_waits_grow() -> None:
    rules = RetryRules(backoff=Backoff(0.5, 2, 60, 0.2), refused_wait=0.8, refused_tries=4)
    retries = Retries(rules)
    retries.stood(100)
    assert waits(retries, [Outcome.REFUSED] * 8) == [0.1, 0.5, 0.8, 0.8, 0.8, 0.5, 1, 2]
    retries.plan(0.0)
    retries.stood(100)
    assert waits(retries, [Outcome.REFUSED] * 3) == [0.1, 0.5, 0.8], "the count begins anew"


def test_whoever_listens_again_and_fails_is_tried_more_and_more_slowly() -> None:
    rules = RetryRules(backoff=Backoff(0.5, 2, 60, 0.2), refused_wait=0.8, refused_tries=9)
    retries = Retries(rules)
    retries.stood(100)
    outcomes = [Outcome.REFUSED] * 3 + [Outcome.FAILED] * 3
    assert waits(retries, outcomes) == [0.1, 0.5, 0.8, 0.8, 0.5, 1]


def test_an_outage_that_is_over_does_not_slow_down_the_next() -> None:
    retries = Retries(RULES)
    retries.stood(100)
    assert waits(retries, [Outcome.FAILED] * 8)[-1] == 32
    retries.plan(0.0)
    retries.stood(1)
    assert retries.plan(0.0).wait == 0.5


def test_the_quick_wait_is_never_longer_than_the_first_of_the_others() -> None:
    retries = Retries(RetryRules(backoff=Backoff(first=0.02, jitter=0), quick=0.1))
    retries.stood(100)
    assert retries.plan(0.5).wait == 0.02


def test_a_gateway_that_never_answers_is_wedged_after_three_and_tried_rarely() -> None:
    retries = Retries(RULES)
    retries.stood(100)
    plans = []
    for _ in range(5):
        plans.append(retries.plan(0.0))
        retries.failed(Outcome.MUTE)
    assert [plan.wedged for plan in plans] == [False, False, False, True, True]
    assert [plan.wait for plan in plans] == [0.1, 0.5, 1, 120, 120]
    assert [plan.mute for plan in plans] == [0, 1, 2, 3, 4]
    assert [plan.number for plan in plans] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("other", [Outcome.FAILED, Outcome.REFUSED])
def test_a_wedge_is_over_when_the_gateway_closes_or_is_gone(other: Outcome) -> None:
    retries = Retries(RULES)
    for _ in range(3):
        retries.failed(Outcome.MUTE)
    assert retries.plan(0.0).wedged
    retries.failed(other)
    assert not retries.plan(0.0).wedged
    retries.failed(Outcome.MUTE)
    assert not retries.plan(0.0).wedged, "three in a row, again"


def test_a_wedge_whose_dead_attempts_hold_our_id_is_still_a_wedge() -> None:
    """It hangs after startApi: each of our own dead attempts is the next one's 326 for a while."""
    retries = Retries(RULES)
    retries.stood(100)
    outcomes = [Outcome.MUTE, Outcome.ID_TAKEN] * 4
    assert waits(retries, outcomes) == [0.1, 0.5, 5, 1, 5, 120, 5, 120]
    plan = retries.plan(0.0)
    assert (plan.wait, plan.wedged, plan.id_taken) == (5, False, True), "a 326 is an answer"


def test_an_id_that_was_taken_for_long_does_not_slow_down_what_comes_after() -> None:
    retries = Retries(RULES)
    retries.stood(100)
    waits(retries, [Outcome.ID_TAKEN] * 12)
    assert waits(retries, [Outcome.FAILED] * 3) == [5, 0.5, 1]


def test_no_wedge_is_called_where_it_is_switched_off() -> None:
    retries = Retries(RetryRules(backoff=Backoff(jitter=0), wedge_after=0))
    for _ in range(50):
        retries.failed(Outcome.MUTE)
    plan = retries.plan(0.0)
    assert (plan.wedged, plan.wait) == (False, 60)


def test_an_id_that_is_taken_is_tried_at_even_intervals() -> None:
    retries = Retries(RULES)
    retries.stood(100)
    assert waits(retries, [Outcome.ID_TAKEN] * 5) == [0.1, 5, 5, 5, 5]
    assert retries.plan(0.0).id_taken
    retries.failed(Outcome.FAILED)
    assert not retries.plan(0.0).id_taken


def test_attempts_are_counted_since_a_session_stood() -> None:
    retries = Retries(RULES)
    waits(retries, [Outcome.FAILED] * 3)
    assert retries.attempts == 3
    retries.stood(0)
    assert retries.attempts == 0


EVENTS = st.lists(st.one_of(st.sampled_from(Outcome), st.floats(0, 100)), min_size=1, max_size=40)


@given(
    EVENTS,
    CHANCE,
    st.floats(0, 5),
    st.floats(0.01, 10),
    st.floats(1, 10),
    st.floats(0, 1),
    st.integers(0, 5),
)
def test_every_wait_is_explained_by_what_went_wrong(
    events: list[Outcome | float],
    chance: float,
    quick: float,
    first: float,
    factor: float,
    jitter: float,
    wedge_after: int,
) -> None:
    backoff = Backoff(first, factor, max(first, 60.0), jitter)
    rules = RetryRules(backoff=backoff, quick=quick, wedge_after=wedge_after)
    retries = Retries(rules)
    mute = 0
    for event in events:
        if isinstance(event, Outcome):
            retries.failed(event)
            if event is not Outcome.ID_TAKEN:
                mute = mute + 1 if event is Outcome.MUTE else 0
        else:
            retries.stood(event)
            mute = 0
        plan = retries.plan(chance)
        assert plan.mute == mute
        assert plan.wedged is (0 < wedge_after <= mute and event is not Outcome.ID_TAKEN)
        assert plan.id_taken is (event is Outcome.ID_TAKEN)
        less = 1 - jitter * chance
        longest = max(backoff.cap, rules.wedge_delay, rules.id_delay)
        least = min(quick, first, rules.refused_wait) * less
        assert least * 0.999999 <= plan.wait <= longest
        if plan.wedged:
            assert plan.wait >= rules.wedge_delay * less * 0.999999
        if isinstance(event, float) and event >= rules.stable_after:
            assert plan.wait <= quick, "a session that stood comes back quickly"
