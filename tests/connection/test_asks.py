"""Requests and their answers: parts, deadlines, views, singletons, and raw calls among ours."""

from __future__ import annotations

import concurrent.futures
import inspect
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order_cancel import OrderCancel
from ibapi.wrapper import EWrapper

from tests.support.clients import PATIENCE, Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, text_body
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.connection.singletons import Singletons
from twsloop.errors import NotConnected, RequestError, RequestTimeout, WrongThread
from twsloop.event_loop import Future
from twsloop.wire.messages import message_class


class Slice:
    """Answers account summaries and positions, as twsloop's slices do."""

    def __init__(self, core: Any) -> None:
        self.core = core
        self.positions: list[str] = []
        self.summaries: list[str] = []
        core.add_slice(self)

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, ccy: str) -> None:
        self.core.answer_part(reqId, (tag, value))
        self.summaries.append(value)

    def accountSummaryEnd(self, reqId: int) -> None:
        self.core.answer_end(reqId)

    def position(self, account: str, contract: Any, position: Any, avgCost: float) -> None:
        self.positions.append(contract.symbol)
        self.core.answer_part("positions", contract.symbol)

    def positionEnd(self) -> None:
        self.core.answer_end("positions")

    def openOrderEnd(self) -> None:
        self.core.answer_end("open_orders")


class Wire:
    """A client on a ManualClock, its slice, and the other end of its link."""

    def __init__(self, server: ScriptedServer, **overrides: object) -> None:
        self.clock = ManualClock()
        self.heard = Recorder()
        self.requests: list[list[str]] = []
        self.client = IBKRConnection(
            settings(server.port, heartbeat__enabled=False, **overrides),
            clock=self.clock, wrapper=self.heard,
        )  # fmt: skip
        self.core = self.client._tws
        self.slice = Slice(self.core)
        self.server = server

    def reply(self, *bodies: bytes) -> None:
        self.server._loop.call(self.server._peers[-1].send, *bodies)

    def slice_heard(self, parts: int) -> None:
        await_condition(lambda: len(self.slice.summaries) == parts)

    def settle(self) -> None:
        """Let everything that was posted run."""
        for _ in range(3):
            self.core.event_loop.call(lambda: None)

    def summary(self, **more: Any) -> Future[list[Any]]:
        core = self.core
        return core.ask(
            lambda i: core.reqAccountSummary(i, "All", "NetLiquidation"), request="summary", **more
        )

    def positions(self, **more: Any) -> Future[list[Any]]:
        core = self.core
        return core.ask(
            lambda _i: core.reqPositions(), request="positions", key="positions", **more
        )

    def await_request(self, count: int = 1) -> list[list[str]]:
        await_condition(lambda: len(self.requests) >= count, f"requests: {self.requests}")
        return self.requests


async def session(peer: Peer) -> None:
    """Text 178; every request is noted by `Wire` (the newest one)."""
    await peer.open_session(178)
    while True:
        body = await peer.read_frame()
        CURRENT[0].requests.append(body.decode().split("\0")[:-1])


CURRENT: list[Wire] = []


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(session) as server:
        yield server


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[Wire]:
    yield from opened(Wire(server))


def opened(wire: Wire) -> Iterator[Wire]:
    CURRENT[:] = [wire]
    with wire.client:
        yield wire


def value(req_id: int | str, text: str) -> bytes:
    return text_body(63, 1, req_id, "DU1", "NetLiquidation", text, "USD")


def position(symbol: str) -> bytes:
    return text_body(61, 3, "DU1", 1, symbol, "STK", "", "0", "", "", "", "USD", "", "", 5, 1.5)


POSITION_END = text_body(62, 1)
OPEN_ORDER_END = text_body(53, 1)


# ---- with an id ----------------------------------------------------------------------------------


def test_parts_and_their_end(wire: Wire) -> None:
    future = wire.summary()
    req_id = wire.await_request()[0][2]
    wire.reply(value(req_id, "1"), value(req_id, "2"), text_body(64, 1, req_id))
    assert future.result(PATIENCE) == [("NetLiquidation", "1"), ("NetLiquidation", "2")]
    assert wire.heard.of("accountSummary") == [], "the answer to our own request is ours"


