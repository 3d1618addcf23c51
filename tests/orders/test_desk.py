"""The desk where it is not alone: other clients, people at the gateway's window, silence, haste."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop
from ibapi.protobuf.Contract_pb2 import Contract as ContractProto
from ibapi.protobuf.Order_pb2 import Order as OrderProto

from tests.orders.test_hard_cases import execution
from tests.orders.test_sessions import config, connected, until, working
from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from tests.support.fake_tws import FakeTws, error, message, open_order, order_status
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.contracts import option, stock
from twsloop.errors import (
    ConnectionLost,
    InvalidOrder,
    NotConnected,
    OrderError,
    RequestError,
    RequestTimeout,
)
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.desk import OrderDesk
from twsloop.orders.intent import Intent
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.orders.validation import NOTHING, Knowledge
from twsloop.orders.words import ExerciseAction
from twsloop.session.state import State

BOTH = pytest.mark.parametrize(
    ("version", "loop_factory"),
    [(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)],
    ids=["protobuf", "text"],
)


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def by_hand(desk: Desk, **fields: Any) -> int:
    """An order that somebody places at the gateway's own window; its permId."""
    order = {
        "action": "BUY",
        "totalQuantity": "5",
        "orderType": "LMT",
        "lmtPrice": 100.0,
        "tif": "DAY",
        "transmit": True,
        **fields,
    }
    contract = ContractProto(symbol="AAPL", secType="STK", exchange="SMART", currency="USD")
    return desk.paper.place_by_hand(contract, OrderProto(**order))


# ---- orders of others --------------------------------------------------------------------


def test_an_order_of_another_client_is_shown_and_left_alone(desk: Desk) -> None:
    with IBGateway(config_for(desk.paper, connection__client_id=7)) as other:
        theirs = other.orders.place("AAPL", limit_order("BUY", 3, 100), tag="theirs")
        until(theirs, OrderStatus.SUBMITTED)
        (shown,) = desk.gateway.orders.all_open().result(PATIENCE)
        assert (shown.perm_id, shown.client_id, shown.tag) == (theirs.perm_id, 7, "theirs")
        assert (shown.own, shown.origin) == (False, "client 7")
        assert desk.gateway.orders.find(perm_id=theirs.perm_id) is shown
        assert desk.gateway.orders.open() == desk.gateway.trades() == ()
        for act in (shown.cancel, functools.partial(shown.modify, quantity=1)):
            with pytest.raises(OrderError, match="belongs to client 7"):
                act()
        with pytest.raises(OrderError, match="belongs to client 7"):
            desk.gateway.orders.cancel_replace(shown, {})
        assert theirs.active
        # Everything, whosever it is: that is what the gateway's global cancel means.
        told = desk.gateway.orders.cancel_all(timeout=0.2).result(PATIENCE)
        assert theirs.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert (*told.cancelled, *told.live) == (shown,)


def test_all_orders_of_other_clients_are_known_to_be_cancelled_without_a_report(desk: Desk) -> None:
    with IBGateway(config_for(desk.paper, connection__client_id=7)) as other:
        theirs = other.orders.place("AAPL", limit_order("BUY", 3, 100))
        until(theirs, OrderStatus.SUBMITTED)
        (shown,) = desk.gateway.orders.all_open().result(PATIENCE)
        told = desk.gateway.orders.cancel_all(timeout=3 * PATIENCE).result(PATIENCE)
        assert (told.cancelled, told.live, told.complete) == ((shown,), (), True)
        assert not shown.active


def test_what_another_client_cancelled_is_not_shown_live_after_a_gap(desk: Desk) -> None:
    with IBGateway(config_for(desk.paper, connection__client_id=7)) as other:
        theirs = other.orders.place("AAPL", limit_order("BUY", 3, 100))
        until(theirs, OrderStatus.SUBMITTED)
        (shown,) = desk.gateway.orders.all_open().result(PATIENCE)
        theirs.cancel().result(PATIENCE)
    assert desk.gateway.orders.all_open().result(PATIENCE) == []
    desk.gateway.event_loop.submit(desk.gateway._IBGateway__slices.orders.sync.fetch).result(
        PATIENCE
    )
    assert not shown.active


