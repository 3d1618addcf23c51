"""A long answer is told in slices: in order, with the loop's other work between, and to its end.

Slices of no length make a turn of the loop out of every few bars, however fast the machine is.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from ibapi.common import BarData
from ibapi.protobuf.HistoricalData_pb2 import HistoricalData
from ibapi.protobuf.HistoricalDataBar_pb2 import HistoricalDataBar

from tests.support.clients import PATIENCE, Recorder, settings
from tests.support.scripted import (
    Peer,
    Script,
    ScriptedServer,
    proto_body,
    raw_text_body,
    text_body,
)
from twsloop.clock import ManualClock
from twsloop.connection import IBKRConnection
from twsloop.connection.long_messages import AT_ONCE
from twsloop.wire.messages import message_class

LoopFactory = Callable[[], asyncio.AbstractEventLoop]
VERSIONS = (225, 207, 200)
BARS = 1000
ID = 7


def bars_body(version: int, count: int = BARS) -> bytes:
    """An answer of so many bars; their counts number them."""
    if version < 208:
        row = [field for n in range(count) for field in ("20260928", 1, 2, 0.5, 1.5, 7, "1.25", n)]
        return (
            text_body(17, ID, count, *row) if version < 201 else raw_text_body(17, ID, count, *row)
        )
    told = [
        HistoricalDataBar(date="20260928", open=1.0, volume="7", barCount=n) for n in range(count)
    ]
    return proto_body(17, HistoricalData(reqId=ID, historicalDataBars=told))


def behind(version: int, seconds: int) -> bytes:
    """A message that comes behind it."""
    if version >= 213:
        return proto_body(49, message_class("CurrentTime")(currentTime=seconds))
    return text_body(49, 1, seconds) if version < 201 else raw_text_body(49, 1, seconds)


def sent(version: int, *bodies: bytes, ending: bool = False) -> Script:
    """A gateway that opens the session, sends these, and perhaps ends the link."""

    async def script(peer: Peer) -> None:
        if version >= 213:
            await peer.open_protobuf_session(version)
        elif version >= 201:
            await peer.greet(version)
            await peer.read_frame()
            await peer.send(raw_text_body(15, 1, "DU1234567"), raw_text_body(9, 1, 1))
        else:
            await peer.open_session(version)
        await peer.read_frame()  # the program is ready, and asks
        await peer.send(*bodies)
        if ending:
            peer.close()
        else:
            await peer.read_to_end()

    return script


class Heard(Recorder):
    """Hears what programs hear: not the protobuf message itself."""

    historicalData: Callable[[int, BarData], None]

    def __init__(self) -> None:
        super().__init__()
        del self.historicalDataProtoBuf


class Watcher(Heard):
    """Counts the turns of its loop from a message's first bar to its last, too."""

    def __init__(self) -> None:
        super().__init__()
        self.turns: list[int] = []
        self._counting = False
        keep: Callable[[int, BarData], None] = self.historicalData

        def bar_came(reqId: int, bar: BarData) -> None:
            if not bar.barCount:
                self.turns.append(0)
                asyncio.get_running_loop().call_soon(self._turn)
            self._counting = bar.barCount < BARS - 1
            keep(reqId, bar)

        self.historicalData = bar_came

    def _turn(self) -> None:
        if self._counting:
            self.turns[-1] += 1
            asyncio.get_running_loop().call_soon(self._turn)


def client(
    server: ScriptedServer, heard: object, loop_factory: LoopFactory | None = None, **more: Any
) -> IBKRConnection:
    """A client whose slices have no length."""
    made = IBKRConnection(
        settings(server.port, heartbeat__enabled=False, reconnect__enabled=False),
        wrapper=heard,
        loop_factory=loop_factory,
        **more,
    )
    made._tws.dispatcher.long.slice_s = 0.0
    return made


def numbers(heard: Heard) -> list[int]:
    """Which bars came."""
    return [bar.barCount for _, bar in heard.of("historicalData")]


@pytest.mark.parametrize("version", VERSIONS)
def test_all_bars_come_in_order_and_what_is_behind_them_afterwards(
    version: int, loop_factory: LoopFactory
) -> None:
    heard = Watcher()
    long, time = bars_body(version), behind(version, 5)
    with ScriptedServer(sent(version, behind(version, 4), long, long, time)) as server:
        tws = client(server, heard, loop_factory)
        with tws:
            tws.reqCurrentTime()
            heard.wait("currentTime", 2)
    names = [name for name in heard.names if name in {"historicalData", "currentTime"}]
    assert names == ["currentTime"] + ["historicalData"] * 2 * BARS + ["currentTime"]
    assert numbers(heard) == [*range(BARS)] * 2
    # Between two slices of a few bars, the loop had a turn.
    assert min(heard.turns) >= BARS // AT_ONCE - 2
    assert not tws._tws.dispatcher.long.busy


@pytest.mark.parametrize("version", VERSIONS)
def test_who_ends_the_session_in_the_midst_is_told_nothing_more(version: int) -> None:
    heard = Heard()
    keep = heard.historicalData
    with ScriptedServer(sent(version, bars_body(version), behind(version, 5))) as server:
        tws = client(server, heard)

        def bar_came(reqId: int, bar: BarData) -> None:
            keep(reqId, bar)
            if bar.barCount == 300:
                tws.disconnect()

        heard.historicalData = bar_came
        with tws:
            tws.reqCurrentTime()
            heard.wait("connectionClosed")
        names = heard.names[heard.names.index("historicalData") :]
    assert names == ["historicalData"] * 301 + ["connectionClosed"]


