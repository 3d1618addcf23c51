"""IB's limits, as numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.clients.pacing_judge import HistoryJudge, PacingRules, StepPacer, Strikes


def test_everything_follows_from_the_lines() -> None:
    rules = PacingRules()
    assert (rules.lines, rules.depth, rules.tick_by_tick, rules.messages) == (100, 3, 5, 50)
    rules = PacingRules(lines=400)
    assert (rules.depth, rules.tick_by_tick, rules.messages) == (6, 20, 200)
    assert PacingRules(lines=100_000).depth == 60
    assert PacingRules(lines=100, depth=7, tick_by_tick=1, messages=10).messages == 10


@pytest.mark.parametrize("wrong", [{"lines": -1}, {"messages": 0}, {"depth": -1}, {"excess": "x"}])
def test_what_is_no_limit(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"limits are|in excess"):
        PacingRules(**wrong)  # type: ignore[arg-type]


def played(pacer: StepPacer, arrivals: list[float], until: float) -> list[float]:
    """When each message is served."""
    served: list[float] = []
    arrivals = sorted(arrivals)
    while arrivals or pacer.waiting:
        step = pacer.next_step() if pacer.waiting else float("inf")
        if arrivals and arrivals[0] <= step:
            now = arrivals.pop(0)
            if pacer.offer(now):
                served.append(now)
        elif step <= until:
            served += [round(step, 6)] * pacer.serve(step)
        else:
            break
    return served


def test_six_in_one_instant_are_served_as_the_gateway_was_seen_to() -> None:
    assert played(StepPacer(50), [5.0] * 6, 20) == pytest.approx([5.0, 5.1, 5.2, 5.3, 5.4, 5.5])


def test_messages_apart_are_never_slowed() -> None:
    arrivals = [n * 0.002 for n in range(500)]
    assert played(StepPacer(50), arrivals, 20) == pytest.approx(arrivals)


def test_what_still_waits_after_a_second_is_served_in_halves() -> None:
    served = played(StepPacer(50), [0.0] * 30, 20)
    # One a step first; then the 20 that are left: 10, 5, 3, 2.
    assert served[:10] == pytest.approx([0.1 * n for n in range(10)])
    assert served[10:] == pytest.approx([1.0] * 10 + [1.1] * 5 + [1.2] * 3 + [1.3] * 2)


def test_no_interval_serves_more_than_the_limit() -> None:
    served = played(StepPacer(50), [0.0] * 500, 100)
    assert len(served) == 500
    for second in range(1, 10):
        assert sum(second <= at < second + 1 for at in served) <= 50


@given(st.lists(st.floats(0, 5), max_size=120), st.integers(1, 60))
def test_every_message_is_served_once_and_in_time(arrivals: list[float], limit: int) -> None:
    pacer = StepPacer(limit)
    served = played(pacer, arrivals, 1e6)
    assert len(served) == len(arrivals)
    assert pacer.waiting == 0
    assert served == sorted(served)
    for came, at in zip(sorted(arrivals), served, strict=True):
        assert at >= came - 1e-6


def test_the_third_message_over_the_limit_is_the_last() -> None:
    strikes = Strikes(50)
    assert all(strikes.offer(0.01 * n) for n in range(50))
    assert not strikes.offer(0.6)
    assert strikes.offer(1.0)  # the first is a second old
    assert not strikes.offer(1.005)
    assert (strikes.count, strikes.out) == (2, False)
    assert not strikes.offer(1.006)
    assert strikes.out


def test_no_identical_request_within_fifteen_seconds() -> None:
    judge = HistoryJudge()
    assert judge.broken(0.0, "a", "f") is None
    assert judge.broken(14.9, "a", "f") == "identical request within 15 seconds"
    assert judge.broken(14.9, "b", "f") is None
    assert judge.broken(15.0, "a", "f") is None


def test_five_of_a_kind_in_two_seconds_but_not_six() -> None:
    judge = HistoryJudge()
    for n in range(5):
        assert judge.broken(0.1 * n, n, "f") is None
    assert judge.broken(0.6, 9, "f") == "6 requests for one contract within 2 seconds"
    assert judge.broken(0.6, 9, "another") is None
    assert judge.broken(2.05, 10, "f") is None


def test_sixty_in_ten_minutes_and_bid_ask_twice() -> None:
    judge = HistoryJudge()
    for n in range(29):
        assert judge.broken(n * 10.0, n, n, 2) is None
    assert judge.broken(300.0, "x", "x") is None
    assert judge.broken(301.0, "y", "y", 2) == "more than 60 requests in 10 minutes"
    assert judge.broken(301.0, "y", "y") is None
    assert judge.broken(302.0, "z", "z") is not None
    assert judge.broken(600.0, "z", "z") is None


@given(st.lists(st.tuples(st.floats(0, 30), st.integers(0, 3), st.integers(1, 2)), max_size=200))
def test_what_passes_keeps_all_three_rules(asked: list[tuple[float, int, int]]) -> None:
    judge = HistoryJudge()
    passed: list[tuple[float, int, int]] = []
    now = 0.0
    for wait, name, weight in asked:
        now += wait
        if judge.broken(now, name, name % 2, weight) is None:
            passed.append((now, name, weight))
    for place, (at, name, _) in enumerate(passed):
        before = passed[: place + 1]
        assert sum(n == name and t > at - 15 for t, n, _ in before) == 1
        assert sum(n % 2 == name % 2 and t > at - 2 for t, n, _ in before) < 6
        assert sum(w for t, _, w in before if t > at - 600) <= 60