def test_an_order_of_another_client_that_is_over_is_done_at_once(desk: Desk) -> None:
    with IBGateway(config_for(desk.paper, connection__client_id=7)) as other:
        theirs = other.orders.place("AAPL", limit_order("BUY", 3, 100))
        until(theirs, OrderStatus.SUBMITTED)
        desk.gateway.open_orders().result(PATIENCE)  # it is known, and nobody has its handle
        theirs.cancel().result(PATIENCE)
    desk.gateway.event_loop.submit(desk.gateway._IBGateway__slices.orders.sync.fetch).result(
        PATIENCE
    )
    shown = desk.gateway.orders.find(perm_id=theirs.perm_id)
    assert shown is not None
    assert shown.done.result(0) is shown.status
    assert not shown.active


@BOTH
def test_client_0_binds_what_was_placed_by_hand(version: int, loop_factory: Any) -> None:
    with open_desk(version=version, loop_factory=loop_factory, connection__client_id=0) as desk:
        perm_id = by_hand(desk)
        (shown,) = desk.gateway.orders.all_open().result(PATIENCE)
        assert (shown.perm_id, shown.order_id, shown.own) == (perm_id, 0, False)
        assert shown.origin == "by hand"
        with pytest.raises(OrderError, match="placed by hand"):
            shown.cancel()
        (bound,) = desk.gateway.orders.bind_manual().result(PATIENCE)
        assert bound is shown
        assert bound.own
        assert bound.order_id < 0
        assert bound in desk.gateway.orders.open()
        assert bound.modify(quantity=6).result(PATIENCE) is OrderStatus.SUBMITTED
        assert bound.order.totalQuantity == 6
        assert bound.cancel().result(PATIENCE) is OrderStatus.CANCELLED


def test_client_0_binds_what_will_be_placed_by_hand() -> None:
    with open_desk(connection__client_id=0) as desk:
        assert desk.gateway.orders.bind_manual(automatic=True).result(PATIENCE) == []
        perm_id = by_hand(desk)
        (bound,) = desk.gateway.orders.all_open().result(PATIENCE)
        assert (bound.perm_id, bound.own, bound.origin) == (perm_id, True, "by hand")
        assert bound.cancel().result(PATIENCE) is OrderStatus.CANCELLED


# ---- exercise ----------------------------------------------------------------------------


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def listed(request: pytest.FixtureRequest) -> Iterator[Desk]:
    """A market on a day on which the options are listed."""
    version, loop_factory = request.param
    with (
        open_paper(max_version=version, clock=ManualClock()) as (feed, paper),
        IBGateway(config_for(paper), loop_factory=loop_factory) as gateway,
    ):
        yield Desk(feed, paper, gateway)


def spy_call(strike: float = 650.0) -> Any:
    return option("SPY", "20260105", strike, "C")


def long_call(desk: Desk) -> Any:
    """A position of two calls on SPY."""
    desk.quote("SPY", 662.0, 662.02)
    desk.trade("SPY", 662.0)
    contract = desk.gateway.contracts.resolve(spy_call()).result(PATIENCE)
    bought = desk.gateway.orders.place(contract, market_order("BUY", 2))
    assert bought.done.result(PATIENCE) is OrderStatus.FILLED
    return contract


def test_an_option_is_exercised(listed: Desk) -> None:
    contract = long_call(listed)
    trade = listed.gateway.orders.exercise(contract, 1, tag="delivery", reason="dividend")
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert trade.filled == 1
    assert (trade.origin, trade.placed_because) == ("exercise", "dividend")
    held = {p.contract.secType: p.quantity for p in listed.gateway.positions().result(PATIENCE)}
    assert held == {"OPT": Decimal(1), "STK": Decimal(100)}


