"""The recorder: transparent on the wire, whole and masked on the tape."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.recording import settled
from tests.support.wireclient import WireClient
from twsloop.clock import ManualClock
from twsloop.errors import ListenError, TapeError, TcpFailed
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.overheard import message_name
from twsloop.paper.tape.recorder import Recorder
from twsloop.paper.tape.tape_file import load_tape, read_lines
from twsloop.wire.framing import frame
from twsloop.wire.tape import ClientHello, End, Frame, Note, Open, ServerHello, Tape

PATIENCE = 10.0


@contextlib.asynccontextmanager
async def upstream(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A gateway whose every byte the test writes."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        finally:
            writer.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def recording(path: Path, port: int, **options: Any) -> AsyncIterator[Recorder]:
    recorder = Recorder(path, "127.0.0.1", port, **{"probe": False, **options})
    await recorder.open()
    try:
        yield recorder
    finally:
        await recorder.close()


def messages(tape: Tape, sender: str) -> list[str]:
    return [e.name for e in tape.entries if isinstance(e, Frame) and e.sender == sender]


@pytest.mark.parametrize("version", [178, 225])
@pytest.mark.parametrize("suffix", [".tape", ".tape.gz"])
async def test_a_session_is_on_the_tape(tmp_path: Path, version: int, suffix: str) -> None:
    path = tmp_path / f"one{suffix}"
    async with (
        PaperGateway(accounts=("DU7654321",)) as paper,
        recording(path, paper.port) as recorder,
    ):
        async with WireClient("127.0.0.1", recorder.port, version=version) as client:
            heard = await client.ready()
            client.send("reqPositions")
            await client.until("positionEnd")
        await settled(recorder)
        counts = recorder.counts
    # On the wire nothing is masked.
    assert [call.args for call in heard if call.name == "managedAccounts"] == [("DU7654321",)]
    tape = load_tape(path)
    assert not tape.truncated
    kinds = [type(entry) for entry in tape.entries]
    assert kinds[:3] == [Open, ClientHello, ServerHello]
    end = tape.entries[-1]
    assert isinstance(end, End)
    assert (end.by, end.error) == ("client", "")
    assert messages(tape, "client") == ["startApi", "reqPositions"]
    told = messages(tape, "server")
    assert told[:2] == ["managedAccounts", "nextValidId"]
    assert told[-1] == "positionEnd"
    assert counts.messages == len(told) + 2
    times = [entry.t for entry in tape.entries]
    assert times == sorted(times)
    text = "".join(read_lines(path))
    assert "7654321" not in text
    assert b"7654321".hex() not in text
    assert tape.header.upstream == f"127.0.0.1:{paper.port}"


async def test_bytes_pass_as_they_are(tmp_path: Path) -> None:
    """Split anywhere, also what is no TWS protocol at all, in both directions."""
    got = bytearray()
    answer = bytes(range(256)) * 300

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.extend(await reader.readexactly(1000))
        writer.write(answer)
        await writer.drain()
        got.extend(await reader.read())

    sent = b"EHLO" + bytes(996) + b"more"
    path = tmp_path / "odd.tape"
    async with upstream(serve) as port, recording(path, port) as recorder:
        reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
        for at in range(0, 1000, 7):
            writer.write(sent[at : min(at + 7, 1000)])
            await asyncio.sleep(0)
        assert await reader.readexactly(len(answer)) == answer
        writer.write(sent[1000:])
        writer.write_eof()  # the other direction stays open until the gateway closes it
        assert await reader.read() == b""
        writer.close()
        await settled(recorder)
    assert bytes(got) == sent
    notes = [entry.text for entry in load_tape(path).entries if isinstance(entry, Note)]
    assert any("first bytes are no hello: b'EHLO'" in note for note in notes)


async def test_the_hello_leaves_alone_and_in_one_piece(tmp_path: Path) -> None:
    """IB's client drops whatever comes in one read with the hello."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(17)
        writer.write(frame(b"178\x0020260105 14:30:00 UTC\x00"))
        await reader.read()

    path = tmp_path / "hello.tape"
    async with upstream(serve) as port, recording(path, port) as recorder:
        async with WireClient("127.0.0.1", recorder.port, version=178) as client:
            assert client.hello == [b"178", b"20260105 14:30:00 UTC", b""]
        await settled(recorder)
    hello = [entry for entry in load_tape(path).entries if isinstance(entry, ServerHello)]
    assert [(h.version, h.time) for h in hello] == [(178, "20260105 14:30:00 UTC")]


async def test_many_clients_are_sessions_of_one_tape(tmp_path: Path) -> None:
    path = tmp_path / "many.tape"
    async with PaperGateway() as paper, recording(path, paper.port) as recorder:
        async with (
            WireClient("127.0.0.1", recorder.port, version=178, client_id=1) as one,
            WireClient("127.0.0.1", recorder.port, version=225, client_id=2) as two,
        ):
            await one.ready()
            await two.ready()
            one.send("reqPositions")
            await one.until("positionEnd")
        await settled(recorder)
    tape = load_tape(path)
    versions = {e.session: e.version for e in tape.entries if isinstance(e, ServerHello)}
    assert versions == {1: 178, 2: 225}
    assert {entry.session for entry in tape.entries} == {1, 2}