def test_each_part_renews_the_deadline_and_silence_fails_it(wire: Wire) -> None:
    future = wire.summary(timeout=10, cancel=wire.core.cancelAccountSummary)
    req_id = wire.await_request()[0][2]
    for part in range(3):
        wire.clock.advance(9)
        wire.reply(value(req_id, str(part)))
        wire.slice_heard(part + 1)
    wire.clock.advance(9.9)
    assert not future.done()
    wire.clock.advance(0.1)
    with pytest.raises(RequestTimeout, match="summary: no further part of the answer within 10 s"):
        future.result(PATIENCE)
    assert wire.await_request(2)[1] == ["63", "1", req_id], "and it is cancelled at the gateway"


def test_the_gateway_s_error_fails_it_with_its_code_and_a_warning_does_not(wire: Wire) -> None:
    future = wire.summary()
    req_id = wire.await_request()[0][2]
    wire.reply(text_body(4, 2, req_id, 2119, "Market data farm is connecting", ""))
    wire.settle()
    wire.reply(text_body(4, 2, req_id, 321, "Error validating request", ""))
    with pytest.raises(RequestError) as caught:
        future.result(PATIENCE)
    assert (caught.value.code, caught.value.req_id) == (321, int(req_id))
    assert caught.value.request == "summary"
    assert len(wire.heard.wait("error", 2)) == 2, "everybody hears errors"


def test_every_waiter_has_its_own_view_and_the_last_one_cancels(wire: Wire) -> None:
    future = wire.summary(cancel=wire.core.cancelAccountSummary)
    second = future.view()
    req_id = wire.await_request()[0][2]
    with pytest.raises(TimeoutError):
        future.result(0.01)
    assert future.cancel()
    wire.settle()
    assert len(wire.requests) == 1, "one is still waiting"
    assert second.cancel()
    assert wire.await_request(2)[1] == ["63", "1", req_id]
    with pytest.raises(concurrent.futures.CancelledError):
        second.result()
    wire.reply(value(req_id, "late"), text_body(64, 1, req_id))
    wire.settle()


def test_without_a_cancel_of_ib_s_nothing_is_sent(wire: Wire) -> None:
    future = wire.summary()
    wire.await_request()
    future.cancel()
    wire.settle()
    assert len(wire.requests) == 1


def test_a_blocking_result_on_the_loop_thread_raises(wire: Wire) -> None:
    future = wire.summary()
    with pytest.raises(WrongThread):
        wire.core.event_loop.call(future.result)


def test_what_ib_s_client_refuses_fails_at_once(wire: Wire) -> None:
    core = wire.core
    core.server_version = wire.client.serverVersion_ = 150
    future = core.ask(core.reqWshMetaData, request="calendar")
    with pytest.raises(RequestError, match="calendar: error 503") as caught:
        future.result(PATIENCE)
    assert caught.value.code == 503
    broken = core.ask(lambda i: core.reqAccountSummary(i, None, None), request="bad")
    with pytest.raises(RequestError, match="bad: error 5"):
        broken.result(PATIENCE)

    def raises(_id: int) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        core.ask(raises, request="mine").result(PATIENCE)


def test_without_a_session_it_is_not_connected(wire: Wire) -> None:
    wire.client.disconnect()
    for future in (wire.summary(), wire.positions()):
        with pytest.raises(NotConnected):
            future.result(PATIENCE)
    wire.client.stop()
    with pytest.raises(NotConnected):
        wire.summary().result(PATIENCE)


def test_the_deadline_starts_when_it_leaves_and_the_queue_has_its_own(
    server: ScriptedServer,
) -> None:
    wire = Wire(server, pacing__rate=1, pacing__queue_timeout=30)
    for _ in opened(wire):
        futures = [wire.summary(timeout=5) for _ in range(40)]
        wire.settle()
        wire.clock.advance(3)
        wire.settle()
        assert not any(future.done() for future in futures)
        wire.clock.advance(26.9)
        wire.settle()
        early = futures[:20]
        for future in early:
            with pytest.raises(RequestTimeout, match="no answer within 5 s"):
                future.result(PATIENCE)
        assert not futures[-1].done()
        wire.clock.advance(0.2)
        with pytest.raises(RequestTimeout, match="waited 30 s for its turn to leave"):
            futures[-1].result(PATIENCE)
        wire.clock.advance(100)
        wire.settle()
        asked = len([r for r in wire.requests if r[0] == "62"])
        assert asked < 40, "what waited too long never leaves"
        assert wire.core.outbox.waiting() == 0


