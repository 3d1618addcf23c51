"""A second hand on a link's socket, so that any thread may write without waiting for the loop's.

The loop's transport shows its socket, and takes no `send` from it (uvloop's is a stand-in that
refuses). So the descriptor is doubled: both are the same connection in the system, and one `send`
of a non-blocking socket takes the first bytes of what it is given, or none. Who sends here has to
know that nothing is before it in the transport's own buffer (`twsloop.transport.link`).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import threading

__all__ = ["DirectSocket"]

#: Where the system has them: a send never waits, and a link that is gone is an error, not a signal.
_FLAGS = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0)


class DirectSocket:
    """The doubled socket; from any thread.

    Args:
        sock: The doubled descriptor; it is ours from now on.

    Attributes:
        error: Why the link takes nothing any more, if it told us first: the system says it once.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock: socket.socket | None = sock
        self._lock = threading.Lock()
        self.error: OSError | None = None
        sock.setblocking(False)

    @classmethod
    def of(cls, transport: asyncio.BaseTransport) -> DirectSocket | None:
        """Of a transport that has a TCP socket in this process; else None."""
        shown = transport.get_extra_info("socket")
        if shown is None or sys.platform == "win32":  # its loops write by completion, not at once
            return None
        if transport.get_extra_info("sslcontext") is not None:
            return None
        with contextlib.suppress(OSError):
            return cls(socket.fromfd(shown.fileno(), shown.family, shown.type))
        return None

    def send(self, data: bytes) -> int:
        """How many bytes of this the socket took now; 0 if it is full, or gone."""
        with self._lock:  # a descriptor that is closed meanwhile may be another one's already
            if self._sock is None or self.error is not None:
                return 0
            try:
                return self._sock.send(data, _FLAGS)
            except BlockingIOError:
                return 0
            except OSError as error:
                self.error = error
                return 0

    def close(self) -> None:
        """Let go of it: while it is open the connection stays, whatever the loop does."""
        with self._lock:
            sock, self._sock = self._sock, None
        if sock is not None:
            sock.close()
