"""Quotes, end to end: from open lines and by snapshots, over real sockets."""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.clock import ManualClock
from twsloop.contracts import stock
from twsloop.errors import (
    ConnectionLost,
    LoopNotRunning,
    NotConnected,
    RequestError,
    RequestTimeout,
    SlotsExhausted,
    SymbolError,
)
from twsloop.gateway import IBGateway
from twsloop.market_data.quotes import Quote, QuoteSource
from twsloop.market_data.slots import Pool
from twsloop.market_data.ticks import MarketDataType
from twsloop.orders.builders import market_order
from twsloop.paper.clients.pacing_judge import PacingRules
from twsloop.paper.server import PaperGateway
from twsloop.processors import Deliver
from twsloop.session.state import State

PROTOCOLS = [(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)]


@pytest.fixture(params=PROTOCOLS, ids=["protobuf", "text"])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


@contextmanager
def delayed_desk(version: int = 225, **settings: Any) -> Iterator[Desk]:
    """A login that may see delayed data only."""
    with (
        open_paper(max_version=version, market_data="delayed") as (feed, paper),
        IBGateway(config_for(paper, **settings)) as gateway,
    ):
        yield Desk(feed, paper, gateway)


def quote(desk: Desk, symbol: str = "AAPL", **options: Any) -> Quote:
    return desk.gateway.market_data.quote(symbol, **options).result(PATIENCE)


def watched(desk: Desk) -> int:
    """How many lines the gateway's feed is watched on."""
    desk.settle()
    return len(desk.feed.watched)


def test_without_a_line_a_snapshot_is_taken_and_its_place_given_back(desk: Desk) -> None:
    got = quote(desk, " aapl ")
    assert (got.symbol, got.source, got.complete, got.error) == ("aapl", "snapshot", True, None)
    assert (got.bid, got.bid_size, got.ask, got.last) == (189.49, Decimal(100), 189.51, 189.5)
    assert got.time is not None
    assert got.age is not None
    assert got.age < PATIENCE
    assert got.market_data_type is MarketDataType.LIVE
    assert got.not_live_because == ""
    assert watched(desk) == 0
    assert list(desk.gateway.market_data.slots) == []


def test_an_open_line_answers_if_it_is_fresh_enough(desk: Desk) -> None:
    heard = Heard()
    desk.gateway.subscribe("AAPL", on_tick=heard)
    heard.until(lambda ticker: ticker.bid and ticker.ask and ticker.last)
    got = quote(desk)
    assert (got.source, got.bid, got.complete) == (QuoteSource.LINE, 189.49, True)
    assert quote(desk, max_age=3600).source is QuoteSource.LINE
    assert quote(desk, max_age=0).source is QuoteSource.SNAPSHOT
    assert watched(desk) == 1


def test_a_snapshot_shows_nothing_of_before(desk: Desk) -> None:
    heard = Heard()
    watch = desk.gateway.subscribe("AAPL", on_tick=heard)
    heard.until(lambda ticker: ticker.last)
    watch["AAPL"].high = 1e6  # as if it had been told yesterday
    assert quote(desk, max_age=0).high != 1e6


def test_an_unknown_symbol_is_ibs_own_error(desk: Desk) -> None:
    with pytest.raises(RequestError) as caught:
        quote(desk, "NOPE")
    assert caught.value.code == 200
    assert caught.value.request == "market data of NOPE"


def test_several_at_once_and_each_failure_by_its_name(desk: Desk) -> None:
    unknown = [f"SYM{number}" for number in range(70)]
    wanted = ["MSFT", *unknown, stock("AAPL"), "MSFT"]
    found = desk.gateway.market_data.quotes(wanted).result(PATIENCE)
    assert list(found) == ["MSFT", *unknown, "AAPL"]
    assert (found["MSFT"].bid, found["AAPL"].bid) == (419.99, 189.49)
    for name in unknown:
        error = found[name].error
        assert isinstance(error, RequestError)
        assert error.code == 200
        assert found[name].bid is None
    assert list(desk.gateway.market_data.slots) == []


