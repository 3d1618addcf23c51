"""What a program chooses for a code is what happens to its session, its data and its orders."""

from __future__ import annotations

import queue
import threading

import pytest

from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import config_for
from tests.support.sessions import SESSIONS, open_session
from twsloop import IBGateway, PaperGateway, market_order, stock
from twsloop.events import GapStarted, Notice
from twsloop.events.streams import GapCause
from twsloop.orders.state import OrderStatus

UNLISTED = 99_999


@pytest.mark.parametrize("name", [*SESSIONS])
def test_a_code_may_end_the_session_which_is_made_again(name: str) -> None:
    with open_session(name) as (gateway, gw):
        gateway.market.notice(UNLISTED, "nobody knows what this is")
        await_condition(lambda: any(n.code == UNLISTED for n in gw.errors.recent))
        assert gw.stats().session.losses == 0
        gw.errors.override(UNLISTED, "connection", action="reconnect")
        gateway.market.notice(UNLISTED, "nobody knows what this is")
        await_condition(lambda: gw.stats().session.sessions == 2)
        assert gw.stats().session.losses == 1


@pytest.mark.parametrize("name", [*SESSIONS])
def test_a_subscription_may_go_on_where_the_gateway_ended_it(name: str) -> None:
    with open_session(name) as (gateway, gw):
        gw.errors.override(354, "subscription", action="resubscribe", severity="info")
        gaps: queue.SimpleQueue[GapStarted] = queue.SimpleQueue()
        notices: queue.SimpleQueue[Notice] = queue.SimpleQueue()
        gw.observe(GapStarted, gaps.put)
        gw.errors.on("market_data", notices.put)
        ticked = threading.Event()
        with gw.subscribe("AAPL", lambda _ticker: ticked.set()) as watch:
            assert ticked.wait(PATIENCE)
            with gateway.faults.data_refused():
                gap, notice = gaps.get(timeout=PATIENCE), notices.get(timeout=PATIENCE)
            assert watch.active
            assert not watch.errors
    assert gap.cause is GapCause.GATEWAY
    assert (notice.context, notice.action) == ("subscription", "resubscribe")
    assert notice.severity == "info"


@pytest.mark.parametrize("name", [*SESSIONS])
def test_without_a_choice_it_is_over(name: str) -> None:
    with open_session(name) as (gateway, gw):
        ticked, failed = threading.Event(), threading.Event()
        watch = gw.subscribe(
            "AAPL", lambda _ticker: ticked.set(), on_error=lambda *_args: failed.set()
        )
        assert ticked.wait(PATIENCE)
        with gateway.faults.data_refused():
            assert failed.wait(PATIENCE)
        (error,) = watch.errors.values()
    assert "354" in str(error) or getattr(error, "code", None) == 354


def test_a_choice_of_the_settings_reaches_the_orders() -> None:
    with PaperGateway(max_version=200) as gateway:
        config = config_for(gateway, errors__110="order_new: keep, info")
        with IBGateway(config) as gw:
            told: queue.SimpleQueue[Notice] = queue.SimpleQueue()
            gw.errors.on("order_rejected", told.put)
            gateway.market.reject_next_order("off the grid", 110)
            trade = gw.place_order(stock("AAPL"), market_order("BUY", 1))
            notice = told.get(timeout=PATIENCE)
            gw.executions().result(timeout=PATIENCE)  # what came with it has come
            assert not trade.done.done()
            assert trade.status is not OrderStatus.REJECTED
    assert (notice.severity, notice.action, notice.context) == ("info", "keep", "order_new")
