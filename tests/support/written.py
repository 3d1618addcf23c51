"""A journal's file with the facts that a test wants in it, written as the program writes them."""

from __future__ import annotations

import asyncio
import functools
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from twsloop.database import Database
from twsloop.events import Fact
from twsloop.storage.pen import Login, Pen
from twsloop.storage.schema import MIGRATIONS

__all__ = ["write_journal"]

LOGIN = Login("DU123", "session-1-0")


def write_journal(path: Path, *batches: Iterable[Fact], login: Login = LOGIN) -> Path:
    """Write facts into a journal, each batch in a transaction of its own; the file.

    What is in the file already stays.
    """
    asyncio.run(_write(path, [list(batch) for batch in batches], login))
    return path


async def _write(path: Path, batches: Sequence[Sequence[Fact]], login: Login) -> None:
    pen = Pen(path)
    async with Database(path, migrations=MIGRATIONS, private=True, sync="normal") as file:
        await file.run(pen.opened)
        for batch in batches:
            rows = [(fact, login) for fact in batch]
            await file.run(functools.partial(_put, pen, rows))


def _put(pen: Pen, rows: Sequence[tuple[Fact, Login]], connection: sqlite3.Connection) -> None:
    pen.write(connection, rows)
