"""Whoever waits for the end of an order that nobody asked to cancel finds the reason of it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import uvloop

from tests.orders.test_sessions import config, until, working
from tests.support.desk import PATIENCE, Desk, open_desk
from tests.support.fake_tws import FakeTws, error, order_status
from twsloop.clock import ManualClock
from twsloop.gateway import IBGateway
from twsloop.orders.board import REASON_WAIT
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade

TOO_FAR = "Order Canceled - reason:We cannot accept an order at a limit price at or more aggressive"


def asked(gateway: IBGateway) -> None:
    """Everything that the gateway said before has been heard."""
    gateway.event_loop.call(lambda: None)


def cancelled_unasked(tws: FakeTws, gateway: IBGateway) -> Trade:
    """An order that the gateway has cancelled, and not said why."""
    trade = working(tws, gateway)
    tws.say(order_status(trade.order_id, "Cancelled"))
    until(trade, OrderStatus.CANCELLED)
    asked(gateway)
    return trade


@pytest.mark.parametrize(
    ("version", "loop_factory"),
    [(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)],
    ids=["protobuf", "text"],
)
def test_a_limit_too_far_through_the_market_has_its_reason(version: int, loop_factory: Any) -> None:
    with open_desk(version=version, loop_factory=loop_factory) as desk:
        assert isinstance(desk, Desk)
        trade = desk.gateway.place_order("AAPL", limit_order("BUY", 10, 900))
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert trade.error_code == 202
        assert "at or more aggressive than" in trade.reason
        assert trade.settled.done()


def test_the_end_waits_for_the_word_that_tells_why() -> None:
    tws, clock = FakeTws(), ManualClock()
    with tws, IBGateway(config(tws), clock=clock) as gateway:
        trade = cancelled_unasked(tws, gateway)
        done, settled = trade.done, trade.settled
        assert not trade.active
        assert not done.done()
        # What is said again does not end it, nor make it wait longer.
        clock.advance(REASON_WAIT / 2)
        tws.say(order_status(trade.order_id, "Cancelled"), error(trade.order_id, 202, TOO_FAR))
        assert done.result(PATIENCE) is OrderStatus.CANCELLED
        assert (trade.reason, trade.error_code) == (TOO_FAR, 202)
        assert settled.result(PATIENCE) is OrderStatus.CANCELLED


def test_a_word_that_never_comes_is_not_waited_for_long() -> None:
    tws, clock = FakeTws(), ManualClock()
    with tws, IBGateway(config(tws), clock=clock) as gateway:
        trade = cancelled_unasked(tws, gateway)
        done = trade.done
        clock.advance(REASON_WAIT)
        assert done.result(PATIENCE) is OrderStatus.CANCELLED
        assert trade.settled.result(PATIENCE) is OrderStatus.CANCELLED
        assert not trade.reason


def test_a_fill_is_told_at_once_all_the_same() -> None:
    tws = FakeTws()
    with tws, IBGateway(config(tws), clock=ManualClock()) as gateway:
        trade = cancelled_unasked(tws, gateway)
        tws.say(order_status(trade.order_id, "Filled", filled=10, remaining=0))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED


def test_what_we_cancelled_ends_at_once() -> None:
    tws = FakeTws()
    with tws, IBGateway(config(tws), clock=ManualClock()) as gateway:
        trade = working(tws, gateway)
        done = trade.cancel()
        tws.next("cancelOrder")
        tws.say(order_status(trade.order_id, "Cancelled"))
        assert done.result(PATIENCE) is OrderStatus.CANCELLED


def test_the_end_of_the_session_lets_nobody_wait() -> None:
    tws = FakeTws()
    with tws:
        with IBGateway(config(tws), clock=ManualClock()) as gateway:
            trade = cancelled_unasked(tws, gateway)
            done = trade.done
            assert not done.done()
        assert done.result(PATIENCE) is OrderStatus.CANCELLED


def test_a_lost_link_leaves_the_wait_as_short_as_it_is() -> None:
    tws, clock = FakeTws(), ManualClock()
    with tws, IBGateway(config(tws), clock=clock) as gateway:
        trade = cancelled_unasked(tws, gateway)
        done = trade.done
        tws.hang_up()
        clock.advance(REASON_WAIT)
        assert done.result(PATIENCE) is OrderStatus.CANCELLED
