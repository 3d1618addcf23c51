"""Journals' files in tests: facts to put into them, writers over a clock that a test moves."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from twsloop.clock import ManualClock
from twsloop.config import JournalParams
from twsloop.events import Fact, Fill, JournalTrouble, OrderIntent, OrderStep, SessionBegan
from twsloop.metrics import Metrics
from twsloop.storage.pen import Login
from twsloop.storage.trouble import Trouble
from twsloop.storage.writer import Floors, Writer

__all__ = ["LOGIN", "NOON", "Bench", "began", "fill", "held", "intent", "rows", "step", "writing"]

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
LOGIN = Login("DU1", "session-1-1")


def step(order_id: int = 1, **changes: Any) -> OrderStep:
    """A step of an order of client 1."""
    return OrderStep(time=NOON, order_id=order_id, client_id=1, changes=changes)


def fill(number: int = 1, **more: Any) -> Fill:
    """An execution of order 1."""
    made = Fill(
        time=NOON,
        exec_id=f"0000e0d5.{number:08x}.01.01",
        order_id=1,
        client_id=1,
        account="DU1",
        side="BOT",
        shares=Decimal(10),
        price=Decimal("189.50"),
        executed_at=NOON,
    )
    return attrs.evolve(made, **more)


def intent(order_id: int = 1) -> OrderIntent:
    """An order of client 1 that is about to leave."""
    return OrderIntent(
        time=NOON,
        order_id=order_id,
        client_id=1,
        epoch=1,
        kind="place",
        contract={"symbol": "AAPL", "secType": "STK"},
        order={"action": "BUY", "totalQuantity": "100", "lmtPrice": "189.5"},
        token=f"t{order_id}",
    )


def began(epoch: int = 1) -> SessionBegan:
    """A session with a paper gateway."""
    return SessionBegan(
        time=NOON,
        host="127.0.0.1",
        port=4002,
        client_id=1,
        epoch=epoch,
        mode="paper",
        accounts=("DU1",),
    )


def rows(file: Path, sql: str = "SELECT seq, kind FROM entry ORDER BY seq") -> list[Any]:
    """What a query finds in a file, through a connection of its own."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


@contextlib.contextmanager
def held(file: Path) -> Iterator[None]:
    """Another program holds the file."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


class Bench:
    """A writer over a file, and what it tells.

    Attributes:
        clock: Moved by the test.
        told: The facts of its trouble.
        said: What was said of each intent, in order.
        floors: The floors of each time that the file was opened.
    """

    def __init__(self, file: Path, **params: Any) -> None:
        self.clock = ManualClock(NOON)
        self.metrics = Metrics()
        self.told: list[JournalTrouble] = []
        self.said: list[tuple[int, str]] = []
        self.floors: list[Floors] = []
        self.reported: list[tuple[str, BaseException]] = []
        self._heard = asyncio.Event()
        # An order waits for the journal itself, unless a test is about the slate.
        self.params = JournalParams(file=file, **{"sync": "full", **params})
        self.trouble = Trouble(self.params, self.clock, self.metrics, self._tell)
        self.start_anew()

    def start_anew(self) -> None:
        """Another writer over the same file, as after a stop and a start."""
        self.writer = Writer(
            self.params,
            self.clock,
            self.metrics,
            trouble=self.trouble,
            opened=self.floors.append,
            report=lambda where, error: self.reported.append((where, error)),
        )

    def _tell(self, fact: JournalTrouble) -> None:
        self.told.append(fact)
        self.writer.put(fact, LOGIN)
        self._heard.set()

    def put(self, *facts: Fact) -> None:
        """Let facts be written."""
        for fact in facts:
            self.writer.put(fact, LOGIN)

    def intend(self, order_id: int) -> asyncio.Future[str]:
        """Let an intent be written; what is said of it."""
        done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def durable(problem: str) -> None:
            self.said.append((order_id, problem))
            done.set_result(problem)

        self.writer.put(intent(order_id), LOGIN, durable)
        return done

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until something is so, which a told trouble brings."""
        while not true():
            self._heard.clear()
            await self._heard.wait()


@contextlib.asynccontextmanager
async def writing(file: Path, **params: Any) -> AsyncIterator[Bench]:
    """A writer that runs, and is closed at the end."""
    bench = Bench(file, **params)
    task = asyncio.get_running_loop().create_task(bench.writer.run())
    try:
        await bench.writer.try_now()
        yield bench
    finally:
        await bench.writer.close(task)
