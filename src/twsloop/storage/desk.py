"""The journal as its program asks it: everything in the background, nothing that can be written.

The same questions, of a file and without a gateway, are `twsloop.storage.queries`, and the commands
``twsloop journal`` and ``twsloop trace``.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twsloop.connection.core import Core
from twsloop.errors import StorageError
from twsloop.event_loop import Future

from .journal import Journal
from .order_state import OrderState
from .queries import (
    OrderHistoryRow,
    PaidFill,
    Wanted,
    order_stories,
    query_audit_log,
    query_fills,
    query_order_history,
    query_orders,
)
from .rows import Entry
from .timeline import Story
from .verify import Verification, verify

__all__ = ["JournalDesk"]

T = TypeVar("T")


class JournalDesk:
    """What was meant, sent and heard, by this process and those before it; from any thread.

    Every question is answered by a Future, which raises `StorageError` if no journal is written, or
    its file cannot be read. What was told before the question is in the answer. The arguments of
    the questions are those of `Wanted`.

    Args:
        core: The connection.
        journal: The journal.
    """

    def __init__(self, core: Core, journal: Journal) -> None:
        self._core = core
        self._journal = journal

    @property
    def active(self) -> bool:
        """Whether it is written: not for a gateway that runs within the program, unless asked."""
        return self._journal.active

    @property
    def file(self) -> Path:
        """Where it is."""
        return self._core.config.journal.file

    @property
    def refuses(self) -> str:
        """Why orders are refused on its account, in words; empty if they are not."""
        return self._journal.refuses

    @property
    def waiting(self) -> int:
        """How many facts wait to be written."""
        return self._journal.waiting

    # ---- questions -----------------------------------------------------------------------

    def orders(self, **wanted: Any) -> Future[list[OrderState]]:
        """The orders as they stand, in the order in which they were first told of."""
        return self._ask(query_orders, wanted)

    def fills(self, **wanted: Any) -> Future[list[PaidFill]]:
        """The executions in their latest versions, with their commissions, oldest first."""
        return self._ask(query_fills, wanted)

    def order_history(self, **wanted: Any) -> Future[list[OrderHistoryRow]]:
        """What happened to orders, row by row."""
        return self._ask(query_order_history, wanted)

    def audit_log(self, **wanted: Any) -> Future[list[Entry]]:
        """What was decided, and what went wrong; ``entry.fact()`` is the fact itself."""
        return self._ask(query_audit_log, wanted)

    def stories(self, **wanted: Any) -> Future[list[Story]]:
        """The stories of orders, from the call to the commission, with the latency of each hop."""
        return self._ask(order_stories, wanted)

    # ---- the file ------------------------------------------------------------------------

    def verify(self) -> Future[Verification]:
        """Whether the file is whole: every row is as it was written, and none is missing."""

        async def work() -> Verification:
            self._must_be_active()
            await self._journal.flush()
            return await asyncio.to_thread(verify, self.file)

        return self._core.event_loop.submit(work)

    def backup(self, target: str | Path | None = None) -> Future[Path]:
        """Copy it while it is written.

        Args:
            target: The copy; a new file in ``[journal] backup_folder`` unless given.
        """

        async def work() -> Path:
            self._must_be_active()
            return await self._journal.backup(None if target is None else Path(target))

        return self._core.event_loop.submit(work)

    def _ask(
        self, question: Callable[[sqlite3.Connection, Wanted], T], wanted: dict[str, Any]
    ) -> Future[T]:
        asked = Wanted(**wanted)

        async def work() -> T:
            self._must_be_active()
            return await self._journal.ask(lambda file: question(file, asked))

        return self._core.event_loop.submit(work)

    def _must_be_active(self) -> None:
        if not self.active:
            raise StorageError(
                "no journal is written for a gateway that runs within the program",
                path=str(self.file),
                remedy="set [journal] enabled = yes",
            )
