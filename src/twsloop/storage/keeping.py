"""Copies of the journal: on an interval, and on demand, while it is written. Loop thread.

A copy is made through a connection of its own, so that no order waits for it, and is whole and
compact (VACUUM INTO): it can be read, verified and used like the journal itself.
"""

from __future__ import annotations

import logging
from pathlib import Path

from twsloop.clock import Clock
from twsloop.config import JournalParams
from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.event_loop import IBKREventLoop, TaskHandle
from twsloop.metrics import Metrics

from .schema import MIGRATIONS

__all__ = ["Keeper"]

logger = logging.getLogger(__name__)

HOUR = 3600.0


class Keeper:
    """Makes copies, and keeps the newest.

    Args:
        params: The settings of the journal.
        clock: Where time comes from.
        event_loop: Runs the copies that are made on an interval.
        metrics: Counts copies.
    """

    def __init__(
        self, params: JournalParams, clock: Clock, event_loop: IBKREventLoop, metrics: Metrics
    ) -> None:
        self._params, self._clock, self._event_loop = params, clock, event_loop
        self._made = metrics.counter("journal_backups")
        self._failed = metrics.counter("journal_backups_failed")
        self._timer: TaskHandle | None = None

    @property
    def folder(self) -> Path:
        """Where the copies go."""
        return self._params.backup_folder or self._params.file.parent

    def start(self) -> None:
        """Make copies on an interval from now on, if that is configured; twice is once."""
        if self._timer is None and self._params.backup_every > 0:
            self._timer = self._event_loop.schedule_task(
                self._in_turn, every=self._params.backup_every * HOUR, name="journal backup"
            )

    def stop(self) -> None:
        """Make none by itself any more."""
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    async def _in_turn(self) -> None:
        try:
            await self.backup()
        except StorageError as error:
            self._failed.add()
            logger.error("the order journal was not copied: %s", error)

    async def backup(self, target: Path | None = None) -> Path:
        """Copy the journal.

        Args:
            target: Where to; it is replaced. Unless given, a new file in the folder for copies, of
                which the newest ``[journal] backups`` are kept.

        Returns:
            The copy.

        Raises:
            StorageError: There is no journal, or the copy cannot be written.
        """
        journal = self._params.file
        if not _is_file(journal):
            raise StorageError("there is no journal to copy", path=str(journal))
        copy = target if target is not None else self.folder / self._name()
        _make_folder(copy.parent)
        async with Database(
            journal,
            migrations=MIGRATIONS,
            busy_timeout=self._params.deadline,
            private=True,
            section="journal",
        ) as database:
            await database.backup(copy)
        self._made.add()
        if target is None:
            self._forget_old()
        return copy

    def _name(self) -> str:
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S%fZ")
        return f"{self._params.file.stem}-backup-{stamp}.db"

    def copies(self) -> list[Path]:
        """The copies in the folder, newest first."""
        digit = "[0-9]"
        stamp = f"{digit * 8}T{digit * 12}Z"
        return sorted(self.folder.glob(f"{self._params.file.stem}-backup-{stamp}.db"), reverse=True)

    def _forget_old(self) -> None:
        for old in self.copies()[self._params.backups :]:
            try:
                old.unlink()
            except OSError as error:
                logger.warning("an old copy of the order journal stays: %s", error)


# Small enough for the loop's own thread (see `twsloop.database`).
def _is_file(path: Path) -> bool:
    return path.is_file()


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder for copies: {error.strerror}",
            path=str(folder),
            remedy="set [journal] backup_folder",
        ) from error