def test_the_end_of_the_link_is_told_behind_what_came_before_it(loop_factory: LoopFactory) -> None:
    heard = Heard()
    script = sent(225, bars_body(225), behind(225, 5), ending=True)
    with ScriptedServer(script) as server, client(server, heard, loop_factory) as tws:
        tws.reqCurrentTime()
        heard.wait("connectionClosed")
    names = heard.names[heard.names.index("historicalData") :]
    assert names == ["historicalData"] * BARS + ["currentTime", "connectionClosed"]


def test_a_link_that_breaks_in_the_midst_ends_behind_the_last_bar(
    loop_factory: LoopFactory,
) -> None:
    heard = Heard()
    keep = heard.historicalData
    with ScriptedServer(sent(225, bars_body(225))) as server:
        tws = client(server, heard, loop_factory)

        def bar_came(reqId: int, bar: BarData) -> None:
            keep(reqId, bar)
            if bar.barCount == 300:
                tws._driver.life.link_useless(ConnectionAbortedError("it broke"))

        heard.historicalData = bar_came
        with tws:
            tws.reqCurrentTime()
            heard.wait("connectionClosed")
    names = heard.names[heard.names.index("historicalData") :]
    assert names == ["historicalData"] * BARS + ["connectionClosed"]


def test_a_session_after_one_that_broke_off_tells_its_own_bars() -> None:
    heard = Heard()
    keep = heard.historicalData
    script = sent(225, bars_body(225), behind(225, 5))
    with ScriptedServer(script, script) as server:
        tws = client(server, heard)

        def bar_came(reqId: int, bar: BarData) -> None:
            keep(reqId, bar)
            if bar.barCount == 300 and len(heard.of("connectionClosed")) == 0:
                tws.disconnect()

        heard.historicalData = bar_came
        with tws:
            tws.reqCurrentTime()
            heard.wait("connectionClosed")
        with tws:
            tws.reqCurrentTime()
            heard.wait("currentTime")
    assert numbers(heard) == [*range(301), *range(BARS)]


def test_a_callback_that_raises_does_not_lose_the_other_bars() -> None:
    heard = Heard()
    keep = heard.historicalData

    def bar_came(reqId: int, bar: BarData) -> None:
        keep(reqId, bar)
        if bar.barCount % 10 == 0:
            raise ValueError(bar.barCount)

    heard.historicalData = bar_came
    problems: list[str] = []
    with ScriptedServer(sent(225, bars_body(225), behind(225, 5))) as server:
        tws = client(server, heard)
        tws._tws.registry._report = lambda name, _error: problems.append(name)
        with tws:
            tws.reqCurrentTime()
            heard.wait("currentTime")
        assert len(problems) == BARS // 10
    assert numbers(heard) == [*range(BARS)]


def test_the_thread_of_run_gets_all_of_them_in_order() -> None:
    heard = Heard()
    with ScriptedServer(sent(225, bars_body(225), behind(225, 5))) as server:
        tws = client(server, heard)
        tws.connect("127.0.0.1", server.port, 1)
        runner = threading.Thread(target=tws.run, name="runner")
        runner.start()
        heard.wait("nextValidId")
        tws.reqCurrentTime()
        heard.wait("currentTime")
        tws.disconnect()
        runner.join(PATIENCE)
    assert numbers(heard) == [*range(BARS)]
    assert heard.names[-2:] == ["currentTime", "connectionClosed"]
    assert heard.threads == {"runner"}


def test_a_long_message_is_no_silence_of_the_gateway() -> None:
    """Nothing is read meanwhile: the watch over the link may not take that for its end."""
    heard = Heard()
    keep = heard.historicalData
    clock = ManualClock()

    def bar_came(reqId: int, bar: BarData) -> None:
        keep(reqId, bar)
        clock.advance(0.5)  # of all bars together far more than any deadline

    heard.historicalData = bar_came
    with ScriptedServer(sent(225, bars_body(225, 200), behind(225, 5))) as server:
        tws = IBKRConnection(settings(server.port), wrapper=heard, clock=clock)
        tws._tws.dispatcher.long.slice_s = 0.0
        with tws:
            tws.reqCurrentTime()
            heard.wait("currentTime")
            assert tws.isConnected()
    assert numbers(heard) == [*range(200)]


def test_a_bad_bar_is_reported_behind_those_before_it_and_ends_nothing() -> None:
    many = [HistoricalDataBar(volume="7", barCount=n) for n in range(BARS)]
    many[600].WAP = "none"
    body = proto_body(17, HistoricalData(reqId=ID, historicalDataBars=many))
    heard = Heard()
    script = sent(225, body, behind(225, 5))
    with ScriptedServer(script) as server, client(server, heard) as tws:
        tws.reqCurrentTime()
        heard.wait("currentTime")
    assert numbers(heard) == [*range(600)]
    (error,) = heard.of("error")
    assert error[2] == 508
    order = [name for name in heard.names if name in {"historicalData", "error", "currentTime"}]
    assert order[-2:] == ["error", "currentTime"]


def test_a_callback_that_is_replaced_in_the_midst_hears_the_rest() -> None:
    heard, second = Heard(), Recorder()
    keep = heard.historicalData
    with ScriptedServer(sent(225, bars_body(225), behind(225, 5))) as server:
        tws = client(server, heard)

        def bar_came(reqId: int, bar: BarData) -> None:
            keep(reqId, bar)
            if bar.barCount == 99:
                tws.add_message_processor(second)

        heard.historicalData = bar_came
        with tws:
            tws.reqCurrentTime()
            second.wait("currentTime")
    assert numbers(heard) == [*range(BARS)]
    assert numbers(second) == [*range(100, BARS)]