def test_no_error_takes_the_place_of_anothers(desk: Desk) -> None:
    """Also where only the latest shall wait: of each symbol."""
    gate, told = threading.Event(), Heard()

    def slow(symbol: str, _error: Exception) -> None:
        gate.wait(PATIENCE)
        told(symbol)

    unknown = [f"SYM{number}" for number in range(20)]
    with ThreadPoolExecutor(1) as executor:
        where = Deliver(executor, policy="latest")
        watch = desk.gateway.market_data.subscribe(unknown, on_error=slow, where=where)
        watch.done.result(PATIENCE)
        gate.set()
        assert {told.next() for _ in unknown} == set(unknown)


def test_no_symbols_no_quotes(desk: Desk) -> None:
    assert desk.gateway.market_data.quotes([]).result(PATIENCE) == {}


@pytest.mark.parametrize(("version", "loop_factory"), PROTOCOLS, ids=["protobuf", "text"])
def test_nothing_in_time_is_a_timeout_and_a_part_is_an_answer(
    version: int, loop_factory: Any
) -> None:
    clock = ManualClock()
    kind: Any = functools.partial(IBGateway, clock=clock)
    with open_desk(version=version, loop_factory=loop_factory, kind=kind) as desk:
        asked = desk.gateway.market_data.quote("EUR.USD", timeout=5)
        assert watched(desk) == 1
        clock.advance(5)
        with pytest.raises(RequestTimeout, match=r"snapshot of EUR.USD: not complete within 5 s"):
            asked.result(PATIENCE)
        desk.quote("EUR.USD", 1.1, None)
        asked = desk.gateway.market_data.quote("EUR.USD", timeout=5)
        assert watched(desk) == 1  # and what there is has been told
        clock.advance(5)
        got = asked.result(PATIENCE)
        assert (got.bid, got.ask, got.complete, got.error) == (1.1, None, False, None)
        assert watched(desk) == 0


def test_a_pair_does_not_wait_for_trades_that_never_come(desk: Desk) -> None:
    desk.quote("EUR.USD", 1.1, 1.2)
    got = quote(desk, "EUR.USD")  # IB's own end comes after 11 s, longer than it is waited here
    assert (got.bid, got.ask, got.last, got.complete) == (1.1, 1.2, None, True)


def test_two_who_ask_at_once_share_one_snapshot(desk: Desk) -> None:
    data = desk.gateway.market_data
    first, second = data.quote("EUR.USD"), data.quote("EUR.USD")
    desk.settle()
    assert [slot.holder for slot in data.slots] == ["snapshot of EUR.USD"]
    assert first.cancel()
    assert watched(desk) == 1  # the other still waits
    desk.quote("EUR.USD", 1.1, 1.2)
    assert second.result(PATIENCE).bid == 1.1


def test_who_joins_when_all_has_come_waits_no_longer(desk: Desk) -> None:
    desk.quote("EUR.USD", 1.1, 1.2)
    first = desk.gateway.market_data.quote("EUR.USD")
    desk.settle()
    second = desk.gateway.market_data.quote("EUR.USD")
    assert (first.result(PATIENCE).bid, second.result(PATIENCE).bid) == (1.1, 1.1)


def test_who_leaves_last_cancels_at_the_gateway(desk: Desk) -> None:
    futures = [desk.gateway.market_data.quote("EUR.USD") for _ in range(2)]
    assert watched(desk) == 1
    for future in futures:
        future.cancel()
    assert watched(desk) == 0
    assert list(desk.gateway.market_data.slots) == []


def test_a_symbol_that_cannot_be_read_asks_nothing(desk: Desk) -> None:
    with pytest.raises(SymbolError):
        desk.gateway.market_data.quote("??")
    with pytest.raises(SymbolError):
        desk.gateway.market_data.quotes(["AAPL", "??"])
    assert watched(desk) == 0


