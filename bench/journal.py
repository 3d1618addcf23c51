"""How fast the order journal writes, and how soon an order's intent is durable.

- **rate**: order events a second, written in the batches that form by themselves; in seconds of
  the wall clock and of this process's CPU (on a busy machine only the second says much).
- **intent**: from handing an intent with a verdict of 12 checks over until it is told to be
  durable, one at a time: p50 and p99, for ``sync = normal`` (it survives the end of the program)
  and ``full`` (a loss of power, too). Beside it what the same turn costs without a journal, the
  ratio of the two, and what one commit of SQLite alone costs, in the same folder.

::

    python bench/journal.py                 both, three rounds, medians
    python bench/journal.py --folder /data  on another disk
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import gc
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from twsloop.clock import SystemClock
from twsloop.config import JournalParams
from twsloop.event_loop import default_loop_factory
from twsloop.events import (
    Fact,
    OrderFact,
    OrderIntent,
    OrderStep,
    OrderSubmitted,
    RiskCheck,
    RiskVerdict,
)
from twsloop.metrics import Metrics
from twsloop.orders.recording import NoJournal
from twsloop.storage.pen import Login
from twsloop.storage.trouble import Trouble
from twsloop.storage.writer import Writer

NOW = datetime(2026, 9, 28, 14, 0, tzinfo=UTC)
LOGIN = Login("DU1234567", "session-1-1")
GOAL_RATE, GOAL_INTENT_US = 50_000, 150.0


def events(count: int) -> list[Fact]:
    """Reports of orders, as a session tells them: an event for programs, a step for the journal."""
    made: list[Fact] = []
    for number in range(count // 2):
        order_id = 1 + number % 5000
        now = NOW + timedelta(microseconds=1 + 40 * number)
        same = {"time": now, "correlation_id": f"order-1-{order_id}", "client_id": 1}
        event = OrderSubmitted(
            **same,  # type: ignore[arg-type]
            order_id=order_id,
            perm_id=1_000_000 + order_id,
            account="DU1234567",
            con_id=265598,
            symbol="AAPL",
            action="BUY",
            order_type="LMT",
            quantity=Decimal(100),
            remaining=Decimal(100),
            limit_price=Decimal("189.50"),
            status="Submitted",
            tag="entry",
        )
        step = OrderStep(
            **same,  # type: ignore[arg-type]
            order_id=order_id,
            perm_id=1_000_000 + order_id,
            source="orderStatus",
            changes={"status": "Submitted", "filled": "0", "remaining": "100", "why_held": ""},
        )
        made += (event, step)
    return made


def intents(count: int) -> list[OrderFact]:
    """Orders that are about to leave, each with a verdict of 12 checks."""
    checks = tuple(
        RiskCheck(
            name=f"check_{n}", passed=True, value=Decimal(100), limit=Decimal(1000), unit="USD"
        )
        for n in range(12)
    )
    return [
        OrderIntent(
            time=NOW,
            correlation_id=f"order-1-{number}",
            order_id=number,
            client_id=1,
            epoch=1,
            kind="place",
            account="DU1234567",
            con_id=265598,
            symbol="AAPL",
            contract={"conId": 265598, "symbol": "AAPL", "secType": "STK", "exchange": "SMART"},
            order={
                "action": "BUY",
                "orderType": "LMT",
                "totalQuantity": "100",
                "lmtPrice": "189.5",
            },
            token=f"{number:08x}",
            verdict=RiskVerdict(
                time=NOW, order_id=number, client_id=1, allowed=True, checks=checks
            ),
            config="0123456789abcdef",
        )
        for number in range(1, count + 1)
    ]


@contextlib.asynccontextmanager
async def a_writer(folder: Path, sync: str):  # type: ignore[no-untyped-def]
    clock, metrics = SystemClock(), Metrics()
    params = JournalParams(file=folder / f"{sync}.db", sync=sync, queue=10_000_000)  # type: ignore[arg-type]
    trouble = Trouble(params, clock, metrics, lambda fact: sys.exit(f"trouble: {fact.reason}"))
    writer = Writer(
        params, clock, metrics, trouble=trouble, opened=lambda _: None, report=lambda *_: None
    )
    task = asyncio.get_running_loop().create_task(writer.run())
    await writer.try_now()
    try:
        yield writer
    finally:
        await writer.close(task)


Put = Callable[[OrderFact, Callable[[str], object]], object]


async def latencies(put: Put, facts: Sequence[OrderFact]) -> list[float]:
    """How long each takes, microseconds, sorted."""
    loop, spent = asyncio.get_running_loop(), list[float]()
    for fact in facts:
        done = loop.create_future()
        began = time.perf_counter()
        put(fact, functools.partial(_told, done, spent, began))
        await done
        await asyncio.sleep(0)
    return sorted(1e6 * each for each in spent)


def _told(done: asyncio.Future[None], spent: list[float], began: float, _problem: str) -> None:
    spent.append(time.perf_counter() - began)
    done.set_result(None)


def commits(folder: Path, sync: str, count: int) -> list[float]:
    """What SQLite needs for one row in a transaction of its own, microseconds, sorted."""
    spent = []
    file = folder / f"alone-{sync}.db"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as alone:
        alone.execute("PRAGMA journal_mode = WAL")
        alone.execute(f"PRAGMA synchronous = {sync}")
        alone.execute("CREATE TABLE t (x TEXT)")
        for _ in range(count):
            began = time.perf_counter()
            alone.execute("BEGIN IMMEDIATE")
            alone.execute("INSERT INTO t VALUES (?)", ("x" * 2000,))
            alone.execute("COMMIT")
            spent.append(1e6 * (time.perf_counter() - began))
    return sorted(spent)


async def rate(folder: Path, count: int) -> tuple[float, float]:
    """Events a second: by the wall clock, and by this process's CPU."""
    facts = events(count)
    async with a_writer(folder, "normal") as writer:
        began, cpu = time.perf_counter(), time.process_time()
        for fact in facts:
            writer.put(fact, LOGIN)
        await writer.flushed()
        wall, spent = time.perf_counter() - began, time.process_time() - cpu
    return count / wall, count / spent


