"""A lost link is made again, with growing waits, under the same client id; every end is clean."""

from __future__ import annotations

import asyncio
import functools
import itertools
import threading

import pytest
from ibapi.contract import Contract

from tests.support.clients import (
    PATIENCE,
    Background,
    Recorder,
    await_condition,
    settings,
    skip_waits,
)
from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.errors import ConnectionFailed, ConnectionLost, HandshakeClosed, RequestTimeout
from twsloop.events import Fact, HeartbeatRestored, SessionChanged
from twsloop.session.state import State
from twsloop.transport import Fate, Lane


class Watch:
    """A client on a ManualClock that writes down its states."""

    def __init__(self, port: int, **overrides: object) -> None:
        self.clock = ManualClock()
        self.heard = Recorder()
        overrides.setdefault("reconnect__jitter", 0)
        overrides.setdefault("heartbeat__enabled", False)
        self.client = IBKRConnection(
            settings(port, **overrides), clock=self.clock, wrapper=self.heard
        )
        self.core = self.client._tws
        self.states: list[tuple[State, str]] = []
        self._changed = threading.Condition()
        self.client.on_session(self._note)

    def _note(self, state: State, reason: str) -> None:
        with self._changed:
            self.states.append((state, reason))
            self._changed.notify_all()

    def wait_state(self, state: State, count: int = 1) -> None:
        with self._changed:
            assert self._changed.wait_for(
                lambda: [s for s, _ in self.states].count(state) >= count, PATIENCE
            ), self.states

    def count(self, state: State) -> int:
        return [s for s, _ in self.states].count(state)


class Gateway:
    """Sessions that a test ends; each one notes its hello and startApi."""

    def __init__(self) -> None:
        self.starts: list[bytes] = []
        self.peers: list[Peer] = []
        self.ids = itertools.count(1, 100)

    async def __call__(self, peer: Peer) -> None:
        await peer.greet(178)
        self.starts.append(await peer.read_frame())
        self.peers.append(peer)
        await peer.send(text_body(15, 1, "DU1234567"), text_body(9, 1, next(self.ids)))

    def end(self, server: ScriptedServer, number: int = -1) -> None:
        server._loop.call(self.peers[number].close)


async def refuses(peer: Peer) -> None:
    peer.close()


async def greets_and_closes(peer: Peer) -> None:
    await peer.greet(178)
    peer.close()


def test_a_lost_link_comes_back_after_growing_waits_under_the_same_client_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway = Gateway()
    with ScriptedServer(gateway, refuses, greets_and_closes, gateway) as server:
        watch = Watch(server.port, connection__client_id=9)
        with watch.client:
            gateway.end(server)
            for attempt, wait in enumerate((0.1, 0.5, 1.0), start=1):
                watch.wait_state(State.WAITING, attempt)
                connects = watch.count(State.CONNECTING)
                watch.clock.advance(wait - 0.01)
                assert watch.count(State.CONNECTING) == connects, "not before its time"
                watch.clock.advance(0.011)  # and a hair, for rounding
                watch.wait_state(State.CONNECTING, connects + 1)
            watch.wait_state(State.READY, 2)
            watch.client.reqIds(-1)
            assert watch.core.metrics.counter("reconnect_attempts").value == 3
            assert watch.core.order_ids.floor == 101
    assert gateway.starts == [text_body(71, 2, 9, "")] * 2
    names = watch.heard.names
    for name in ("connectAck", "managedAccounts", "nextValidId", "connectionClosed"):
        assert names.count(name) == 1, name
    reasons = [reason for state, reason in watch.states if state is State.WAITING]
    assert "closed the link" in reasons[0]
    assert "next attempt in 0.1 s" in reasons[0]
    assert watch.states[-1][0] is State.DISCONNECTED
    told = [one.message for one in caplog.records if one.levelname == "WARNING"]
    assert [text for text in told if text.startswith("session ")] == [
        "session DISCONNECTED: the gateway closed the link",
        "session READY: everything may be asked",
    ], "its end and its return, and not each attempt"


