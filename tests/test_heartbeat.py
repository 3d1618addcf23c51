"""The heartbeat: silence is asked about, bytes are life, and death is told once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from twsloop.clock import ManualClock
from twsloop.events import Fact, HeartbeatMissed, HeartbeatRestored
from twsloop.heartbeat import HeartbeatMonitor


class Watch:
    """A monitor with 10 s of silence and 5 s for the answer."""

    def __init__(self) -> None:
        self.clock = ManualClock()
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
    for _ in range(20):
        watch.clock.advance(9)
        watch.monitor.heartbeat_received()
    assert watch.monitor.silent_for == 0
    assert (watch.probes, watch.dead, watch.facts) == ([], [], [])
    watch.clock.advance(9.5)
    assert watch.monitor.silent_for == 9.5


async def test_a_byte_after_the_question_restores_and_starts_anew() -> None:
    watch = Watch()
    watch.monitor.start_monitoring()
    watch.clock.advance(12)
    watch.monitor.heartbeat_received()
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
    watch.clock.advance(3.3)
    watch.monitor.heartbeat_received()
    watch.clock.advance(15.1)
    assert len(watch.probes) == 1
    assert len(watch.dead) == 1
