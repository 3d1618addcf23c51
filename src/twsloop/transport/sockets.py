"""What the system is told about a socket: no delay, and probes of an idle link."""

from __future__ import annotations

import contextlib
import socket
from typing import Any, Protocol

__all__ = ["SocketSettings", "tune"]


class SocketSettings(Protocol):
    """The settings; times in seconds."""

    @property
    def keepalive(self) -> bool:
        """Whether the system probes an idle link."""

    @property
    def keepalive_idle(self) -> int:
        """After so long without a byte."""

    @property
    def keepalive_interval(self) -> int:
        """The wait between two probes."""

    @property
    def keepalive_count(self) -> int:
        """After so many probes without an answer the link ends."""


def tune(sock: Any, settings: SocketSettings) -> None:
    """Set a socket's options; what the system does not have is left out.

    Args:
        sock: asyncio's view of a socket; None where there is none.
        settings: The settings.
    """
    if sock is None or sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    with contextlib.suppress(OSError):  # asyncio's loops do it by themselves, today
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(settings.keepalive))
    if not settings.keepalive:
        return
    rows = (
        # The idle time has another name on macOS.
        (("TCP_KEEPIDLE", "TCP_KEEPALIVE"), settings.keepalive_idle),
        (("TCP_KEEPINTVL",), settings.keepalive_interval),
        (("TCP_KEEPCNT",), settings.keepalive_count),
    )
    for names, value in rows:
        number = next((getattr(socket, name) for name in names if hasattr(socket, name)), None)
        if number is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, number, value)
