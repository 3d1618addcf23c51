"""How far a fetch is, and how long it will take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twsloop.history.progress import Meter, Progress
from twsloop.session.pacing import Wait


def test_before_the_first_answer_nobody_knows() -> None:
    look = Meter(100, 20, 5.0).look(9.0, Wait(7.0, "its turn"))
    assert look == Progress(20, 100, 0, 0, None, "its turn", 7.0)


def test_the_time_it_took_so_far_says_how_long_it_will_take() -> None:
    meter = Meter(100, 20, 10.0)
    meter.answered(20, 7)
    look = meter.look(14.0)
    assert (look.done, look.rows, look.requests, look.part) == (40, 7, 1, 0.4)
    assert look.eta == 12.0  # four seconds for twenty, and sixty are left


@given(
    st.integers(1, 1000),
    st.integers(0, 1000),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 50)), max_size=9),
)
def test_it_is_never_more_than_done(total: int, kept: int, answers: list[tuple[int, int]]) -> None:
    kept = min(kept, total)
    meter = Meter(total, kept, 0.0)
    for seconds, rows in answers:
        meter.answered(seconds, rows)
    look = meter.look(10.0)
    assert 0.0 <= look.part <= 1.0
    assert look.eta is None or look.eta >= 0
    assert (look.eta == 0.0) == (
        kept + sum(s for s, _ in answers) >= total and look.eta is not None
    )
    assert look.rows == sum(rows for _, rows in answers)
