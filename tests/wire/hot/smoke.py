"""Whether a wheel works where it was installed: `cibuildwheel` runs this, without pytest.

The compiled stream is there, and tells of a price and its size in both protocols.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from twsloop.wire import IMPLEMENTATION
from twsloop.wire.hot import Calls, MessageStream

PROTOBUF = b"\0\0\0\xc9\x08\x07\x10\x01\x19\0\0\0\0\0\0\x04\x40\x22\x03100\x28\x01"
TEXT = b"1\x006\x007\x001\x002.5\x00100\x001\0"


class Sink:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.low = self.high = Calls()
        self.low.tickPrice = lambda *args: self.told.append((*args[:3], vars(args[3])))
        self.low.tickSize = lambda *args: self.told.append(args)
        self.message_done: Any = None

    def failed(self, function: Any, error: BaseException) -> None:
        """Let it fall."""
        raise AssertionError(function) from error


def main() -> None:
    """See that it works; an assertion says that it does not."""
    assert IMPLEMENTATION == "native", IMPLEMENTATION
    attrib = {"canAutoExecute": True, "pastLimit": False, "preOpen": False}
    for version, body in ((225, PROTOBUF), (200, TEXT)):
        sink = Sink()
        declined: list[bytes] = []
        data = len(body).to_bytes(4, "big") + body
        stream = MessageStream(version, sink, declined.append)
        assert sum(stream.feed(data[begin : begin + 5]) for begin in range(0, len(data), 5)) == 1
        assert (sink.told, declined) == ([(7, 1, 2.5, attrib), (7, 0, Decimal(100))], [])


if __name__ == "__main__":
    main()
