"""Subscriptions, end to end: our client and the paper gateway over real sockets."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.contracts import combo, stock
from twsloop.errors import ConnectionLost, LoopNotRunning, RequestError, SymbolError
from twsloop.events import GapEnded, GapStarted
from twsloop.gateway import IBGateway
from twsloop.market_data.state import Ticker
from twsloop.market_data.subscriptions import Subscription


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def bid_is(price: float) -> Any:
    return lambda ticker: ticker.bid == price


def test_many_tickers_behind_one_handle(desk: Desk) -> None:
    heard = Heard()
    with desk.gateway.subscribe(["MSFT", stock("AAPL")], on_tick=heard) as watch:
        assert list(watch.tickers) == ["MSFT", "AAPL"]
        aapl = watch["AAPL"]
        while not all(ticker.last for ticker in watch):
            heard.next()
        assert (aapl.bid, aapl.bid_size, aapl.ask) == (189.49, Decimal(100), 189.51)
        assert watch["MSFT"].last == 420.0
        assert watch.active
        desk.quote("AAPL", 189.52, 189.54, 300)
        assert heard.until(bid_is(189.52)) is aapl
        assert aapl.bid_size == 300
        assert aapl.age is not None
        assert aapl.age < PATIENCE
        assert not aapl.stale
    assert not watch.active
    assert watch.done.result(0) == watch.tickers
    desk.settle()
    assert aapl.stale


def test_two_contracts_of_one_name_are_two_tickers(desk: Desk) -> None:
    spreads = [combo("AAPL", [(1, 1, "BUY"), (leg, 1, "SELL")]) for leg in (2, 3)]
    watch = desk.gateway.subscribe([*spreads, spreads[0], "AAPL", "AAPL"])
    assert list(watch.tickers) == ["AAPL BAG", "AAPL BAG (2)", "AAPL"]
    legs = [[leg.conId for leg in ticker.contract.comboLegs] for ticker in watch]
    assert legs == [[1, 2], [1, 3], []]


def test_a_ticker_is_found_as_it_was_typed_and_named_as_it_is(desk: Desk) -> None:
    watch = desk.gateway.subscribe([" aapl ", "usd/jpy"])
    assert list(watch.tickers) == ["aapl", "usd/jpy"]
    assert [ticker.symbol for ticker in watch] == ["AAPL", "USD.JPY"]


def test_a_price_and_its_size_are_told_together(desk: Desk) -> None:
    seen: list[tuple[tuple[str, ...], float | None, Decimal | None]] = []
    heard = Heard()

    def show(ticker: Ticker) -> None:
        seen.append((ticker.changed, ticker.bid, ticker.bid_size))
        heard(ticker)

    desk.gateway.subscribe("AAPL", on_tick=show)
    heard.until(bid_is(189.49))
    desk.quote("AAPL", 189.60, 189.62, 700)
    heard.until(bid_is(189.60))
    first = next(entry for entry in seen if entry[1] == 189.60)
    assert first == (("bid", "bid_size"), 189.60, Decimal(700))


def test_nothing_comes_after_cancel(desk: Desk) -> None:
    heard = Heard()
    watch = desk.gateway.subscribe("AAPL", on_tick=heard)
    heard.until(bid_is(189.49))
    watch.cancel()
    watch.cancel()
    desk.settle()
    heard.rest()
    desk.quote("AAPL", 190.0, 190.1)
    desk.settle()
    assert heard.rest() == []
    assert watch["AAPL"].bid == 189.49


def subscriptions_at(desk: Desk) -> int:
    """How many lines the gateway's feed is watched on."""
    desk.settle()
    return len(desk.feed.watched)


def test_a_line_is_shared_and_closes_with_its_last_holder(desk: Desk) -> None:
    one, other = Heard(), Heard()
    first = desk.gateway.subscribe("AAPL", on_tick=one)
    one.until(bid_is(189.49))
    assert subscriptions_at(desk) == 1
    second = desk.gateway.subscribe(stock("AAPL"), on_tick=other)
    assert second["AAPL"] is first["AAPL"]
    assert other.next() is first["AAPL"]  # a latecomer is shown the quote as it stands
    assert subscriptions_at(desk) == 1
    first.cancel()
    desk.quote("AAPL", 189.7, 189.8)
    other.until(bid_is(189.7))
    assert subscriptions_at(desk) == 1
    second.cancel()
    assert subscriptions_at(desk) == 0