async def one_round(count: int, parent: Path) -> dict[str, float]:
    """All of it once, in a folder of its own."""
    found: dict[str, float] = {}
    facts = intents(count)
    without = await latencies(NoJournal().intend, facts)
    found["none p50"] = percentile(without, 50)
    with tempfile.TemporaryDirectory(dir=parent) as name:
        folder = Path(name)
        found["rate wall"], found["rate cpu"] = await rate(folder, 40 * count)
        for sync in ("normal", "full"):
            alone = commits(folder, sync, count)
            async with a_writer(folder, sync) as writer:
                gc.collect()
                spent = await latencies(lambda f, done: writer.put(f, LOGIN, done), facts)
            for percent in (50, 99):
                found[f"{sync} p{percent}"] = percentile(spent, percent)
                found[f"{sync} commit p{percent}"] = percentile(alone, percent)
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    return values[min(len(values) - 1, int(len(values) * percent / 100))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    given = parser.parse_args()
    rounds = []
    for _ in range(given.rounds):
        with asyncio.Runner(loop_factory=default_loop_factory()) as runner:
            rounds.append(runner.run(one_round(given.orders, given.folder)))
    found = {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}

    print(f"{platform.platform()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"SQLite {sqlite3.sqlite_version}; medians of {given.rounds} rounds\n")
    print(f"order events/s         {found['rate wall']:9,.0f} on the wall clock")
    print(f"                       {found['rate cpu']:9,.0f} by CPU   (goal {GOAL_RATE:,})")
    print("\nan intent is durable after, in us     p50      p99   ratio   SQLite's commit alone")
    print(f"  no journal                     {found['none p50']:8.1f}")
    for sync in ("normal", "full"):
        p50, p99 = found[f"{sync} p50"], found[f"{sync} p99"]
        alone = f"{found[f'{sync} commit p50']:.0f} (p99 {found[f'{sync} commit p99']:.0f})"
        ratio = p50 / found["none p50"]
        goal = f"   (goal p50 {GOAL_INTENT_US:.0f})" if sync == "normal" else ""
        print(
            f"  sync = {sync:<10}              {p50:8.0f} {p99:8.0f} {ratio:7.0f}   {alone}{goal}"
        )


if __name__ == "__main__":
    main()
