"""The limiter as the server sees it: never too many arrivals in a period, whatever happens."""

from __future__ import annotations

import heapq
import threading
from itertools import pairwise

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client.errors import ApiConfigError
from api_client.limiter import RateLimiter, Ticket
from api_client.settings import RateLimits

PERIOD = 60.0


def limiter(places: int, **changes: float) -> RateLimiter:
    return RateLimiter(RateLimits(standard=places, heavy=places, period=PERIOD, **changes))


@attrs.frozen
class Request:
    start: float
    duration: float
    arrives: float  # the share of the duration after which the server counts it
    pause: float | None  # what a 429 asked for, when it ends


requests = st.lists(
    st.builds(
        Request,
        start=st.floats(0, 200),
        duration=st.floats(0, 90),
        arrives=st.floats(0, 1),
        pause=st.none() | st.none() | st.floats(0, 100),
    ),
    max_size=40,
)


def simulate(subject: RateLimiter, plan: list[Request]) -> tuple[list[float], dict[int, float]]:
    """Let every request live; return the arrivals, and when each got its place."""
    queue: list[tuple[float, int, str, int]] = []
    for number, request in enumerate(plan):
        heapq.heappush(queue, (request.start, number, "enter", number))
    tickets: dict[int, Ticket] = {}
    arrivals: list[float] = []
    taken: dict[int, float] = {}
    serial = len(plan)
    while queue:
        now, _, what, number = heapq.heappop(queue)
        serial += 1
        assert serial < 200_000, "the limiter spins"
        if what == "leave":
            subject.leave(tickets[number], now)
            pause = plan[number].pause
            if pause is not None:
                subject.pause("heavy", now + pause)
            continue
        if what == "enter":
            tickets[number] = subject.enter("heavy")
        wait = subject.claim(tickets[number], now)
        if wait == 0.0:
            taken[number] = now
            arrivals.append(now + plan[number].duration * plan[number].arrives)
            heapq.heappush(queue, (now + plan[number].duration, serial, "leave", number))
        else:
            assert wait > 0
            heapq.heappush(queue, (now + wait, serial, "try", number))
    return arrivals, taken


def busiest(arrivals: list[float]) -> int:
    return max((sum(at <= other < at + PERIOD for other in arrivals) for at in arrivals), default=0)


@given(requests, st.integers(1, 6))
def test_the_server_never_counts_too_many(plan: list[Request], places: int) -> None:
    arrivals, taken = simulate(limiter(places), plan)
    assert len(arrivals) == len(plan)
    assert busiest(arrivals) <= places
    # First come, first served, to the resolution of the shortest wait.
    in_turn = [taken[number] for number in sorted(taken, key=lambda one: (plan[one].start, one))]
    assert all(before <= after + 0.01 for before, after in pairwise(in_turn))


@given(st.integers(1, 40), st.integers(1, 7))
def test_no_time_is_wasted(count: int, places: int) -> None:
    plan = [Request(0.0, 0.0, 0.0, None)] * count
    arrivals, _ = simulate(limiter(places, margin=0.0), plan)
    assert arrivals == [pytest.approx(PERIOD * (number // places)) for number in range(count)]


def test_a_place_is_held_from_sending_until_a_period_after_the_answer() -> None:
    subject = limiter(1, margin=0.5)
    first, second = subject.enter("heavy"), subject.enter("heavy")
    assert subject.claim(first, 100.0) == 0.0
    assert subject.claim(second, 130.0) == 60.5  # still in flight: it cannot be sooner
    subject.leave(first, 140.0)
    assert subject.claim(second, 141.0) == 59.5
    assert subject.claim(second, 200.5) == 0.0


def test_classes_are_apart() -> None:
    subject = RateLimiter(RateLimits(standard=1, heavy=1))
    subject.pause("heavy", 50.0)
    assert subject.claim(subject.enter("standard"), 0.0) == 0.0
    assert subject.claim(subject.enter("heavy"), 0.0) == 50.0


def test_a_pause_holds_everybody_and_is_never_shortened() -> None:
    subject = limiter(3)
    subject.pause("heavy", 20.0)
    subject.pause("heavy", 10.0)
    tickets = [subject.enter("heavy") for _ in range(4)]
    assert [subject.claim(ticket, 5.0) for ticket in tickets[:3]] == [15.0] * 3
    assert [subject.claim(ticket, 20.0) for ticket in tickets] == [0.0, 0.0, 0.0, 60.25]


def test_who_leaves_the_queue_makes_way() -> None:
    subject = limiter(1)
    first, second, third = (subject.enter("heavy") for _ in range(3))
    assert subject.claim(third, 0.0) == 2 * 60.25
    subject.leave(first, 0.0)
    subject.leave(first, 0.0)
    assert subject.claim(third, 0.0) == 60.25
    subject.leave(second, 0.0)
    assert subject.claim(third, 0.0) == 0.0
    subject.leave(third, 0.0)
    subject.leave(third, 30.0)  # twice is harmless: the hold is not renewed
    assert subject.claim(subject.enter("heavy"), 60.25) == 0.0


def test_threads_share_the_places() -> None:
    subject = limiter(5)
    taken: list[float] = []

    def work() -> None:
        taken.extend(subject.claim(subject.enter("heavy"), 0.0) for _ in range(20))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken.count(0.0) == 5


@pytest.mark.parametrize("name", ["standard", "heavy", "period"])
def test_limits_above_zero(name: str) -> None:
    with pytest.raises(ApiConfigError, match=name):
        RateLimits(**{name: 0})