def test_the_user_hears_a_next_valid_id_that_it_asks_for_after_a_reconnect() -> None:
    async def second(peer: Peer) -> None:
        await peer.open_session(178)
        assert (await peer.read_frame()).startswith(b"8\0")
        await peer.send(text_body(9, 1, 500))
        await peer.read_to_end()

    gateway = Gateway()
    with ScriptedServer(gateway, second) as server:
        watch = Watch(server.port)
        with watch.client:
            gateway.end(server)
            watch.wait_state(State.WAITING)
            watch.clock.advance(1)
            watch.wait_state(State.READY, 2)
            watch.client.reqIds(-1)
            assert watch.heard.wait("nextValidId", 2) == [(1,), (500,)]


def test_hooks_run_at_each_ready_and_each_end() -> None:
    log: list[str] = []
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        watch = Watch(server.port)

        async def renew() -> None:
            await asyncio.sleep(0)
            log.append(f"ready {watch.core.epoch} {watch.core.state.name}")

        watch.core.on_ready(renew)
        watch.core.on_down(lambda: log.append(f"down {watch.core.epoch}"))
        with watch.client:
            gateway.end(server)
            watch.wait_state(State.WAITING)
            watch.clock.advance(1)
            watch.wait_state(State.READY, 2)
    assert log == ["ready 1 SYNCING", "down 1", "ready 2 SYNCING", "down 2"]


def test_answers_fail_with_the_link_and_what_was_queued_has_a_known_fate() -> None:
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        watch = Watch(server.port, pacing__rate=1)
        fates: list[Fate] = []
        with watch.client:
            core = watch.core
            first = core.ask(lambda i: core.reqPnL(i, "DU1", ""), request="pnl")
            second = core.ask(lambda i: core.reqPnL(i, "DU1", ""), request="pnl 2")

            def place() -> None:
                with core.sending(5, fates.append) as sending:
                    core.reqMktData(1, Contract(), "", False, False, [])
                assert [message.order_id for message in sending.messages] == [5]

            core.event_loop.call(place)
            assert fates == []
            gateway.end(server)
            for future in (first, second):
                with pytest.raises(ConnectionLost, match="pnl"):
                    future.result(PATIENCE)
            watch.wait_state(State.WAITING)
            assert fates == [Fate.NOT_SENT]


@pytest.mark.parametrize("how", ["stop", "disconnect"])
def test_an_end_during_the_back_off_is_an_end(how: str) -> None:
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        watch = Watch(server.port)
        watch.client.start()
        gateway.end(server)
        watch.wait_state(State.WAITING)
        getattr(watch.client, how)()
        assert watch.client.session_state is State.DISCONNECTED
        watch.clock.advance(1000)
        assert server.connections == 1
        assert watch.heard.names.count("connectionClosed") == 1
        watch.client.stop()
        assert watch.clock.pending() == 0


def test_a_stop_while_the_link_is_made_again() -> None:
    came = threading.Event()

    async def silent(peer: Peer) -> None:
        await peer.read_hello()
        came.set()
        await peer.read_to_end()

    gateway = Gateway()
    with ScriptedServer(gateway, silent) as server:
        watch = Watch(server.port)
        watch.client.start()
        gateway.end(server)
        watch.wait_state(State.WAITING)
        watch.clock.advance(1)
        assert came.wait(PATIENCE)
        watch.client.stop()
        assert watch.client.session_state is State.DISCONNECTED
        assert watch.heard.names.count("connectionClosed") == 1
        assert watch.clock.pending() == 0


def test_after_the_last_attempt_it_gives_up_and_says_why() -> None:
    gateway = Gateway()
    with ScriptedServer(gateway, refuses) as server:
        watch = Watch(server.port, reconnect__max_attempts=3)
        facts: list[Fact] = []
        watch.core.on_fact(facts.append)
        with watch.client:
            gateway.end(server)
            watch.wait_state(State.WAITING)
            skip_waits(watch.clock, watch.core, lambda: "connectionClosed" in watch.heard.names)
            assert watch.client.session_state is State.DISCONNECTED
            assert server.connections == 4
    assert "given up after 3 attempts" in watch.states[-1][1]
    (*_, last) = [fact for fact in facts if isinstance(fact, SessionChanged)]
    assert (last.new, last.epoch) == ("DISCONNECTED", 1)
    assert "given up" in last.reason
    assert watch.heard.names.count("connectionClosed") == 1


