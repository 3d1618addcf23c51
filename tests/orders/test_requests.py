"""Orders, end to end: our client and the paper gateway over real sockets."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import uvloop
from ibapi.client import EClient
from ibapi.client_utils import createCancelOrderRequestProto, createPlaceOrderRequestProto
from ibapi.order_cancel import OrderCancel

from tests.support.desk import PATIENCE, Desk, Heard, config_for, open_desk, open_paper
from twsloop.contracts import stock
from twsloop.errors import (
    InvalidOrder,
    OrderError,
    OrdersRefused,
    RequestError,
    SymbolError,
    WrongThread,
)
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    Notice,
    OrderCancelled,
    OrderCreated,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
)
from twsloop.gateway import IBGateway
from twsloop.orders.builders import bracket, limit_order, market_order, stop_order
from twsloop.orders.raw import GUARDED
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State


@pytest.fixture(
    params=[(225, uvloop.new_event_loop), (200, asyncio.new_event_loop)], ids=["protobuf", "text"]
)
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    version, loop_factory = request.param
    with open_desk(version=version, loop_factory=loop_factory) as made:
        yield made


def resting(desk: Desk, price: str = "100") -> Trade:
    """A limit order that works and does not fill."""
    heard = Heard()
    trade = desk.gateway.place_order("AAPL", limit_order("BUY", 10, price), on_update=heard)
    if trade.status is not OrderStatus.SUBMITTED:
        heard.until(lambda shown: shown.status is OrderStatus.SUBMITTED)
    return trade


def test_a_market_order_fills_and_settles(desk: Desk) -> None:
    updates, fills, facts = Heard(), Heard(), Heard()
    desk.gateway.observe(Fact, lambda fact: None if isinstance(fact, Notice) else facts(fact))
    trade = desk.gateway.place_order(
        stock("AAPL"), market_order("BUY", 100), on_update=updates, on_fill=fills
    )
    assert trade.order_id >= 1
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    assert (trade.filled, trade.remaining) == (Decimal(100), Decimal(0))
    assert trade.average_price == Decimal("189.51")
    assert trade.commission == Decimal("1.0003")
    fill = fills.next()
    assert (fill.symbol, fill.side, fill.shares, fill.price) == (
        "AAPL",
        "BOT",
        Decimal(100),
        Decimal("189.51"),
    )
    assert fill.executed_at is not None
    assert trade.fills == (fill,)
    assert trade.perm_id == fill.perm_id
    assert not trade.active
    assert {id(shown) for shown in updates.rest()} == {id(trade)}
    kinds = [type(fact) for fact in facts.rest()]
    kinds = [kind for kind in kinds if kind.__name__.startswith(("Order", "Fill", "Commission"))]
    assert kinds == [OrderCreated, OrderSubmitted, Fill, OrderFilled, CommissionReported]


async def test_awaiting_in_any_loop(desk: Desk) -> None:
    trade = await asyncio.to_thread(
        desk.gateway.place_order, "AAPL", limit_order("BUY", 5, "190.00")
    )
    assert await trade.done is OrderStatus.FILLED
    assert await asyncio.wait_for(trade.settled, PATIENCE) == "Filled"


def test_cancel(desk: Desk) -> None:
    trade = resting(desk)
    with pytest.raises(TimeoutError):
        trade.done.result(0.01)
    assert trade.active  # a waiter's timeout cancels nothing
    assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED
    assert trade.settled.result(PATIENCE) is OrderStatus.CANCELLED
    assert trade.cancel().result(0) is OrderStatus.CANCELLED  # and again does nothing


def test_a_waiter_that_leaves_cancels_nothing(desk: Desk) -> None:
    trade = resting(desk)
    waiter = trade.done
    assert waiter.cancel()
    desk.settle()
    assert trade.active
    trade.cancel()
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED


def test_modify_to_a_fill(desk: Desk) -> None:
    trade = resting(desk)
    changed = trade.modify(limit_price="189.60", quantity=20)
    assert changed.result(PATIENCE) in {OrderStatus.SUBMITTED, OrderStatus.FILLED}
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert trade.filled == 20
    with pytest.raises(OrderError, match="nothing to modify"):
        trade.modify(quantity=1)


def test_modify_refuses_nonsense_at_once(desk: Desk) -> None:
    trade = resting(desk)
    with pytest.raises(InvalidOrder):
        trade.modify(quantity=-1)
    with pytest.raises(InvalidOrder, match="no field 'colour'"):
        trade.modify(colour="red")


def test_a_stop_order_waits_for_its_trigger(desk: Desk) -> None:
    heard = Heard()
    trade = desk.gateway.place_order("AAPL", stop_order("SELL", 10, "180"), on_update=heard)
    heard.until(lambda shown: shown.status is OrderStatus.PRE_SUBMITTED and shown.why_held)
    assert trade.why_held == "trigger"
    desk.quote("AAPL", 179.0, 179.1)
    desk.trade("AAPL", 179.0)
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert trade.average_price == Decimal(179)


def test_partial_fills_add_up(desk: Desk) -> None:
    desk.quote("AAPL", 189.49, 189.51, 40)
    fills = Heard()
    trade = desk.gateway.place_order("AAPL", limit_order("BUY", 100, "189.55"), on_fill=fills)
    assert fills.next().shares == 40
    desk.quote("AAPL", 189.49, 189.53, 60)
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    assert trade.filled == sum(fill.shares for fill in trade.fills) == 100
    assert trade.average_price == (40 * Decimal("189.51") + 60 * Decimal("189.53")) / 100
    assert len(trade.commissions) == len(trade.fills)


def test_bad_input_raises_where_it_is_called(desk: Desk) -> None:
    order = limit_order("BUY", 1, 1)
    order.orderType = "STP"
    with pytest.raises(InvalidOrder, match="auxPrice"):
        desk.gateway.place_order("AAPL", order)
    with pytest.raises(SymbolError):
        desk.gateway.place_order("??", market_order("BUY", 1))
    with pytest.raises(InvalidOrder):
        desk.gateway.place_orders("AAPL", [market_order("BUY", 1), order])
    assert desk.gateway.trades() == ()


def test_prices_and_sizes_set_as_text_are_numbers_when_they_leave(desk: Desk) -> None:
    order = limit_order("BUY", 1, 1)
    order.lmtPrice, order.totalQuantity = "190", "7"
    trade = desk.gateway.place_order("AAPL", order)
    assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert trade.filled == 7
    assert order.lmtPrice == "190"  # the caller's own object is left alone
    with pytest.raises(InvalidOrder, match="not an ibapi Order"):
        desk.gateway.place_order("AAPL", "BUY 7")


def test_the_gateway_refuses(desk: Desk) -> None:
    rejected = Heard()
    desk.gateway.observe(OrderRejected, rejected)
    trade = desk.gateway.place_order(stock("NOPE"), market_order("BUY", 1))
    assert trade.done.result(PATIENCE) is OrderStatus.REJECTED
    assert trade.settled.result(PATIENCE) is OrderStatus.REJECTED
    assert trade.error_code == 200
    assert trade.reason
    assert rejected.next().order_id == trade.order_id


def test_an_off_tick_modification_leaves_the_order_as_it_was(desk: Desk) -> None:
    trade = resting(desk)
    changed = trade.modify(limit_price="100.001")
    with pytest.raises(RequestError) as caught:
        changed.result(PATIENCE)
    assert caught.value.code == 110
    assert trade.active
    assert trade.order.lmtPrice == 100.0
    assert trade.modify(limit_price="101").result(PATIENCE) is OrderStatus.SUBMITTED
    assert trade.order.lmtPrice == 101.0


def test_bracket(desk: Desk) -> None:
    parent, profit, loss = desk.gateway.place_orders(
        "AAPL", bracket("BUY", 10, entry="189.60", take_profit="195", stop_loss="180")
    )
    assert (profit.order_id, loss.order_id) == (parent.order_id + 1, parent.order_id + 2)
    assert parent.done.result(PATIENCE) is OrderStatus.FILLED
    desk.quote("AAPL", 195.5, 195.6)
    assert profit.done.result(PATIENCE) is OrderStatus.FILLED
    assert loss.done.result(PATIENCE) is OrderStatus.CANCELLED


def test_a_bracket_is_modified_as_one_that_works(desk: Desk) -> None:
    parent, *_ = desk.gateway.place_orders(
        "AAPL", bracket("BUY", 10, entry="100", take_profit="195", stop_loss="90")
    )
    assert parent.modify(limit_price="101").result(PATIENCE) is OrderStatus.SUBMITTED
    assert parent.order.lmtPrice == 101.0
    assert parent.record.sent.transmit


def test_questions(desk: Desk) -> None:
    trade = resting(desk)
    desk.gateway.place_order("MSFT", market_order("BUY", 3)).settled.result(PATIENCE)
    orders = desk.gateway.open_orders().result(PATIENCE)
    assert [(view.order_id, view.symbol, view.status) for view in orders] == [
        (trade.order_id, "AAPL", OrderStatus.SUBMITTED)
    ]
    executions = desk.gateway.executions().result(PATIENCE)
    assert [(one.fill.symbol, one.fill.shares) for one in executions] == [("MSFT", Decimal(3))]
    assert executions[0].commission is not None
    assert executions[0].commission.commission > 1
    with pytest.raises(WrongThread):
        desk.on_loop(lambda: desk.gateway.open_orders().result())


def test_callbacks_that_raise_hurt_nobody(desk: Desk) -> None:
    fills = Heard()

    def broken_update(trade: Trade) -> None:
        raise ValueError("no")

    trade = desk.gateway.place_order(
        "AAPL", market_order("BUY", 1), on_update=broken_update, on_fill=fills
    )
    assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
    fills.next()
    failed = desk.gateway.errors.summary()["failed_callbacks"]
    assert [name for name in failed if "broken_update" in name]


def test_from_sixteen_threads_every_order_gets_its_own_id(desk: Desk) -> None:
    trades: list[Trade] = []
    start = threading.Barrier(16)

    def place() -> None:
        start.wait(PATIENCE)
        trades.extend(
            desk.gateway.place_order("MSFT", limit_order("BUY", 1, "430")) for _ in range(5)
        )

    threads = [threading.Thread(target=place) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {trade.done.result(PATIENCE) for trade in trades} == {OrderStatus.FILLED}
    assert len({trade.order_id for trade in trades}) == 80


# ---- raw calls ---------------------------------------------------------------------------


class App(IBGateway):
    """A program in IB's own style."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.statuses = Heard()
        self.complaints = Heard()
        self.sent: list[int] = []

    def orderStatus(self, orderId: int, status: str, *rest: Any) -> None:
        self.statuses(orderId, status)

    def error(
        self, reqId: int, errorTime: int, errorCode: int, errorString: str, reject: str = ""
    ) -> None:
        if reqId != -1:
            self.complaints(reqId, errorCode, errorString)

    def sendMsg(self, msgId: int, msg: str) -> None:
        super().sendMsg(msgId, msg)
        self.sent.append(msgId)

    def sendMsgProtoBuf(self, msgId: int, msg: bytes) -> None:
        super().sendMsgProtoBuf(msgId, msg)
        self.sent.append(msgId - 200)


