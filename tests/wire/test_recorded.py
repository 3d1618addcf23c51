"""Recorded and hand-written messages of others (``../shared/data/wire``), as truth and as trouble.

Rows with ``official_callbacks`` are read by IB's own client. Each must be read by our codec, and
what our codec then writes, in text and in protobuf, must make IB's decoder call the same callbacks.

The text we write back is the recorded text, byte for byte, where the message is *complete*: where
the protobuf form, through which everything goes, can hold all that the text said. By rule, a field
of a row may differ only if

- it is a constant of the protocol (a version, the obsolete share allocation that TWS still fills
  with ``permId/account/100``), or
- both texts are numbers, or empty: ``150.50`` for ``150.5`` (hand-written: TWS does not pad), a
  mask with bits that have no name, a flag that is neither 0 nor 1, a count of -1, an unset spelled
  in another way.

In real recordings only the first of these occurs. Two rows cannot be read at all: a multiplier
that is no number has no place in the protobuf contract.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.support import official
from twsloop.errors import ParseError
from twsloop.wire import text
from twsloop.wire.codec import Decoded, decode, encode
from twsloop.wire.messages import Direction

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "wire"
REAL = ("nautilus_ib", "rust_ibapi_recorded", "rust_ibapi_twslog")
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/data/wire: not here")

OLDEST = 100
USUAL = 176  # most rows that name no version are of this time


@attrs.frozen
class Row:
    """One recorded message."""

    folder: str
    direction: Direction
    version: int
    fields: tuple[str, ...]
    callbacks: tuple[Any, ...] | None

    @property
    def body(self) -> bytes:
        return "".join(field + "\0" for field in self.fields).encode()

    def __str__(self) -> str:
        return f"{self.folder} {self.version} {'|'.join(self.fields)[:120]}"


def rows() -> Iterator[Row]:
    for path in sorted(FOLDER.glob("*/messages.jsonl")):
        for line in path.read_text().splitlines():
            said = json.loads(line)
            calls = said.get("official_callbacks")
            yield Row(
                folder=path.parent.name,
                direction=Direction.INBOUND if said["direction"] == "in" else Direction.OUTBOUND,
                version=said.get("official_sv") or said.get("server_version") or USUAL,
                fields=tuple(said["fields"]),
                callbacks=None if calls is None else tuple(map(tuple, calls["calls"])),
            )


def truths() -> Iterator[tuple[Row, Decoded]]:
    """The rows that IB's client reads, with what we read; without the two we cannot hold."""
    for row in rows():
        if row.callbacks is None or row.version < OLDEST:
            continue
        if "MULT" not in row.fields:
            yield row, decode(row.direction, row.body, row.version)


def test_a_multiplier_that_is_no_number_is_refused() -> None:
    refused = [row for row in rows() if row.callbacks is not None and "MULT" in row.fields]
    assert len(refused) == 2
    for row in refused:
        with pytest.raises(ParseError, match="multiplier"):
            decode(row.direction, row.body, row.version)


def test_every_row_that_ibs_client_reads_is_read() -> None:
    wanted = [row for row in rows() if row.callbacks is not None and row.version >= OLDEST]
    assert len(wanted) > 350
    assert len(list(truths())) == len(wanted) - 2


def test_ibs_decoder_still_calls_what_was_noted() -> None:
    for row, _ in truths():
        noted = [(name, official.simple(args)) for name, args in row.callbacks or ()]
        heard = official.decode(row.body, row.version).calls
        assert [call.name for call in heard] == [name for name, _ in noted], row
        for (_, args), call in zip(noted, heard, strict=True):
            assert says(tuple(args.values()), call.args), (row, args, call.args)


MARKS = {
    "UNSET_INTEGER": "2147483647",
    "UNSET_DOUBLE": "1.7976931348623157e+308",
    "UNSET_LONG": "9223372036854775807",
    "UNSET_DECIMAL": "170141183460469231731687303715884105727",
}


def says(noted: Any, heard: Any) -> bool:
    """The notes leave defaults out; what they say must be so."""
    if isinstance(noted, dict):
        return all(says(value, heard[key]) for key, value in noted.items())
    if isinstance(noted, tuple):
        return len(noted) == len(heard) and all(map(says, noted, heard))
    if isinstance(noted, str) and isinstance(heard, Decimal):
        return Decimal(MARKS.get(noted, noted)) == heard
    return bool(noted == heard or str(noted) == str(heard))


