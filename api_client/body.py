"""A body as it comes in: decoded here, so that its limit holds for every byte that is kept.

An HTTP library decodes a received piece whole before anybody can count it, and one layer of gzip
makes a thousand bytes of one; a few layers make a memory's end of a kilobyte. So bodies are taken
undecoded, and this decoder makes at most one byte more than the limit of them. One layer of gzip or
deflate is understood, which is what the client asks for; anything else is an error.
"""

from __future__ import annotations

import zlib
from typing import Any

__all__ = ["ACCEPTED", "BadEncoding", "Body", "TooLarge"]

#: What the client says it takes.
ACCEPTED = "gzip, deflate"
#: Encodings that exist and are not asked for. Other words (utf-8) are careless, and ignored.
_REFUSED = {"br", "zstd", "compress", "x-compress", "dcb", "dcz", "exi", "pack200-gzip"}
_GZIP = {"gzip", "x-gzip"}
_GZIP_BITS = 16 + zlib.MAX_WBITS
_MEMBER = b"\x1f"  # what every further gzip member begins with


class TooLarge(Exception):
    """More bytes than the limit."""


class BadEncoding(Exception):
    """The body is not encoded as its header says, or in a way that was not asked for."""


class Body:
    """Collects a body up to its limit.

    Args:
        limit: Bytes at most, as received and as decoded.
        encoding: The ``Content-Encoding`` header, if there is one.

    Raises:
        BadEncoding: An encoding, or several, that nobody asked for.
    """

    def __init__(self, limit: int, encoding: str | None = None) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._size = 0
        self._received = 0
        self._decoder: Any = None
        layers = [word.strip().lower() for word in (encoding or "").split(",")]
        known = [word for word in layers if word in _GZIP | _REFUSED | {"deflate"}]
        self._gzip = known[:1] != ["deflate"]
        if len(known) > 1 or _REFUSED.intersection(known):
            raise BadEncoding(f"{', '.join(known)[:60]} was not asked for")
        if known:
            self._decoder = zlib.decompressobj(_GZIP_BITS if self._gzip else zlib.MAX_WBITS)

    def add(self, piece: bytes) -> None:
        """Take what has come.

        Raises:
            TooLarge: Beyond the limit.
            BadEncoding: It cannot be decoded.
        """
        self._received += len(piece)
        if self._received > self._limit:
            raise TooLarge
        if self._decoder is None:
            self._keep(piece)
            return
        first = self._received == len(piece)
        try:
            self._decode(piece)
        except zlib.error as error:
            if self._gzip or not first:
                raise BadEncoding(str(error)) from None
            # Some servers leave deflate's own header out.
            self._decoder = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                self._decode(piece)
            except zlib.error:
                raise BadEncoding(str(error)) from None

    def whole(self) -> bytes:
        """All of it, once it has come.

        Raises:
            BadEncoding: It ends before its encoding does.
        """
        if self._decoder is not None and self._received and not self._decoder.eof:
            raise BadEncoding("it ends too early")
        return b"".join(self._pieces)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._limit:
            raise TooLarge
        self._pieces.append(piece)

    def _decode(self, piece: bytes) -> None:
        while piece:
            if self._decoder.eof:
                if not self._gzip or not piece.startswith(_MEMBER):
                    return  # what stands behind the end says nothing
                self._decoder = zlib.decompressobj(_GZIP_BITS)
            self._keep(self._decoder.decompress(piece, self._limit - self._size + 1))
            piece = self._decoder.unused_data or self._decoder.unconsumed_tail