async def test_a_gateway_that_refuses_ends_the_session_and_not_the_recording(
    tmp_path: Path,
) -> None:
    told: list[str] = []
    async with PaperGateway() as paper:
        port = paper.port
    path = tmp_path / "refused.tape"
    async with recording(path, port, observer=lambda name, _fields: told.append(name)) as recorder:
        reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
        assert await reader.read() == b""
        writer.close()
        await settled(recorder)
        assert recorder.running
    (end,) = [entry for entry in load_tape(path).entries if isinstance(entry, End)]
    assert "connection refused" in end.error
    assert told == ["upstream_failed", "session_end"]


async def test_who_probes_hears_of_a_wrong_port_at_once(tmp_path: Path) -> None:
    async with PaperGateway() as paper:
        port = paper.port
    path = tmp_path / "never.tape"
    recorder = Recorder(path, "127.0.0.1", port)
    with pytest.raises(TcpFailed, match=f"127.0.0.1:{port}: connection refused: no gateway"):
        await recorder.open()
    assert not path.exists()


async def test_a_port_in_use(tmp_path: Path) -> None:
    async with PaperGateway() as paper:
        recorder = Recorder(tmp_path / "x.tape", "127.0.0.1", paper.port, port=paper.port)
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{paper.port}"):
            await recorder.open()
    assert not (tmp_path / "x.tape").exists()


async def test_a_tape_is_not_written_over_unless_told(tmp_path: Path) -> None:
    path = tmp_path / "kept.tape"
    path.write_text("precious")
    with pytest.raises(TapeError, match=r"kept.tape: the file is there already"):
        await Recorder(path, "127.0.0.1", 1, probe=False).open()
    assert path.read_text() == "precious"
    async with recording(path, 1, replace=True):
        pass
    assert load_tape(path).entries == ()


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
async def test_a_full_disk_is_said_and_cuts_nobody_off(tmp_path: Path) -> None:
    with pytest.raises(TapeError, match="cannot be written any more: the disk is full"):
        await Recorder(Path("/dev/full"), "127.0.0.1", 1, probe=False, replace=True).open()
    path = tmp_path / "full.tape"
    async with (
        PaperGateway() as paper,
        recording(path, paper.port) as recorder,
        WireClient("127.0.0.1", recorder.port, version=178) as client,
    ):
        await client.ready()
        assert recorder._writer is not None
        recorder._writer._file.close()
        recorder._writer._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
        client.send("reqPositions")
        await client.until("positionEnd")
        assert "the disk is full" in str(recorder.failed.result(0))
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", recorder.port)


async def test_times_are_the_clock_s(tmp_path: Path) -> None:
    clock = ManualClock()
    path = tmp_path / "timed.tape"
    async with PaperGateway() as paper, recording(path, paper.port, clock=clock) as recorder:
        async with WireClient("127.0.0.1", recorder.port, version=178) as client:
            await client.ready()
            clock.advance(1.5)
            client.send("reqPositions")
            await client.until("positionEnd")
        await settled(recorder)
    tape = load_tape(path)
    assert tape.header.started == ManualClock().now()
    assert {entry.t for entry in tape.entries} == {0, 1_500_000_000}


async def test_a_recorder_that_stops_ends_what_is_open(tmp_path: Path) -> None:
    path = tmp_path / "stopped.tape"
    async with PaperGateway() as paper:
        async with recording(path, paper.port) as recorder:
            client = WireClient("127.0.0.1", recorder.port, version=178)
            await client.connect()
            await client.ready()
        assert await client.ended()
        await client.close()
    end = load_tape(path).entries[-1]
    assert isinstance(end, End)
    assert end.by == "recorder"


@pytest.mark.parametrize("turns", range(16))
async def test_whenever_it_stops_no_link_stays_open(tmp_path: Path, turns: int) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)

    async with upstream(echo) as port:
        async with recording(tmp_path / "a.tape", port) as recorder:
            reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
            writer.write(b"hello")
            assert await reader.readexactly(5) == b"hello"
            writer.close()
            await writer.wait_closed()
            for _turn in range(turns):
                await asyncio.sleep(0)
        del reader, writer
        gc.collect()  # a link that was left open is told as a ResourceWarning: an error here


async def test_a_client_that_comes_in_the_last_moment_is_let_go(tmp_path: Path) -> None:
    """Its session is cancelled before it has begun: nothing of it may stay open."""
    async with PaperGateway() as paper:
        for turns in range(6):
            path = tmp_path / f"{turns}.tape"
            async with recording(path, paper.port) as recorder:
                reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
                for _ in range(turns):
                    await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE):
                with contextlib.suppress(ConnectionError):
                    assert await reader.read() == b""
            writer.close()


def test_on_a_thread_of_its_own(tmp_path: Path) -> None:
    with PaperGateway() as paper:
        path = tmp_path / "thread.tape"
        with Recorder(path, paper.host, paper.port) as recorder:
            assert recorder.running
            recorder.start()
        recorder.stop()
    # The probe is no session.
    assert load_tape(path).entries == ()


def test_names_of_messages() -> None:
    assert message_name("client", b"1\x0011\x00", 178) == "reqMktData"
    assert message_name("server", b"\x00\x00\x00\xc9", 225) == "tickPrice"
    assert message_name("server", b"x", 178) == ""
    assert message_name("server", b"", 225) == ""
