"""Ticks in protobuf: exactly what IB's decoder calls is called, or nothing is."""

from __future__ import annotations

import contextlib
import itertools
import struct
import tracemalloc
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.const import UNSET_DECIMAL
from ibapi.ticktype import TickTypeEnum

from tests.wire.hot import bodies
from tests.wire.hot.by_hand import (
    GENERIC,
    HIGH_IDS,
    IDS,
    MIDPOINT,
    NEGATIVE,
    NEWEST,
    PRICE,
    QUOTE,
    SIZE,
    STRING,
    TICKS,
    TRADE,
    Fields,
    body_of,
    double,
    price,
    text,
    usual,
    varint,
    whole,
)
from tests.wire.hot.implementations import every_stream
from tests.wire.hot.oracle import Ear, Told, compare, frozen, judge, through
from twsloop.errors import FramingError
from twsloop.wire.framing import frame
from twsloop.wire.hot import caches, heads, protobuf
from twsloop.wire.hot.stream import MessageStream
from twsloop.wire.messages import INBOUND

every_tick = pytest.mark.parametrize("number", TICKS, ids=lambda n: INBOUND[n].name)
FEW = max(6, settings().max_examples // 2)


def check(
    stream_class: Any, found: list[bytes], *, decoded: bool = False, version: int = NEWEST
) -> list[list[Told | bytes]]:
    """All of these bodies, one after the other, are what IB's decoder says, twice."""
    twice = [body for body in found for _ in range(2)]
    heard = through(stream_class, version, twice)
    for body, one in zip(twice, heard, strict=True):
        compare(body, version, one, decoded=decoded)
    return heard


# ---- what comes by the thousand is decoded


@every_stream
@every_tick
@pytest.mark.parametrize("version", [206, 208, 212, NEWEST])
def test_what_is_usual_is_decoded(stream_class: Any, number: int, version: int) -> None:
    found = [body_of(number, usual(number, req_id)) for req_id in (*IDS, *HIGH_IDS)]
    check(stream_class, found, decoded=True, version=version)


@every_stream
def test_trades_and_quotes_are_decoded_with_any_attributes(stream_class: Any) -> None:
    found = []
    for first, second in itertools.product((b"", whole(1, 0), whole(1, 1)), (b"", whole(2, 1))):
        for tick_type, part in ((1, TRADE), (2, TRADE), (3, QUOTE)):
            fields = [part[0], text(2, first + second), *part[2:]]
            inner = text(4 if tick_type == 3 else 3, b"".join(fields))
            found.append(body_of(99, [whole(1, 7), whole(2, tick_type), inner]))
    check(stream_class, found, decoded=True)


@every_stream
@every_tick
def test_ids_below_zero_are_those_of_the_program(stream_class: Any, number: int) -> None:
    check(stream_class, [body_of(number, usual(number, req_id)) for req_id in NEGATIVE])


@every_stream
@every_tick
def test_any_tick_type(stream_class: Any, number: int) -> None:
    """Those that pair a size with a price, that nobody knows, and the one that is none."""
    types = [*range(256), 16383, 2**31 - 1, -1, -(2**31)]
    heard = check(stream_class, [body_of(number, usual(number, 7, kind)) for kind in types])
    if number in {SIZE, GENERIC, STRING}:
        none = types.index(TickTypeEnum.NOT_SET)
        body = body_of(number, usual(number, 7, TickTypeEnum.NOT_SET))
        assert judge(body, NEWEST).calls == ()
        assert heard[2 * none] in ([], [body])


@every_stream
def test_any_mask(stream_class: Any) -> None:
    masks = [*range(256), 2**14, 2**31 - 1, 2**31, 2**32 - 1, -1, -8, 2**63]
    check(stream_class, [body_of(PRICE, price(mask=mask)) for mask in masks])


# ---- what is absent


@every_stream
@every_tick
def test_any_field_may_be_absent(stream_class: Any, number: int) -> None:
    found = [
        body_of(number, list(itertools.compress(fields, there)))
        for fields in (usual(number, 7, kind) for kind in (1, 2, 3, 4, TickTypeEnum.NOT_SET))
        for there in itertools.product((True, False), repeat=len(fields))
    ]
    check(stream_class, found)


@every_stream
@pytest.mark.parametrize(
    ("kinds", "place", "fields"),
    [((1, 2), 3, TRADE), ((3,), 4, QUOTE), ((4,), 5, MIDPOINT)],
    ids=["trade", "quote", "midpoint"],
)
def test_any_field_of_a_tick_may_be_absent(
    stream_class: Any, kinds: tuple[int, ...], place: int, fields: Fields
) -> None:
    found = []
    for there in itertools.product((True, False), repeat=len(fields)):
        part = text(place, b"".join(itertools.compress(fields, there)))
        found += [body_of(99, [whole(1, 7), whole(2, kind), part]) for kind in (*kinds, 0, 5)]
        # A part of another kind than the type says.
        found.append(body_of(99, [whole(1, 7), whole(2, kinds[0] % 4 + 1), part]))
    check(stream_class, found)


def test_an_absent_size_is_unset() -> None:
    (heard,) = through(MessageStream, NEWEST, [body_of(PRICE, [*price()[:3], whole(5, 1)])])
    assert heard[1] == Told.of("tickSize", (7, 0, UNSET_DECIMAL))


# ---- odd values

SIZES: list[bytes | str] = [
    "", "0", "-0", "0.0", "00100", "1E+5", "1e5", "1E-5", "NaN", "nan", "sNaN", "-NaN123",
    "Infinity", "-inf", "7" * 40, "0." + "7" * 40, "7" * 126, "7" * 127, "7" * 128, "7" * 200,
    "7" * 20_000, " 5", "5 ", "5\n", "5\0", "\0", "1_000", "_1", "+5", "--5", "5.", ".5", ".", "e5",
    "0x10", "1,5", "\u0661", "\uff15", "\u00a05", "\u2003", "x", b"\xff", b"\xc3", b"5\xff",
    b"\xed\xa0\x80", b"\xc0\x80", "2147483647", "9223372036854775807", "1.7976931348623157E308",
    "1E+999999999999999999", "170141183460469231731687303715884105727",
]  # fmt: skip


@every_stream
def test_any_size(stream_class: Any) -> None:
    found = []
    for size in SIZES:
        found.append(body_of(PRICE, price(size=size)))
        found.append(body_of(PRICE, [*price(size=size)[:4]]))
        found.append(body_of(SIZE, [whole(1, 7), whole(2, 0), text(3, size)]))
        trade = [*TRADE[:3], text(4, size), *TRADE[4:]]
        found.append(body_of(99, [whole(1, 7), whole(2, 1), text(3, b"".join(trade))]))
        for place in (4, 5):
            quote = [*QUOTE[:place], text(place + 1, size), *QUOTE[place + 1 :]]
            found.append(body_of(99, [whole(1, 7), whole(2, 3), text(4, b"".join(quote))]))
    check(stream_class, found)


@every_stream
def test_any_text(stream_class: Any) -> None:
    found = []
    for value in (*SIZES, "\U0001f600", "\ufeffx", b"\xf4\x90\x80\x80", "e\u0301"):
        found.append(body_of(STRING, [whole(1, 7), whole(2, 45), text(3, value)]))
        for place in (4, 5):
            trade = [*TRADE[:place], text(place + 1, value), *TRADE[place + 1 :]]
            found.append(body_of(99, [whole(1, 7), whole(2, 1), text(3, b"".join(trade))]))
    check(stream_class, found)


@every_stream
def test_any_price(stream_class: Any) -> None:
    found = []
    nothing, infinite, tags = 0x7FF8 << 48, 0x7FF0 << 48, 0x0A0D_0019_1A22_2828
    for bits in (
        0,
        1,
        1 << 63,
        infinite,
        1 << 63 | infinite,
        nothing,
        nothing | 1,
        tags,
        2**64 - 1,
    ):
        (value,) = struct.unpack("<d", struct.pack("<Q", bits))
        found.append(body_of(PRICE, [*price()[:2], double(3, value), *price()[3:]]))
        found.append(body_of(GENERIC, [whole(1, 7), whole(2, 49), double(3, value)]))
        trade = [*TRADE[:2], double(3, value), *TRADE[3:]]
        found.append(body_of(99, [whole(1, 7), whole(2, 1), text(3, b"".join(trade))]))
        quote = [*QUOTE[:2], double(3, value), double(4, value), *QUOTE[4:]]
        found.append(body_of(99, [whole(1, 7), whole(2, 3), text(4, b"".join(quote))]))
    check(stream_class, found)


@every_stream
def test_any_time(stream_class: Any) -> None:
    found = []
    for moment in (0, 1, 127, 2**28 - 1, 2**28, 2**35 - 1, 2**35, 2**40, 2**63 - 1, -1, -(2**63)):
        for kind, place, part in ((1, 3, TRADE), (3, 4, QUOTE)):
            for fields in ([whole(1, moment), *part[1:]], [whole(1, moment), *part[2:]]):
                inner = text(place, b"".join(fields))
                found.append(body_of(99, [whole(1, 7), whole(2, kind), inner]))
    check(stream_class, found)


# ---- built as no gateway builds it

#: Fields that no message has, of every wire type; one with a known number and another type.
UNKNOWN = [
    whole(19, 1), double(19, 1.0), text(19, "x"), text(19, b""), varint(19 << 3 | 5) + b"abcd",
    varint(19 << 3 | 3) + varint(19 << 3 | 4), whole(6, 0), whole(3, 5), text(1, "7"),
    double(2, 1.0), whole(2**29 - 1, 0), text(5, b""), varint(1 << 3 | 5) + b"abcd",
]  # fmt: skip


@every_stream
@every_tick
def test_unknown_fields_anywhere(stream_class: Any, number: int) -> None:
    found = []
    for req_id in (7, 300, 2**30 + 5):
        fields = usual(number, req_id)
        for place, field in itertools.product(range(len(fields) + 1), UNKNOWN):
            found.append(body_of(number, [*fields[:place], field, *fields[place:]]))
            found.append(body_of(number, [*fields[:place], field, *fields[place + 1 :]]))
    check(stream_class, found)


@every_stream
@pytest.mark.parametrize("kind", [1, 3])
def test_unknown_fields_within_a_tick(stream_class: Any, kind: int) -> None:
    fields, place = (TRADE, 3) if kind == 1 else (QUOTE, 4)
    found = []
    for at, field in itertools.product(range(len(fields) + 1), UNKNOWN):
        for without in ((), (0,), (1,), (0, 1)):
            rest = [one for index, one in enumerate(fields) if index not in without]
            inner = b"".join([*rest[:at], field, *rest[at:]])
            found.append(body_of(99, [whole(1, 7), whole(2, kind), text(place, inner)]))
    check(stream_class, found)


@every_stream
def test_a_time_that_is_only_unknown_fields(stream_class: Any) -> None:
    """As long as a time and its tag are; it is no time."""
    found = []
    for filler in (
        whole(19, 2**24),
        whole(19, 2**20) + b"",
        text(19, b"ab") + b"",
        whole(7, 2**28),
    ):
        for kind, place, part in ((1, 3, TRADE), (3, 4, QUOTE)):
            inner = text(place, filler + b"".join(part[2:]))
            found.append(body_of(99, [whole(1, 7), whole(2, kind), inner]))
    check(stream_class, found)


@every_stream
@every_tick
def test_fields_in_any_order_and_twice(stream_class: Any, number: int) -> None:
    fields = usual(number)
    found = [body_of(number, list(order)) for order in itertools.permutations(fields)]
    others = usual(number, 2**30 + 9, 2)
    if number == PRICE:
        others = [*others[:2], double(3, 1.0), text(4, "7"), whole(5, 6)]
    for place, field in itertools.product(range(len(fields) + 1), [*fields, *others]):
        found.append(body_of(number, [*fields[:place], field, *fields[place:]]))
    check(stream_class, found)


@every_stream
@pytest.mark.parametrize("kind", [1, 3])
def test_fields_of_a_tick_in_any_order_and_twice(stream_class: Any, kind: int) -> None:
    fields, place = (TRADE, 3) if kind == 1 else (QUOTE, 4)
    orders = [list(order) for order in itertools.permutations(fields)]
    more = [*fields, whole(1, 5), text(2, whole(1, 0)), text(2, b""), double(3, 1.0), text(6, "8")]
    for at, field in itertools.product(range(len(fields) + 1), more):
        orders.append([*fields[:at], field, *fields[at:]])
    front = [whole(1, 7), whole(2, kind)]
    found = [body_of(99, [*front, text(place, b"".join(order))]) for order in orders]
    # Two parts are one, merged; of two kinds each stands for itself.
    part, other = text(place, b"".join(fields)), text(7 - place, b"".join(fields))
    pairs = ([part, part], [part, other], [other, part], [text(place, b""), part])
    found += [body_of(99, [*front, *pair]) for pair in pairs]
    check(stream_class, found)


@every_stream
@every_tick
def test_numbers_longer_than_they_have_to_be(stream_class: Any, number: int) -> None:
    found = []
    for req_id, padding in itertools.product((0, 7, 300, 2**28, 2**31 - 1), range(10)):
        for kind, more in itertools.product((1, 3), range(3)):
            fields = usual(number, req_id, kind)
            fields[0] = varint(1 << 3) + varint(req_id, padding=padding)
            fields[1] = varint(2 << 3, padding=more) + varint(kind, padding=more)
            found.append(body_of(number, fields))
    for high in (1, 7, 15, 16, 127):  # of the fifth byte only four bits count
        front = varint(1 << 3) + b"\x87\x80\x80\x80" + bytes([high])
        found.append(body_of(number, [front, *usual(number)[1:]]))
    check(stream_class, found)


@every_stream
def test_lengths_longer_than_they_have_to_be_and_wrong_ones(stream_class: Any) -> None:
    found = [body_of(99, [whole(1, 7), whole(2, 1), text(3, b"".join(TRADE[:4]))])]
    lengths = [b"\x83\x00", b"\x83\x80\x00", b"\x02", b"\x04", b"\0", b"\x7f", b"\xff\x7f", b"\x83"]
    for length in (*lengths, b"\xff" * 4 + b"\x0f", b"\xff" * 9 + b"\x01"):
        size = length + b"100"
        found.append(body_of(PRICE, [*price()[:3], b"\x22" + size, whole(5, 1)]))
        found.append(body_of(SIZE, [whole(1, 7), whole(2, 0), b"\x1a" + size]))
        found.append(body_of(STRING, [whole(1, 7), whole(2, 45), b"\x1a" + size]))
        trade = b"".join([*TRADE[:3], b"\x22" + size, *TRADE[4:]])
        found.append(body_of(99, [whole(1, 7), whole(2, 1), text(3, trade)]))
        for place in (4, 5):
            quote = [*QUOTE[:place], varint(place + 1 << 3 | 2) + size, *QUOTE[place + 1 :]]
            found.append(body_of(99, [whole(1, 7), whole(2, 3), text(4, b"".join(quote))]))
    check(stream_class, found)


@every_stream
def test_a_byte_that_is_only_half_a_length(stream_class: Any) -> None:
    """As many bytes follow as it would say if it were one."""
    found = []
    for length in range(128, 256):
        content = bytes([length]) + b"1" * length
        found.append(body_of(SIZE, [whole(1, 7), whole(2, 0), b"\x1a" + content]))
        found.append(body_of(STRING, [whole(1, 7), whole(2, 45), b"\x1a" + content]))
        found.append(body_of(PRICE, [*price()[:3], b"\x22" + content, whole(5, 1)]))
        # Behind the tag of trades and of quotes: a part that is as long, but for its length.
        for kind, tag, part in ((1, b"\x1a", TRADE), (3, b"\x22", QUOTE)):
            for place in (3, 4, 5):
                front, back = b"".join(part[:place]), b"".join(part[place + 1 :])
                filler = length - len(front) - len(back) - 2
                inner = front + part[place][:1] + bytes([filler]) + b"1" * filler + back
                found.append(
                    body_of(99, [whole(1, 7), whole(2, kind), tag + bytes([length]) + inner])
                )
                inner = front + part[place][:1] + content + back
                found.append(
                    body_of(99, [whole(1, 7), whole(2, kind), tag + varint(len(inner)) + inner])
                )
    check(stream_class, found)


@every_stream
@every_tick
def test_any_byte_may_be_any_other(stream_class: Any, number: int) -> None:
    for kind in (1, 3):
        good = b"".join(usual(number, 7, kind))
        found = [body_of(number, good)]
        for place, value in itertools.product(range(len(good)), range(256)):
            found.append(body_of(number, good[:place] + bytes([value]) + good[place + 1 :]))
        for body, heard in zip(found, through(stream_class, NEWEST, found), strict=True):
            compare(body, NEWEST, heard)


@every_stream
@every_tick
@pytest.mark.parametrize("req_id", [7, 300, 70_000, 2**30 + 1])
def test_a_message_that_ends_too_soon(stream_class: Any, number: int, req_id: int) -> None:
    """And what comes behind it looks as if it went on."""
    for kind in (1, 3):
        fields = usual(number, req_id, kind)
        payload = b"".join(price(req_id, kind, mask=200) if number == PRICE else fields)
        good = body_of(number, b"".join(fields))
        for length in range(len(payload)):
            body = body_of(number, payload[:length])
            for rest in (payload[length:], payload, b""):
                ear = Ear()
                stream = stream_class(NEWEST, ear, ear.other)
                stream.feed(frame(good))
                with contextlib.suppress(FramingError):
                    stream.feed(frame(body) + rest)
                compare(body, NEWEST, ear.messages()[1])


# ---- what was learnt


@every_stream
@settings(max_examples=2 * FEW)
@given(data=st.data())
def test_what_is_known_does_not_change_what_comes_after(stream_class: Any, data: Any) -> None:
    number = data.draw(st.sampled_from(TICKS))
    payloads = bodies.protobuf_payloads(number) | bodies.rearranged(number)
    drawn = data.draw(st.lists(payloads, min_size=1, max_size=3))
    damaged = [data.draw(bodies.damaged(payload)) for payload in drawn for _ in range(2)]
    found = [body_of(number, payload) for payload in (*drawn, *damaged, *drawn)]
    for body, heard in zip(found, through(stream_class, NEWEST, found), strict=True):
        compare(body, NEWEST, heard)


@st.composite
def near_misses(draw: st.DrawFn) -> tuple[int, bytes]:
    """A usual message of which a few bytes were changed, taken out or put in."""
    number = draw(st.sampled_from(TICKS))
    req_id = draw(st.sampled_from([7, 130, 20_000, 2**30 + 1]))
    payload = bytearray(b"".join(usual(number, req_id, draw(st.sampled_from([1, 3, 130])))))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(payload) - 1))
        how = draw(st.integers(0, 3))
        if how == 0:
            payload[place] ^= 1 << draw(st.integers(0, 7))
        elif how == 1:
            payload[place] = draw(
                st.sampled_from(b"\x08\x10\x12\x19\x1a\x21\x22\x28\x2a\x32\x80\xff\0")
            )
        elif how == 2:
            del payload[place : place + draw(st.sampled_from([1, 2, 8, 9]))]
        else:
            payload[place:place] = draw(
                st.sampled_from([b"\0", b"\x80", b"\x19", b"\x28\x01", b"\x9a\x01\0"])
            )
        if not payload:
            break
    return number, bytes(payload)


