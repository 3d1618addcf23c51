"""The text handlers call what IB's decoder calls, or nothing."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL

from tests.wire.hot import bodies
from tests.wire.hot.oracle import Ear, Told, compare, judge, make_body, through
from twsloop.wire.hot import text, text_values
from twsloop.wire.hot.caches import LONGEST, MOST
from twsloop.wire.hot.calls import HOT, Calls
from twsloop.wire.hot.stream import MessageStream
from twsloop.wire.messages import INBOUND

every_message = pytest.mark.parametrize("number", HOT, ids=lambda n: INBOUND[n].name)
FEW = max(6, settings().max_examples // 2)
versions = st.sampled_from(bodies.TEXT_VERSIONS)


def alone(number: int, payload: bytes, version: int) -> list[Told | bytes]:
    """Hand a payload to its handler, in the midst of other bytes; what came of it."""
    ear = Ear()
    return by(text.handlers(version, ear)[number], ear, number, payload, version)


def by(handler: Any, ear: Ear, number: int, payload: bytes, version: int) -> list[Told | bytes]:
    """What came of a payload by this handler."""
    before, after = b"9\x009\0", b"7\0\x000\x001\0"
    ear.log.clear()
    try:
        declined = handler(before + payload + after, len(before), len(before) + len(payload))
    except Exception:
        declined = True
    if declined:
        ear.other(make_body(number, payload, version, protobuf=False))
    return [entry for entry in ear.log if entry is not None]


@every_message
@settings(max_examples=FEW)
@given(seed=st.integers(2, 2**32 - 1), version=versions)
@example(seed=0, version=200)
@example(seed=1, version=200)
def test_what_a_gateway_writes_is_decoded(number: int, seed: int, version: int) -> None:
    row = INBOUND[number]
    version = max(version, row.since)
    body = bodies.valid_texts(number, version, seed)
    # An escape is read by IB's decoder, and nothing is no tick type.
    plain = b"\\" not in body and b"\x00111\0" not in body
    (heard,) = through(MessageStream, version, [body])
    compare(body, version, heard, decoded=plain)


@every_message
@settings(max_examples=4 * FEW)
@given(data=st.data(), version=versions)
def test_whatever_stands_in_a_field(number: int, data: st.DataObject, version: int) -> None:
    payload = data.draw(bodies.odd_texts(number))
    body = make_body(number, payload, version, protobuf=False)
    compare(body, version, alone(number, payload, version))


@settings(max_examples=2 * FEW)
@given(data=st.data(), version=versions, cuts=st.lists(st.integers(0, 2000), max_size=6))
def test_a_stream_of_damaged_messages(data: st.DataObject, version: int, cuts: list[int]) -> None:
    numbers = data.draw(st.lists(st.sampled_from(list(HOT)), min_size=1, max_size=5))
    texts = []
    for number in numbers:
        payload = data.draw(bodies.odd_texts(number).flatmap(bodies.damaged))
        texts.append(make_body(number, payload, version, protobuf=False))
    for body, heard in zip(texts, through(MessageStream, version, texts, cuts), strict=True):
        compare(body, version, heard)


@settings(max_examples=FEW)
@given(version=versions, data=st.data())
def test_what_is_known_does_not_change_what_comes_after(version: int, data: st.DataObject) -> None:
    ear = Ear()
    handlers = text.handlers(version, ear)
    number = data.draw(st.sampled_from([1, 2, 45, 46, 99]))
    for payload in data.draw(st.lists(bodies.odd_texts(number), min_size=2, max_size=6)):
        body = make_body(number, payload, version, protobuf=False)
        heard = by(handlers[number], ear, number, payload, version)
        compare(body, version, heard)


# ---- by hand


def told(number: int, payload: bytes, version: int = 200) -> list[tuple[str, tuple[Any, ...]]]:
    """The calls with plain arguments."""
    calls: list[tuple[str, tuple[Any, ...]]] = []
    ear = Ear()
    for name in HOT[number]:
        for side in (ear.low, ear.high):
            setattr(side, name, lambda *args, name=name: calls.append((name, args)))
    assert not text.handlers(version, ear)[number](payload, 0, len(payload))
    return calls


def test_a_price_and_its_size() -> None:
    (price, size) = told(1, b"6\x007\x001\x00189.5\x00100\x006\0")
    name, (req_id, tick_type, value, attrib) = price
    assert (name, req_id, tick_type, value) == ("tickPrice", 7, 1, 189.5)
    assert (attrib.canAutoExecute, attrib.pastLimit, attrib.preOpen) == (False, True, True)
    assert size == ("tickSize", (7, 0, Decimal(100)))


@pytest.mark.parametrize(
    ("version", "mask", "wanted"),
    [
        (108, b"1", (True, False, False)),
        (108, b"3", (False, False, False)),
        (109, b"7", (True, True, False)),
        (131, b"7", (True, True, False)),
        (132, b"7", (True, True, True)),
        (200, b"", (False, False, False)),
    ],
)
def test_a_mask_is_read_as_its_version_says(
    version: int, mask: bytes, wanted: tuple[bool, bool, bool]
) -> None:
    price, _ = told(1, b"6\x007\x001\x00189.5\x00100\0" + mask + b"\0", version)
    attrib = price[1][3]
    assert (attrib.canAutoExecute, attrib.pastLimit, attrib.preOpen) == wanted


def test_no_size_is_unset() -> None:
    for letters in (b"", b"2147483647", b"1.7976931348623157E308"):
        assert told(2, b"6\x007\x000\0" + letters + b"\0") == [("tickSize", (7, 0, UNSET_DECIMAL))]


def test_an_option_that_is_not_computed_has_none() -> None:
    ((_, args),) = told(21, b"7\x0013\x000\x00-1\x00-2\x00-1\x00-1\x00-2\x00-2\x00-2\x00-1\0")
    assert args == (7, 13, 0, *[None] * 8)
    ((_, args),) = told(21, b"6\x007\x0013\x00.2\x00.5\x009\x000\x00.1\x00.3\x00.4\x005\0", 155)
    assert args == (7, 13, None, 0.2, 0.5, 9.0, 0.0, 0.1, 0.3, 0.4, 5.0)


ALONE = {
    1: b"6\x007\x001\x00189.5\x00100\x007\0",
    2: b"6\x007\x000\x00100\0",
    12: b"1\x007\x000\x001\x000\x00189.5\x00100\0",
    13: b"1\x007\x000\x00ARCA\x001\x000\x00189.5\x00100\x001\0",
    21: b"7\x0013\x000\x000.2\x000.5\x009\x000\x00.1\x00.3\x00.4\x005\0",
    45: b"6\x007\x0049\x000\0",
    46: b"6\x007\x0045\x001700000000\0",
    50: b"3\x007\x001700000000\x001\x002\x000.5\x001.5\x00100\x001.25\x0010\0",
    90: b"7\x0010\x0020260102 10:00:00\x001\x001.5\x002\x000.5\x001.25\x00100\0",
    99: b"7\x001\x001700000000\x00189.5\x00100\x003\x00ARCA\x00T\0",
}
QUOTE = b"7\x003\x001700000000\x00189.5\x00189.6\x00100\x00200\x003\0"
MIDPOINT = b"7\x004\x001700000000\x00189.5\0"


@pytest.mark.parametrize(
    ("number", "payload"), [*ALONE.items(), (99, QUOTE), (99, MIDPOINT)], ids=str
)
def test_each_field_in_turn_is_odd(number: int, payload: bytes) -> None:
    fields = payload.split(b"\0")[:-1]
    for version, index, odd in itertools.product((155, 200), range(len(fields)), bodies.ODD):
        changed = b"\0".join([*fields[:index], odd, *fields[index + 1 :], b""])
        body = make_body(number, changed, version, protobuf=False)
        compare(body, version, alone(number, changed, version))


@pytest.mark.parametrize(
    ("number", "payload"), [*ALONE.items(), (99, QUOTE), (99, MIDPOINT)], ids=str
)
def test_a_callback_that_raises_loses_no_other(number: int, payload: bytes) -> None:
    body = make_body(number, payload, 200, protobuf=False)
    verdict = judge(body, 200)
    raised = {name: RuntimeError(name) for name in HOT[number]}
    ear = Ear(raising=dict(raised))
    stream = MessageStream(200, ear, ear.other)
    stream.feed(len(body).to_bytes(4, "big") + body)
    assert tuple(ear.messages()[0]) == verdict.calls
    assert ear.failures == [(call.name, raised[call.name]) for call in verdict.calls]
    assert len(verdict.calls) == (2 if number == 1 else 1)


@pytest.mark.parametrize("number", [1, 90, 99])
@pytest.mark.parametrize("payload", [None, QUOTE], ids=["", "quote"])
def test_each_call_has_an_object_of_its_own(number: int, payload: bytes | None) -> None:
    fields = payload if payload and number == 99 else ALONE[number]
    kept: list[Any] = []
    ear = Ear()

    def keep(*args: Any) -> None:
        (mine,) = [value for value in args if hasattr(value, "__dict__")]
        kept.append(mine)
        vars(mine).clear()  # what one program does to it is no other call's business

    for name in HOT[number]:
        if name != "tickSize":
            setattr(ear.low, name, keep)
    handler = text.handlers(200, ear)[number]
    for _ in range(2):
        assert not handler(fields, 0, len(fields))
    assert kept[0] is not kept[1]


def test_the_sides_are_told_apart_by_the_id() -> None:
    for req_id in (2**30 - 1, 2**30, -1):
        for number, payload in [*ALONE.items(), (99, QUOTE), (99, MIDPOINT)]:
            ear = Ear()
            fields = payload.replace(b"7\0", b"%d\0" % req_id, 1)
            assert not text.handlers(200, ear)[number](fields, 0, len(fields))
            # The ear says so where it is the wrong side.
            told = {entry.name for entry in ear.log if isinstance(entry, Told)}
            assert told, number
            assert told <= set(HOT[number])


def test_a_function_that_was_replaced_is_called() -> None:
    ear = Ear()
    handlers = text.handlers(200, ear)
    heard: list[str] = []
    for number, payload in ALONE.items():
        handlers[number](payload, 0, len(payload))
        for name in HOT[number]:
            setattr(ear.low, name, lambda *_, name=name: heard.append(name))
        heard.clear()
        handlers[number](payload, 0, len(payload))
        assert set(heard) <= set(HOT[number])
        assert heard


def test_what_is_remembered_is_bounded() -> None:
    sink = Ear()
    sink.low = sink.high = Calls()
    sizes = text_values.Sizes()
    for number in range(MOST + 10):
        assert sizes[b"%d" % number] == number
    assert len(sizes) <= MOST
    assert sizes[b"1" * (LONGEST + 1)] == int("1" * (LONGEST + 1))
    assert b"1" * (LONGEST + 1) not in sizes
    head = b"0" * LONGEST + b"6\x007\x001"
    with pytest.raises(ValueError, match="6"):
        text_values.Heads(sink, exact=False)[head]