def test_with_no_place_left_the_refusal_names_the_holders() -> None:
    with open_desk(market_data__lines=1) as desk:
        data = desk.gateway.market_data
        heard, failed = Heard(), Heard()
        watch = data.subscribe("AAPL", heard)
        heard.until(lambda ticker: ticker.bid)
        with pytest.raises(SlotsExhausted) as caught:
            quote(desk, "MSFT")
        assert caught.value.holders == ("quotes of AAPL",)
        assert str(caught.value).startswith(
            "snapshot of MSFT: error 101: all 1 market data lines are taken"
        )
        other = data.subscribe("MSFT", on_error=failed)
        assert isinstance(failed.next()[1], SlotsExhausted)
        assert not other.active
        assert quote(desk, "AAPL", max_age=0).bid == 189.49  # the same instrument is no second line
        watch.cancel()
        desk.settle()
        assert quote(desk, "MSFT").bid == 419.99


def test_an_answered_snapshot_makes_room_for_the_next() -> None:
    with open_desk(market_data__lines=1) as desk:
        data = desk.gateway.market_data
        desk.quote("EUR.USD", 1.1, 1.2)
        desk.quote("GBP.USD", 1.3, 1.4)
        found = data.quotes(["EUR.USD", "GBP.USD", "AAPL"]).result(PATIENCE)
        assert [one.bid for one in found.values()] == [1.1, 1.3, 189.49]
        quote(desk, "EUR.USD")
        assert [slot.symbol for slot in data.slots] == ["EUR.USD"]  # until its own end
        heard = Heard()
        data.subscribe("MSFT", heard)
        heard.until(lambda ticker: ticker.bid == 419.99)
        assert [slot.symbol for slot in data.slots] == ["MSFT"]


#: More than there are lines in the next test, and of more than one kind.
MANY = [
    *("AAPL", "MSFT", "NVDA", "TSLA", "AMZN", "GOOGL", "META", "SPY", "QQQ", "IWM", "DIA"),
    *("EUR.USD", "GBP.USD", "USD.JPY", "AUD.USD", "USD.CHF", "USD.CAD", "NZD.USD", "EUR.GBP"),
]


@pytest.mark.parametrize("configured", [6, 100])
def test_a_login_with_few_lines_gets_all_its_quotes(configured: int) -> None:
    """Whether the setting says so, or IB's refusals do; what was subscribed stays."""
    with (
        PaperGateway(pacing=PacingRules(lines=6, messages=1000)) as paper,
        IBGateway(config_for(paper, market_data__lines=configured)) as gateway,
    ):
        heard = Heard()
        with gateway.subscribe(["AAPL", "MSFT"], heard) as watch:
            heard.until(lambda _: all(ticker.bid for ticker in watch))
            found = gateway.market_data.quotes(MANY, max_age=0).result(PATIENCE)
            assert list(found) == MANY
            assert {name: one.error for name, one in found.items() if one.error} == {}
            assert all(one.bid for one in found.values())
            assert watch.errors == {}


def test_quotes_that_are_asked_for_one_by_one_wait_for_each_other() -> None:
    """None is refused for places that the others hold for a moment only."""
    with (
        PaperGateway(pacing=PacingRules(lines=6, messages=1000)) as paper,
        IBGateway(config_for(paper, market_data__lines=6)) as gateway,
    ):
        asked = {name: gateway.market_data.quote(name) for name in MANY}
        assert all(one.result(2 * PATIENCE).bid for one in asked.values())


