"""The first connection, stage by stage: a type for each failure, a deadline for each wait."""

from __future__ import annotations

import asyncio
import http.server
import socket
import threading
import traceback
from collections.abc import Callable
from operator import attrgetter
from typing import Any

import pytest
from ibapi.order_cancel import OrderCancel

from tests.conftest import LoopFactory
from tests.support.clients import PATIENCE, Background, Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, raw_text_body, text_body
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.connection.stages import was_refused
from twsloop.errors import (
    ClientIdInUse,
    ConnectionFailed,
    HandshakeClosed,
    HandshakeTimeout,
    LiveTradingBlocked,
    ReadyTimeout,
    ServerVersionError,
    StateError,
    TcpFailed,
    TcpRefused,
    TcpTimeout,
)
from twsloop.session.state import State
from twsloop.wire.framing import frame
from twsloop.wire.messages import message_class


def fails(
    port: int, *, deadline: tuple[State, float] | None = None, **overrides: object
) -> tuple[ConnectionFailed, Recorder]:
    """Start, and let it fail: the error, and what was heard.

    The clock stands still, so that what fails does so by itself; with a ``deadline`` (the stage it
    hangs in, and the seconds it has) the clock is moved just short of it, and then past it.
    """
    clock, heard = ManualClock(), Recorder()
    client = IBKRConnection(settings(port, **overrides), clock=clock, wrapper=heard)
    starting = Background(client.start)
    if deadline is not None:
        stage, seconds = deadline
        life = client._driver.life
        awaited = {State.HANDSHAKE: "_hello", State.STARTING: "_identity.whole"}.get(stage)
        await_condition(
            lambda: (
                client._tws.state is stage
                and life.waits.awaited is not None
                and (awaited is None or life.waits.awaited is attrgetter(awaited)(life))
            )
        )
        clock.advance(seconds - 0.01)
        assert starting.running, "not before its time"
        clock.advance(0.01)
    with pytest.raises(ConnectionFailed) as caught:
        starting.result()
    assert not client._tws.event_loop.running, "a start that failed leaves nothing running"
    assert client.session_state is State.DISCONNECTED
    assert (caught.value.port, caught.value.client_id) == (port, 1)
    assert clock.pending() == 0
    assert not client._driver.life._closing, "no link is left to its grace"
    client.stop()
    return caught.value, heard


async def silent(peer: Peer) -> None:
    await peer.read_to_end()


# ---- TCP -----------------------------------------------------------------------------------------


def test_a_refused_port_says_what_to_do() -> None:
    with ScriptedServer(silent) as server:
        port = server.port
    error, heard = fails(port)
    assert type(error) is TcpRefused
    assert "nothing listens there" in str(error)
    assert heard.names == []


def test_a_traceback_is_of_the_call_alone_and_the_cause_can_be_read(
    loop_factory: LoopFactory,
) -> None:
    with ScriptedServer(silent) as server:
        port = server.port
    client = IBKRConnection(settings(port), loop_factory=loop_factory)
    with pytest.raises(TcpRefused) as caught, client:
        pytest.fail("nobody listens")
    shown = "".join(traceback.format_exception(caught.value))
    assert shown.count("Traceback (most recent call last)") == 1
    assert shown.count("\n  File ") <= 5, "not the way through the loop thread"
    assert "lifecycle.py" not in shown
    assert shown.rstrip().endswith(str(caught.value))
    assert isinstance(caught.value.__context__, OSError)


def test_an_unknown_host_is_named() -> None:
    client = IBKRConnection(settings(4002, connection__host="no-such-host.invalid"))
    with pytest.raises(TcpFailed, match="unknown host"):
        client.start()


