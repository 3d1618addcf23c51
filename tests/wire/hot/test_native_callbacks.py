"""Callbacks may do anything, and the compiled stream stays whole: as the one in Python does."""

from __future__ import annotations

import contextlib
import gc
import itertools
import statistics
import sys
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ibapi.common import TickAttrib

from tests.wire.hot import bodies
from tests.wire.hot.implementations import IMPLEMENTATIONS, every_stream
from tests.wire.hot.oracle import Ear, Told, frozen, judge, make_body
from twsloop.errors import FramingError
from twsloop.ids import FIRST_REQUEST_ID
from twsloop.wire.framing import frame
from twsloop.wire.hot.calls import CALLED, HOT, Calls, Route
from twsloop.wire.messages import message_class

pytest.importorskip("twsloop.wire._native", reason="it was installed without a compiler")

NEWEST = 225
FEW = max(6, settings().max_examples // 2)


class Sink:
    """Who is told: a log."""

    def __init__(self) -> None:
        self.low, self.high = Calls(), Calls()
        self.message_done: Any = None
        self.log: list[Any] = []
        for calls in (self.low, self.high):
            for name in CALLED:
                setattr(calls, name, self.teller(name))

    def teller(self, name: str) -> Any:
        def tell(*args: Any) -> None:
            self.log.append(name)

        return tell

    def failed(self, function: Any, error: BaseException) -> None:
        self.log.append(("failed", repr(error)))

    def other(self, body: bytes) -> None:
        self.log.append(body)


def price(req_id: int = 1, tick_type: int = 1, **more: Any) -> bytes:
    fields = {"price": 10.0, "size": "100", "attrMask": 1, **more}
    message = message_class("TickPrice")(reqId=req_id, tickType=tick_type, **fields)
    return make_body(1, message.SerializeToString(), NEWEST, protobuf=True)


def size(req_id: int = 1, amount: str = "100") -> bytes:
    message = message_class("TickSize")(reqId=req_id, tickType=0, size=amount)
    return make_body(2, message.SerializeToString(), NEWEST, protobuf=True)


NOT_HOT = make_body(49, b"1\x001700000000\0", NEWEST, protobuf=False)
BROKEN = make_body(2, b"\x08", NEWEST, protobuf=True)


# ---- anything a callback may do, at any message: the same in both


class Scripted(Sink):
    """Does what a script says, at the calls that it counts."""

    def __init__(self, script: dict[int, tuple[str, Any]]) -> None:
        super().__init__()
        self.script = script
        self.calls = 0
        self.stream: Any = None
        self.message_done = lambda: self.act("done")

    def teller(self, name: str) -> Any:
        return lambda *args: self.act(Told.of(name, args))

    def other(self, body: bytes) -> None:
        self.act(body)

    def act(self, what: Any) -> None:
        self.log.append(what)
        self.calls += 1
        kind, argument = self.script.get(self.calls, ("", None))
        if kind == "raise":
            raise argument(self.calls)
        if kind == "stop":
            self.stream.stop()
        elif kind == "hold" and isinstance(what, bytes):
            self.stream.hold()
        elif kind == "release":
            self.log.append(self.stream.release())
        elif kind == "feed":
            with pytest.raises(RuntimeError, match="within a callback"):
                self.stream.feed(b"")
        elif kind == "route":
            self.stream.route(*argument)
        elif kind == "replace":
            number = self.calls
            for name in CALLED:
                replaced = lambda *args, name=name: self.act((number, Told.of(name, args)))  # noqa: E731
                setattr(self.low, name, replaced)
        elif kind == "collect":
            gc.collect(0)

    def failed(self, function: Any, error: BaseException) -> None:
        self.log.append(("failed", type(error)))
        if isinstance(error, KeyboardInterrupt):
            raise error


ACTIONS = st.one_of(
    st.tuples(st.just("raise"), st.sampled_from([ValueError, KeyboardInterrupt, MemoryError])),
    st.tuples(st.just("route"), st.tuples(st.sampled_from([*HOT]), st.sampled_from(Route))),
    st.tuples(
        st.sampled_from(["stop", "hold", "release", "feed", "replace", "collect"]), st.none()
    ),
)
BODIES = [price(), price(2**30), size(), NOT_HOT, NOT_HOT, BROKEN, b"", b"ab"]
SENT = st.lists(st.sampled_from(BODIES), max_size=9)


def run(stream_class: Any, pieces: list[bytes], script: dict[int, tuple[str, Any]]) -> list[Any]:
    sink = Scripted(script)
    stream = stream_class(NEWEST, sink, sink.other, limit=60)
    sink.stream = stream

    def attempt(function: Any, *args: Any) -> None:
        try:
            sink.log.append((function(*args), stream.pending, stream.held))
        except (Exception, KeyboardInterrupt) as error:
            sink.log.append((type(error), stream.pending, stream.held))

    for piece in pieces:
        attempt(stream.feed, piece)
    for _ in range(3):
        attempt(stream.release)
        attempt(stream.feed, b"")
    return sink.log


@settings(max_examples=10 * FEW)
@given(
    sent=SENT,
    cuts=st.lists(st.integers(0, 300), max_size=5),
    script=st.dictionaries(st.integers(1, 20), ACTIONS, max_size=4),
    tail=st.sampled_from([b"", b"\0\0", b"\0\1\0\0more", frame(NOT_HOT)]),
)
def test_whatever_callbacks_do_both_streams_do_the_same(
    sent: list[bytes], cuts: list[int], script: dict[int, tuple[str, Any]], tail: bytes
) -> None:
    data = b"".join(map(frame, sent)) + tail
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[begin:end] for begin, end in itertools.pairwise(places)]
    logs = [run(stream_class, pieces, script) for stream_class in IMPLEMENTATIONS.values()]
    assert logs[0] == logs[-1]


