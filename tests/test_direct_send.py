"""A message that leaves in the thread that sends it: when it may, and that nothing is overtaken."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import LoopFactory
from tests.support.clients import Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer
from tests.test_outbox_turns import Gate
from tests.test_transport import Desk, Ears, Link
from twsloop.connection import IBKRConnection
from twsloop.errors import NotConnected, SendQueueFull
from twsloop.event_loop import IBKREventLoop
from twsloop.transport import Fate, Lane, Outgoing, Transport
from twsloop.wire import codec
from twsloop.wire.framing import FrameReader, frame
from twsloop.wire.messages import INBOUND_BY_NAME, Direction, message_class

PATIENCE = 10


class Direct(Desk):
    """A Desk whose socket takes bytes from any thread, as many as it has room for."""

    def __init__(self, *, room: int = 10**9, rate: int = 0) -> None:
        super().__init__(limit=100, rate=rate)
        self.room = room
        self.outbox.close()
        self.outbox.open(self.written.append, self.take)

    def take(self, data: bytes) -> int:
        taken = data[: self.room]
        self.room -= len(taken)
        if taken:
            self.written.append(taken)
        return len(taken)

    def send(self, data: bytes, lane: Lane = Lane.REQUEST, **more: Any) -> Outgoing:
        message = Outgoing(data, lane, **more)
        self.outbox.put(message, at_once=True)
        return message


# ---- the Outbox alone ------------------------------------------------------------------------


def test_a_message_with_nothing_before_it_leaves_in_the_thread_that_puts_it() -> None:
    desk = Direct()
    message = desk.send(b"now")
    assert desk.stream == b"now"
    assert (message.fate, desk.wakes, desk.outbox.waiting()) == (Fate.SENT, 0, 0)
    traffic = desk.outbox.traffic
    assert (traffic.bytes_out, traffic.messages_out) == (3, 1)
    assert not desk.outbox.drop(message)
    desk.outbox.drain()
    assert desk.stream == b"now"


def test_the_loop_thread_s_own_messages_go_by_the_lanes() -> None:
    desk = Direct()
    desk.put(b"queued")
    assert (desk.stream, desk.wakes) == (b"", 1)


@pytest.mark.parametrize("lane", Lane)
def test_nothing_passes_what_waits_in_whatever_lane(lane: Lane) -> None:
    desk = Direct()
    desk.put(b"first ", lane)
    desk.send(b"second ", Lane.SESSION)
    assert desk.stream == b""
    desk.outbox.drain()
    assert sorted(desk.stream.split()) == [b"first", b"second"]


async def test_nothing_passes_what_is_set_aside_for_a_turn_of_its_own() -> None:
    desk = Direct()
    desk.outbox.put(Outgoing(b"held", Lane.HISTORY, turn=Gate(5.0)))
    desk.outbox.drain()
    desk.send(b"behind")
    assert desk.stream == b""


@pytest.mark.parametrize(
    "more", [{"turn": Gate(0.0)}, {"on_fate": lambda _fate: None}], ids=["a turn", "a fate"]
)
def test_what_the_loop_thread_has_to_look_at_waits_for_it(more: dict[str, Any]) -> None:
    desk = Direct()
    desk.send(b"later", **more)
    assert (desk.stream, desk.wakes) == (b"", 1)
    desk.outbox.drain()
    assert desk.stream == b"later"


async def test_the_rate_counts_what_leaves_at_once_and_holds_it_up() -> None:
    desk = Direct(rate=3)
    for number in range(5):
        desk.send(b"%d" % number, Lane.ORDER)
    assert desk.stream == b"012"
    assert desk.outbox.waiting(Lane.ORDER) == 2
    desk.outbox.drain()
    assert desk.stream == b"012"
    desk.clock.advance(2)
    assert desk.stream == b"01234"


def test_a_gateway_that_does_not_read_lets_nothing_leave_at_once() -> None:
    desk = Direct()
    desk.outbox.pause()
    desk.send(b"waits")
    assert desk.stream == b""
    desk.outbox.resume()
    assert desk.stream == b"waits"


@pytest.mark.parametrize("room", range(6))
def test_what_the_socket_does_not_take_is_the_first_that_the_loop_thread_writes(room: int) -> None:
    desk = Direct(room=room)
    first = desk.send(b"first")
    assert desk.stream == b"first"[:room]
    assert first.fate is (Fate.SENT if room else Fate.QUEUED)
    assert desk.wakes == (room < 5)
    desk.room = 100
    desk.send(b" second")
    assert desk.stream == (b"first second" if room == 5 else b"first"[:room])
    desk.outbox.pause()
    desk.outbox.drain()  # a frame that was begun is ended, whatever else waits
    assert desk.stream.startswith(b"first" if room else b"")
    desk.outbox.resume()
    assert desk.stream == b"first second"


def test_a_frame_that_was_begun_is_ended_before_the_session_is() -> None:
    desk = Direct(room=2)
    desk.send(b"first")
    waiting = desk.send(b"second")
    assert desk.outbox.close() == [waiting]
    assert desk.stream == b"first"
    assert waiting.fate is Fate.NOT_SENT


def test_what_was_begun_in_one_session_does_not_leak_into_the_next() -> None:
    desk = Direct(room=2)
    desk.send(b"first")
    desk.written.clear()
    second: list[bytes] = []
    desk.outbox.open(second.append, desk.take)
    desk.outbox.drain()
    assert second == []


def test_without_a_session_nothing_is_taken() -> None:
    desk = Direct()
    desk.outbox.close()
    with pytest.raises(NotConnected):
        desk.send(b"x")
    assert desk.stream == b""


def test_the_next_session_that_has_no_such_socket_goes_by_the_lanes() -> None:
    desk = Direct()
    desk.outbox.close()
    second: list[bytes] = []
    desk.outbox.open(second.append)
    desk.send(b"x")
    assert desk.stream == b""
    desk.outbox.drain()
    assert second == [b"x"]


def test_a_full_lane_refuses_what_cannot_leave_at_once() -> None:
    desk = Direct(room=0)
    for _ in range(100):
        desk.send(b"x")
    with pytest.raises(SendQueueFull):
        desk.send(b"x")


def test_the_cancel_of_a_request_that_left_at_once_leaves_as_well() -> None:
    desk = Direct()
    desk.send(b"LEN:ask 5", number=1)
    desk.outbox.pause()
    desk.send(b"LEN:again 5", number=1)
    desk.outbox.drain()
    desk.send(b"LEN:cancel 5", number=2, cancels=True)
    desk.outbox.resume()
    assert desk.stream == b"LEN:ask 5LEN:cancel 5"


# ---- over a real socket ----------------------------------------------------------------------


@pytest.fixture
def loop(loop_factory: LoopFactory) -> Iterator[IBKREventLoop]:
    loop = IBKREventLoop(loop_factory=loop_factory)
    loop.start()
    yield loop
    loop.stop()


class Standing(Link):
    """A link whose Outbox is open to it."""

    def __init__(self, loop: IBKREventLoop, rcvbuf: int = 0) -> None:
        super().__init__(loop, rcvbuf)
        transport = self.transport
        loop.call(self.outbox.open, transport.write, transport.write_at_once)

    def send(self, body: bytes) -> Outgoing:
        message = Outgoing(frame(body), Lane.REQUEST)
        self.outbox.put(message, at_once=self.loop.nothing_waits())
        return message

    def read(self, count: int) -> list[bytes]:
        """So many frames, as they came."""
        reader = FrameReader()
        found: list[bytes] = []
        while len(found) < count:
            data = self.peer.recv(1 << 20)
            assert data, "the link ended"
            reader.feed(data)
            found.extend(reader.frames())
        assert not reader.pending
        return found

    def end(self) -> None:
        self.peer.close()
        self.loop.call(self.transport.abort)
        assert self.ears.down.wait(PATIENCE)


@pytest.fixture
def link(loop: IBKREventLoop) -> Iterator[Standing]:
    link = Standing(loop)
    yield link
    link.end()


def test_it_leaves_while_the_loop_thread_is_held_up(link: Standing) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        let_go.wait(PATIENCE)

    # Not by a door: what was handed in there would be before it.
    link.loop.loop.call_soon_threadsafe(hold)
    assert held.wait(PATIENCE)
    try:
        assert link.send(b"now").fate is Fate.SENT
        assert link.read(1) == [b"now"]
    finally:
        let_go.set()


def test_it_does_not_pass_what_was_handed_to_the_loop_thread(link: Standing) -> None:
    let_go = threading.Event()

    def work() -> None:
        assert let_go.wait(PATIENCE)
        link.outbox.put(Outgoing(frame(b"first"), Lane.ORDER))

    link.loop.post(work)
    assert link.send(b"second").fate is Fate.QUEUED
    let_go.set()
    assert link.read(2) == [b"first", b"second"]


def test_it_does_not_pass_what_stands_in_the_loop_s_own_buffer(loop: IBKREventLoop) -> None:
    link = Standing(loop, rcvbuf=4096)
    big = b"b" * 8_000_000
    loop.call(link.transport.write, frame(big))
    assert link.transport.write_at_once(frame(b"x")) == 0
    link.send(b"second")
    assert link.read(2) == [big, b"second"]
    assert loop.call(link.outbox.waiting) == 0
    loop.call(link.transport.write, frame(b"third"))  # the buffer is empty, and it is known now
    assert link.send(b"fourth").fate is Fate.SENT
    assert link.read(2) == [b"third", b"fourth"]
    link.end()


class Slow(asyncio.Transport):
    """A loop's transport that has not come to writing what it took; its socket has room again."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.taken = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.taken += bytes(data)

    def abort(self) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return len(self.taken)


