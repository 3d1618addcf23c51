"""The stream, in Python and compiled: bytes go in, each message comes out once, in order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import settings

from tests.wire.hot import bodies
from tests.wire.hot.by_hand import NEWEST, price
from tests.wire.hot.implementations import every_stream
from tests.wire.hot.oracle import Ear, Told, compare, judge, through
from tests.wire.hot.streaming import ORDER_STATUS, Bench, every_version, hot, mixed, other
from twsloop.errors import FramingError
from twsloop.wire.framing import MAX_FRAME, frame
from twsloop.wire.hot.calls import CALLED, HOT, Route

FEW = max(6, settings().max_examples // 2)

# ---- cutting


@every_stream
@every_version
def test_cut_into_two_reads_anywhere(stream_class: Any, version: int) -> None:
    sent = mixed(version)
    data = b"".join(map(frame, sent))
    starts = list(itertools.accumulate((4 + len(body) for body in sent), initial=0))
    whole = through(stream_class, version, sent)
    known = Bench(stream_class, version)
    for cut in range(len(data) + 1):
        for bench in (known, Bench(stream_class, version)):  # one that has seen them, one that not
            bench.ear.log.clear()
            first = bench.stream.feed(data[:cut])
            assert first == sum(start <= cut for start in starts[1:])
            assert bench.stream.pending == cut - starts[first]
            assert first + bench.stream.feed(data[cut:]) == len(sent)
            assert bench.ear.messages() == whole
            assert bench.stream.pending == 0


@every_stream
@every_version
def test_byte_by_byte(stream_class: Any, version: int) -> None:
    sent = mixed(version)
    data = b"".join(map(frame, sent))
    assert through(stream_class, version, sent, range(len(data))) == through(
        stream_class, version, sent
    )


@every_stream
@every_version
def test_each_message_is_judged_by_itself(stream_class: Any, version: int) -> None:
    sent = mixed(version)
    for body, heard in zip(sent, through(stream_class, version, sent), strict=True):
        if heard == [body]:
            assert type(heard[0]) is bytes
        else:
            compare(body, version, heard, decoded=True)


@every_stream
@pytest.mark.parametrize("size", range(9))
@every_version
def test_short_bodies_are_handed_on_whole(stream_class: Any, version: int, size: int) -> None:
    short = [bytes(size), b"\xff" * size, b"1\0" * (size // 2) + b"1" * (size % 2), b"7" * size]
    bench = Bench(stream_class, version)
    for body in short:
        bench.ear.log.clear()
        assert bench.feed(hot(2, version), body, hot(2, version)) == 3
        before, heard, after = bench.ear.messages()
        assert before == after != []
        compare(body, version, heard)


@every_stream
def test_numbers_that_are_none_of_its_own(stream_class: Any) -> None:
    fields = b"".join(price())
    for number in (0, 3, 17, 100, 199, 200, 203, 299 + 1, 400, 401, 2**31, 2**31 + 201, 2**32 - 1):
        body = number.to_bytes(4, "big") + fields
        assert through(stream_class, NEWEST, [body, body]) == [[body], [body]]
    for head in (b"", b"01\0", b"+1\0", b" 1\0", b"1 \0", b"-1\0", b"201\0", b"1", b"\0", b"x\0"):
        body = head + b"6\x007\x001\x00189.5\x00100\x001\0"
        heard = through(stream_class, 200, [body, body])
        assert heard == [[body], [body]]


@every_stream
@every_version
def test_bytes_may_come_as_any_buffer_and_are_not_kept(stream_class: Any, version: int) -> None:
    data = frame(hot(1, version)) + frame(other(version))
    for kind in (bytearray, memoryview):
        bench = Bench(stream_class, version)
        for cut in (5, 20, len(data)):
            piece = bytearray(data[:cut])
            bench.stream.feed(kind(piece))
            piece[:] = bytes(len(piece))
            bench.stream.feed(kind(bytearray(data[cut:])))
        assert bench.heard == ["tickPrice", "tickSize", ".", "other", "."] * 3


@every_stream
@every_version
def test_a_long_message_in_many_reads(stream_class: Any, version: int) -> None:
    long = other(version, b"7" * 300_000)
    sent = [hot(1, version), long, hot(2, version), long]
    assert through(stream_class, version, sent, range(0, 700_000, 4099))[1::2] == [[long], [long]]


# ---- lengths that cannot be


@every_stream
@every_version
@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**31 - 1, 2**31, 2**32 - 1])
def test_a_length_that_cannot_be(stream_class: Any, version: int, length: int) -> None:
    good = frame(hot(1, version)) + frame(other(version))
    for rest in (b"", b"\0\0\0\xc9", good):
        data = good + length.to_bytes(4, "big") + rest
        for cut in (0, 3, len(good), len(good) + 3, len(good) + 4, len(data)):
            bench = Bench(stream_class, version)
            with pytest.raises(FramingError):
                bench.feed_all(data[:cut], data[cut:])
            assert bench.heard == ["tickPrice", "tickSize", ".", "other", "."]
            assert bench.stream.pending == 0
            for more in (b"", good):
                with pytest.raises(FramingError):
                    bench.stream.feed(more)
            assert len(bench.heard) == 5


@every_stream
@every_version
def test_the_longest_body_that_is_accepted(stream_class: Any, version: int) -> None:
    body = other(version)
    body += b"7" * (100 - len(body))
    assert Bench(stream_class, version, limit=100).feed(body, body) == 2
    bench = Bench(stream_class, version, limit=100)
    with pytest.raises(FramingError):
        bench.feed(body, body + b"7", body)
    assert bench.heard == ["other", "."]
    # A hot message is no exception, known or not.
    size = len(hot(1, version))
    known = Bench(stream_class, version, limit=size)
    assert known.feed(hot(1, version)) == 1
    with pytest.raises(FramingError):
        known.stream.feed((size + 1).to_bytes(4, "big") + hot(1, version) + b"\0")


# ---- callbacks that raise


@every_stream
@every_version
@pytest.mark.parametrize("number", HOT, ids=lambda number: HOT[number][-1])
def test_one_that_raises_is_named_and_the_others_are_heard(
    stream_class: Any, version: int, number: int
) -> None:
    body = hot(number, version)
    calls = judge(body, version).calls
    assert calls
    for names in ({call.name} for call in calls):
        ear = Ear(raising={name: ValueError(name) for name in names})
        stream = stream_class(version, ear, ear.other)
        assert stream.feed(frame(body) * 2) == 2
        for heard in ear.messages():
            assert tuple(heard) == calls
        assert [(name, type(error)) for name, error in ear.failures] == [
            (name, ValueError) for name in names
        ] * 2


@every_stream
def test_what_raised_is_the_very_function_that_was_called(stream_class: Any) -> None:
    bench = Bench(stream_class)
    told: list[Any] = []

    def broken(*_args: object) -> None:
        raise ValueError

    bench.ear.failed = lambda function, error: told.append((function, error))  # type: ignore[method-assign]
    stream = stream_class(NEWEST, bench.ear, bench.ear.other)
    bench.ear.low.tickPrice = broken
    stream.feed(frame(hot(1, NEWEST)))
    ((function, error),) = told
    assert function is broken
    assert type(error) is ValueError
    assert bench.heard == ["tickSize", "."]


def ends_program(ear: Ear) -> None:
    """What raises in a callback is raised again, as the product does in the main thread."""

    def failed(_function: object, error: BaseException) -> None:
        raise error

    ear.failed = failed  # type: ignore[method-assign,assignment]


@every_stream
@every_version
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
@pytest.mark.parametrize("where", ["tickPrice", "tickSize", "other", "message_done"])
def test_what_ends_the_program_leaves_the_stream_as_it_has_to_be(
    stream_class: Any, version: int, error: type[BaseException], where: str
) -> None:
    """Each message is handed over once; the one that it came from is over."""
    ear = Ear()
    ends_program(ear)
    armed = [True]

    def end(*_args: object) -> None:
        if armed:
            armed.clear()
            raise error

    def tell_other(body: bytes) -> None:
        ear.other(body)
        if where == "other":
            end()

    def done() -> None:
        ear.log.append(None)
        if where == "message_done":
            end()

    ear.message_done = done
    if where in CALLED:
        tell = getattr(ear.low, where)

        def tell_and_end(*args: Any) -> None:
            tell(*args)
            end()

        setattr(ear.low, where, tell_and_end)
    stream = stream_class(version, ear, tell_other)
    later = other(version, b"later\0")
    data = b"".join(map(frame, [hot(45, version), hot(1, version), other(version), later]))
    with pytest.raises(error):
        stream.feed(data + b"\0\0")
    stream.feed(b"")
    assert stream.pending == 2
    assert stream.feed(b"\0" * 2) == 1
    told = [entry.name for entry in ear.log if isinstance(entry, Told)]
    assert told == ["tickGeneric", "tickPrice", *(["tickSize"] if where != "tickPrice" else [])]
    handed = [entry for entry in ear.log if isinstance(entry, bytes)]
    assert handed == [other(version), later, b""]


@every_stream
@every_version
def test_a_length_that_cannot_be_does_not_hide_what_ends_the_program(
    stream_class: Any, version: int
) -> None:
    bench = Bench(stream_class, version)
    ends_program(bench.ear)
    stream = stream_class(version, bench.ear, bench.ear.other)

    def end(*_args: object) -> None:
        raise KeyboardInterrupt

    bench.ear.low.tickPrice = end
    with pytest.raises(KeyboardInterrupt):
        stream.feed(frame(hot(1, version)) + b"\xff" * 4)
    for _ in range(2):
        with pytest.raises(FramingError):
            stream.feed(b"")


# ---- callbacks that change something


@every_stream
@every_version
@pytest.mark.parametrize("again", [b"", frame(b"x")])
def test_bytes_are_not_fed_from_within(stream_class: Any, version: int, again: bytes) -> None:
    bench = Bench(stream_class, version)
    refused: list[str] = []

    def feed(*_args: object) -> None:
        with pytest.raises(RuntimeError, match="from within a callback"):
            bench.stream.feed(again)
        refused.append("yes")

    bench.on("tickPrice", feed)
    bench.on_other = feed
    assert bench.feed(hot(1, version), other(version), hot(2, version)) == 3
    assert len(refused) == 2
    assert bench.heard == ["tickPrice", "tickSize", ".", "other", ".", "tickSize", "."]


@every_stream
@every_version
@pytest.mark.parametrize("where", ["tickPrice", "tickSize", "other", "done"])
def test_nothing_comes_after_a_stop(stream_class: Any, version: int, where: str) -> None:
    bench = Bench(stream_class, version)

    def stop(*_args: object) -> None:
        bench.stream.stop()

    if where == "other":
        bench.on_other = stop
    elif where == "done":
        bench.ear.message_done = stop
    else:
        bench.on(where, stop)
    first = other(version) if where == "other" else hot(1, version)
    assert bench.feed(first, hot(2, version), other(version)) == 1
    heard = bench.heard
    assert [name for name in heard if name != "."] == (
        ["other"] if where == "other" else ["tickPrice", "tickSize"]
    )
    assert bench.stream.pending == 0
    assert bench.feed(hot(2, version)) == bench.stream.feed(b"\0") == 0
    assert bench.stream.release() == 0
    assert (bench.heard, bench.stream.pending) == (heard, 0)


@every_stream
@every_version
def test_a_stop_is_not_taken_back(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)

    def end(_body: bytes) -> None:
        bench.stream.hold()
        bench.stream.stop()
        bench.stream.release()

    bench.on_other = end
    assert bench.feed(other(version), hot(1, version)) == 1
    assert bench.feed(hot(1, version)) == 0
    assert "tickPrice" not in bench.heard


@every_stream
@every_version
def test_what_waits_is_forgotten_at_a_stop(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)
    data = frame(hot(1, version))
    bench.stream.feed(data[:-1])
    bench.stream.stop()
    assert bench.stream.feed(data[-1:]) == 0
    assert (bench.heard, bench.stream.pending) == ([], 0)


@every_stream
@every_version
def test_a_route_is_that_of_the_next_message(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)
    routes = iter([Route.OTHER, Route.SKIP, Route.HOT])

    def reroute(*_args: object) -> None:
        bench.stream.route(1, next(routes))

    bench.on("tickPrice", reroute)
    bench.on_other = reroute
    price_1, price_2 = hot(1, version), hot(1, version)
    assert bench.feed(price_1, price_2, price_2, price_1, hot(2, version)) == 5
    told = ["tickPrice", "tickSize", "."]
    assert bench.heard == [*told, "other", ".", ".", ".", "tickSize", "."]
    reroute()
    bench.ear.log.clear()
    bench.on("tickPrice", lambda *_: None)
    routes = iter([Route.OTHER] * 9)
    assert bench.feed(price_1) == 1
    assert bench.heard == told


@every_stream
@every_version
@pytest.mark.parametrize("number", HOT)
def test_every_hot_message_is_routed(stream_class: Any, version: int, number: int) -> None:
    """In each of its forms, whether it came before or not."""
    forms = [hot(number, version)]
    if version >= 201:
        forms.append(bodies.valid_texts(number, 200, 5))
        forms[-1] = number.to_bytes(4, "big") + forms[-1].partition(b"\0")[2]
        forms.append((200 + number).to_bytes(4, "big") + b"\x08\x07")
    bench = Bench(stream_class, version)
    bench.feed(*forms)
    hot_way = bench.heard
    for route, expected in ((Route.SKIP, ["."]), (Route.OTHER, ["other", "."])):
        bench.stream.route(number, route)
        bench.ear.log.clear()
        assert bench.feed(*forms) == len(forms)
        assert bench.heard == expected * len(forms)
    bench.stream.route(number, Route.HOT)
    bench.ear.log.clear()
    bench.feed(*forms)
    assert bench.heard == hot_way


@every_stream
def test_no_other_message_has_a_route(stream_class: Any) -> None:
    with pytest.raises(KeyError):
        Bench(stream_class).stream.route(ORDER_STATUS, Route.SKIP)


@every_stream
@every_version
def test_functions_are_looked_up_at_each_call(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)
    heard: list[str] = []

    def replace(*_args: object) -> None:
        heard.append("first")
        bench.ear.low.tickSize = lambda *_args: heard.append("new size")
        bench.ear.low.tickPrice = lambda *_args: heard.append("new price")

    bench.ear.low.tickPrice = replace
    bench.feed(hot(1, version), hot(1, version), hot(2, version))
    assert heard == ["first", "new size", "new price", "new size", "new size"]


@every_stream
@every_version
def test_the_end_of_messages_is_told_to_whoever_wants_it(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)
    bench.ear.message_done = None
    assert bench.feed(*mixed(version)) == len(mixed(version))
    assert "." not in bench.heard
    ended: list[int] = []
    bench.ear.message_done = lambda: ended.append(1)
    bench.stream.route(2, Route.SKIP)
    assert bench.feed(*mixed(version)) == len(mixed(version)) == len(ended)
