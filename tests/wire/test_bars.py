"""Bars are told as IB's decoder tells them, whatever the bytes are, and however they are cut."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st
from ibapi.common import BarData
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.protobuf.HistoricalDataBar_pb2 import HistoricalDataBar

from twsloop.connection.dispatch import Decoder, Dispatcher
from twsloop.metrics import Metrics
from twsloop.processors import Registry
from twsloop.wire import bars

#: Text with a version in front, with a date of the end, without both; protobuf.
VERSIONS = (100, 123, 124, 195, 196, 200, 201, 207, 208, 225)


class Listener:
    """Writes down what it is told, with the types of it."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def historicalData(self, reqId: int, bar: BarData) -> None:
        assert type(bar) is BarData
        values = [(name, type(value), repr(value)) for name, value in vars(bar).items()]
        self.told.append(("historicalData", reqId, values))

    def historicalDataEnd(self, *args: Any) -> None:
        self.told.append(("historicalDataEnd", *args))

    def error(self, reqId: int, errorTime: int, *args: Any) -> None:
        del errorTime  # IB's decoder reads a clock of its own
        self.told.append(("error", reqId, *args))


class TwinListener(Listener):
    """Hears the protobuf message, too."""

    def historicalDataProtoBuf(self, message: Message) -> None:
        self.told.append(("twin", message.SerializeToString()))


def told(body: bytes, version: int, *, ours: bool, listener: Listener | None = None) -> list[Any]:
    """What one message tells, decoded by us or by IB's decoder."""
    heard = listener or Listener()
    problems: list[Any] = []
    registry = Registry(lambda name, error: problems.append((name, error)))
    registry.add(heard)
    dispatcher = Dispatcher(registry, Metrics(), lambda: 1790602345000)
    dispatcher.start(Decoder(registry.fanout, version), version)
    if not ours:
        dispatcher._bars = ()
    assert dispatcher.frame(body) == 17
    assert not problems
    return heard.told


def agree(body: bytes, version: int) -> list[Any]:
    """What both tell."""
    found = told(body, version, ours=True)
    assert found == told(body, version, ours=False)
    return found


# ---- bodies -------------------------------------------------------------------------------

texts = st.text(max_size=8)
decimals = st.one_of(
    st.integers(-5, 10**12).map(str),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(
        ["", "0", "1_0", "abc", " 7 ", "2147483647", "9223372036854775807", "Infinity", "٣"]
    ),
    texts,
)
dates = st.one_of(
    st.sampled_from(["20260928", "1790602345", "20260928 09:30:00 US/Eastern", ""]), texts
)
whole = st.integers(-(2**31), 2**31 - 1)
proto_bars = st.fixed_dictionaries(
    {},
    optional={
        "date": dates,
        "open": st.floats(),
        "high": st.floats(),
        "low": st.floats(),
        "close": st.floats(),
        "volume": decimals,
        "WAP": decimals,
        "barCount": whole,
    },
)


def protobuf_body(req_id: int | None, found: list[dict[str, Any]]) -> bytes:
    message = HistoricalData(historicalDataBars=[HistoricalDataBar(**bar) for bar in found])
    if req_id is not None:
        message.reqId = req_id
    return (217).to_bytes(4, "big") + bytes(message.SerializeToString())


fields = st.one_of(
    st.text(max_size=6).map(lambda text: text.replace("\0", "").encode()),
    st.binary(max_size=4).map(lambda some: some.replace(b"\0", b"")),
    st.integers(-10, 10**10).map(lambda number: b"%d" % number),
    st.floats().map(lambda number: repr(number).encode()),
    st.sampled_from([b"", b"Infinity", b"-9223372036854775808", b"1.7976931348623157E308"]),
)
good = st.tuples(
    st.sampled_from([b"20260928", "20260928 09:30:00 Mün".encode(), b"\xff"]),
    *[st.sampled_from([b"1.5", b"", b"-0", b"1e3", b"Infinity"])] * 4,
    st.sampled_from([b"100", b"", b"2147483647", b"1.50"]),
    st.sampled_from([b"101.125", b""]),
    st.sampled_from([b"17", b"", b"-1"]),
).map(list)


def text_body(version: int, head: list[bytes], rows: list[list[bytes]], tail: bytes) -> bytes:
    mark = (17).to_bytes(4, "big") if version >= 201 else b"17\0"
    if version < 124:
        rows = [[*row[:7], b"gaps", *row[7:]] for row in rows]
    return mark + b"".join(one + b"\0" for one in head + [f for row in rows for f in row]) + tail


