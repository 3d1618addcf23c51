"""Our own pacing of history, judged by the rules that the paper gateway enforces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.history.pacing import HistoryPacer, Paced
from twsloop.paper.clients.pacing_judge import HistoryJudge


def paced(name: object, family: object = "AAPL", weight: int = 1) -> Paced:
    return Paced(name, family, weight)


def leave(pacer: HistoryPacer, now: float, request: Paced) -> float:
    """Wait as long as it says, then let it leave; when it left."""
    for _ in range(6):
        wait = pacer.wait(now, request)
        if wait is None:
            pacer.take(now, request)
            pacer.give()
            return now
        assert wait.seconds > 0
        assert wait.reason
        now += wait.seconds
    raise AssertionError("it waits for ever")


asked = st.tuples(
    st.floats(0, 4),  # seconds after the one before
    st.integers(0, 3),  # identity
    st.sampled_from(["AAPL", "MSFT"]),
    st.integers(1, 2),  # weight
    st.floats(0, 0.49),  # how long it is under way
)


@given(st.lists(asked, max_size=90))
def test_ib_never_has_to_refuse(requests: list[tuple[float, int, str, int, float]]) -> None:
    pacer, judge = HistoryPacer(), HistoryJudge()
    now = arrived = 0.0
    for pause, identity, family, weight, under_way in requests:
        now = leave(pacer, now + pause, paced((family, identity), family, weight))
        arrived = max(arrived, now + under_way)  # a connection keeps the order
        assert judge.broken(arrived, (family, identity), family, weight) is None


@given(st.integers(1, 2))
def test_sixty_in_ten_minutes(weight: int) -> None:
    pacer = HistoryPacer()
    for n in range(60 // weight):
        assert leave(pacer, 0.0, paced(n, n, weight)) == 0.0
    wait = pacer.wait(1.0, paced("more", "more", weight))
    assert wait is not None
    assert wait.reason == "60 were asked within 10 minutes"
    assert 600 < leave(pacer, 1.0, paced("more", "more", weight)) < 602


def test_the_same_again_waits_fifteen_seconds() -> None:
    pacer = HistoryPacer()
    assert leave(pacer, 0.0, paced("a")) == 0.0
    wait = pacer.wait(5.0, paced("a"))
    assert wait is not None
    assert 10 < wait.seconds < 11
    assert "the same was asked" in wait.reason
    assert pacer.wait(5.0, paced("b")) is None


def test_five_of_a_contract_in_two_seconds() -> None:
    pacer = HistoryPacer()
    times = [leave(pacer, 0.0, paced(n)) for n in range(6)]
    assert times[:5] == [0.0] * 5
    assert 2 < times[5] < 3
    assert pacer.wait(0.0, paced("x", "MSFT")) is None


def test_large_bars_wait_for_open_ones_only() -> None:
    pacer = HistoryPacer()
    large = Paced("day bars", "AAPL", small=False)
    for _ in range(50):
        assert pacer.wait(0.0, large) is None
        pacer.take(0.0, large)
    wait = pacer.wait(0.0, large)
    assert wait is not None
    assert "50 requests for history are open" in wait.reason
    pacer.give()
    assert (pacer.open, pacer.wait(0.0, large)) == (49, None)


def test_what_is_not_counted_keeps_the_other_rules() -> None:
    pacer = HistoryPacer()
    for n in range(100):
        leave(pacer, 0.0, Paced(n, n, counted=False))
    assert pacer.wait(0.0, paced("bars", "bars")) is None
    assert pacer.wait(0.0, Paced(1, 1, counted=False)) is not None


def test_a_violation_holds_everything_back_longer_each_time() -> None:
    pacer = HistoryPacer()
    assert pacer.violated(0.0) == 20
    held = pacer.wait(0.0, paced("a"))
    assert held is not None
    assert (held.seconds, held.reason) == (20, "IB said that history is asked for too fast")
    large = Paced("day bars", "AAPL", small=False)
    assert pacer.wait(0.0, large) == held
    assert pacer.wait(20.0, large) is None
    assert [pacer.violated(100.0) for _ in range(6)] == [40, 80, 160, 320, 600, 600]
    pacer.answered()
    assert pacer.violated(10_000.0) == 20


@pytest.mark.parametrize("seconds", [14.9, 15.0, 15.4])
def test_a_network_may_take_half_a_second_from_the_distance(seconds: float) -> None:
    pacer = HistoryPacer()
    leave(pacer, 0.0, paced("a"))
    assert pacer.wait(seconds, paced("a")) is not None