@pytest.fixture(params=[225, 200], ids=["protobuf", "text"])
def raw(request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(version=request.param, kind=App) as made:
        yield made


def app(desk: Desk) -> App:
    assert isinstance(desk.gateway, App)
    return desk.gateway


def test_every_order_bearing_request_of_eclient_is_guarded() -> None:
    bearing = {
        name
        for name in vars(EClient)
        if name.removesuffix("ProtoBuf")
        in {"placeOrder", "cancelOrder", "reqGlobalCancel", "exerciseOptions"}
    }
    assert bearing == set(GUARDED)
    # Whatever a newer ibapi adds with such a name has to be looked at.
    speaking = {
        name
        for name in vars(EClient)
        if any(word in name.lower() for word in ("order", "exercise", "globalcancel"))
    }
    questions = {"reqOpenOrders", "reqAutoOpenOrders", "reqAllOpenOrders", "reqCompletedOrders"}
    questions |= {f"{name}ProtoBuf" for name in questions}
    checks = {"validateOrderParameters", "validateAttachedOrdersParameters"}
    assert speaking == bearing | questions | checks
    for name in GUARDED:
        assert getattr(IBGateway, name) is not getattr(EClient, name), name


def test_raw_place_modify_and_cancel(raw: Desk) -> None:
    client = app(raw)
    order = limit_order("BUY", 10, "100")
    client.placeOrder(50, stock("AAPL"), order)
    order.lmtPrice = 999.0  # the caller may use its object again
    client.statuses.until(lambda item: item == (50, "Submitted"))
    assert client.sent.count(3) == 1  # the gate was passed once, and one message left
    trade = next(trade for trade in client.trades() if trade.order_id == 50)
    assert trade.order.lmtPrice == 100.0
    order.lmtPrice = 101.0
    client.placeOrder(50, stock("AAPL"), order)
    raw.settle()
    assert trade.order.lmtPrice == 101.0
    client.cancelOrder(50, OrderCancel())
    client.statuses.until(lambda item: item == (50, "Cancelled"))
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
    assert client.place_order("AAPL", limit_order("BUY", 1, 1)).order_id == 51


def test_a_raw_id_below_the_floor_is_a_local_103(raw: Desk) -> None:
    client = app(raw)
    client.placeOrder(50, stock("AAPL"), limit_order("BUY", 10, "100"))
    client.placeOrder(49, stock("AAPL"), limit_order("BUY", 10, "100"))
    assert client.complaints.next()[:2] == (49, 103)
    raw.settle()
    assert client.sent.count(3) == 1


def test_what_eclient_cannot_encode_is_its_own_sending_error(raw: Desk) -> None:
    client = app(raw)
    contract = stock("AAPL")
    contract.multiplier = "ten"
    order = limit_order("BUY", 10, "100")
    order.conditions = [object()]
    client.placeOrder(70, contract, order)
    order_id, code, text = client.complaints.next()
    assert (order_id, code) == (70, 512)
    assert text.startswith("Order Sending Error - ")
    (trade,) = client.trades()
    assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT
    assert 3 not in client.sent


def test_cancels_without_an_order_cancel(raw: Desk) -> None:
    client = app(raw)
    one, two = (client.place_order("AAPL", limit_order("BUY", 1, price)) for price in (90, 91))
    raw.settle()
    client.cancelOrder(one.order_id)
    assert one.done.result(PATIENCE) is OrderStatus.CANCELLED
    client.reqGlobalCancel()
    assert two.done.result(PATIENCE) is OrderStatus.CANCELLED


def test_global_cancel(raw: Desk) -> None:
    client = app(raw)
    trades = [client.place_order("AAPL", limit_order("BUY", 1, price)) for price in (90, 91)]
    raw.settle()
    client.reqGlobalCancel(OrderCancel())
    assert {trade.done.result(PATIENCE) for trade in trades} == {OrderStatus.CANCELLED}


def test_protobuf_twins_pass_the_gate_too() -> None:
    with open_desk(kind=App) as desk:
        client = app(desk)
        order = limit_order("BUY", 10, "100")
        client.placeOrderProtoBuf(createPlaceOrderRequestProto(7, stock("AAPL"), order))
        client.statuses.until(lambda item: item == (7, "Submitted"))
        trade = client.trades()[0]
        assert (trade.order_id, trade.order.lmtPrice) == (7, 100.0)
        client.placeOrderProtoBuf(createPlaceOrderRequestProto(6, stock("AAPL"), order))
        assert client.complaints.next()[:2] == (6, 103)
        client.cancelOrderProtoBuf(createCancelOrderRequestProto(7, OrderCancel()))
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED


def test_eclients_own_methods_do_not_get_past_the_gate(raw: Desk) -> None:
    client = app(raw)
    order = limit_order("BUY", 10, "100")
    EClient.placeOrder(client, 60, stock("AAPL"), order)
    raw.settle()
    by_twin = [trade for trade in client.trades() if trade.order_id == 60]
    # With protobuf, EClient calls the twin, which is ours; with text, nothing may leave.
    if client.serverVersion() == 200:
        assert by_twin == []
        assert client.complaints.next()[0] == 60
        assert 3 not in client.sent
    else:
        assert [trade.status for trade in by_twin] == [OrderStatus.SUBMITTED]


def test_a_raw_call_inside_a_callback_has_to_pass_the_gate_by_itself(raw: Desk) -> None:
    client = app(raw)
    placed: list[int] = []

    def again(trade: Trade) -> None:
        if not placed:
            placed.append(1)
            client.placeOrder(1, stock("AAPL"), limit_order("BUY", 1, 1))

    client.place_order("AAPL", limit_order("BUY", 1, 50), on_update=again)
    raw.settle()
    client.placeOrder(1, stock("AAPL"), limit_order("BUY", 1, 2))
    raw.settle()
    assert [item[:2] for item in client.complaints.rest() if item[1] == 103] == []
    assert len(client.trades()) == 1  # id 1 is the first order: the raw calls modified it


def test_the_gate_is_closed_again_while_an_order_is_on_its_way_out() -> None:
    with open_desk(version=200, kind=App) as desk:
        client = app(desk)

        def sneak(trade: Trade) -> None:
            # Called inside of EClient.placeOrder, when the bytes have just been handed over.
            if trade.status is OrderStatus.PENDING_SUBMIT:
                EClient.placeOrder(client, 60, stock("AAPL"), limit_order("BUY", 10, "100"))

        trade = client.place_order("AAPL", limit_order("BUY", 1, 50), on_update=sneak)
        assert client.complaints.next()[0] == 60
        desk.settle()
        assert trade.status is OrderStatus.SUBMITTED
        assert client.sent.count(3) == 1


# ---- gates -------------------------------------------------------------------------------


def test_orders_disabled_are_simulated_against_the_quote() -> None:
    with open_desk(kind=App, orders__enabled=False) as desk:
        client = app(desk)
        heard = Heard()
        client.subscribe("AAPL", on_tick=heard)
        heard.until(lambda ticker: ticker.ask == 189.51)
        live = client.place_order("AAPL", market_order("BUY", 100))
        assert live.done.result(PATIENCE) is OrderStatus.SIMULATED
        assert live.settled.result(PATIENCE) is OrderStatus.SIMULATED
        assert live.simulated_price == Decimal("189.51")
        assert "would fill at 189.51" in live.reason
        rest = client.place_order("MSFT", limit_order("BUY", 1, 400))  # by a snapshot
        assert rest.done.result(20) is OrderStatus.SIMULATED
        assert rest.simulated_price is None
        assert "would rest" in rest.reason
        client.placeOrder(90, stock("AAPL"), market_order("SELL", 1))
        assert client.complaints.next()[:2] == (90, 201)
        client.cancelOrder(90, OrderCancel())
        assert client.complaints.next()[:2] == (90, 10147)
        # The id was not used up; placing it again has to pass the gate again.
        client.placeOrder(90, stock("AAPL"), market_order("SELL", 2))
        assert client.complaints.next()[:2] == (90, 201)
        assert not {3, 4} & set(client.sent)
        assert client.open_orders().result(PATIENCE) == []


def test_an_account_that_the_login_does_not_have_is_refused() -> None:
    with open_desk(kind=App) as desk:
        client = app(desk)
        order = market_order("BUY", 1, account="DU999")
        trade = client.place_order("AAPL", order)
        assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "account" in trade.reason
        live = client.place_order("AAPL", market_order("BUY", 1, account="U1234567"))
        assert live.done.result(PATIENCE) is OrderStatus.REFUSED
        client.placeOrder(5, stock("AAPL"), order)
        assert client.complaints.next()[:2] == (5, 201)
        assert 3 not in client.sent


def test_with_orders_disabled_an_older_order_can_be_cancelled_but_not_changed() -> None:
    with open_paper() as (feed, paper):
        with IBGateway(config_for(paper)) as first:
            resting(Desk(feed, paper, first))
        with IBGateway(config_for(paper, orders__enabled=False)) as second:
            (trade,) = second.trades()
            with pytest.raises(OrdersRefused, match="disabled"):
                trade.modify(limit_price=101).result(PATIENCE)
            assert trade.order.lmtPrice == 100.0
            assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED


def test_the_id_of_an_order_that_is_over_is_not_used_again() -> None:
    # A gateway whose ids were rolled back would take it for a new order.
    with open_desk(kind=App) as desk:
        client = app(desk)
        filled = client.place_order("AAPL", market_order("BUY", 1))
        assert filled.settled.result(PATIENCE) is OrderStatus.FILLED
        client.placeOrder(filled.order_id, stock("AAPL"), market_order("BUY", 2))
        assert client.complaints.next()[:2] == (filled.order_id, 104)
        rejected = client.place_order("AAPL", limit_order("BUY", 1, "100.001"))
        assert rejected.done.result(PATIENCE) is OrderStatus.REJECTED
        assert client.complaints.next()[:2] == (rejected.order_id, 110)
        client.placeOrder(rejected.order_id, stock("AAPL"), limit_order("BUY", 1, 100))
        assert client.complaints.next()[:2] == (rejected.order_id, 103)
        assert client.sent.count(3) == 2


def test_without_a_session_orders_are_refused() -> None:
    gateway = IBGateway()
    trade = gateway.place_order("AAPL", market_order("BUY", 1))
    assert trade.done.result(0) is OrderStatus.REFUSED
    assert "not started" in trade.reason


def test_a_raw_order_without_a_session_is_ibs_504() -> None:
    client = App()
    client.placeOrder(1, stock("AAPL"), market_order("BUY", 1))
    assert client.complaints.next()[:2] == (1, 504)


# ---- sessions ----------------------------------------------------------------------------


def test_an_order_survives_a_lost_link() -> None:
    states = Heard()
    with open_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        trade = resting(desk)
        desk.gateway.on_session(lambda state, _reason: states(state))
        desk.paper.drop_clients()
        states.until(lambda state: state is State.READY)
        assert desk.gateway.orders_known
        assert trade.status is OrderStatus.SUBMITTED
        desk.quote("AAPL", 99.0, 99.5)
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED


def test_what_filled_during_a_gap_is_found() -> None:
    states = Heard()
    with open_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        trade = resting(desk)
        desk.gateway.on_session(lambda state, _reason: states(state))

        def drop_and_fill() -> None:
            desk.paper._drop_clients()
            desk.feed.send([desk.feed.quote("AAPL", 99.0, 99.5)])

        desk.paper.call(drop_and_fill)
        states.until(lambda state: state is State.READY)
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        assert trade.average_price == Decimal("99.5")


def test_a_wish_to_cancel_is_kept_over_a_gap() -> None:
    with open_desk(reconnect__first_delay=0.02, reconnect__cap=0.05) as desk:
        trade = resting(desk)
        wished = threading.Event()

        def cancel_while_down(state: State, _reason: str) -> None:
            if state is State.WAITING and not wished.is_set():
                wished.set()
                trade.cancel()

        desk.gateway.on_session(cancel_while_down)
        desk.paper.drop_clients()
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert wished.is_set()


def test_stop_leaves_nobody_waiting() -> None:
    with open_desk() as desk:
        trade = resting(desk)
        cancelled = Heard()
        desk.gateway.observe(OrderCancelled, cancelled)
        desk.gateway.stop()
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert trade.settled.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert "Submitted" in trade.reason
        assert cancelled.rest() == []


def test_orders_of_an_earlier_process_are_ours() -> None:
    with open_paper() as (feed, paper):
        with IBGateway(config_for(paper)) as first:
            resting(Desk(feed, paper, first))
        with IBGateway(config_for(paper)) as second:
            (trade,) = second.trades()
            assert trade.status is OrderStatus.SUBMITTED
            assert second.place_order("AAPL", limit_order("BUY", 1, 1)).order_id > trade.order_id
            assert trade.cancel().result(PATIENCE) is OrderStatus.CANCELLED


def test_orders_of_another_client_are_seen_and_not_touched() -> None:
    with (
        open_paper() as (feed, paper),
        IBGateway(config_for(paper, connection__client_id=1)) as first,
        IBGateway(config_for(paper, connection__client_id=2)) as second,
    ):
        resting(Desk(feed, paper, first))
        (view,) = second.open_orders().result(PATIENCE)
        assert (view.client_id, view.own) == (1, False)
        assert second.trades() == ()


def test_the_log_names_each_order_without_its_account(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "twsloop.orders.board")
    account = desk.gateway.accounts[0]
    order = limit_order("BUY", 10, "100")
    order.account = account
    trade = desk.gateway.place_order("AAPL", order)
    desk.gateway.place_order("AAPL", limit_order("BUY", 1, "100", account="DU7654321"))
    trade.cancel()
    assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
    said = [record.getMessage() for record in caplog.records]
    assert f"order {trade.order_id} created: BUY 10 LMT 100.0 AAPL, 0 of 10 filled" in said
    assert any(text.startswith(f"order {trade.order_id} cancelled: BUY 10") for text in said)
    assert not [text for text in said if account in text or "DU7654321" in text]
