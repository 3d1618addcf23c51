"""A user's callbacks that raise, are slow, leave, or live elsewhere: the session goes on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import sys
import threading
import time
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from tests.support.clients import PATIENCE, Background, Recorder, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer, proto_body, text_body
from twsloop.connection import IBKRConnection
from twsloop.connection.compat import check_ibapi
from twsloop.errors import DependencyError, StaleOverrideError
from twsloop.session.state import State
from twsloop.wire.messages import message_class

BARS = 5


def tick(price: float, req_id: int = 1) -> bytes:
    """TickPrice of the last price, with its size: two callbacks."""
    message = message_class("TickPrice")(
        reqId=req_id, tickType=4, price=price, size="100", attrMask=0
    )
    return proto_body(1, message)


def history(req_id: int = 1) -> bytes:
    bar = message_class("HistoricalDataBar")
    bars = [
        bar(date=f"2026010{n}", open=n, high=n, low=n, close=n, volume="1", WAP="1", barCount=1)
        for n in range(1, BARS + 1)
    ]
    return proto_body(17, message_class("HistoricalData")(reqId=req_id, historicalDataBars=bars))


def sends(*bodies: bytes) -> Any:
    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        await peer.read_frame()  # reqIds: the listeners are there
        await peer.send(*bodies)
        await peer.read_to_end()

    return script


@pytest.mark.parametrize("callbacks", ["loop", "run"])
def test_a_raise_in_any_tier_is_reported_by_name_and_loses_nothing(callbacks: Any) -> None:
    class Broken:
        def tickPrice(self, *_args: Any) -> None:
            raise ZeroDivisionError("mine")

    class App(IBKRConnection):
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            raise KeyError("app")

        def historicalData(self, reqId: int, bar: Any) -> None:
            raise ValueError(bar.date)

    heard = Recorder()
    with ScriptedServer(sends(tick(1.0), history(), tick(2.0))) as server:
        app = App(settings(server.port), callbacks=callbacks)
        app.start()
        running = Background(app.run)
        core = app._tws
        core.add_slice(Broken())
        app.add_message_processor(Broken())
        app.add_message_processor(heard)
        app.reqIds(-1)
        heard.wait("tickSize", 2)
        assert core.state is State.READY
        app.disconnect()
        running.result()
        app.stop()
    assert [args[2] for args in heard.of("tickPrice")] == [1.0, 2.0]
    assert len(heard.of("historicalData")) == BARS
    failed = core.errors.summary()["failed_callbacks"]
    assert failed == {
        "Broken.tickPrice": 4, "App.tickPrice": 2, "App.historicalData": BARS,
    }  # fmt: skip
    assert core.errors.counts["callback"] == 6 + BARS


def test_an_exit_on_the_loop_thread_does_not_end_it() -> None:
    class App(IBKRConnection):
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            sys.exit("mine")

    heard = Recorder()
    with (
        ScriptedServer(sends(tick(1.0), tick(2.0))) as server,
        App(settings(server.port)) as app,
    ):
        app.add_message_processor(heard)
        app.reqIds(-1)
        heard.wait("tickSize", 2)
        assert app.session_state is State.READY
        assert app._tws.errors.summary()["failed_callbacks"] == {"App.tickPrice": 2}


def test_a_slow_callback_is_named_in_the_log_after_a_batch_overran(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Slow(IBKRConnection):
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            end = time.perf_counter() + 0.12
            while time.perf_counter() < end:
                pass

    heard = Recorder()

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        await peer.read_frame()
        for price in (1.0, 2.0):
            await peer.send(tick(price))
            await peer.read_frame()
        await peer.read_to_end()

    with (
        caplog.at_level(logging.WARNING),
        ScriptedServer(script) as server,
        Slow(settings(server.port)) as app,
    ):
        app.add_message_processor(heard)
        for count in range(3):
            app.reqIds(-1)
            if count < 2:
                heard.wait("tickSize", count + 1)
        metrics = app._tws.metrics.counter("callbacks_slow")
        await_condition(lambda: metrics.value >= 1)
    assert any("Slow.tickPrice took" in record.getMessage() for record in caplog.records)


def test_a_processor_that_leaves_inside_its_own_callback() -> None:
    class Once:
        calls = 0

        def tickPrice(self, *_args: Any) -> None:
            self.calls += 1
            app.remove_message_processor(self)

    once, heard = Once(), Recorder()
    with (
        ScriptedServer(sends(tick(1.0), tick(2.0), tick(3.0))) as server,
        IBKRConnection(settings(server.port)) as app,
    ):
        app.add_message_processor(once)
        app.add_message_processor(heard)
        app.reqIds(-1)
        heard.wait("tickSize", 3)
        assert not app._tws.errors.recent
    assert once.calls == 1


def test_callbacks_in_an_executor_do_not_hold_the_loop() -> None:
    release = threading.Event()
    seen: list[tuple[float, str]] = []

    class Away:
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            assert release.wait(PATIENCE)
            seen.append((price, threading.current_thread().name))

    heard = Recorder()
    with (
        concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="mine") as pool,
        ScriptedServer(sends(tick(1.0), tick(2.0))) as server,
        IBKRConnection(settings(server.port)) as app,
    ):
        app.add_message_processor(Away(), where=pool)
        app.add_message_processor(heard)
        app.reqIds(-1)
        heard.wait("tickSize", 2)
        assert seen == []
        release.set()
        await_condition(lambda: len(seen) == 2)
    assert seen == [(1.0, "mine_0"), (2.0, "mine_0")]


async def test_callbacks_in_the_caller_s_own_loop() -> None:
    here = threading.current_thread()
    prices: asyncio.Queue[float] = asyncio.Queue()

    class Mine:
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            assert threading.current_thread() is here
            prices.put_nowait(price)

    with ScriptedServer(sends(tick(1.0), tick(2.0))) as server:
        async with IBKRConnection(settings(server.port)) as app:
            app.add_message_processor(Mine(), where=asyncio.get_running_loop())
            app.reqIds(-1)
            assert [await asyncio.wait_for(prices.get(), PATIENCE) for _ in range(2)] == [1.0, 2.0]


def test_ticks_conflate_when_run_does_not_take_them_and_facts_do_not() -> None:
    status = message_class("OrderStatus")
    facts = [proto_body(3, status(orderId=n, status="Submitted")) for n in range(300)]
    ticks = [tick(float(n)) for n in range(2000)]
    bodies = [body for pair in zip(ticks, facts, strict=False) for body in pair] + ticks[300:]

    async def script(peer: Peer) -> None:
        await peer.open_protobuf_session()
        await peer.send(*bodies)
        peer.close()

    heard = Recorder()
    with ScriptedServer(script) as server:
        app = IBKRConnection(settings(server.port, loop__callback_queue=100), wrapper=heard)
        app.connect("127.0.0.1", server.port, 1)
        server.wait_done()
        await_condition(lambda: not app._driver.life.wanted)
        app.run()
    assert [args[0] for args in heard.of("orderStatus")] == list(range(300))
    prices = [args[2] for args in heard.of("tickPrice")]
    assert prices[-1] == 1999.0
    assert prices == sorted(prices)
    assert len(prices) < 200
    assert heard.names[-1] == "connectionClosed"


def test_messages_that_nobody_hears_are_not_even_decoded() -> None:
    with (
        ScriptedServer(sends(tick(1.0), proto_body(3, message_class("OrderStatus")()))) as server,
        IBKRConnection(settings(server.port)) as app,
    ):
        core = app._tws
        assert not core.registry.hears(("tickPrice", "tickSize", "tickPriceProtoBuf"))
        core.dispatcher._decoder = None  # decoding anything now would be a bad message
        app.reqIds(-1)
        core.event_loop.call(lambda: None)
        assert core.metrics.counter("messages_bad").value == 0


@pytest.mark.parametrize("how", ["stop", "disconnect"])
def test_an_end_inside_a_callback_on_the_loop_thread(how: str) -> None:
    class App(IBKRConnection):
        def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
            prices.append(price)
            getattr(self, how)()
            getattr(self, how)()

    prices: list[float] = []
    heard = Recorder()
    with ScriptedServer(sends(tick(1.0), tick(2.0), tick(3.0))) as server:
        with App(settings(server.port)) as app:
            app.add_message_processor(heard)
            app.reqIds(-1)
            heard.wait("connectionClosed")
            app.start()  # and again, with the same object
            assert app.session_state is State.READY
        server.wait_done(2)
    assert prices == [1.0], "what came behind it in the same read belongs to nobody"
    assert heard.names.count("connectionClosed") == 2


# ---- what does not fit ---------------------------------------------------------------------------


def test_a_stale_override_is_one_clear_error_at_construction() -> None:
    class Old(IBKRConnection):
        def __init__(self) -> None:
            EWrapper.__init__(self)
            EClient.__init__(self, self)

        def error(self, reqId: int, errorCode: int, errorString: str) -> None:
            """9.81's."""

        def tickSize(self, reqId: int, tickType: int) -> None:
            """Nobody's."""

    with pytest.raises(StaleOverrideError) as caught:
        Old()
    text = str(caught.value)
    assert "Old overrides callbacks with stale parameters" in text
    assert "error(reqId" in text
    assert "errorTime" in text
    assert "tickSize(reqId" in text


