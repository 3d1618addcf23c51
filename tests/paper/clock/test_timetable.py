"""Named clients hold the market's clock: each run of a session is the same run."""

from __future__ import annotations

import asyncio
import hashlib
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.wireclient import WireClient, brief
from twsloop.clock import ManualClock
from twsloop.errors import PaperError
from twsloop.paper import PaperGateway
from twsloop.paper.clients.client import Limits
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.clock.timetable import Timetable, Timetables, read_timetables, timetable

START = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
AAPL: dict[str, Any] = {"symbol": "AAPL", "secType": "STK", "currency": "USD", "exchange": "SMART"}
BUY: dict[str, Any] = {
    "action": "BUY",
    "totalQuantity": "100",
    "orderType": "MKT",
    "tif": "DAY",
    "transmit": True,
}


def after(*minutes: float) -> list[datetime]:
    return [START + timedelta(minutes=one) for one in minutes]


class Stage:
    """Timetables on a clock that jumps, with frames that note when they were processed."""

    def __init__(self, **tables: Any) -> None:
        self.clock = MarketClock(ManualClock(), start=START, speed=None)
        made = {int(name[1:]): timetable(given) for name, given in tables.items()}
        self.tables = Timetables(made, self.clock)
        self.processed: list[tuple[str, float]] = []
        self.tables.start(lambda: None)
        self.clock.call_later(86400, lambda: None)
        self.clock.begin()

    def send(self, client_id: int, name: str) -> None:
        handled = self.tables.take(client_id, name, lambda: self.note(name))
        if not handled:
            self.note(f"free {name}")

    def note(self, name: str) -> None:
        self.processed.append((name, self.clock.monotonic() / 60))

    async def idle(self) -> None:
        """Let the clock run as far as it will."""
        for _ in range(50):
            await asyncio.sleep(0)


async def test_the_nth_frame_is_processed_at_the_nth_time() -> None:
    stage = Stage(c7=after(1, 5, 5, 9))
    await stage.idle()
    assert stage.clock.monotonic() == 0  # it is not there yet
    stage.tables.joined(7)
    stage.send(7, "a")
    await stage.idle()
    assert stage.processed == [("a", 1)]
    assert stage.clock.monotonic() == 5 * 60
    assert stage.clock.held
    for name in "bcde":
        stage.send(7, name)
    await stage.idle()
    # After its last time it is free, and the clock runs on.
    assert stage.processed == [("a", 1), ("b", 5), ("c", 5), ("d", 9), ("e", 9)]
    assert stage.clock.monotonic() == 86400
    stage.send(7, "f")
    assert stage.processed[-1] == ("free f", 1440)


async def test_a_step_may_be_as_long_as_the_client_likes() -> None:
    stage = Stage(c7=Timetable(tuple(after(1, 5)), done="reqCurrentTime"))
    stage.tables.joined(7)
    stage.send(7, "a")
    stage.send(7, "b")
    await stage.idle()
    assert stage.processed == [("a", 0), ("b", 0)]
    stage.send(7, "reqCurrentTime")
    stage.send(7, "c")
    await stage.idle()
    # The answer comes when the next time has come.
    assert stage.processed[2:] == [("reqCurrentTime", 1), ("c", 1)]
    stage.send(7, "reqCurrentTime")
    await stage.idle()
    assert stage.processed[4:] == [("reqCurrentTime", 5)]
    stage.send(7, "reqCurrentTime")
    await stage.idle()
    assert stage.processed[5:] == [("reqCurrentTime", 5)]
    assert not stage.clock.held


async def test_a_heartbeat_does_not_wait() -> None:
    stage = Stage(c7=Timetable(tuple(after(1)), done="reqCurrentTimeInMillis"))
    stage.send(7, "reqCurrentTime")
    assert stage.processed == [("free reqCurrentTime", 0)]


async def test_clients_of_the_same_time_act_in_the_order_of_their_ids() -> None:
    stage = Stage(c9=after(1, 2), c3=Timetable(tuple(after(1)), done="reqIds"), c4=after(2))
    for client_id in (9, 4, 3):
        stage.tables.joined(client_id)
    for client_id in (9, 4, 3):
        for name in ("x", "reqIds", "y", "reqIds"):
            stage.send(client_id, f"{name}" if name == "reqIds" else f"{client_id}{name}")
    await stage.idle()
    acted = [name for name, _ in stage.processed if name != "reqIds"]
    assert acted == ["3x", "3y", "9x", "4x", "4y", "9y"]