async def test_room_in_the_socket_is_no_reason_while_the_loop_has_bytes_of_its_own() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        slow, desk = Slow(ours), Direct()
        link = Transport(Ears(), desk.outbox)
        link.connection_made(slow)
        taken = b""
        while not slow.taken:  # until the socket is full
            link.write(b"a" * 100_000)
        while len(taken) < 50_000:
            taken += theirs.recv(50_000)
        assert link.write_at_once(b"b") == 0
        link.write(b"c")
        assert slow.taken.endswith(b"ac")
        slow.taken = b""
        link.write(b"d")
        assert not slow.taken, "the loop has written all of its own: nothing is before it"
        assert link.write_at_once(b"e") == 1
        link.abandon()


def test_no_frame_is_cut_and_each_thread_keeps_its_order_when_the_peer_reads_slowly(
    loop: IBKREventLoop,
) -> None:
    """Threads and the loop thread at once, with frames that the socket takes in pieces."""
    link = Standing(loop, rcvbuf=4096)
    each, threads = 60, 3

    def body(who: int, number: int) -> bytes:
        return b"%d:%d:" % (who, number) + bytes([who]) * 40_000

    def send(who: int) -> None:
        for number in range(each):
            link.send(body(who, number))

    def send_here() -> None:
        for number in range(each):
            link.outbox.put(Outgoing(frame(body(threads, number)), Lane.REQUEST))

    workers = [threading.Thread(target=send, args=(who,)) for who in range(threads)]
    for worker in workers:
        worker.start()
    loop.post(send_here)
    found = link.read(each * (threads + 1))
    for worker in workers:
        worker.join()
    for who in range(threads + 1):
        mine = [one for one in found if one.startswith(b"%d:" % who)]
        assert mine == [body(who, number) for number in range(each)]
    link.end()


