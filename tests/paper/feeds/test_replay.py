"""When a replay tells what it read: speeds, starts, pauses, ends; and that the loop stays alive."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from twsloop.clock import ManualClock, SystemClock
from twsloop.errors import FeedError
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.feeds.replay import ROWS_A_TURN, ReplayFeed, replay_speed, replay_start
from twsloop.paper.feeds.tick_files import TickFiles, window_time
from twsloop.paper.market.vocabulary import Event, Feed, QuoteChange

IBM, BAC, AAPL = 8314, 10098, 265598
SECOND = 1_000_000_000


def quotes(path: Path, seconds: Sequence[float], bid: int = 10) -> Path:
    """A file of quotes that all differ, at these seconds after 08:00."""
    rows = "".join(
        f"2013-10-07T08:{int(at) // 60:02}:{at % 60:06.3f}Z,Q,N,1,1,,,,,1,0,{bid + n},100,,\n"
        for n, at in enumerate(seconds)
    )
    path.write_text(
        "ts_utc,kind,exch,bid,bid_size,ask,ask_size,price,size,cond,suspicious,"
        f"nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size\n{rows}"
    )
    return path


class Sink:
    """Applies and keeps what comes."""

    def __init__(self, feed: ReplayFeed) -> None:
        self.feed = feed
        self.events: list[Event] = []
        self.batches: list[int] = []

    def __call__(self, events: Iterable[Event]) -> None:
        batch = list(events)
        for event in batch:
            self.feed.book(event.con_id).apply(event)
        self.events += batch
        self.batches.append(len(batch))

    @property
    def bids(self) -> list[float | None]:
        return [event.bid for event in self.events if isinstance(event, QuoteChange)]


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_real_time_keeps_the_gaps_of_the_data(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 0.5, 2, 2, 60]))
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    await turns()
    assert sink.bids == [10]
    clock.advance(0.499)
    await turns()
    assert sink.bids == [10]
    clock.advance(0.001)
    await turns()
    assert sink.bids == [10, 11]
    clock.advance(1.5)
    await turns()
    assert sink.bids == [10, 11, 12, 13]
    assert not feed.finished.done()
    clock.advance(58)
    await turns()
    assert sink.bids == [10, 11, 12, 13, 14]
    assert feed.finished.result(0) is None
    assert feed.book(IBM).bid == 14


async def test_at_speed_60_a_minute_is_a_second(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 30, 60]), speed=60)
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    await turns()
    clock.advance(0.5)
    await turns()
    assert sink.bids == [10, 11]
    clock.advance(0.5)
    await turns()
    assert sink.bids == [10, 11, 12]


async def test_time_stamps_are_the_datas_at_any_speed(tmp_path: Path) -> None:
    path = quotes(tmp_path / "IBM.csv", [0, 30.25, 60])
    feed = ReplayFeed(path, speed="max")
    sink = Sink(feed)
    feed.start(sink, ManualClock())
    await asyncio.wrap_future(feed.finished)
    assert sink.events == list(TickFiles(path).events())
    assert sink.events[1].time_ns - sink.events[0].time_ns == 30_250_000_000


async def test_at_full_speed_the_loop_gets_its_turn(tmp_path: Path) -> None:
    count = ROWS_A_TURN * 20
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [n / 100 for n in range(count)]), speed="max")
    sink = Sink(feed)
    feed.start(sink, SystemClock())
    turns_had = 0
    while not feed.finished.done():
        await asyncio.sleep(0)
        turns_had += 1
    assert len(sink.events) == count
    assert turns_had >= 20
    assert max(sink.batches) <= ROWS_A_TURN


async def test_a_pause_stops_reading_and_nothing_is_lost(tmp_path: Path) -> None:
    count = ROWS_A_TURN * 6
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [n / 100 for n in range(count)]), speed="max")
    sink = Sink(feed)

    def slow(events: Iterable[Event]) -> None:
        sink(events)
        feed.pause()

    feed.start(slow, ManualClock())
    for turn in range(1, 6):
        await turns()
        assert len(sink.events) == turn * ROWS_A_TURN
        assert feed.stats.rows <= turn * ROWS_A_TURN + 1
        feed.resume()
    while not feed.finished.done():
        feed.resume()
        await turns()
    assert sink.bids == [10.0 + n for n in range(count)]


async def test_a_pause_at_real_speed_catches_up(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 1, 2, 10]))
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    await turns()
    feed.pause()
    clock.advance(5)
    await turns()
    assert sink.bids == [10]
    feed.resume()
    feed.resume()
    await turns()
    assert sink.bids == [10, 11, 12]
    clock.advance(5)
    await turns()
    assert sink.bids == [10, 11, 12, 13]


async def test_it_waits_for_its_subscribers(tmp_path: Path) -> None:
    quotes(tmp_path / "IBM_1.csv", [0, 1])
    quotes(tmp_path / "BAC_1.csv", [0, 1])
    feed = ReplayFeed(tmp_path, start="on-subscribe=2", speed="max")
    sink = Sink(feed)
    feed.start(sink, ManualClock())
    feed.subscribe(IBM)
    feed.subscribe(AAPL)  # no data: does not count
    feed.unsubscribe(IBM)
    feed.subscribe(IBM)
    await turns()
    assert sink.events == []
    feed.subscribe(BAC)
    assert sink.events == []  # never before subscribe returned
    await asyncio.wrap_future(feed.finished)
    assert len(sink.events) == 4


async def test_subscribers_that_came_before_the_start_count(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0]), start="on-subscribe", speed="max")
    feed.subscribe(IBM)
    sink = Sink(feed)
    feed.start(sink, ManualClock())
    await asyncio.wrap_future(feed.finished)
    assert len(sink.events) == 1


async def test_a_pause_before_the_start_holds_it_back(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0]), speed="max")
    sink = Sink(feed)
    feed.pause()
    feed.start(sink, ManualClock())
    await turns()
    assert sink.events == []
    feed.resume()
    await asyncio.wrap_future(feed.finished)
    assert len(sink.events) == 1


async def test_a_bad_row_ends_it_after_what_was_before(tmp_path: Path) -> None:
    path = quotes(tmp_path / "IBM.csv", [0, 1, 2])
    path.write_text(path.read_text() + "nonsense\n")
    feed = ReplayFeed(path, speed="max")
    sink = Sink(feed)
    feed.start(sink, ManualClock())
    with pytest.raises(FeedError, match=r"IBM\.csv:5: "):
        await asyncio.wrap_future(feed.finished)
    assert sink.bids == [10, 11, 12]


async def test_a_sink_that_fails_ends_it(tmp_path: Path) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _loop, context: reported.append(context.get("exception"))
    )
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 1, 2]), speed="max")

    def sink(_events: Iterable[Event]) -> None:
        msg = "out of order"
        raise RuntimeError(msg)

    feed.start(sink, ManualClock())
    with pytest.raises(RuntimeError, match="out of order"):
        await asyncio.wrap_future(feed.finished)
    assert [type(one) for one in reported] == [RuntimeError]


async def test_stop_is_the_end(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 1, 2]))
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    await turns()
    feed.stop()
    feed.stop()
    clock.advance(100)
    await turns()
    assert sink.bids == [10]
    assert feed.finished.done()
    assert clock.pending() == 0
    feed.resume()
    feed.subscribe(IBM)
    await turns()
    assert sink.bids == [10]


async def test_stop_inside_the_sink(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", list(range(2000))), speed="max")
    seen: list[int] = []

    def sink(events: Iterable[Event]) -> None:
        seen.append(len(list(events)))
        feed.stop()

    feed.start(sink, ManualClock())
    await turns()
    assert seen == [ROWS_A_TURN]


async def test_a_waiter_that_gives_up_does_not_end_it(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 1]))
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    waiter = asyncio.wrap_future(feed.finished)
    waiter.cancel()
    await turns()
    clock.advance(1)
    await turns()
    assert sink.bids == [10, 11]


async def test_ib_sampling_tells_at_the_end_of_each_interval(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 0.1, 0.2, 0.3, 0.6, 5]), sample="ib")
    sink, clock = Sink(feed), ManualClock()
    feed.start(sink, clock)
    await turns()
    # The first set is due at 0.25 s of data time, and the replay begins with it.
    assert sink.bids == [12]
    clock.advance(0.25)
    await turns()
    assert sink.bids == [12, 13]
    clock.advance(0.25)
    await turns()
    assert sink.bids == [12, 13, 14]
    clock.advance(4.5)
    await turns()
    assert sink.bids == [12, 13, 14, 15]
    assert feed.finished.done()


async def test_a_window(tmp_path: Path) -> None:
    feed = ReplayFeed(
        quotes(tmp_path / "IBM.csv", [0, 1, 2, 3]),
        since=window_time("2013-10-07T08:00:01Z"),
        until=window_time("2013-10-07T08:00:03Z"),
        speed="max",
    )
    sink = Sink(feed)
    feed.start(sink, ManualClock())
    await asyncio.wrap_future(feed.finished)
    assert sink.bids == [11, 12]


async def test_books_of_what_has_no_data_are_empty(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0]))
    assert feed.book(AAPL).bid is None
    assert feed.book(AAPL) is feed.book(AAPL)
    assert feed.book(12087792).quote_driven
    with pytest.raises(KeyError):
        feed.book(1)


@pytest.mark.parametrize(("text", "speed"), [("max", None), ("60", 60.0), (0.5, 0.5), (1, 1.0)])
def test_speeds(text: str | float, speed: float | None) -> None:
    assert replay_speed(text) == speed


@pytest.mark.parametrize("text", ["", "0", "-1", "fast", "inf", "nan"])
def test_speeds_that_are_none(text: str) -> None:
    with pytest.raises(FeedError, match="speed"):
        replay_speed(text)


@pytest.mark.parametrize(
    ("text", "lines"), [("immediate", 0), ("on-subscribe=2", 2), ("on-subscribe", 1)]
)
def test_starts(text: str, lines: int) -> None:
    assert replay_start(text) == lines


@pytest.mark.parametrize("text", ["", "later", "on-subscribe=", "on-subscribe=0", "immediate=2"])
def test_starts_that_are_none(text: str) -> None:
    with pytest.raises(FeedError, match="start"):
        replay_start(text)


def test_it_is_a_feed(tmp_path: Path) -> None:
    feed: Feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0]))
    assert not feed.always_open
    assert not feed.finished.done()


def test_a_sample_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="sample"):
        ReplayFeed(quotes(tmp_path / "IBM.csv", [0]), sample="1s")


# -- on the market's clock -----------------------------------------------------------------------


class Noting:
    """Notes when each event comes, by the market's clock, which shows the event's time."""

    def __init__(self, clock: MarketClock) -> None:
        self.clock = clock
        self.shown: list[float] = []

    def __call__(self, events: Iterable[Event]) -> None:
        for event in events:
            self.shown.append((event.time_ns - 1381132800 * SECOND) / SECOND)
            assert self.clock.now().timestamp() == pytest.approx(event.time_ns / SECOND, abs=1e-5)


@pytest.mark.parametrize("speed", [None, 100_000.0])
async def test_on_a_market_clock_the_data_s_time_is_the_market_s(
    tmp_path: Path, speed: float | None
) -> None:
    seconds = [n * 0.25 for n in range(2 * ROWS_A_TURN)]
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", seconds), start="on-subscribe")
    assert feed.begins == datetime(2013, 10, 7, 8, tzinfo=UTC)
    clock = MarketClock(SystemClock(), start=feed.begins, speed=speed)
    sink = Noting(clock)
    fired: list[int] = []
    clock.call_later(100, lambda: fired.append(len(sink.shown)))
    feed.start(sink, clock)
    clock.begin()
    await turns()
    assert not sink.shown
    assert clock.now() == feed.begins  # it stands
    feed.subscribe(IBM)
    await asyncio.wait_for(asyncio.wrap_future(feed.finished), 10)
    assert sink.shown == seconds
    # What is due between two rows comes between them.
    assert fired == [401]
    ended = clock.monotonic()
    await turns()
    assert clock.monotonic() == ended >= seconds[-1]


async def test_a_bad_row_ends_it_on_a_market_clock_too(tmp_path: Path) -> None:
    path = quotes(tmp_path / "IBM.csv", [0, 1, 2])
    path.write_text(path.read_text().replace("T08:00:02.000Z", "never"))
    feed = ReplayFeed(path)
    clock = MarketClock(SystemClock(), start=feed.begins, speed=None)
    sink = Noting(clock)
    feed.start(sink, clock)
    clock.begin()
    with pytest.raises(FeedError, match="IBM"):
        await asyncio.wait_for(asyncio.wrap_future(feed.finished), 10)
    assert sink.shown == [0, 1]


def test_no_rows_no_beginning(tmp_path: Path) -> None:
    feed = ReplayFeed(quotes(tmp_path / "IBM.csv", [0, 1]), since=datetime(2013, 10, 8, tzinfo=UTC))
    assert feed.begins is None
