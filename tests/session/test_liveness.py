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


# ---- both directions -----------------------------------------------------------------------------


def test_bytes_without_answers_are_a_link_that_does_not_hear_us() -> None:
    life = Liveness(10, 5, now=0, answers=True)
    now = 0.0
    while now < 10:
        life.heard(now)
        now += 0.5
    assert life.look(10) is Verdict.PROBE, "asked even while bytes come"
    life.heard(12)
    assert life.look(12) is Verdict.WAIT
    life.heard(14.9)
    assert life.look(14.99) is Verdict.WAIT
    assert life.look(15) is Verdict.DEAF


def test_silence_after_the_question_is_death_and_an_answer_is_life() -> None:
    life = Liveness(10, 5, now=0, answers=True)
    life.heard(9)
    assert life.look(10) is Verdict.PROBE
    assert life.look(15) is Verdict.DEAD
    life = Liveness(10, 5, now=0, answers=True)
    assert life.look(10) is Verdict.PROBE
    life.heard(11)
    life.answered(11)
    assert life.look(20.9) is Verdict.ALIVE
    assert life.look(21) is Verdict.PROBE


def test_a_look_that_comes_far_too_late_asks_again_once() -> None:
    """The machine slept: what came meanwhile has not been read yet."""
    for answers in (False, True):
        life = Liveness(10, 5, now=0, answers=answers)
        assert life.look(10) is Verdict.PROBE
        assert life.look(4000) is Verdict.PROBE, "not dead: we were away"
        assert life.asked_at == 4000
        assert life.look(4004.9) is Verdict.WAIT
        assert life.look(8000) is Verdict.DEAD, "once, or a slow loop would never find out"
        life = Liveness(10, 5, now=0, answers=answers)
        assert life.look(10) is Verdict.PROBE
        assert life.look(4000) is Verdict.PROBE
        life.heard(4001)
        life.answered(4001)
        assert life.look(4011) is Verdict.PROBE
        assert life.look(8000) is Verdict.PROBE, "and again after the next sleep"


def test_a_look_that_comes_seconds_too_late_asks_again_once() -> None:
    """A callback held the thread for 8 s: the answer came, and timers are looked at before it."""
    for late in (1.1, 3.0, 4.9):
        life = Liveness(10, 5, now=0, answers=True)
        assert life.look(10) is Verdict.PROBE
        assert life.look(15 + late) is Verdict.PROBE, "nothing was read meanwhile"
        assert life.look(20 + late) is Verdict.DEAD
    life = Liveness(10, 5, now=0, answers=True)
    assert life.look(10) is Verdict.PROBE
    assert life.look(15.2) is Verdict.DEAD, "that is about on time"


def test_a_reader_that_is_behind_waits_for_the_answer_in_what_it_has_not_read() -> None:
    life = Liveness(10, 5, now=0, answers=True)
    assert life.look(10) is Verdict.PROBE
    life.heard(14)
    life.worked(2.6)
    assert life.look(15) is Verdict.WAIT
    life.heard(19)
    life.worked(2.4)
    assert life.look(20) is Verdict.DEAF


def test_an_answer_behind_a_long_message_is_waited_for_as_long_as_bytes_come() -> None:
    life = Liveness(10, 5, now=0, answers=True)
    life.heard(8)
    assert life.look(10, half=True) is Verdict.ALIVE, "nothing can be learned now"
    life.heard(10.5)
    assert life.look(20.4, half=True) is Verdict.ALIVE
    assert life.look(20.5, half=True) is Verdict.PROBE, "silence is asked as ever"
    for now in (22, 27, 32):
        life.heard(now)
        assert life.look(now + 4, half=True) is Verdict.WAIT
    assert life.look(42, half=True) is Verdict.PROBE
    assert life.look(47, half=True) is Verdict.DEAD


def test_a_byte_at_the_very_time_of_the_question_is_life() -> None:
    for answers, verdict in ((True, Verdict.DEAF), (False, Verdict.ALIVE)):
        life = Liveness(10, 5, now=0, answers=answers)
        assert life.look(10) is Verdict.PROBE
        life.heard(10)
        assert life.look(15) is verdict


@given(SPAN, SPAN, st.lists(st.tuples(st.floats(0, 3000), st.booleans()), max_size=12))
def test_whatever_comes_a_link_that_never_answers_is_given_up(
    silence: float, deadline: float, heard: list[tuple[float, bool]]
) -> None:
    """However many bytes come: there is a verdict within silence and deadline of an answer."""
    now = answered = 0.0
    life = Liveness(silence, deadline, now, answers=True)
    for span, is_answer in heard:
        # Timers fire when they are due, between the bytes.
        end = now + span
        while now + life.next_look(now) <= end:
            now += life.next_look(now)
            if life.look(now) in {Verdict.DEAD, Verdict.DEAF}:
                assert (silence + deadline) * 0.999999 <= now - answered
                assert now - answered <= (silence + deadline) * 1.000001
                return
        now = end
        life.heard(now)
        if is_answer:
            life.answered(now)
            answered = now
    assert now - answered <= (silence + deadline) * 1.000001
