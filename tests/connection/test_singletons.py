"""A user's raw calls of requests without an id, in one queue with the framework's own."""

from __future__ import annotations

import inspect
import threading
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.execution import ExecutionFilter
from ibapi.wrapper import EWrapper

from tests.support.asking import POSITION_END, Wire, position
from tests.support.clients import PATIENCE, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.connection.singletons import Singletons
from twsloop.errors import RequestError
from twsloop.wire.messages import message_class

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
    names = [name for name in vars(Singletons) if name.startswith("req") and "Bulletin" not in name]
    assert len(names) == 30
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


def test_bulletins_have_no_end_and_belong_to_who_asked_for_them(wire: Wire) -> None:
    """A user's call leaves at once; what comes is everybody's who holds the subscription."""
    bulletin = text_body(14, 1, 7, 1, "halted", "NYSE")
    core = wire.core

    def ours() -> None:
        core.asks.hold("news_bulletins", core.asks.SLICES)
        core.reqNewsBulletins(True)

    core.event_loop.call(ours)
    wire.await_request()
    wire.reply(bulletin)
    wire.settle()
    assert wire.heard.of("updateNewsBulletin") == [], "only our slices asked"
    wire.client.reqNewsBulletins(False)
    assert wire.await_request(2)[1] == ["12", "1", "0"]
    wire.reply(bulletin)
    assert wire.heard.wait("updateNewsBulletin") == [(7, 1, "halted", "NYSE")]
    wire.client.cancelNewsBulletins()
    wire.settle()
    assert len(wire.requests) == 2, "our slices still need them"
    assert core.event_loop.call(core.release, "news_bulletins")


def test_one_answer_is_the_whole_of_it_and_the_gateway_s_error_ends_it(wire: Wire) -> None:
    core = wire.core
    rule = core.ask(lambda _i: core.reqMarketRule(26), request="market rule", key="market_rule")
    wire.await_request()
    wire.reply(text_body(93, 26, 1, 0, 0.01))
    [(number, [step])] = rule.result(PATIENCE)
    assert (number, step.lowEdge, step.increment) == (26, 0.0, 0.01)
    assert wire.heard.of("marketRule") == []
    news = core.ask(lambda _i: core.reqNewsProviders(), request="news", key="news_providers")
    wire.await_request(2)
    wire.reply(text_body(4, 2, -1, 321, "Error validating request", ""))
    with pytest.raises(RequestError, match="321"):
        news.result(PATIENCE)


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "reqNewsProvidersProtoBuf": (message_class("NewsProvidersRequest")(),),
    "reqMarketDepthExchangesProtoBuf": (message_class("MarketDepthExchangesRequest")(),),
    "reqFamilyCodesProtoBuf": (message_class("FamilyCodesRequest")(),),
    "reqMarketRule": (26,),
    "reqMarketRuleProtoBuf": (message_class("MarketRuleRequest")(marketRuleId=26),),
    "reqScannerParametersProtoBuf": (message_class("ScannerParametersRequest")(),),
    "requestFA": (1,),
    "reqManagedAcctsProtoBuf": (message_class("ManagedAccountsRequest")(),),
    "reqIds": (1,),
    "reqIdsProtoBuf": (message_class("IdsRequest")(),),
    "reqFAProtoBuf": (message_class("FARequest")(faDataType=1),),
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
