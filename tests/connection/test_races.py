"""Starts that meet a stop or each other, observers that end things, and a port that changes."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import LoopFactory
from tests.support.clients import PATIENCE, Background, settings
from tests.support.scripted import Peer, ScriptedServer, text_body
from twsloop import IBGateway
from twsloop.connection import IBKRConnection
from twsloop.errors import ConnectionFailed, StateError
from twsloop.paper import PaperGateway
from twsloop.session.state import State


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(feed="manual") as gateway:
        yield gateway


def test_of_two_starts_at_once_one_is_told_so_and_the_other_stands(
    gateway: PaperGateway, loop_factory: LoopFactory
) -> None:
    client = IBGateway(settings(gateway.port), loop_factory=loop_factory)
    gate = threading.Barrier(2)

    def start() -> object:
        gate.wait()
        try:
            client.start()
        except StateError as error:
            return error
        return client.session.state

    starts = [Background(start) for _ in range(2)]
    found = [one.result() for one in starts]
    assert State.READY in found, found
    assert client.session.ready, "the one that was refused ended nothing"
    assert client.session.epoch == 1
    client.stop()


@pytest.mark.parametrize("state", list(State)[1:-2])
def test_a_stop_within_any_step_of_a_start_ends_it_and_it_can_be_started_again(
    gateway: PaperGateway, loop_factory: LoopFactory, state: State
) -> None:
    """Told by an observer on the loop thread, so at each of the places where it can come."""
    client = IBGateway(settings(gateway.port), loop_factory=loop_factory)
    told: list[tuple[State, str]] = []
    closed = threading.Semaphore(0)
    client.connectionClosed = closed.release
    ends = True

    def end(now: State, _reason: str) -> None:
        if ends and now is state:
            client.stop()

    client.on_session(end)
    client.on_session(lambda now, reason: told.append((now, reason)))
    if state is State.READY:
        client.start()
    else:
        with pytest.raises(ConnectionFailed, match="stopped while connecting"):
            client.start()
    client.stop()
    assert not client.event_loop.running
    assert not client._driver.life.wanted
    states = [now for now, _ in told]
    assert states[-2:] == [state, State.DISCONNECTED], "in the order in which it happened"
    assert "stopped" in told[-1][1]
    assert not client.isConnected()
    assert not client.conn or not client.conn.isConnected()
    ends = False
    client.start()
    assert client.session.ready
    assert client._driver.life.finish in client.event_loop._hooks, (
        "its clean-up runs when the loop stops"
    )
    client.stop()


def test_starts_and_stops_from_many_threads_leave_nothing_behind(
    gateway: PaperGateway, loop_factory: LoopFactory
) -> None:
    client = IBGateway(settings(gateway.port), loop_factory=loop_factory)
    odd: list[BaseException] = []

    def turn(start: bool) -> None:
        for _ in range(8):
            try:
                client.start() if start else client.stop()
            except (ConnectionFailed, StateError):
                pass
            except BaseException as error:
                odd.append(error)

    threads = [threading.Thread(target=turn, args=(n % 2 == 0,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE * 4)
        assert not thread.is_alive()
    assert odd == []
    client.stop()
    assert not client._driver.life.wanted
    client.start()
    assert client.session.ready
    assert client._driver.life.finish in client.event_loop._hooks
    client.stop()


# ---- 1300, and a link that breaks in the same moment ---------------------------------------------


def test_what_the_gateway_said_last_is_read_though_our_write_found_the_link_broken(
    loop_factory: LoopFactory,
) -> None:
    """1300 and a reset lie in the socket when an order is written: the new port is still learnt."""
    held, broken = threading.Event(), threading.Event()

    async def drop(peer: Peer) -> None:
        await peer.open_session(178)
        while not held.is_set():
            await peer.read_frame()
        text = f"Socket port has been reset. Please reconnect on the new port - {new.port}"
        await peer.send(text_body(4, 2, -1, 1300, text, ""))
        sock: socket.socket = peer.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.writer.transport.abort()
        asyncio.get_running_loop().call_soon(broken.set)  # after it has closed

    async def serve(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.read_to_end()

    with ScriptedServer(serve) as new, ScriptedServer(drop, drop) as old:
        config = settings(old.port, session__role="data", heartbeat__enabled=False)
        with IBKRConnection(config, loop_factory=loop_factory) as client:
            ready = threading.Event()

            def write_into_the_break() -> None:
                held.set()
                client.reqIds(-1)
                assert broken.wait(PATIENCE)
                for _ in range(3):
                    client.reqIds(-1)

            client.on_session(lambda state, _: ready.set() if state is State.READY else None)
            client.event_loop.call(write_into_the_break)
            assert ready.wait(PATIENCE)
            assert client.session.port == new.port
            assert client.session.epoch == 2


def test_after_1300_both_ports_are_tried_until_one_answers() -> None:
    """The change was undone, or is not yet in force: it comes back on the old one."""

    async def drop(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.read_frame()
        text = f"Socket port has been reset. Please reconnect on the new port - {new_port}"
        await peer.send(text_body(4, 2, -1, 1300, text, ""))
        peer.close()

    async def serve(peer: Peer) -> None:
        await peer.open_session(178)
        await peer.read_to_end()

    ready = threading.Semaphore(0)
    with socket.socket() as other, ScriptedServer(drop, serve) as old:
        other.bind(("127.0.0.1", 0))  # bound and not listening: refused
        new_port = other.getsockname()[1]
        config = settings(
            old.port,
            session__role="data",
            reconnect__first_delay=0.01,
            reconnect__refused_wait=0.01,
        )
        client = IBKRConnection(config)
        client.on_session(lambda state, _: ready.release() if state is State.READY else None)
        with client:
            assert ready.acquire(timeout=PATIENCE)
            client.reqIds(-1)
            assert ready.acquire(timeout=PATIENCE)
            assert client.session.port == old.port