def test_who_leaves_before_it_left_takes_it_out_of_the_queue(server: ScriptedServer) -> None:
    wire = Wire(server, pacing__rate=2)  # startApi is the first
    for _ in opened(wire):
        wire.summary()
        wire.await_request()
        second = wire.summary(cancel=wire.core.cancelAccountSummary)
        wire.settle()
        assert wire.core.outbox.waiting() == 1
        second.cancel()
        wire.settle()
        assert wire.core.outbox.waiting() == 0
        wire.clock.advance(10)
        wire.settle()
        assert len(wire.requests) == 1, "neither it nor its cancel"


# ---- without one ---------------------------------------------------------------------------------


def test_singletons_queue_and_each_gets_its_own_answer(wire: Wire) -> None:
    futures = [wire.positions() for _ in range(3)]
    for number, symbol in enumerate(("IBM", "BAC", "AAPL"), start=1):
        wire.await_request(number)
        wire.settle()
        assert len(wire.requests) == number, "one at a time"
        wire.reply(position(symbol), POSITION_END)
        assert futures[number - 1].result(PATIENCE) == [symbol]
    wire.settle()
    assert wire.heard.of("position") == []
    assert wire.heard.of("positionEnd") == []


def test_singletons_of_different_end_markers_do_not_wait_for_each_other(wire: Wire) -> None:
    core = wire.core
    wire.positions()
    orders = core.ask(lambda _i: core.reqAllOpenOrders(), request="orders", key="open_orders")
    wire.await_request(2)
    wire.reply(OPEN_ORDER_END)
    assert orders.result(PATIENCE) == []


def test_an_error_without_an_id_fails_the_singleton_and_the_next_has_its_turn(wire: Wire) -> None:
    first, second, other = wire.positions(), wire.positions(), wire.summary()
    wire.await_request(2)
    wire.reply(text_body(4, 2, -1, 321, "Error validating request", ""))
    with pytest.raises(RequestError, match="positions: error 321"):
        first.result(PATIENCE)
    wire.await_request(3)
    wire.reply(POSITION_END)
    assert second.result(PATIENCE) == []
    assert not other.done()


def test_a_singleton_whose_waiter_left_keeps_its_answer_from_the_next(wire: Wire) -> None:
    first = wire.positions()
    wire.await_request()
    first.cancel()
    second = wire.positions()
    wire.settle()
    assert len(wire.requests) == 1, "the first answer is still to come"
    wire.reply(position("OLD"), POSITION_END)
    wire.await_request(2)
    wire.reply(position("NEW"), POSITION_END)
    assert second.result(PATIENCE) == ["NEW"]
    assert wire.heard.of("position") == []


def test_a_singleton_without_an_answer_gives_way_after_its_deadline(wire: Wire) -> None:
    first, second = wire.positions(timeout=5), wire.positions(timeout=5)
    wire.await_request()
    wire.settle()
    wire.clock.advance(5)
    with pytest.raises(RequestTimeout):
        first.result(PATIENCE)
    wire.await_request(2)
    wire.reply(POSITION_END)
    assert second.result(PATIENCE) == []


def test_one_who_leaves_while_queued_is_never_sent(wire: Wire) -> None:
    first, second, third = wire.positions(), wire.positions(), wire.positions()
    wire.await_request()
    second.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        second.result()
    wire.reply(POSITION_END)
    assert first.result(PATIENCE) == []
    wire.await_request(2)
    wire.reply(POSITION_END)
    assert third.result(PATIENCE) == []
    wire.settle()
    assert len(wire.requests) == 2


# ---- a user's raw calls among ours ---------------------------------------------------------------


def test_a_raw_call_waits_for_ours_and_hears_its_own_answer_only(wire: Wire) -> None:
    ours = wire.positions()
    wire.await_request()
    wire.client.reqPositions()
    wire.settle()
    assert len(wire.requests) == 1
    wire.reply(position("OURS"), POSITION_END)
    assert ours.result(PATIENCE) == ["OURS"]
    wire.await_request(2)
    assert wire.heard.of("position") == []
    wire.reply(position("THEIRS"), POSITION_END)
    wire.heard.wait("positionEnd")
    assert [args[1].symbol for args in wire.heard.of("position")] == ["THEIRS"]
    assert wire.slice.positions == ["OURS", "THEIRS"], "slices hear everything"


def test_ours_waits_for_a_raw_call(wire: Wire) -> None:
    wire.client.reqPositions()
    wire.await_request()
    ours = wire.positions()
    wire.settle()
    wire.reply(position("THEIRS"), POSITION_END)
    wire.await_request(2)
    wire.reply(position("OURS"), POSITION_END)
    assert ours.result(PATIENCE) == ["OURS"]
    wire.settle()
    assert [args[1].symbol for args in wire.heard.of("position")] == ["THEIRS"]
    assert len(wire.heard.of("positionEnd")) == 1


