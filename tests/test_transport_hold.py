"""A link whose bytes a stream takes: from the hello on, held and released, and at its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.wire.hot.by_hand import NEWEST
from tests.wire.hot.implementations import every_stream
from tests.wire.hot.oracle import Ear
from tests.wire.hot.streaming import hot, other
from twsloop.clock import SystemClock
from twsloop.errors import FramingError
from twsloop.transport import Outbox, Transport
from twsloop.wire.framing import frame

pytestmark = pytest.mark.anyio

HELLO = b"225\x0020261121 10:00:00 UTC\0"
PRICE, ORDER = hot(1, NEWEST), other(NEWEST)
TOO_LONG = b"\xff" * 4


class Ears:
    """Hears a link, and writes down what it tells, in order."""

    def __init__(self, stream_class: Any) -> None:
        self.stream_class = stream_class
        self.log: list[str] = []
        self.ear = Ear()
        self.ear.message_done = None
        self.ear.low.tickPrice = lambda *_args: self.note("price")
        self.ear.low.tickSize = lambda *_args: None
        self.on: dict[str, Callable[[], object]] = {}
        self.error: BaseException | None = None
        self.link: Transport | None = None
        self.stream: Any = None
        self.listen = True

    def note(self, what: str) -> None:
        self.log.append(what)
        act = self.on.get(what)
        if act is not None:
            act()

    def link_up(self, transport: Transport) -> None:
        self.link = transport

    def bytes_came(self) -> None:
        self.note("read")

    def frame_came(self, body: bytes) -> None:
        self.note("hello" if body == HELLO else "frame")
        if self.listen and self.link is not None:
            self.stream = self.stream_class(NEWEST, self.ear, lambda _body: self.note("order"))
            self.link.listen_with(self.stream)

    def messages_came(self) -> None:
        self.note("came")

    def batch_done(self) -> None:
        self.note("done")

    def link_down(self, transport: Transport, error: BaseException | None) -> None:
        assert transport is self.link
        self.error = error
        self.note("down")


class Peers:
    """A link, and the gateway's socket at its other end."""

    def __init__(self, ears: Ears, peer: socket.socket) -> None:
        self.ears = ears
        self.peer = peer
        self.link: Any = None
        self.outbox: Any = None

    async def send(self, *data: bytes) -> None:
        """Send, in one piece."""
        await asyncio.get_running_loop().sock_sendall(self.peer, b"".join(data))

    async def until(self, what: str, count: int = 1) -> None:
        """Wait until something was told so many times."""
        async with asyncio.timeout(20):
            while self.ears.log.count(what) < count:
                await asyncio.sleep(0)

    async def lost(self) -> None:
        """Wait until the loop has said that the link, which is held, is lost."""
        async with asyncio.timeout(20):
            while self.link._ended_by is None:
                await asyncio.sleep(0)

    @property
    def told(self) -> list[str]:
        """What was told since the last time that this was asked."""
        told, self.ears.log = self.ears.log, []
        return told


Open = Callable[..., Any]


@pytest.fixture
async def opened(anyio_backend: object) -> AsyncIterator[Open]:
    """Makes links."""
    made: list[Peers] = []

    async def make(stream_class: Any, *, hello: bool = True) -> Peers:
        ours, peer = socket.socketpair()
        peer.setblocking(False)
        ears = Ears(stream_class)
        peers = Peers(ears, peer)
        peers.outbox = Outbox(SystemClock(), limit=100, wake=lambda: None)
        loop = asyncio.get_running_loop()
        _, peers.link = await loop.create_connection(
            lambda: Transport(ears, peers.outbox), sock=ours
        )
        made.append(peers)
        if hello:
            await peers.send(frame(HELLO))
            await peers.until("done")
            assert peers.told == ["read", "hello", "done"]
        return peers

    yield make
    for peers in made:
        peers.link.abort()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(peers.link.ended.wait(), 5)
        peers.peer.close()


# ---- from the hello on


@every_stream
async def test_the_stream_takes_what_comes_behind_the_hello(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class, hello=False)
    data = frame(HELLO) + frame(PRICE) + frame(ORDER) + frame(PRICE)
    await peers.send(data[:-3])
    await peers.until("done")
    assert peers.told == ["read", "hello", "price", "order", "came", "done"]
    assert peers.link.pending == len(frame(PRICE)) - 3
    await peers.send(data[-3:], frame(PRICE))
    await peers.until("done")
    assert peers.told == ["read", "price", "price", "came", "done"]
    traffic = peers.outbox.traffic
    assert (traffic.messages_in, traffic.bytes_in) == (5, len(data) + len(frame(PRICE)))


@every_stream
async def test_the_hello_byte_by_byte(opened: Open, stream_class: Any) -> None:
    peers = await opened(stream_class, hello=False)
    data = frame(HELLO) + frame(PRICE)
    for byte in data:
        peers.link.data_received(bytes([byte]))
    assert [what for what in peers.told if what not in {"read", "done"}] == [
        "hello",
        "price",
        "came",
    ]
    assert peers.outbox.traffic.messages_in == 2


