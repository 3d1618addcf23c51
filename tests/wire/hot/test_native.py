"""The compiled stream calls what IB's decoder calls, and what the stream in Python calls."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.hot import bodies
from tests.wire.hot.oracle import Ear, Told, compare, judge, make_body, through
from twsloop.errors import FramingError
from twsloop.wire.framing import frame
from twsloop.wire.hot.calls import HOT, Route
from twsloop.wire.hot.stream import MessageStream as InPython
from twsloop.wire.messages import INBOUND

_native = pytest.importorskip("twsloop.wire._native", reason="it was installed without a compiler")
Compiled: Any = _native.MessageStream

NEWEST = 225
every_message = pytest.mark.parametrize("number", HOT, ids=lambda n: INBOUND[n].name)
FEW = max(6, settings().max_examples // 2)
CUTS = st.lists(st.integers(0, 2000), max_size=6)
PROTOBUF_VERSIONS = st.sampled_from([201, 206, 208, 212, NEWEST])
TEXT_VERSIONS = st.sampled_from(bodies.TEXT_VERSIONS)


def body_of(number: int, payload: bytes, version: int, *, protobuf: bool) -> bytes:
    return make_body(number, payload, version, protobuf=protobuf)


def told_at_once(body: bytes, version: int, heard: list[Told | bytes]) -> None:
    """What IB's decoder tells of this body was told, and it did not decline."""
    compare(body, version, heard, decoded=bool(judge(body, version).calls))


@every_message
@settings(max_examples=FEW)
@given(data=st.data(), version=PROTOBUF_VERSIONS, cuts=CUTS)
def test_a_whole_protobuf_message_is_told_at_once(
    number: int, data: st.DataObject, version: int, cuts: list[int]
) -> None:
    payload = data.draw(bodies.protobuf_payloads(number, whole=True))
    body = body_of(number, payload, version, protobuf=True)
    for heard in through(Compiled, version, [body, body], cuts):
        told_at_once(body, version, heard)


@every_message
@settings(max_examples=FEW)
@given(version=TEXT_VERSIONS, seed=st.integers(0, 10**6), cuts=CUTS)
def test_a_text_of_a_gateway_is_told_at_once(
    number: int, version: int, seed: int, cuts: list[int]
) -> None:
    body = bodies.valid_texts(number, max(version, INBOUND[number].since), seed)
    for heard in through(Compiled, version, [body, body], cuts):
        compare(body, version, heard)
        text = body[4:] if version >= 201 else body
        if text.isascii() and b"\\" not in text:
            told_at_once(body, version, heard)


@every_message
@settings(max_examples=3 * FEW)
@given(data=st.data(), cuts=CUTS)
def test_odd_protobuf_is_told_as_ibs_decoder_tells_it_or_declined(
    number: int, data: st.DataObject, cuts: list[int]
) -> None:
    kinds = bodies.protobuf_payloads(number) | bodies.rearranged(number)
    payload = data.draw(kinds | kinds.flatmap(bodies.damaged) | st.binary(max_size=40))
    body = body_of(number, payload, NEWEST, protobuf=True)
    (heard,) = through(Compiled, NEWEST, [body], cuts)
    compare(body, NEWEST, heard)


@every_message
@settings(max_examples=3 * FEW)
@given(data=st.data(), version=TEXT_VERSIONS, cuts=CUTS)
def test_odd_text_is_told_as_ibs_decoder_tells_it_or_declined(
    number: int, data: st.DataObject, version: int, cuts: list[int]
) -> None:
    kinds = bodies.odd_texts(number)
    payload = data.draw(kinds | kinds.flatmap(bodies.damaged) | st.binary(max_size=40))
    body = body_of(number, payload, version, protobuf=False)
    (heard,) = through(Compiled, version, [body], cuts)
    compare(body, version, heard)


# ---- the same as in Python


def settled(version: int, body: bytes, heard: list[Told | bytes]) -> Any:
    """What becomes of a message in the end, the long way included."""
    if heard == [body]:
        try:
            verdict = judge(body, version)
        except LookupError:
            return body
        return body if verdict.error is not None else verdict.calls
    return tuple(heard)


@st.composite
def frames(draw: st.DrawFn, version: int) -> bytes:
    """A body of any kind: hot or not, whole or broken, or none at all."""
    number = draw(st.sampled_from([*HOT]))
    kind = draw(st.integers(0, 9))
    if kind == 0:
        return draw(st.binary(max_size=12))
    if kind == 1:
        return make_body(draw(st.integers(1, 110)), b"1\0", version, protobuf=False)
    if version >= 201 and kind < 7:
        payload = draw(bodies.protobuf_payloads(number, whole=kind > 3))
        return make_body(number, payload, version, protobuf=True)
    if kind < 7:
        since = max(version, INBOUND[number].since)
        return bodies.valid_texts(number, since, draw(st.integers(0, 10**6)))
    return make_body(number, draw(bodies.odd_texts(number)), version, protobuf=False)


