"""Every message, both ways, at every gate: what is written is what is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import protos
from twsloop.errors import ParseError
from twsloop.wire import text
from twsloop.wire.codec import decode, encode
from twsloop.wire.layouts_in import LAYOUTS_IN
from twsloop.wire.layouts_out import LAYOUTS_OUT
from twsloop.wire.messages import (
    INBOUND,
    INBOUND_BY_NAME,
    OUTBOUND,
    OUTBOUND_BY_NAME,
    Direction,
    MessageType,
)

ROWS = [
    row
    for table in (INBOUND, OUTBOUND)
    for row in table.values()
    if row.proto and text.has_layout(row)
]
FEW = max(3, settings().max_examples // 20)  # for each of 180 messages, at each of its gates
every_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)


def test_every_message_with_a_text_form_and_a_protobuf_form_has_a_layout() -> None:
    assert {row.name for row in INBOUND.values() if row.text and row.proto} == set(LAYOUTS_IN)
    assert {row.name for row in OUTBOUND.values() if row.text and row.proto} == set(LAYOUTS_OUT)


@every_row
def test_every_path_of_every_layout_exists_at_every_version(row: MessageType) -> None:
    for version in protos.gates(row):
        compiled = text._compiled(row, version)
        assert len(compiled.writers) == len(compiled.readers)


@every_row
@settings(max_examples=FEW)
@given(seed=st.integers(2, 2**32 - 1))
@example(seed=0)
@example(seed=1)
def test_what_is_written_is_what_is_read_at_every_gate(row: MessageType, seed: int) -> None:
    for version in protos.gates(row):
        message = protos.build(row, version, seed)
        body = encode(row, message, version)
        decoded = decode(row.direction, body, version)
        assert decoded.type is row
        assert decoded.leftover == 0, version
        assert decoded.message == message, version
        assert encode(row, decoded.message, version) == body


@every_row
@settings(max_examples=FEW)
@given(
    seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 10), version=st.sampled_from((151, 178, 200))
)
def test_a_message_cut_short_is_an_error_that_names_it(
    row: MessageType, seed: int, cut: int, version: int
) -> None:
    version = max(version, row.since)
    body = encode(row, protos.build(row, version, seed), version)
    fields = body.split(b"\0")[:-1]
    if len(fields) - cut < 1:
        return
    short = b"".join(field + b"\0" for field in fields[:-cut])
    with pytest.raises(ParseError) as caught:
        decode(row.direction, short, version)
    assert caught.value.message == row.name
    assert caught.value.field


@every_row
@settings(max_examples=4 * FEW)
@given(
    fields=st.lists(
        st.sampled_from(
            ["", "0", "1", "-1", "3", "x", "1.5", "NaN", "1e999", "Infinity", "a", "BAG"]
        )
        | st.text(max_size=5),
        max_size=40,
    ),
    version=st.sampled_from((100, 151, 163, 178, 200, 203, 212)),
)
def test_garbage_is_read_or_is_a_parse_error(
    row: MessageType, fields: list[str], version: int
) -> None:
    text_body = "\0".join([*fields, ""]).encode("utf-8", "surrogatepass") if fields else b""
    head = row.number.to_bytes(4, "big") if version > 200 else b"%d\0" % row.number
    try:
        named = decode(row.direction, head + text_body, version).type.name
    except ParseError as error:
        named = error.message or ""
    assert named == row.name


@given(body=st.binary(max_size=60), version=st.sampled_from((100, 178, 200, 203, 225)))
def test_any_bytes_are_read_or_are_a_parse_error(body: bytes, version: int) -> None:
    for direction in Direction:
        try:
            decoded = decode(direction, body, version)
        except ParseError:
            continue
        assert decoded.type.direction is direction


def test_sizes_are_integers_for_clients_that_read_them_with_int() -> None:
    row = INBOUND_BY_NAME["tickPrice"]
    tick = protos.build(row, 178, 1)
    for size, old in [("100.0", "100"), ("0.7", "0"), ("1E+2", "100"), ("-2.5", "-2"), ("7", "7")]:
        tick.size = size
        assert text.write_fields(row, tick, 162)[4] == old
        assert text.write_fields(row, tick, 163)[4] == size
    position = protos.build(INBOUND_BY_NAME["position"], 157, 1)
    for size, old in [("100.0", "100"), ("0.5", "0.5"), ("1E+2", "100")]:
        position.position = size
        assert text.write_fields(INBOUND_BY_NAME["position"], position, 162)[-2] == old


@pytest.mark.parametrize("spelling", ["", "2147483647", "1.7976931348623157e+308"])
def test_every_spelling_of_unset_leaves_a_number_unset(spelling: str) -> None:
    row = OUTBOUND_BY_NAME["placeOrder"]
    fields = text.write_fields(row, protos.build(row, 200, 0), 200)
    at = text.write_fields(row, _with_duration(row), 200).index("77777")
    fields[at] = spelling
    message, leftover, _ = text.read_fields(row, fields, 200)
    assert not message.order.HasField("duration")
    assert leftover == 0


def _with_duration(row: MessageType) -> Any:
    message = protos.build(row, 200, 0)
    message.order.duration = 77777
    return message


def test_a_perm_id_may_be_the_number_that_means_unset_elsewhere() -> None:
    row = INBOUND_BY_NAME["orderBound"]
    message, _, _ = text.read_fields(row, ["2147483647", "1", "2"], 200)
    assert message.permId == 2147483647
    message, _, _ = text.read_fields(row, ["9223372036854775807", "1", "2"], 200)
    assert not message.HasField("permId")


@pytest.mark.parametrize("word", ["Infinity", "Infinite"])
def test_both_words_for_infinity_are_read(word: str) -> None:
    row = OUTBOUND_BY_NAME["placeOrder"]
    message = protos.build(row, 178, 0)
    message.order.orderType = "PEG BEST"
    message.order.competeAgainstBestOffset = float("inf")
    message.order.midOffsetAtWhole = 0.25
    fields = text.write_fields(row, message, 178)
    fields[fields.index("Infinity")] = word
    read, leftover, _ = text.read_fields(row, fields, 178)
    assert read.order.competeAgainstBestOffset == float("inf")
    assert read.order.midOffsetAtWhole == 0.25
    assert leftover == 0


def test_the_masks_of_tick_by_tick_and_of_historical_ticks_are_reversed() -> None:
    live, _, _ = text.read_fields(
        INBOUND_BY_NAME["tickByTick"], ["1", "3", "0", "1", "2", "3", "4", "1"], 178
    )
    past, _, _ = text.read_fields(
        INBOUND_BY_NAME["historicalTicksBidAsk"], ["1", "1", "0", "1", "1", "2", "3", "4", "1"], 178
    )
    assert live.historicalTickBidAsk.tickAttribBidAsk.bidPastLow
    assert not live.historicalTickBidAsk.tickAttribBidAsk.askPastHigh
    assert past.historicalTicksBidAsk[0].tickAttribBidAsk.askPastHigh
    assert not past.historicalTicksBidAsk[0].tickAttribBidAsk.bidPastLow


def test_more_prices_than_legs_is_an_error() -> None:
    row = OUTBOUND_BY_NAME["placeOrder"]
    message = protos.build(row, 178, 0)
    message.contract.secType = "BAG"
    leg = message.contract.comboLegs.add(conId=987654)
    leg.perLegPrice = 1.5
    fields = text.write_fields(row, message, 178)
    at = fields.index("987654")
    assert fields[at + 8 : at + 10] == ["1", "1.5"]
    fields[at + 8] = "2"
    with pytest.raises(ParseError, match="1 legs cannot have 2 prices"):
        text.read_fields(row, fields, 178)