def test_an_exercise_that_cannot_be(listed: Desk) -> None:
    contract = long_call(listed)
    refused = listed.gateway.orders.exercise(contract, 9)
    assert refused.done.result(PATIENCE) is OrderStatus.REJECTED
    assert refused.error_code == 322
    natural = listed.gateway.orders.exercise(contract, 1, action=ExerciseAction.LAPSE)
    assert natural.done.result(PATIENCE) is OrderStatus.REJECTED
    with pytest.raises(InvalidOrder, match="not exercised"):
        listed.gateway.orders.exercise("AAPL")


# ---- cancelling --------------------------------------------------------------------------


def test_what_the_gateway_does_not_end_in_time_is_told_as_live() -> None:
    tws, clock = FakeTws(), ManualClock()
    with tws, IBGateway(config(tws), clock=clock) as gateway:
        first, second = working(tws, gateway), working(tws, gateway)
        asked = gateway.orders.cancel_all(timeout=5)
        tws.next("reqGlobalCancel")
        tws.say(order_status(first.order_id, "Cancelled"))
        assert first.done.result(PATIENCE) is OrderStatus.CANCELLED
        clock.advance(5)
        told = asked.result(PATIENCE)
        assert (told.cancelled, told.live, told.complete) == ((first,), (second,), False)
        assert second.active


def test_cancel_all_tells_fills_and_other_ends_apart() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        first, second = working(tws, gateway), working(tws, gateway)
        asked = gateway.orders.cancel_all(timeout=PATIENCE)
        tws.next("reqGlobalCancel")
        tws.say(
            order_status(first.order_id, "Filled", filled=10, remaining=0),
            error(second.order_id, 201, "Order rejected - reason:late"),
        )
        told = asked.result(PATIENCE)
        assert (told.filled, told.ended, told.complete) == ((first,), (second,), True)


def test_an_order_that_fills_while_it_is_cancelled_is_not_replaced() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        asked = gateway.orders.cancel_replace(trade, {"limit_price": 99})
        tws.next("cancelOrder")
        tws.say(order_status(trade.order_id, "Filled", filled=10, remaining=0))
        with pytest.raises(OrderError, match="nothing was placed"):
            asked.result(PATIENCE)
        assert gateway.trades() == (trade,)


def test_only_what_is_left_is_ordered_again() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        asked = gateway.orders.cancel_replace(trade, {"limit_price": 99})
        tws.next("cancelOrder")
        tws.say(
            execution(trade.order_id, "0000e0d5.6ab9ea82.01.01", 4),
            order_status(trade.order_id, "Cancelled", filled=4, remaining=6),
        )
        fresh = asked.result(PATIENCE)
        assert (fresh.order.totalQuantity, fresh.order.lmtPrice) == (6, 99)
        assert tws.next("placeOrder").orderId == fresh.order_id


def test_an_order_is_replaced_once(desk: Desk) -> None:
    trade = desk.gateway.orders.place("AAPL", limit_order("BUY", 10, 100))
    replace = desk.gateway.orders.cancel_replace
    # On the loop thread: no answer comes in between.
    asked = desk.on_loop(lambda: [replace(trade, {"limit_price": p}) for p in (99, 98)])
    fresh = asked[0].result(PATIENCE)
    with pytest.raises(OrderError, match="being replaced"):
        asked[1].result(PATIENCE)
    assert desk.gateway.orders.open() == (fresh,)


def test_an_order_that_ended_on_the_way_to_the_loop_is_not_replaced(desk: Desk) -> None:
    trade = desk.gateway.orders.place("AAPL", limit_order("BUY", 10, 100))
    trade.cancel().result(PATIENCE)
    actions = desk.gateway.orders._actions  # the call's own check was passed a moment before
    late = functools.partial(actions.cancel_replace, trade, lambda order: order, Intent(), None)
    with pytest.raises(OrderError, match="nothing was placed"):
        desk.gateway.event_loop.submit(late).result(PATIENCE)
    assert desk.gateway.trades() == (trade,)


