"""The supervisor against a gateway that misbehaves: what it does, when, and what it says of it."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from operator import attrgetter

import pytest

from tests.conftest import LoopFactory
from tests.support.clients import PATIENCE, Background, await_condition, settings
from tests.support.manual_feed import ManualFeed
from twsloop import IBGateway
from twsloop.clock import ManualClock
from twsloop.connection.remarks import new_port
from twsloop.errors import ClientIdInUse
from twsloop.events import Fact, HeartbeatMissed, Notice, SessionChanged
from twsloop.paper import PaperGateway
from twsloop.session.roles import Role
from twsloop.session.state import State
from twsloop.session.status import SessionStatus


class Watched:
    """A client on a ManualClock, and each status that it had."""

    def __init__(
        self,
        gateway: PaperGateway,
        version: int,
        loop_factory: LoopFactory | None = None,
        clock: ManualClock | None = None,
        **overrides: object,
    ) -> None:
        overrides = {"reconnect__jitter": 0, "heartbeat__enabled": False, **overrides}
        config = settings(gateway.port, connection__max_version=version, **overrides)
        self.clock = clock or ManualClock()
        self.client = IBGateway(config, clock=self.clock, loop_factory=loop_factory)
        self.life = self.client._driver.life
        self.told: list[SessionStatus] = []
        self._changed = threading.Condition()
        self.client.on_session(self._note)

    def _note(self, state: State, reason: str) -> None:
        with self._changed:
            status = self.client.session
            assert (status.state, status.reason) == (state, reason), "an observer sees the same"
            self.told.append(status)
            self._changed.notify_all()

    def of(self, state: State) -> list[SessionStatus]:
        return [status for status in list(self.told) if status.state is state]

    def wait(self, state: State, count: int = 1) -> SessionStatus:
        """Wait until it was in a state so many times; its status then."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(state)) >= count, PATIENCE), self.told
        return self.of(state)[count - 1]

    def hang(self, count: int, stage: State) -> None:
        """Wait until attempt ``count`` hangs in a stage, and let its deadline pass."""
        self.wait(State.CONNECTING, count + 1)
        name, seconds = {
            State.HANDSHAKE: ("_hello", 10.0),
            State.STARTING: ("_identity.whole", 15.0),
        }[stage]
        await_condition(
            lambda: (
                self.client.session_state is stage
                and self.life.waits.awaited is not None
                and self.life.waits.awaited is attrgetter(name)(self.life)
            )
        )
        self.clock.advance(seconds)


