"""Ticks in protobuf, written field by field: they can be built as no library builds them."""

from __future__ import annotations

import struct

from tests.wire.hot.oracle import make_body

__all__ = [
    "GENERIC", "HIGH_IDS", "IDS", "MIDPOINT", "NEGATIVE", "NEWEST", "PRICE", "QUOTE", "SIZE",
    "STRING", "TICKS", "TICK_BY_TICK", "TRADE", "Fields", "body_of", "double", "price", "text",
    "usual", "varint", "whole",
]  # fmt: skip

PRICE, SIZE, GENERIC, STRING, TICK_BY_TICK = 1, 2, 45, 46, 99
TICKS = (PRICE, SIZE, GENERIC, STRING, TICK_BY_TICK)
NEWEST = 225

#: Of one to five bytes, at the edges of each; the last ones are the framework's own.
IDS = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 2**30 - 1]
HIGH_IDS = [2**30, 2**30 + 1, 2**31 - 2, 2**31 - 1]
#: Written in ten bytes.
NEGATIVE = [-1, -2, -(2**31)]


def varint(value: int, *, padding: int = 0) -> bytes:
    """A number in groups of seven bits; longer than it has to be, if asked for."""
    value &= 2**64 - 1
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    groups += [0] * padding
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def whole(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def double(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def text(field: int, value: bytes | str) -> bytes:
    value = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(value)) + value


#: The fields of each message, in their order, as a gateway writes them.
Fields = list[bytes]
TRADE: Fields = [
    whole(1, 1_700_000_000), text(2, whole(1, 1)), double(3, 189.5), text(4, "100"),
    text(5, "NASDAQ"), text(6, "T"),
]  # fmt: skip
QUOTE: Fields = [
    whole(1, 1_700_000_000), text(2, whole(2, 1)), double(3, 189.5), double(4, 189.75),
    text(5, "100"), text(6, "250"),
]  # fmt: skip
MIDPOINT: Fields = [whole(1, 1_700_000_000), double(2, 189.5), text(3, "100")]


def price(req_id: int = 7, tick_type: int = 1, size: bytes | str = "100", mask: int = 1) -> Fields:
    fields = [whole(1, req_id), whole(2, tick_type), double(3, 189.5), text(4, size)]
    return [*fields, whole(5, mask)]


def usual(number: int, req_id: int = 7, tick_type: int | None = None) -> Fields:
    """A message as it comes by the thousand."""
    if number == PRICE:
        return price(req_id, 1 if tick_type is None else tick_type)
    if number == TICK_BY_TICK:
        tick_type = 1 if tick_type is None else tick_type
        part = text(4, b"".join(QUOTE)) if tick_type == 3 else text(3, b"".join(TRADE))
        return [whole(1, req_id), whole(2, tick_type), part]
    content = {SIZE: text(3, "100"), GENERIC: double(3, 0.5), STRING: text(3, "1700000000")}
    default = {SIZE: 0, GENERIC: 49, STRING: 45}[number]
    return [
        whole(1, req_id),
        whole(2, default if tick_type is None else tick_type),
        content[number],
    ]


def body_of(number: int, fields: Fields | bytes, version: int = NEWEST) -> bytes:
    return make_body(
        number, b"".join(fields) if isinstance(fields, list) else fields, version, protobuf=True
    )
