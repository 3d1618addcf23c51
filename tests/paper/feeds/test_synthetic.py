"""The synthetic market looks like one, and is the same for the same seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from twsloop.clock import ManualClock
from twsloop.errors import FeedError
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.market import ticks
from twsloop.paper.market.vocabulary import Event, Feed, QuoteChange, Trade

STANDARD = Catalogue.standard(date(2026, 1, 5))


def test_it_is_a_feed() -> None:
    feed: Feed = SyntheticFeed(STANDARD)
    assert feed.always_open
    assert not feed.finished.done()


class Consumer:
    """Applies what comes, as a gateway does, and keeps it."""

    def __init__(self, feed: SyntheticFeed) -> None:
        self.feed = feed
        self.events: list[Event] = []

    def __call__(self, events: Iterable[Event]) -> None:
        for event in events:
            self.feed.book(event.con_id).apply(event)
            self.events.append(event)


def some(*symbols: str) -> Catalogue:
    return Catalogue([one for one in STANDARD if one.local_symbol in symbols])


def instrument(symbol: str) -> Instrument:
    found = STANDARD.by_symbol(symbol)
    assert found is not None
    return found


def run(seconds: float, *symbols: str, step: float = 1.0, **settings: object) -> Consumer:
    feed = SyntheticFeed(some(*symbols), **settings)  # type: ignore[arg-type]
    consumer, clock = Consumer(feed), ManualClock()
    feed.start(consumer, clock)
    elapsed = 0.0
    while elapsed < seconds:
        clock.advance(step)
        elapsed += step
    feed.stop()
    return consumer


async def test_the_same_seed_is_the_same_market() -> None:
    first = run(60, "AAPL", "SPY", "EUR.USD", seed=7)
    again = run(60, "AAPL", "SPY", "EUR.USD", seed=7)
    assert first.events == again.events
    assert first.events != run(60, "AAPL", "SPY", "EUR.USD", seed=8).events


async def test_the_path_does_not_depend_on_how_the_clock_moves() -> None:
    fine = run(30, "AAPL", "BAC", seed=3, step=0.01)
    coarse = run(30, "AAPL", "BAC", seed=3, step=30.0)
    # The first step of 0.01 s ends a hair later than 30 s at times: compare what both have.
    length = min(len(fine.events), len(coarse.events))
    assert length > 100
    assert fine.events[:length] == coarse.events[:length]


async def test_other_instruments_and_subscribers_change_nothing() -> None:
    alone = run(30, "AAPL", seed=3)
    together = run(30, "AAPL", "MSFT", "F", seed=3)
    apple = instrument("AAPL").con_id
    assert [one for one in together.events if one.con_id == apple] == alone.events

    feed = SyntheticFeed(some("AAPL"), seed=3)
    consumer, clock = Consumer(feed), ManualClock()
    feed.subscribe(apple)
    feed.start(consumer, clock)
    clock.advance(10)
    feed.unsubscribe(apple)
    clock.advance(20)
    feed.stop()
    assert consumer.events == alone.events


@pytest.mark.parametrize("symbol", ["AAPL", "F", "SPY", "ESH6", "EUR.USD", "USD.JPY", "BRK B"])
async def test_it_looks_like_a_market(symbol: str) -> None:
    (what,) = some(symbol)
    feed = SyntheticFeed(some(symbol), seed=11, rate=5.0)
    clock = ManualClock()
    kinds = {QuoteChange: 0, Trade: 0}
    spreads: list[int] = []
    volume = Decimal(0)
    tick = float(what.min_tick)

    def sink(events: Iterable[Event]) -> None:
        nonlocal volume
        for event in events:
            book = feed.book(event.con_id)
            if isinstance(event, QuoteChange):
                assert event.bid is not None
                assert event.ask is not None
                assert event.bid_size is not None
                assert event.ask_size is not None
                assert 0 < event.bid < event.ask
                spreads.append(round((event.ask - event.bid) / tick))
                for price in (event.bid, event.ask):
                    assert Decimal(repr(price)) % what.min_tick == 0
                for size in (event.bid_size, event.ask_size):
                    assert size > 0
                    assert size % what.lot == 0
                kinds[QuoteChange] += 1
            elif isinstance(event, Trade):
                assert book.bid is not None
                assert book.ask is not None
                assert book.bid <= event.price <= book.ask
                assert event.size > 0
                kinds[Trade] += 1
            book.apply(event)
            assert book.volume >= volume
            volume = book.volume
            assert book.low is not None
            assert book.high is not None
            assert book.open is not None
            assert book.low <= book.open <= book.high
            if book.last is not None:
                assert book.low <= book.last <= book.high
            assert book.close is not None

    feed.start(sink, clock)
    for _ in range(60):
        clock.advance(10)
    feed.stop()
    assert kinds[QuoteChange] > 1500
    assert (kinds[Trade] == 0) == what.quote_driven
    dear = what.stock_type == "COMMON" and what.reference_price > 100
    assert max(spreads) <= (1 + 2 * (1 + what.reference_price // 100) if dear else 3)
    assert sorted(spreads)[len(spreads) // 2] <= (6 if dear else 1)
    book = feed.book(what.con_id)
    assert book.bid is not None
    assert abs(book.bid / what.reference_price - 1) < 0.05
    assert book.high is not None
    assert book.low is not None
    assert book.high > book.low


async def test_it_opens_with_a_session_under_way() -> None:
    feed = SyntheticFeed(STANDARD)
    consumer = Consumer(feed)
    feed.start(consumer, ManualClock())
    for what in STANDARD:
        names = [
            (name, getattr(message, "tickType", None))
            for name, message in ticks.image(feed.book(what.con_id), what)
        ]
        kinds = [kind for _, kind in names]
        if what.quote_driven:
            assert kinds == [None, None, 6, 7, 9, 14, 1, 2, 0, 3]
        elif what.sec_type in {"FUT", "CRYPTO"}:
            assert kinds == [None, None, 45, 4, 5, 8, 6, 7, 9, 14, 1, 2, 0, 3]
        else:
            assert kinds == [None, None, 45, 4, 5, 8, 6, 7, 9, 14, 1, 2, 0, 3, 32, 33]
        assert names[0][0] == "marketDataType"
        assert names[1][0] == "tickReqParams"
    feed.stop()


async def test_the_rate_is_kept() -> None:
    consumer = run(100, "AAPL", rate=10.0, seed=2)
    times = {event.time_ns for event in consumer.events}
    assert 850 < len(times) < 1150


async def test_an_instrument_of_rate_zero_stands_still() -> None:
    consumer = run(100, "AAPL", "BAC", rates={"AAPL": 0})
    apple = instrument("AAPL").con_id
    assert all(
        e.time_ns == consumer.events[0].time_ns for e in consumer.events if e.con_id == apple
    )
    assert len(consumer.events) > 100


@pytest.mark.parametrize("settings", [{"rate": -1}, {"rates": {"NOSUCH": 1}}])
def test_a_wrong_rate_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"rate"):
        SyntheticFeed(STANDARD, **settings)  # type: ignore[arg-type]


async def test_a_pause_stops_the_market_and_loses_nothing() -> None:
    feed = SyntheticFeed(some("AAPL"), seed=3)
    consumer, clock = Consumer(feed), ManualClock()
    feed.start(consumer, clock)
    clock.advance(10)
    feed.pause()
    count = len(consumer.events)
    clock.advance(100)
    assert len(consumer.events) == count
    feed.resume()
    clock.advance(10)
    assert len(consumer.events) > count
    feed.stop()
    untouched = run(30, "AAPL", seed=3)
    # The same happens, later: sizes and prices are those of the market that did not pause.
    for paused, plain in itertools.islice(zip(consumer.events, untouched.events, strict=False), 50):
        assert type(paused) is type(plain)
        if isinstance(paused, Trade) and isinstance(plain, Trade):
            assert (paused.price, paused.size) == (plain.price, plain.size)


async def test_a_session_ends_at_midnight_in_new_york() -> None:
    feed = SyntheticFeed(some("AAPL"), seed=3)
    consumer, clock = Consumer(feed), ManualClock(datetime(2026, 1, 6, 4, 59, tzinfo=UTC))
    feed.start(consumer, clock)
    book = feed.book(instrument("AAPL").con_id)
    assert book.volume > 1_000_000
    clock.advance(59)
    last = book.last
    clock.advance(11)
    assert book.close == last
    assert book.volume < 1_000_000
    feed.stop()


async def test_stop_ends_it_and_start_is_once() -> None:
    feed = SyntheticFeed(some("AAPL"))
    consumer, clock = Consumer(feed), ManualClock()
    feed.start(consumer, clock)
    with pytest.raises(FeedError, match="once"):
        feed.start(consumer, clock)
    feed.stop()
    feed.stop()
    count = len(consumer.events)
    clock.advance(10)
    assert len(consumer.events) == count
    assert feed.finished.done()
    assert clock.pending() == 0


async def test_a_sleeping_machine_is_not_caught_up_with() -> None:
    class Sleepy(ManualClock):
        """A clock whose timers come late."""

        asleep = 0.0

        def monotonic(self) -> float:
            return super().monotonic() + self.asleep

    feed = SyntheticFeed(some("AAPL"), rate=10.0)
    clock = Sleepy()
    consumer = Consumer(feed)
    feed.start(consumer, clock)
    clock.advance(1)
    count = len(consumer.events)
    clock.asleep = 3600.0
    clock.advance(1)
    assert len(consumer.events) - count < 50
    assert consumer.events[-1].time_ns - consumer.events[0].time_ns > 3000 * 1_000_000_000
    feed.stop()
