"""What becomes of orders when the gateway is odd, silent, read-only, or gone."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from ibapi.client_utils import (
    createCancelOrderRequestProto,
    createExerciseOptionsRequestProto,
    createGlobalCancelRequestProto,
    createPlaceOrderRequestProto,
)
from ibapi.order_cancel import OrderCancel

from tests.support.desk import PATIENCE, Heard
from tests.support.fake_tws import FakeTws, error, message, open_order, order_status
from twsloop.config import Config
from twsloop.contracts import stock
from twsloop.errors import NotConnected, OrdersRefused, RequestError
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.raw import GUARDED
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State


def config(tws: FakeTws, **more: Any) -> Config:
    values = {
        "connection.port": tws.port,
        "pacing.enabled": False,
        "heartbeat.enabled": False,
        "reconnect.first_delay": 0.02,
        "reconnect.cap": 0.05,
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return Config.load(environ={}, overrides=values)


@contextmanager
def connected(tws: FakeTws, **more: Any) -> Iterator[IBGateway]:
    with tws, IBGateway(config(tws, **more)) as gateway:
        yield gateway


def buy(gateway: IBGateway, **callbacks: Any) -> Trade:
    return gateway.place_order(stock("AAPL"), limit_order("BUY", 10, 100), **callbacks)


def until(trade: Trade, status: OrderStatus) -> None:
    """Wait until a trade is there."""
    heard = Heard()
    trade.on_update(lambda shown: heard(shown.status))
    if trade.status is not status:
        heard.until(lambda now: now is status)


def working(tws: FakeTws, gateway: IBGateway) -> Trade:
    """An order that the gateway has acknowledged."""
    trade = buy(gateway)
    tws.next("placeOrder")
    tws.say(open_order(trade.order_id, "Submitted"), order_status(trade.order_id, "Submitted"))
    until(trade, OrderStatus.SUBMITTED)
    return trade


# ---- the link ----------------------------------------------------------------------------


def test_sent_and_not_answered_is_uncertain_until_the_next_session_tells() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = buy(gateway)
        tws.next("placeOrder")
        until(trade, OrderStatus.PENDING_SUBMIT)
        tws.open_orders = [open_order(trade.order_id, "Submitted")]
        seen = Heard()
        trade.on_update(lambda shown: seen(shown.status))
        tws.hang_up()
        assert seen.until(lambda now: now is OrderStatus.UNCERTAIN)
        seen.until(lambda now: now is OrderStatus.SUBMITTED)
        assert trade.active
        tws.say(order_status(trade.order_id, "Filled", filled=10, remaining=0))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED


def test_an_order_that_nothing_tells_of_stays_uncertain_for_good() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = buy(gateway)
        tws.next("placeOrder")
        until(trade, OrderStatus.PENDING_SUBMIT)
        tws.hang_up()
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert trade.settled.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert "neither open nor completed" in trade.reason
        # ... and is never sent again.
        fresh = buy(gateway)
        assert tws.next("placeOrder").orderId == fresh.order_id == trade.order_id + 1


def test_an_order_that_vanished_while_the_link_was_gone_is_uncertain() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.hang_up()
        assert trade.done.result(PATIENCE) is OrderStatus.UNCERTAIN


def test_a_completed_order_is_found_after_a_gap() -> None:
    def refuse(fake: FakeTws, name: str, _request: Any) -> bool:
        if name != "reqCompletedOrders" or not done.is_set():
            return False
        assert fake._peer is not None
        ended = message(
            "completedOrder",
            contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"},
            order={"permId": 901, "action": "BUY", "totalQuantity": "10", "filledQuantity": "0"},
            orderState={"status": "Cancelled"},
        )
        fake._peer.writer.write(_framed(ended) + _framed(message("completedOrdersEnd")))
        return True

    done = threading.Event()
    tws = FakeTws(refuse=refuse)
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        done.set()
        tws.hang_up()
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED


def _framed(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def test_without_reconnection_a_lost_link_leaves_nobody_waiting() -> None:
    tws = FakeTws()
    with connected(tws, reconnect__enabled=False) as gateway:
        sent, acknowledged = buy(gateway), working(tws, gateway)
        change = acknowledged.modify(limit_price=101)
        tws.next("placeOrder")
        tws.hang_up()
        assert sent.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert acknowledged.done.result(PATIENCE) is OrderStatus.UNCERTAIN
        with pytest.raises(NotConnected):
            change.result(PATIENCE)


def test_queued_orders_are_not_sent_when_cancelled_or_when_the_link_is_lost() -> None:
    tws = FakeTws()
    with connected(tws, pacing__enabled=True, pacing__rate=6) as gateway:
        trades = [buy(gateway) for _ in range(20)]
        assert trades[-1].cancel().result(PATIENCE) is OrderStatus.NOT_SENT
        assert trades[-2].cancel().result(PATIENCE) is OrderStatus.NOT_SENT
        arrived = {tws.next("placeOrder").orderId}
        tws.hang_up()
        ends = {trade.order_id: trade.done.result(PATIENCE) for trade in trades}
        while not tws.inbox.empty():
            name, request = tws.inbox.get()
            assert name == "placeOrder"
            arrived.add(request.orderId)
        unsent = {order_id for order_id, end in ends.items() if end is OrderStatus.NOT_SENT}
        assert len(unsent) >= 10
        assert not unsent & arrived
        assert {end for order_id, end in ends.items() if order_id not in unsent} == {
            OrderStatus.UNCERTAIN
        }


# ---- the gateway before READY ------------------------------------------------------------


def test_a_missing_end_marker_means_orders_are_not_known() -> None:
    tws = FakeTws(silent=("reqCompletedOrders",))
    with connected(tws, connection__request_timeout=1.0) as gateway:
        assert gateway.session_state is State.READY
        assert not gateway.orders_known
        assert "completed orders" in gateway.orders_unknown_because
        trade = buy(gateway)
        assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "not known" in trade.reason


class Raw(IBGateway):
    def __init__(self, settings: Config) -> None:
        self.complaints = Heard()
        super().__init__(settings)

    def error(
        self, reqId: int, errorTime: int, errorCode: int, errorString: str, reject: str = ""
    ) -> None:
        if reqId >= 0:
            self.complaints(reqId, errorCode, errorString)


def test_a_read_only_gateway() -> None:
    def refuse(fake: FakeTws, name: str, _request: Any) -> bool:
        if name != "reqAllOpenOrders":
            return False
        text = "Error validating request.-'bH' : cause - The API interface is in Read-Only mode."
        assert fake._peer is not None
        fake._peer.writer.write(_framed(error(-1, 321, text)))
        return True

    tws = FakeTws(refuse=refuse)
    with tws, Raw(config(tws)) as gateway:
        assert not gateway.orders_known
        assert "Read-Only" in gateway.orders_unknown_because
        refused = buy(gateway)
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        gateway.placeOrder(5, stock("AAPL"), market_order("BUY", 1))
        order_id, code, text = gateway.complaints.next()
        assert (order_id, code) == (5, 201)
        assert "Read-Only" in text
        assert tws.inbox.empty()


def test_orders_placed_in_next_valid_id_wait_until_the_orders_are_known() -> None:
    arrived: list[str] = []

    def watch(_fake: FakeTws, name: str, _request: Any) -> bool:
        arrived.append(name)
        return False

    class Eager(IBGateway):
        def nextValidId(self, orderId: int) -> None:
            self.placeOrder(orderId, stock("AAPL"), market_order("BUY", 1))
            self.place_order("MSFT", market_order("BUY", 1))

    tws = FakeTws(refuse=watch, next_id=7)
    with tws, Eager(config(tws)) as gateway:
        first, second = tws.next("placeOrder"), tws.next("placeOrder")
        assert (first.orderId, second.orderId) == (7, 8)
        assert arrived.index("placeOrder") > arrived.index("reqExecutions")
        assert [trade.order_id for trade in gateway.trades()] == [7, 8]


# ---- odd answers -------------------------------------------------------------------------


def test_inactive_may_come_back_to_life() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.say(error(trade.order_id, 404, "The order will be held while we locate the shares."))
        tws.say(order_status(trade.order_id, "Inactive"))
        until(trade, OrderStatus.INACTIVE)
        assert trade.active
        tws.say(order_status(trade.order_id, "Submitted"))
        until(trade, OrderStatus.SUBMITTED)


def test_inactive_with_an_error_is_rejected() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = buy(gateway)
        order_id = trade.order_id
        tws.next("placeOrder")
        tws.say(
            open_order(order_id, "Inactive"),
            order_status(order_id, "Inactive"),
            error(order_id, 201, "Order rejected - reason:margin"),
            open_order(order_id, "Inactive"),
            order_status(order_id, "Inactive"),
        )
        assert trade.done.result(PATIENCE) is OrderStatus.REJECTED
        assert (trade.ib_status, trade.error_code) == ("Inactive", 201)


@pytest.mark.parametrize("code", [399, 2109, 10349, 2161])
def test_a_warning_ends_nothing(code: int) -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = buy(gateway)
        tws.next("placeOrder")
        tws.say(error(trade.order_id, code, "Warning: so and so"))
        tws.say(order_status(trade.order_id, "PreSubmitted"))
        until(trade, OrderStatus.PRE_SUBMITTED)
        assert any(f"{code}: Warning" in entry.text for entry in trade.log)


def test_a_cancel_that_finds_no_order_asks_again_for_all() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        waiting = trade.cancel()
        tws.next("cancelOrder")
        text = f"OrderId {trade.order_id} that needs to be cancelled is not found."
        tws.say(error(trade.order_id, 10147, text))
        assert waiting.result(PATIENCE) is OrderStatus.UNCERTAIN
        assert gateway.orders_known


@pytest.mark.parametrize(
    ("word", "status"), [("Cancelled", OrderStatus.CANCELLED), ("Filled", OrderStatus.FILLED)]
)
def test_a_cancel_that_came_too_late_tells_the_state(word: str, status: OrderStatus) -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        waiting = trade.cancel()
        tws.next("cancelOrder")
        text = f"OrderId {trade.order_id} cannot be cancelled, state: {word}."
        tws.say(error(trade.order_id, 10148, text))
        assert waiting.result(PATIENCE) is status


def test_a_modification_that_is_still_being_processed_fails_alone() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        change = trade.modify(limit_price=101)
        tws.next("placeOrder")
        tws.say(error(trade.order_id, 2102, "Unable to modify: it is still being processed."))
        with pytest.raises(RequestError) as caught:
            change.result(PATIENCE)
        assert caught.value.code == 2102
        assert trade.active
        assert trade.order.lmtPrice == 100.0


def test_a_second_modification_ends_the_wait_for_the_first() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        first = trade.modify(limit_price=101)
        second = trade.modify(limit_price=102)
        assert first.exception(PATIENCE) is not None
        tws.next("placeOrder")
        assert tws.next("placeOrder").order.lmtPrice == 102.0
        tws.say(open_order(trade.order_id, "Submitted", lmtPrice=102.0))
        assert second.result(PATIENCE) is OrderStatus.SUBMITTED


def test_an_order_that_cannot_be_encoded_is_not_sent() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        contract = stock("AAPL")
        contract.multiplier = "ten"  # IB's encoder makes a float of it, outside of its own try
        trade = gateway.place_order(contract, market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT
        assert "encoded" in trade.reason
        assert tws.inbox.empty()


def test_exercise_passes_the_gate() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        gateway.exerciseOptions(9, stock("AAPL"), 1, 1, "DU1234567", 0, "", "", False)
        assert tws.next("exerciseOptions").orderId == 9
    with FakeTws() as other, Raw(config(other, orders__enabled=False)) as gateway:
        gateway.exerciseOptions(9, stock("AAPL"), 1, 1, "DU1234567", 0, "", "", False)
        assert gateway.complaints.next()[:2] == (9, 322)
        assert other.inbox.empty()


def test_refused_change_while_orders_are_unknown() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        sync = gateway._IBGateway__slices.orders.sync
        sync.known, sync.reason = False, "a test says so"
        change = trade.modify(limit_price=101)
        with pytest.raises(OrdersRefused, match="a test says so"):
            change.result(PATIENCE)
        assert trade.order.lmtPrice == 100.0
        assert trade.cancel() is not None  # a cancel is always accepted
        tws.next("cancelOrder")


@pytest.fixture
def _restless_threads() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless_threads")
def test_orders_of_many_threads_leave_in_the_order_of_their_ids() -> None:
    # The gateway answers 103 to an id below the highest it has seen.
    tws = FakeTws()
    with connected(tws) as gateway:
        start = threading.Barrier(8)

        def place() -> None:
            start.wait(PATIENCE)
            for _ in range(25):
                buy(gateway)

        threads = [threading.Thread(target=place) for _ in range(8)]
        for thread in threads:
            thread.start()
        start_on_loop = gateway.event_loop.submit(lambda: [buy(gateway) for _ in range(25)])
        for thread in threads:
            thread.join()
        start_on_loop.result(PATIENCE)
        ids = [tws.next("placeOrder").orderId for _ in range(225)]
        assert ids == sorted(set(ids))


def test_raw_calls_and_place_order_never_share_an_id() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        for _ in range(50):
            gateway.placeOrder(
                gateway.place_order("AAPL", limit_order("BUY", 1, 1)).order_id + 1,
                stock("MSFT"),
                limit_order("BUY", 1, 1),
            )
        ids = [tws.next("placeOrder").orderId for _ in range(100)]
        assert ids == list(range(1, 101))


def every_guarded_call() -> dict[str, tuple[Any, ...]]:
    """Arguments for each of EClient's order-bearing requests, as a raw program would call it."""
    contract, order, cancel = stock("AAPL"), limit_order("BUY", 10, 100), OrderCancel()
    exercise = (3, contract, 1, 1, "DU1234567", 0, "", "", False)
    return {
        "placeOrder": (1, contract, order),
        "placeOrderProtoBuf": (createPlaceOrderRequestProto(2, contract, order),),
        "cancelOrder": (1, cancel),
        "cancelOrderProtoBuf": (createCancelOrderRequestProto(2, cancel),),
        "reqGlobalCancel": (cancel,),
        "reqGlobalCancelProtoBuf": (createGlobalCancelRequestProto(cancel),),
        "exerciseOptions": exercise,
        "exerciseOptionsProtoBuf": (createExerciseOptionsRequestProto(*exercise),),
    }


