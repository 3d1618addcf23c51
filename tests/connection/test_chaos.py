"""Anything, in any order: the session's promises hold whatever the gateway and the user do.

A seeded walk and no Hypothesis machine: with real sockets and threads two runs of one plan may take
different paths, all of them right.
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clients import Background, Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.errors import ConnectionFailed, NotConnected, SessionError
from twsloop.session.state import State

MOODS = ["ready", "ready", "ready", "refuses", "closes after the hello", "client id in use"]


class Gateway:
    """A gateway of changing mood."""

    def __init__(self) -> None:
        self.mood = "ready"
        self.peers: list[Peer] = []

    async def __call__(self, peer: Peer) -> None:
        if self.mood == "refuses":
            peer.close()
            return
        await peer.greet(178)
        if self.mood == "closes after the hello":
            peer.close()
            return
        await peer.read_frame()
        if self.mood == "client id in use":
            await peer.send(text_body(4, 2, -1, 326, "in use", ""))
            peer.close()
            return
        self.peers.append(peer)
        await peer.send(text_body(15, 1, "DU1234567"), text_body(9, 1, 1))
        await peer.read_to_end()


class Session:
    """One connection object through many sessions, supervised and IB's own."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.gateway = Gateway()
        self.server = ScriptedServer(self.gateway)
        self.server.__enter__()
        self.clock = ManualClock()
        self.heard = Recorder()
        self.client = IBKRConnection(
            settings(self.server.port, heartbeat__enabled=False, reconnect__jitter=0),
            clock=self.clock, wrapper=self.heard,
        )  # fmt: skip
        self.core = self.client._tws
        self.downs: list[int] = []
        self.readies: list[int] = []
        self.core.on_down(lambda: self.downs.append(self.core.epoch))
        self.core.on_ready(lambda: self.readies.append(self.core.epoch))
        self.running: Background[None] | None = None
        self.refused_starts = 0
        self.asks: list[Any] = []

    def teardown(self) -> None:
        self.client.stop()
        if self.running is not None:
            self.running.result()
        # connect() that failed tells connectionClosed without a connectAck, as IB's does.
        closed = self.heard.names.count("connectionClosed") - self.refused_starts
        assert closed == self.heard.names.count("connectAck")
        assert len(self.downs) == len(set(self.downs)), "each session ends once"
        assert set(self.readies) <= set(self.downs)
        assert not self.core.event_loop.running
        assert self.core.state is State.DISCONNECTED
        assert self.clock.pending() == 0
        for future in self.asks:
            assert future.done()
        callbacks = [n.text for n in self.core.errors.recent if n.category == "callback"]
        assert callbacks == []
        self.server.__exit__(None, None, None)

    @property
    def idle(self) -> bool:
        return not self.client._driver.life.wanted and self.running is None

    def steps(self) -> list[Callable[[], None]]:
        """What may happen now."""
        found = [
            self.the_gateway_changes_its_mood,
            self.ask,
            self.disconnect,
            self.stop,
            self.a_request_without_a_session_is_told,
        ]
        if self.idle:
            found += [self.start, self.connect_and_run] * 3
        if self.core.state is State.READY:
            found += [self.the_gateway_closes] * 3
        if self.core.state is State.WAITING:
            found += [self.the_wait_is_over] * 5
        return found

    def the_gateway_changes_its_mood(self) -> None:
        self.gateway.mood = self.chance.choice(MOODS)

    def start(self) -> None:
        try:
            self.client.start()
        except ConnectionFailed:
            assert self.gateway.mood != "ready"
            assert not self.core.event_loop.running
        else:
            assert self.core.state is State.READY

    def connect_and_run(self) -> None:
        self.client.stop()  # a loop that a supervised session left
        before = self.heard.names.count("connectAck")
        ids = len(self.heard.of("nextValidId"))
        self.client.connect("127.0.0.1", self.server.port, 1)
        running = self.running = Background(self.client.run)
        if self.gateway.mood == "ready":
            self.heard.wait("nextValidId", ids + 1)
            assert self.core.state is State.READY
        else:
            running.result()
            self.running = None
            if self.heard.names.count("connectAck") == before:
                self.refused_starts += 1

    def the_gateway_closes(self) -> None:
        epoch = self.core.epoch
        self.server._loop.call(self.gateway.peers[-1].close)
        await_condition(lambda: epoch in self.downs)
        if self.running is not None:
            self.running.result()
            self.running = None
        else:
            await_condition(lambda: self.core.state is State.WAITING and self.clock.pending() > 0)

    def the_wait_is_over(self) -> None:
        attempts = self.core.metrics.counter("reconnect_attempts")
        before = attempts.value
        due = min(due for due, _, timer in self.clock._timers if not timer.cancelled)
        self.clock.advance(due - self.clock.monotonic())
        await_condition(
            lambda: (
                self.core.state is State.READY
                or (attempts.value > before and self.clock.pending() > 0)
            )
        )

    def ask(self) -> None:
        core = self.core
        key = "current_time"
        self.asks.append(core.ask(lambda _i: core.reqCurrentTime(), request="time", key=key))

    def disconnect(self) -> None:
        self.client.disconnect()
        if self.running is not None:
            self.running.result()
            self.running = None
        assert self.core.state is State.DISCONNECTED

    def stop(self) -> None:
        threads = [threading.Thread(target=self.client.stop) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self.running is not None:
            self.running.result()
            self.running = None
        assert not self.core.event_loop.running

    def a_request_without_a_session_is_told(self) -> None:
        if self.core.state is State.DISCONNECTED:
            future = self.core.ask(lambda _i: self.core.reqIds(-1), request="ids")
            with contextlib.suppress(SessionError):
                future.result(10)
            assert isinstance(future.exception(), NotConnected)

    def what_it_says_of_itself_agrees(self) -> None:
        if self.core.state is State.READY:
            assert self.client.isConnected()
            assert self.core.outbox.is_open
        if self.core.state in {State.DISCONNECTED, State.WAITING}:
            assert not self.client.isConnected()
            assert not self.core.outbox.is_open


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_through_many_sessions(seed: int) -> None:
    chance = random.Random(seed)
    session = Session(chance)
    taken: list[str] = []
    try:
        for _ in range(40):
            step = chance.choice(session.steps())
            taken.append(step.__name__)
            step()
            session.what_it_says_of_itself_agrees()
    except BaseException:
        print("the walk:", *taken, sep="\n  ")  # noqa: T201  (what a failure needs most)
        raise
    finally:
        session.client.stop()
    session.teardown()
