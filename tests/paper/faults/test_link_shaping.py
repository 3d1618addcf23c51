"""What shapes bytes: whatever it does to times and places, the bytes come whole and in order."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.faults import frames
from twsloop.paper.faults.shaping import (
    Bursts,
    Cut,
    Delay,
    Drip,
    Lane,
    Repeat,
    Rewrite,
    Shaper,
    Stop,
    frames_of,
)
from twsloop.wire.framing import FrameReader, frame

chances = st.integers(0, 2**32).map(random.Random)
shapers: st.SearchStrategy[Callable[[], Shaper]] = st.one_of(
    st.builds(
        lambda s, j, c: lambda: Delay(s, j, c), st.floats(0, 3), st.floats(0, 3), chances
    ),
    st.builds(lambda n, i: lambda: Drip(n, i), st.integers(1, 9), st.floats(0.001, 2)),
    st.builds(
        lambda at, most, gap, c: lambda: Cut(at, most, gap, c),
        st.lists(st.integers(1, 30), max_size=4), st.integers(1, 9), st.floats(0, 1), chances,
    ),
    st.builds(lambda keep: lambda: Stop(keep), st.integers(1, 9)),
)  # fmt: skip
steps = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=40),
        st.floats(0, 5),
        st.sampled_from(["hold", "release", "add", "remove"]),
    ),
    max_size=40,
)


@given(st.lists(shapers, min_size=1, max_size=4), steps)
def test_bytes_come_whole_and_in_order_whatever_happens_to_them(
    makers: list[Callable[[], Shaper]], script: list[bytes | float | str]
) -> None:
    lane, now = Lane(), 0.0
    said, heard = bytearray(), bytearray()
    waiting, working = [make() for make in makers], list[Shaper]()
    for step in script:
        if isinstance(step, bytes):
            said += step
            lane.put(step, now)
        elif isinstance(step, float):
            now += step
        elif step == "hold":
            lane.hold(step)
        elif step == "release":
            lane.release("hold")
        elif step == "add" and waiting:
            working.append(waiting.pop())
            lane.add(working[-1])
        elif step == "remove" and working:
            lane.remove(working.pop(), now)
        heard += b"".join(lane.due(now))
        assert said.startswith(heard)
        assert lane.waiting == len(said) - len(heard)
    lane.release("hold")
    for shaper in working:
        lane.remove(shaper, now)
    heard += b"".join(lane.due(now))
    assert heard == said
    assert lane.plain


def test_a_lane_tells_when_more_is_due() -> None:
    lane = Lane()
    lane.add(Delay(2.0, 0.0, random.Random(1)))
    lane.put(b"late", 10.0)
    assert (list(lane.due(11.9)), lane.next_due()) == ([], 12.0)
    lane.hold("x")
    assert lane.next_due() is None
    lane.release("x")
    assert list(lane.due(12.0)) == [b"late"]
    assert lane.next_due() is None


def test_a_drip_keeps_its_rate_over_several_writes() -> None:
    lane = Lane()
    lane.add(Drip(2, 0.5))
    lane.put(b"abc", 0.0)
    lane.put(b"de", 0.1)
    assert [list(lane.due(at)) for at in (0.0, 0.4, 0.5, 0.9, 1.0)] == [
        [b"ab"], [], [b"c"], [], [b"de"],
    ]  # fmt: skip


def test_cuts_fall_where_they_were_asked_for_and_leave_a_gap() -> None:
    lane = Lane()
    lane.add(Cut([1, 4, 99], 1, 0.1, random.Random(1)))
    lane.put(b"abcdef", 0.0)
    assert [list(lane.due(at)) for at in (0.0, 0.1, 0.2)] == [[b"a"], [b"bcd"], [b"ef"]]


def test_a_stop_keeps_part_of_one_write_and_the_rest_for_later() -> None:
    lane = Lane()
    shaper = Stop(6)
    lane.add(shaper)
    lane.put(b"abcdefgh", 0.0)
    lane.put(b"next", 1.0)
    assert list(lane.due(1e9)) == [b"abcdef"]
    assert lane.next_due() is None
    lane.remove(shaper, 5.0)
    assert b"".join(lane.due(5.0)) == b"ghnext"


def test_a_stop_never_lets_a_whole_write_through() -> None:
    lane = Lane()
    lane.add(Stop(6))
    lane.put(b"abc", 0.0)
    assert list(lane.due(0.0)) == [b"ab"]


@given(st.lists(st.binary(max_size=30), min_size=1, max_size=9), st.integers(1, 3))
def test_repeating_keeps_frames_whole_and_side_by_side(bodies: list[bytes], times: int) -> None:
    lane = Lane()
    lane.add(Repeat(times))
    data = b"".join(frame(body) for body in bodies)
    assert [one[4:] for one in frames_of(data)] == bodies
    lane.put(data, 0.0)
    reader = FrameReader()
    reader.feed(b"".join(lane.due(0.0)))
    assert list(reader.frames()) == [body for body in bodies for _ in range(times + 1)]


def test_only_the_first_write_is_rewritten() -> None:
    lane = Lane()
    lane.add(Rewrite(lambda data: data.upper()))
    lane.put(b"abc", 0.0)
    lane.put(b"def", 0.0)
    assert list(lane.due(0.0)) == [b"ABC", b"def"]


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(1, 9000)), min_size=1, max_size=12),
    st.sampled_from([200, 225]),
)
def test_bursts_are_whole_blocks_and_quiet_follows_each(
    writes: list[tuple[float, int]], version: int
) -> None:
    due: list[float] = []
    lane, now = Lane(), 0.0
    lane.add(Bursts(lambda n: frames.filler(version, n), 4096, 1.5, lambda _: due.append(now)))
    last, heard, said = -math.inf, bytearray(), 0

    def leave() -> None:
        nonlocal last
        data = b"".join(lane.due(now))
        if data:
            assert len(data) % 4096 == 0
            assert now >= last + 1.5
            last = now
            heard.extend(data)

    for wait, size in writes:
        now += wait
        said += 1
        lane.put(frame(b"\0" * size), now)
        leave()
    now = last + 1.5
    lane.put(b"", now)
    leave()
    reader = FrameReader()
    reader.feed(heard)
    told = list(reader.frames())
    assert reader.pending == 0
    assert sum(not body.strip(b"\0") for body in told) == said


@pytest.mark.parametrize("version", [157, 200, 201, 213, 225])
def test_filling_fits_to_the_byte(version: int) -> None:
    with pytest.raises(ValueError, match="3"):
        frames.filler(version, 3)
    for size in (*range(24, 300), 4096, *range(16_380, 16_420), 20_000):
        assert len(frames.filler(version, size)) == size