def test_a_stale_wrapper_object_processor_or_late_attribute_is_refused_too() -> None:
    class OldWrapper(EWrapper):
        def error(self, reqId: int, errorCode: int, errorString: str) -> None:
            """9.81's."""

    class OldProcessor:
        def error(self, reqId: int, errorCode: int, errorString: str) -> None:
            """9.81's."""

    with pytest.raises(StaleOverrideError, match="OldWrapper"):
        IBKRConnection(wrapper=OldWrapper())
    app = IBKRConnection()
    with pytest.raises(StaleOverrideError, match="OldProcessor"):
        app.add_message_processor(OldProcessor())
    app.nextValidId = lambda: None
    with pytest.raises(StaleOverrideError, match="nextValidId"):
        app.connect("127.0.0.1", 1, 1)


def test_parameters_by_other_names_and_star_args_are_fine() -> None:
    class Mine(IBKRConnection):
        def error(self, *everything: Any) -> None:
            """Takes all."""

        def tickPrice(self, a: Any, b: Any, c: Any, d: Any, e: Any = None) -> None:
            """Other names, and one more with a default."""

    Mine()


def test_a_renamed_callback_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    class Old(IBKRConnection):
        def commissionReport(self, report: Any) -> None:
            """9.81's name."""

    Old()
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == [
        "Old.commissionReport is never called: ibapi 10 calls commissionAndFeesReport instead"
    ]


def test_an_old_ibapi_says_what_to_uninstall() -> None:
    class OldClient:
        """Without sendMsgProtoBuf."""

    with pytest.raises(DependencyError, match="pip uninstall ibapi"):
        check_ibapi(OldClient)


def test_a_local_error_is_marked_local_and_reaches_everyone_on_the_callback_thread() -> None:
    heard = Recorder()

    async def script(peer: Peer) -> None:
        await peer.open_session(150)
        await peer.send(text_body(4, 2, -1, 2104, "farm is OK"))
        await peer.read_to_end()

    with ScriptedServer(script) as server:
        app = IBKRConnection(settings(server.port), wrapper=heard)
        with app:
            heard.wait("error")
            app.reqWshMetaData(7)  # needs 161: IB's client refuses it in this thread
            heard.wait("error", 2)
            notices = app._tws.errors.recent
    assert [(n.code, n.local) for n in notices] == [(2104, False), (503, True)]
    assert heard.threads == {"twsloop-1"}
