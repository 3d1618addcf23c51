"""A TWS whose every byte a test writes down: a real server on a real port, without any rules."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, Self

from twsloop.embedded import serves_here
from twsloop.event_loop import IBKREventLoop
from twsloop.wire.framing import frame
from twsloop.wire.messages import message_class


def text_body(*fields: object) -> bytes:
    """A text message below version 201: every field NUL-terminated."""
    return "".join(f"{field}\0" for field in fields).encode()


def raw_text_body(number: int, *fields: object) -> bytes:
    """A text message at version 201 and above: a 4-byte id, then fields."""
    return number.to_bytes(4, "big") + text_body(*fields)


def proto_body(number: int, message: Any) -> bytes:
    """A protobuf message: a 4-byte id (the number plus 200), then the message."""
    payload: bytes = message.SerializeToString()
    return (number + 200).to_bytes(4, "big") + payload


class Peer:
    """One connection, as the server sees it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.hello = b""

    async def read_hello(self) -> bytes:
        """The client's hello, without its prefix and length."""
        prefix = await self.reader.readexactly(4)
        assert prefix == b"API\0", prefix
        self.hello = await self.read_frame()
        return self.hello

    async def read_frame(self) -> bytes:
        """The next frame's body."""
        length = int.from_bytes(await self.reader.readexactly(4), "big")
        return await self.reader.readexactly(length)

    async def read_to_end(self) -> bytes:
        """All that still comes, until the client closes."""
        return await self.reader.read()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def send(self, *bodies: bytes) -> None:
        """Send frames, in one piece."""
        await self.write(b"".join(frame(body) for body in bodies))

    async def greet(self, version: int, time: str = "20260105 14:30:00 UTC") -> None:
        """Read the client's hello, and answer it."""
        await self.read_hello()
        await self.send(text_body(version, time))

    async def open_session(self, version: int = 178, *, accounts: str = "DU1234567") -> None:
        """The whole start-up in text (versions up to 200): hello, startApi, accounts, next id."""
        await self.greet(version)
        start = await self.read_frame()
        assert start.startswith(b"71\0"), start
        await self.send(text_body(15, 1, accounts), text_body(9, 1, 1))

    async def open_protobuf_session(
        self, version: int = 225, *, accounts: str = "DU1234567", next_id: int = 1
    ) -> None:
        """The whole start-up in protobuf (versions from 213)."""
        await self.greet(version)
        start = await self.read_frame()
        assert int.from_bytes(start[:4], "big") == 271, start
        await self.send(
            proto_body(15, message_class("ManagedAccounts")(accountsList=accounts)),
            proto_body(9, message_class("NextValidId")(orderId=next_id)),
        )

    async def read_requests(self) -> list[list[str]]:
        """All text requests that still come until the client closes, cut into their fields."""
        data, found = await self.read_to_end(), []
        while data:
            length = int.from_bytes(data[:4], "big")
            body, data = data[4 : 4 + length], data[4 + length :]
            found.append(body.decode().split("\0")[:-1])
        return found

    def close(self) -> None:
        """Close the link."""
        self.writer.close()

    def reset(self) -> None:
        """Break the link."""
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class ScriptedServer:
    """Runs ``script`` for each connection that comes in; a context manager.

    The link stays open after the script has ended, unless it closed it.
    """

    def __init__(self, *scripts: Script, port: int = 0) -> None:
        self._scripts = scripts
        self._loop = IBKREventLoop(name="scripted-server")
        self._server: asyncio.Server | None = None
        self._peers: list[Peer] = []
        self._faults: list[BaseException] = []
        self._done = threading.Semaphore(0)
        self.port = port
        self.connections = 0

    def __enter__(self) -> Self:
        """Listen."""
        self._loop.start()
        self._loop.call(self._listen)
        return self

    def __exit__(self, *exc: object) -> None:
        """Close, and raise what a script raised."""
        self._loop.call(self._close)
        self._loop.stop()
        if self._faults and exc[0] is None:
            raise self._faults[0]

    def wait_done(self, count: int = 1) -> None:
        """Wait until ``count`` scripts have ended."""
        for _ in range(count):
            assert self._done.acquire(timeout=15), "the script did not end"

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._server is not None and self._server.is_serving()

    async def _listen(self) -> None:
        serves_here(self)  # what is traded here is no business of anybody's journal
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = Peer(reader, writer)
        self._peers.append(peer)
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        try:
            await script(peer)
        except (asyncio.CancelledError, ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left before the script had ended: the test says if that is wrong
        except BaseException as fault:
            self._faults.append(fault)
        finally:
            self._done.release()

    async def _close(self) -> None:
        assert self._server is not None
        self._server.close()
        for peer in self._peers:
            peer.writer.close()