def test_without_reconnect_the_end_of_the_link_is_the_end() -> None:
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        watch = Watch(server.port, reconnect__enabled=False)
        with watch.client:
            gateway.end(server)
            watch.heard.wait("connectionClosed")
            assert not watch.client.isConnected()
            watch.client.start()  # and it can be started again, while its loop runs
            assert watch.client.session_state is State.READY
    assert watch.heard.names.count("connectAck") == 2


def test_the_first_connection_is_tried_again_only_if_configured() -> None:
    gateway = Gateway()
    with ScriptedServer(refuses, refuses, gateway) as server:
        with pytest.raises(HandshakeClosed):
            Watch(server.port).client.start()
        watch = Watch(server.port, reconnect__first_connect=True)
        starting = Background(watch.client.start)
        skip_waits(watch.clock, watch.core, lambda: not starting.running)
        starting.result()
        assert watch.client.session_state is State.READY
        watch.client.stop()
    with ScriptedServer(refuses) as server:
        watch = Watch(server.port, reconnect__first_connect=True, reconnect__max_attempts=2)
        starting = Background(watch.client.start)
        skip_waits(watch.clock, watch.core, lambda: not starting.running)
        with pytest.raises(HandshakeClosed):
            starting.result()
        watch = Watch(server.port, reconnect__first_connect=True)
        starting = Background(watch.client.start)
        watch.wait_state(State.WAITING)
        watch.client.stop()
        with pytest.raises(ConnectionFailed, match="stopped while connecting"):
            starting.result()


def test_ib_s_own_start_reconnects_only_when_asked_and_then_tells_each_session() -> None:
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        heard, clock = Recorder(), ManualClock()
        client = IBKRConnection(wrapper=heard, reconnect=True, clock=clock)
        client.connect("127.0.0.1", server.port, 3)
        running = Background(client.run)
        heard.wait("nextValidId")
        gateway.end(server)
        skip_waits(clock, client._tws, lambda: len(heard.of("nextValidId")) == 2)
        client.disconnect()
        running.result()
    assert heard.of("nextValidId") == [(1,), (101,)]
    assert heard.names.count("connectAck") == 2
    assert heard.names.count("connectionClosed") == 1


def test_a_gateway_that_falls_silent_is_probed_given_up_and_found_again() -> None:
    questions: list[bytes] = []

    async def falls_silent(peer: Peer) -> None:
        await peer.open_session(178)
        questions.append(await peer.read_frame())
        await peer.read_to_end()

    async def answers(peer: Peer) -> None:
        await peer.open_session(178)
        while True:
            questions.append(await peer.read_frame())
            await peer.send(text_body(49, 1, 1767623400))

    with ScriptedServer(falls_silent, answers) as server:
        watch = Watch(server.port, heartbeat__enabled=True)
        restored: list[Fact] = []
        watch.core.on_fact(lambda f: restored.append(f) if type(f) is HeartbeatRestored else None)
        with watch.client:
            watch.clock.advance(10)
            await_condition(lambda: len(questions) == 1)
            watch.clock.advance(5)
            watch.wait_state(State.WAITING)
            watch.clock.advance(0.5)
            watch.wait_state(State.READY, 2)
            for times in (1, 2):
                watch.clock.advance(10)
                await_condition(functools.partial(lambda n: len(restored) == n, times))
            assert watch.client.session_state is State.READY
    lost = next(reason for state, reason in watch.states if state is State.DISCONNECTED)
    assert "no sign of life for" in lost
    assert questions == [text_body(49, 1)] * 3
    assert watch.heard.of("currentTime") == [], "the answer to our own question is ours"


def test_the_probe_overtakes_what_waits_for_its_turn() -> None:
    """An answer that is late because our own question queued would look like death."""
    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        while True:
            got.append(await peer.read_frame())
            if got[-1] == text_body(49, 1):
                await peer.send(text_body(49, 1, 5))

    with ScriptedServer(script) as server:
        watch = Watch(server.port, heartbeat__enabled=True, pacing__rate=1)
        with watch.client:
            core = watch.core
            for number in range(100):
                core.event_loop.call(core.reqPnL, number, "DU1", "")
            watch.clock.advance(11)
            await_condition(lambda: text_body(49, 1) in got)
            assert len(got) < 15
            assert core.outbox.waiting() > 80
            assert watch.client.session_state is State.READY


