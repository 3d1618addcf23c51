"""The object that IB's code, and users' code, know as ``client.conn``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Link"]


class Link:
    """Stands where ibapi has its Connection: same attributes and methods, no socket of its own.

    Args:
        host: The gateway's host.
        port: The gateway's port.
        send: Takes a complete frame.
        close: Ends the link.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        send: Callable[[bytes], object],
        close: Callable[[], object],
    ) -> None:
        self.host = host
        self.port = port
        self.socket: Any = None
        self.wrapper: Any = None
        self.lock = threading.Lock()
        self.up = False
        self._send = send
        self._close = close

    def connect(self) -> None:
        """Do nothing: the loop thread connects."""

    def disconnect(self) -> None:
        """End the link."""
        self._close()

    def isConnected(self) -> bool:
        """Whether the link stands."""
        return self.up

    def sendMsg(self, msg: bytes) -> int:
        """Queue a complete frame (4-byte length included); the number of its bytes."""
        if not self.up:
            return 0
        self._send(msg)
        return len(msg)

    def recvMsg(self) -> bytes:
        """Nothing: what comes in is read by the loop thread."""
        return b""
