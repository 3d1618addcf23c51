"""Faults of a link, over real sockets: what a raw client sees of each, on both loops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.support.paper_server import connect, settled
from tests.support.wireclient import Closed, WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.errors import FaultError, FramingError, PaperError
from twsloop.paper import PaperGateway
from twsloop.paper.faults.link import Link
from twsloop.paper.faults.wire_links import Reset

VERSIONS = [200, 225]


@pytest.fixture(params=VERSIONS)
async def client(
    gateway: PaperGateway, request: pytest.FixtureRequest
) -> AsyncIterator[WireClient]:
    async with connect(gateway, request.param) as it:
        await it.ready()
        yield it


@contextlib.asynccontextmanager
async def second(gateway: PaperGateway, client_id: int = 2) -> AsyncIterator[WireClient]:
    async with connect(gateway, client_id=client_id) as it:
        await it.ready()
        yield it


async def answered(client: WireClient) -> None:
    client.send("reqCurrentTime")
    await client.until("currentTime")


@contextlib.asynccontextmanager
async def unanswered(client: WireClient, other: WireClient) -> AsyncIterator[None]:
    """What the client asks is not answered, though another client is; then it is."""
    client.send("reqCurrentTime")
    waiting = asyncio.ensure_future(client.until("currentTime"))
    for _ in range(3):
        await answered(other)
    assert not waiting.done()
    yield
    await waiting


async def turns() -> None:
    """Let the loop look after its sockets and timers."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_without_a_fault_nothing_stands_between(
    gateway: PaperGateway, client: WireClient
) -> None:
    (connection,) = gateway.connections
    assert not isinstance(connection.transport, Link)
    await answered(client)
    gateway.faults.half_open(2)
    assert not isinstance(connection.transport, Link)
    gateway.faults.half_open(1)
    assert isinstance(connection.transport, Link)


# ---- ends --------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["both", "read", "write"])
async def test_a_half_open_link_is_silent_and_what_was_said_comes_late(
    gateway: PaperGateway, client: WireClient, direction: str
) -> None:
    async with second(gateway) as other:
        dead = gateway.faults.half_open(1, direction=direction)
        async with unanswered(client, other):
            dead.end()
    await answered(client)


async def test_a_half_open_link_that_cannot_write_is_still_read(
    gateway: PaperGateway, client: WireClient
) -> None:
    gateway.faults.half_open(1, direction="write")
    client.send("reqCurrentTime")
    async with asyncio.timeout(10):
        while not gateway.stats["clients"][1]["requests"]:
            await asyncio.sleep(0)


async def test_a_half_open_link_that_is_not_read_is_still_written_to(
    gateway: PaperGateway, client: WireClient
) -> None:
    gateway.faults.half_open(1, direction="read")
    gateway.market.notice(2123, "hello")
    assert error_of((await client.until("error"))[-1]) == (-1, 2123, "hello")


async def test_the_id_of_a_dead_link_stays_taken_until_the_gateway_notices(
    gateway: PaperGateway, client: WireClient
) -> None:
    dead = gateway.faults.half_open(1)
    await client.close()
    async with connect(gateway, client_id=1) as again:
        assert error_of((await again.until("error"))[-1])[:2] == (-1, 326)
        assert await again.ended()
    dead.end()
    await settled(gateway, clients=0)
    async with second(gateway, 1):
        pass


async def test_a_dead_link_does_not_hear_that_it_was_ended(
    gateway: PaperGateway, client: WireClient
) -> None:
    dead = gateway.faults.half_open(1)
    gateway.drop_clients()
    await settled(gateway, clients=0)
    ending = asyncio.ensure_future(client.ended())
    async with second(gateway) as other:
        await answered(other)
    assert not ending.done()
    dead.end()
    assert await ending


async def test_new_connections_are_healthy_while_old_ones_are_dead(
    gateway: PaperGateway, client: WireClient
) -> None:
    del client
    gateway.faults.half_open()
    async with second(gateway) as other:
        await answered(other)


