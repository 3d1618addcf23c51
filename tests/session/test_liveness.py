"""Liveness: a verdict for every silence, and timers that always come to one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twsloop.session.liveness import Liveness, Verdict

SPAN = st.floats(0.1, 3600)


def test_silence_is_asked_and_a_silent_question_is_death() -> None:
    life = Liveness(10, 5, now=100)
    assert life.look(109.9) is Verdict.ALIVE
    assert life.look(110) is Verdict.PROBE
    assert life.look(114.9) is Verdict.WAIT
    assert life.look(115) is Verdict.DEAD


def test_any_byte_after_the_question_is_life_again() -> None:
    life = Liveness(10, 5, now=0)
    assert life.look(10) is Verdict.PROBE
    life.heard(14.9)
    assert life.last_life == 14.9
    assert life.look(20) is Verdict.ALIVE
    assert life.look(24.9) is Verdict.PROBE


def test_a_late_look_still_gives_the_answer_its_time() -> None:
    life = Liveness(10, 5, now=0)
    assert life.look(1000) is Verdict.PROBE
    assert life.look(1004) is Verdict.WAIT


@given(SPAN, SPAN, st.floats(0, 1e6), st.lists(st.floats(0, 5000), max_size=6))
def test_a_timer_set_by_next_look_always_comes_to_a_verdict(
    silence: float, deadline: float, start: float, bytes_after: list[float]
) -> None:
    """Rounding must not let a timer fire for ever without anything being decided."""
    now = start
    life = Liveness(silence, deadline, now)
    for span in bytes_after:
        now += span
        life.heard(now)
    verdicts = []
    for _ in range(12):
        now += life.next_look(now)
        verdict = life.look(now)
        verdicts.append(verdict)
        if verdict is Verdict.DEAD:
            break
    assert verdicts[-1] is Verdict.DEAD, verdicts
    assert verdicts.count(Verdict.PROBE) == 1
    assert now - life.last_life >= (silence + deadline) * 0.999999
