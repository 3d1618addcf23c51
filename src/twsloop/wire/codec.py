"""A message body from its protobuf form at a server version, and back.

Three encodings, decided by the version and, between 201 and 212, by the message:

=============== ====================================== ======================================
server version  text                                   protobuf
=============== ====================================== ======================================
100..200        ``<number>NUL<field>NUL...``           (none)
201..           number as 4 raw bytes, then fields     number + 200 as 4 raw bytes, then the
                                                       serialized message
=============== ====================================== ======================================

Which one a message travels in is its row in `messages`. Reading takes the encoding from the number
itself, as IB's clients do, so a peer that changes a message's gate is still understood.

IB's clients have traps: they read an absent ``TickPrice.attrMask`` as all attributes true and an
absent size as 2**127, die of an empty one in protobuf, drop a ``tickSize`` with an empty one in
text, and pass over an order without an ``orderState``. `encode` therefore fills in what `REQUIRED`
lists, in a copy, where the caller left it unset.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.message import DecodeError, Message

from twsloop.errors import EncodeError, ParseError

from .messages import (
    INBOUND,
    OUTBOUND,
    PROTOBUF_OFFSET,
    RAW_ID_SINCE,
    Direction,
    MessageType,
    message_class,
)
from .text import Dates, has_layout, read_fields, write_fields

__all__ = ["REQUIRED", "Decoded", "decode", "encode"]

_ID_SIZE = 4

REQUIRED: Mapping[str, Mapping[str, int | str | float]] = MappingProxyType(
    {
        "TickPrice": {"size": "0", "attrMask": 0, "price": -1.0},
        "TickSize": {"size": "0"},
        "ErrorMessage": {"id": -1, "errorCode": 0},
        "NextValidId": {"orderId": 0},
        "OpenOrder": {"orderState.status": ""},
        "CompletedOrder": {"orderState.status": ""},
        "MarketDepth": {
            "marketDepthData.position": 0,
            "marketDepthData.operation": 0,
            "marketDepthData.side": 0,
            "marketDepthData.price": 0.0,
            "marketDepthData.size": "0",
        },
        "MarketDepthL2": {
            "marketDepthData.position": 0,
            "marketDepthData.marketMaker": "",
            "marketDepthData.operation": 0,
            "marketDepthData.side": 0,
            "marketDepthData.price": 0.0,
            "marketDepthData.size": "0",
            "marketDepthData.isSmartDepth": False,
        },
    }
)
"""By protobuf class: fields that an answer always carries, with what they mean when unset."""


@attrs.frozen
class Decoded:
    """A message that was read.

    Attributes:
        type: Its row in the message table.
        message: Its protobuf form.
        leftover: How many text fields the layout did not know; 0 for protobuf.
        dates: First and last date of a ``historicalData`` below version 196, else None.
    """

    type: MessageType
    message: Any
    leftover: int = 0
    dates: Dates | None = None


def encode(
    message_type: MessageType,
    message: Message,
    server_version: int,
    *,
    dates: Dates | None = None,
) -> bytes:
    """Write a message's body, without its frame.

    Args:
        message_type: Its row in the message table.
        message: Its protobuf form; never changed.
        server_version: The version of the session.
        dates: First and last date, for ``historicalData`` below version 196.

    Raises:
        EncodeError: The message does not exist at this version, or a value has no text form.
    """
    if server_version < message_type.since:
        raise EncodeError(
            f"{message_type.name} exists from server version {message_type.since} on; "
            f"this session speaks {server_version}"
        )
    if message.DESCRIPTOR.name != message_type.proto:
        raise EncodeError(
            f"{message_type.name} is a {message_type.proto}, not a {message.DESCRIPTOR.name}"
        )
    requirements = _REQUIREMENTS.get(message_type.proto or "")
    if requirements is not None:
        message = _completed(message, requirements)
    if message_type.is_protobuf(server_version):
        number = message_type.number + PROTOBUF_OFFSET
        # Maps have no order of their own: sorted, the same message always gives the same bytes.
        return number.to_bytes(_ID_SIZE, "big") + message.SerializeToString(deterministic=True)
    if not has_layout(message_type):
        raise EncodeError(f"{message_type.name} has no text form that we know")
    return _text_body(message_type, message, server_version, dates)


def decode(direction: Direction, body: bytes, server_version: int) -> Decoded:
    """Read a message's body.

    Raises:
        ParseError: It cannot be read. The error names message, field and value as far as they are
            known; its ``message`` is None when not even the number could be read.
    """
    table = INBOUND if direction is Direction.INBOUND else OUTBOUND
    if server_version >= RAW_ID_SINCE:
        if len(body) < _ID_SIZE:
            raise ParseError("the body is too short for a message number", value=body.hex())
        number = int.from_bytes(body[:_ID_SIZE], "big")
        if number > PROTOBUF_OFFSET:
            return _read_protobuf(table, number - PROTOBUF_OFFSET, body[_ID_SIZE:])
        texts = _split(body[_ID_SIZE:])
    else:
        texts = _split(body)
        if not texts:
            raise ParseError("the body is empty")
        first = texts.pop(0)
        if not first.isdecimal() or len(first) > 9:
            raise ParseError("the message number is not a number", value=first)
        number = int(first)
    message_type = _known(table, number)
    if not has_layout(message_type):
        raise ParseError("its text form is not known", message=message_type.name)
    try:
        message, leftover, dates = read_fields(message_type, texts, server_version)
    except ParseError as error:
        error.message = message_type.name
        raise
    return Decoded(message_type, message, leftover, dates)


def _text_body(
    message_type: MessageType, message: Message, server_version: int, dates: Dates | None
) -> bytes:
    texts = write_fields(message_type, message, server_version, dates)
    if server_version >= RAW_ID_SINCE:
        head = message_type.number.to_bytes(_ID_SIZE, "big")
    else:
        head = b"%d\0" % message_type.number
    if not texts:
        return head
    joined = "\0".join(texts)
    if joined.count("\0") != len(texts) - 1:
        wrong = next(text for text in texts if "\0" in text)
        raise EncodeError(f"{message_type.name}: NUL ends a field, so {wrong!r} cannot be sent")
    return head + joined.encode() + b"\0"


def _split(body: bytes) -> list[str]:
    # IB's decoder reads bytes that are no UTF-8 the same way; NUL is never part of a character.
    texts = body.decode("utf-8", "backslashreplace").split("\0")
    if texts.pop() != "":
        raise ParseError("the last field is not ended by NUL", value=body[-40:].hex())
    return texts


def _known(table: Mapping[int, MessageType], number: int) -> MessageType:
    message_type = table.get(number)
    if message_type is None:
        raise ParseError("there is no such message", field="number", value=str(number))
    return message_type


def _read_protobuf(table: Mapping[int, MessageType], number: int, payload: bytes) -> Decoded:
    message_type = _known(table, number)
    if message_type.proto is None:
        raise ParseError("this message has no protobuf form", message=message_type.name)
    message = message_class(message_type.proto)()
    try:
        message.ParseFromString(payload)
    except DecodeError as error:
        raise ParseError(
            f"the protobuf form cannot be read ({error})",
            message=message_type.name,
            value=payload[:40].hex(),
        ) from error
    return Decoded(message_type, message)


@attrs.frozen
class _Requirement:
    owners: tuple[str, ...]
    name: str
    value: int | str | float

    def owner(self, message: Any) -> Any:
        for name in self.owners:
            message = getattr(message, name)
        return message

    def is_met(self, message: Any) -> bool:
        part = self.owner(message)
        # An empty text in a size is as deadly as none at all.
        return part.HasField(self.name) and not (self.value and getattr(part, self.name) == "")


def _requirement(path: str, value: str | float) -> _Requirement:
    *owners, name = path.split(".")
    return _Requirement(tuple(owners), name, value)


_REQUIREMENTS: Mapping[str, tuple[_Requirement, ...]] = MappingProxyType(
    {
        proto: tuple(_requirement(path, value) for path, value in fields.items())
        for proto, fields in REQUIRED.items()
    }
)


def _completed(message: Message, requirements: tuple[_Requirement, ...]) -> Message:
    """Give a copy in which every requirement is met, or the message itself if it is whole."""
    missing = [requirement for requirement in requirements if not requirement.is_met(message)]
    if not missing:
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    for requirement in missing:
        setattr(requirement.owner(copy), requirement.name, requirement.value)
    return copy
