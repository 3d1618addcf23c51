"""The heartbeat: silence is asked about, bytes are life, and death is told once."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import LoopFactory
from twsloop.clock import ManualClock, Timer
from twsloop.events import Fact, HeartbeatMissed, HeartbeatRestored
from twsloop.heartbeat import HeartbeatMonitor


class Watch:
    """A monitor with 10 s of silence and 5 s for the answer."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock or ManualClock()
        self.probes: list[float] = []
        self.dead: list[float] = []
        self.facts: list[Fact] = []
        self.on_probe: Callable[[], object] = lambda: None
        self.monitor = HeartbeatMonitor(
            self.clock,
            silence=10,
            deadline=5,
            probe=self.probe,
            on_dead=self.dead.append,
            on_fact=self.facts.append,
        )

    def probe(self) -> None:
        self.probes.append(self.clock.monotonic())
        self.on_probe()

    def hears(self, *, every: float, times: int = 1) -> None:
        """Bytes come, so many times, each so many seconds after what was before."""
        for _ in range(times):
            self.clock.advance(every)
            self.monitor.heartbeat_received()


async def test_silence_is_probed_and_then_it_is_dead_once() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.clock.advance(9.9)
    assert watch.probes == []
    watch.clock.advance(0.1)
    assert watch.probes == [10]
    assert [type(fact) for fact in watch.facts] == [HeartbeatMissed]
    watch.clock.advance(4.9)
    assert watch.dead == []
    watch.clock.advance(0.1)
    assert watch.dead == [15]
    assert not watch.monitor.monitoring
    watch.clock.advance(1000)
    assert watch.dead == [15]
    assert watch.clock.pending() == 0


async def test_bytes_keep_it_quiet() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.hears(every=9, times=20)
    assert watch.monitor.silent_for == 0
    assert (watch.probes, watch.dead, watch.facts) == ([], [], [])
    watch.clock.advance(9.5)
    assert watch.monitor.silent_for == 9.5


async def test_a_byte_after_the_question_restores_and_starts_anew() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.hears(every=12)
    missed, restored = watch.facts
    assert isinstance(missed, HeartbeatMissed)
    assert missed.silence == 10
    assert isinstance(restored, HeartbeatRestored)
    assert restored.silence == 12
    watch.clock.advance(9.9)
    assert len(watch.probes) == 1
    watch.clock.advance(0.1)
    assert watch.probes == [10, 22]


async def test_an_answer_that_comes_within_the_probe_itself() -> None:
    watch = Watch()
    watch.on_probe = watch.monitor.heartbeat_received
    watch.monitor.start_monitoring()
    watch.clock.advance(100)
    assert watch.dead == []
    assert watch.clock.pending() == 1, "one timer, not one more with each answer"


async def test_stopping_inside_the_probe_leaves_no_timer() -> None:
    watch = Watch()
    watch.on_probe = watch.monitor.stop_monitoring
    watch.monitor.start_monitoring()
    watch.clock.advance(100)
    assert watch.dead == []
    assert watch.clock.pending() == 0


async def test_stopped_it_neither_asks_nor_judges() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.monitor.stop_monitoring()
    watch.monitor.stop_monitoring()
    watch.monitor.heartbeat_received()
    watch.clock.advance(1000)
    assert (watch.probes, watch.dead) == ([], [])
    assert watch.monitor.silent_for == 0


async def test_starting_again_forgets_the_silence_before() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.clock.advance(12)
    watch.monitor.start_monitoring()
    watch.clock.advance(9.9)
    assert watch.dead == []
    assert len(watch.probes) == 1
    assert watch.clock.pending() == 1


@pytest.mark.parametrize("start", [0.1, 0.7, 1e-3, 12345.678, 1e9 / 7])
async def test_odd_times_do_not_make_a_timer_fire_for_ever(start: float) -> None:
    watch = Watch()
    watch.clock.advance(start)
    watch.monitor.start_monitoring()
    watch.hears(every=3.3)
    watch.clock.advance(15.1)
    assert len(watch.probes) == 1
    assert len(watch.dead) == 1


# ---- both directions, and a machine that sleeps --------------------------------------------------


