r"""Frames: every message is a big-endian 32-bit length and that many bytes.

Only the client's first four bytes (``API\0``) stand outside of frames; see `handshake`.

Bytes have no sockets here: `FrameReader.feed` stores what came, in pieces of any size, and
`FrameReader.frames` hands out what is complete. Nothing is copied twice on the usual way, where a
read holds whole frames: the stored piece is the very object that was fed, and a frame is one slice
of it. Only a frame that spans reads goes through a growing buffer.
"""

from __future__ import annotations

from collections.abc import Iterator

from twsloop.errors import FramingError

__all__ = ["LENGTH_SIZE", "MAX_FRAME", "FrameReader", "frame"]

MAX_FRAME = 0xFFFFFF
"""The longest body IB's own client accepts, in bytes; it disconnects at a longer one."""

LENGTH_SIZE = 4
"""Bytes of the length in front of each body."""


def frame(body: bytes) -> bytes:
    """Put the length in front of a body.

    Raises:
        FramingError: The body is longer than `MAX_FRAME`.
    """
    if len(body) > MAX_FRAME:
        raise FramingError(len(body), MAX_FRAME)
    return len(body).to_bytes(LENGTH_SIZE, "big") + body


class FrameReader:
    """Cut a byte stream into the bodies of its frames, however the stream was split.

    Args:
        limit: The longest body that is accepted, in bytes.
    """

    __slots__ = ("_buffer", "_error", "_limit", "_start")

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer: bytes | bytearray = b""
        self._start = 0
        self._limit = limit
        self._error: FramingError | None = None

    @property
    def pending(self) -> int:
        """How many bytes wait, of frames not yet handed out or not yet complete."""
        return len(self._buffer) - self._start

    def feed(self, data: bytes | bytearray) -> None:
        """Store bytes that came from the peer; nothing else happens here."""
        if self._error is not None:
            return  # the stream is lost: keep nothing of it
        if self._start == len(self._buffer):
            self._buffer, self._start = bytes(data), 0
            return
        if not isinstance(self._buffer, bytearray):
            self._buffer = bytearray(self._buffer[self._start :])
        elif self._start:
            del self._buffer[: self._start]
        self._start = 0
        self._buffer += data

    def take_rest(self) -> bytes:
        """Take out what waits: somebody else goes on from here."""
        rest = bytes(self._buffer[self._start :])
        self._buffer, self._start = b"", 0
        return rest

    def frames(self) -> Iterator[bytes]:
        """Hand out each complete body, in order; a body may be empty.

        The iterator may be left at any time, and bytes may be fed between two of its steps.

        Raises:
            FramingError: A length above the limit was announced. The frames before it are handed
                out first; from then on every call raises.
        """
        while self._error is None:
            buffer, start = self._buffer, self._start
            body = start + LENGTH_SIZE
            if len(buffer) < body:
                return
            length = int.from_bytes(buffer[start:body], "big")
            if length > self._limit:
                self._error = FramingError(length, self._limit)
                self._buffer, self._start = b"", 0
                break
            end = body + length
            if len(buffer) < end:
                return
            self._start = end
            yield bytes(buffer[body:end])
        raise self._error
