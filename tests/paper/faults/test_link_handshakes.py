"""Faults of the handshake and the door, over real sockets, on both loops."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.support.paper_server import AAPL, ORDER, connect, settled
from tests.support.wireclient import Closed, WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.errors import FaultError, FramingError, HandshakeError
from twsloop.paper import PaperGateway
from twsloop.wire import handshake

VERSIONS = [200, 225]


@contextlib.asynccontextmanager
async def ready(
    gateway: PaperGateway, client_id: int = 1, version: int = 225
) -> AsyncIterator[WireClient]:
    async with connect(gateway, version, client_id) as it:
        await it.ready()
        yield it


@contextlib.asynccontextmanager
async def opened(gateway: PaperGateway, version: int = 225) -> AsyncIterator[WireClient]:
    """A connection that has said its hello, and heard nothing yet."""
    it = WireClient(gateway.host, gateway.port, version=version)
    await it.open()
    it.write(handshake.client_hello(100, version))
    try:
        yield it
    finally:
        await it.close()


async def accepted(gateway: PaperGateway, count: int = 1) -> None:
    async with asyncio.timeout(10):
        while len(gateway.connections) < count:
            await asyncio.sleep(0)


async def answered(client: WireClient) -> None:
    client.send("reqCurrentTime")
    await client.until("currentTime")


async def nothing_heard(client: WireClient, other: WireClient) -> None:
    assert client._reader is not None
    for _ in range(5):
        await answered(other)
    assert not client._reader._buffer  # type: ignore[attr-defined]


# ---- wedges ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wedged_gateway_accepts_and_never_answers(
    gateway: PaperGateway, version: int
) -> None:
    async with ready(gateway, 2) as other:
        wedge = gateway.faults.wedge()
        async with opened(gateway, version) as client:
            await accepted(gateway, 2)
            await nothing_heard(client, other)
            wedge.end()
            await nothing_heard(client, other)
        async with ready(gateway, 1, version) as client:
            await answered(client)


async def test_a_wedge_after_the_hello_reads_no_start(gateway: PaperGateway) -> None:
    gateway.faults.wedge(stage="hello")
    async with connect(gateway) as client:
        assert client.version == 225
        for _ in range(50):
            await asyncio.sleep(0)
        assert gateway.clients == ()


async def test_a_wedge_after_the_start_takes_the_id_and_says_nothing(
    gateway: PaperGateway,
) -> None:
    wedge = gateway.faults.wedge(stage="start", connections=1)
    async with connect(gateway) as client:
        await settled(gateway, clients=1)
        assert not wedge.on  # it was for one
        async with ready(gateway, 2) as other:
            await nothing_heard(client, other)
        async with connect(gateway, client_id=1) as again:
            assert error_of((await again.until("error"))[-1])[1] == 326


async def test_a_wedged_connection_is_given_up_by_the_gateway_unheard(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    gateway.faults.wedge()
    async with opened(gateway) as client:
        await accepted(gateway)
        clock.advance(60)
        async with asyncio.timeout(10):
            while gateway.connections:
                await asyncio.sleep(0)
        ending = asyncio.ensure_future(client.ended())
        for _ in range(50):
            await asyncio.sleep(0)
        assert not ending.done()
        gateway.faults.clear()
        await gateway.close()
        assert await ending


# ---- ends in the handshake ---------------------------------------------------------------------


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("stage", ["connect", "hello", "answered", "start"])
async def test_a_handshake_is_ended_at_each_stage(
    gateway: PaperGateway, stage: str, how: str
) -> None:
    gateway.faults.close_in_handshake(stage=stage, how=how, connections=1)
    client = WireClient(gateway.host, gateway.port)
    with contextlib.suppress(Closed, ConnectionError):
        await client.connect()
    assert await client.ended()
    assert (client.version > 0) <= (stage in {"answered", "start"})
    if stage == "start":
        assert client.version == 225
    await client.close()
    assert gateway.clients == ()
    async with ready(gateway) as again:
        await answered(again)


# ---- hellos ------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_split_hello_comes_in_pieces(
    gateway: PaperGateway, clock: ManualClock, version: int
) -> None:
    gateway.faults.split_hello(places=[2, 7], gap=0.5)
    async with opened(gateway, version) as client:
        assert client._reader is not None
        data = await client._reader.read(100)
        assert len(data) == 2
        clock.advance(0.5)
        assert len(await client._reader.read(100)) == 5
        clock.advance(0.5)
        data += await client._reader.read(100)
        client.version = version
        client.send("startApi", clientId=1)
        await client.ready()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_hello_comes_with_what_follows(gateway: PaperGateway, version: int) -> None:
    gateway.faults.coalesce_hello(notices=4)
    async with opened(gateway, version) as client:
        assert client._reader is not None
        data = await client._reader.read(4096)
        client._frames.feed(data)
        assert handshake.parse_server_hello(await client.body()).server_version == version
        client.version = version
        codes = [error_of((await client.next())[0])[1] for _ in range(4)]
        assert codes == [2104] * 4
        client.send("startApi", clientId=1)
        await client.ready()


@pytest.mark.parametrize("named", [38, 99, 226, 999_999])
async def test_a_hello_names_another_version(gateway: PaperGateway, named: int) -> None:
    gateway.faults.hello_version(version=named)
    async with opened(gateway) as client:
        assert handshake.parse_server_hello(await client.body()).server_version == named


@pytest.mark.parametrize("kind", ["words", "empty", "one_field", "unframed", "oversized"])
async def test_a_hello_is_none(gateway: PaperGateway, kind: str) -> None:
    gateway.faults.bad_hello(kind=kind)
    async with opened(gateway) as client:
        with pytest.raises((HandshakeError, FramingError)):
            handshake.parse_server_hello(await client.body())


# ---- the door ----------------------------------------------------------------------------------


def knocks(gateway: PaperGateway) -> bool:
    with (
        contextlib.suppress(ConnectionRefusedError),
        socket.create_connection((gateway.host, gateway.port), timeout=5),
    ):
        return True
    return False


async def test_a_shut_door_refuses_and_sessions_go_on(
    gateway: PaperGateway, clock: ManualClock
) -> None:
    async with ready(gateway) as client:
        port = gateway.port
        gateway.faults.refuse(lasting=10)
        async with asyncio.timeout(10):
            while knocks(gateway):
                await asyncio.sleep(0)
        await answered(client)
        with socket.socket() as thief, pytest.raises(OSError, match="in use"):
            thief.bind((gateway.host, port))
        clock.advance(10)
        async with asyncio.timeout(10):
            while not knocks(gateway):
                await asyncio.sleep(0)
        assert gateway.port == port
        async with ready(gateway, 2):
            pass


def test_a_door_is_shut_and_open_when_the_call_returns() -> None:
    with PaperGateway(feed="manual") as gateway:
        for _ in range(3):
            with gateway.faults.refuse():
                assert not knocks(gateway)
            assert knocks(gateway)


def test_a_door_is_shut_as_long_as_anybody_keeps_it_shut() -> None:
    with PaperGateway(feed="manual") as gateway:
        one, two = gateway.faults.refuse(), gateway.faults.refuse()
        one.end()
        assert not knocks(gateway)
        two.end()
        assert knocks(gateway)


def test_there_is_as_much_room_as_the_narrowest_fault_leaves() -> None:
    with PaperGateway(feed="manual") as gateway:
        one, two = gateway.faults.max_clients(most=3), gateway.faults.max_clients(most=0)
        one.end()
        with socket.create_connection((gateway.host, gateway.port), timeout=5) as late:
            assert late.recv(1) == b""
        two.end()
        assert gateway.on_loop(lambda: gateway.rooms) == {}


async def test_a_gateway_stops_with_its_door_shut() -> None:
    gateway = PaperGateway(feed="manual")
    for _ in range(2):
        async with gateway:
            assert knocks(gateway)
            gateway.faults.refuse()
        assert not knocks(gateway)


async def test_ids_stay_taken_over_a_restart(clock: ManualClock) -> None:
    async with PaperGateway(feed="manual", clock=clock) as gateway:
        await _ids_stay_taken(gateway)


async def _ids_stay_taken(gateway: PaperGateway) -> None:
    with gateway.faults.id_in_use(7):
        async with connect(gateway, client_id=7) as client:
            assert error_of((await client.until("error"))[-1])[:2] == (-1, 326)
            assert await client.ended()
        async with ready(gateway, 8):
            pass
        await gateway.go_away()
        await gateway.open()
        async with connect(gateway, client_id=7) as client:
            assert error_of((await client.until("error"))[-1])[1] == 326
    async with ready(gateway, 7):
        pass


async def test_there_is_room_for_fewer_clients(gateway: PaperGateway) -> None:
    async with ready(gateway) as client:
        with gateway.faults.max_clients(most=1):
            async with opened(gateway) as late:
                assert await late.ended()
            await answered(client)
        async with ready(gateway, 2):
            pass


@pytest.mark.parametrize("version", VERSIONS)
async def test_three_strikes_end_a_session(gateway: PaperGateway, version: int) -> None:
    async with ready(gateway, 1, version) as client, ready(gateway, 2) as other:
        gateway.faults.strike(1, last=2)
        told = [error_of((await client.until("error"))[-1]) for _ in range(2)]
        assert [code for _, code, _ in told] == [100, 100]
        await answered(client)
        gateway.faults.strike(1, first=3)
        assert "(3)" in error_of((await client.until("error"))[-1])[2]
        assert await client.ended()
        await answered(other)


async def test_orders_are_lost_on_their_way(gateway: PaperGateway) -> None:
    async with ready(gateway) as client:
        lost = gateway.faults.lose(message="placeOrder", most=1)
        client.send("placeOrder", orderId=1, contract=AAPL, order=ORDER)
        await answered(client)
        assert not list(gateway.engine.book)
        assert not lost.on
        client.send("placeOrder", orderId=2, contract=AAPL, order=ORDER)
        await client.until("openOrder")
        assert len(list(gateway.engine.book)) == 1


async def test_what_the_gateway_should_say_is_lost(gateway: PaperGateway) -> None:
    async with ready(gateway) as client, ready(gateway, 2) as other:
        gateway.faults.lose(1, message="openOrderEnd")
        client.send("reqOpenOrders")
        client.send("reqCurrentTime")
        heard = [call.name for call in await client.until("currentTime")]
        assert heard == ["currentTime"]
        other.send("reqOpenOrders")
        await other.until("openOrderEnd")


async def test_what_is_no_message_cannot_be_lost(gateway: PaperGateway) -> None:
    with pytest.raises(FaultError, match="message = 'placeorder': there is no such message"):
        gateway.faults.lose(message="placeorder")


@pytest.mark.parametrize("seconds", [7200.0, -7200.0])
async def test_the_clock_jumps(gateway: PaperGateway, clock: ManualClock, seconds: float) -> None:
    async with ready(gateway) as client:
        before = gateway.market_time
        gateway.faults.clock_jump(seconds=seconds)
        assert gateway.market_time - before == timedelta(seconds=seconds)
        client.send("reqCurrentTime")
        told = (await client.until("currentTime"))[-1].args[0]
        assert told == int(clock.now().timestamp() + seconds)
    assert gateway.clock.now() == clock.now()


async def test_what_is_due_by_the_calendar_is_due_when_it_jumps(gateway: PaperGateway) -> None:
    async with ready(gateway) as client:
        later = gateway.market_time + timedelta(hours=1)
        order = ORDER | {
            "orderType": "LMT", "lmtPrice": 1.0, "tif": "GTD",
            "goodTillDate": f"{later:%Y%m%d-%H:%M:%S}",
        }  # fmt: skip
        client.send("placeOrder", orderId=1, contract=AAPL, order=order)
        await client.until("orderStatus")
        gateway.faults.clock_jump(seconds=7200)
        statuses = await client.until(
            lambda call: call.name == "orderStatus" and call.args[1] == "Cancelled"
        )
        assert statuses
