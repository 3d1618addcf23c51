"""A stream that is held: what comes waits, in order, and nothing of it is lost."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.hot.implementations import every_stream
from tests.wire.hot.streaming import Bench, every_version, hot, mixed, other
from twsloop.errors import FramingError
from twsloop.wire.framing import frame
from twsloop.wire.hot.calls import Route

FEW = max(6, settings().max_examples // 2)
PRICE = ["tickPrice", "tickSize", "."]


def held(stream_class: Any, version: int) -> Bench:
    """A bench whose other messages hold the stream."""
    bench = Bench(stream_class, version)
    bench.on_other = lambda _body: bench.stream.hold()
    return bench


@every_stream
@every_version
def test_nothing_passes_the_message_that_holds(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    stream = bench.stream
    assert not stream.held
    bench.feed(hot(1, version), other(version), hot(2, version))
    assert stream.held
    assert bench.heard == [*PRICE, "other"], "its end is not told, either"
    assert stream.pending == 0
    for byte in frame(hot(45, version)):
        assert stream.feed(bytes([byte])) == 0
    assert stream.feed(b"") == stream.pending == 0
    stream.feed(b"\0")
    assert bench.heard == [*PRICE, "other"]
    assert stream.release() == 2
    assert not stream.held
    assert bench.heard == [*PRICE, "other", ".", "tickSize", ".", "tickGeneric", "."]
    assert stream.pending == 1
    assert stream.release() == 0
    assert len(bench.heard) == 9


@every_stream
@every_version
def test_one_that_comes_after_it_may_hold_again(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    bench.feed(other(version), other(version), hot(1, version), other(version))
    heard = ["other"]
    for more in (["other"], [*PRICE, "other"], []):
        assert bench.heard == heard
        assert bench.stream.held
        bench.stream.release()
        heard += [".", *more]
    assert (bench.heard, bench.stream.held) == (heard, False)
    assert bench.feed(hot(1, version)) == 1


@every_stream
@every_version
def test_what_is_taken_back_at_once_is_no_hold(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)

    def change_mind(_body: bytes) -> None:
        bench.stream.hold()
        assert bench.stream.release() == 0

    bench.on_other = change_mind
    assert bench.feed(other(version), hot(1, version)) == 2
    assert bench.heard == ["other", ".", *PRICE]
    assert bench.stream.release() == 0
    assert len(bench.heard) == 5


@every_stream
@every_version
def test_a_hot_message_that_holds_is_told_whole(stream_class: Any, version: int) -> None:
    bench = Bench(stream_class, version)
    bench.on("tickPrice", lambda *_args: bench.stream.hold())
    bench.feed(hot(1, version), hot(2, version))
    assert bench.heard == ["tickPrice", "tickSize"]
    bench.stream.release()
    assert bench.heard == [*PRICE, "tickSize", "."]


@every_stream
@every_version
def test_a_stop_ends_a_hold(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    bench.feed(other(version), hot(1, version))
    bench.stream.stop()
    assert bench.stream.release() == 0
    assert bench.stream.feed(b"\0") == bench.stream.pending == 0
    assert bench.feed(hot(1, version)) == 0
    assert bench.heard == ["other"]


@every_stream
@every_version
def test_a_length_that_cannot_be_waits_too(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    bench.stream.feed(frame(other(version)) + frame(hot(1, version)) + b"\xff" * 4)
    assert bench.stream.feed(b"\xff") == 0
    with pytest.raises(FramingError):
        bench.stream.release()
    assert bench.heard == ["other", ".", *PRICE]
    assert (bench.stream.pending, bench.stream.release()) == (0, 0)
    with pytest.raises(FramingError):
        bench.stream.feed(b"")


@every_stream
@every_version
def test_a_frame_that_was_cut_waits_for_its_rest(stream_class: Any, version: int) -> None:
    data = frame(hot(1, version))
    for cut in range(1, len(data)):
        for later in range(cut, len(data)):
            bench = held(stream_class, version)
            bench.stream.feed(frame(other(version)) + data[:cut])
            bench.stream.feed(data[cut:later])
            assert bench.stream.pending == 0
            assert bench.stream.release() == 0
            assert bench.stream.pending == later
            assert bench.stream.feed(data[later:] + data) == 2
            assert bench.heard == ["other", ".", *PRICE, *PRICE]


@every_stream
@every_version
def test_a_route_is_changed_meanwhile(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    bench.feed(hot(1, version), other(version), hot(1, version), hot(2, version))
    bench.stream.route(1, Route.SKIP)
    assert bench.stream.release() == 2
    assert bench.heard == [*PRICE, "other", ".", ".", "tickSize", "."]


@every_stream
@every_version
def test_what_ends_the_program_in_the_midst_of_a_release(stream_class: Any, version: int) -> None:
    bench = held(stream_class, version)
    bench.feed(other(version), hot(1, version), hot(2, version))

    def end() -> None:
        bench.ear.message_done = None
        raise KeyboardInterrupt

    bench.ear.message_done = end
    with pytest.raises(KeyboardInterrupt):
        bench.stream.release()
    assert not bench.stream.held
    bench.stream.feed(b"")
    assert bench.heard == ["other", "tickPrice", "tickSize", "tickSize"]


steps = st.lists(
    st.integers(0, 60).map(lambda size: ("feed", size))
    | st.just(("release", 0))
    | st.sampled_from([("feed", 400), ("feed", 4000)]),
    max_size=40,
)


@every_stream
@settings(max_examples=4 * FEW)
@given(
    data=st.data(),
    version=st.sampled_from([200, 206, 225]),
    holders=st.sets(st.integers(0, 30)),
    todo=steps,
)
def test_whatever_holds_each_message_is_heard_once_in_its_turn(
    stream_class: Any, data: Any, version: int, holders: set[int], todo: list[tuple[str, int]]
) -> None:
    """Some of the others hold; bytes come, and it is released, in any order."""
    kinds = [*mixed(version), hot(99, version), hot(12, version)]
    sent = data.draw(st.lists(st.sampled_from(kinds), max_size=12))
    plain = Bench(stream_class, version)
    plain.feed(*sent)
    bench, others = Bench(stream_class, version), itertools.count()

    def hold(_body: bytes) -> None:
        if next(others) in holders:
            bench.stream.hold()

    bench.on_other = hold
    rest, count = b"".join(map(frame, sent)), 0
    for what, size in (*todo, ("feed", len(rest))):
        if what == "feed":
            piece, rest = rest[:size], rest[size:]
            before = len(bench.ear.log)
            was_held = bench.stream.held
            count += bench.stream.feed(piece)
            assert not was_held or len(bench.ear.log) == before
        else:
            count += bench.stream.release()
        expected = plain.ear.log[: len(bench.ear.log)]
        assert bench.ear.log == expected
    while bench.stream.held:
        count += bench.stream.release()
    assert bench.ear.log == plain.ear.log
    assert (count, bench.stream.pending) == (len(sent), 0)
