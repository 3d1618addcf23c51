"""Ends the workers of databases that nobody closed.

The worker of a connection is a thread that the end of a program waits for. A program that forgets
to close a database would never end, and one that throws it away would keep its thread.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from typing import Protocol

import aiosqlite

__all__ = ["WATCH", "Watch", "Watched"]

#: How long the watch sleeps between two looks at loops that still run, seconds.
WATCH_INTERVAL = 0.05


class Watched(Protocol):
    """A database, as far as it is watched."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The loop that it was opened on; None before that."""


class Watch:
    """Stops the workers of databases that nobody closed, once the main thread has ended."""

    def __init__(self) -> None:
        # Re-entrant: the garbage collector may call `_abandoned` while we hold it.
        self._lock = threading.RLock()
        self._open: dict[int, tuple[weakref.ref[Watched], aiosqlite.Connection]] = {}
        self._thread: threading.Thread | None = None

    def add(self, database: Watched, connection: aiosqlite.Connection) -> None:
        """Watch over one more."""
        key = id(connection)
        with self._lock:
            reference = weakref.ref(database, lambda _: self._abandoned(key))
            self._open[key] = (reference, connection)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._run, name="twsloop-database-watch", daemon=True
                )
                self._thread.start()

    def remove(self, connection: aiosqlite.Connection) -> None:
        """It is closed."""
        with self._lock:
            self._open.pop(id(connection), None)

    def _abandoned(self, key: int) -> None:
        """Its owner was thrown away without closing it: end its thread."""
        with self._lock:
            _, connection = self._open.pop(key, (None, None))
        if connection is not None:
            connection.stop()

    def _run(self) -> None:
        threading.main_thread().join()
        pause = threading.Event()
        while True:
            with self._lock:
                waiting = list(self._open.items())
            if not waiting:
                return
            for key, (reference, connection) in waiting:
                database = reference()
                loop = database.loop if database is not None else None
                if loop is not None and loop.is_running():
                    continue
                connection.stop()
                with self._lock:
                    self._open.pop(key, None)
            pause.wait(WATCH_INTERVAL)


#: The one of this process: it is about the end of the program.
WATCH = Watch()
