"""Each byte of a message in turn is another, behind a message that is known.

Random damage seldom meets what a decoder has to look at; here all of it is met. In one read, bytes
of the next message stand behind the end; in a read each, nothing does.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.wire.hot import bodies
from tests.wire.hot.implementations import IMPLEMENTATIONS
from tests.wire.hot.oracle import compare, make_body, through
from twsloop.wire.hot.calls import HOT
from twsloop.wire.messages import INBOUND, message_class

#: Tags of all kinds, lengths, and numbers that do not end.
TAGS = b"\x00\x01\x05\x08\x10\x12\x18\x19\x1a\x21\x22\x28\x29\x2a\x31\x32\x38\x3a\x7f\x80\xff"
#: What may be in a number, or cannot.
LETTERS = b"\x00\x01 059-+_.eE\\x\xff\x85n"
#: Fields that stand behind a message: known ones again, and unknown ones.
BEHIND = (b"\x32\x02XY", b"\x38\x01", b"\x2a\x0211", b"\x12\x02\x18\x05", b"\x08\x09", b"\x1a\x00")


def protobufs() -> Iterator[tuple[int, bytes]]:
    """A few messages of each kind, with ids of one, two and five bytes."""
    double = {"price": 2.5}
    for req_id in (7, 300, 2**30):
        yield make(1, req_id, tickType=1, size="10", attrMask=1, **double)
        yield make(1, req_id, tickType=1, size="10", **double)
        yield make(2, req_id, tickType=0, size="10")
        yield make(45, req_id, tickType=49, value=1.5)
        yield make(46, req_id, tickType=45, value="17")
        yield make(99, req_id, tickType=4, historicalTickMidPoint={"time": 1_700_000_000, **double})
        for attrib in ({}, {"pastLimit": True, "unreported": False}):
            trade = {"time": 1_700_000_000, "size": "10", "tickAttribLast": attrib, **double}
            for names in ({}, {"exchange": "10", "specialConditions": "5"}):
                yield make(99, req_id, tickType=1, historicalTickLast={**trade, **names})
        quote: dict[str, Any] = {"time": 1_700_000_000, "priceBid": 1.5, "priceAsk": 2.5}
        quote |= {"sizeBid": "10", "sizeAsk": "11", "tickAttribBidAsk": {"askPastHigh": True}}
        yield make(99, req_id, tickType=3, historicalTickBidAsk=quote)
    line = {"position": 3, "operation": 2, "side": 5, "size": "10", **double}
    for more in ({}, {"marketMaker": "10", "isSmartDepth": True}):
        yield make(12, 7, marketDepthData={**line, **more})
        yield make(13, 2**30, marketDepthData={**line, **more})
    greeks = {"impliedVol": -1.0, "delta": -2.0, "optPrice": 9.0, "pvDividend": 0.0}
    greeks |= {"gamma": 0.1, "vega": 0.2, "theta": -0.3, "undPrice": 100.0}
    yield make(21, 2**30, tickType=13, tickAttrib=1, **greeks)
    yield make(50, 7, time=1_700_000_000, open=1.0, volume="9", WAP="1.5", count=3)
    yield make(90, 7, historicalDataBar={"date": "20260102", "open": 1.0, "volume": "9"})


def make(number: int, req_id: int, **fields: Any) -> tuple[int, bytes]:
    """A message and its number."""
    message: Any = message_class(INBOUND[number].proto or "")(reqId=req_id)
    _fill(message, fields)
    return number, bytes(message.SerializeToString())


def _fill(message: Any, fields: dict[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            part = getattr(message, name)
            if value:
                part.SetInParent()
            _fill(part, value)
        else:
            setattr(message, name, value)


TEXTS = [
    (1, b"6\x007\x001\x00189.5\x00100\x007\0"),
    (2, b"6\x007\x000\x00100\0"),
    (12, b"1\x007\x000\x001\x000\x00189.5\x00100\0"),
    (13, b"1\x007\x000\x00ARCA\x001\x000\x00189.5\x00100\x001\0"),
    (21, b"7\x0013\x000\x000.2\x000.5\x009\x000\x00.1\x00.3\x00.4\x005\0"),
    (21, b"6\x007\x0013\x000.2\x000.5\x009\x000\x00.1\x00.3\x00.4\x005\0"),
    (45, b"6\x007\x0049\x000\0"),
    (46, b"6\x007\x0045\x001700000000\0"),
    (50, b"3\x007\x001700000000\x001\x002\x000.5\x001.5\x00100\x001.25\x0010\0"),
    (90, b"7\x0010\x0020260102 10:00:00\x001\x001.5\x002\x000.5\x001.25\x00100\0"),
    (99, b"7\x001\x001700000000\x00189.5\x00100\x003\x00ARCA\x00T\0"),
    (99, b"7\x003\x001700000000\x00189.5\x00189.6\x00100\x00200\x003\0"),
    (99, b"7\x004\x001700000000\x00189.5\0"),
]


def check(version: int, told: list[bytes]) -> None:
    """What came of each body is what the rule allows, in each implementation."""
    ends = list(itertools.accumulate(4 + len(body) for body in told))
    for stream_class, cuts in itertools.product(IMPLEMENTATIONS.values(), ([], ends)):
        for body, heard in zip(told, through(stream_class, version, told, cuts), strict=True):
            compare(body, version, heard)


@pytest.mark.parametrize("number", HOT, ids=lambda n: INBOUND[n].name)
def test_in_protobuf(number: int) -> None:
    for payload in (payload for kind, payload in protobufs() if kind == number):
        behind = (payload + more for more in BEHIND)
        found = [payload, *bodies.each_byte(payload, TAGS), *behind, payload]
        check(225, [make_body(number, one, 225, protobuf=True) for one in found])


@pytest.mark.parametrize("version", [108, 155, 200, 201])
@pytest.mark.parametrize("number", HOT, ids=lambda n: INBOUND[n].name)
def test_in_text(number: int, version: int) -> None:
    for payload in (payload for kind, payload in TEXTS if kind == number):
        found = [payload, *bodies.each_byte(payload, LETTERS), payload]
        check(version, [make_body(number, one, version, protobuf=False) for one in found])
