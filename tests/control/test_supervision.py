"""When a gateway is restarted by itself, and when not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.control.endings import Ending, explain
from twsloop.control.login_log import LoginState, Stage
from twsloop.control.readiness import Seen
from twsloop.control.supervision import Action, Limits, Sight, Supervision

HANGS = Seen(state="WAITING", reason="accepts and does not answer", wedged=True)
WELL = Seen(state="READY", ready=True)
LIMITS = Limits(most=2, window=100, pause=10)


def test_one_that_hangs_is_restarted_up_to_the_limit() -> None:
    supervision = Supervision(LIMITS)
    assert supervision.look(Sight(now=0, seen=WELL)).action is Action.NOTHING
    assert supervision.look(Sight(now=1, seen=HANGS)).action is Action.RESTART
    assert supervision.look(Sight(now=5, seen=HANGS)).action is Action.NOTHING  # too soon
    assert supervision.look(Sight(now=11, seen=HANGS)).action is Action.RESTART
    given_up = supervision.look(Sight(now=30, seen=HANGS))
    assert given_up.action is Action.GIVE_UP
    assert "2 times within 100 s" in given_up.reason
    assert "restart_limit" in given_up.remedy
    assert supervision.look(Sight(now=1000, seen=WELL)) == given_up  # a person has to look


def test_restarts_long_ago_do_not_count() -> None:
    supervision = Supervision(LIMITS)
    for now in (0, 50, 101, 151, 202):
        assert supervision.look(Sight(now=now, seen=HANGS)).action is Action.RESTART


def test_no_restart_where_none_is_allowed() -> None:
    none = Supervision(Limits(most=0, window=100, pause=0))
    assert none.look(Sight(now=0, seen=HANGS)).action is Action.GIVE_UP


@pytest.mark.parametrize(
    "sight",
    [
        Sight(now=0, seen=HANGS, window="it is the nightly reset"),
        Sight(now=0, seen=HANGS, login=LoginState(stage=Stage.SECOND_FACTOR)),
        Sight(now=0, seen=Seen(state="DEGRADED", reason="1100")),
        Sight(now=0, seen=Seen(state="WAITING", reason="connection refused")),
    ],
    ids=["planned", "second factor", "servers lost", "refused"],
)
def test_what_comes_back_by_itself_is_left_alone(sight: Sight) -> None:
    supervision = Supervision(LIMITS)
    assert supervision.look(sight).action is Action.NOTHING
    assert supervision.restarts == 0


@pytest.mark.parametrize(
    ("status", "action"),
    [
        (0, Action.REST),
        (-15, Action.REST),
        (76, Action.START),
        (-9, Action.START),
        (88, Action.START),
        (6, Action.GIVE_UP),
        # The second factor is a person's: it is never asked for again by ourselves.
        (87, Action.GIVE_UP),
    ],
)
def test_a_process_that_ended(status: int, action: Action) -> None:
    decision = Supervision(LIMITS).look(Sight(now=0, seen=WELL, ending=explain(status)))
    assert decision.action is action
    assert bool(decision.remedy) is (action is Action.GIVE_UP)


STEPS = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.sampled_from([HANGS, WELL, Seen()]),
        st.sampled_from([None, None, explain(76), explain(-9)]),
        st.sampled_from(["", "", "it is a reset"]),
        st.sampled_from([Stage.UNKNOWN, Stage.CONFIGURED, Stage.SECOND_FACTOR]),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 4), st.floats(1, 200), st.floats(0, 50))
def test_the_limits_hold_whatever_is_seen(
    steps: list[tuple[float, Seen, Ending | None, str, Stage]],
    most: int,
    window: float,
    pause: float,
) -> None:
    supervision = Supervision(Limits(most=most, window=window, pause=pause))
    now, given_up = 0.0, False
    done: list[float] = []
    for later, seen, ending, planned, stage in steps:
        now += later
        sight = Sight(
            now=now,
            seen=seen,
            ending=ending,
            window=planned,
            login=LoginState(stage=stage),
        )
        decision = supervision.look(sight)
        assert not given_up or decision.action is Action.GIVE_UP
        given_up = given_up or decision.action is Action.GIVE_UP
        if decision.action is Action.RESTART:
            assert seen.wedged
            assert not planned
            assert stage is not Stage.SECOND_FACTOR
        if decision.action in {Action.RESTART, Action.START}:
            assert decision.reason
            assert not done or now - done[-1] >= pause
            done.append(now)
            assert sum(now - one < window for one in done) <= most