def test_an_unknown_symbol_fails_its_line_only(desk: Desk) -> None:
    heard, failed = Heard(), Heard()
    watch = desk.gateway.subscribe(["NOPE", "AAPL"], on_tick=heard, on_error=failed)
    symbol, error = failed.next()
    assert symbol == "NOPE"
    assert isinstance(error, RequestError)
    assert error.code == 200
    assert str(error).startswith("market data of NOPE: error 200: ")
    assert watch.errors == {"NOPE": error}
    assert watch["NOPE"].error is error
    heard.until(bid_is(189.49))
    assert watch.active
    again = desk.gateway.subscribe("NOPE", on_error=failed)  # it is asked anew
    failed.next()
    assert again.done.result(PATIENCE)["NOPE"].error is not error


def test_a_symbol_that_cannot_be_read_subscribes_nothing(desk: Desk) -> None:
    with pytest.raises(SymbolError, match="accepted"):
        desk.gateway.subscribe(["AAPL", "??"])
    assert subscriptions_at(desk) == 0


def test_snapshot(desk: Desk) -> None:
    heard = Heard()
    watch = desk.gateway.subscribe(["AAPL", "MSFT"], on_tick=heard, snapshot=True)
    tickers = watch.done.result(20)
    assert [ticker.bid for ticker in tickers.values()] == [189.49, 419.99]
    assert not watch.active
    assert subscriptions_at(desk) == 0


def test_a_callback_may_cancel_its_own_subscription(desk: Desk) -> None:
    calls: list[Ticker] = []
    mine: list[Subscription] = []
    ended = threading.Event()

    def once(ticker: Ticker) -> None:
        calls.append(ticker)
        mine[0].cancel()
        ended.set()

    # On the loop thread, so that no tick comes before the callback knows its subscription.
    desk.on_loop(lambda: mine.append(desk.gateway.subscribe("AAPL", on_tick=once)))
    assert ended.wait(PATIENCE)
    desk.quote("AAPL", 190.0, 190.1)
    desk.settle()
    assert len(calls) == 1


def test_a_callback_that_raises_is_named_and_hurts_nobody(desk: Desk) -> None:
    heard = Heard()

    def broken_show(ticker: Ticker) -> None:
        raise ValueError(f"no {ticker.symbol}")

    desk.gateway.subscribe("AAPL", on_tick=broken_show)
    desk.gateway.subscribe("AAPL", on_tick=heard)
    heard.until(bid_is(189.49))
    desk.quote("AAPL", 189.7, 189.8)
    heard.until(bid_is(189.7))
    failed = desk.gateway.errors.summary()["failed_callbacks"]
    assert [name for name in failed if "broken_show" in name]


