"""Frames that a gateway would not send by itself: filling, and what no client can read."""

from __future__ import annotations

from datetime import datetime

from ibapi.protobuf.VerifyMessageApi_pb2 import VerifyMessageApi

from twsloop.paper.orders import echo
from twsloop.wire import codec, framing
from twsloop.wire.messages import INBOUND_BY_NAME, RAW_ID_SINCE

__all__ = ["UNKNOWN_NUMBER", "filler", "notice", "unknown"]

#: What fills bursts: a message of a way to log in that no gateway uses any more. Every client reads
#: it, and none does anything about it.
FILLER = INBOUND_BY_NAME["verifyMessageAPI"]
#: No message has this number, in either protocol.
UNKNOWN_NUMBER = 199


def notice(version: int, code: int, text: str, now: datetime) -> bytes:
    """A notice (id -1) as a frame."""
    message = echo.error(-1, code, text, now)
    return framing.frame(codec.encode(INBOUND_BY_NAME["errMsg"], message, version))


def filler(version: int, size: int) -> bytes:
    """Messages that ask for nothing and are exactly so many bytes long, as frames.

    Raises:
        ValueError: There is none so short.
    """

    def made(dots: int) -> bytes:
        message = VerifyMessageApi(apiData="." * dots)
        return framing.frame(codec.encode(FILLER, message, version))

    dots = size - len(made(1)) + 1
    while dots > 0:
        found = made(dots)
        if len(found) == size:
            return found
        if len(found) < size:
            # Where a length takes one byte more, one size is left out: two frames make it.
            first = made(1)
            return first + filler(version, size - len(first))
        dots -= len(found) - size
    raise ValueError(size)


def unknown(version: int, text: str) -> bytes:
    """A message whose number nobody knows, as a frame."""
    number = str(UNKNOWN_NUMBER).encode() + b"\0"
    if version >= RAW_ID_SINCE:
        number = UNKNOWN_NUMBER.to_bytes(4, "big")
    return framing.frame(number + text.encode() + b"\0")
