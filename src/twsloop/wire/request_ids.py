"""The id of a request, read from its bytes without decoding the rest.

What waits to leave has to be found by its id (a cancel takes its request out of the queue), among
thousands. In each protobuf request the id is field 1, and stands first; in each text request it is
the first field after the message's version, where that has one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import attrs

from .layouts_out import LAYOUTS_OUT
from .messages import OUTBOUND_BY_NAME, PROTOBUF_OFFSET, RAW_ID_SINCE

__all__ = ["CANCELS", "request_id"]

#: A cancel that is not named after its request.
_ODD_NAMES = {
    "cancelMktData": "reqMktData",
    "cancelMktDepth": "reqMktDepth",
    "cancelContractData": "reqContractDetails",
    "cancelTickByTickData": "reqTickByTickData",
    "cancelHeadTimeStamp": "reqHeadTimeStamp",
    "unsubscribeFromGroupEvents": "subscribeToGroupEvents",
}
_VERSION_THEN_ID = re.compile(r"\s*(?:=\d+(?:@\.\.(?P<until>\d+))?\s+)?(?:reqId|orderId)\b")
#: The tag of field 1 as a varint.
_FIRST_FIELD = 0x08


@attrs.frozen
class _Place:
    """Where the id of a text request stands: after a version, up to a server version."""

    versioned: bool
    until: int | None = None

    def index(self, server_version: int) -> int:
        """Which field it is, after the message's number."""
        gone = self.until is not None and server_version > self.until
        return 1 if self.versioned and not gone else 0


def _places() -> Mapping[int, _Place]:
    found: dict[int, _Place] = {}
    for name, layout in LAYOUTS_OUT.items():
        match = _VERSION_THEN_ID.match(layout)
        if match is not None and name in OUTBOUND_BY_NAME:
            until = match["until"]
            found[OUTBOUND_BY_NAME[name].number] = _Place(
                layout.lstrip().startswith("="), int(until) if until else None
            )
    # They came after the text protocol, and begin like all others.
    for kind in OUTBOUND_BY_NAME.values():
        if kind.proto is not None and kind.name not in LAYOUTS_OUT:
            found.setdefault(kind.number, _Place(versioned=False))
    return MappingProxyType(found)


def _cancels() -> Mapping[int, int]:
    found: dict[int, int] = {}
    for name, kind in OUTBOUND_BY_NAME.items():
        if not name.startswith(("cancel", "unsubscribe")) or kind.number not in _PLACES:
            continue
        stem = name.removeprefix("cancel")
        names = (_ODD_NAMES.get(name, ""), f"req{stem}", stem[:1].lower() + stem[1:])
        request = next((each for each in names if each in OUTBOUND_BY_NAME), None)
        if request is not None and name != "cancelOrder":
            found[kind.number] = OUTBOUND_BY_NAME[request].number
    return MappingProxyType(found)


_PLACES = _places()
#: The number of each cancel -> the number of the request that it ends; orders are not among them.
CANCELS = _cancels()


def request_id(body: bytes, server_version: int) -> int | None:
    """The id of a request; None where it has none, or none that can be read.

    Args:
        body: The message, its number included, its length not.
        server_version: The session's protocol version.
    """
    if server_version >= RAW_ID_SINCE:
        number, content = int.from_bytes(body[:4], "big"), body[4:]
    else:
        head, _, content = body.partition(b"\0")
        number = int(head) if head.isdigit() else -1
    if number > PROTOBUF_OFFSET:
        return _first_varint(content) if number - PROTOBUF_OFFSET in _PLACES else None
    place = _PLACES.get(number)
    if place is None:
        return None
    index = place.index(server_version)
    fields = content.split(b"\0", index + 1)
    text = fields[index] if len(fields) > index else b""
    return int(text) if text.lstrip(b"-").isdigit() else None


def _first_varint(content: bytes) -> int | None:
    if not content or content[0] != _FIRST_FIELD:
        return None
    value = shift = 0
    for byte in content[1:11]:
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            # A negative number is written as the 64 bits of its complement.
            return value - (1 << 64) if value >> 63 else value
        shift += 7
    return None
