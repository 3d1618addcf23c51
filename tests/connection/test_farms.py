"""Farms, servers and competing sessions of a paper gateway, and what a client's streams tell of it.

The client's clock is moved by hand; the gateway, the socket and both threads are real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from tests.conftest import LoopFactory
from tests.support.clients import await_condition, settings
from twsloop import IBGateway
from twsloop.clock import ManualClock
from twsloop.events import Fact, FarmChanged, GapCause, GapEnded, GapStarted, StreamStarted
from twsloop.paper import PaperGateway

SILENT = 30.0


class Room:
    """A gateway whose market stands still unless a test moves it, and a client of it."""

    def __init__(self, paper: PaperGateway, app: IBGateway, clock: ManualClock) -> None:
        self.paper = paper
        self.app = app
        self.clock = clock
        self.facts: list[Any] = []
        app.observe(Fact, self.facts.append)

    def of(self, kind: type[Fact], stream: str = "") -> list[Any]:
        found = [fact for fact in tuple(self.facts) if isinstance(fact, kind)]
        return [fact for fact in found if stream in {"", getattr(fact, "stream", "")}]

    def wait(self, kind: type[Fact], stream: str = "", count: int = 1) -> Any:
        """Wait until so many such facts were told; the last of them."""
        await_condition(lambda: len(self.of(kind, stream)) >= count)
        return self.of(kind, stream)[count - 1]

    def until(self, condition: Callable[[], object]) -> None:
        await_condition(lambda: bool(condition()))

    def settle(self) -> None:
        """Return when all that the gateway had sent before has been handled."""
        self.app.system.time().result(10)


@contextmanager
def room(version: int = 225, loop_factory: LoopFactory | None = None) -> Iterator[Room]:
    clock = ManualClock()
    with PaperGateway(feed="manual") as paper:
        paper.market.set_price("AAPL", bid=270.0, ask=270.1, last=270.05)
        paper.market.set_price("EUR.USD", 1.1)
        config = settings(
            paper.port,
            connection__max_version=version,
            heartbeat__enabled=False,
            pacing__enabled=False,
            history__store=False,
            reconnect__jitter=0,
        )
        with IBGateway(config, clock=clock, loop_factory=loop_factory) as app:
            yield Room(paper, app, clock)


@pytest.fixture(params=[225, 200])
def at(request: pytest.FixtureRequest) -> Iterator[Room]:
    with room(request.param) as made:
        yield made


def watch_two(at: Room) -> Any:
    watch = at.app.subscribe(["AAPL", "EUR.USD"])
    for stream in ("quotes of AAPL", "quotes of EUR.USD"):
        at.wait(StreamStarted, stream)
    return watch


@pytest.mark.parametrize("version", [225, 200])
def test_a_farm_that_forgets_what_it_served_is_found_out(
    version: int, loop_factory: LoopFactory
) -> None:
    """IB's pain: 2104 comes, and the data does not."""
    with room(version, loop_factory) as at:
        watch = watch_two(at)
        with at.paper.faults.farm_down("usfarm", forget=True):
            started = at.wait(GapStarted, "quotes of AAPL")
            assert (started.cause, started.farm) == (GapCause.FARM, "usfarm")
        await_condition(lambda: at.app.system.farms["usfarm"].state == "ok")
        at.paper.market.quote("AAPL", 271.0, 271.1)
        at.paper.market.quote("EUR.USD", 1.2, 1.3)
        at.until(lambda: watch["EUR.USD"].ask == 1.3)
        at.settle()
        assert (watch["AAPL"].stale, watch["AAPL"].bid) == (True, 270.0)
        at.clock.advance(SILENT)
        ended = at.wait(GapEnded, "quotes of AAPL")
        assert (ended.cause, ended.farm, ended.started) == (GapCause.FARM, "usfarm", started.time)
        at.until(lambda: watch["AAPL"].bid == 271.0)
        assert not watch["AAPL"].stale
        assert at.of(GapStarted, "quotes of EUR.USD") == []
        assert [fact.state for fact in at.of(FarmChanged) if fact.farm == "usfarm"][-2:] == [
            "broken",
            "ok",
        ]