@every_stream
async def test_messages_are_told_once_a_read_and_only_whole_ones(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    data = frame(PRICE)
    peers.link.data_received(data[:9])
    assert peers.told == ["read", "done"]
    peers.link.data_received(data[9:] + data + b"\0")
    assert peers.told == ["read", "price", "price", "came", "done"]
    assert peers.link.pending == 1


@every_stream
@pytest.mark.parametrize("end", ["close", "abandon"])
async def test_a_callback_that_ends_the_link_hears_no_more(
    opened: Open, stream_class: Any, end: str
) -> None:
    peers = await opened(stream_class)
    peers.ears.on["price"] = getattr(peers.link, end)
    peers.link.data_received(frame(ORDER) + frame(PRICE) * 3 + TOO_LONG)
    assert peers.told[:3] == ["read", "order", "price"]
    peers.link.data_received(frame(PRICE))
    assert "price" not in peers.told
    assert peers.link.ended is not None
    await asyncio.wait_for(peers.link.ended.wait(), 20)
    assert peers.ears.error is None


@every_stream
async def test_who_ends_the_link_in_the_hello_hears_nothing_else(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class, hello=False)
    peers.ears.on["hello"] = peers.link.close
    peers.link.data_received(frame(HELLO) + frame(PRICE) + frame(ORDER))
    assert peers.told == ["read", "hello"]


@every_stream
async def test_a_length_that_cannot_be_ends_the_link_after_what_came_before(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    await peers.send(frame(PRICE), frame(ORDER), TOO_LONG)
    await peers.until("down")
    told = peers.told
    assert [what for what in told if what in {"price", "order", "done"}] == ["price", "order"]
    assert isinstance(peers.ears.error, FramingError)


# ---- held


def hold_at(peers: Peers, *what: str) -> None:
    """Let the first of each of these hold the link."""

    def hold(one: str) -> Callable[[], None]:
        def act() -> None:
            del peers.ears.on[one]
            peers.link.hold()

        return act

    peers.ears.on.update({one: hold(one) for one in what})


@every_stream
async def test_nothing_passes_and_nothing_is_read_while_it_is_held(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    transport = peers.link._transport
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE))
    assert peers.link.held
    assert peers.told == ["read", "order", "came", "done"]
    assert not transport.is_reading()
    peers.link.data_received(frame(PRICE) + b"\0")  # had been read already
    assert peers.told == ["read", "done"]
    assert peers.link.pending == 0
    await peers.send(b"\0\0\0")
    peers.link.release()
    assert not peers.link.held
    assert transport.is_reading()
    assert peers.told == ["read", "price", "price", "came", "done"]
    assert peers.link.pending == 1
    await peers.until("done")
    assert peers.told == ["read", "order", "came", "done"]
    peers.link.release()
    assert peers.told == []


@every_stream
async def test_what_is_released_may_hold_again(opened: Open, stream_class: Any) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(ORDER) + frame(PRICE))
    hold_at(peers, "order")
    peers.link.release()
    assert peers.link.held
    assert not peers.link._transport.is_reading()
    assert peers.told == ["read", "order", "came", "done", "read", "order", "came", "done"]
    peers.link.release()
    assert peers.told == ["read", "price", "came", "done"]
    assert peers.link._transport.is_reading()


@every_stream
async def test_an_end_waits_until_what_came_before_is_heard(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE))
    error = ConnectionAbortedError("no sign of life")
    peers.link.abort_with(error)
    await peers.lost()
    assert not peers.link.ended.is_set()
    assert "down" not in peers.told
    peers.link.release()
    assert peers.told == ["read", "price", "came", "done", "down"]
    assert peers.ears.error is error
    assert peers.link.ended.is_set()


@every_stream
async def test_an_end_waits_for_the_last_of_several_holds(opened: Open, stream_class: Any) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE) + frame(ORDER))
    peers.link.abort()
    await peers.lost()
    hold_at(peers, "order")
    peers.link.release()
    assert "down" not in peers.told
    peers.link.release()
    assert peers.told == ["read", "done", "down"]


@every_stream
async def test_a_length_that_cannot_be_is_found_when_it_is_released(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE) + TOO_LONG)
    assert peers.told == ["read", "order", "came", "done"]
    peers.link.release()
    await peers.until("down")
    assert "price" in peers.told
    assert isinstance(peers.ears.error, FramingError)


@every_stream
async def test_a_gateway_that_goes_while_it_is_held_is_heard_to_its_end(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER))
    await peers.send(frame(PRICE) * 2)
    peers.peer.close()
    await asyncio.sleep(0)
    assert "down" not in peers.told
    peers.link.release()
    await peers.until("down")
    assert peers.told.count("price") == 2
    assert peers.ears.error is None


@every_stream
@pytest.mark.parametrize("end", ["close", "abandon"])
async def test_a_link_that_is_given_up_while_it_is_held_ends(
    opened: Open, stream_class: Any, end: str
) -> None:
    """Nobody is told what waits, and whoever waits for its end need not wait long."""
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE))
    getattr(peers.link, end)()
    peers.link.release()
    await asyncio.wait_for(peers.link.ended.wait(), 20)
    assert "price" not in peers.told


@every_stream
async def test_a_link_that_broke_while_it_was_held_and_is_given_up_ends(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE))
    peers.link.abort()
    await peers.lost()
    for _ in range(2):
        peers.link.close()
    await asyncio.wait_for(peers.link.ended.wait(), 20)
    await asyncio.sleep(0)
    told = peers.told
    assert "price" not in told
    assert told.count("down") == 1


@every_stream
async def test_a_link_that_broke_and_is_given_up_by_what_is_released_ends(
    opened: Open, stream_class: Any
) -> None:
    peers = await opened(stream_class)
    hold_at(peers, "order")
    peers.link.data_received(frame(ORDER) + frame(PRICE) * 2)
    peers.link.abort()
    await peers.lost()
    peers.ears.on["price"] = peers.link.close
    peers.link.release()
    await asyncio.wait_for(peers.link.ended.wait(), 20)
    assert peers.told.count("price") == 1


async def test_a_link_without_a_stream_holds_nothing(opened: Open) -> None:
    peers = await opened(None, hello=False)
    peers.ears.listen = False
    peers.link.release()
    assert not peers.link.held
    peers.link.data_received(frame(ORDER) * 2 + b"\0")
    assert peers.told == ["read", "frame", "frame", "done"]
    assert peers.link.pending == 1
