"""One encoding for many: the frames of a line equal those of the codec, for every version."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.protobuf.CurrentTime_pb2 import CurrentTime
from ibapi.protobuf.CurrentTimeInMillis_pb2 import CurrentTimeInMillis

from tests.support.manual_feed import ManualFeed
from twsloop.paper.clients import fanout
from twsloop.paper.clients.client import Client, Limits, Line, varint
from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.wire import codec
from twsloop.wire.framing import frame
from twsloop.wire.messages import INBOUND_BY_NAME

VERSIONS = [100, 157, 163, 164, 165, 176, 200, 213, 219, 225]


class Sink:
    """An outlet that keeps what is written."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.waiting = 0
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def buffered(self) -> int:
        return self.waiting

    def close(self, reason: str) -> None:
        self.ended = reason

    def abort(self, reason: str) -> None:
        self.ended = reason


def line(version: int, req_id: int = 7, unit: int = 1) -> Line:
    feed = ManualFeed()
    client = Client(1, version, Sink(), Limits())
    it = Line(client, req_id, feed.instrument("AAPL"), unit, False)
    it.mark = fanout.line_mark(req_id, version)
    it.kind = fanout.line_kind(it, version)
    return it


def changed() -> Sequence[Any]:
    feed = ManualFeed()
    top = TopOfBook(feed.instrument("AAPL").con_id)
    return [
        *top.apply(feed.quote("AAPL", 270.0, 270.05)),
        *top.apply(feed.trade("AAPL", 270.02, 1234)),
    ]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("req_id", [1, 127, 128, 2**31 - 1, -5])
@pytest.mark.parametrize("unit", [1, 100])
def test_same_as_the_codec(version: int, req_id: int, unit: int) -> None:
    events = changed()
    target = line(version, req_id, unit)
    got = [data for _, data in fanout.Encoder(events).frames(target)]
    wanted = []
    for tick in ticks.changes(events, volume_unit=unit):
        tick.message.reqId = req_id
        wanted.append(frame(codec.encode(INBOUND_BY_NAME[tick.name], tick.message, version)))
    assert got == wanted
    assert len(got) > 8
    assert fanout.Encoder(events).data(target) == (b"".join(wanted), len(wanted))


def test_encoded_once_per_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = fanout.Encoder(changed())
    calls: list[Any] = []
    pack = fanout.pack

    def counted(*args: Any) -> Any:
        calls.append(args)
        return pack(*args)

    monkeypatch.setattr(fanout, "pack", counted)
    for version in (225, 219, 225, 213, 200, 200, 157):
        list(encoder.frames(line(version)))
    assert len(calls) == 3


PRICES = st.floats(-1e300, 1e300) | st.sampled_from([-1.0, 0.0, 270.05, 1e-7, 1e22])
SIZES = st.decimals(0, 10**12, places=4).map(ticks.size_text)
PLAIN = st.one_of(
    st.tuples(st.just("tickPrice"), st.integers(0, 90), PRICES, SIZES, st.integers(0, 7)),
    st.tuples(st.just("tickSize"), st.integers(0, 90), SIZES),
    st.tuples(st.just("tickString"), st.integers(0, 90), st.sampled_from(["", "NP", "1767623400"])),
    st.tuples(st.just("tickGeneric"), st.integers(0, 90), PRICES),
)


@given(st.lists(PLAIN, max_size=4), st.sampled_from(VERSIONS))
def test_what_is_packed_by_hand_is_what_the_codec_makes(told: list[Any], version: int) -> None:
    wanted = fanout.encode([ticks.message_of(one) for one in told], version)
    assert fanout.pack(told, version) == wanted


@given(st.integers(0, 2**63 - 1))
def test_varint_is_protobufs(value: int) -> None:
    message = CurrentTime(currentTime=value)
    assert b"\x08" + varint(value) == message.SerializeToString()


def test_one_write_a_batch() -> None:
    target = line(225)
    sink: Any = target.client._outlet
    encoder = fanout.Encoder(changed())
    target.client.send_ticks(target, encoder.frames(target))
    target.client.send_ticks(target, encoder.frames(target))
    assert sink.writes == []
    target.client.flush()
    target.client.flush()
    assert len(sink.writes) == 1


def test_conflation_keeps_the_latest_of_each_kind_in_its_order() -> None:
    target = line(225)
    client, sink = target.client, target.client._outlet
    assert isinstance(sink, Sink)
    client.pause(conflate=True)
    client.send_ticks(target, [("bid", b"1"), ("ask", b"2"), ("bid", b"3")])
    client.flush()
    assert sink.writes == []
    client.resume()
    assert sink.writes == [b"23"]
    assert client.stats.conflated == 1
    client.pause(conflate=True)
    client.send_ticks(target, [("bid", b"4")])
    client.forget_line(target.req_id)
    client.resume()
    assert sink.writes == [b"23"]


def test_a_full_buffer_ends_the_client() -> None:
    sink = Sink()
    client = Client(1, 225, sink, Limits(buffer=1000))
    sink.waiting = 1001
    client.send("currentTime", CurrentTime(currentTime=1))
    client.flush()
    assert "does not read" in sink.ended
    client.send("currentTime", CurrentTime(currentTime=1))
    client.flush()
    assert len(sink.writes) == 1


def test_what_a_version_does_not_have_is_left_out() -> None:
    sink = Sink()
    client = Client(1, 157, sink)
    message = CurrentTimeInMillis(currentTimeInMillis=1)
    client.send("currentTimeInMillis", message)
    client.flush()
    assert sink.writes == []


def test_decimal_sizes_survive() -> None:
    top = TopOfBook(1)
    feed = ManualFeed()
    event = feed.quote("AAPL", 1.0, 1.1, 5)
    top = TopOfBook(event.con_id)
    pieces = fanout.encode(ticks.changes(top.apply(event)), 200)
    data = b"".join(body for _, body in fanout.frames(pieces, fanout.line_mark(3, 200)))
    assert b"1\x006\x003\x001\x001.0\x005\x001\x00" in data
    assert Decimal(5) == top.bid_size