@every_stream
@settings(max_examples=4 * FEW)
@given(found=st.lists(near_misses(), min_size=1, max_size=8))
def test_near_misses(stream_class: Any, found: list[tuple[int, bytes]]) -> None:
    sent = []
    for number, payload in found:
        sent += [body_of(number, usual(number)), body_of(number, payload), body_of(number, payload)]
    for body, heard in zip(sent, through(stream_class, NEWEST, sent), strict=True):
        compare(body, NEWEST, heard)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_full_caches_start_anew(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caches, "MOST", most)
    monkeypatch.setattr(heads, "MOST_STARTS", most)
    for shared in (protobuf.DECIMALS, protobuf.STRINGS):
        shared.clear()
    found = [
        body_of(number, usual(number, req_id, kind))
        for req_id in (7, 300, 2**30 + 1)
        for kind in (1, 2, 3)
        for number in TICKS
    ]
    found += [body_of(PRICE, price(size=str(size), mask=size % 8)) for size in range(8)]
    check(MessageStream, [*found, *reversed(found)])
    assert len(protobuf.DECIMALS) <= most
    assert len(protobuf.STRINGS) <= most


@every_stream
def test_more_values_than_a_cache_holds(stream_class: Any) -> None:
    ear = Ear()
    heard: list[Any] = []
    for name in ("tickPrice", "tickSize", "tickString"):
        setattr(ear.low, name, lambda *args: heard.append(args))
    ear.message_done = None
    stream = stream_class(NEWEST, ear, ear.other)
    count = caches.MOST + 500
    sent = [
        frame(body_of(SIZE, [whole(1, n), whole(2, 0), text(3, f"{n}.5")]))
        + frame(body_of(PRICE, price(n, 1, str(n), n % 8)))
        + frame(body_of(STRING, [whole(1, n), whole(2, 45), text(3, f"text {n}")]))
        for n in range(count)
    ]
    for _ in range(2):
        heard.clear()
        assert stream.feed(b"".join(sent)) == 3 * count
        for n in range(count):
            size, told, paired, string = heard[4 * n : 4 * n + 4]
            assert size == (n, 0, Decimal(f"{n}.5"))
            assert told[:3] == (n, 1, 189.5)
            assert told[3].canAutoExecute == bool(n & 1)
            assert paired == (n, 0, Decimal(n))
            assert string == (n, 45, f"text {n}")
    assert ear.log == []


