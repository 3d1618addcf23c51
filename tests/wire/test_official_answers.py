"""IB's own decoder reads the answers: no error, no field left over, the same callbacks."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import official, protos
from twsloop.wire import text
from twsloop.wire.codec import encode
from twsloop.wire.messages import INBOUND, INBOUND_BY_NAME, MessageType, message_class

ROWS = [row for row in INBOUND.values() if row.proto and text.has_layout(row)]
FEW = max(3, settings().max_examples // 20)  # for each of 90 messages, at each of its gates
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)

# Lists of bars may be empty; then nothing is called.
MAY_CALL_NOTHING = {"historicalData"}


@every_row
@settings(max_examples=FEW)
@given(seed=st.integers(2, 2**32 - 1))
@example(seed=0)
@example(seed=1)
def test_ibs_decoder_reads_every_message_at_every_gate(row: MessageType, seed: int) -> None:
    for version in protos.gates(row):
        message = protos.build(row, version, seed)
        heard = official.decode(encode(row, message, version), version)
        names = [call.name for call in heard.calls]
        assert not heard.leftover, version
        assert set(names) <= set(row.callbacks) | {"historicalDataEnd"}, version
        assert names or row.name in MAY_CALL_NOTHING, version
        if row.is_protobuf(version):
            assert heard.twins == row.callbacks[:1]


# Where IB's two decoders make different things of one message, whatever we send.
DECODERS_DIFFER = {
    "verifyCompleted": "text hands over the flag as a text",
    "smartComponents": "text hands over a list, protobuf a dict",
}
PATHS_DIFFER = {
    # of a bond, protobuf keeps the date in the contract as well; text only as maturity
    ("bondContractDetails", "contract", "lastTradeDateOrContractMonth"),
}


@every_row
@settings(max_examples=2 * FEW)
@given(seed=st.integers(1, 2**32 - 1))
def test_text_and_protobuf_give_the_same_callbacks(row: MessageType, seed: int) -> None:
    if row.name in DECODERS_DIFFER:
        return
    message = protos.build(row, 200, seed, full=True)
    dates = ("20261101", "20261120")
    as_text = official.decode(encode(row, message, 200, dates=dates), 200)
    as_protobuf = official.decode(encode(row, message, 225), 225)
    assert [call.name for call in as_text.calls] == [call.name for call in as_protobuf.calls]
    for left, right in zip(as_text.calls, as_protobuf.calls, strict=True):
        assert loosely(left.args, (left.name,)) == loosely(right.args, (right.name,))


def loosely(value: Any, path: tuple[str, ...]) -> Any:
    """Even out what IB's two decoders spell differently: types of numbers, empty things, order."""
    if isinstance(value, dict):
        items = {
            key: loosely(item, (*path, key))
            for key, item in value.items()
            if (path[0], *path[1:], key) not in PATHS_DIFFER
        }
        return {key: item for key, item in items.items() if item not in ((), None)}
    if isinstance(value, tuple):
        items_of = [loosely(item, path) for item in value]
        return tuple(sorted(items_of, key=repr)) if _are_tags(value) else tuple(items_of)
    if isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        try:
            return Decimal(value).normalize()
        except InvalidOperation:
            return value if value not in {"", "None"} else None
    return value.normalize() if isinstance(value, Decimal) else value


def _are_tags(value: tuple[Any, ...]) -> bool:
    """A protobuf map has no order, so neither have the tags of an algo."""
    return bool(value) and all(isinstance(item, dict) and "tag" in item for item in value)


def test_the_judge_notices_a_wrong_field_count() -> None:
    row = INBOUND_BY_NAME["orderStatus"]
    body = encode(row, protos.build(row, 200, 1), 200)
    assert official.decode(body + b"extra\0", 200).leftover == 1


@pytest.mark.parametrize("version", [123, 195, 196, 225])
def test_a_history_ends_once_whatever_the_version(version: int) -> None:
    row, end = INBOUND_BY_NAME["historicalData"], INBOUND_BY_NAME["historicalDataEnd"]
    message = protos.build(row, version, 1)
    bodies = [encode(row, message, version, dates=("20261101", "20261120"))]
    if version >= end.since:
        last = message_class("HistoricalDataEnd")(
            reqId=message.reqId, startDateStr="20261101", endDateStr="20261120"
        )
        bodies.append(encode(end, last, version))
    calls = [call for body in bodies for call in official.decode(body, version).calls]
    assert [call.name for call in calls] == ["historicalData"] * 3 + ["historicalDataEnd"]
    assert calls[-1].args[1:] == ("20261101", "20261120")


def test_foreign_characters_arrive_in_error_texts() -> None:
    row = INBOUND_BY_NAME["errMsg"]
    said = 'Müller & 日本 \U0001f600 "quoted" back\\slash\nnew line'
    message = message_class("ErrorMessage")(id=3, errorCode=201, errorMsg=said)
    for version in protos.gates(row):
        (call,) = official.decode(encode(row, message, version), version).calls
        assert call.args[3] == said, version