def head_of(version: int, req_id: bytes, count: bytes) -> list[bytes]:
    """What stands before the bars."""
    first = [b"3"] if version < 124 else []
    ends = [b"20260901", b"20260928 \xff"] if version < 196 else []
    return [*first, req_id, *ends, count]


@pytest.fixture(params=[30, bars.PIECE], ids=["cut small", "cut as it is"])
def piece(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many bytes are taken at once."""
    monkeypatch.setattr(bars, "PIECE", request.param)
    return int(request.param)


# ---- what is told -------------------------------------------------------------------------


@pytest.mark.usefixtures("piece")
@given(req_id=st.one_of(st.none(), whole), found=st.lists(proto_bars, max_size=12))
def test_protobuf_bars(req_id: int | None, found: list[dict[str, Any]]) -> None:
    agree(protobuf_body(req_id, found), 225)


@pytest.mark.usefixtures("piece")
@given(
    found=st.lists(proto_bars, min_size=1, max_size=8),
    cut=st.integers(0, 400),
    junk=st.one_of(st.binary(max_size=6), st.sampled_from([b"\x08\x05", b"\x08\x85\x00"])),
    drop=st.booleans(),
)
def test_protobuf_bytes_that_are_odd(
    found: list[dict[str, Any]], cut: int, junk: bytes, drop: bool
) -> None:
    body = protobuf_body(9000, found)
    cut = 4 + cut % (len(body) - 3)
    agree(body[:cut] + junk + (b"" if drop else body[cut:]), 225)


@pytest.mark.usefixtures("piece")
@given(body=st.binary(max_size=60), version=st.sampled_from(VERSIONS))
def test_random_bytes(body: bytes, version: int) -> None:
    mark = (217).to_bytes(4, "big") if version >= 201 else b"17\0"
    agree(mark + body, version)


@pytest.mark.usefixtures("piece")
@given(version=st.sampled_from(VERSIONS), rows=st.lists(good, max_size=12), count=st.data())
def test_text_bars(version: int, rows: list[list[bytes]], count: Any) -> None:
    number = count.draw(st.sampled_from([len(rows), len(rows) + 1, max(len(rows) - 1, 0)]))
    head = head_of(version, b"9000", b"%d" % number)
    found = agree(text_body(version, head, rows, b""), version)
    assert len([one for one in found if one[0] == "historicalData"]) == min(number, len(rows))


@pytest.mark.usefixtures("piece")
@given(
    version=st.sampled_from(VERSIONS),
    head=st.lists(fields, min_size=0, max_size=5),
    rows=st.lists(st.one_of(good, st.lists(fields, max_size=9)), max_size=6),
    count=st.sampled_from([b"", b"-1", b"x", b"3", b"6", b"99"]),
    tail=st.sampled_from([b"", b"no end", b"\0"]),
    plain=st.booleans(),
)
def test_text_fields_that_are_odd(
    version: int,
    head: list[bytes],
    rows: list[list[bytes]],
    count: bytes,
    tail: bytes,
    plain: bool,
) -> None:
    before = head_of(version, b"9000", count) if plain else [*head, count]
    agree(text_body(version, before, rows, tail), version)


@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000, 3_000_000])
@pytest.mark.usefixtures("piece")
def test_lengths_of_any_size(size: int) -> None:
    found = agree(protobuf_body(1, [{"date": "x" * size}, {"volume": "7"}]), 225)
    assert len(found) == 2


def test_a_bar_that_cannot_be_read_is_named_after_those_before_it() -> None:
    many: list[dict[str, Any]] = [{"date": f"{n}", "volume": "1"} for n in range(3000)]
    many[2500]["WAP"] = "none"
    found = agree(protobuf_body(1, many), 225)
    assert [one[0] for one in found] == ["historicalData"] * 2500 + ["error"]
    assert "InvalidOperation" in found[-1][3]


def test_who_hears_the_twin_hears_the_message_first() -> None:
    body = protobuf_body(5, [{"date": "20260928"}])
    found = told(body, 225, ours=True, listener=TwinListener())
    assert [one[0] for one in found] == ["twin", "historicalData"]


def test_bars_that_nobody_hears_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bars, "HistoricalData", None)  # decoding anything now would raise
    registry = Registry(lambda *_: None)
    dispatcher = Dispatcher(registry, Metrics(), lambda: 0)
    dispatcher.start(Decoder(registry.fanout, 225), 225)
    assert dispatcher.frame(protobuf_body(5, [{"date": "20260928"}])) == 17