def test_what_is_written_back_makes_ibs_decoder_call_the_same() -> None:
    for row, decoded in truths():
        back = encode(decoded.type, decoded.message, row.version, dates=decoded.dates)
        recorded, written = (
            official.decode(row.body, row.version),
            official.decode(back, row.version),
        )
        assert written.calls == recorded.calls, row


def test_as_protobuf_it_makes_ibs_decoder_call_the_same() -> None:
    for row, decoded in truths():
        recorded = official.decode(row.body, row.version).calls
        written = official.decode(encode(decoded.type, decoded.message, 225), 225).calls
        if decoded.dates is not None:
            assert recorded[-1].name == "historicalDataEnd"
            recorded = recorded[:-1]  # in protobuf the dates are a message of their own
        if row.version < 132 and decoded.type.name == "tickPrice":
            continue  # IB's text decoder does not look at all bits of the mask then
        left = [(call.name, said_only(call.args)) for call in recorded]
        assert left == [(call.name, said_only(call.args)) for call in written], row


UNSAID = {Decimal(mark) for mark in MARKS.values()} | {Decimal(0)}


def said_only(value: Any) -> Any:
    """Leave out what is unset, zero or empty: text cannot tell them apart."""
    if isinstance(value, dict):
        items = {key: said_only(item) for key, item in value.items()}
        return {key: item for key, item in items.items() if item not in (None, (), {})}
    if isinstance(value, tuple):
        if value and all(isinstance(item, dict) and "tag" in item for item in value):
            value = tuple(sorted(value, key=repr))
        return tuple(said_only(item) for item in value)
    if isinstance(value, str | bool):
        try:
            value = Decimal(value)
        except InvalidOperation:
            return value or None
    if isinstance(value, Decimal):
        return None if value in UNSAID else value.normalize()
    return value


def test_real_recordings_are_written_back_byte_for_byte() -> None:
    same, constants = 0, 0
    for row, decoded in truths():
        if row.folder not in REAL:
            continue
        assert decoded.leftover == 0, row
        written = text.write_fields(decoded.type, decoded.message, row.version, decoded.dates)
        pairs = list(zip(row.fields[1:], written, strict=True))
        differing = [(was, now) for was, now in pairs if was != now]
        assert all(isinstance(now, text.Fixed) for _, now in differing), row
        same, constants = same + (not differing), constants + bool(differing)
    assert (same, constants) == (33, 4)  # the four are openOrder, with their share allocation


def test_written_by_hand_they_differ_only_in_spelling() -> None:
    same = 0
    for row, decoded in truths():
        written = text.write_fields(decoded.type, decoded.message, row.version, decoded.dates)
        recorded = row.fields[1 : len(row.fields) - decoded.leftover]
        for was, now in zip(recorded, written, strict=True):
            if was != now and not isinstance(now, text.Fixed):
                assert is_number(was), (row, was, now)
                assert is_number(now), (row, was, now)
        same += tuple(written) == row.fields[1:]
    assert same > 220


def is_number(said: str) -> bool:
    try:
        return said == "" or Decimal(said).is_finite()
    except InvalidOperation:
        return False


def test_recorded_requests_are_read() -> None:
    seen = 0
    for row in rows():
        if row.direction is Direction.OUTBOUND and row.folder in REAL:
            decoded = decode(row.direction, row.body, row.version)
            assert decoded.leftover == 0
            again = encode(decoded.type, decoded.message, row.version)
            assert decode(row.direction, again, row.version).message == decoded.message
            seen += 1
    assert seen == 6


def test_the_recorded_order_says_what_its_client_meant() -> None:
    (order,) = (
        decode(row.direction, row.body, row.version).message
        for row in rows()
        if row.direction is Direction.OUTBOUND and row.fields[0] == "3" and row.folder in REAL
    )
    assert (order.contract.symbol, order.order.action, order.order.totalQuantity) == (
        "AAPL",
        "BUY",
        "100",
    )
    for unset in ("lmtPrice", "auxPrice", "triggerPrice", "cashQty", "duration", "postToAts"):
        assert not order.order.HasField(unset), unset
    assert order.order.transmit


def test_all_others_are_read_or_are_a_parse_error_and_nothing_else() -> None:
    read, refused = 0, 0
    for row in rows():
        if row.callbacks is not None:
            continue
        try:
            decode(row.direction, row.body, row.version)
            read += 1
        except ParseError:
            refused += 1
    assert read > 80
    assert refused > 100
