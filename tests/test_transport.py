"""The Outbox (lanes, fates, epochs, pacing) and the Transport over a real socket."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import LoopFactory
from twsloop.clock import ManualClock
from twsloop.errors import FramingError, NotConnected, SendQueueFull
from twsloop.event_loop import IBKREventLoop
from twsloop.session.pacing import SPAN
from twsloop.transport import CLOSE_GRACE, Fate, Lane, Outbox, Outgoing, Transport, lane_of
from twsloop.wire.framing import frame
from twsloop.wire.messages import OUTBOUND_BY_NAME

# ---- the Outbox alone ------------------------------------------------------------------------


def read_id(body: bytes) -> int | None:
    """Of a body such as ``request 5``."""
    last = body.split()[-1]
    return int(last) if last.isdigit() else None


class Desk:
    """An Outbox whose socket is a list; nothing is written before `drain` unless `live`."""

    def __init__(
        self, *, rate: int = 0, limit: int = 5, live: bool = False, reserve: int = 0
    ) -> None:
        self.clock = ManualClock()
        self.fates: list[tuple[bytes, Fate]] = []
        self.written: list[bytes] = []
        self.wakes = 0
        self.live = live
        self.outbox = Outbox(
            self.clock, rate=rate, reserve=reserve, limit=limit, wake=self.wake, identify=read_id
        )
        self.outbox.open(self.written.append)

    def wake(self) -> None:
        self.wakes += 1
        if self.live:
            self.outbox.drain()

    def put(self, data: bytes, lane: Lane = Lane.REQUEST, order_id: int | None = None) -> Outgoing:
        message = Outgoing(
            data, lane, order_id=order_id, on_fate=lambda fate: self.fates.append((data, fate))
        )
        self.outbox.put(message)
        return message

    @property
    def stream(self) -> bytes:
        return b"".join(self.written)


def test_lanes_leave_by_urgency_and_each_first_in_first_out() -> None:
    desk = Desk()
    for lane in reversed(Lane):
        desk.put(f"{lane.name}1 ".encode(), lane)
        desk.put(f"{lane.name}2 ".encode(), lane)
    assert desk.outbox.waiting() == 10
    assert desk.outbox.waiting(Lane.ORDER) == 2
    desk.outbox.drain()
    names = ["SESSION", "CANCEL", "ORDER", "REQUEST", "HISTORY"]
    assert desk.stream.decode().split() == [f"{name}{n}" for name in names for n in (1, 2)]
    assert len(desk.written) == 1, "one write for all that may leave"
    assert [fate for _, fate in desk.fates] == [Fate.SENT] * 10
    assert desk.outbox.waiting() == 0


@given(
    st.lists(st.tuples(st.sampled_from(Lane), st.integers(1, 3)), max_size=60), st.integers(1, 7)
)
def test_two_messages_of_one_id_never_change_places(
    plan: list[tuple[Lane, int]], every: int
) -> None:
    """Within a lane; which messages share one is the next test's."""
    desk = Desk(limit=100)
    for number, (lane, who) in enumerate(plan):
        desk.put(f"{lane.name}:{who}:{number} ".encode(), lane)
        if number % every == 0:
            desk.outbox.drain()
    desk.outbox.drain()
    sent = [part.split(":") for part in desk.stream.decode().split()]
    assert len(sent) == len(plan)
    for lane in Lane:
        numbers = [int(number) for name, _, number in sent if name == lane.name]
        assert numbers == sorted(numbers)


#: A cancel that is not named after its request.
CANCELS = {"cancelMktData": "reqMktData", "unsubscribeFromGroupEvents": "subscribeToGroupEvents"}


def test_a_request_and_its_cancel_share_a_lane() -> None:
    pairs = 0
    for name, kind in OUTBOUND_BY_NAME.items():
        if not name.startswith(("cancel", "unsubscribe")) or name == "cancelOrder":
            continue
        stem = name.removeprefix("cancel")
        candidates = [
            CANCELS.get(name, ""), f"req{stem}", stem[:1].lower() + stem[1:], f"req{stem}Data",
            "reqContractDetails" if name == "cancelContractData" else "",
        ]  # fmt: skip
        request = next(c for c in candidates if c in OUTBOUND_BY_NAME)
        assert lane_of(kind.number) is lane_of(OUTBOUND_BY_NAME[request].number), name
        pairs += 1
    assert pairs >= 18