def test_an_order_whose_end_does_not_come_is_not_replaced() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        with pytest.raises(OrderError, match="Submitted"):
            gateway.orders.cancel_replace(trade, {}, timeout=0.05).result(PATIENCE)
        assert trade.active
        # Its end comes after all, and it may be tried again until then.
        again = gateway.orders.cancel_replace(trade, {})
        tws.next("cancelOrder")
        tws.next("cancelOrder")
        tws.say(order_status(trade.order_id, "Cancelled"))
        assert again.result(PATIENCE).active


def test_without_a_session_nothing_is_cancelled_or_replaced() -> None:
    tws = FakeTws()
    quiet = {"reconnect__quick_delay": 60, "reconnect__first_delay": 60, "reconnect__cap": 60}
    with connected(tws, **quiet) as gateway:
        trade = working(tws, gateway)
        lost = Heard()
        gateway.on_session(lambda state, _reason: lost(state))
        tws.hang_up()
        lost.until(lambda state: state not in {State.READY, State.DEGRADED})
        for ask in (
            gateway.orders.cancel_all,
            functools.partial(gateway.orders.cancel_replace, trade, {"limit_price": 1}),
        ):
            with pytest.raises(NotConnected):
                ask().result(PATIENCE)
        assert not trade.record.cancel_asked


def test_why_the_gateway_rejected_it_is_kept_as_it_said_it() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = gateway.orders.place("AAPL", limit_order("BUY", 1, 1))
        tws.next("placeOrder")
        tws.say(
            message(
                "errMsg",
                id=trade.order_id,
                errorCode=201,
                errorMsg="Order rejected - reason:too far",
                advancedOrderRejectJson='{"rejects": [{"code": "IBDBUYTX"}]}',
            )
        )
        assert trade.done.result(PATIENCE) is OrderStatus.REJECTED
        assert trade.advanced_reject == {"rejects": [{"code": "IBDBUYTX"}]}
        assert (trade.error_code, trade.reason) == (201, "Order rejected - reason:too far")


# ---- previews ----------------------------------------------------------------------------


def test_a_refused_preview_fails_with_the_gateways_error(desk: Desk) -> None:
    asked = desk.gateway.orders.what_if(stock("NOPE"), market_order("BUY", 1))
    with pytest.raises(RequestError) as caught:
        asked.result(PATIENCE)
    assert caught.value.code == 200
    assert desk.gateway.trades() == ()


class Listening(IBGateway):
    """A program that takes every openOrder for an order."""

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        self.heard.append((orderId, order.whatIf))

    def openOrderProtoBuf(self, openOrderProto: Any) -> None:
        self.twins.append(openOrderProto.orderId)

    def _assemble(self, core: Any) -> None:
        super()._assemble(core)
        self.heard: list[tuple[int, bool]] = []
        self.twins: list[int] = []


@BOTH
def test_a_preview_of_ours_is_nobody_elses(version: int, loop_factory: Any) -> None:
    with open_desk(version=version, loop_factory=loop_factory, kind=Listening) as desk:
        gateway = desk.gateway
        assert isinstance(gateway, Listening)
        desk.gateway.orders.what_if("AAPL", market_order("BUY", 1)).result(PATIENCE)
        desk.settle()
        assert (gateway.heard, gateway.twins) == ([], [])
        raw = market_order("BUY", 1, whatIf=True)
        gateway.placeOrder(77, stock("AAPL"), raw)
        desk.settle()
        assert gateway.heard == [(77, True)]
        assert gateway.twins == ([77] if version == 225 else [])
        placed = gateway.orders.place("AAPL", limit_order("BUY", 1, 100))
        until(placed, OrderStatus.SUBMITTED)
        assert (placed.order_id, False) in gateway.heard


