"""Official-protocol clients that only count: raw sockets, many in one process.

A sink speaks the handshake, startApi and the requests it is given; what comes is split into frames
and counted, and nothing is decoded. So the clients cost as little as they can,
and what is measured is the server.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import resource
import selectors
import socket
import struct
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from twsloop.wire import codec, handshake
from twsloop.wire.framing import frame
from twsloop.wire.messages import OUTBOUND_BY_NAME, message_class

__all__ = ["Sink", "SinkProcess", "cpu_seconds", "memory_mb"]

READ = 1 << 20
_length = struct.Struct(">I").unpack_from


def cpu_seconds() -> float:
    """What this process has used so far, of user and system time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mb() -> float:
    """The resident size of this process now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


class Sink:
    """One client."""

    def __init__(self, host: str, port: int, client_id: int, version: int) -> None:
        self.client_id = client_id
        self.frames = 0
        self.bytes = 0
        self._rest = b""
        self.sock = socket.create_connection((host, port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(handshake.client_hello(100, version))
        hello = b""
        while len(hello) < 4 or len(hello) < 4 + _length(hello)[0]:
            hello += self.sock.recv(4096)
        self.version = int(hello[4:].split(b"\0")[0])
        self.send("startApi", clientId=client_id)

    def send(self, name: str, **fields: Any) -> None:
        """Send one request."""
        kind = OUTBOUND_BY_NAME[name]
        self.sock.sendall(
            frame(codec.encode(kind, message_class(kind.proto)(**fields), self.version))
        )

    def read(self) -> bool:
        """Take what is there; False at the end."""
        data = self.sock.recv(READ)
        if not data:
            return False
        self.bytes += len(data)
        if self._rest:
            data = self._rest + data
        place, end, frames = 0, len(data) - 4, 0
        length = _length
        size = 0
        while place <= end:
            (size,) = length(data, place)
            place += size + 4
            frames += 1
        if place > end + 4:  # the last one is not whole yet
            place -= size + 4
            frames -= 1
        self.frames += frames
        self._rest = data[place:]
        return True


def _serve(pipe: Connection, host: str, port: int, ids: Sequence[int], options: Any) -> None:
    sinks = [Sink(host, port, client_id, options["version"]) for client_id in ids]
    selector = selectors.DefaultSelector()
    for sink in sinks:
        sink.sock.setblocking(False)
        selector.register(sink.sock, selectors.EVENT_READ, sink)
    selector.register(pipe, selectors.EVENT_READ, None)
    for sink in sinks:
        sink.sock.setblocking(True)
        for req_id, contract in enumerate(options["contracts"], options["first_id"]):
            sink.send("reqMktData", reqId=req_id, contract=contract)
        sink.sock.setblocking(False)
    first = last = time.monotonic()
    cpu = cpu_seconds()
    while True:
        asked = False
        for key, _ in selector.select():
            if key.data is None:
                asked = True
            else:
                with contextlib.suppress(BlockingIOError):
                    if not key.data.read():
                        selector.unregister(key.fileobj)
                last = time.monotonic()
        if asked:
            word = pipe.recv()
            pipe.send(
                {
                    "frames": {sink.client_id: sink.frames for sink in sinks},
                    "bytes": sum(sink.bytes for sink in sinks),
                    "seconds": last - first,
                    "cpu": cpu_seconds() - cpu,
                }
            )
            if word == "end":
                return


class SinkProcess:
    """Some sinks in a process of their own.

    Args:
        host: Where the gateway is.
        port: Its port.
        ids: The client ids.
        contracts: What each of them subscribes to.
        version: The newest server version they offer.
        first_id: The first request id.
    """

    def __init__(
        self,
        host: str,
        port: int,
        ids: Sequence[int],
        *,
        contracts: Sequence[dict[str, Any]],
        version: int = 225,
        first_id: int = 1,
    ) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        options = {"contracts": list(contracts), "version": version, "first_id": first_id}
        self._process = spawn.Process(target=_serve, args=(theirs, host, port, ids, options))
        self._process.start()

    def ask(self) -> dict[str, Any]:
        """What they have counted so far."""
        self._pipe.send("count")
        answer: dict[str, Any] = self._pipe.recv()
        return answer

    def end(self) -> dict[str, Any]:
        """The same, and then they are gone."""
        self._pipe.send("end")
        answer: dict[str, Any] = self._pipe.recv()
        self._process.join(10)
        return answer