def test_the_lanes_of_what_moves_orders() -> None:
    numbers = {name: kind.number for name, kind in OUTBOUND_BY_NAME.items()}
    assert lane_of(numbers["startApi"]) is lane_of(numbers["reqCurrentTime"]) is Lane.SESSION
    assert lane_of(numbers["cancelOrder"]) is lane_of(numbers["reqGlobalCancel"]) is Lane.CANCEL
    assert lane_of(numbers["placeOrder"]) is lane_of(numbers["exerciseOptions"]) is Lane.ORDER
    assert lane_of(numbers["reqMktData"]) is Lane.REQUEST
    assert lane_of(numbers["reqHistoricalData"]) is Lane.HISTORY
    assert lane_of(9999) is Lane.REQUEST


def test_nothing_is_taken_without_a_session() -> None:
    desk = Desk()
    desk.outbox.close()
    assert not desk.outbox.is_open
    with pytest.raises(NotConnected):
        desk.put(b"x")


def test_a_full_request_lane_refuses_by_name_and_orders_and_cancels_are_still_taken() -> None:
    desk = Desk(limit=5)
    for number in range(5):
        desk.put(b"%d" % number)
    with pytest.raises(SendQueueFull, match="5 requests wait"):
        desk.put(b"one too many")
    desk.put(b"h", Lane.HISTORY)
    for lane in (Lane.SESSION, Lane.CANCEL, Lane.ORDER):
        for _ in range(50):
            desk.put(b"o", lane)
    assert desk.outbox.waiting() == 156


def test_a_withdrawn_order_never_leaves_and_its_fate_is_known() -> None:
    desk = Desk()
    desk.put(b"five ", Lane.ORDER, order_id=5)
    desk.put(b"six ", Lane.ORDER, order_id=6)
    desk.put(b"five-again ", Lane.ORDER, order_id=5)
    assert desk.outbox.withdraw(5)
    assert desk.fates == [(b"five ", Fate.NOT_SENT), (b"five-again ", Fate.NOT_SENT)]
    desk.outbox.drain()
    assert desk.stream == b"six "
    assert not desk.outbox.withdraw(6), "what has left cannot be withdrawn"


def test_a_global_cancel_drops_every_queued_order_and_nothing_else() -> None:
    desk = Desk()
    desk.put(b"o1", Lane.ORDER, order_id=1)
    desk.put(b"o2", Lane.ORDER, order_id=2)
    desk.put(b"r")
    assert desk.outbox.withdraw_orders() == 2
    desk.outbox.drain()
    assert desk.stream == b"r"


def test_one_message_can_be_dropped_once() -> None:
    desk = Desk()
    message = desk.put(b"x")
    assert desk.outbox.drop(message)
    assert not desk.outbox.drop(message)
    assert message.fate is Fate.NOT_SENT
    sent = desk.put(b"y")
    desk.outbox.drain()
    assert not desk.outbox.drop(sent)
    assert desk.stream == b"y"


def test_an_order_that_was_dropped_is_not_withdrawn_again() -> None:
    desk = Desk()
    message = desk.put(b"five", Lane.ORDER, order_id=5)
    assert desk.outbox.drop(message)
    assert not desk.outbox.withdraw(5)
    assert desk.fates == [(b"five", Fate.NOT_SENT)]
    assert desk.outbox.waiting(Lane.ORDER) == 0


def test_what_waits_at_the_end_of_a_session_never_leaks_into_the_next() -> None:
    desk = Desk()
    first = desk.outbox.epoch
    desk.put(b"sent", Lane.ORDER, order_id=1)
    desk.outbox.drain()
    desk.put(b"queued", Lane.ORDER, order_id=2)
    dropped = desk.outbox.close()
    assert [message.data for message in dropped] == [b"queued"]
    assert desk.fates == [(b"sent", Fate.SENT), (b"queued", Fate.NOT_SENT)]
    second: list[bytes] = []
    assert desk.outbox.open(second.append) == first + 1
    desk.outbox.drain()
    assert second == []
    desk.put(b"new")
    desk.outbox.drain()
    assert second == [b"new"]
    assert desk.stream == b"sent"


def test_a_fate_told_may_send_more() -> None:
    desk = Desk(live=True)
    more = Outgoing(b"more", Lane.REQUEST)
    desk.outbox.put(Outgoing(b"first ", Lane.REQUEST, on_fate=lambda _fate: desk.outbox.put(more)))
    assert desk.stream == b"first more"
    assert more.fate is Fate.SENT


async def test_pacing_lets_the_rate_leave_and_the_rest_when_the_clock_allows() -> None:
    desk = Desk(rate=3, limit=100, live=True)
    for number in range(8):
        desk.put(b"%d" % number, Lane.ORDER)
    assert desk.stream == b"012"
    desk.clock.advance(SPAN - 0.001)
    assert desk.stream == b"012"
    desk.clock.advance(0.001)
    assert desk.stream == b"012345"
    desk.clock.advance(SPAN)
    assert desk.stream == b"01234567"
    assert desk.clock.pending() == 0