def test_a_name_server_that_does_not_answer_holds_nobody(
    monkeypatch: pytest.MonkeyPatch, loop_factory: LoopFactory
) -> None:
    """The system's resolver cannot be interrupted; neither start nor stop waits for it."""
    release, real = threading.Event(), socket.getaddrinfo

    def hangs(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "gateway.example":
            release.wait(PATIENCE)
        return real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    overrides = {"connection__host": "gateway.example", "connection__connect_timeout": 0.1}
    client = IBKRConnection(settings(4002, **overrides), loop_factory=loop_factory)
    try:
        with pytest.raises(TcpTimeout, match=r"name was not resolved within 0\.1 s"):
            client.start()
        assert not client.event_loop.running
        assert not release.is_set()
    finally:
        release.set()


def test_a_name_with_several_addresses_is_tried_until_one_answers(
    monkeypatch: pytest.MonkeyPatch, loop_factory: LoopFactory
) -> None:
    real = socket.getaddrinfo

    def two(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "gateway.example":
            return real(host, port, *args, **kwargs)
        rows = [real(one, port, type=socket.SOCK_STREAM)[0] for one in ("127.0.0.9", "127.0.0.1")]
        return rows + rows

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with ScriptedServer(ready(178)) as server:
        config = settings(server.port, connection__host="gateway.example")
        with IBKRConnection(config, loop_factory=loop_factory) as client:
            assert client.session.host == "gateway.example"
            assert client.host == "gateway.example"


def test_a_tcp_connection_that_does_not_come_is_a_timeout_of_its_own() -> None:
    """A listener whose queue is full does not answer: its host drops what knocks."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        try:
            error, _ = fails(
                address[1], deadline=(State.CONNECTING, 7.0), connection__connect_timeout=7.0
            )
        finally:
            for filler in fillers:
                filler.close()
    assert type(error) is TcpTimeout
    assert "within 7 s" in str(error)


# ---- the hello -----------------------------------------------------------------------------------


def test_a_silent_gateway_is_a_handshake_timeout() -> None:
    with ScriptedServer(silent) as server:
        error, heard = fails(server.port, deadline=(State.HANDSHAKE, 10.0))
        server.wait_done()
    assert type(error) is HandshakeTimeout
    assert heard.names == []


async def closes(peer: Peer) -> None:
    await peer.read_hello()
    peer.close()


async def resets(peer: Peer) -> None:
    await peer.read_hello()
    peer.reset()


async def says_http(peer: Peer) -> None:
    await peer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")


async def says_nonsense(peer: Peer) -> None:
    await peer.send(b"no hello\0")
    await peer.read_to_end()


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (closes, "closed the link"),
        (resets, "the link"),
        (says_http, "not the TWS protocol"),
        (says_nonsense, "does not speak the TWS protocol"),
    ],
)
def test_a_link_that_ends_in_the_handshake_says_how(script: Any, words: str) -> None:
    with ScriptedServer(script) as server:
        error, _ = fails(server.port)
    assert type(error) is HandshakeClosed
    assert words in str(error)


def test_a_real_web_server_on_the_port_is_told_apart() -> None:
    handler = http.server.BaseHTTPRequestHandler
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
        error, _ = fails(web.server_address[1], deadline=(State.HANDSHAKE, 10.0))
        web.shutdown()
    assert type(error) is HandshakeTimeout, "it waits for the end of a line that never comes"
    assert "another program's port" in str(error)


def ready(version: int) -> Callable[[Peer], Any]:
    """A gateway that answers with a version, and starts the session in its protocol."""

    async def script(peer: Peer) -> None:
        if version <= 200:
            await peer.open_session(version)
        elif version >= 213:
            await peer.open_protobuf_session(version)
        else:
            await peer.greet(version)
            start = await peer.read_frame()
            assert start.startswith((71).to_bytes(4, "big") + b"2\0"), start
            await peer.send(raw_text_body(15, 1, "DU1234567"), raw_text_body(9, 1, 1))
        await peer.read_to_end()

    return script


@pytest.mark.parametrize("version", [0, 99, 226, 300])
def test_versions_outside_ours_are_refused_by_name(version: int) -> None:
    with ScriptedServer(ready(version)) as server:
        error, heard = fails(server.port)
    assert type(error) is ServerVersionError
    assert f"server version {version}; twsloop speaks 100 to 225" in str(error)
    assert heard.names == []


@pytest.mark.parametrize("version", [100, 151, 176, 200, 201, 203, 212, 213, 225])
def test_versions_within_ours_become_ready(version: int) -> None:
    with ScriptedServer(ready(version)) as server:
        with IBKRConnection(settings(server.port)) as client:
            assert client.session_state is State.READY
            assert client.serverVersion() == version
            assert client._tws.accounts == ("DU1234567",)
        server.wait_done()


def test_the_hello_that_we_say(loop_factory: LoopFactory) -> None:
    hellos: list[bytes] = []

    async def script(peer: Peer) -> None:
        hellos.append(await peer.read_hello())
        peer.close()

    with ScriptedServer(script) as server:
        for overrides in (
            {},
            {"connection__max_version": 200, "connection__connect_options": "+x"},
        ):
            client = IBKRConnection(settings(server.port, **overrides), loop_factory=loop_factory)
            with pytest.raises(HandshakeClosed):
                client.start()
    assert hellos == [b"v100..225", b"v100..200 +x"]


def test_a_hello_in_single_bytes_and_one_with_frames_behind_it(loop_factory: LoopFactory) -> None:
    hello = frame(text_body(178, "20260105 14:30:00 UTC"))
    start = frame(text_body(15, 1, "DU1234567")) + frame(text_body(9, 1, 42))

    async def bytes_one_by_one(peer: Peer) -> None:
        await peer.read_hello()
        for byte in hello + start:
            await peer.write(bytes([byte]))
            await asyncio.sleep(0)
        await peer.read_to_end()

    async def all_at_once(peer: Peer) -> None:
        await peer.read_hello()
        await peer.write(hello + start)
        assert (await peer.read_frame()).startswith(b"71\0")
        await peer.read_to_end()

    with ScriptedServer(bytes_one_by_one, all_at_once) as server:
        for _ in range(2):
            heard = Recorder()
            with IBKRConnection(
                settings(server.port), wrapper=heard, loop_factory=loop_factory
            ) as client:
                assert client.session_state is State.READY
            assert heard.names[:3] == ["connectAck", "managedAccounts", "nextValidId"]
            assert heard.of("nextValidId") == [(42,)]


# ---- READY ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "missing"),
    [
        ([], "managedAccounts and nextValidId"),
        ([text_body(9, 1, 1)], "managedAccounts"),
        ([text_body(15, 1, "DU1")], "nextValidId"),
    ],
)
def test_a_session_that_is_not_ready_in_time_names_what_is_missing(
    sent: list[bytes], missing: str
) -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(178)
        await peer.send(*sent)
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        error, heard = fails(server.port, deadline=(State.STARTING, 15.0), heartbeat__enabled=False)
    assert type(error) is ReadyTimeout
    assert f"but {missing} did not come within 15 s" in str(error)
    assert heard.names.count("connectionClosed") == 1, "who heard connectAck hears the end"


def test_a_client_id_in_use_is_said_so_at_once() -> None:
    async def script(peer: Peer) -> None:
        await peer.greet(178)
        await peer.read_frame()
        text = (
            "Unable to connect as the client id is already in use. Retry with a unique client id."
        )
        await peer.send(text_body(4, 2, -1, 326, text, ""))
        peer.close()

    with ScriptedServer(script) as server:
        error, heard = fails(server.port)
    assert type(error) is ClientIdInUse
    assert "client id 1 is in use (326)" in str(error)
    assert [args[2] for args in heard.of("error")] == [326]


def test_a_live_account_in_paper_mode_is_blocked_and_its_number_not_shown() -> None:
    async def script(peer: Peer) -> None:
        await peer.open_session(178, accounts="DU1234567,U7654321")
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        error, _ = fails(server.port)
        server.wait_done()
    assert type(error) is LiveTradingBlocked
    assert "1 live account" in str(error)
    assert "7654321" not in str(error)


def test_live_mode_without_its_gates_does_not_even_connect() -> None:
    with ScriptedServer(silent) as server:
        client = IBKRConnection(settings(server.port, connection__mode="live"))
        with pytest.raises(LiveTradingBlocked):
            client.start()
        assert server.connections == 0
        assert not client._tws.event_loop.running


def test_the_link_lost_while_the_slices_fetch_is_a_failure_not_a_ready(
    loop_factory: LoopFactory,
) -> None:
    async def script(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.read_frame()
        peer.close()

    with ScriptedServer(script) as server:
        client = IBKRConnection(settings(server.port), loop_factory=loop_factory)
        core = client._tws
        answers: list[Any] = []

        async def fetch() -> None:
            answers.append(core.ask(lambda _id: core.reqCurrentTime(), request="time", key="t"))
            await asyncio.Event().wait()  # a hook that would never end

        core.on_ready(fetch)
        with pytest.raises(HandshakeClosed, match="before the session was ready"):
            client.start()
    assert answers[0].done()


def test_a_hook_that_raises_is_reported_and_does_not_stop_ready() -> None:
    with ScriptedServer(ready(178)) as server:
        client = IBKRConnection(settings(server.port))

        def fetch_positions() -> None:
            raise ZeroDivisionError("mine")

        client._tws.on_ready(fetch_positions)
        with client:
            assert client.session_state is State.READY
            (notice,) = client._tws.errors.recent
            assert "fetch_positions raised ZeroDivisionError: mine" in notice.text


def test_start_again_after_a_failure_and_after_a_stop() -> None:
    with ScriptedServer(closes, ready(178), ready(178)) as server:
        heard = Recorder()
        client = IBKRConnection(settings(server.port), wrapper=heard)
        with pytest.raises(HandshakeClosed):
            client.start()
        for _ in range(2):
            with client:
                client.start()  # it is started already: nothing happens
                assert client.session_state is State.READY
        assert server.connections == 3
    assert heard.names.count("connectAck") == 2
    assert heard.names.count("connectionClosed") == 2


@pytest.mark.parametrize("script", [silent, ready(178)])
def test_a_stop_from_another_thread_while_it_connects_ends_the_attempt(script: Any) -> None:
    came = threading.Event()

    async def waits(peer: Peer) -> None:
        if script is not silent:
            await peer.greet(178)
        else:
            await peer.read_hello()
        came.set()
        await peer.read_to_end()

    with ScriptedServer(waits) as server:
        client = IBKRConnection(settings(server.port))
        starting = Background(client.start)
        assert came.wait(10)
        client.stop()
        with pytest.raises(ConnectionFailed, match="stopped while connecting"):
            starting.result()
        server.wait_done()
    assert client.session_state is State.DISCONNECTED


def test_a_stop_while_tcp_hangs() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(8)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        client = IBKRConnection(settings(listener.getsockname()[1]))
        connecting = threading.Event()
        client.on_session(lambda _state, _reason: connecting.set())
        starting = Background(client.start)
        assert connecting.wait(10)
        client.stop()
        with pytest.raises(ConnectionFailed, match="stopped while connecting"):
            starting.result()
        for filler in fillers:
            filler.close()


def test_a_second_thread_that_starts_it_meanwhile_is_told() -> None:
    came = threading.Event()

    async def waits(peer: Peer) -> None:
        await peer.read_hello()
        came.set()
        await peer.read_to_end()

    with ScriptedServer(waits) as server:
        client = IBKRConnection(settings(server.port))
        starting = Background(client.start)
        assert came.wait(10)
        with pytest.raises(StateError, match="start"):
            client.start()
        assert starting.running, "the first one goes on"
        client.stop()
        with pytest.raises(ConnectionFailed):
            starting.result()


# ---- mixed: 201 to 212 ---------------------------------------------------------------------------


def test_version_203_speaks_text_with_raw_ids_and_protobuf_both_ways() -> None:
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.greet(203)
        requests.append(await peer.read_frame())
        await peer.send(raw_text_body(15, 1, "DU1234567"), raw_text_body(9, 1, 17))
        requests.append(await peer.read_frame())
        requests.append(await peer.read_frame())
        status = message_class("OrderStatus")(
            orderId=17, status="Filled", filled="100", remaining="0", avgFillPrice=1.5
        )
        await peer.send(
            proto_body(3, status),
            raw_text_body(49, 1, 1767623400),
            raw_text_body(2, 6, 1, 0, 300),
        )
        await peer.read_to_end()

    heard = Recorder()
    with ScriptedServer(script) as server:
        with IBKRConnection(settings(server.port), wrapper=heard) as client:
            client.reqCurrentTime()  # text until 213
            client.reqGlobalCancel(OrderCancel())  # protobuf since 203
            heard.wait("tickSize")
        server.wait_done()
    assert requests[0] == raw_text_body(71, 2, 1, "")
    assert sorted(request[:4] for request in requests[1:]) == [
        (49).to_bytes(4, "big"),
        (258).to_bytes(4, "big"),
    ]
    assert heard.of("nextValidId") == [(17,)]
    assert heard.of("currentTime") == [(1767623400,)]
    assert heard.of("orderStatus")[0][:2] == (17, "Filled")
    assert [call[0] for call in heard.calls if "rderStatus" in call[0]] == [
        "orderStatusProtoBuf",
        "orderStatus",
    ]


@pytest.mark.parametrize(
    ("error", "refused"),
    [
        (ConnectionRefusedError(111, "Connection refused"), True),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 7497, 0, 0), "
                "[Errno 111] Connect call failed ('127.0.0.1', 7497)"
            ),
            True,
        ),
        (
            OSError(
                "Multiple exceptions: [Errno 111] Connect call failed ('::1', 7497, 0, 0), "
                "[Errno 101] Connect call failed ('10.0.0.1', 7497)"
            ),
            False,
        ),
        (OSError(101, "Network is unreachable"), False),
    ],
)
def test_nobody_listens_at_any_address_of_a_name(error: OSError, refused: bool) -> None:
    assert was_refused(error) is refused