class Deaf(Watch):
    """The same, but the question has to be answered."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        super().__init__(clock)
        self.deaf: list[float] = []
        self.slow = False
        self.monitor = HeartbeatMonitor(
            self.clock,
            silence=10,
            deadline=5,
            probe=self.probe,
            on_dead=self.dead.append,
            on_deaf=self.deaf.append,
            half=lambda: self.slow,
            on_fact=self.facts.append,
        )


async def test_bytes_without_an_answer_end_a_link_and_are_no_silence() -> None:
    watch = Deaf()
    watch.monitor.start_monitoring()
    watch.hears(every=0.5, times=29)
    assert (watch.probes, watch.deaf) == ([10], [])
    watch.clock.advance(0.5)
    assert (watch.deaf, watch.dead, watch.facts) == ([5], [], [])
    assert watch.clock.pending() == 0


async def test_bytes_that_cease_just_before_the_question_are_missed_at_the_end() -> None:
    watch = Deaf()
    watch.monitor.start_monitoring()
    watch.hears(every=9)
    watch.clock.advance(1)
    assert (watch.probes, watch.facts) == ([10], []), "asked in its turn, and not silent yet"
    watch.clock.advance(5)
    (missed,) = watch.facts
    assert isinstance(missed, HeartbeatMissed)
    assert (missed.silence, watch.dead, watch.deaf) == (6, [6], [])


async def test_an_answer_puts_the_next_question_off() -> None:
    watch = Deaf()

    def answer() -> None:
        watch.monitor.heartbeat_received()
        watch.monitor.answer_received()

    watch.on_probe = answer
    watch.monitor.start_monitoring()
    watch.clock.advance(1000)
    assert watch.probes == [float(at) for at in range(10, 1001, 10)]
    assert (watch.deaf, watch.dead) == ([], [])
    assert watch.clock.pending() == 1
    watch.monitor.stop_monitoring()
    watch.monitor.answer_received()
    watch.monitor.worked(1)
    assert watch.clock.pending() == 0


async def test_a_message_that_comes_slowly_and_a_busy_reader_are_given_time() -> None:
    watch = Deaf()
    watch.monitor.start_monitoring()
    watch.hears(every=9)
    watch.clock.advance(1)
    watch.slow = True
    watch.hears(every=4, times=10)
    assert watch.deaf == []
    watch.slow = False
    for _ in range(10):
        watch.hears(every=4)
        watch.monitor.worked(3)
    assert watch.deaf == [], "busy with what came"
    watch.hears(every=4, times=5)
    assert len(watch.deaf) == 1


class _Sleepy(ManualClock):
    """A machine that sleeps: time goes on, and no timer fires until it wakes."""

    def sleep_for(self, seconds: float) -> None:
        """Sleep, and wake."""
        self._elapsed += seconds
        self.advance(0)


@pytest.mark.parametrize("make", [Watch, Deaf])
async def test_a_machine_that_slept_asks_at_once_and_gives_the_answer_its_time(
    make: type[Watch],
) -> None:
    clock = _Sleepy()
    watch = Deaf(clock) if make is Deaf else Watch(clock)
    watch.monitor.start_monitoring()
    clock.sleep_for(3600)
    assert watch.probes == [3600], "at once"
    clock.sleep_for(3600)
    assert watch.probes == [3600, 7200], "it slept on the question: no verdict"
    assert watch.dead == []
    clock.advance(4)
    watch.monitor.heartbeat_received()
    watch.monitor.answer_received()
    clock.advance(9)
    assert watch.dead == []
    clock.advance(1)
    assert len(watch.probes) == 3
    clock.advance(5)
    assert watch.dead == [15], "and one that is dead is found out as ever"


class _HeldClock(ManualClock):
    """A clock that a test moves, but for what is due at once: that is the loop's own."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> Timer:
        if delay:
            return super().call_later(delay, callback, *args)
        return asyncio.get_running_loop().call_later(delay, callback, *args)


@pytest.mark.parametrize("answered", [True, False])
def test_what_came_while_the_loop_was_held_is_read_before_the_link_is_given_up(
    answered: bool, loop_factory: LoopFactory
) -> None:
    """The answer lies in the socket; the timer is looked at before it."""

    async def main() -> None:
        watch, (ours, theirs) = Watch(_HeldClock()), socket.socketpair()
        watch.on_probe = lambda: theirs.send(b"\0") if answered else None

        class Reader(asyncio.Protocol):
            def data_received(self, _data: bytes) -> None:
                watch.monitor.heartbeat_received()

        ours.setblocking(False)
        link, _ = await asyncio.get_running_loop().create_connection(Reader, sock=ours)
        watch.monitor.start_monitoring()
        watch.clock.advance(15.5)  # question and deadline in one turn of the loop
        for _ in range(6):
            await asyncio.sleep(0)
        assert bool(watch.dead) is not answered
        watch.monitor.stop_monitoring()
        link.abort()
        theirs.close()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())


async def test_a_question_that_cannot_be_asked_does_not_end_the_watch() -> None:
    watch = Watch()

    def fails() -> None:
        raise RuntimeError

    watch.on_probe = fails
    watch.monitor.start_monitoring()
    with pytest.raises(RuntimeError):
        watch.clock.advance(10)
    watch.clock.advance(5)
    assert watch.dead == [15]