def test_a_preview_without_an_answer_ends() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        asked = gateway.orders.what_if("AAPL", market_order("BUY", 1), timeout=0.05)
        request = tws.next("placeOrder")
        assert request.order.whatIf
        with pytest.raises(RequestTimeout):
            asked.result(PATIENCE)
        lost = gateway.orders.what_if("AAPL", market_order("BUY", 1))
        tws.next("placeOrder")
        tws.hang_up()
        with pytest.raises((ConnectionLost, NotConnected)):
            lost.result(PATIENCE)


def test_a_warning_does_not_end_a_preview() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        asked = gateway.orders.what_if("AAPL", limit_order("BUY", 1, 1))
        order_id = tws.next("placeOrder").orderId
        tws.say(
            error(order_id, 399, "Order Message:\nWarning: not before the open"),
            open_order(order_id, "PreSubmitted", whatIf=True),
        )
        assert asked.result(PATIENCE).status == "PreSubmitted"


# ---- closing positions -------------------------------------------------------------------


def test_a_position_of_several_accounts_is_closed_by_name() -> None:
    with open_paper(accounts=("DU1", "DU2")) as (_, paper), IBGateway(config_for(paper)) as gateway:
        for account in ("DU1", "DU2"):
            bought = gateway.orders.place("AAPL", market_order("BUY", 2, account=account))
            assert bought.done.result(PATIENCE) is OrderStatus.FILLED
        with pytest.raises(OrderError, match=r"DU1.*DU2"):
            gateway.orders.close_position("AAPL").result(PATIENCE)
        closed = gateway.orders.close_position("AAPL", account="DU2").result(PATIENCE)
        assert closed.done.result(PATIENCE) is OrderStatus.FILLED
        assert closed.order.account == "DU2"
        held = gateway.positions().result(PATIENCE)
        assert [(row.account, row.quantity) for row in held] == [("DU1", Decimal(2))]


def test_a_short_position_is_bought_back_with_any_order(desk: Desk) -> None:
    desk.gateway.orders.place("AAPL", market_order("SELL", 4)).done.result(PATIENCE)
    trade = desk.gateway.orders.close_position(
        "AAPL", 3, order=lambda side, size: limit_order(side, size, "189.60")
    ).result(PATIENCE)
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert (trade.order.action, trade.order.orderType) == ("BUY", "LMT")


def test_two_at_once_do_not_close_it_twice(desk: Desk) -> None:
    desk.gateway.orders.place("AAPL", market_order("BUY", 4)).done.result(PATIENCE)
    resting = functools.partial(
        desk.gateway.orders.close_position,
        "AAPL",
        order=lambda side, size: limit_order(side, size, 500),
    )
    asked = [resting() for _ in range(3)]
    placed: list[Trade] = []
    refused: list[str] = []
    for one in asked:
        try:
            placed.append(one.result(PATIENCE))
        except OrderError as problem:
            refused.append(str(problem))
    assert (len(placed), len(refused)) == (1, 2)
    assert all(f"order {placed[0].order_id}" in text for text in refused)


def test_a_fill_between_the_two_questions_is_counted() -> None:
    """The closing order fills after the open orders were asked for, and before the position."""
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = gateway.place_order(stock("AAPL"), limit_order("SELL", 10, 100))
        tws.next("placeOrder")
        listed = open_order(trade.order_id, "Submitted", action="SELL")
        tws.open_orders = [listed]
        asked = gateway.orders.close_position("AAPL")
        tws.next("reqPositions")
        position = {"conId": 265598, "symbol": "AAPL", "secType": "STK", "currency": "USD"}
        tws.say(
            order_status(trade.order_id, "Filled", filled=10, remaining=0),
            # The position's update is late.
            message("position", account="DU1234567", contract=position, position="10", avgCost=1.0),
            message("positionEnd"),
        )
        with pytest.raises(OrderError, match=f"order {trade.order_id}"):
            asked.result(PATIENCE)
        assert gateway.trades() == (trade,)


