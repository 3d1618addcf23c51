"""Many clients at once, slow ones, and servers that start, stop and find their port taken."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.paper_server import AAPL, VERSIONS, D, connect, settled
from tests.support.wireclient import Closed, WireClient
from twsloop.clock import ManualClock
from twsloop.errors import ListenError, PaperError
from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Limits


async def test_too_many_connections(feed: ManualFeed) -> None:
    gateway = PaperGateway(feed=feed, max_clients=2)
    async with gateway, connect(gateway, client_id=1) as a, connect(gateway, client_id=2) as b:
        await a.ready()
        await b.ready()
        third = WireClient(gateway.host, gateway.port)
        await third.open()
        with pytest.raises(Closed):
            await third.body()
        await third.close()


async def test_silent_connection_is_closed(gateway: PaperGateway, clock: ManualClock) -> None:
    client = WireClient(gateway.host, gateway.port, start=False)
    async with client:
        clock.advance(31)
        with pytest.raises(Closed):
            await client.body()


async def test_thirty_two_clients(gateway: PaperGateway, feed: ManualFeed) -> None:
    clients = [connect(gateway, VERSIONS[n % 5], n) for n in range(32)]
    try:
        for client in clients:
            await client.connect()
            await client.ready()
            client.send("reqMktData", reqId=1000 + client.client_id, contract=AAPL)
            await client.until(lambda call: call.name == "tickString" and call.args[1] == 33)
        assert len(gateway.clients) == 32
        feed.send([feed.quote("AAPL", 271.0, 271.05)])
        for client in clients:
            calls = await client.until("tickPrice")
            assert calls[-2].args[0] == 1000 + client.client_id
    finally:
        for client in clients:
            await client.close()


SMALL = 8192


def small_send_buffer(gateway: PaperGateway, client_id: int) -> None:
    """Let the kernel hold little, so that a client that does not read is noticed soon."""
    connection: Any = gateway.hub.clients[client_id]._outlet
    sock = connection._transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)


async def test_a_client_that_never_reads(clock: ManualClock, feed: ManualFeed) -> None:
    gateway = PaperGateway(feed=feed, clock=clock, limits=Limits(high_water=SMALL))
    silent = WireClient("", 0, version=200, client_id=9, receive_buffer=SMALL)
    async with gateway, connect(gateway, client_id=1) as good:
        silent.host, silent.port = gateway.host, gateway.port
        await good.ready()
        await silent.connect()
        await settled(gateway, clients=2)
        small_send_buffer(gateway, 9)
        for client in (good, silent):
            client.send("reqMktData", reqId=1, contract=AAPL)
        await good.until(lambda call: call.name == "tickString" and call.args[1] == 33)
        while not feed.watched[1:]:
            await asyncio.sleep(0)
        server_side = gateway.hub.clients[9]
        sent = 0
        while not server_side.stalled:
            sent += 1
            feed.send([feed.quote("AAPL", sent / 100, 900.0)])
            await good.until(lambda call, now=sent / 100: call.args[2:3] == (D(repr(now)),))  # type: ignore[misc]
        waiting = server_side.buffered()
        for n in range(1000):
            feed.send([feed.quote("AAPL", n / 100, 900.0)])
        assert server_side.buffered() == waiting  # nothing more is kept than the latest of each
        assert server_side.stats.conflated > 1900
        for _ in range(20):
            clock.advance(5.0)
        await settled(gateway, clients=1)
        good.send("reqCurrentTime")
        await good.until("currentTime")
        await silent.close()


async def test_a_client_that_reads_again_gets_the_latest(
    clock: ManualClock, feed: ManualFeed
) -> None:
    gateway = PaperGateway(feed=feed, clock=clock, limits=Limits(high_water=SMALL))
    client = WireClient("", 0, client_id=9, receive_buffer=SMALL)
    async with gateway:
        client.host, client.port = gateway.host, gateway.port
        await client.connect()
        await client.ready()
        small_send_buffer(gateway, 9)
        client.send("reqMktData", reqId=1, contract=AAPL)
        while not feed.watched:
            await asyncio.sleep(0)
        server_side = gateway.hub.clients[9]
        sent = 0
        while not server_side.stalled:
            sent += 1
            feed.send([feed.quote("AAPL", sent / 100, 900.0)])
            await asyncio.sleep(0)
        feed.send([feed.quote("AAPL", 777.0, 900.0), feed.quote("AAPL", 888.0, 900.0)])
        client.send("reqCurrentTime")  # answers are never left out
        calls = await client.until(lambda call: call.args[2:3] == (D("888.0"),))
        assert not [call for call in calls if call.args[2:3] == (D("777.0"),)]
        if "currentTime" not in {call.name for call in calls}:
            await client.until("currentTime")
        await client.close()


async def test_a_feed_that_can_wait_waits_for_readers(clock: ManualClock, feed: ManualFeed) -> None:
    gateway = PaperGateway(
        feed=feed, clock=clock, wait_for_readers=True, limits=Limits(high_water=SMALL)
    )
    client = WireClient("", 0, client_id=1, receive_buffer=SMALL)
    async with gateway:
        client.host, client.port = gateway.host, gateway.port
        await client.connect()
        await client.ready()
        small_send_buffer(gateway, 1)
        client.send("reqMktData", reqId=1, contract=AAPL)
        await client.until(lambda call: call.name == "tickString" and call.args[1] == 33)
        sent = 0
        while not feed.paused:
            sent += 1
            feed.send([feed.quote("AAPL", sent / 100, 900.0)])
            await asyncio.sleep(0)
        seen: list[Any] = []
        while len(seen) < sent:
            calls = await client.next()
            seen += [c.args[2] for c in calls if c.name == "tickPrice" and c.args[1] == 1]
        assert seen == [D(repr(n / 100)) for n in range(1, sent + 1)]
        async with asyncio.timeout(10):
            while feed.paused:  # the gateway hears that all has left a moment after it was read
                await asyncio.sleep(0)
        assert gateway.hub.clients[1].stats.conflated == 0
        # One that reads nothing is not waited for any longer than it is worth.
        while not feed.paused:
            sent += 1
            feed.send([feed.quote("AAPL", sent / 100, 900.0)])
            await asyncio.sleep(0)
        clock.advance(5.0)
        assert not feed.paused
        await client.close()


async def test_port_in_use(gateway: PaperGateway) -> None:
    other = PaperGateway(host=gateway.host, port=gateway.port, feed=ManualFeed())
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{gateway.port}"):
        await other.open()


async def test_serve_ends_with_close() -> None:
    gateway = PaperGateway(feed=ManualFeed())
    serving = asyncio.ensure_future(gateway.serve())
    while not gateway.running:
        await asyncio.sleep(0)
    async with connect(gateway) as client:
        await client.ready()
        await gateway.close()
        assert await client.ended()
    await serving
    assert not gateway.running


async def test_drop_clients(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        gateway.drop_clients()
        assert await client.ended()
        await settled(gateway, clients=0)
    async with connect(gateway) as client:
        await client.ready()


def test_own_thread_and_restart(loop_factory: Any) -> None:
    gateway = PaperGateway(feed=ManualFeed, loop_factory=loop_factory)
    with gateway:
        port = gateway.port
        assert gateway.running
        assert "twsloop-paper" in {thread.name for thread in threading.enumerate()}

        def trade() -> None:
            feed = gateway.feed
            assert isinstance(feed, ManualFeed)
            feed.send([feed.quote("AAPL", 270.0, 270.05)])

        gateway.call(trade)
    assert not gateway.running
    gateway.stop()
    with gateway:
        assert gateway.port == port
        with socket.create_connection((gateway.host, port)):
            pass


def test_a_feed_is_used_once() -> None:
    gateway = PaperGateway(feed=ManualFeed())
    with gateway:
        pass
    with pytest.raises(PaperError, match="a feed is used once"):
        gateway.start()
    with pytest.raises(PaperError, match="needs an account"):
        PaperGateway(accounts=())