def test_a_subscription_takes_the_place_of_a_snapshot_which_waits(desk: Desk) -> None:
    """And so do a stream of bars, and the desk of orders, which want a quote themselves."""
    data = desk.gateway.market_data
    data.slots._limits[Pool.LINES] = 3
    first, second = data.quote("EUR.USD"), data.quote("GBP.USD")
    desk.settle()
    heard, bars = Heard(), data.realtime_bars("MSFT")
    data.subscribe("AAPL", heard)
    heard.until(lambda ticker: ticker.bid == 189.49)
    assert {slot.symbol for slot in data.slots} == {"EUR.USD", "MSFT", "AAPL"}
    inside = desk.gateway.event_loop.submit(data.ticker_of, stock("MSFT"))
    desk.settle()
    assert not any(one.done() for one in (first, second, inside))
    desk.quote("EUR.USD", 1.1, 1.2)
    desk.quote("GBP.USD", 1.3, 1.4)
    assert (first.result(PATIENCE).bid, second.result(PATIENCE).bid) == (1.1, 1.3)
    assert inside.result(PATIENCE).bid == 419.99
    assert bars.active


def test_where_all_is_subscribed_a_snapshot_that_gave_way_is_refused(desk: Desk) -> None:
    data = desk.gateway.market_data
    data.slots._limits[Pool.LINES] = 1
    asked = data.quote("EUR.USD")
    desk.settle()
    data.subscribe("AAPL")
    with pytest.raises(SlotsExhausted) as caught:
        asked.result(PATIENCE)
    assert caught.value.holders == ("quotes of AAPL",)


def test_a_place_that_is_kept_for_an_end_is_free_for_a_stream_of_bars() -> None:
    with open_desk(market_data__lines=1) as desk:
        data = desk.gateway.market_data
        desk.quote("EUR.USD", 1.1, 1.2)
        quote(desk, "EUR.USD")
        data.realtime_bars("MSFT")
        assert [slot.symbol for slot in data.slots] == ["MSFT"]


def test_each_question_has_its_own_deadline(desk: Desk) -> None:
    data = desk.gateway.market_data
    patient, hasty = data.quote("EUR.USD"), data.quote("EUR.USD", timeout=0.1)
    with pytest.raises(RequestTimeout, match=r"not complete within 0\.1 s"):
        hasty.result(PATIENCE)
    desk.quote("EUR.USD", 1.1, 1.2)
    assert patient.result(PATIENCE).bid == 1.1


def test_a_new_question_gets_a_new_snapshot_while_the_old_one_ends(desk: Desk) -> None:
    desk.quote("EUR.USD", 1.1, 1.2)
    assert quote(desk, "EUR.USD").bid == 1.1
    desk.quote("EUR.USD", 1.15, 1.25)
    assert quote(desk, "EUR.USD").bid == 1.15


def test_without_a_session_it_says_so() -> None:
    with pytest.raises(LoopNotRunning):
        IBGateway().market_data.quote("AAPL")
    with open_desk(reconnect__quick_delay=30, reconnect__first_delay=30) as desk:
        waiting = desk.gateway.market_data.quote("EUR.USD")
        desk.settle()
        desk.paper.drop_clients()
        with pytest.raises(ConnectionLost):
            waiting.result(PATIENCE)
        with pytest.raises(NotConnected, match="quote of AAPL: not connected"):
            quote(desk)


async def test_it_can_be_awaited_and_cancelled_there(desk: Desk) -> None:
    got = await desk.gateway.market_data.quote("AAPL")
    assert got.bid == 189.49
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(desk.gateway.market_data.quote("EUR.USD"), 0.05)
    assert await asyncio.to_thread(watched, desk) == 0


# ---- what kind of data --------------------------------------------------------------------


@pytest.mark.parametrize("version", [225, 200])
def test_delayed_data_comes_with_its_reason(version: int) -> None:
    with delayed_desk(version, market_data__data_type="delayed") as desk:
        got = quote(desk)
        assert got.delayed
        assert got.not_live_because.startswith("10167: Requested market data is not subscribed")
        assert got.bid == 189.49