def test_the_loop_hears_of_a_link_that_is_gone(link: Standing) -> None:
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        held.set()
        let_go.wait(PATIENCE)

    link.loop.loop.call_soon_threadsafe(hold)
    assert held.wait(PATIENCE)
    link.peer.close()
    # The first is answered by a reset, and the system takes no other one.
    await_condition(lambda: link.send(b"x").fate is Fate.QUEUED, "the reset never came")
    let_go.set()
    assert link.ears.down.wait(PATIENCE)
    assert isinstance(link.ears.error, ConnectionError)
    assert link.transport.write_at_once(b"x") == 0


@pytest.mark.parametrize("how", ["close", "abort", "abandon"])
def test_the_peer_sees_the_end_at_once(link: Standing, how: str) -> None:
    """A second descriptor of ours that stayed open would keep the connection."""
    link.send(b"last")
    assert link.read(1) == [b"last"]
    link.loop.call(getattr(link.transport, how))
    assert link.peer.recv(1) == b""
    assert link.transport.write_at_once(b"x") == 0


def test_the_peer_s_end_lets_go_of_it(link: Standing) -> None:
    link.peer.close()
    assert link.ears.down.wait(PATIENCE)
    assert link.transport.write_at_once(b"x") == 0


# ---- the door of the loop ----------------------------------------------------------------------


