"""Messages for the hot path: whole ones, odd ones and broken ones, in both protocols."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from hypothesis import strategies as st

from tests.support import protos
from twsloop.wire.codec import encode
from twsloop.wire.hot.calls import HOT
from twsloop.wire.messages import INBOUND, message_class

__all__ = [
    "ODD",
    "TEXT_VERSIONS",
    "damaged",
    "each_byte",
    "odd_texts",
    "protobuf_payloads",
    "rearranged",
    "valid_texts",
]

#: The versions at which the text of a hot message changes; from 201 on ids are raw.
TEXT_VERSIONS = (100, 108, 109, 131, 132, 145, 146, 152, 153, 155, 156, 162, 163, 200, 201, 205)

#: What stands where a whole number, a price, a size or a text belongs; the first few are usual.
_WHOLE = [b"0", b"1", b"2", b"3", b"4", b"6", b"7", b"1073741824", b"13", b"83", b"66", b"111"]
_ODD_WHOLE = [b"", b"-1", b" 7", b"+5", b"1_0", b"007", b"2147483647", b"x", b"1.5", b"9" * 70]
_ODD_WHOLE += ["\uff19".encode(), b"\xff", b"\\x31", b"- 1", b"--1", b"1073741823"]
_PRICES = [b"189.5", b"0", b"-1", b"-2", b"1e300", b"0.00005", b"-0.0", b"101", b"-2.0"]
_ODD_PRICES = [b"", b"Infinity", b"-Infinity", b"nan", b"1e999", b"1_0.5", b" 2", b"x", b"\xff"]
_ODD_PRICES += [b"1.7976931348623157E308", b"inf", b"\\x31", "\u0661".encode(), b"1" * 90]
_SIZES = [b"0", b"100", b"0.5", b"1000000000000", b"-5", b"100.0"]
_ODD_SIZES = [b"", b"2147483647", b"9223372036854775807", b"-9223372036854775808", b"NaN", b"x"]
_ODD_SIZES += [b"1.7976931348623157E308", b"1E+3", b" 4", b"\xff", "\uff19".encode(), b"7" * 90]
_TEXTS = [b"NASDAQ", b"", b"1700000000", b"a=b;c", "\u00e9".encode(), b"20260102 10:00:00"]
_ODD_TEXTS = [b"\\u0041", b"\\", b"\xff\xfe", b"\xe9", b"t" * 90, b"\\N{DASH}", b"\\x4"]
#: What may stand where something else belongs.
ODD = (b"", b"x", b"-1", b"-2", b"1.5", b"2147483647", b"\\x31", b"\xe9", b" 1", b"5")


def _field(usual: list[bytes], odd: list[bytes]) -> st.SearchStrategy[bytes]:
    return st.sampled_from(usual * 3 + odd)


_KINDS = {
    "i": _field(_WHOLE, _ODD_WHOLE),
    "p": _field(_PRICES, _ODD_PRICES),
    "s": _field(_SIZES, _ODD_SIZES),
    "t": _field(_TEXTS, _ODD_TEXTS),
    "v": st.sampled_from([b"6", b"6", b"6", b"1", b"5", b"", b"x", b"06"]),
    "m": _field([b"0", b"1", b"2", b"4", b"7"], [b"", b"8", b"-1", b"x", b"2147483647"]),
}
#: What the fields of each message are, with the fields that some versions have.
_FIELDS = {
    1: "viipsm",
    2: "viis",
    12: "viiiips",
    13: "viitiipsm",
    21: "viippppppppp",
    45: "viip",
    46: "viit",
    50: "viippppssi",
    90: "iitppppss",
    99: "iiipsmtt",
}


def valid_texts(number: int, version: int, seed: int) -> bytes:
    """The body of a message as a gateway of this version writes it."""
    row = INBOUND[number]
    return encode(row, protos.build(row, version, seed), version)


@st.composite
def odd_texts(draw: st.DrawFn, number: int) -> bytes:
    """The fields of a message of any version, odd ones among them, too few or too many."""
    kinds = _FIELDS[number]
    if number == 99:
        kinds = draw(st.sampled_from(["iiipsmtt", "iiippssm", "iiip", "iii", "iiipsmtti"]))
    elif number == 21:
        kinds = draw(st.sampled_from(["viipppppppp", "viippppp", "viipp", "iiipppppppp"]))
    elif draw(st.integers(0, 5)) == 0:
        kinds = draw(st.sampled_from([kinds[:-1], kinds + "i", kinds[1:], ""]))
    elif number == 13 and draw(st.booleans()):
        kinds = kinds[:-1]
    fields = [draw(_KINDS[kind]) for kind in kinds]
    end = draw(st.sampled_from([b"\0", b"\0", b"\0", b"", b"\0rest"]))
    return b"\0".join(fields) + end


@st.composite
def damaged(draw: st.DrawFn, payload: bytes) -> bytes:
    """Bytes of which some were lost, changed or put in."""
    data = bytearray(payload)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["cut", "drop", "put", "set", "join"]))
        if how == "cut":
            del data[place:]
        elif how == "drop":
            del data[place : place + draw(st.integers(1, 4))]
        elif how == "put":
            data[place:place] = draw(st.binary(min_size=1, max_size=4))
        elif how == "join":
            data += payload[place:]
        elif place < len(data):
            data[place] = draw(st.integers(0, 255))
    return bytes(data)


def each_byte(payload: bytes, instead: bytes) -> Iterator[bytes]:
    """A message with each of its bytes changed in turn, or lost, or with an end there.

    Args:
        payload: The message.
        instead: What a byte is changed to, besides its neighbours.
    """
    for index, byte in enumerate(payload):
        before, after = payload[:index], payload[index + 1 :]
        for other in sorted({*instead, (byte + 1) % 256, (byte - 1) % 256} - {byte}):
            yield before + bytes([other]) + after
        yield before + after
        yield before


_OF_TYPE: dict[int, st.SearchStrategy[Any]] = {
    FieldDescriptor.TYPE_INT32: st.sampled_from([0, 1, 2, 3, 4, 13, 66, 111, 2**30, 2**31 - 1, -1]),
    FieldDescriptor.TYPE_INT64: st.sampled_from([0, 1, 1700000000, 2**40, -1]),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_DOUBLE: st.sampled_from(
        [0.0, -0.0, -1.0, -2.0, 189.5, 1e300, math.inf, math.nan, 5e-324]
    ),
    FieldDescriptor.TYPE_STRING: st.sampled_from(
        ["100", "0.5", "0", "NASDAQ", "", "\u00e9", "1000000", "7" * 90]
    ),
}
_DECIMALS = {"size", "volume", "WAP", "sizeBid", "sizeAsk"}
_DECIMAL = st.sampled_from(["100", "0.5", "0", "-5", "1000000000", "7" * 90, "2147483647"])
_BROKEN_DECIMAL = st.sampled_from(["", "x", "\u0661"])


def protobuf_payloads(number: int, *, whole: bool = False) -> st.SearchStrategy[bytes]:
    """The protobuf form of a message, its fields there or absent.

    Args:
        number: Its number, without the protobuf offset.
        whole: Each field is there, and has a value that can be read.
    """
    return _message(message_class(INBOUND[number].proto or "").DESCRIPTOR, whole).map(
        lambda message: bytes(message.SerializeToString())
    )


@st.composite
def _message(draw: st.DrawFn, descriptor: Descriptor, whole: bool) -> Any:
    message = message_class(descriptor.name)()
    for field in descriptor.fields:
        if not whole and draw(st.integers(0, 5)) == 0:
            continue
        if field.message_type is not None:
            getattr(message, field.name).CopyFrom(draw(_message(field.message_type, whole)))
        elif field.name in _DECIMALS:
            broken = not whole and draw(st.integers(0, 15)) == 0
            setattr(message, field.name, draw(_BROKEN_DECIMAL if broken else _DECIMAL))
        else:
            setattr(message, field.name, draw(_OF_TYPE[field.type]))
    return message


@st.composite
def rearranged(draw: st.DrawFn, number: int) -> bytes:
    """Fields in any order, some twice, with unknown ones among them."""
    parts: list[bytes] = []
    for _ in range(2):
        message = draw(_message(message_class(INBOUND[number].proto or "").DESCRIPTOR, False))
        for field, value in message.ListFields():
            alone = type(message)()
            if field.message_type is None:
                setattr(alone, field.name, value)
            else:
                getattr(alone, field.name).CopyFrom(value)
            parts.append(alone.SerializeToString())
    parts += [b"\xa2\x06\x01x", b"\x98\x06\x07", b"\x0d\0\0\0\0", b"\x08\x81\x80\x00"]
    chosen: Sequence[int] = draw(st.lists(st.integers(0, len(parts) - 1), max_size=8))
    return b"".join(parts[index] for index in chosen)


assert set(_FIELDS) == set(HOT)
