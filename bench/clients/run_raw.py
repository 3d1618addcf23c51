"""The limits: bytes that are read and thrown away, or cut into frames and no more.

``recv`` reads a socket that blocks; ``uvloop`` is told by the loop, as twsloop is. ``split`` cuts
the bytes into frames in Python.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from common import Bench

HELLO = b"API\0" + struct.pack(">I", 9) + b"v100..%d"
_length = struct.Struct(">I").unpack_from


class Reader:
    """Knows how far it is by counting bytes: the blaster says how many a block has."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.sizes: list[int] = []
        self.split = bench.plan["split"]
        self.rest = b""
        self.seen = 0
        self.block = 0

    def connect(self) -> socket.socket:
        """Handshake; what comes afterwards is the payload."""
        plan = self.bench.plan
        sock = socket.create_connection(("127.0.0.1", self.bench.port))
        sock.sendall(HELLO % plan["max_version"])
        head = sock.recv(4, socket.MSG_WAITALL)
        sock.recv(_length(head)[0], socket.MSG_WAITALL)
        return sock

    def take(self, data: bytes) -> None:
        """What was read."""
        if self.split:
            self.cut(data)
        self.seen += len(data)
        sizes, block = self.sizes, self.block
        while block < len(sizes) and self.seen >= sizes[block]:
            block += 1
        if block != self.block:
            self.block = block
            self.bench.mark(block)

    def cut(self, data: bytes) -> None:
        """Into frames."""
        if self.rest:
            data = self.rest + data
        place, end, length, count = 0, len(data), _length, 0
        while place + 4 <= end:
            after = place + 4 + length(data, place)[0]
            if after > end:
                break
            data[place + 4 : after]
            count += 1
            place = after
        self.rest = data[place:]
        self.bench.count += count


class Told(asyncio.Protocol):
    """As twsloop's link."""

    def __init__(self, reader: Reader) -> None:
        self.data_received = reader.take  # type: ignore[method-assign]


async def on_loop(reader: Reader, sock: socket.socket) -> None:
    """Until the last byte came."""
    await asyncio.get_running_loop().create_connection(lambda: Told(reader), sock=sock)
    await asyncio.get_running_loop().run_in_executor(None, reader.bench.wait)


def main() -> None:
    """Read."""
    bench = Bench()
    plan = bench.plan
    ids = [list(range(1, 1 + plan["lines"])), list(range(1001, 1001 + plan["streams"]))]
    bench.call(ids=ids)
    reader = Reader(bench)
    sock = reader.connect()
    total = 0
    for size in bench.heard()["sizes"]:
        total += size
        reader.sizes.append(total)
    bench.begin()
    if plan["way"] == "uvloop":
        import uvloop  # noqa: PLC0415

        uvloop.run(on_loop(reader, sock))
    else:
        while not bench.over:
            reader.take(sock.recv(1 << 18))
    more: dict[str, Any] = {"version": plan["max_version"]}
    bench.told(**more)
    os._exit(0)


if __name__ == "__main__":
    main()