def test_a_farm_that_comes_back_with_the_data_costs_no_request(at: Room) -> None:
    watch = watch_two(at)
    asked = [line.req_id for line in watch.lines.values()]
    with at.paper.faults.farm_down("usfarm"):
        at.wait(GapStarted)
    at.wait(GapEnded, "quotes of AAPL")  # the gateway sends the image again
    at.clock.advance(10 * SILENT)
    at.settle()
    assert [line.req_id for line in watch.lines.values()] == asked
    assert [ticker.stale for ticker in watch] == [False, False]


@pytest.mark.parametrize("data", ["kept", "lost"])
def test_lost_servers_and_what_comes_back(at: Room, data: str) -> None:
    watch = watch_two(at)
    with at.paper.faults.server_lost(data=data):
        for stream in ("quotes of AAPL", "quotes of EUR.USD"):
            assert at.wait(GapStarted, stream).cause in {GapCause.SERVERS, GapCause.FARM}
    at.paper.market.quote("AAPL", 272.0, 272.1)
    at.until(lambda: watch["AAPL"].bid == 272.0)
    at.wait(GapEnded, "quotes of AAPL")
    at.settle()
    at.clock.advance(SILENT)
    at.wait(GapEnded, "quotes of EUR.USD")
    assert [len(life.gaps) for life in watch.lives.values()] == [1, 1]
    assert at.app.session.state.name == "READY"


@pytest.mark.parametrize("resume", [True, False])
def test_a_competing_session_comes_and_goes(at: Room, resume: bool) -> None:
    watch = watch_two(at)
    with at.paper.faults.competing_session(resume=resume):
        for stream in ("quotes of AAPL", "quotes of EUR.USD"):
            assert at.wait(GapStarted, stream).cause is GapCause.COMPETING
        at.clock.advance(60)  # it asks, and is refused again
        at.settle()
        assert watch["AAPL"].stale
        assert watch.errors == {}
    at.settle()
    at.clock.advance(60)
    for stream in ("quotes of AAPL", "quotes of EUR.USD"):
        at.wait(GapEnded, stream)
    at.paper.market.quote("AAPL", 273.0, 273.1)
    at.until(lambda: watch["AAPL"].bid == 273.0)
    assert not any(ticker.stale for ticker in watch)


def test_a_book_survives_a_halt_and_a_reset(at: Room) -> None:
    book = at.app.market_data.depth("AAPL")
    at.wait(StreamStarted)
    at.paper.faults.depth_reset()
    at.until(lambda: book.state.resets == 1)
    assert book.active
    at.paper.faults.depth_halted()
    at.wait(GapStarted)
    at.clock.advance(1)
    assert at.wait(GapEnded).cause is GapCause.GATEWAY
    assert (book.active, book.status) == (True, "live")


@pytest.mark.parametrize("forget", [False, True])
def test_live_bars_outlive_their_farm_without_a_bar_twice_or_missing(
    at: Room, forget: bool
) -> None:
    told: list[Any] = []
    bars = at.app.history.live_bars("AAPL", told.append, duration=timedelta(hours=1))
    bars.image.result(10)
    with at.paper.faults.farm_down("ushmds", forget=forget):
        started = at.wait(GapStarted)
        at.settle()
        assert (started.cause, started.farm) == (GapCause.FARM, "ushmds")
        assert bars.active
        at.clock.advance(10 * SILENT)  # nothing is asked of a farm that is broken
        at.settle()
    at.wait(GapEnded)
    at.settle()
    finished = [one.bar.time for one in told if one.over]
    assert finished == sorted(set(finished))
    steps = {(b - a).total_seconds() for a, b in pairwise(finished)}
    assert steps <= {60.0}
    assert (bars.state.holes, bars.status) == (0, "live")


def test_bars_that_a_bust_has_ended_go_on(at: Room) -> None:
    bars = at.app.market_data.realtime_bars("AAPL")
    at.settle()
    first = bars.feed.req_id
    at.paper.faults.bust_event()
    at.until(lambda: bars.feed.req_id not in {None, first})
    assert bars.active