def test_the_loop_says_whether_anything_that_was_handed_in_waits(loop: IBKREventLoop) -> None:
    assert loop.nothing_waits()
    assert not loop.call(loop.nothing_waits), "on the loop thread itself it is no question"
    let_go = threading.Event()
    loop.post(let_go.wait, PATIENCE)
    assert not loop.nothing_waits()
    let_go.set()
    await_condition(loop.nothing_waits)
    loop.post(lambda: 1 // 0)
    await_condition(loop.nothing_waits, "what raised is over, too")
    loop.stop()
    assert not loop.nothing_waits()
    loop.start()
    assert loop.nothing_waits()


# ---- a connection ----------------------------------------------------------------------------


class Held(Recorder):
    """Holds the loop thread in a callback until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.held = threading.Event()
        setattr(self, "currentTime", self._hold)  # noqa: B010  (the Recorder made it its own)

    def _hold(self, _time: int) -> None:
        self.held.set()
        assert self.let_go.wait(PATIENCE)


@pytest.mark.parametrize("version", [200, 225])
def test_a_request_leaves_while_a_callback_holds_the_loop_thread(
    loop_factory: LoopFactory, version: int
) -> None:
    came = threading.Event()

    async def script(peer: Peer) -> None:
        await (peer.open_session if version == 200 else peer.open_protobuf_session)(version)
        for wanted in ("reqCurrentTime", "reqMarketDataType"):
            body = await peer.read_frame()
            assert codec.decode(Direction.OUTBOUND, body, version).type.name == wanted
            row = INBOUND_BY_NAME["currentTime"]
            told = message_class("CurrentTime")(currentTime=1)
            await peer.send(codec.encode(row, told, version))
        came.set()

    wrapper = Held()
    with ScriptedServer(script) as server:
        app = IBKRConnection(
            settings(server.port), wrapper=wrapper, callbacks="loop", loop_factory=loop_factory
        )
        app.connect("127.0.0.1", server.port, 1)
        running = threading.Thread(target=app.run)
        running.start()
        try:
            assert wrapper.wait("nextValidId")
            app.reqCurrentTime()
            assert wrapper.held.wait(PATIENCE)
            app.reqMarketDataType(3)
            assert came.wait(PATIENCE)
        finally:
            wrapper.let_go.set()
            app.disconnect()
            running.join(PATIENCE)


PROGRAM = """
import os, socket, sys, threading, warnings
import uvloop, asyncio
from twsloop.connection import IBKRConnection
from tests.support.clients import settings
from bench.quiet_gateway import serve

warnings.simplefilter("ignore")  # Python 3.12 on warns of forks with threads
with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    threading.Thread(target=lambda: serve(server.accept()[0]), daemon=True).start()
    app = IBKRConnection(settings(port), loop_factory={factory})
    app.start()
    app.reqMarketDataType(1)
    before = app._tws.outbox.traffic.messages_out
    pid = os.fork()
    if not pid:
        app.reqMarketDataType(2)  # it is queued, in a process where nobody sends
        os._exit(0 if app._tws.outbox.traffic.messages_out == before else 1)
    _, status = os.waitpid(pid, 0)
    app.stop()
sys.exit(status != 0)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
@pytest.mark.parametrize("factory", ["asyncio.new_event_loop", "uvloop.new_event_loop"])
def test_a_forked_process_sends_nothing_over_its_parent_s_link(factory: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(factory=factory)],
        timeout=50, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