# ---- one by one


@every_stream
def test_a_raise_in_the_price_does_not_lose_its_size(stream_class: Any) -> None:
    sink = Sink()

    def fall(*_args: Any) -> None:
        raise SystemExit("no")

    sink.low.tickPrice = fall
    assert stream_class(NEWEST, sink, sink.other).feed(frame(price()) + frame(size())) == 2
    assert sink.log == [("failed", "SystemExit('no')"), "tickSize", "tickSize"]


@every_stream
def test_what_failed_raises_leaves_the_stream_whole(stream_class: Any) -> None:
    sink = Sink()

    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    def failed(function: Any, error: BaseException) -> None:
        assert function is interrupted
        raise error

    usual, sink.low.tickSize = sink.low.tickSize, interrupted
    sink.failed = failed  # type: ignore[method-assign]
    stream = stream_class(NEWEST, sink, sink.other)
    data = frame(size()) + frame(size()) + frame(NOT_HOT)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            stream.feed(data[:30])
        data = data[30:]
    sink.low.tickSize = usual
    stream.feed(data)
    assert sink.log == [NOT_HOT]
    assert stream.pending == 0


@every_stream
def test_what_was_left_by_a_raise_goes_on_with_the_next_read(stream_class: Any) -> None:
    """Whole frames wait, then half of one; the rest of it comes with more."""
    sink = Sink()

    def fall(_body: bytes) -> None:
        sink.log.append("fell")
        raise ValueError

    stream = stream_class(NEWEST, sink, fall)
    data = frame(NOT_HOT) + frame(size()) * 2 + frame(price()) + frame(size())
    cut = len(frame(NOT_HOT) + frame(size()) * 2) + 7
    with pytest.raises(ValueError, match=r"^$"):
        stream.feed(data[:cut])
    assert stream.feed(data[cut:]) == 4
    assert sink.log == ["fell", "tickSize", "tickSize", "tickPrice", "tickSize", "tickSize"]