@pytest.mark.parametrize("version", [108, 200, 208, NEWEST])
@settings(max_examples=2 * FEW, deadline=None)
@given(
    data=st.data(),
    cuts=CUTS,
    routes=st.dictionaries(st.sampled_from([*HOT]), st.sampled_from(Route)),
)
def test_both_streams_do_the_same(
    version: int, data: st.DataObject, cuts: list[int], routes: dict[int, Route]
) -> None:
    sent = data.draw(st.lists(frames(version), max_size=8))
    pieces = b"".join(map(frame, sent))
    places = sorted({0, len(pieces), *(cut % (len(pieces) + 1) for cut in cuts)})
    found = []
    for stream_class in (InPython, Compiled):
        ear = Ear()
        stream = stream_class(version, ear, ear.other)
        for number, route in routes.items():
            stream.route(number, route)
        ran = []
        for begin, end in itertools.pairwise(places):
            ran.append((stream.feed(pieces[begin:end]), stream.pending))
        heard = ear.messages()
        assert len(heard) == len(sent)
        found.append((ran, [settled(version, *pair) for pair in zip(sent, heard, strict=True)]))
    assert found[0] == found[1]


@settings(max_examples=3 * FEW)
@given(version=st.sampled_from([100, 200, NEWEST]), data=st.binary(max_size=64), cuts=CUTS)
def test_any_bytes_at_all(version: int, data: bytes, cuts: list[int]) -> None:
    """Bytes that nobody framed: the same messages, the same wait, the same error."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    found = []
    for stream_class in (InPython, Compiled):
        ear = Ear()
        stream = stream_class(version, ear, ear.other, limit=40)
        ran: list[Any] = []
        for begin, end in itertools.pairwise(places):
            try:
                ran.append((stream.feed(data[begin:end]), stream.pending))
            except FramingError as error:
                ran.append((error.length, error.limit, stream.pending))
        found.append((ran, ear.log))
    assert found[0] == found[1]


def test_what_was_kept_of_a_text_is_not_taken_for_protobuf() -> None:
    """Bytes that are no UTF-8 are shown in text, and are an error in protobuf."""
    fields = b"6\x001\x000\0two\xa0words\x000\x000\x002.5\x003\x001\0"
    odd = make_body(13, fields, 205, protobuf=False)
    part = b"\x08\x00\x32\x09two\xa0words"
    payload = b"\x08\x01\x12" + bytes([len(part)]) + part
    body = make_body(13, payload, 205, protobuf=True)
    first, second = through(Compiled, 205, [odd, body])
    compare(odd, 205, first, decoded=True)
    assert second == [body]


def part_of(number: int, content: bytes) -> bytes:
    """A message within a message."""
    return bytes([number << 3 | 2, len(content)]) + content


LAST = part_of(3, b"\x08\x05" + b"\x19" + bytes(8))
QUOTE = part_of(4, b"\x08\x06" + b"\x21" + bytes(8))


@pytest.mark.parametrize(
    "payload",
    [
        # A flag twice: the last one counts.
        b"\x08\x01\x10\x01" + part_of(3, b"\x08\x05" + part_of(2, b"\x08\x01\x08\x00")),
        b"\x08\x01\x10\x01" + part_of(3, part_of(2, b"\x08\x01") + part_of(2, b"\x08\x00")),
        # Two of which there can be one: again the last.
        b"\x08\x01\x10\x01" + LAST + QUOTE,
        b"\x08\x01\x10\x01" + QUOTE + LAST,
        b"\x08\x01\x10\x03" + LAST + QUOTE,
        b"\x08\x01\x10\x03" + QUOTE + LAST,
        # A flag of two, a text that is none, a type that does not fit its message.
        b"\x08\x01\x10\x01" + part_of(3, part_of(2, b"\x08\x02")),
        b"\x08\x01\x10\x01" + part_of(3, part_of(5, b"\xff")),
        b"\x08\x01\x10\x03" + LAST,
        b"\x08\x01\x10\x04" + QUOTE,
    ],
)
def test_what_protobuf_allows_and_nobody_sends(payload: bytes) -> None:
    body = make_body(99, payload, NEWEST, protobuf=True)
    (heard,) = through(Compiled, NEWEST, [body])
    compare(body, NEWEST, heard)