async def test_under_pacing_a_cancel_overtakes_requests_that_came_before() -> None:
    desk = Desk(rate=4, limit=100, live=True)
    for number in range(5):
        desk.put(b"r%d " % number)
    assert desk.stream == b"r0 r1 "
    desk.outbox.pause()
    desk.put(b"order ", Lane.ORDER)
    desk.put(b"cancel ", Lane.CANCEL)
    desk.outbox.resume()
    assert desk.stream == b"r0 r1 cancel order "


async def test_urgent_lanes_leave_at_once_behind_ten_thousand_requests_in_a_full_window() -> None:
    """The reserve at work: no request can take the last places of a second."""
    desk = Desk(rate=45, reserve=9, limit=10_000, live=True)
    for _ in range(10_000):
        desk.put(b"h", Lane.HISTORY)
    for _ in range(20):
        desk.clock.advance(0.5)
        before = len(desk.written)
        desk.put(b"cancel", Lane.CANCEL)
        desk.put(b"probe", Lane.SESSION)
        assert desk.written[before:] == [b"cancel", b"probe"], "without any time passing"
    assert desk.outbox.waiting(Lane.HISTORY) > 9000


async def test_closing_stops_the_pacing_timer() -> None:
    desk = Desk(rate=1, live=True)
    desk.put(b"a")
    desk.put(b"b")
    assert desk.clock.pending() == 1
    desk.outbox.close()
    assert desk.clock.pending() == 0
    desk.clock.advance(10)
    assert desk.stream == b"a"


