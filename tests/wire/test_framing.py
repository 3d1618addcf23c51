from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.errors import FramingError
from twsloop.wire.framing import MAX_FRAME, FrameReader, frame


def read(reader: FrameReader, *pieces: bytes) -> list[bytes]:
    got: list[bytes] = []
    for piece in pieces:
        reader.feed(piece)
        got += reader.frames()
    return got


def test_a_frame_is_length_and_body() -> None:
    assert frame(b"ab") == b"\0\0\0\2ab"
    assert frame(b"") == b"\0\0\0\0"


def test_a_body_above_the_limit_has_no_frame() -> None:
    with pytest.raises(FramingError) as caught:
        frame(bytes(MAX_FRAME + 1))
    assert caught.value.length == MAX_FRAME + 1


def test_the_longest_frame_passes() -> None:
    body = bytes(MAX_FRAME)
    assert read(FrameReader(), frame(body)) == [body]


def test_an_empty_frame_is_an_empty_body() -> None:
    assert read(FrameReader(), frame(b"") + frame(b"x") + frame(b"")) == [b"", b"x", b""]


@given(st.data())
def test_any_split_gives_the_same_frames(data: st.DataObject) -> None:
    bodies = data.draw(st.lists(st.binary(max_size=300), max_size=12))
    tail = data.draw(st.sampled_from([b"", b"\0", b"\0\0\0\5ab"]))
    stream = b"".join(map(frame, bodies)) + tail
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=40)))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    reader = FrameReader()
    assert read(reader, *pieces) == bodies
    assert reader.pending == len(tail)


def test_byte_by_byte() -> None:
    stream = frame(b"hello") + frame(b"") + frame(b"world")
    assert read(FrameReader(), *(bytes([byte]) for byte in stream)) == [b"hello", b"", b"world"]


def test_feeding_stores_only_and_frames_may_be_left_and_taken_up() -> None:
    reader = FrameReader()
    reader.feed(frame(b"1") + frame(b"2") + b"\0\0")
    assert reader.pending == 12
    frames = reader.frames()
    assert next(frames) == b"1"
    reader.feed(b"\0\1" + b"3" + frame(b"4"))
    assert next(frames) == b"2"
    assert list(reader.frames()) == [b"3", b"4"]
    assert list(frames) == []
    assert reader.pending == 0


def test_a_fed_bytearray_may_change_afterwards() -> None:
    reader = FrameReader()
    buffer = bytearray(frame(b"abc"))
    reader.feed(buffer)
    buffer[:] = bytes(len(buffer))
    assert list(reader.frames()) == [b"abc"]


def test_oversize_ends_the_stream_for_ever_after_the_frames_before_it() -> None:
    reader = FrameReader(limit=4)
    reader.feed(frame(b"ok") + b"\0\0\0\5")
    frames = reader.frames()
    assert next(frames) == b"ok"
    with pytest.raises(FramingError, match="5 bytes was announced; at most 4"):
        next(frames)
    reader.feed(frame(b"ok"))
    assert reader.pending == 0
    with pytest.raises(FramingError):
        next(reader.frames())


def test_a_large_frame_in_small_pieces_costs_linear_time() -> None:
    # 4 MB in pieces of 1 kB: quadratic copying would take minutes, and the timeout end it.
    body = bytes(range(256)) * 16384
    stream = frame(body)
    reader = FrameReader()
    for start in range(0, len(stream), 1023):
        reader.feed(stream[start : start + 1023])
    assert list(reader.frames()) == [body]