async def test_a_client_that_leaves_holds_nothing(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(c1=after(1, 2), c2=after(1, 3))
    stage.tables.joined(1)
    stage.tables.joined(2)
    await stage.idle()
    stage.tables.left(1)
    await stage.idle()
    assert "client 1 left before its timetable was over" in caplog.text
    assert stage.clock.monotonic() == 60
    stage.send(2, "a")
    stage.send(2, "b")
    await stage.idle()
    assert stage.processed == [("a", 1), ("b", 3)]
    assert not stage.clock.held


async def test_who_keeps_the_clock_waiting_is_named(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(c1=after(1))
    base: Any = stage.clock.base
    base.advance(11)
    assert "waits for clients [1] to connect" in caplog.text
    stage.tables.joined(1)
    await stage.idle()
    base.advance(11)
    assert "waits for client 1 to act" in caplog.text
    stage.send(1, "a")
    caplog.clear()
    base.advance(100)
    assert caplog.text == ""


async def test_a_restart_ends_no_timetable() -> None:
    stage = Stage(c1=after(1, 2))
    stage.tables.joined(1)
    stage.send(1, "a")
    await stage.idle()
    stage.tables.stop()
    stage.tables.left(1)
    stage.clock.halt()
    stage.tables.start(lambda: None)
    stage.clock.begin()
    await stage.idle()
    assert stage.clock.monotonic() == 120
    stage.tables.joined(1)
    stage.send(1, "b")
    await stage.idle()
    assert stage.processed == [("a", 1), ("b", 2)]


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="order"):
        timetable(after(2, 1))
    with pytest.raises(ValueError, match="time zone"):
        timetable([START.replace(tzinfo=None)])
    with pytest.raises(PaperError, match="before the market's start"):
        PaperGateway(start=START, speed="max", timetables={1: after(-1)})
    with pytest.raises(PaperError, match="before it begins"):
        PaperGateway(start=START, until=START)
    with pytest.raises(PaperError, match="time zone"):
        PaperGateway(start=START.replace(tzinfo=None))


# ---- whole sessions --------------------------------------------------------------------------


async def session(seed: int) -> tuple[str, list[str], dict[str, Any]]:
    """A scripted trader, and a watcher that nobody named; everything the trader was told."""
    tables = {1: Timetable(tuple(after(0.1, 0.2, 1, 1.1)), done="reqCurrentTime")}
    async with PaperGateway(
        seed=seed, start=START, until=after(2)[0], speed="max", timetables=tables, rate=1
    ) as paper:
        told: list[str] = []
        digest = hashlib.sha256()
        async with (
            WireClient(paper.host, paper.port, client_id=1) as trader,
            WireClient(paper.host, paper.port, client_id=2, version=178) as watcher,
        ):
            await watcher.ready()
            watcher.send("reqMktData", reqId=1, contract=AAPL)
            calls = await trader.ready()
            trader.send("reqMktData", reqId=9, contract=AAPL)
            trader.send("reqPnL", reqId=10, account="DU1234567")

            async def advance() -> datetime:
                trader.send("reqCurrentTime")
                heard = await trader.until("currentTime")
                calls.extend(heard)
                return datetime.fromtimestamp(int(heard[-1].args[0]), UTC)

            assert await advance() == after(0.1)[0]
            trader.send("placeOrder", orderId=1, contract=AAPL, order=BUY)
            assert await advance() == after(0.2)[0]
            limit = {**BUY, "action": "SELL", "orderType": "LMT", "lmtPrice": 1.0}
            trader.send("placeOrder", orderId=2, contract=AAPL, order={**limit, "lmtPrice": 9999.0})
            assert await advance() == after(1)[0]
            trader.send("cancelOrder", orderId=2)
            assert await advance() == after(1.1)[0]
            trader.send("placeOrder", orderId=3, contract=AAPL, order=limit)
            trader.send("reqAccountUpdates", subscribe=True, acctCode="DU1234567")
            calls += await trader.until("accountDownloadEnd")
            trader.send("reqCurrentTime")
            calls += await trader.until("currentTime")
            told += [brief(call) for call in calls]
            for body in trader.bodies:
                digest.update(body)
            await asyncio.wrap_future(paper.feed.finished)
            assert paper.market_time == after(2)[0]
            stats = paper.stats
    return digest.hexdigest(), told, stats


async def test_the_same_seed_gives_the_same_session() -> None:
    first, told, stats = await session(7)
    second, told_again, stats_again = await session(7)
    assert told == told_again
    assert first == second  # byte by byte, the times in the messages included
    assert stats["events"] == stats_again["events"] > 120 * 40
    assert sum(line.startswith("status 1 Filled") for line in told) == 2
    assert any(line.startswith("status 2 Cancelled") for line in told)
    assert any(line.startswith("status 3 Filled") for line in told)
    other, _, _ = await session(8)
    assert other != first


async def test_a_restart_goes_on_at_the_time_of_the_stop() -> None:
    paper = PaperGateway(
        start=START, speed="max", rate=0.1, timetables={1: after(1, 2)}, until=after(3)[0]
    )
    async with paper, WireClient(paper.host, paper.port, client_id=1) as trader:
        await trader.ready()
        trader.send("placeOrder", orderId=1, contract=AAPL, order=BUY)
        await trader.until("commissionAndFeesReport")
    assert after(1)[0] <= paper.market_time <= after(2)[0]
    async with paper, WireClient(paper.host, paper.port, client_id=1) as trader:
        await trader.ready()
        trader.send("reqPositions")
        calls = await trader.until("positionEnd")
        assert [call.args[2] for call in calls if call.name == "position"] == [100]
        assert paper.market_time >= after(2)[0]


async def test_the_market_waits_for_lines() -> None:
    async with (
        PaperGateway(
            start=START, until=after(1)[0], speed="max", wait_for_lines=2, rate=0.5
        ) as paper,
        WireClient(paper.host, paper.port) as client,
    ):
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        await client.until("tickReqParams")
        await asyncio.sleep(0)
        assert paper.market_time == START
        client.send("reqMktData", reqId=2, contract={**AAPL, "symbol": "MSFT"})
        await asyncio.wrap_future(paper.feed.finished)
        assert paper.market_time == after(1)[0]


async def test_a_slow_reader_holds_the_market_at_full_speed() -> None:
    """Nothing conflates: the counts are those of the server."""
    async with (
        PaperGateway(
            start=START,
            until=after(1)[0],
            speed="max",
            wait_for_lines=1,
            rate=10,
            limits=Limits(high_water=1024),
        ) as paper,
        WireClient(paper.host, paper.port, receive_buffer=4096) as client,
    ):
        await client.ready()
        client.send("reqMktData", reqId=1, contract=AAPL)
        count, held = 0, False
        while not paper.feed.finished.done():
            async with asyncio.timeout(10):
                await client.body()
            count += 1
            held |= paper.hub.clock.held  # type: ignore[attr-defined]
        stats = paper.stats["clients"][1]
        assert held
        assert stats["conflated"] == 0
        assert stats["ticks"] > 1000
        while count < stats["ticks"]:
            async with asyncio.timeout(10):
                await client.body()
            count += 1


# ---- as a file -------------------------------------------------------------------------------


def test_a_file_of_times(tmp_path: Path) -> None:
    path = tmp_path / "times"
    path.write_text(
        "# two clients\n"
        "7  2026-09-28 09:31   # New York\n"
        "7  done reqCurrentTime\n"
        "\n"
        "9  2026-09-28T13:45:30+00:00\n"
        "7  2026-09-28 10:00\n"
    )
    read = read_timetables(path)
    assert read[7].done == "reqCurrentTime"
    assert list(read[7].times) == after(1, 30)
    assert read[9] == Timetable(tuple(after(15.5)))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("7\n", "line 1"),
        ("7 09:61\n", "line 1"),
        ("\nx 2026-09-28\n", "line 2"),
        ("7 done nothing\n", "'7 done nothing'"),
        ("7 2026-09-29\n7 2026-09-28\n", "order"),
    ],
)
def test_a_file_that_means_nothing(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "times"
    path.write_text(text)
    with pytest.raises(PaperError, match=re.escape(words)):
        read_timetables(path)
    with pytest.raises(PaperError, match="cannot read the timetable"):
        read_timetables(tmp_path / "none")