@every_stream
@pytest.mark.parametrize("what", ["hold", "stop"])
def test_nothing_passes_a_cut_message_that_halts(stream_class: Any, what: str) -> None:
    """It came in two reads, and more came with its end."""
    sink = Sink()

    def halt(body: bytes) -> None:
        sink.log.append(body)
        getattr(stream, what)()

    stream = stream_class(NEWEST, sink, halt)
    data = frame(NOT_HOT) + frame(size()) * 2
    stream.feed(data[:9])
    stream.feed(data[9:])
    stream.feed(frame(price()))
    assert sink.log == [NOT_HOT]
    assert stream.release() == (3 if what == "hold" else 0)
    assert sink.log[1:] == (["tickSize"] * 2 + ["tickPrice", "tickSize"]) * (what == "hold")


@every_stream
def test_the_functions_are_looked_up_at_each_call(stream_class: Any) -> None:
    sink = Sink()

    def first(*_args: Any) -> None:
        sink.log.append("first")
        sink.low.tickSize = sink.low.tickPrice = lambda *_args: sink.log.append("second")

    sink.low.tickPrice = first
    stream = stream_class(NEWEST, sink, sink.other)
    del first
    stream.feed(frame(price()) + frame(price()))
    assert sink.log == ["first", "second", "second", "second"]


@every_stream
def test_an_attribute_object_is_made_anew_for_each_call(stream_class: Any) -> None:
    sink = Sink()
    seen: list[Any] = []

    def spoil(_req_id: int, _kind: int, _price: float, attrib: TickAttrib) -> None:
        seen.append(frozen(attrib))
        attrib.canAutoExecute = "spoilt"
        attrib.more = 1

    sink.low.tickPrice = spoil
    stream_class(NEWEST, sink, sink.other).feed(frame(price()) * 3)
    assert seen == [seen[0]] * 3
    assert dict(seen[0][1])["canAutoExecute"] == (bool, True)
    assert vars(TickAttrib()) == {"canAutoExecute": False, "pastLimit": False, "preOpen": False}