@every_stream
def test_what_is_kept_is_short(stream_class: Any) -> None:
    """A gateway that sends long values cannot make the caches large."""
    ear = Ear()
    ear.message_done = None
    stream = stream_class(NEWEST, ear, lambda _body: None)
    long = [f"{n}" + "7" * 20_000 for n in range(100)]
    stream.feed(frame(body_of(PRICE, price())))
    tracemalloc.start()
    try:
        for value in long:
            stream.feed(frame(body_of(PRICE, price(size=value))))
            stream.feed(frame(body_of(PRICE, [*price(), text(19, value)])))
            stream.feed(frame(body_of(SIZE, [whole(1, 7), whole(2, 0), text(3, value)])))
            stream.feed(frame(body_of(STRING, [whole(1, 7), whole(2, 45), text(3, value)])))
            ear.log.clear()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 1_000_000


# ---- what is told


@every_stream
def test_attributes_are_the_listeners_own(stream_class: Any) -> None:
    """Whoever changes them, changes nobody else's."""
    ear, kept = Ear(), []

    def spoil(*args: Any) -> None:
        (attrib,) = (arg for arg in args if hasattr(arg, "__dict__"))
        kept.append(frozen(attrib))
        for name in vars(attrib):
            setattr(attrib, name, "spoilt")
        attrib.mine = True

    for name in ("tickPrice", "tickByTickAllLast", "tickByTickBidAsk"):
        setattr(ear.low, name, spoil)
    stream = stream_class(NEWEST, ear, ear.other)
    sent = [body_of(1, price(mask=5)), *(body_of(99, usual(99, 7, kind)) for kind in (1, 3))]
    for _ in range(3):
        stream.feed(b"".join(map(frame, sent)))
    assert kept[:3] == kept[3:6] == kept[6:]
    expected = [judge(body, NEWEST).calls[0].args for body in sent]
    assert [one in args for one, args in zip(kept[:3], expected, strict=True)] == [True] * 3
