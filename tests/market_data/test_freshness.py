"""How fresh a subscription is, and who is told when it is not any more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.clock import ManualClock
from twsloop.contracts import stock
from twsloop.gateway import IBGateway
from twsloop.market_data.freshness import Freshness, FreshnessWatch, freshness_of
from twsloop.market_data.state import Ticker

# ---- the rule -----------------------------------------------------------------------------


def ticker(clock: ManualClock, symbol: str = "AAPL") -> Ticker:
    return Ticker(stock(symbol), symbol, clock)


@given(age=st.floats(0, 1e4), limit=st.none() | st.floats(0, 1e4))
def test_too_old_is_stale_and_without_a_limit_nothing_is(age: float, limit: float | None) -> None:
    clock = ManualClock()
    live = ticker(clock)
    live.apply_price(4, 1.0, clock.monotonic())
    clock.advance(age)
    row = freshness_of(live, "aapl", max_age=limit)
    assert row.symbol == "aapl"
    assert row.age == pytest.approx(age)
    assert row.stale is (limit is not None and age >= limit)
    assert bool(row.reason) is row.stale


def test_each_reason_is_named() -> None:
    clock = ManualClock()
    live = ticker(clock)
    assert not freshness_of(live, "A", max_age=5, waited=4).stale
    assert freshness_of(live, "A", max_age=5, waited=5).reason == "no tick in 5 s"
    live.apply_price(4, 1.0, clock.monotonic())
    clock.advance(7)
    assert freshness_of(live, "A", max_age=5).reason == "no tick for 5 s"
    live.stale = True
    assert freshness_of(live, "A").reason == "the stream is interrupted, or over"
    live.error = ValueError("so it is")
    assert freshness_of(live, "A").reason == "over: so it is"


class Bench:
    """Two tickers and a watch, on a clock that is moved by hand."""

    def __init__(self, max_age: float | None) -> None:
        self.clock = ManualClock()
        self.tickers = {name: ticker(self.clock, name) for name in ("A", "B")}
        self.told: list[tuple[float, str, str]] = []
        self.watch = FreshnessWatch(self.clock, lambda: self.tickers, max_age)

    def hear(self) -> None:
        self.watch.tell(self)  # type: ignore[arg-type]  # called as a Delivery is

    def __call__(self, args: tuple[str, Freshness], key: str) -> None:
        assert key == args[0]
        self.told.append((self.clock.monotonic(), args[0], args[1].reason))

    def close(self) -> None:
        self.told.append((self.clock.monotonic(), "", "closed"))

    def tick(self, *names: str) -> None:
        for name in names:
            self.tickers[name].apply_price(4, 1.0, self.clock.monotonic())


async def test_each_is_told_once_when_it_becomes_too_old() -> None:
    bench = Bench(max_age=10)
    bench.hear()
    bench.watch.look()
    bench.clock.advance(4)
    bench.tick("A")
    bench.clock.advance(30)
    assert bench.told == [(10, "B", "no tick in 10 s"), (14, "A", "no tick for 10 s")]
    bench.tick("A", "B")
    bench.clock.advance(9)
    assert len(bench.told) == 2
    bench.tick("B")
    bench.clock.advance(40)
    assert [entry[1] for entry in bench.told[2:]] == ["A", "B"]


async def test_an_interrupted_stream_is_told_at_once() -> None:
    bench = Bench(max_age=None)
    bench.hear()
    bench.watch.look()
    assert bench.clock.pending() == 0  # without an age nothing has to be looked at
    bench.tickers["A"].stale = True
    bench.watch.look()
    bench.watch.look()
    assert [entry[1] for entry in bench.told] == ["A"]
    bench.tick("A")
    bench.watch.look()
    bench.tickers["A"].stale = True
    bench.watch.look()
    assert [entry[1] for entry in bench.told] == ["A", "A"]


async def test_nobody_to_tell_and_nothing_to_follow_need_no_timer() -> None:
    bench = Bench(max_age=5)
    bench.watch.look()
    assert bench.clock.pending() == 0
    bench.hear()
    bench.watch.look()
    assert bench.clock.pending() == 1
    bench.tickers.clear()
    bench.watch.look()
    assert bench.clock.pending() == 0


async def test_it_stops() -> None:
    bench = Bench(max_age=5)
    bench.hear()
    bench.watch.look()
    bench.watch.stop()
    bench.clock.advance(60)
    assert [entry[2] for entry in bench.told] == ["closed"]


@given(
    limit=st.integers(1, 20),
    ticks=st.lists(st.tuples(st.integers(0, 30), st.sampled_from("AB")), max_size=20),
)
def test_it_tells_what_a_look_at_every_second_would(
    limit: int, ticks: list[tuple[int, str]]
) -> None:
    async def play() -> None:
        bench = Bench(max_age=limit)
        bench.hear()
        bench.watch.look()
        last, was_stale = {"A": 0, "B": 0}, {"A": False, "B": False}
        expected: list[tuple[int, str]] = []
        second = 0
        for pause, name in [*ticks, (50, "A")]:
            for _ in range(pause):
                second += 1
                bench.clock.advance(1)
                for one in "AB":
                    stale = second - last[one] >= limit
                    if stale and not was_stale[one]:
                        expected.append((second, one))
                    was_stale[one] = stale
            last[name], was_stale[name] = second, False
            bench.tick(name)
        told = [(round(when), name) for when, name, _ in bench.told]
        assert sorted(told) == sorted(expected)
        bench.watch.stop()

    asyncio.run(play())


# ---- over real sockets --------------------------------------------------------------------


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def test_a_subscription_says_how_fresh_it_is(desk: Desk) -> None:
    heard = Heard()
    watch = desk.gateway.subscribe(["AAPL", "EUR.USD"], on_tick=heard)
    assert watch.max_age is None
    heard.until(lambda ticker: ticker.bid == 189.49)
    assert watch.age is not None
    assert watch.age < PATIENCE
    assert watch.received_time is not None
    assert [row.stale for row in watch.ages.values()] == [False, False]
    assert watch.ages["EUR.USD"].age is None
    assert not watch.stale
    watch.max_age = 0
    assert watch.stale
    assert watch.ages["AAPL"].reason == "no tick for 0 s"
    watch.cancel()
    assert watch.stale
    silent = desk.gateway.subscribe("GBP.USD")
    assert (silent.age, silent.received_time, silent.stale) == (None, None, False)


def test_a_ticker_that_says_nothing_is_told(desk: Desk) -> None:
    stale = Heard()
    watch = desk.gateway.market_data.subscribe("EUR.USD", on_stale=stale, max_age=0.05)
    symbol, row = stale.next()
    assert (symbol, row.stale, row.reason) == ("EUR.USD", True, "no tick in 0.05 s")
    desk.quote("EUR.USD", 1.1, 1.2)
    _, again = stale.next()
    assert again.reason == "no tick for 0.05 s"
    watch.max_age = None
    assert not watch.stale


def test_a_callback_may_come_later_and_an_age_too(desk: Desk) -> None:
    stale = Heard()
    watch = desk.gateway.subscribe("EUR.USD")
    assert watch.on_stale(stale) is stale
    desk.settle()
    watch.max_age = 0.02
    assert stale.next()[0] == "EUR.USD"


#: How a link ends that the paper gateway cuts.
ENDS = ("closed", "reset")


def test_a_lost_link_makes_every_ticker_stale() -> None:
    stale, heard = Heard(), Heard()
    with open_paper() as (_, paper):
        config = config_for(paper, reconnect__quick_delay=30, reconnect__first_delay=30)
        with IBGateway(config) as gateway:
            watch = gateway.market_data.subscribe(["AAPL", "MSFT"], heard, on_stale=stale)
            heard.until(lambda _: all(one.bid for one in watch))
            paper.drop_clients()
            told: dict[str, Any] = dict([stale.next(), stale.next()])
            assert set(told) == {"AAPL", "MSFT"}
            (reason,) = {row.reason for row in told.values()}
            # A socket that is cut with bytes in it that nobody read says "reset" to its peer.
            assert reason in {f"the session ended: the gateway {how} the link" for how in ENDS}
            assert watch.stale
