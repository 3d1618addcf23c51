"""Pacing: in no window more than the rate, whatever the network does, and no needless waiting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.clients.pacing_judge import Strikes
from twsloop.session.pacing import MARGIN, SPAN, WINDOW, MessageRate, Pacer, Urgency, own_rate

#: Times in 1/1024 s are exact as floats.
STEP = 1024
urgencies = st.sampled_from(Urgency)


def test_no_rate_means_no_limit() -> None:
    pacer = Pacer(0)
    for _ in range(1000):
        assert pacer.wait(0.0) == 0
        pacer.spend(0.0)


def test_the_first_ones_leave_at_once_and_the_next_one_waits() -> None:
    pacer = Pacer(3, spread=False)
    for now in (0.0, 0.25, 0.5):
        assert pacer.wait(now) == 0
        pacer.spend(now)
    assert pacer.wait(0.5) == pytest.approx(SPAN - 0.5)
    assert pacer.wait(1.0) == pytest.approx(MARGIN)
    assert pacer.wait(SPAN) == 0
    pacer.spend(SPAN)
    assert pacer.wait(SPAN) == pytest.approx(0.25)


def test_a_new_session_starts_with_a_clean_count() -> None:
    pacer = Pacer(1)
    pacer.spend(0.0)
    assert pacer.wait(0.0) == SPAN
    pacer.reset()
    assert pacer.wait(0.0) == 0


def test_requests_are_spread_when_half_is_used_and_orders_are_not() -> None:
    pacer = Pacer(10)
    for _ in range(5):
        assert pacer.wait(0.0) == 0
        pacer.spend(0.0)
    assert pacer.wait(0.0) == pytest.approx(SPAN / 10)
    assert pacer.wait(0.0, Urgency.ORDER) == 0
    assert pacer.wait(0.0, Urgency.URGENT) == 0


def test_requests_leave_a_reserve_to_orders_and_orders_one_to_cancels() -> None:
    pacer = Pacer(20, reserve=4, spread=False)
    sent = dict.fromkeys(Urgency, 0)
    for urgency in sorted(Urgency, reverse=True):
        while not pacer.wait(0.0, urgency):
            pacer.spend(0.0, urgency)
            sent[urgency] += 1
    assert sent == {Urgency.BULK: 16, Urgency.ORDER: 2, Urgency.URGENT: 2}


@pytest.mark.parametrize("rate", [1, 2, 3])
def test_a_small_rate_starves_nobody(rate: int) -> None:
    pacer = Pacer(rate, reserve=9)
    for urgency in Urgency:
        assert pacer.share(urgency, 0.0) >= 1


@given(
    st.integers(1, 20),
    st.integers(0, 5),
    st.lists(st.tuples(st.integers(0, 600), urgencies, st.floats(0, MARGIN * 0.99)), max_size=120),
)
def test_the_gateway_never_has_to_refuse(
    rate: int, reserve: int, storm: list[tuple[int, Urgency, float]]
) -> None:
    """Judged by the paper gateway's own count of what arrives, each message late by a little."""
    pacer, judge = Pacer(rate, reserve), Strikes(rate)
    now = arrived = 0.0
    for gap, urgency, under_way in storm:
        now += gap / STEP
        now += pacer.wait(now, urgency)
        assert pacer.wait(now, urgency) == 0, "one wait has to be enough"
        pacer.spend(now, urgency)
        arrived = max(arrived, now + under_way)  # a connection keeps the order
        assert judge.offer(arrived)


@given(st.integers(1, 20), st.lists(st.integers(0, 600), min_size=1, max_size=120))
def test_it_holds_nothing_urgent_back_that_may_leave(rate: int, gaps: list[int]) -> None:
    pacer = Pacer(rate)
    sent: list[float] = []
    now = 0.0
    for gap in gaps:
        now += gap / STEP
        if pacer.wait(now, Urgency.URGENT):
            assert sum(time > now - SPAN - 1e-6 for time in sent) >= rate
        else:
            pacer.spend(now, Urgency.URGENT)
            sent.append(now)


def test_a_storm_of_requests_never_makes_a_cancel_wait() -> None:
    """Arithmetic, not luck: requests alone cannot fill the window."""
    pacer = Pacer(own_rate(100), reserve=9)
    now, cancels = 0.0, 0
    for n in range(10_000):
        now += pacer.wait(now)
        pacer.spend(now)
        if n % 37 == 0:  # one a second, about
            assert pacer.wait(now, Urgency.URGENT) == 0
            pacer.spend(now, Urgency.URGENT)
            cancels += 1
    assert cancels > 200


def test_what_a_held_up_burst_adds_stays_below_the_limit() -> None:
    """0.2 s of a storm that arrive at once, and what follows at its own time."""
    pacer, judge = Pacer(own_rate(100), reserve=9), Strikes(50)
    now, times = 0.0, []
    for _ in range(200):
        now += pacer.wait(now)
        pacer.spend(now)
        times.append(now)
    for begin in (0.0, 0.3, 1.0, 2.0):
        judge = Strikes(50)
        assert all(judge.offer(begin + 0.2 if begin <= at < begin + 0.2 else at) for at in times), (
            begin
        )


@pytest.mark.parametrize(("lines", "rate"), [(100, 45), (200, 90), (1, 1), (10, 5)])
def test_the_rate_that_market_data_lines_allow(lines: int, rate: int) -> None:
    assert own_rate(lines) == rate