@pytest.fixture(params=[200, 225])
def version(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(feed="manual") as gateway:
        yield gateway


def test_after_a_clean_restart_it_is_ready_after_a_tenth_of_a_second(
    gateway: PaperGateway, version: int, loop_factory: LoopFactory
) -> None:
    watched = Watched(gateway, version, loop_factory)
    with watched.client as client:
        first = client.session
        assert (first.state, first.epoch, first.attempt) == (State.READY, 1, 0)
        assert (first.host, first.port, first.client_id) == ("127.0.0.1", gateway.port, 1)
        assert (first.server_version, first.role, first.orders_known) == (version, Role.TRADE, True)
        gateway.faults.close(1)
        waiting = watched.wait(State.WAITING)
        assert waiting.reason.endswith("the link; next attempt in 0.1 s")
        assert waiting.next_attempt_at == watched.clock.now() + timedelta(seconds=0.1)
        assert (waiting.attempt, waiting.wedged, waiting.server_version) == (1, False, None)
        watched.clock.advance(0.1)
        again = watched.wait(State.READY, 2)
        assert (again.epoch, again.attempt, again.next_attempt_at) == (2, 0, None)
        assert "attempt 1" in watched.of(State.CONNECTING)[1].reason


@pytest.mark.parametrize(
    ("stage", "hangs"), [("connect", State.HANDSHAKE), ("hello", State.STARTING)]
)
def test_a_gateway_that_accepts_and_never_answers_is_wedged_and_tried_rarely(
    gateway: PaperGateway, version: int, stage: str, hangs: State
) -> None:
    watched = Watched(gateway, version)
    with watched.client:
        wedge = gateway.faults.wedge(stage=stage)
        gateway.faults.reset(1)
        for attempt, wait in enumerate((0.1, 0.5, 1.0), start=1):
            assert not watched.wait(State.WAITING, attempt).wedged
            watched.clock.advance(wait)
            watched.hang(attempt, hangs)
        waiting = watched.wait(State.WAITING, 4)
        assert waiting.wedged
        assert "accepts connections and does not answer, 3 times in a row" in waiting.reason
        assert "next attempt in 120.0 s" in waiting.reason
        connections = len(watched.of(State.CONNECTING))
        watched.clock.advance(119)
        assert len(watched.of(State.CONNECTING)) == connections
        wedge.end()
        watched.clock.advance(1)
        ready = watched.wait(State.READY, 2)
        assert (ready.wedged, ready.client_id) == (False, 1)


def test_a_ghost_of_our_own_is_waited_for_under_the_same_id(
    version: int, caplog: pytest.LogCaptureFixture
) -> None:
    time = ManualClock()
    caplog.set_level(logging.DEBUG, "twsloop")
    notices: list[Notice] = []
    with PaperGateway(feed="manual", clock=time) as gateway:
        watched = Watched(gateway, version, connection__client_id=9)
        watched.client.observe(Notice, notices.append)
        with watched.client:
            gateway.faults.ghost(9, seconds=60)
            transport = watched.life._transport
            assert transport is not None
            cut = ConnectionAbortedError("the network went away")
            watched.client.event_loop.call(transport.abort_with, cut)
            watched.wait(State.WAITING)
            watched.clock.advance(0.1)
            for count in range(2, 5):
                waiting = watched.wait(State.WAITING, count)
                assert waiting.id_taken
                assert "client id 9 is still taken (326), most likely by our own" in waiting.reason
                assert "next attempt in 5.0 s" in waiting.reason
                if count < 4:
                    watched.clock.advance(5)
            time.advance(61)
            watched.clock.advance(5)
            ready = watched.wait(State.READY, 2)
            assert (ready.client_id, ready.id_taken) == (9, False)
    facts = [notice.severity for notice in notices if notice.code == 326]
    assert facts == ["fatal"] * 3, "the fact itself is whole"
    told = [(r.levelname, r.getMessage()) for r in caplog.records if "326" in r.getMessage()]
    warned = [text for level, text in told if level == "WARNING"]
    assert len(warned) == 1, warned
    assert "the same id is tried again" in warned[0]
    shown = [text for level, text in told if level != "DEBUG"]
    assert not any("unique client id" in text for text in shown), shown
    assert len(shown) == 2, "the first failure, and what follows from it"


def test_a_refused_port_is_told_once_and_tried_in_silence(
    gateway: PaperGateway, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(gateway, version, reconnect__first_delay=8, reconnect__refused_wait=8)
    with caplog.at_level(logging.INFO, "twsloop.connection.core"), watched.client:
        gateway.faults.refuse()
        gateway.faults.close(1)
        watched.wait(State.WAITING)
        watched.clock.advance(0.1)
        for count in range(2, 11):
            waiting = watched.wait(State.WAITING, count)
            assert "connection refused" in waiting.reason, "an observer is told each time"
            watched.clock.advance(8)
        told = [record.getMessage() for record in caplog.records]
    whole = [text for text in told if "connection refused" in text]
    assert [text.split(":")[0] for text in whole] == ["session DISCONNECTED", "session WAITING"]
    assert "no session for 64 s, 9 attempts" in whole[1]


def test_the_first_connection_with_an_id_in_use_raises_or_waits_as_long_as_it_may(
    gateway: PaperGateway, version: int
) -> None:
    first = Watched(gateway, version)
    with first.client:
        with pytest.raises(ClientIdInUse):
            Watched(gateway, version).client.start()
        second = Watched(gateway, version, reconnect__id_wait=12)
        starting = Background(second.client.start)
        for count in range(1, 4):
            waiting = second.wait(State.WAITING, count)
            assert "client id 1 is in use (326)" in waiting.reason, "whose it is nobody knows"
            second.clock.advance(5)
        with pytest.raises(ClientIdInUse):
            starting.result()
        assert second.client.session_state is State.DISCONNECTED
        third = Watched(gateway, version, reconnect__id_wait=12)
        starting = Background(third.client.start)
        third.wait(State.WAITING)
    await_condition(lambda: not gateway.clients)
    third.clock.advance(5)
    starting.result()
    assert third.client.session.ready
    third.client.stop()


@pytest.mark.parametrize(
    ("direction", "words"),
    [
        ("read", "it does not hear us, and orders would not arrive"),
        ("write", "no sign of life"),
        ("both", "no sign of life"),
    ],
)
def test_a_half_open_link_is_noticed_within_silence_and_deadline(
    version: int, direction: str, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    feed = ManualFeed()
    feed.send([feed.quote("AAPL", 270.00, 270.05, 100)])
    with PaperGateway(feed=feed) as gateway:
        watched = Watched(gateway, version, heartbeat__enabled=True)
        facts: list[Fact] = []
        watched.client.observe(HeartbeatMissed, facts.append)
        with watched.client as client:
            ticks = threading.Semaphore(0)
            client.subscribe("AAPL", on_tick=lambda _: ticks.release())
            assert ticks.acquire(timeout=PATIENCE)
            gateway.faults.half_open(1, direction=direction)
            for second in range(15):
                assert client.session.ready, f"after {second} s it may still answer"
                if direction == "read":  # quotes go on, and look like life
                    feed.send([feed.quote("AAPL", 270 + second / 100, 271, 100)])
                    assert ticks.acquire(timeout=PATIENCE)
                watched.clock.advance(1)
            lost = watched.wait(State.DISCONNECTED)
            assert words in lost.reason
            assert bool(facts) is (direction != "read"), "it was not silent"
            watched.wait(State.WAITING)
    told = [record.getMessage() for record in caplog.records if words in record.getMessage()]
    assert len(told) == 1, "once is enough"


def test_a_link_on_which_all_is_well_is_left_alone(gateway: PaperGateway, version: int) -> None:
    watched = Watched(gateway, version, heartbeat__enabled=True)
    with watched.client as client:
        for _ in range(30):
            watched.clock.advance(5)
            client._tws.event_loop.call(lambda: None)
            await_condition(lambda: "current_time" not in client._tws.asks)
        assert [status.state for status in watched.told].count(State.CONNECTING) == 1
        assert client.session.ready
        silent = client.session.silent_for
        assert silent is not None
        assert silent <= 10


def test_a_port_that_was_changed_is_followed(gateway: PaperGateway, version: int) -> None:
    watched = Watched(gateway, version)
    with watched.client as client:
        before = gateway.port
        gateway.faults.port_changed()
        waiting = watched.wait(State.WAITING)
        assert "(1300)" in waiting.reason
        watched.clock.advance(0.1)
        ready = watched.wait(State.READY, 2)
        assert ready.port == gateway.port != before
        assert client.conn.port == gateway.port


def test_the_port_in_the_text_of_1300() -> None:
    rows = {
        "... Please reconnect on the new port - 4003": 4003,
        "Please reconnect on the new port - 7497.": 7497,
        "socket port 4002 has been reset, reconnect on port 4003": 4003,
        "port - <port_num>": None,
        "port 99999": None,
        "port 0": None,
        "nothing": None,
    }
    assert {text: new_port(text) for text in rows} == rows


def test_a_session_that_ended_because_of_too_many_messages_says_so(
    gateway: PaperGateway, version: int
) -> None:
    watched = Watched(gateway, version)
    with watched.client:
        gateway.faults.strike(1, first=1, last=3)
        waiting = watched.wait(State.WAITING)
        assert "(100)" in waiting.reason


def test_a_gateway_without_ibs_servers_is_degraded_and_says_what_that_means(
    gateway: PaperGateway, version: int
) -> None:
    in_a_reset = datetime(2026, 11, 18, 5, 30, tzinfo=UTC)
    watched = Watched(gateway, version, clock=ManualClock(in_a_reset))
    with watched.client as client:
        assert client.session.window is not None
        lost = gateway.faults.server_lost()
        degraded = watched.wait(State.DEGRADED)
        assert "(1100)" in degraded.reason
        assert "quotes stand still" in degraded.reason
        assert "it is IB's daily reset (America), until 2026-11-18 06:45 UTC" in degraded.reason
        lost.end()
        ready = watched.wait(State.READY, 2)
        assert "(1102)" in ready.reason
        assert ready.epoch == 1, "the session itself went on"


def test_who_reads_only_warnings_is_told_of_the_end_of_what_they_were_told(
    gateway: PaperGateway, version: int, caplog: pytest.LogCaptureFixture
) -> None:
    watched = Watched(gateway, version)
    with caplog.at_level(logging.INFO, "twsloop.connection.core"), watched.client:
        gateway.faults.server_lost().end()
        watched.wait(State.READY, 2)
        gateway.faults.reset(1)
        watched.wait(State.WAITING)
        watched.clock.advance(1)
        watched.wait(State.READY, 3)
        gateway.faults.server_lost(data="lost")
        watched.wait(State.DEGRADED, 2)
    told = [(record.levelname, record.getMessage().split(":")[0]) for record in caplog.records]
    of_ready = [level for level, words in told if words == "session READY"]
    assert of_ready == ["INFO", "WARNING", "WARNING"], "the first is no news"


def test_waiting_in_a_window_and_after_the_weekly_login_says_so(
    gateway: PaperGateway, version: int
) -> None:
    sunday = datetime(2026, 11, 22, 5, 59, tzinfo=UTC)  # 00:59 in New York
    watched = Watched(gateway, version, clock=ManualClock(sunday))
    with watched.client:
        watched.clock.advance(90)
        gateway.faults.refuse()
        gateway.faults.close(1)
        waiting = watched.wait(State.WAITING)
        assert "IB's daily reset (America)" in waiting.reason
        assert "weekly login ended at 2026-11-22 06:00 UTC" in waiting.reason
        window = watched.client.session.window
        assert window is not None
        assert window.kind == "reset"


class _Wall(ManualClock):
    """A clock whose calendar can be set."""

    shift = timedelta()

    def now(self) -> datetime:
        return super().now() + self.shift


@pytest.mark.parametrize("days", [-400, 400])
def test_a_wall_clock_that_is_set_changes_nothing_but_stamps(
    gateway: PaperGateway, version: int, days: int
) -> None:
    clock = _Wall()
    watched = Watched(gateway, version, clock=clock, heartbeat__enabled=True)
    facts: list[Fact] = []
    watched.client.observe(Fact, facts.append)
    with watched.client as client:
        told, until_next = len(watched.told), clock.until_next()
        facts.clear()
        clock.shift = timedelta(days=days)
        clock.advance(1)
        client.event_loop.call(lambda: None)
        assert (len(watched.told), facts) == (told, [])
        assert until_next is not None
        gateway.faults.close(1)
        waiting = watched.wait(State.WAITING)
        assert waiting.since == clock.now()
        clock.advance(0.1)
        watched.wait(State.READY, 2)
        changed = [fact for fact in facts if isinstance(fact, SessionChanged)]
        assert all(fact.time == clock.now() for fact in changed[-3:])


# ---- what is shown -------------------------------------------------------------------------------


def test_the_status_is_plain_values_for_json(gateway: PaperGateway) -> None:
    watched = Watched(gateway, 225)
    before = watched.client.session
    assert (before.state, before.reason, before.epoch) == (State.DISCONNECTED, "not started", 0)
    assert before.silent_for is None
    with watched.client as client:
        shown = json.loads(json.dumps(client.session.as_dict()))
        assert shown["state"] == "READY"
        assert shown["role"] == "trade"
        assert shown["window"] is None
        assert datetime.fromisoformat(shown["since"]) == watched.clock.now()
        assert str(client.session) == "READY: everything may be asked"
    after = watched.client.session
    assert (after.state, after.reason, after.silent_for) == (State.DISCONNECTED, "stopped", None)


def test_the_systems_own_probes_are_set_on_the_socket(
    gateway: PaperGateway, loop_factory: LoopFactory
) -> None:
    def options(**overrides: int) -> list[int]:
        watched = Watched(gateway, 225, loop_factory, None, **overrides)
        with watched.client as client:
            transport = watched.life._transport
            assert transport is not None
            assert transport._transport is not None
            sock = transport._transport.get_extra_info("socket")
            wanted = [
                (socket.IPPROTO_TCP, socket.TCP_NODELAY),
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
            ]
            found: list[int] = client.event_loop.call(
                lambda: [sock.getsockopt(*one) for one in wanted]
            )
            return found

    assert options() == [1, 1, 30, 10, 3]
    assert options(
        connection__keepalive_idle=45, connection__keepalive_interval=7, connection__client_id=2
    ) == [1, 1, 45, 7, 3]
    assert options(connection__keepalive=False, connection__client_id=3)[:2] == [1, 0]
