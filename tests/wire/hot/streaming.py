"""A stream on a bench: what it is fed with, and who hears it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.wire.hot import bodies
from tests.wire.hot.by_hand import NEWEST, TICKS, body_of, usual
from tests.wire.hot.oracle import Ear, Told, make_body
from twsloop.wire.framing import frame

__all__ = ["ORDER_STATUS", "Bench", "every_version", "hot", "mixed", "other"]

#: Text, mixed, and all that we know.
VERSIONS = (200, 206, NEWEST)
every_version = pytest.mark.parametrize("version", VERSIONS)

ORDER_STATUS = 3


def hot(number: int, version: int) -> bytes:
    """A whole message that a stream decodes."""
    if version >= 201 and number in TICKS:
        return body_of(number, usual(number))
    if number in (1, 2):
        fields = b"6\x007\x001\x00189.5\x00100\x001\0" if number == 1 else b"6\x007\x000\x00100\0"
        return make_body(number, fields, version, protobuf=False)
    return bodies.valid_texts(number, version, 5)


def other(version: int, content: bytes = b"1\x002\0") -> bytes:
    """A message that is none of a stream's."""
    return make_body(ORDER_STATUS, content, version, protobuf=False)


def mixed(version: int) -> list[bytes]:
    """Whole messages, hot and others, and bodies that are none."""
    found = []
    for number in (1, 46, 99, 2, 45):
        found += [hot(number, version), other(version), hot(number, version)]
    if version >= 201:  # ids of more bytes
        found += [
            body_of(number, usual(number, req_id)) for req_id in (300, 2**30) for number in (1, 99)
        ]
    return [*found, b"", b"\0", b"\0\0", b"\0\0\0", b"\0\0\0\1", *found[:4], b"x" * 300]


class Bench:
    """A stream, and who hears it."""

    def __init__(self, stream_class: Any, version: int = NEWEST, **options: Any) -> None:
        self.ear = Ear()
        self.version = version
        self.on_other: Callable[[bytes], object] = lambda _body: None
        self.stream = stream_class(version, self.ear, self._other, **options)

    def _other(self, body: bytes) -> None:
        self.ear.other(body)
        self.on_other(body)

    def feed(self, *sent: bytes) -> int:
        """Feed whole messages, in one read."""
        count: int = self.stream.feed(b"".join(map(frame, sent)))
        return count

    def feed_all(self, *reads: bytes) -> None:
        """Feed these bytes, read by read."""
        for data in reads:
            self.stream.feed(data)

    def on(self, name: str, function: Callable[..., object]) -> None:
        """Let a callback do something after it was heard."""
        tell = getattr(self.ear.low, name)

        def both(*args: Any) -> None:
            tell(*args)
            function(*args)

        setattr(self.ear.low, name, both)

    @property
    def heard(self) -> list[str]:
        """What was heard, in short: names of callbacks; else ``other``; ``.`` ends a message."""
        names = {None: "."}
        return [
            entry.name if isinstance(entry, Told) else names.get(entry, "other")  # type: ignore[arg-type]
            for entry in self.ear.log
        ]
