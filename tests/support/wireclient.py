"""A small raw client of the TWS wire: asyncio streams, our codec for requests, IB's for answers.

Everything received goes through IB's official decoder (`tests.support.official`), which must leave
no field of a text message over. So what a test sees is what IB's own client would have told.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ibapi import comm

from tests.support import official
from tests.support.official import Call
from twsloop.wire import codec, handshake
from twsloop.wire.framing import FrameReader, frame
from twsloop.wire.messages import OUTBOUND_BY_NAME, message_class

#: How long a test waits for an answer before it fails, seconds.
PATIENCE = 10.0


class Judge:
    """IB's decoder, made once a connection."""

    def __init__(self, version: int) -> None:
        self._recorder = official._Recorder()
        self._decoder = official.Decoder(self._recorder, version)
        self._version = version

    def hear(self, body: bytes) -> list[Call]:
        """The classic callbacks of one body; a text field left over fails the test."""
        self._recorder.calls.clear()
        if self._version >= official.RAW_ID_SINCE:
            number, rest = int.from_bytes(body[:4], "big"), body[4:]
        else:
            head, _, rest = body.partition(b"\0")
            number = int(head)
        if number > official.PROTOBUF_OFFSET:
            self._decoder.processProtoBuf(rest, number - official.PROTOBUF_OFFSET)
        else:
            official._Fields.iterators.clear()
            fields = official._Fields(comm.read_fields(rest))
            self._decoder.interpret(fields, number)
            if official._Fields.iterators:
                left = list(official._Fields.iterators.pop())
                assert not left, (body, left)
        return [call for call in self._recorder.calls if not call.name.endswith("ProtoBuf")]


class Closed(Exception):
    """The server ended the connection."""


class WireClient:
    """One connection. ``async with WireClient(host, port, version=178) as client``."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        version: int = 225,
        client_id: int = 1,
        start: bool = True,
        receive_buffer: int | None = None,
    ) -> None:
        self.receive_buffer = receive_buffer
        self.host = host
        self.port = port
        self.max_version = version
        self.client_id = client_id
        self.start_api = start
        self.version = 0
        self.hello: list[bytes] = []
        self.bodies: list[bytes] = []
        #: Seconds to wait for a message; None for as long as the test may take, where the gateway
        #: has work to do that takes seconds itself.
        self.patience: float | None = PATIENCE
        self._judge: Judge | None = None
        self._frames = FrameReader()
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def connect(self) -> None:
        await self.open()
        self.write(handshake.client_hello(100, self.max_version))
        hello = await self.body()
        version, self.hello = int(hello.split(b"\0")[0]), hello.split(b"\0")
        self.version = version
        if self.start_api:
            self.send("startApi", clientId=self.client_id)

    async def open(self) -> None:
        """Connect, and say nothing."""
        sock = socket.socket()
        if self.receive_buffer is not None:  # counts only if set before connecting
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        sock.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(sock, (self.host, self.port))
        except OSError:
            sock.close()
            raise
        limit = self.receive_buffer or 1 << 16
        self._reader, self._writer = await asyncio.open_connection(sock=sock, limit=limit)

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):  # the server was first
                await self._writer.wait_closed()

    def write(self, data: bytes) -> None:
        assert self._writer is not None
        self._writer.write(data)

    def write_eof(self) -> None:
        """Say that nothing more will be sent; answers can still come."""
        assert self._writer is not None
        self._writer.write_eof()

    def send(self, name: str, **fields: Any) -> None:
        """Send a request by IB's name, its protobuf fields as keywords."""
        kind = OUTBOUND_BY_NAME[name]
        assert kind.proto is not None
        message = message_class(kind.proto)(**fields)
        self.write(frame(codec.encode(kind, message, self.version)))

    async def body(self) -> bytes:
        """The next frame's body.

        Raises:
            Closed: There is none.
        """
        assert self._reader is not None
        async with asyncio.timeout(self.patience):
            while True:
                for body in self._frames.frames():
                    return body
                try:
                    data = await self._reader.read(1 << 16)
                except ConnectionError as error:
                    raise Closed from error
                if not data:
                    raise Closed
                self._frames.feed(data)

    async def next(self) -> list[Call]:
        """The callbacks of the next message."""
        body = await self.body()
        if self._judge is None:
            self._judge = Judge(self.version)
        self.bodies.append(body)
        return self._judge.hear(body)

    async def until(self, wanted: str | Callable[[Call], bool]) -> list[Call]:
        """All callbacks up to the first of that name (or the first that fits), with it."""
        fits = (lambda call: call.name == wanted) if isinstance(wanted, str) else wanted
        heard: list[Call] = []
        while True:
            calls = await self.next()
            heard += calls
            if any(fits(call) for call in calls):
                return heard

    async def ready(self) -> list[Call]:
        """The callbacks of the start, up to the last notice."""
        return await self.until(lambda call: call.name == "error" and call.args[-3] == 2158)

    async def ended(self) -> bool:
        """Wait for the server to end the connection; what comes before is read."""
        try:
            while True:
                await self.body()
        except Closed:
            return True


def raw_frame(text: str) -> bytes:
    """A text message from its fields, separated by commas."""
    body = "".join(f"{field}\0" for field in text.split(",")).encode()
    return struct.pack(">I", len(body)) + body


def error_of(call: Call) -> tuple[int, int, str]:
    """Id, code and text of an error callback (its time is left out)."""
    ident, _time, code, text, _reject = call.args
    return int(ident), int(code), str(text)


def brief(call: Call) -> str:
    """An order callback in one short line."""
    args: Any = call.args
    if call.name == "error":
        ident, code, _ = error_of(call)
        return f"error {ident} {code}"
    if call.name == "openOrder":
        state = args[3]
        cost = float(state["commissionAndFees"])
        return f"open {args[0]} {state['status']}" + (f" {cost:g}" if cost < 1e300 else "")
    if call.name == "orderStatus":
        return f"status {args[0]} {args[1]} {args[2]}/{args[3]} @{args[4]}"
    if call.name == "execDetails":
        fill = args[2]
        return f"exec {args[0]} {fill['side']} {fill['shares']} @{fill['price']}"
    if call.name == "commissionAndFeesReport":
        return f"report {float(args[0]['commissionAndFees']):g}"
    return call.name
