"""A gateway that plays a script, with real sockets; the judges are recorded sessions."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import settled
from tests.support.wireclient import Closed, WireClient
from twsloop.clock import ManualClock
from twsloop.config import Config, ConnectionParams
from twsloop.errors import ListenError, TapeError
from twsloop.gateway import IBGateway
from twsloop.orders.builders import market_order
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.player import FLAT_OUT, ScriptedGateway, load_script
from twsloop.paper.tape.recorder import Recorder
from twsloop.wire.framing import frame
from twsloop.wire.handshake import client_hello

HELLO_SCRIPT = "client: reqMktData reqId=1\nserver: tickSize reqId=1 tickType=5 size=7\n"


async def record(path: Path, *versions: int) -> None:
    """Make a tape of a session of each version: positions, contract details, a stream, an order."""
    async with PaperGateway(seed=3) as paper:
        recorder = Recorder(path, "127.0.0.1", paper.port, probe=False)
        await recorder.open()
        try:
            for number, version in enumerate(versions, 1):
                await session("127.0.0.1", recorder.port, version, number)
            await settled(recorder)
        finally:
            await recorder.close()


async def session(host: str, port: int, version: int, client_id: int, first: int = 1) -> list[Any]:
    """Drive one session; what IB's decoder makes of it, ids counted from ``first``."""
    heard: list[Any] = []
    async with WireClient(host, port, version=version, client_id=client_id) as client:
        heard += await client.ready()
        client.send("reqPositions")
        heard += await client.until("positionEnd")
        contract = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"}
        client.send("reqContractDetails", reqId=first, contract=contract)
        heard += await client.until("contractDetailsEnd")
        client.send("reqMktData", reqId=first + 1, contract=contract)
        heard += await client.until("tickSize")
        order = {"action": "BUY", "totalQuantity": "10", "orderType": "MKT", "transmit": True}
        order_id = next(int(call.args[0]) for call in heard if call.name == "nextValidId")
        client.send("placeOrder", orderId=order_id, contract=contract, order=order)
        heard += await client.until("commissionAndFeesReport")
    return heard


@pytest.mark.parametrize("version", [157, 178, 200, 225])
@pytest.mark.parametrize("strict", [False, True])
async def test_a_recorded_session_is_heard_again(
    tmp_path: Path, version: int, strict: bool
) -> None:
    path = tmp_path / "one.tape.gz"
    await record(path, version)
    async with ScriptedGateway(path, strict=strict, speed=FLAT_OUT) as gateway:
        first = await session(gateway.host, gateway.port, version, 1)
        again = await session(gateway.host, gateway.port, version, 1)
        await asyncio.to_thread(gateway.wait_played, 2)
    assert first == again
    assert [call.name for call in first if call.name == "execDetails"]
    assert gateway.problems == []


@pytest.mark.parametrize("version", [178, 225])
async def test_a_client_that_counts_otherwise_hears_its_own_ids(
    tmp_path: Path, version: int
) -> None:
    path = tmp_path / "one.tape"
    await record(path, version)
    async with ScriptedGateway(path, speed=FLAT_OUT) as gateway:
        told = await session(gateway.host, gateway.port, version, 99, first=5000)
        await asyncio.to_thread(gateway.wait_played)
    ids = {call.name: call.args[0] for call in told if call.args}
    assert (ids["contractDetails"], ids["tickSize"]) == (5000, 5001)
    (fill,) = [call for call in told if call.name == "execDetails"]
    assert int(fill.args[2]["clientId"]) == 99
    assert gateway.problems == []


