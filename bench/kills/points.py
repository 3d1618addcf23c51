"""Where a client is killed: the steps of an order through the journal and the socket.

A `Trap` is laid in the child process alone: it wraps the methods that are the steps, counts how
often each is passed while it is armed, and ends the process with SIGKILL at the one that was drawn.
Nothing is flushed, closed or said then. The product knows nothing of it.
"""

from __future__ import annotations

import functools
import os
import signal
import threading
from collections.abc import Callable, Mapping
from sqlite3 import Connection
from typing import Any

from twsloop import database
from twsloop.database import Database
from twsloop.events import GapReport, SessionBegan
from twsloop.gateway.slices import Slices
from twsloop.orders.board import Board
from twsloop.orders.book import OrderBook
from twsloop.orders.processor import OrderProcessor
from twsloop.storage import archive, keeping, slate
from twsloop.storage.journal import Journal
from twsloop.storage.pen import Pen
from twsloop.storage.writer import Writer
from twsloop.transport.link import Transport

__all__ = ["Trap"]

#: IB's numbers of placeOrder and cancelOrder, and what is added for protobuf.
ORDERS, PROTOBUF = frozenset({3, 4}), 200

#: SQLite says when it has done so many steps of a statement; a copy of a journal takes hundreds.
_HALF = 100
#: What SQLite is told while it takes old days out, by how it begins, and the step just before it.
_ARCHIVING = {"INSERT INTO anchor": "entries_gone", "COMMIT": "guards_back"}
#: And while it makes a schema, or changes it.
_MIGRATING = {"CREATE ": "schema_begun", "PRAGMA user_version = ": "schema_made"}


