"""A beat comes when nothing earlier can come any more."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.manual_feed import START_NS, ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.requests.history_beat import Beat, beat_of, history_of

NS = 10**9
SECOND = START_NS // NS


@pytest.fixture
def feed() -> ManualFeed:
    return ManualFeed()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def beat(feed: ManualFeed, clock: ManualClock) -> AsyncIterator[Beat]:
    async with PaperGateway(feed=feed, clock=clock) as gateway:
        yield beat_of(gateway.hub)
        assert history_of(gateway.hub).last_ns >= 0


async def test_the_clock_beats_a_little_late(beat: Beat, clock: ManualClock) -> None:
    heard: list[int] = []
    beat.listen(heard.append)
    clock.advance(5.2)
    assert heard == []
    clock.advance(0.1)
    assert heard == [SECOND + 5]
    clock.advance(10)
    assert heard == [SECOND + 5, SECOND + 10, SECOND + 15]


async def test_a_later_event_beats_at_once(
    beat: Beat, feed: ManualFeed, clock: ManualClock
) -> None:
    heard: list[int] = []
    beat.listen(heard.append)
    clock.advance(5)
    feed.time_ns = (SECOND + 5) * NS - 10**6
    feed.send([feed.trade("AAPL", 1.0)])
    assert heard == [SECOND + 5]
    clock.advance(1)
    assert heard == [SECOND + 5]


async def test_several_beats_may_be_due(beat: Beat, feed: ManualFeed, clock: ManualClock) -> None:
    heard: list[int] = []
    beat.listen(heard.append)
    feed.time_ns = (SECOND + 17) * NS
    feed.send([feed.trade("AAPL", 1.0)])
    assert heard == [SECOND + 5, SECOND + 10, SECOND + 15]


async def test_a_night_has_no_beats(beat: Beat, feed: ManualFeed) -> None:
    heard: list[int] = []
    beat.listen(heard.append)
    feed.time_ns = (SECOND + 8 * 3600 + 3) * NS
    feed.send([feed.trade("AAPL", 1.0)])
    assert heard == [SECOND + 5, SECOND + 8 * 3600]


async def test_a_replay_beats_with_its_data_alone(
    beat: Beat, feed: ManualFeed, clock: ManualClock
) -> None:
    feed.time_ns = (SECOND - 400 * 86_400) * NS
    feed.send([feed.trade("AAPL", 1.0)])
    heard: list[int] = []
    beat.listen(heard.append)
    clock.advance(60)
    assert heard == []
    feed.time_ns += 5 * NS
    feed.send([feed.trade("AAPL", 1.0)])
    assert heard == [SECOND - 400 * 86_400 + 5]


async def test_who_does_not_listen_hears_nothing(beat: Beat, clock: ManualClock) -> None:
    first: list[int] = []
    second: list[int] = []
    beat.listen(first.append)
    beat.listen(second.append)
    clock.advance(6)
    beat.unlisten(first.append)
    clock.advance(5)
    assert (len(first), len(second)) == (1, 2)
    pending = clock.pending()
    beat.unlisten(second.append)
    assert clock.pending() == pending - 1
    clock.advance(10)
    assert len(second) == 2