def test_a_slow_callback_is_named(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    heard = Heard()
    pause = threading.Event()

    def slow_show(ticker: Ticker) -> None:
        pause.wait(0.12)
        heard(ticker)

    with caplog.at_level(logging.WARNING, "twsloop.processors.delivery"):
        watch = desk.gateway.subscribe("AAPL", on_tick=slow_show)
        heard.next()
        watch.cancel()
        desk.settle()
    assert any("slow_show took" in record.getMessage() for record in caplog.records)


def test_callbacks_in_an_executor_keep_the_newest(desk: Desk) -> None:
    heard = Heard()
    gate = threading.Event()
    threads: set[str] = set()

    def show(ticker: Ticker) -> None:
        threads.add(threading.current_thread().name)
        gate.wait(PATIENCE)
        heard(ticker.bid)

    with concurrent.futures.ThreadPoolExecutor(1, "mine") as executor:
        watch = desk.gateway.subscribe("AAPL", on_tick=show, where=executor)
        for step in range(200):
            desk.quote("AAPL", 190.0 + step, 191.0 + step)
        desk.settle()
        gate.set()
        heard.until(lambda bid: bid == 389.0)
        desk.settle()
        watch.cancel()
    assert len(heard.all) < 50
    assert threads == {"mine_0"}


async def test_callbacks_in_another_asyncio_loop(desk: Desk) -> None:
    came: asyncio.Queue[float | None] = asyncio.Queue()
    here = threading.get_ident()

    def show(ticker: Ticker) -> None:
        assert threading.get_ident() == here
        came.put_nowait(ticker.bid)

    async def show_later(ticker: Ticker) -> None:
        await asyncio.sleep(0)
        show(ticker)

    loop = asyncio.get_running_loop()
    for callback in (show, show_later):
        with desk.gateway.subscribe("AAPL", on_tick=callback, where=loop):
            while await asyncio.wait_for(came.get(), PATIENCE) != 189.49:
                pass


def test_a_coroutine_function_runs_on_the_loop_thread(desk: Desk) -> None:
    heard = Heard()

    async def show(ticker: Ticker) -> None:
        await asyncio.sleep(0)
        heard(ticker.bid, threading.current_thread().name)

    watch = desk.gateway.subscribe("AAPL")
    assert watch.on_tick(show) is show
    _, thread = heard.until(lambda item: item[0] == 189.49)
    assert thread.startswith("twsloop")


def test_subscribe_and_cancel_never_wait_for_the_loop(desk: Desk) -> None:
    heard, gate = Heard(), threading.Event()

    def hold_up(ticker: Ticker) -> None:
        heard(ticker)
        gate.wait(PATIENCE)

    first = desk.gateway.subscribe("AAPL", on_tick=hold_up)
    heard.next()  # from here on the loop thread is held up, and waits for us
    second = desk.gateway.subscribe(["AAPL", "MSFT"])
    assert second["AAPL"] is first["AAPL"]
    first.cancel()
    gate.set()
    desk.settle()
    assert subscriptions_at(desk) == 2


def test_from_the_loop_thread_itself(desk: Desk) -> None:
    heard = Heard()
    desk.on_loop(lambda: desk.gateway.subscribe("AAPL", on_tick=heard))
    heard.until(bid_is(189.49))


def test_before_start_there_is_no_loop() -> None:
    with pytest.raises(LoopNotRunning):
        IBGateway().subscribe("AAPL")


def test_the_stream_goes_on_after_the_gateway_restarts() -> None:
    heard, gaps = Heard(), Heard()
    with open_paper() as (_, paper):
        config = config_for(paper, reconnect__first_delay=0.05, reconnect__cap=0.1)
        port = paper.port
        with IBGateway(config) as gateway:
            gateway.observe(GapStarted, gaps)
            gateway.observe(GapEnded, gaps)
            names = {"quotes of AAPL", "quotes of MSFT"}
            watch = gateway.subscribe(["AAPL", "MSFT"], on_tick=heard)
            snapshot_of = watch["AAPL"]
            heard.until(lambda _: all(one.bid for one in watch))
            paper.stop()
            started = [gaps.next() for _ in names]
            assert {(type(one), one.stream) for one in started} == {(GapStarted, n) for n in names}
            assert snapshot_of.stale
            with open_paper(port=port) as (feed, restarted):
                ended = [gaps.next() for _ in names]
                assert {(type(one), one.stream) for one in ended} == {(GapEnded, n) for n in names}
                desk = Desk(feed, restarted, gateway)
                desk.quote("AAPL", 200.0, 200.1)
                assert heard.until(bid_is(200.0)) is snapshot_of
                assert not snapshot_of.stale
                assert watch.active


def test_a_snapshot_does_not_outlive_its_session() -> None:
    failed = Heard()
    with open_desk(reconnect__enabled=False) as desk:
        # EUR.USD has no quote here, so that its snapshot is not complete before its time.
        watch = desk.gateway.subscribe("EUR.USD", snapshot=True, on_error=failed)
        desk.settle()
        desk.paper.drop_clients()
        _, error = failed.next()
        assert isinstance(error, ConnectionLost)
        assert watch.done.result(PATIENCE)["EUR.USD"].bid is None