async def test_half_open_ends_after_its_time(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    fault = gateway.faults.half_open(1, lasting=5)
    client.send("reqCurrentTime")
    waiting = asyncio.ensure_future(client.until("currentTime"))
    clock.advance(4.9)
    await turns()
    assert fault.on
    assert not waiting.done()
    clock.advance(0.2)
    assert not fault.on
    await waiting


async def test_a_reset_is_a_reset(gateway: PaperGateway, client: WireClient) -> None:
    assert client._reader is not None
    gateway.faults.reset(1)
    with pytest.raises(ConnectionResetError):
        await client._reader.read()
    await settled(gateway, clients=0)


async def test_a_close_is_an_end_in_good_order(gateway: PaperGateway, client: WireClient) -> None:
    assert client._reader is not None
    gateway.market.notice(2123, "goodbye")
    gateway.faults.close()
    heard = await client.until("error")
    assert error_of(heard[-1])[2] == "goodbye"
    assert await client._reader.read() == b""


async def test_a_fault_of_one_client_leaves_the_others_alone(
    gateway: PaperGateway, client: WireClient
) -> None:
    async with second(gateway) as other:
        gateway.faults.reset([1, 7])
        assert await client.ended()
        await answered(other)
        assert gateway.clients == (2,)


async def test_what_happens_at_once_cannot_last(gateway: PaperGateway) -> None:
    with pytest.raises(FaultError, match="fault reset, lasting: happens at once, and cannot last"):
        gateway.faults.begin(Reset(), lasting=3)


async def test_a_ghost_keeps_its_client_id_for_a_while(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    gateway.faults.ghost(1, seconds=20)
    await client.close()
    await turns()
    clock.advance(19.9)
    async with connect(gateway, client_id=1) as again:
        assert error_of((await again.until("error"))[-1])[:2] == (-1, 326)
    clock.advance(0.2)
    await settled(gateway, clients=0)
    async with second(gateway, 1) as again:
        await answered(again)


@pytest.mark.parametrize("how", ["reset", "close"])
async def test_a_ghost_is_left_when_the_network_ends_its_link(
    gateway: PaperGateway, client: WireClient, how: str
) -> None:
    with gateway.faults.ghost(1):
        getattr(gateway.faults, how)(1)
        assert await client.ended()
        async with connect(gateway, client_id=1) as again:
            assert error_of((await again.until("error"))[-1])[1] == 326
    async with second(gateway, 1):
        pass


async def test_a_fault_needs_a_gateway_that_runs() -> None:
    gateway = PaperGateway(feed="manual")
    with pytest.raises(PaperError, match="not running: start it, or give it a fault script"):
        gateway.faults.half_open()
    gateway.faults.clear()
    assert gateway.faults.record == ()


async def test_ghosts_go_when_the_fault_ends(gateway: PaperGateway, client: WireClient) -> None:
    ghosts = gateway.faults.ghost(seconds=1e6)
    await client.close()
    await turns()
    gateway.market.notice(2123, "nobody hears it")
    assert len(gateway.clients) == 1
    ghosts.end()
    assert not gateway.clients


# ---- times and places --------------------------------------------------------------------------


async def test_a_delay_is_one_of_both_ways(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    gateway.faults.delay(1, seconds=2.0)
    client.send("reqCurrentTime")
    waiting = asyncio.ensure_future(client.until("currentTime"))
    await turns()
    clock.advance(2.0)  # it has come to the gateway
    await turns()
    assert gateway.stats["clients"][1]["requests"] == 1
    clock.advance(1.9)
    await turns()
    assert not waiting.done()
    clock.advance(0.2)
    await waiting


async def test_a_drip_brings_everything_in_the_end(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    gateway.faults.slow_drip(1, size=3, interval=0.5)
    gateway.market.notice(2123, "slow")
    assert client._reader is not None
    assert len(await client._reader.readexactly(3)) == 3
    await turns()
    assert not client._reader._buffer  # type: ignore[attr-defined]
    clock.advance(0.5)
    assert len(await client._reader.readexactly(3)) == 3


@pytest.mark.parametrize("places", [(1, 2, 3, 4, 5), ()])
async def test_cut_writes_are_read_all_the_same(
    gateway: PaperGateway, client: WireClient, places: tuple[int, ...]
) -> None:
    cut = gateway.faults.cut(places=places, most=3, gap=0)
    for number in range(5):
        gateway.market.notice(2123, f"notice {number}")
        assert error_of((await client.until("error"))[-1])[2] == f"notice {number}"
    cut.end()
    await answered(client)


async def test_bursts_are_of_exactly_4096_bytes_and_nothing_follows(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    assert client._reader is not None
    bursts = gateway.faults.bursts(quiet=1.5)
    gateway.market.notice(2123, "one")
    gateway.market.notice(2123, "two")
    data = await client._reader.readexactly(4096)
    assert b"one" in data
    assert b"two" not in data
    await turns()
    assert not client._reader._buffer  # type: ignore[attr-defined]
    clock.advance(1.5)
    assert b"two" in await client._reader.readexactly(4096)
    gateway.market.notice(2123, "three")
    bursts.end()
    assert error_of((await client.until("error"))[-1])[2] == "three"


# ---- what nobody would say ---------------------------------------------------------------------


async def test_messages_come_more_than_once(gateway: PaperGateway, client: WireClient) -> None:
    with gateway.faults.duplicate(1, copies=2):
        client.send("reqCurrentTime")
        first = [(await client.next())[0].name for _ in range(3)]
    await answered(client)
    assert first == ["currentTime"] * 3


async def test_garbage_in_a_frame_leaves_the_stream_whole(
    gateway: PaperGateway, client: WireClient
) -> None:
    gateway.faults.garbage(1, kind="message", size=50)
    assert len(await client.body()) >= 50
    gateway.faults.garbage(1, kind="frame", size=50)
    assert len(await client.body()) == 50
    await answered(client)


async def test_garbage_without_a_frame_breaks_the_stream(
    gateway: PaperGateway, client: WireClient
) -> None:
    assert client._reader is not None
    gateway.faults.garbage(1, kind="bytes", size=50)
    assert len(await client._reader.readexactly(50)) == 50


async def test_an_oversized_length_is_announced(gateway: PaperGateway, client: WireClient) -> None:
    gateway.faults.oversized(1)
    with pytest.raises(FramingError):
        await client.body()


async def test_a_message_breaks_off_and_goes_on_at_the_end(
    gateway: PaperGateway, client: WireClient
) -> None:
    async with second(gateway) as other:
        broken = gateway.faults.truncated(1, keep=6)
        async with unanswered(client, other):
            assert client._frames.pending == 6
            broken.end()
    await answered(client)


# ---- all together ------------------------------------------------------------------------------


async def test_faults_of_one_link_add_up(
    gateway: PaperGateway, client: WireClient, clock: ManualClock
) -> None:
    gateway.faults.delay(1, seconds=1.0, direction="write")
    gateway.faults.duplicate(1)
    gateway.faults.cut(1, places=[5], gap=0.0)
    dead = gateway.faults.half_open(1, direction="write")
    client.send("reqCurrentTime")
    waiting = asyncio.ensure_future(client.until("currentTime"))
    async with asyncio.timeout(10):
        while not gateway.stats["clients"][1]["requests"]:
            await asyncio.sleep(0)
    clock.advance(5)
    await turns()
    assert not waiting.done()
    dead.end()
    await waiting
    await client.until("currentTime")
    gateway.faults.clear()
    assert gateway.faults.active == ()
    await answered(client)


async def test_a_gateway_stops_with_all_its_faults_on(clock: ManualClock) -> None:
    gateway = PaperGateway(feed="manual", clock=clock)
    async with gateway, second(gateway) as client, second(gateway, 1) as ghost:
        gateway.faults.ghost(1, seconds=1e9)
        await ghost.close()
        await turns()
        gateway.faults.delay(seconds=80_000)
        gateway.faults.bursts()
        gateway.faults.half_open()
        gateway.faults.truncated()
        gateway.market.notice(2123, "stuck")
        gateway.drop_clients()
        ending = asyncio.ensure_future(client.ended())
        await gateway.close()
        with contextlib.suppress(Closed):
            assert await ending
    assert gateway.faults.active == ()