def test_the_list_of_guarded_calls_is_complete() -> None:
    assert set(every_guarded_call()) == set(GUARDED)


@pytest.mark.parametrize("name", GUARDED)
def test_each_guarded_call_passes_the_gate_once(name: str) -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        getattr(gateway, name)(*every_guarded_call()[name])
        tws.next(name.removesuffix("ProtoBuf"))
        gateway.reqIds(1)  # whatever left before has arrived when this has
        tws.next("reqIds")
        assert tws.inbox.empty()


@pytest.mark.parametrize("name", GUARDED)
def test_with_orders_disabled_only_cancels_leave(name: str) -> None:
    with FakeTws() as tws, Raw(config(tws, orders__enabled=False)) as gateway:
        gateway.subscribe("AAPL", snapshot=True)  # so that a simulation is judged by something
        getattr(gateway, name)(*every_guarded_call()[name])
        if "ancel" in name:
            tws.next(name.removesuffix("ProtoBuf"))
            return
        if name.startswith("placeOrder"):
            for _ in range(2):
                asked = tws.next("reqMktData")
                tws.say(message("tickSnapshotEnd", reqId=asked.reqId))
        assert gateway.complaints.next()[1] in {201, 322}
        gateway.reqIds(1)
        tws.next("reqIds")
        left = [name for name, _ in tuple(tws.inbox.queue)]
        assert not {"placeOrder", "exerciseOptions"} & set(left)


def test_after_ibs_own_start_an_order_of_an_earlier_process_can_be_modified() -> None:
    with FakeTws(next_id=50) as tws:
        app = Raw(config(tws))
        app.connect("127.0.0.1", tws.port, 1)
        runner = threading.Thread(target=app.run)
        runner.start()
        try:
            until_ready = Heard()
            app.on_session(lambda state, _reason: until_ready(state))
            if app.session_state is not State.READY:
                until_ready.until(lambda state: state is State.READY)
            app.placeOrder(20, stock("AAPL"), limit_order("BUY", 10, 101))  # below nextValidId
            assert tws.next("placeOrder").orderId == 20
            tws.say(open_order(20, "Submitted", lmtPrice=101.0))
            app.placeOrder(60, stock("AAPL"), limit_order("BUY", 10, 101))
            app.placeOrder(55, stock("AAPL"), limit_order("BUY", 10, 101))  # new, and too low
            assert app.complaints.next()[:2] == (55, 103)
            assert tws.next("placeOrder").orderId == 60
            assert tws.inbox.empty()
        finally:
            app.disconnect()
            runner.join(PATIENCE)