def test_an_order_that_waits_here_to_leave_is_counted(desk: Desk) -> None:
    """It has no contract id yet, and is in none of the gateway's lists."""
    desk.gateway.orders.place("AAPL", market_order("BUY", 4)).done.result(PATIENCE)
    told = asyncio.Event()

    async def learn(_contract: Any) -> Knowledge:
        await told.wait()
        return NOTHING

    desk.gateway._IBGateway__slices.orders._validator._learn = learn
    waits = desk.gateway.orders.place("AAPL", limit_order("SELL", 4, 300), validate="strict")
    try:
        with pytest.raises(OrderError, match=f"order {waits.order_id}"):
            desk.gateway.orders.close_position("AAPL").result(PATIENCE)
        assert waits.cancel().result(PATIENCE) is OrderStatus.NOT_SENT
    finally:
        desk.on_loop(told.set)


def test_a_contract_of_another_kind_does_not_fit(listed: Desk) -> None:
    long_call(listed)
    with pytest.raises(OrderError, match="no position in SPY"):
        listed.gateway.orders.close_position("SPY").result(PATIENCE)
    closed = listed.gateway.orders.close_position(spy_call()).result(PATIENCE)
    assert closed.done.result(PATIENCE) is OrderStatus.FILLED
    with pytest.raises(InvalidOrder, match="not above 0"):
        listed.gateway.orders.close_position("AAPL", 0)


def test_without_positions_it_says_so(desk: Desk) -> None:
    gateway = desk.gateway
    bare = OrderDesk(
        gateway._tws,
        gateway._IBGateway__slices.orders,
        to_contract=lambda given: stock(given) if isinstance(given, str) else given,
    )
    with pytest.raises(OrderError, match="ask for positions"):
        bare.close_position("AAPL").result(PATIENCE)


def test_a_side_that_is_none_is_told_at_the_call() -> None:
    gateway = IBGateway(Config.load(environ={}))
    with pytest.raises(OrderError, match="side='BYU': executions are asked for by BUY or SELL"):
        gateway.orders.executions(side="BYU")


def test_equal_questions_on_their_way_are_one() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        tws.silent = ("reqAllOpenOrders", "reqCompletedOrders", "reqExecutions")
        asked = [
            ask()
            for ask in (
                gateway.orders.all_open,
                gateway.orders.completed,
                gateway.orders.executions,
            )
            for _ in range(2)
        ]
        gateway.orders.executions(symbol="AAPL")
        names: list[str] = []
        while names[-2:] != ["reqExecutions", "reqExecutions"]:
            name, request = tws.inbox.get(timeout=PATIENCE)
            names.append(name)
            if name == "reqExecutions" and not request.executionFilter.symbol:
                tws.say(message("execDetailsEnd", reqId=request.reqId))
        assert names == ["reqAllOpenOrders", "reqCompletedOrders", "reqExecutions", "reqExecutions"]
        tws.say(message("openOrderEnd"), message("completedOrdersEnd"))
        assert [one.result(PATIENCE) for one in asked] == [[]] * 6


# ---- the life of an order, as it is logged -----------------------------------------------


def test_the_log_tells_the_whole_story(desk: Desk) -> None:
    updates = Heard()
    trade = desk.gateway.orders.place("AAPL", market_order("BUY", 1), on_update=updates)
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    sources = [entry.source for entry in trade.log]
    assert sources[:2] == ["created", "sent"]
    assert {"openOrder", "orderStatus", "execDetails", "commission"} <= set(sources)
    assert [entry.time for entry in trade.log] == sorted(entry.time for entry in trade.log)
    assert "1.0" in next(entry.text for entry in trade.log if entry.source == "commission")