async def test_each_client_gets_its_session(tmp_path: Path) -> None:
    """By its turn, and within one version by its client id."""
    path = tmp_path / "three.tape"
    await record(path, 178, 225, 225)
    async with ScriptedGateway(path, speed=FLAT_OUT) as gateway:
        await session(gateway.host, gateway.port, 178, 1)
        async with (
            WireClient(gateway.host, gateway.port, client_id=3) as three,
            WireClient(gateway.host, gateway.port, client_id=2) as two,
        ):
            await three.ready()
            await two.ready()
        await session(gateway.host, gateway.port, 178, 1)  # the first again after the last
    async with ScriptedGateway(path, session=2, speed=FLAT_OUT) as gateway:
        await session(gateway.host, gateway.port, 225, 2)
        await session(gateway.host, gateway.port, 225, 2)
    with pytest.raises(TapeError, match="there is no session 4: it has 3"):
        ScriptedGateway(path, session=4)


async def test_a_client_that_does_not_speak_the_version_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "new.tape"
    await record(path, 225)
    async with ScriptedGateway(path) as gateway:
        client = WireClient(gateway.host, gateway.port, version=178)
        with caplog.at_level(logging.WARNING), pytest.raises(Closed):
            await client.connect()
        await client.close()
    words = "is of server version 225, and this client speaks 100 to 178"
    assert words in caplog.text
    assert words in gateway.problems[0]


async def test_one_transcript_serves_every_version() -> None:
    async with ScriptedGateway(HELLO_SCRIPT) as gateway:
        for version in (151, 178, 200, 213, 225):
            async with WireClient(gateway.host, gateway.port, version=version) as client:
                assert client.version == version
                client.send("reqMktData", reqId=version, contract={"symbol": "AAPL"})
                (tick,) = [c for c in await client.until("tickSize") if c.name == "tickSize"]
                assert (tick.args[0], str(tick.args[2])) == (version, "7")
    assert gateway.problems == []


