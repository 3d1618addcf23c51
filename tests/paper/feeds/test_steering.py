"""A hand on a feed: what it says is let through, but for what is held."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import pytest

from tests.support.manual_feed import ManualFeed
from twsloop.clock import ManualClock
from twsloop.paper.feeds.steering import SteeredFeed
from twsloop.paper.market.vocabulary import Event


@pytest.fixture
def source() -> ManualFeed:
    return ManualFeed()


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def steered(source: ManualFeed, heard: list[Event]) -> SteeredFeed:
    feed = SteeredFeed(source)

    def sink(events: Iterable[Event]) -> None:
        heard.extend(events)

    feed.start(sink, ManualClock())
    return feed


def test_nothing_held_is_let_through_as_it_is(
    source: ManualFeed, steered: SteeredFeed, heard: list[Event]
) -> None:
    events: list[Event] = [source.quote("AAPL", 1, 2), source.trade("MSFT", 5)]
    source.send(events)
    assert heard == events


def test_what_is_held_is_left_out_but_for_what_is_injected(
    source: ManualFeed, steered: SteeredFeed, heard: list[Event]
) -> None:
    con_id = source.instrument("AAPL").con_id
    steered.held.add(con_id)
    other = source.trade("MSFT", 5)
    mine = source.quote("AAPL", 3, 4)
    source.send([source.quote("AAPL", 1, 2), other])
    steered.inject([mine])
    assert heard == [other, mine]
    steered.held.clear()
    steered.frozen = True
    source.send([other])
    assert heard == [other, mine]


def test_a_lazy_batch_is_gone_through_all_the_same(
    source: ManualFeed, steered: SteeredFeed
) -> None:
    """On a market clock the batch moves the time while it is made."""
    made: list[int] = []

    def batch() -> Iterable[Event]:
        for number in range(3):
            made.append(number)
            yield source.trade("AAPL", 5)

    steered.frozen = True
    steered._relay(batch())
    assert made == [0, 1, 2]


def test_all_else_is_the_feed_s(source: ManualFeed, steered: SteeredFeed) -> None:
    con_id = source.instrument("AAPL").con_id
    assert steered.instruments is source.instruments
    assert steered.book(con_id) is source.book(con_id)
    assert steered.always_open == source.always_open
    assert steered.finished is source.finished
    assert steered.time_ns == source.time_ns  # what only this feed has
    steered.subscribe(con_id)
    assert source.watched == [con_id]
    steered.unsubscribe(con_id)
    assert source.watched == []
    steered.pause()
    assert source.paused
    steered.resume()
    assert not source.paused
    steered.stop()
    assert source.sink is None
    with pytest.raises(AttributeError):
        _ = steered.nothing_of_that_name
    assert source.trade("AAPL", 1).size == Decimal(100)
