"""A journal as a process leaves it that is killed at some entry."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from pathlib import Path

__all__ = ["cut", "entries_of"]


def entries_of(file: Path) -> list[tuple[int, str]]:
    """The number and the kind of each entry."""
    with contextlib.closing(sqlite3.connect(file)) as journal:
        return journal.execute("SELECT seq, kind FROM entry ORDER BY seq").fetchall()


def cut(file: Path, last: int, target: Path) -> Path:
    """A copy that ends with an entry: what is written is the beginning of what would have been."""
    shutil.copy(file, target)
    with contextlib.closing(sqlite3.connect(target)) as journal, journal:
        guards = journal.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = guards.fetchall()
        for name, _ in triggers:
            journal.execute(f"DROP TRIGGER {name}")
        tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
        for (table,) in journal.execute(tables).fetchall():
            columns = [row[1] for row in journal.execute(f"PRAGMA table_info({table})")]
            if "seq" in columns:
                journal.execute(f"DELETE FROM {table} WHERE seq > ?", (last,))
        for _, sql in triggers:
            journal.execute(sql)
    return target