def test_any_thread_may_put_and_nothing_is_lost_or_torn() -> None:
    desk = Desk(limit=10_000)
    threads = [
        threading.Thread(target=lambda n=n: [desk.put(b"%d:%d " % (n, i)) for i in range(500)])
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        desk.outbox.drain()
    desk.outbox.drain()
    sent = desk.stream.decode().split()
    assert len(sent) == len(set(sent)) == 2000
    for n in range(4):
        mine = [int(part.split(":")[1]) for part in sent if part.startswith(f"{n}:")]
        assert mine == list(range(500))


# ---- the Transport, over a real socket -------------------------------------------------------


class Ears:
    """Writes down what a Transport tells; its methods run on the loop thread."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.reads = 0
        self.batches = 0
        self.up = threading.Event()
        self.down = threading.Event()
        self.heard = threading.Semaphore(0)
        self.error: BaseException | None = None
        self.downs = 0
        self.transport: Transport | None = None
        self.on_frame: Callable[[bytes], object] = lambda _body: None

    def link_up(self, transport: Transport) -> None:
        self.transport = transport
        self.up.set()

    def bytes_came(self) -> None:
        self.reads += 1

    def frame_came(self, body: bytes) -> None:
        self.frames.append(body)
        self.on_frame(body)
        self.heard.release()

    def messages_came(self) -> None:
        raise AssertionError("no stream takes what comes")

    def batch_done(self) -> None:
        self.batches += 1

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        assert transport is self.transport
        self.error = error
        self.downs += 1
        self.down.set()


class Link:
    """A Transport on a loop thread, and the plain socket at its other end."""

    def __init__(self, loop: IBKREventLoop, rcvbuf: int = 0) -> None:
        self.loop = loop
        self.ears = Ears()
        self.outbox = Outbox(
            loop.clock, limit=100_000,
            wake=lambda: self.outbox.drain() if loop.in_loop() else loop.post(self.outbox.drain),
        )  # fmt: skip
        with socket.socket() as listener:
            if rcvbuf:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            loop.call(self._connect, listener.getsockname()[1])
            self.peer, _ = listener.accept()
        self.peer.settimeout(10)
        assert self.ears.up.wait(10)

    async def _connect(self, port: int) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_connection(lambda: Transport(self.ears, self.outbox), "127.0.0.1", port)

    @property
    def transport(self) -> Transport:
        assert self.ears.transport is not None
        return self.ears.transport

    def await_frames(self, count: int) -> list[bytes]:
        for _ in range(count):
            assert self.ears.heard.acquire(timeout=10)
        return self.ears.frames

    def read_all(self) -> bytes:
        parts = []
        while part := self.peer.recv(1 << 20):
            parts.append(part)
        return b"".join(parts)


@pytest.fixture
def loop(loop_factory: LoopFactory) -> Iterator[IBKREventLoop]:
    loop = IBKREventLoop(loop_factory=loop_factory)
    loop.start()
    yield loop
    loop.stop()


@pytest.fixture
def link(loop: IBKREventLoop) -> Iterator[Link]:
    link = Link(loop)
    yield link
    link.peer.close()
    loop.call(link.transport.abort)
    assert link.ears.down.wait(10)


def test_frames_come_in_order_however_the_bytes_are_cut(link: Link) -> None:
    bodies = [b"", b"a", b"b" * 4096, b"c" * 70_000]
    data = b"".join(frame(body) for body in bodies)
    link.peer.sendall(data)
    assert link.await_frames(4) == bodies
    for byte in frame(b"byte by byte"):
        link.peer.sendall(bytes([byte]))
    assert link.await_frames(1)[-1] == b"byte by byte"
    assert link.loop.call(lambda: link.ears.batches) == link.ears.reads


def test_an_oversize_frame_ends_the_link_and_says_so(link: Link) -> None:
    link.peer.sendall(frame(b"fine") + b"\xff\xff\xff\xff")
    assert link.ears.down.wait(10)
    assert link.ears.frames == [b"fine"]
    assert isinstance(link.ears.error, FramingError)
    assert link.read_all() == b""


def test_the_peer_s_end_is_told_without_an_error(link: Link) -> None:
    link.peer.close()
    assert link.ears.down.wait(10)
    assert link.ears.error is None
    assert link.transport.closing


def test_a_reason_of_ours_is_told(link: Link) -> None:
    reason = ConnectionAbortedError("no sign of life")
    link.loop.call(link.transport.abort_with, reason)
    assert link.ears.down.wait(10)
    assert link.ears.error is reason


def test_closing_inside_a_callback_ends_it_there(link: Link) -> None:
    link.ears.on_frame = lambda body: link.transport.close() if body == b"2" else None
    link.peer.sendall(b"".join(frame(b"%d" % n) for n in range(5)))
    assert link.ears.down.wait(10)
    assert link.ears.frames == [b"0", b"1", b"2"]
    assert link.ears.downs == 1


def test_what_was_written_before_a_close_still_arrives(link: Link) -> None:
    data = b"x" * 200_000

    def write_and_close() -> None:
        link.transport.write(data)
        link.transport.close()
        link.transport.write(b"too late")

    link.loop.call(write_and_close)
    assert link.read_all() == data


def test_a_peer_that_never_reads_pauses_the_outbox_and_reading_resumes_it(
    loop: IBKREventLoop,
) -> None:
    link = Link(loop, rcvbuf=4096)
    outbox = link.outbox
    loop.call(outbox.open, link.transport.write)
    piece = b"p" * 50_000
    put = 0

    def put_one() -> bool:
        outbox.put(Outgoing(piece, Lane.REQUEST))
        return outbox.paused

    while not loop.call(put_one):
        put += 1
        assert put < 2000, "a peer that does not read has to be noticed"
    put += 1
    for _ in range(10):
        loop.call(put_one)
    assert outbox.waiting() == 10, "what does not fit waits in its lane, not in the socket's buffer"
    received = 0
    while received < (put + 10) * len(piece):
        received += len(link.peer.recv(1 << 20))
    assert loop.call(lambda: (outbox.waiting(), outbox.paused)) == (0, False)
    link.peer.close()
    assert link.ears.down.wait(10)


def test_a_link_that_was_given_up_does_not_pause_its_successor(link: Link) -> None:
    link.loop.call(link.outbox.open, link.transport.write)
    link.loop.call(link.transport.close)
    link.loop.call(link.transport.pause_writing)
    assert not link.outbox.paused


def test_closing_towards_a_peer_that_never_reads_ends_after_its_grace(loop: IBKREventLoop) -> None:
    link = Link(loop, rcvbuf=4096)
    loop.call(link.transport.write, b"x" * 20_000_000)
    loop.call(link.transport.close)
    assert not link.ears.down.is_set()
    assert link.ears.down.wait(CLOSE_GRACE + 10)
    link.peer.close()


def test_a_listener_that_raises_does_not_leave_a_link_half_alive(link: Link) -> None:
    seen: list[BaseException] = []
    link.loop.call(
        lambda: link.loop.loop.set_exception_handler(
            lambda _loop, context: seen.append(context["exception"])
        )
    )

    def broken(_body: bytes) -> None:
        raise ZeroDivisionError

    link.ears.on_frame = broken
    link.peer.sendall(frame(b"x"))
    assert link.ears.down.wait(10)
    assert isinstance(seen[0], ZeroDivisionError)