# ---- what the gateway complains of -------------------------------------------------------------


def test_a_refusal_halves_the_rate_and_quiet_gives_it_back() -> None:
    rates = MessageRate(40)
    rates.complained(0.0, "Max rate exceeded", refused=True)
    assert rates.limit(0.0) == 20
    rates.complained(1.0, "again", refused=True)
    assert rates.limit(1.0) == 10
    assert rates.slowed
    assert rates.limit(30.9) == 10
    assert rates.limit(31.0) == 20
    assert rates.limit(61.0) == 40
    assert not rates.slowed
    assert rates.complaints == 2


def test_what_is_said_within_one_second_is_one_step_and_the_worst_of_it_counts() -> None:
    rates = MessageRate(45)
    for number in range(3):  # a burst, and the end of a session
        rates.complained(number * 0.3, f"max=50 rec=51 ({number + 1})", refused=True)
    assert rates.limit(0.6) == 22
    assert rates.complaints == 3
    rates.complained(40.0, "Approaching", refused=False)
    rates.complained(40.5, "exceeded", refused=True)
    rates.complained(40.9, "Approaching", refused=False)
    assert rates.limit(40.9) == 22, "the refusal, and not the warning beside it"
    rates.complained(41.0, "exceeded", refused=True)
    assert rates.limit(41.0) == 11, "a second after the step is another one"


@given(st.integers(1, 200), st.lists(st.tuples(st.floats(0, 20), st.booleans()), max_size=40))
def test_complaints_leave_a_fifth_and_five_a_second(
    configured: int, said: list[tuple[float, bool]]
) -> None:
    rates, now = MessageRate(configured), 0.0
    for gap, refused in said:
        now += gap
        rates.complained(now, "", refused=refused)
        assert rates.limit(now) >= min(configured, max(configured // 5, 5))


@pytest.mark.parametrize("urgency", Urgency)
def test_a_slower_rate_has_a_smaller_reserve(urgency: Urgency) -> None:
    """What is kept back must not be all that complaints leave."""
    pacer, now = Pacer(45, reserve=9), 0.0
    for _ in range(9):
        now += 2.0
        pacer.complained(now, "max=50", refused=True)
    shares = {Urgency.URGENT: 45, Urgency.ORDER: 8, Urgency.BULK: 7}
    assert pacer.share(urgency, now) == shares[urgency]


def test_the_rate_recovers_while_sessions_come_and_go() -> None:
    pacer = Pacer(45)
    pacer.complained(0.0, "", refused=True)
    for now in range(1, 30):
        pacer.reset()
        assert pacer.share(Urgency.BULK, float(now)) == 22
    assert pacer.share(Urgency.BULK, 30.0) == 45


def test_what_is_urgent_does_not_wait_for_what_left_before_a_complaint() -> None:
    pacer = Pacer(45, reserve=9, spread=False)
    while not pacer.wait(0.0):
        pacer.spend(0.0)
    pacer.complained(0.1, "max=50 rec=51 (1)", refused=True)
    assert pacer.wait(0.1, Urgency.URGENT) == 0
    assert pacer.wait(0.1, Urgency.ORDER) > 1


def test_a_new_session_starts_without_the_hold_of_the_old_one() -> None:
    pacer = Pacer(45)
    pacer.complained(0.0, "", refused=True)
    assert pacer.held(0.5)
    pacer.reset()
    assert not pacer.held(0.5)
    assert pacer.wait(0.5) == 0


def test_a_warning_takes_a_fifth() -> None:
    rates = MessageRate(40)
    rates.complained(0.0, "Approaching the limit", refused=False)
    assert rates.limit(0.0) == 32


@pytest.mark.parametrize(
    "text",
    [
        "Max rate of messages per second has been exceeded:max=20 rec=21 (1)",
        "Approaching max rate of 20 messages per second",
    ],
)
def test_a_limit_that_is_named_counts_from_then_on(text: str) -> None:
    rates = MessageRate(45)
    rates.complained(0.0, text, refused=True)
    assert rates.limit(1000.0) == 18


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=50))
def test_complaints_never_stop_everything_and_all_is_given_back(
    said: list[tuple[float, bool]],
) -> None:
    rates, now = MessageRate(45), 0.0
    for gap, refused in said:
        now += gap
        rates.complained(now, "", refused=refused)
        assert 9 <= rates.limit(now) < 45
    assert rates.limit(now + 100 * MessageRate.RECOVERY) == 45


def test_after_a_refusal_only_what_is_urgent_leaves_before_the_window_is_empty() -> None:
    pacer = Pacer(40)
    pacer.complained(5.0, "", refused=True)
    assert pacer.wait(5.0, Urgency.URGENT) == 0
    assert pacer.wait(5.0, Urgency.ORDER) == pytest.approx(SPAN)
    assert pacer.wait(5.0) == pytest.approx(SPAN)
    assert pacer.held(5.0 + WINDOW)
    assert not pacer.held(5.0 + SPAN)
    assert pacer.wait(5.0 + SPAN) == 0


def test_a_limit_is_learned_also_where_none_is_set() -> None:
    pacer = Pacer(0, reserve=2)
    pacer.complained(0.0, "max=50 rec=51 (1)", refused=False)
    assert [pacer.share(urgency, 100.0) for urgency in Urgency] == [45, 44, 43]