@every_stream
@pytest.mark.parametrize("how", ["start", "attribute", "set"])
def test_a_class_that_somebody_changed_is_called(
    stream_class: Any, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes attributes without running the class sees that the class is another."""
    before = TickAttrib.__init__
    heard: list[Any] = []

    def start(self: Any) -> None:
        before(self)
        self.mine = 7

    def put(self: Any, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        object.__setattr__(self, "put", True)

    sink = Sink()
    sink.low.tickPrice = lambda *args: heard.append(args[3])
    stream = stream_class(NEWEST, sink, sink.other)
    stream.feed(frame(price(attrMask=2)))
    if how == "start":
        monkeypatch.setattr(TickAttrib, "__init__", start)
    elif how == "attribute":
        monkeypatch.setattr(TickAttrib, "mine", 7, raising=False)
    else:
        monkeypatch.setattr(TickAttrib, "__setattr__", put)
    stream.feed(frame(price(attrMask=2)))
    monkeypatch.undo()
    stream.feed(frame(price(attrMask=2)))
    usual: dict[str, Any] = {"canAutoExecute": False, "pastLimit": True, "preOpen": False}
    more: dict[str, dict[str, Any]] = {"start": {"mine": 7}, "set": {"put": True}}
    assert [vars(attrib) for attrib in heard] == [usual, {**usual, **more.get(how, {})}, usual]
    assert {type(attrib) for attrib in heard} == {TickAttrib}


@every_stream
def test_ids_of_the_framework_go_to_the_other_side(stream_class: Any) -> None:
    sink = Sink()
    told = []
    sink.low.tickSize = lambda req_id, *_args: told.append(("low", req_id))
    sink.high.tickSize = lambda req_id, *_args: told.append(("high", req_id))
    stream = stream_class(NEWEST, sink, sink.other)
    ids = [0, 5, 300, FIRST_REQUEST_ID - 1, FIRST_REQUEST_ID, FIRST_REQUEST_ID + 10**6]
    stream.feed(b"".join(frame(size(req_id)) for req_id in ids))
    assert told == [("high" if req_id >= FIRST_REQUEST_ID else "low", req_id) for req_id in ids]


@every_stream
def test_only_hot_messages_have_a_route(stream_class: Any) -> None:
    sink = Sink()
    stream = stream_class(NEWEST, sink, sink.other)
    for number in (0, 4, 200, 201, -1, 10**9):
        with pytest.raises(KeyError):
            stream.route(number, Route.SKIP)


@every_stream
def test_a_long_body_goes_on_in_one_piece(stream_class: Any) -> None:
    sink = Sink()
    long = make_body(17, bytes(range(256)) * 800, NEWEST, protobuf=True)
    stream = stream_class(NEWEST, sink, sink.other)
    data = frame(long) + frame(size())
    for begin in range(0, len(data), 9000):
        stream.feed(data[begin : begin + 9000])
    assert sink.log == [long, "tickSize"]
    assert stream.pending == 0


@every_stream
def test_any_kind_of_buffer_may_be_fed(stream_class: Any) -> None:
    sink = Sink()
    stream = stream_class(NEWEST, sink, sink.other)
    data = frame(size())
    assert [stream.feed(bytearray(data)), stream.feed(memoryview(data))] == [1, 1]
    with pytest.raises(TypeError):
        stream.feed("text")
    assert stream.feed(data) == 1


@every_stream
def test_an_error_is_told_at_every_later_call(stream_class: Any) -> None:
    sink = Sink()
    stream = stream_class(NEWEST, sink, sink.other, limit=60)
    with pytest.raises(FramingError) as first:
        stream.feed(frame(size()) + (61).to_bytes(4, "big") + b"rest")
    assert (first.value.length, first.value.limit, sink.log) == (61, 60, ["tickSize"])
    with pytest.raises(FramingError):
        stream.feed(frame(size()))
    assert stream.pending == 0


# ---- numbers, to the last bit


NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str),
    st.from_regex(r"-?[0-9]{0,24}(\.[0-9]{0,26})?([eE][+-]?[0-9]{1,5})?", fullmatch=True),
    st.sampled_from(["9007199254740993", "0.1", "123456789012345.6", "9007199254740992.5", "1e23"]),
)


@settings(max_examples=5 * FEW)
@given(number=NUMBERS)
def test_numbers_in_text_are_the_same_to_the_last_bit(number: str) -> None:
    stream_class = list(IMPLEMENTATIONS.values())[-1]
    for fields in (b"6\x001\x004\0%b\x005\x001\0", b"6\x001\x004\x001.5\0%b\x001\0"):
        body = make_body(1, fields % number.encode(), 200, protobuf=False)
        ear = Ear()
        stream_class(200, ear, ear.other).feed(frame(body))
        (heard,) = ear.messages()
        verdict = judge(body, 200)
        assert heard == [body] or (verdict.error is None and tuple(heard) == verdict.calls)
        if number.replace(".", "", 1).isdigit():
            assert heard != [body]


# ---- nothing leaks


def objects_after(stream_class: Any, rounds: int) -> int:
    """Blocks of memory in use after so many rounds of every kind of message, errors included."""
    sink = Sink()

    def fall(*_args: Any) -> None:
        raise ValueError

    for name in CALLED[::2]:
        setattr(sink.low, name, fall)
    sink.message_done = sink.log.clear
    stream = stream_class(NEWEST, sink, sink.other)
    sent = [bodies.valid_texts(number, 205, seed) for number in HOT for seed in range(3)]
    sent += [price(attrMask=mask) for mask in range(8)]
    sent += [size(2**30 + k, f"{k}.{k}") for k in range(50)]
    sent += [BROKEN, NOT_HOT, b"", price(size="x"), size(1, "\u00e9"), price(2, 1, size="")]
    sent += [make_body(99, quote, NEWEST, protobuf=True) for quote in TICKS]
    data = b"".join(map(frame, sent))
    for begin in range(rounds):
        cut = begin % len(data)
        stream.feed(data[:cut])
        stream.feed(data[cut:])
    gc.collect()
    return sys.getallocatedblocks()


def _tick_by_tick() -> list[bytes]:
    made = []
    for kind in (1, 3, 4):
        message = message_class("TickByTickData")(reqId=3, tickType=kind)
        if kind == 1:
            message.historicalTickLast.size = "5"
            message.historicalTickLast.tickAttribLast.pastLimit = True
            message.historicalTickLast.exchange = "\u00e9"
        elif kind == 3:
            message.historicalTickBidAsk.sizeBid = "5"
        else:
            message.historicalTickMidPoint.price = 2.5
        made.append(message.SerializeToString())
    # Made in part when it declines: a price, attributes, and then an exchange that is no text.
    made.append(b"\x08\x01\x10\x01\x1a\x0f\x19\1\2\3\4\5\6\7\x40\x22\x01\x35\x2a\x01\xff")
    return made


TICKS = _tick_by_tick()


def test_no_reference_is_lost_or_taken_twice() -> None:
    """Lost ones would add up: some thousand messages, and the blocks in use stay level."""
    stream_class = list(IMPLEMENTATIONS.values())[-1]
    gc.collect()
    objects_after(stream_class, 60)  # the caches are full
    counts = [objects_after(stream_class, 150) for _ in range(4)]
    # The middle one of three: some other thread may have its own doings once.
    growth = statistics.median(after - before for before, after in itertools.pairwise(counts))
    assert abs(growth) < 60


def test_a_stream_goes_with_its_sink() -> None:
    """They know each other: the collector finds the ring, half a frame and all."""
    stream_class = list(IMPLEMENTATIONS.values())[-1]

    class Ring(Sink):
        stream: Any

    sink = Ring()
    sink.stream = stream_class(NEWEST, sink, sink.other)
    sink.stream.feed(frame(size()) + b"\0\0")
    gone = weakref.ref(sink)
    del sink
    gc.collect()
    assert gone() is None


def test_the_size_of_a_price_goes_with_an_interrupt() -> None:
    """It is made before the price is told, and never told when that ends the program."""
    sink = Sink()

    def interrupted(*_args: Any) -> None:
        raise KeyboardInterrupt

    def failed(function: Any, error: BaseException) -> None:
        assert function is interrupted
        raise error

    sink.low.tickPrice = interrupted
    sink.failed = failed  # type: ignore[method-assign]
    stream = list(IMPLEMENTATIONS.values())[-1](NEWEST, sink, sink.other)
    data = frame(price(size="1234567890.123456"))  # too long to be kept
    counts = []
    for _ in range(4):
        for _ in range(200):
            with contextlib.suppress(KeyboardInterrupt):
                stream.feed(data)
        gc.collect()
        counts.append(sys.getallocatedblocks())
    growth = statistics.median(after - before for before, after in itertools.pairwise(counts))
    assert abs(growth) < 60


@every_stream
def test_what_is_called_at_the_release_is_a_callback_too(stream_class: Any) -> None:
    sink = Sink()
    stream: Any = stream_class(NEWEST, sink, lambda _body: stream.hold())
    refused: list[RuntimeError] = []

    def fed() -> None:
        with pytest.raises(RuntimeError, match="within a callback") as caught:
            stream.feed(frame(size()))
        refused.append(caught.value)
        sink.message_done = None

    sink.message_done = fed
    assert stream.feed(frame(NOT_HOT) + frame(size())) == 1
    assert not refused
    assert stream.release() == 1
    assert len(refused) == 1
    assert sink.log == ["tickSize"]
