"""IB's own encoder on a plain blocking socket: requests out, bodies in, nothing in between."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from typing import Any, Self

from ibapi.client import EClient
from ibapi.wrapper import EWrapper

__all__ = ["RawClient"]

DEADLINE_S = 15.0


class RawClient:
    """One connection.

    Attributes:
        bodies: Every frame's body since the hello, in order.
        hello: The fields of the gateway's hello.
        api: IB's EClient; its requests leave through the socket, whose answers it never sees.
    """

    def __init__(self, host: str, port: int, *, client_id: int = 1, versions: str) -> None:
        self._socket = socket.create_connection((host, port), timeout=DEADLINE_S)
        self._buffer = b""
        self.bodies: list[bytes] = []
        try:
            text = versions.encode()
            self._socket.sendall(b"API\0" + struct.pack(">I", len(text)) + text)
            while not self._take():
                self._receive()
        except BaseException:
            self.close()
            raise
        self.hello = self.bodies.pop(0).decode().split("\0")[:-1]
        self.api: Any = EClient(EWrapper())
        self.api.conn = self
        self.api.serverVersion_ = int(self.hello[0])
        self.api.setConnState(EClient.CONNECTED)
        self.api.clientId = client_id
        self.api.startApi()

    # ---- what EClient wants of a connection --------------------------------------------------

    def isConnected(self) -> bool:
        return True

    def sendMsg(self, data: bytes) -> int:
        self._socket.sendall(data)
        return len(data)

    # ---- reading -----------------------------------------------------------------------------

    def read_until(self, wanted: Callable[[bytes], bool]) -> list[bytes]:
        """Read on until a body is wanted; returns the bodies read, the wanted one last."""
        first = len(self.bodies)
        end = time.monotonic() + DEADLINE_S
        while True:
            while self._take():
                if wanted(self.bodies[-1]):
                    return self.bodies[first:]
            assert time.monotonic() < end, f"not among the {len(self.bodies) - first} bodies read"
            self._receive()

    def _receive(self) -> None:
        data = self._socket.recv(1 << 16)
        assert data, "the gateway closed the connection"
        self._buffer += data

    def _take(self) -> bool:
        """Move one whole body from the buffer."""
        if len(self._buffer) < 4:
            return False
        size = int.from_bytes(self._buffer[:4], "big")
        if len(self._buffer) < 4 + size:
            return False
        self.bodies.append(self._buffer[4 : 4 + size])
        self._buffer = self._buffer[4 + size :]
        return True

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
