"""Orders when everything happens at the worst moment: early, twice, at once, in a callback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import pytest

from tests.orders.test_sessions import Raw, buy, config, connected, until, working
from tests.support.desk import PATIENCE, Heard, open_desk
from tests.support.fake_tws import FakeTws, error, message, open_order, order_status
from twsloop.contracts import stock
from twsloop.errors import OrdersRefused, WrongThread
from twsloop.events import CommissionReported
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State


def framed(*bodies: bytes) -> bytes:
    return b"".join(len(body).to_bytes(4, "big") + body for body in bodies)


def execution(order_id: int, exec_id: str, shares: int, price: float = 100.0) -> bytes:
    """An execDetails of client 1: BOT AAPL."""
    return message(
        "execDetails",
        reqId=-1,
        contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"},
        execution={
            "orderId": order_id,
            "execId": exec_id,
            "time": "20260928 09:32:25 US/Eastern",
            "acctNumber": "DU1234567",
            "exchange": "ARCA",
            "side": "BOT",
            "shares": str(shares),
            "price": price,
            "permId": 900 + order_id,
            "clientId": 1,
            "cumQty": str(shares),
            "avgPrice": price,
        },
    )


def commission(exec_id: str, amount: float = 1.0) -> bytes:
    """Its commission report; the execution opened a position."""
    return message("commissionReport", execId=exec_id, commissionAndFees=amount, currency="USD")


class Late:
    """Makes a FakeTws name its accounts only when the test says so."""

    def __init__(self, accounts: str, next_id: int = 1) -> None:
        self._started = threading.Event()
        self._answer = framed(
            message("managedAccounts", accountsList=accounts),
            message("nextValidId", orderId=next_id),
        )

    def __call__(self, tws: FakeTws, name: str, _request: Any) -> bool:
        if name == "startApi":
            self._started.set()
        return name == "startApi"

    def name_accounts(self, tws: FakeTws) -> None:
        assert self._started.wait(PATIENCE)
        assert tws._peer is not None
        assert tws._loop is not None
        tws._loop.call_soon_threadsafe(tws._peer.writer.write, self._answer)


class Started:
    """A program that was started IB's own way."""

    def __init__(self, tws: FakeTws, kind: type[IBGateway] = Raw, **more: Any) -> None:
        self.app = kind(config(tws, **more))
        self._states = Heard()
        self.app.on_session(lambda state, _reason: self._states(state))
        self.app.connect("127.0.0.1", tws.port, 1)
        self._runner = threading.Thread(target=self.app.run)
        self._runner.start()

    def ready(self) -> None:
        self._states.until(lambda state: state is State.READY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.app.disconnect()
        self._runner.join(PATIENCE)


# ---- who the gateway is, must be known before anything leaves ----------------------------


def test_an_order_before_managed_accounts_does_not_reach_a_live_account() -> None:
    late = Late("U7654321")
    with FakeTws(refuse=late) as tws, Started(tws) as started:
        app = started.app
        assert isinstance(app, Raw)
        app.placeOrder(1, stock("AAPL"), market_order("BUY", 1))
        early = app.place_order("AAPL", market_order("BUY", 1))
        assert early.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "its order id was taken before" in early.reason
        assert app.complaints.next()[:2] == (1, 201)
        late.name_accounts(tws)
        started.ready()
        trade = app.place_order("AAPL", market_order("BUY", 1))
        assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "live account" in trade.reason
        assert "U7654321" not in trade.reason
        # Data works; orders of any kind do not leave.
        app.exerciseOptions(9, stock("AAPL"), 1, 1, "", 0, "", "", False)
        assert app.complaints.next()[:2] == (9, 322)
        app.reqMktData(7, stock("AAPL"), "", False, False, [])
        name, request = tws.inbox.get(timeout=PATIENCE)
        assert (name, request.reqId) == ("reqMktData", 7)
        assert tws.inbox.empty()


def test_an_order_before_managed_accounts_may_be_placed_again_on_a_paper_account() -> None:
    """Until then nobody knows whether its id is that of an order that works."""
    late = Late("DU7654321")
    with FakeTws(refuse=late) as tws, Started(tws) as started:
        app = started.app
        assert isinstance(app, Raw)
        app.placeOrder(1, stock("AAPL"), market_order("BUY", 1))
        assert app.complaints.next()[:2] == (1, 201)
        late.name_accounts(tws)
        started.ready()
        app.placeOrder(1, stock("AAPL"), market_order("BUY", 1))
        assert tws.next("placeOrder").orderId == 1
        started.app.reqIds(1)
        tws.next("reqIds")
        assert tws.inbox.empty()


def test_a_gateway_that_names_no_account_gets_no_order() -> None:
    late = Late("")
    with FakeTws(refuse=late) as tws, Started(tws) as started:
        late.name_accounts(tws)
        started.ready()
        trade = buy(started.app)
        assert trade.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "no account" in trade.reason
        assert tws.inbox.empty()


def test_another_gateway_on_the_port_is_asked_anew_who_it_is() -> None:
    # First a paper gateway; then, on the same port, the same object meets a live one.
    late = Late("U7654321")
    tws = FakeTws()
    with tws:
        app = Raw(config(tws))
        states = Heard()
        app.on_session(lambda state, _reason: states(state))
        for live in (False, True):
            tws.refuse = late if live else None
            app.connect("127.0.0.1", tws.port, 1)
            runner = threading.Thread(target=app.run)
            runner.start()
            if not live:
                states.until(lambda state: state is State.READY)
            trade = buy(app)
            if live:
                late.name_accounts(tws)
                assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT
                assert "another login answered" in trade.reason, "it was meant for the first one"
                assert buy(app).done.result(PATIENCE) is OrderStatus.REFUSED
            else:
                tws.next("placeOrder")
            app.disconnect()
            runner.join(PATIENCE)
        assert tws.inbox.empty()


def test_a_link_lost_while_orders_are_fetched_does_not_refuse_those_of_the_next_session() -> None:
    rounds: list[str] = []
    fetching = threading.Event()

    def refuse(fake: FakeTws, name: str, _request: Any) -> bool:
        if name == "startApi":
            rounds.append(name)
        if name == "reqAllOpenOrders" and len(rounds) == 2:
            assert fake._peer is not None
            fake._peer.reset()  # the second session dies in SYNCING
            return True
        if name == "reqAllOpenOrders" and len(rounds) == 3:
            fetching.set()
            return True  # answered by the test
        return False

    tws = FakeTws(refuse=refuse)
    with connected(tws) as gateway:
        tws.hang_up()
        assert fetching.wait(PATIENCE)
        trade = buy(gateway)
        heard = Heard()
        trade.on_update(lambda shown: heard(shown.status))
        gateway.event_loop.call(lambda: None)  # it has been judged now
        ended = trade.done
        assert trade.status is OrderStatus.CREATED
        tws.say(message("openOrderEnd"))
        assert tws.next("placeOrder").orderId == trade.order_id
        # Nobody was told that it would not be sent.
        after = heard.until(lambda status: status is not OrderStatus.CREATED)
        assert after is OrderStatus.PENDING_SUBMIT
        assert not ended.done()


# ---- simulated orders --------------------------------------------------------------------


def test_a_simulated_order_that_is_cancelled_sends_nothing() -> None:
    with FakeTws() as tws, Raw(config(tws, orders__enabled=False)) as gateway:
        trade = buy(gateway)
        asked = tws.next("reqMktData")  # the quote it is to be judged by
        assert trade.cancel().result(PATIENCE) is OrderStatus.NOT_SENT
        reason = trade.reason
        tws.say(message("tickSnapshotEnd", reqId=asked.reqId))
        gateway.placeOrder(70, stock("AAPL"), market_order("BUY", 1))
        asked = tws.next("reqMktData")
        gateway.cancelOrder(70)
        assert gateway.complaints.next()[:2] == (70, 202)
        tws.say(message("tickSnapshotEnd", reqId=asked.reqId))
        gateway.reqIds(1)
        tws.next("reqIds")
        assert trade.reason == reason
        assert tws.inbox.empty()


def test_a_raw_cancel_of_an_order_that_is_still_queued_is_ibs_202() -> None:
    with (
        FakeTws() as tws,
        Raw(config(tws, pacing__enabled=True, pacing__rate=6)) as gateway,
    ):
        for order_id in range(1, 31):
            gateway.placeOrder(order_id, stock("AAPL"), limit_order("BUY", 1, 1))
        gateway.cancelOrder(30)
        assert gateway.complaints.next()[:2] == (30, 202)


def test_a_global_cancel_drops_what_is_queued_first() -> None:
    with (
        FakeTws() as tws,
        Raw(config(tws, pacing__enabled=True, pacing__rate=6)) as gateway,
    ):
        trades = [buy(gateway) for _ in range(30)]
        gateway.reqGlobalCancel()
        left: list[int] = []
        while True:
            name, request = tws.inbox.get(timeout=PATIENCE)
            if name == "reqGlobalCancel":
                break
            left.append(request.orderId)
        unsent = [trade for trade in trades if trade.order_id not in left]
        assert len(unsent) >= 20
        for trade in unsent:
            assert trade.done.result(PATIENCE) is OrderStatus.NOT_SENT
        told = {gateway.complaints.next()[:2] for _ in unsent}
        assert told == {(trade.order_id, 202) for trade in unsent}
        gateway.reqIds(1)
        tws.next("reqIds")
        assert tws.inbox.empty()


def test_a_live_gate_that_closes_meanwhile_stops_the_next_order(tmp_path: Path) -> None:
    override = tmp_path / "i-know-what-i-do"
    override.touch()

    def live(fake: FakeTws, name: str, _request: Any) -> bool:
        if name != "startApi":
            return False
        assert fake._peer is not None
        fake._peer.writer.write(
            framed(
                message("managedAccounts", accountsList="U1234567"),
                message("nextValidId", orderId=1),
            )
        )
        return True

    with (
        FakeTws(refuse=live) as tws,
        Raw(
            config(
                tws,
                connection__mode="live",
                orders__enabled=True,
                live__override_file=str(override),
                live__account_prefix="U12",
            )
        ) as gateway,
    ):
        trade = buy(gateway)
        tws.next("placeOrder")
        tws.say(open_order(trade.order_id, "Submitted"))
        until(trade, OrderStatus.SUBMITTED)
        override.unlink()
        refused = buy(gateway)
        assert refused.done.result(PATIENCE) is OrderStatus.REFUSED
        assert "override_file" in refused.reason
        with pytest.raises(OrdersRefused, match="override_file"):
            trade.modify(limit_price=101).result(PATIENCE)
        gateway.placeOrder(9, stock("AAPL"), market_order("BUY", 1))
        assert gateway.complaints.next()[:2] == (9, 201)
        trade.cancel()  # always accepted
        tws.next("cancelOrder")
        assert tws.inbox.empty()


# ---- callbacks ---------------------------------------------------------------------------


def test_what_a_callback_may_do() -> None:
    """Place, cancel and modify in callbacks; wait for nothing there; leave as one likes."""
    with open_desk() as desk:
        client, waited, ended = desk.gateway, Heard(), Heard()
        children: list[Trade] = []

        def on_update(trade: Trade) -> None:
            try:
                trade.done.result(1)
            except WrongThread as told:
                waited(told)
            if trade.status is OrderStatus.SUBMITTED and not children:
                children.append(client.place_order("MSFT", market_order("BUY", 1)))
                trade.on_update(lambda shown: ended(shown.status))
                trade.modify(limit_price=101)
                trade.cancel()
            raise SystemExit(3)

        trade = client.place_order("AAPL", limit_order("BUY", 1, 100), on_update=on_update)
        assert trade.done.result(PATIENCE) is OrderStatus.CANCELLED
        assert children[0].done.result(PATIENCE) is OrderStatus.FILLED
        assert isinstance(waited.next(), WrongThread)
        assert ended.until(lambda status: status is OrderStatus.CANCELLED)
        assert client.session_state is State.READY
        assert [n for n in client.errors.summary()["failed_callbacks"] if "on_update" in n]


def test_a_callback_that_registers_itself_again_is_called_once_each_time() -> None:
    with FakeTws() as tws, Raw(config(tws)) as gateway:
        calls = Heard()

        def again(trade: Trade) -> None:
            calls(trade.status)
            if len(calls.all) + calls._queue.qsize() < 50:
                trade.on_update(again)

        trade = buy(gateway, on_update=again)
        tws.next("placeOrder")
        until(trade, OrderStatus.PENDING_SUBMIT)
        gateway.event_loop.call(lambda: None)
        assert 1 <= len(calls.rest()) < 10


def test_a_slow_callback_elsewhere_gets_every_fill() -> None:
    import concurrent.futures  # noqa: PLC0415  (only here)

    gate, seen = threading.Event(), Heard()

    def slow(fill: Any) -> None:
        gate.wait(PATIENCE)
        seen(fill.exec_id)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        tws = FakeTws()
        with connected(tws) as gateway:
            trade = buy(gateway, on_fill=slow, where=pool)
            tws.next("placeOrder")
            ids = [f"0000e0d5.6ab9ea82.{n:02d}.01" for n in range(10)]
            tws.say(*(execution(trade.order_id, exec_id, 1) for exec_id in ids))
            assert trade.done.result(PATIENCE) is OrderStatus.FILLED
            gate.set()
            assert [seen.next() for _ in ids] == ids


# ---- the link at every stage -------------------------------------------------------------


def test_what_happened_while_the_link_was_gone_is_known_at_ready() -> None:
    """Partly filled, then the link is lost; the rest fills; the reports come after READY's ask."""
    tws = FakeTws()
    first, second = "0000e0d5.6ab9ea82.01.01", "0000e0d5.6ab9ea82.02.01"
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.say(
            execution(trade.order_id, first, 4),
            order_status(trade.order_id, "Submitted", filled=4, remaining=6),
            commission(first),
        )
        fills: list[Decimal] = []
        trade.on_fill(lambda fill: fills.append(fill.shares))
        settled = Heard()
        trade.on_update(lambda shown: settled(shown.filled))
        if trade.filled != 4:
            settled.until(lambda filled: filled == 4)
        tws.executions = [
            execution(trade.order_id, first, 4),  # told before: counts once
            commission(first),
            execution(trade.order_id, second, 6),
            commission(second),
        ]
        seen = Heard()
        gateway.on_session(lambda state, _: seen(state, trade.status, trade.filled))
        fills.clear()
        tws.hang_up()
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        assert fills == [Decimal(6)]
        assert trade.commission == 2
        assert len(trade.fills) == 2
        at_ready = seen.until(lambda item: item[0] is State.READY)
        assert at_ready[1:] == (OrderStatus.FILLED, Decimal(10))


def test_a_commission_that_was_missed_is_found_after_the_gap() -> None:
    tws = FakeTws()
    exec_id = "0000e0d5.6ab9ea82.01.01"
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.say(
            execution(trade.order_id, exec_id, 10),
            order_status(trade.order_id, "Filled", filled=10, remaining=0),
        )
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED
        assert not trade.settled.done()
        tws.executions = [execution(trade.order_id, exec_id, 10), commission(exec_id, 1.25)]
        tws.hang_up()
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        assert trade.commission == Decimal("1.25")
        assert len(trade.fills) == 1


def test_ids_never_go_back_when_the_gateways_do() -> None:
    tws = FakeTws(next_id=40)
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        assert trade.order_id == 40
        tws.open_orders = [open_order(40, "Submitted")]
        tws.next_id = 1
        again = Heard()
        gateway.on_session(lambda state, _: again(state))
        tws.hang_up()
        again.until(lambda state: state is State.READY)
        assert buy(gateway).order_id == 41
        assert tws.next("placeOrder").orderId == 41


def test_an_error_for_another_clients_order_touches_none_of_ours() -> None:
    tws = FakeTws()
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.say(
            open_order(trade.order_id, "Submitted", clientId=7, permId=777),
            message(
                "orderStatus",
                orderId=trade.order_id,
                status="Cancelled",
                filled="0",
                remaining="10",
                permId=777,
                clientId=7,
            ),
        )
        gateway.event_loop.call(lambda: None)
        tws.say(order_status(trade.order_id, "Filled", filled=10, remaining=0))
        assert trade.done.result(PATIENCE) is OrderStatus.FILLED


def test_orders_of_eight_threads_over_a_link_that_flaps() -> None:
    """Every order ends, none is sent twice, and what was not sent did not arrive."""
    arrived: list[int] = []

    def take(fake: FakeTws, name: str, request: Any) -> bool:
        if name == "placeOrder":
            arrived.append(request.orderId)
            assert fake._peer is not None
            fake._peer.writer.write(framed(open_order(request.orderId, "Submitted")))
            return True
        if name == "cancelOrder":
            assert fake._peer is not None
            order_id = request.orderId
            fake._peer.writer.write(
                framed(order_status(order_id, "Cancelled"), error(order_id, 202, "Order Canceled"))
            )
            return True
        return False

    tws = FakeTws(refuse=take)
    with connected(tws) as gateway:
        trades: list[Trade] = []
        done = threading.Event()

        def work(which: int) -> None:
            for number in range(30):
                trade = buy(gateway)
                trades.append(trade)
                watch = gateway.subscribe("AAPL", lambda _ticker: None)
                if number % 3 == which % 3 and trade.active:
                    trade.cancel()
                watch.cancel()

        def flap() -> None:
            ready = Heard()
            gateway.on_session(lambda state, _: ready(state))
            while not done.is_set():
                tws.hang_up()
                ready.until(lambda state: state is State.READY)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        flapper = threading.Thread(target=flap)
        flapper.start()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        done.set()
        flapper.join(30)
        assert len(arrived) == len(set(arrived))  # nothing is ever sent twice
        never = {OrderStatus.REFUSED, OrderStatus.NOT_SENT}
    ends = {trade.order_id: trade.done.result(PATIENCE) for trade in trades}
    assert len(ends) == 240
    unsent = {order_id for order_id, end in ends.items() if end in never}
    both = [trade for trade in trades if trade.order_id in unsent & set(arrived)]
    told = [[f"{entry.source}: {entry.text}" for entry in trade.log] for trade in both]
    assert not told


@pytest.mark.parametrize("stop", [IBGateway.stop, IBGateway.disconnect])
def test_a_stop_in_the_middle_leaves_nobody_waiting(stop: Callable[[IBGateway], object]) -> None:
    for _ in range(5):
        with FakeTws() as tws:
            gateway = IBGateway(config(tws))
            gateway.start()
            trades: list[Trade] = []

            def work() -> None:
                trades.extend(buy(gateway) for _ in range(50))  # noqa: B023  (joined below)

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            stop(gateway)
            for thread in threads:
                thread.join(PATIENCE)
            gateway.stop()
            for trade in trades:
                assert trade.done.result(PATIENCE) in {
                    OrderStatus.REFUSED,
                    OrderStatus.NOT_SENT,
                    OrderStatus.UNCERTAIN,
                }
                assert trade.settled.result(PATIENCE)


# ---- money -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [225, 200])
def test_an_opening_trade_has_realized_nothing(version: int) -> None:
    """IB's decoder makes 0.0 of an absent result."""
    reports = Heard()
    with open_desk(version=version) as desk:
        desk.gateway.observe(CommissionReported, reports)
        opening = desk.gateway.place_order("AAPL", market_order("BUY", 1))
        assert opening.settled.result(PATIENCE) is OrderStatus.FILLED
        assert reports.next().realized_pnl is None
        closing = desk.gateway.place_order("AAPL", market_order("SELL", 1))
        assert closing.settled.result(PATIENCE) is OrderStatus.FILLED
        realized = reports.next().realized_pnl
        assert isinstance(realized, Decimal)
        assert realized < 0  # the spread, and both commissions
        for trade in (opening, closing):
            (fill,) = trade.fills
            assert isinstance(fill.price, Decimal)
            assert isinstance(trade.commission, Decimal)


def test_a_result_of_exactly_zero_is_zero() -> None:
    tws = FakeTws()
    exec_id = "0000e0d5.6ab9ea82.01.01"
    with connected(tws) as gateway:
        trade = working(tws, gateway)
        tws.say(
            execution(trade.order_id, exec_id, 10),
            message(
                "commissionReport",
                execId=exec_id,
                commissionAndFees=1.0,
                currency="USD",
                realizedPNL=0.0,
            ),
        )
        assert trade.settled.result(PATIENCE) is OrderStatus.FILLED
        assert trade.commissions[0].realized_pnl == 0