def test_what_is_pushed_later_belongs_to_who_holds_the_subscription(wire: Wire) -> None:
    def pushed(symbol: str) -> bool:
        wire.reply(position(symbol))
        await_condition(lambda: symbol in wire.slice.positions)
        wire.settle()
        return symbol in [args[1].symbol for args in wire.heard.of("position")]

    wire.positions()
    wire.await_request()
    wire.reply(POSITION_END)
    assert not pushed("A"), "only our slices asked"
    wire.client.reqPositions()
    wire.await_request(2)
    wire.reply(POSITION_END)
    wire.heard.wait("positionEnd")
    assert pushed("B")
    wire.client.cancelPositions()
    wire.settle()
    assert not pushed("C"), "the user wants no more"
    assert len(wire.requests) == 2, "and the slices still do: nothing was cancelled"
    assert wire.core.event_loop.call(wire.core.release, "positions")
    wire.client.cancelPositions()
    assert wire.await_request(3)[2] == ["64", "1"]


def test_a_user_s_subscription_alone_is_cancelled_at_the_gateway(wire: Wire) -> None:
    wire.client.reqAccountUpdates(True, "DU1")
    wire.await_request()
    wire.reply(text_body(54, 1, "DU1"))
    wire.heard.wait("accountDownloadEnd")
    wire.client.reqAccountUpdates(False, "DU1")
    assert wire.await_request(2) == [["6", "2", "1", "DU1"], ["6", "2", "0", "DU1"]]


def test_cancelling_before_the_answer_frees_the_queue(wire: Wire) -> None:
    wire.client.reqPositions()
    wire.await_request()
    wire.client.cancelPositions()
    wire.await_request(2)
    ours = wire.positions()
    wire.await_request(3)
    wire.reply(POSITION_END)
    assert ours.result(PATIENCE) == []


def test_a_raw_call_that_is_never_answered_does_not_block_for_ever(wire: Wire) -> None:
    wire.client.reqCompletedOrders(True)
    wire.await_request()
    wire.client.reqCompletedOrders(False)
    wire.settle()
    wire.clock.advance(10)
    wire.await_request(2)
    wire.reply(text_body(102))
    wire.heard.wait("completedOrdersEnd")


def test_raw_time_and_our_probe_do_not_mix(wire: Wire) -> None:
    wire.client.reqCurrentTime()
    wire.await_request()
    core = wire.core
    ours = core.ask(lambda _i: core.reqCurrentTime(), request="time", key="current_time")
    wire.settle()
    wire.reply(text_body(49, 1, 111))
    wire.await_request(2)
    wire.reply(text_body(49, 1, 222))
    assert ours.result(PATIENCE) == [222]
    assert wire.heard.of("currentTime") == [(111,)]


@pytest.mark.parametrize("version", [178, 225])
def test_every_request_without_an_id_takes_its_turn(version: int) -> None:
    """Text and protobuf, by its name and by its twin's: one is out, the next waits."""
    names = [name for name in vars(Singletons) if name.startswith("req")]
    assert len(names) == 14
    got: list[int] = []

    async def script(peer: Peer) -> None:
        if version == 178:
            await peer.open_session(version)
        else:
            await peer.open_protobuf_session(version)
        while True:
            body = await peer.read_frame()
            number = (
                int(body.split(b"\0")[0]) if version == 178 else int.from_bytes(body[:4], "big")
            )
            got.append(number % 200)

    with ScriptedServer(script) as server:
        core = None
        for name in names:
            if version == 178 and name.endswith("ProtoBuf"):
                continue
            with IBKRConnection(settings(server.port, heartbeat__enabled=False)) as client:
                core, arguments = client._tws, ARGUMENTS.get(name, ())
                if name == "reqCurrentTimeInMillis" and version < 197:
                    continue
                got.clear()
                getattr(client, name)(*arguments)
                await_condition(lambda: len(got) == 1, name)
                getattr(client, name)(*arguments)
                core.event_loop.call(lambda: None)
                assert len(core.asks._table) == 2, name
                key = core.asks._table.under_way()[0].key
                core.event_loop.call(core.answer_end, key)
                await_condition(lambda: len(got) == 2, name)
                assert got[0] == got[1]


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "reqOpenOrdersProtoBuf": (message_class("OpenOrdersRequest")(),),
    "reqAllOpenOrdersProtoBuf": (message_class("AllOpenOrdersRequest")(),),
    "reqCompletedOrders": (True,),
    "reqCompletedOrdersProtoBuf": (message_class("CompletedOrdersRequest")(),),
    "reqCurrentTimeProtoBuf": (message_class("CurrentTimeRequest")(),),
    "reqCurrentTimeInMillisProtoBuf": (message_class("CurrentTimeInMillisRequest")(),),
    "reqPositionsProtoBuf": (message_class("PositionsRequest")(),),
    "reqAccountUpdates": (True, "DU1"),
    "reqAccountUpdatesProtoBuf": (
        message_class("AccountDataRequest")(subscribe=True, acctCode="DU1"),
    ),
}