async def test_a_client_that_deviates_is_told_and_let_go(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = ManualClock()
    async with ScriptedGateway(HELLO_SCRIPT, clock=clock, patience=5) as gateway:
        async with WireClient(gateway.host, gateway.port, version=178) as client:
            await client.until("nextValidId")
            client.send("reqContractDetails", reqId=1)
            client.send("reqCurrentTime")
            await client.until("currentTime")  # it has read what came before
            clock.advance(5)
            with caplog.at_level(logging.WARNING):
                assert await client.ended()
        await asyncio.to_thread(gateway.wait_played)
    assert len(gateway.problems) == 1
    assert "transcript:1 waits for reqMktData reqId=1" in gateway.problems[0]
    assert "it sent reqContractDetails reqId=1" in gateway.problems[0]
    assert gateway.problems[0] in caplog.text


async def test_times_are_kept_and_can_be_scaled() -> None:
    clock = ManualClock()
    script = "sleep 10\nserver: currentTime currentTime=1\n"
    async with (
        ScriptedGateway(script, clock=clock, speed=2) as gateway,
        WireClient(gateway.host, gateway.port, version=178) as client,
    ):
        await client.until("nextValidId")
        assert clock.pending()
        clock.advance(4.9)
        client.send("reqCurrentTime")
        (early,) = [c for c in await client.until("currentTime") if c.name == "currentTime"]
        assert early.args[0] > 1000
        clock.advance(0.2)
        (told,) = await client.until("currentTime")
        assert told.args[0] == 1


async def test_split_makes_two_reads_and_disconnect_ends() -> None:
    script = "version 178\nsplit 3\nserver: openOrderEnd\ndisconnect\n"
    async with ScriptedGateway(script) as gateway:
        client = WireClient(gateway.host, gateway.port, version=178)
        await client.connect()
        assert client._reader is not None
        reads = [await client._reader.read(1000)]
        while reads[-1]:
            reads.append(await client._reader.read(1000))
        await client.close()
    assert b"".join(reads).endswith(b"\0\0\0\x0553\x001\0")
    assert not any(read.endswith(b"\0\0\0\x0553\x001\0") and len(read) > 7 for read in reads)


async def test_raw_bytes_are_what_the_client_gets() -> None:
    script = "version 178\nserver: bytes ffffffff\n"
    async with ScriptedGateway(script) as gateway:
        client = WireClient(gateway.host, gateway.port, version=178)
        await client.connect()
        assert client._reader is not None
        data = await client._reader.readuntil(b"\xff\xff\xff\xff")
        assert data.endswith(b"\xff\xff\xff\xff")
        await client.close()


async def test_bytes_that_are_no_hello(caplog: pytest.LogCaptureFixture) -> None:
    async with ScriptedGateway(HELLO_SCRIPT) as gateway:
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert await reader.read() == b""
        writer.close()
    assert "the client has to start with" in caplog.text


async def test_who_has_said_nothing_is_no_problem() -> None:
    async with ScriptedGateway(HELLO_SCRIPT) as gateway:
        reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
        while not gateway.connections:
            await asyncio.sleep(0)
    assert await reader.read() == b""
    writer.close()
    assert gateway.problems == []


async def test_garbage_disturbs_nobody() -> None:
    """Whatever others send, at any stage, a client that does its part is served."""
    chance = random.Random(11)
    hello = client_hello(100, 200)
    start = frame(b"71\x002\x007\x00\x00")
    async with ScriptedGateway(HELLO_SCRIPT) as gateway:
        for _ in range(60):
            reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
            data = bytearray(hello + start + frame(b"1\x0011\x00") + chance.randbytes(40))
            for _ in range(chance.randrange(4)):
                data[chance.randrange(len(data))] = chance.randrange(256)
            writer.write(bytes(data[: chance.randrange(len(data))]))
            if chance.random() < 0.5:
                writer.write_eof()
                await reader.read()
            writer.close()
        async with WireClient(gateway.host, gateway.port, version=178) as client:
            client.send("reqMktData", reqId=5)
            assert await client.until("tickSize")
    assert gateway.connections == set()


def test_on_a_thread_of_its_own_with_our_own_client() -> None:
    script = """
        accounts DU7777777
        next-id 100
        client: placeOrder order.action=BUY order.totalQuantity=5
        server: errMsg id=100 errorCode=201 errorMsg="Order rejected - reason:no"
    """
    with ScriptedGateway(script) as scripted:
        scripted.start()
        connection = ConnectionParams(host=scripted.host, port=scripted.port)
        with IBGateway(Config(connection=connection)) as gateway:
            assert gateway.accounts == ("DU7777777",)
            trade = gateway.place_order("AAPL", market_order("BUY", 5))
            assert trade.order_id == 100
            assert trade.done.result(10) == "REJECTED"
        scripted.wait_played()
        assert scripted.problems == []
        with pytest.raises(TimeoutError, match="1 of 2 sessions were over"):
            scripted.wait_played(2, timeout=0.01)
    scripted.stop()
    assert not scripted.running


async def test_a_port_in_use() -> None:
    async with ScriptedGateway(HELLO_SCRIPT) as one:
        with pytest.raises(ListenError, match="cannot listen"):
            await ScriptedGateway(HELLO_SCRIPT, port=one.port).open()


def test_what_can_be_played(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(TapeError, match=r"nothing.tape: cannot be read"):
        load_script(tmp_path / "nothing.tape")
    with pytest.raises(TapeError, match=r"nothing.tape: cannot be read"):
        load_script(str(tmp_path / "nothing.tape"))
    header = '{"tape": "twsloop", "version": 1, "started": "2026-01-05T14:30:00+00:00"}\n'
    empty = tmp_path / "empty.tape"
    empty.write_text(header)
    with pytest.raises(TapeError, match="no session on this tape got as far as its hello"):
        load_script(empty)
    script = load_script(HELLO_SCRIPT)
    assert load_script(script) is script
    file = tmp_path / "x.transcript"
    file.write_text(HELLO_SCRIPT)
    assert load_script(file).name == str(file)
    hello = '"event": "hello", "from": "server", "version": 178, "time": "x"}\n'
    cut = f'{header}{{"t": 0, "session": 1, "event": "open"}}\n{{"t": 0, "session": 1, {hello}{{"t'
    file.write_text(cut)
    assert load_script(file).scenes[0].version == 178
    assert "the last line is broken" in caplog.text
