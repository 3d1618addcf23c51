"""The handlers of the rarer hot messages in protobuf call what IB's decoder calls, or nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ibapi.const import NO_VALID_ID, UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from tests.wire.hot import bodies
from tests.wire.hot.oracle import Ear, Told, compare, judge, make_body, through
from twsloop.wire.hot import rarer
from twsloop.wire.hot.calls import HOT
from twsloop.wire.hot.stream import MessageStream
from twsloop.wire.messages import INBOUND, message_class

REST = (12, 13, 21, 50, 90)
NEWEST = 225
every_message = pytest.mark.parametrize("number", REST, ids=lambda n: INBOUND[n].name)
FEW = max(6, settings().max_examples // 2)
#: Between two and some numbers are protobuf already, others are still text.
VERSIONS = st.sampled_from([201, 206, 208, 212, NEWEST])


def alone(number: int, payload: bytes) -> list[Told | bytes]:
    """Hand a payload to its handler, in the midst of other bytes; what came of it."""
    ear = Ear()
    call = rarer.rest_handlers(ear)[number]
    before, after = b"\x08\x01", b"\x10\x02\x19\0\0\0\0\0\0\0\0"
    try:
        declined = call(before + payload + after, len(before), len(before) + len(payload))
    except Exception:
        declined = True
    if declined:
        ear.other(make_body(number, payload, NEWEST, protobuf=True))
    return [entry for entry in ear.log if entry is not None]


def build(number: int, **fields: Any) -> bytes:
    """A message of these fields; a dictionary is the message within."""
    message = message_class(INBOUND[number].proto or "")()
    for name, value in fields.items():
        if isinstance(value, dict):
            part = getattr(message, name)
            part.SetInParent()
            for inner, held in value.items():
                setattr(part, inner, held)
        else:
            setattr(message, name, value)
    payload: bytes = message.SerializeToString()
    return payload


@every_message
@settings(max_examples=FEW)
@given(data=st.data(), version=VERSIONS)
def test_a_whole_message_is_decoded(number: int, data: st.DataObject, version: int) -> None:
    payload = data.draw(bodies.protobuf_payloads(number, whole=True))
    body = make_body(number, payload, version, protobuf=True)
    (heard,) = through(MessageStream, version, [body])
    compare(body, version, heard, decoded=True)


@every_message
@settings(max_examples=4 * FEW)
@given(data=st.data())
@example(data=None)
def test_whatever_is_absent_empty_or_twice(number: int, data: st.DataObject | None) -> None:
    payload = b""
    if data is not None:
        kinds = bodies.protobuf_payloads(number) | bodies.rearranged(number)
        payload = data.draw(kinds | kinds.flatmap(bodies.damaged) | st.binary(max_size=40))
    compare(make_body(number, payload, NEWEST, protobuf=True), NEWEST, alone(number, payload))


@settings(max_examples=2 * FEW)
@given(data=st.data(), version=VERSIONS, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_of_damaged_messages(data: st.DataObject, version: int, cuts: list[int]) -> None:
    """All of the hot messages, those of text among them."""
    mixed = []
    for number in data.draw(st.lists(st.sampled_from(list(HOT)), min_size=1, max_size=5)):
        protobuf = data.draw(st.booleans())
        kinds = bodies.protobuf_payloads(number) if protobuf else bodies.odd_texts(number)
        payload = data.draw(kinds.flatmap(bodies.damaged))
        mixed.append(make_body(number, payload, version, protobuf=protobuf))
    for body, heard in zip(mixed, through(MessageStream, version, mixed, cuts), strict=True):
        compare(body, version, heard)


@every_message
@settings(max_examples=2 * FEW)
@given(data=st.data(), cuts=st.lists(st.integers(0, 2000), max_size=4))
def test_what_is_known_does_not_change_what_comes_after(
    number: int, data: st.DataObject, cuts: list[int]
) -> None:
    """Beginnings are remembered: the same one again, with another end."""
    whole = data.draw(bodies.protobuf_payloads(number, whole=True))
    again = data.draw(st.lists(st.just(whole) | bodies.damaged(whole), min_size=1, max_size=5))
    told = [make_body(number, payload, NEWEST, protobuf=True) for payload in (whole, *again)]
    for body, heard in zip(told, through(MessageStream, NEWEST, told, cuts), strict=True):
        compare(body, NEWEST, heard, decoded=body == told[0])


# ---- by hand


def told(number: int, payload: bytes) -> list[tuple[Any, ...]]:
    """The arguments of each call."""
    calls: list[tuple[Any, ...]] = []
    ear = Ear()
    for name in HOT[number]:
        for side in (ear.low, ear.high):
            setattr(side, name, lambda *args: calls.append(args))
    rarer.rest_handlers(ear)[number](payload, 0, len(payload))
    return calls


def test_what_is_absent_is_told_as_ibs_decoder_tells_it() -> None:
    unset = UNSET_INTEGER
    assert told(21, b"") == [(NO_VALID_ID, unset, unset, *[None] * 8)]
    assert told(12, build(12, marketDepthData={})) == [
        (NO_VALID_ID, unset, unset, unset, UNSET_DOUBLE, UNSET_DECIMAL)
    ]
    assert told(13, build(13, marketDepthData={})) == [
        (NO_VALID_ID, 0, "", unset, unset, UNSET_DOUBLE, UNSET_DECIMAL, False)
    ]
    assert told(50, b"") == [(NO_VALID_ID, 0, *[0.0] * 4, UNSET_DECIMAL, UNSET_DECIMAL, 0)]
    ((req_id, bar),) = told(90, build(90, historicalDataBar={}))
    assert (req_id, bar.date, bar.barCount) == (NO_VALID_ID, "", 0)
    assert (bar.volume, bar.wap) == (UNSET_DECIMAL, UNSET_DECIMAL)


@pytest.mark.parametrize(("number", "name"), [(12, "depth"), (13, "deep book"), (90, "bar")])
def test_a_message_without_its_content_calls_nothing(number: int, name: str) -> None:
    assert told(number, build(number, reqId=7)) == [], name


def test_a_zero_that_is_there_is_zero() -> None:
    line = {"position": 0, "operation": 0, "side": 0, "price": 0.0, "size": "0"}
    assert told(12, build(12, reqId=0, marketDepthData=line)) == [(0, 0, 0, 0, 0.0, Decimal(0))]
    zero = dict.fromkeys(("delta", "optPrice", "pvDividend", "gamma", "vega", "theta"), 0.0)
    payload = build(21, reqId=0, tickType=0, tickAttrib=0, impliedVol=0.0, undPrice=0.0, **zero)
    assert told(21, payload) == [(0, 0, 0, *[0.0] * 8)]


LINE = {"position": 1, "operation": 1, "side": 1, "price": 2.5, "size": "10", "marketMaker": "X"}
BAR = {"date": "20260102", "open": 1.0, "high": 2.0, "low": 0.5, "close": 1.5, "volume": "9"}
ALONE = {
    12: build(12, reqId=7, marketDepthData=LINE),
    13: build(13, reqId=7, marketDepthData={**LINE, "isSmartDepth": True}),
    21: build(21, reqId=7, tickType=13, tickAttrib=1, impliedVol=0.2, delta=0.5),
    50: build(50, reqId=7, time=1700000000, open=1.0, volume="9", WAP="1.5", count=3),
    90: build(90, reqId=7, historicalDataBar=BAR),
}


@pytest.mark.parametrize("name", ["1", "1" * 110, "1" * 130])
@pytest.mark.parametrize("size", ["", "5", "5" * 60])
def test_a_line_of_any_length_is_decoded(name: str, size: str) -> None:
    line: dict[str, Any] = {"position": 1, "operation": 0, "side": 1, "price": 2.5}
    line |= {"marketMaker": name} | ({"size": size} if size else {})
    for number in (12, 13):
        body = make_body(number, build(number, reqId=1, marketDepthData=line), 225, protobuf=True)
        for heard in through(MessageStream, NEWEST, [body, body]):
            compare(body, NEWEST, heard, decoded=True)


@every_message
def test_a_callback_that_raises_is_named_and_the_message_is_not_handed_on(number: int) -> None:
    (name,) = HOT[number]
    error = RuntimeError(name)
    ear = Ear(raising={name: error})
    stream = MessageStream(NEWEST, ear, ear.other)
    body = make_body(number, ALONE[number], NEWEST, protobuf=True)
    assert stream.feed(len(body).to_bytes(4, "big") + body) == 1
    assert tuple(ear.messages()[0]) == judge(body, NEWEST).calls
    assert ear.failures == [(name, error)]


@every_message
def test_the_sides_are_told_apart_by_the_id(number: int) -> None:
    for req_id in (2**30 - 1, 2**30, -1):
        message = message_class(INBOUND[number].proto or "").FromString(ALONE[number])
        message.reqId = req_id
        heard = alone(number, message.SerializeToString())
        # The ear says so where it is the wrong side.
        assert [entry.name for entry in heard if isinstance(entry, Told)] == [*HOT[number]]


def test_each_bar_is_an_object_of_its_own() -> None:
    ear = Ear()
    kept: list[Any] = []
    for side in (ear.low, ear.high):
        side.historicalDataUpdate = lambda _req_id, bar: kept.append(bar)
    for _ in range(2):
        rarer.rest_handlers(ear)[90](ALONE[90], 0, len(ALONE[90]))
    assert kept[0] is not kept[1]
    assert kept[0].date == kept[1].date == "20260102"