def test_the_overrides_have_ib_s_own_parameters() -> None:
    for name, method in vars(Singletons).items():
        if name.startswith(("req", "cancel")):
            ours, theirs = inspect.signature(method), inspect.signature(getattr(EClient, name))
            assert list(ours.parameters) == list(theirs.parameters), name


def test_a_subclass_that_calls_super_in_its_own_req_positions() -> None:
    calls: list[str] = []

    class App(IBKRConnection):
        def reqPositions(self) -> None:
            calls.append(threading.current_thread().name)
            super().reqPositions()

        def __init__(self, config: Any) -> None:
            IBKRConnection.__init__(self, config)
            EWrapper.__init__(self)

    got: list[bytes] = []

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        got.append(await peer.read_frame())
        await peer.send(proto_body(62, message_class("PositionEnd")()))
        got.append(await peer.read_frame())

    with ScriptedServer(script) as server, App(settings(server.port)) as app:
        core = app._tws
        ours = core.ask(lambda _i: core.reqPositions(), request="positions", key="positions")
        await_condition(lambda: len(got) == 1)
        app.reqPositions()
        core.event_loop.call(core.answer_end, "positions")
        assert ours.result(PATIENCE) == []
        server.wait_done()
    assert calls == ["MainThread"], "our own request goes past the user's override"


def test_a_full_lane_refuses_that_request_by_name_and_takes_a_cancel(
    server: ScriptedServer,
) -> None:
    wire = Wire(server, pacing__rate=1, pacing__queue_limit=10)
    for _ in opened(wire):
        futures = [wire.summary() for _ in range(12)]
        wire.settle()
        for future in futures[10:]:
            with pytest.raises(RequestError, match="10 requests wait to be sent already"):
                future.result(PATIENCE)
        assert not any(future.done() for future in futures[:10])
        wire.client.reqMktData(5, Contract(), "", False, False, [])
        (*_, last) = wire.heard.wait("error", 3)
        assert (last[0], last[2]) == (5, 510)
        assert "10 requests wait to be sent already" in last[3]
        wire.client.cancelOrder(3, OrderCancel())
        wire.settle()
        assert len(wire.heard.of("error")) == 3
        wire.clock.advance(1)
        assert wire.await_request()[0][0] == "4", "and it is the first to leave"


def test_commissions_are_as_private_as_the_executions_they_belong_to() -> None:
    def execution(req_id: int, exec_id: str) -> bytes:
        message = message_class("ExecutionDetails")(reqId=req_id)
        message.contract.conId = 1
        message.execution.execId = exec_id
        return proto_body(11, message)

    def commission(exec_id: str) -> bytes:
        return proto_body(59, message_class("CommissionAndFeesReport")(execId=exec_id))

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        request = message_class("ExecutionRequest").FromString((await peer.read_frame())[4:])
        await peer.send(
            *(execution(request.reqId, name) for name in ("old", "both")),
            *(commission(name) for name in ("old", "both")),
            *(execution(-1, name) for name in ("new", "both")),
            *(commission(name) for name in ("new", "both")),
        )
        await peer.read_to_end()

    heard: list[str] = []
    done = threading.Event()

    class App(IBKRConnection):
        def commissionAndFeesReportProtoBuf(self, commissionAndFeesReportProto: Any) -> None:
            heard.append(f"twin {commissionAndFeesReportProto.execId}")

        def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
            heard.append(commissionAndFeesReport.execId)
            if len(heard) == 4:
                done.set()

    with ScriptedServer(script) as server, App(settings(server.port)) as app:
        core = app._tws
        core.ask(lambda i: core.reqExecutions(i, ExecutionFilter()), request="executions")
        assert done.wait(PATIENCE)
    assert heard == ["twin new", "new", "twin both", "both"]