class Trap:
    """Kills this process at a step.

    Args:
        point: The step; empty for none.
        passes: It kills at the so manieth pass.
    """

    def __init__(self, point: str, passes: int) -> None:
        self._point, self._left = point, passes
        self._armed = False
        self._lock = threading.Lock()

    def arm(self, *, armed: bool = True) -> None:
        """From now on it counts, or does not any more."""
        self._armed = armed

    def reach(self, point: str) -> None:
        """This step is passed."""
        if not self._armed or not point or point != self._point:
            return
        with self._lock:
            self._left -= 1
            if self._left == 0:
                kill()

    def lay(self) -> None:
        """Wrap the methods that are steps."""
        for owner, name, before, after in (
            (Pen, "_insert", "batch_begun", "rows_written"),
            (Pen, "in_place", "before_commit", ""),
            (Pen, "write", "", "after_commit"),
            (Pen, "opened", "", "opened"),
            (Journal, "intend", "", "queued"),
            (Journal, "_close", "closing", ""),
            (Database, "close", "", "closed"),
            (Board, "announce", "", "announced"),
            (OrderProcessor, "orderStatus", "before_status", "after_status"),
            (OrderProcessor, "openOrder", "before_open_order", "after_open_order"),
            (OrderProcessor, "execDetails", "before_execution", "after_execution"),
            (
                OrderProcessor,
                "commissionAndFeesReport",
                "before_commission",
                "after_commission",
            ),
            (Slices, "_recall", "", "recalled"),
            (OrderBook, "restore", "", "restored"),
            (Database, "backup", "copy_begun", ""),
            (database, "_rename", "copy_made", ""),
            (archive, "_take_away", "archive_begun", ""),
            (keeping, "move", "", "archived"),
            (slate, "_write", "left_read", "left_taken_in"),
        ):
            self._wrap(owner, name, before, after)
        self._lay_durable()
        self._lay_facts()
        self._lay_bytes()
        self._lay_slate()
        self._lay_copies()
        self._lay_schema()

    def _wrap(self, owner: Any, name: str, before: str, after: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        if _is_async(inner):

            @functools.wraps(inner)
            async def waited(*args: Any, **more: Any) -> Any:
                self.reach(before)
                done = await inner(*args, **more)
                self.reach(after)
                return done

            setattr(owner, name, waited)
            return

        @functools.wraps(inner)
        def passed(*args: Any, **more: Any) -> Any:
            self.reach(before)
            done = inner(*args, **more)
            self.reach(after)
            return done

        setattr(owner, name, passed)

    def _lay_durable(self) -> None:
        settle = Writer._settle  # noqa: SLF001

        def settled(writer: Writer, waiting: Any, problem: str) -> None:
            self.reach("durable")
            settle(writer, waiting, problem)

        Writer._settle = settled  # type: ignore[method-assign]  # noqa: SLF001

    def _lay_facts(self) -> None:
        record = Journal.record

        def recorded(journal: Journal, fact: Any) -> None:
            record(journal, fact)
            if isinstance(fact, SessionBegan):
                self.reach("began")
            elif isinstance(fact, GapReport):
                self.reach("compared")
            elif type(fact).__name__ == "ConfigTaken":
                self.reach("settings")

        Journal.record = recorded  # type: ignore[method-assign]

    def _lay_bytes(self) -> None:
        write = Transport.write

        def written(link: Transport, data: bytes) -> None:
            if _bears_order(data):
                self.reach("before_bytes")
                if self._is_next("half_of_bytes"):
                    _push(link, data[: len(data) // 2])
                self.reach("half_of_bytes")
                if self._is_next("after_bytes"):
                    _push(link, data)
                self.reach("after_bytes")
            write(link, data)

        Transport.write = written  # type: ignore[method-assign]

    def _lay_slate(self) -> None:
        append = slate.Slate._append  # noqa: SLF001

        def appended(one: slate.Slate, record: bytes) -> bool:
            if self._is_next("slate_half"):
                os.pwrite(one._file, record[: len(record) // 2], one._place)  # noqa: SLF001
            self.reach("slate_half")
            done = append(one, record)
            self.reach("slate_written" if done else "")
            return done

        slate.Slate._append = appended  # type: ignore[method-assign]  # noqa: SLF001

    def _lay_copies(self) -> None:
        copy, take_away = Database.backup, archive._take_away  # noqa: SLF001

        async def copied(file: Database, target: Any) -> None:
            def listen(connection: Connection) -> None:
                connection.set_progress_handler(lambda: self.reach("copy_half_made"), _HALF)

            await file.run(listen)
            await copy(file, target)

        def taken(file: Connection, *args: Any, **more: Any) -> int:
            self._listen(file, _ARCHIVING)
            return take_away(file, *args, **more)

        Database.backup = copied  # type: ignore[method-assign]
        archive._take_away = taken  # noqa: SLF001

    def _lay_schema(self) -> None:
        opening = database._Opening  # noqa: SLF001
        migrate = opening._migrate  # noqa: SLF001

        def migrated(self_: Any, connection: Connection) -> None:
            if self_.file_key != "[journal] file":
                migrate(self_, connection)
                return
            (before,) = connection.execute("PRAGMA user_version").fetchone()
            self._listen(connection, _MIGRATING)
            migrate(self_, connection)
            connection.set_trace_callback(None)
            if before < len(self_.migrations):
                self.reach("schema_kept")

        opening._migrate = migrated  # type: ignore[method-assign]  # noqa: SLF001

    def _listen(self, connection: Connection, steps: Mapping[str, str]) -> None:
        """Reach a step just before SQLite does a statement that begins so."""

        def told(sql: str) -> None:
            for start, step in steps.items():
                if sql.lstrip().startswith(start):
                    self.reach(step)

        connection.set_trace_callback(told)

    def _is_next(self, point: str) -> bool:
        """Whether the next pass of this step kills."""
        return self._armed and point == self._point and self._left == 1


def kill() -> None:
    """End this process as ``kill -9`` does, from within: exactly here."""
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def _is_async(function: Callable[..., Any]) -> bool:
    return bool(function.__code__.co_flags & 0x80)


def _push(link: Transport, data: bytes) -> None:
    """Hand bytes to the system at once: a loop may keep them until its next turn."""
    assert link._transport is not None  # noqa: SLF001
    os.write(link._transport.get_extra_info("socket").fileno(), data)  # noqa: SLF001


def _bears_order(data: bytes) -> bool:
    """Whether one of the frames is a placeOrder or a cancelOrder."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        body = data[at + 4 : at + 4 + size]
        number = int.from_bytes(body[:4], "big")
        if number > 10_000:  # text: digits up to a null
            digits = body.split(b"\0", 1)[0]
            number = int(digits) if digits.isdigit() else 0
        if number % PROTOBUF in ORDERS:
            return True
        at += 4 + size
    return False
