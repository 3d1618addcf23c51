"""Market data when everything happens at once: threads, lost links, many gateways."""

from __future__ import annotations

import gc
import threading
from typing import Any

from tests.support.desk import PATIENCE, Heard, config_for, open_desk, open_paper
from twsloop.contracts import stock
from twsloop.errors import RequestError, WrongThread
from twsloop.gateway import IBGateway
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus
from twsloop.paper.market.vocabulary import QuoteChange
from twsloop.session.state import State

#: As many as one login has lines for at least (domain.md b).
MANY = 100


def test_a_hundred_tickers_at_once_and_each_failure_by_its_name() -> None:
    with open_desk() as desk:
        heard, failed = Heard(), Heard()
        unknown = [f"SYM{number}" for number in range(MANY - 2)]
        watch = desk.gateway.subscribe(["AAPL", *unknown, "MSFT"], heard, on_error=failed)
        told = {failed.next()[0] for _ in unknown}
        assert told == set(unknown) == set(watch.errors)
        assert {type(error) for error in watch.errors.values()} == {RequestError}
        assert watch.active
        desk.quote("MSFT", 430.0, 430.1)
        heard.until(lambda ticker: ticker.symbol == "MSFT" and ticker.bid == 430.0)


def test_subscribers_of_eight_threads_over_a_link_that_flaps() -> None:
    with open_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        client = desk.gateway
        heard, states, problems = Heard(), Heard(), Heard()
        stays = client.subscribe(["AAPL"], heard)
        heard.until(lambda ticker: ticker.bid == 189.49)
        client.on_session(lambda state, _: states(state))
        over = threading.Event()

        def once() -> None:
            shown = Heard()
            with client.subscribe(["AAPL", "MSFT"], shown) as watch:
                shown.next()
                watch.on_tick(lambda _: watch.cancel())

        def come_and_go() -> None:
            try:
                while not over.is_set():
                    once()
            except Exception as error:
                problems(error)
                raise

        threads = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            desk.paper.drop_clients()
            states.until(lambda state: state is State.WAITING)
            states.until(lambda state: state is State.READY)
        over.set()
        for thread in threads:
            thread.join(PATIENCE)
        assert problems.rest() == []
        desk.quote("AAPL", 191.0, 191.2)
        heard.until(lambda ticker: ticker.bid == 191.0 and not ticker.stale)
        stays.cancel()
        assert stays.done.result(PATIENCE)["AAPL"].bid == 191.0
        desk.settle()
        assert stays["AAPL"].stale
        ledger = client.market_data._desk.ledger
        assert (len(ledger), ledger._by_id, ledger._by_key) == (0, {}, {})
        assert ledger._by_instrument == {}
        assert list(client.market_data.slots) == []


def test_what_a_tick_callback_may_do() -> None:
    """Subscribe, cancel, place an order; wait for nothing; what it raises concerns nobody else."""
    with open_desk() as desk:
        client, told, second, ends = desk.gateway, Heard(), Heard(), Heard()
        done: list[Any] = []

        def first(ticker: Any) -> None:
            if done:
                return
            done.append(ticker)
            try:
                client.positions().result(1)
            except WrongThread as error:
                told(error)
            client.subscribe("MSFT", second)
            client.place_order("AAPL", market_order("BUY", 1)).done.add_done_callback(
                lambda view: ends(view.result())
            )
            raise ValueError(ticker.symbol)

        other = Heard()
        client.subscribe("AAPL", first)
        client.subscribe("AAPL", other)
        assert isinstance(told.next(), WrongThread)
        assert ends.next() is OrderStatus.FILLED
        assert second.next().symbol == "MSFT"
        assert other.next().symbol == "AAPL"


def test_subscriptions_outlive_a_stop_and_a_start() -> None:
    with open_paper() as (feed, paper):
        gateway = IBGateway(config_for(paper))
        heard = Heard()
        with gateway:
            watch = gateway.subscribe("AAPL", heard)
            heard.until(lambda ticker: ticker.bid == 189.49)
        assert watch.active
        assert watch["AAPL"].stale
        with gateway:
            paper.call(feed.send, [feed.quote("AAPL", 190.0, 190.2)])
            heard.until(lambda ticker: ticker.bid == 190.0 and not ticker.stale)
            watch.cancel()
        assert not watch.active


def test_ibs_own_start_again_and_again_with_callbacks_in_run() -> None:
    """Callbacks of a subscription and of orders come in each run()'s thread in turn."""

    class App(IBGateway):
        def nextValidId(self, orderId: int) -> None:
            opened(orderId)

    opened = Heard()
    with open_paper() as (feed, paper):
        app = App(config_for(paper))
        ticks, fills = Heard(), Heard()
        watch = None
        for number in range(3):
            app.connect("127.0.0.1", paper.port, 1)
            if watch is None:
                watch = app.subscribe(
                    "AAPL", lambda t: ticks(threading.current_thread().name, t.bid)
                )
            name = f"runner {number}"
            runner = threading.Thread(target=app.run, name=name)
            runner.start()
            opened.next()
            paper.call(feed.send, [feed.quote("AAPL", 191.0 + number, 191.5 + number)])
            assert ticks.until(lambda tick: tick == (name, 191.0 + number))  # noqa: B023
            app.place_order(
                stock("AAPL"),
                market_order("BUY", 1),
                on_fill=lambda _fill: fills(threading.current_thread().name),
            )
            assert fills.next() == name
            app.disconnect()
            runner.join(PATIENCE)


def test_thirty_two_gateways_in_one_process_stream_side_by_side() -> None:
    with open_paper(max_clients=40) as (feed, paper):
        gateways = [
            IBGateway(config_for(paper, connection__client_id=number)) for number in range(1, 33)
        ]
        try:
            heard = [Heard() for _ in gateways]
            for gateway, listener in zip(gateways, heard, strict=True):
                gateway.start()
                gateway.subscribe(["AAPL", "MSFT"], listener)
            rounds = 20
            for number in range(1, rounds + 1):
                paper.call(feed.send, [feed.quote("AAPL", 190 + number / 100, 192.0)])
            for listener in heard:
                listener.until(lambda t: t.symbol == "AAPL" and t.bid == 190 + rounds / 100)
            trades = [gateway.place_order("AAPL", market_order("BUY", 1)) for gateway in gateways]
            assert {trade.done.result(PATIENCE) for trade in trades} == {OrderStatus.FILLED}
        finally:
            for gateway in gateways:
                gateway.stop()


def test_ticks_leave_nothing_behind() -> None:
    """Whatever has streamed through, the number of living objects is what it was."""
    with open_desk() as desk:
        last = Heard()
        count = 2000
        desk.gateway.subscribe("AAPL", lambda t: last(t.bid) if t.bid == 1.0 else None)

        def stream() -> None:
            prices = [100 + (number % 100) / 100 for number in range(count)]
            quotes = [desk.feed.quote("AAPL", price, 200.0) for price in prices]
            desk.paper.call(desk.feed.send, quotes)
            desk.quote("AAPL", 1.0, 200.0)
            last.next()
            desk.quote("AAPL", 2.0, 200.0)
            desk.settle()
            last.rest()
            last.all.clear()

        def living() -> int:
            """Objects, but for the events that the paper gateway's own history remembers."""
            gc.collect()
            return sum(not isinstance(one, QuoteChange) for one in gc.get_objects())

        stream()
        before = living()
        stream()
        assert living() - before < count / 10