def test_the_kind_of_data_may_change_while_lines_are_open() -> None:
    with delayed_desk() as desk:
        data = desk.gateway.market_data
        with pytest.raises(RequestError) as caught:
            quote(desk)
        assert caught.value.code == 10089
        assert data.data_type.name == "LIVE"
        data.set_data_type("delayed")
        heard = Heard()
        watch = data.subscribe("AAPL", heard)
        ticker = heard.until(lambda ticker: ticker.bid and ticker.ask and ticker.last)
        assert ticker.delayed
        assert data.data_type.name == "DELAYED"
        data.set_data_type(MarketDataType.DELAYED_FROZEN)
        desk.settle()
        heard.until(lambda ticker: ticker.bid == 189.49 and ticker.last)  # told anew
        assert watch["AAPL"] is ticker
        data.set_data_type("live")
        desk.settle()
        assert isinstance(watch.errors["AAPL"], RequestError)
        assert watch["AAPL"].bid is None  # not what it showed before
        assert ticker.not_live_because.startswith("market data of AAPL: error 10089")


def test_the_chosen_kind_holds_in_the_next_session() -> None:
    with delayed_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        data = desk.gateway.market_data
        data.set_data_type("delayed")
        heard, states = Heard(), Heard()
        data.subscribe("AAPL", heard)
        heard.until(lambda ticker: ticker.last)
        desk.gateway.on_session(lambda state, _: states(state.name))
        desk.paper.drop_clients()
        states.until(lambda name: name == "READY")
        assert heard.until(lambda ticker: not ticker.stale).delayed


def test_there_are_four_kinds() -> None:
    with pytest.raises(ValueError, match="live, frozen, delayed, delayed_frozen, not 'tomorrow'"):
        IBGateway().market_data.set_data_type("tomorrow")


# ---- regulatory snapshots -----------------------------------------------------------------


def test_a_regulatory_snapshot_is_bought_only_on_purpose(desk: Desk) -> None:
    data = desk.gateway.market_data
    with pytest.raises(ValueError, match=r"0\.01 USD"):
        data.regulatory_snapshot("AAPL", accept_cost=False)
    began = time.monotonic()
    first = data.regulatory_snapshot("AAPL", accept_cost=True)
    second = data.regulatory_snapshot("MSFT", accept_cost=True)
    assert (first.result(PATIENCE).bid, first.result(0).source) == (189.49, "regulatory")
    assert second.result(PATIENCE).bid == 419.99
    assert time.monotonic() - began >= 1  # IB allows one a second


def test_a_regulatory_snapshot_that_fails_says_why(desk: Desk) -> None:
    with pytest.raises(RequestError, match="error 200"):
        desk.gateway.market_data.regulatory_snapshot("NOPE", accept_cost=True).result(PATIENCE)


# ---- for the other slices -----------------------------------------------------------------


def test_an_order_that_is_simulated_finds_its_quote() -> None:
    with open_desk(orders__enabled=False) as desk:
        trades = [
            desk.gateway.place_order(symbol, market_order("BUY", 1)) for symbol in ("AAPL", "NOPE")
        ]
        assert [trade.done.result(PATIENCE).name for trade in trades] == ["SIMULATED"] * 2
        assert "189.51" in trades[0].reason
        assert "no quote" in trades[1].reason
        assert list(desk.gateway.market_data.slots) == []


def test_while_a_session_begins_a_quote_for_another_slice_waits() -> None:
    states = Heard()
    asked: list[Any] = []
    with open_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        gateway = desk.gateway

        def ask(state: State, _reason: str) -> None:
            states(state)
            if state is State.SYNCING:
                work = gateway.market_data.ticker_of
                asked.append(gateway.event_loop.submit(work, stock("AAPL")))

        gateway.on_session(ask)
        desk.paper.drop_clients()
        states.until(lambda state: state is State.READY)
        assert asked[0].result(PATIENCE).bid == 189.49
