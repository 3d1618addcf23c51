"""The ear that hears all events, and what time it is in a market."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from tests.support.manual_feed import START_NS, ManualFeed
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.history.archive import History
from twsloop.paper.history.bars import BAR_SIZES, Show
from twsloop.paper.market.options import Greeks
from twsloop.paper.market.vocabulary import Event, Valued

NOW = datetime(2026, 1, 5, 16, 3, 7, tzinfo=UTC)
NS = 10**9
CATALOGUE = Catalogue.standard(date(2026, 1, 5))


def stock() -> Instrument:
    found = CATALOGUE.by_symbol("AAPL")
    assert found is not None
    return found


def hear(history: History, *events: Event) -> None:
    for event in events:
        history.hear(event, (), NOW)


def test_a_feed_with_a_seed_has_a_past_and_the_clocks_time() -> None:
    moment = [NOW]
    history = History(SyntheticFeed(CATALOGUE, seed=2), lambda: moment[0])
    assert history.seed == 2
    assert history.follows_clock
    assert history.now_ns() == int(NOW.timestamp()) * NS
    moment[0] += timedelta(days=3)
    assert history.now_ns() == int(moment[0].timestamp()) * NS
    assert history.of(stock()).past is not None
    assert history.of(stock()) is history.of(stock())


def test_a_replay_lives_in_the_time_of_its_data() -> None:
    feed = ManualFeed(CATALOGUE)
    history = History(feed, lambda: NOW + timedelta(days=900))
    assert history.of(stock()).past is None
    assert history.follows_clock
    hear(history, feed.trade("AAPL", 270.0))
    assert not history.follows_clock
    assert history.now_ns() == feed.time_ns
    chronicle = history.of(stock())
    assert chronicle.began == START_NS // NS
    (bar,) = chronicle.bars(
        Show.TRADES, BAR_SIZES["1 min"], (chronicle.began, chronicle.until()), regular=True
    )
    assert (bar.close, bar.volume) == (270.0, Decimal(100))


def test_boundaries_are_told_before_the_event_that_passes_them() -> None:
    feed = ManualFeed(CATALOGUE)
    history = History(feed, lambda: NOW)
    heard: list[tuple[int, int]] = []

    def passed(time_ns: int) -> None:
        heard.append((time_ns, len(history.of(stock()).tape.events)))
        history.boundary_ns += 5 * NS

    history.on_boundary = passed
    first = feed.trade("AAPL", 1.0)
    history.boundary_ns = first.time_ns + 1
    hear(history, first)
    assert heard == []
    second = feed.trade("AAPL", 2.0)
    hear(history, second)
    assert heard == [(second.time_ns, 1)]


def test_values_of_options_are_not_kept() -> None:
    history = History(ManualFeed(CATALOGUE), lambda: NOW)
    values: tuple[tuple[int, Greeks | None], ...] = ((13, None),)
    hear(history, Valued(stock().con_id, START_NS, values))
    assert not history.of(stock()).tape.events
    assert history.last_ns == START_NS