def test_servers_lost_and_back_while_the_link_stands() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(178)
        await peer.read_frame()
        await peer.send(
            text_body(4, 2, -1, 1100, "Connectivity between IB and TWS has been lost.", ""),
            text_body(15, 1, "DU1234567"),
            text_body(9, 1, 1),
        )
        await peer.read_frame()
        await peer.send(text_body(4, 2, -1, 1102, "Connectivity has been restored.", ""))
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        watch = Watch(server.port)
        with watch.client:
            assert watch.client.session_state is State.DEGRADED, "known before it was ready"
            watch.client.reqIds(-1)
            watch.wait_state(State.READY, 2)


def test_a_late_end_of_an_old_link_does_not_harm_the_new_one() -> None:
    """The old link takes its time to close: its peer does not read what was written."""
    release = threading.Event()

    async def never_reads(peer: Peer) -> None:
        await peer.open_session(178)
        peer.reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.to_thread(release.wait, PATIENCE)

    gateway = Gateway()
    with ScriptedServer(never_reads, gateway) as server:
        watch = Watch(server.port)
        watch.client.start()
        core = watch.core
        try:
            big = b"x" * 3_000_000
            for _ in range(4):
                core.event_loop.call(core.put, big, Lane.REQUEST)
            watch.client.disconnect()
            watch.client.start()
            assert watch.client.session_state is State.READY
            assert core.event_loop.call(lambda: len(watch.client._driver.life._closing)) == 1
            release.set()
            assert not core.outbox.paused
            answer = core.ask(lambda _i: core.reqCurrentTime(), request="time", timeout=5)
            core.event_loop.call(lambda: None)
            watch.clock.advance(6)
            with pytest.raises(RequestTimeout):
                answer.result(PATIENCE)
            assert watch.client.session_state is State.READY
        finally:
            release.set()
            watch.client.stop()


# ---- several, and inside other loops ------------------------------------------------------------


def test_several_connections_in_one_process() -> None:
    gateway = Gateway()
    with ScriptedServer(gateway) as server:
        clients = [
            IBKRConnection(settings(server.port, connection__client_id=n)) for n in range(1, 9)
        ]
        starts = [Background(client.start) for client in clients]
        for start in starts:
            start.result()
        names = {c._tws.event_loop.call(lambda: threading.current_thread().name) for c in clients}
        assert names == {f"twsloop-{n}" for n in range(1, 9)}
        clients[0].stop()
        assert all(client.session_state is State.READY for client in clients[1:])
        for client in clients:
            client.stop()
    assert len(set(gateway.starts)) == 8


async def answering(peer: Peer) -> None:
    await peer.open_session(178)
    while True:
        if (await peer.read_frame()).startswith(b"49\0"):
            await peer.send(text_body(49, 1, 1767623400))


async def test_inside_a_running_loop_as_in_a_notebook_or_a_web_handler() -> None:
    ticks = 0

    async def heartbeat_of_the_other_loop() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(heartbeat_of_the_other_loop())
    with ScriptedServer(answering) as server:
        async with IBKRConnection(settings(server.port)) as client:
            core = client._tws
            future = core.ask(lambda _i: core.reqCurrentTime(), request="time", key="current_time")
            both = await asyncio.gather(future.view(), future.view())
            assert list(both) == [[1767623400]] * 2
            assert client.session_state is State.READY
        assert not client.isConnected()
    assert ticks > 3, "the loop that awaits is never blocked"
    other.cancel()


async def test_a_cancelled_async_with_leaves_nothing_running() -> None:
    came = threading.Event()

    async def silent(peer: Peer) -> None:
        await peer.read_hello()
        came.set()
        await peer.read_to_end()

    with ScriptedServer(silent) as server:
        client = IBKRConnection(settings(server.port))

        async def use() -> None:
            async with client:
                raise AssertionError("it never became ready")

        task = asyncio.create_task(use())
        assert await asyncio.to_thread(came.wait, PATIENCE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not client._tws.event_loop.running
