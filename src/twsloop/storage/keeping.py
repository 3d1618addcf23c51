"""Copies of the journal, on an interval and on demand, and archives of old days. Loop thread.

A copy is made through a connection of its own, so that no order waits for it, and is whole and
compact (VACUUM INTO): it can be read, verified and used like the journal itself.
"""

from __future__ import annotations

import functools
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twsloop.clock import Clock
from twsloop.config import JournalParams
from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.event_loop import IBKREventLoop, TaskHandle
from twsloop.metrics import Metrics

from .archive import Archived, last_to_move, move
from .schema import MIGRATIONS

__all__ = ["Keeper"]

logger = logging.getLogger(__name__)

HOUR = 3600.0


class Keeper:
    """Makes copies, and keeps the newest.

    Args:
        params: The settings of the journal.
        clock: Where time comes from.
        event_loop: Runs what is done by itself.
        metrics: Counts copies, and what failed.
    """

    def __init__(
        self, params: JournalParams, clock: Clock, event_loop: IBKREventLoop, metrics: Metrics
    ) -> None:
        self._params, self._clock, self._event_loop = params, clock, event_loop
        self._made = metrics.counter("journal_backups")
        self._failed = metrics.counter("journal_backups_failed")
        self._timers: list[TaskHandle] = []

    @property
    def folder(self) -> Path:
        """Where the copies go."""
        return self._params.backup_folder or self._params.file.parent

    def start(self) -> None:
        """Do from now on what is configured; twice is once."""
        if self._timers:
            return
        run = self._event_loop.schedule_task
        if self._params.backup_every > 0:
            every = self._params.backup_every * HOUR
            self._timers.append(run(self._copy_in_turn, every=every, name="journal backup"))
        if self._params.keep_days is not None:
            # Not in the moment in which a session begins.
            self._timers.append(
                run(self._archive_in_turn, delay=60.0, every=24 * HOUR, name="journal archive")
            )

    def stop(self) -> None:
        """Do nothing by itself any more."""
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()

    async def _copy_in_turn(self) -> None:
        try:
            await self.backup()
        except StorageError as error:
            self._failed.add()
            logger.error("the order journal was not copied: %s", error)

    async def _archive_in_turn(self) -> None:
        assert self._params.keep_days is not None
        today = self._clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            await self.archive(today - timedelta(days=self._params.keep_days))
        except StorageError as error:
            self._failed.add()
            logger.error("old days of the order journal were not archived: %s", error)

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
        async with self._opened() as database:
            await database.backup(copy)
        self._made.add()
        if target is None:
            self._forget_old()
        return copy

    async def archive(self, before: datetime) -> Archived:
        """Move what is older out of the journal, into a verified copy of it (see `archive`).

        Args:
            before: What was learned from here on stays; aware of its time zone.

        Raises:
            StorageError: The archive cannot be made, or is not whole; the journal is as it was.
        """
        if before.tzinfo is None:
            msg = f"before={before} has no time zone: pass an aware datetime, e.g. with tzinfo=UTC"
            raise ValueError(msg)
        before = before.astimezone(UTC)
        journal = self._params.file
        if not _is_file(journal):
            raise StorageError("there is no journal to archive", path=str(journal))
        async with self._opened() as database:
            if not await database.run(functools.partial(last_to_move, before=before)):
                return Archived(None, 0, 0)
            archive = self.folder / self._name("archive")
            _make_folder(archive.parent)
            await database.backup(archive)
            job = functools.partial(move, archive=archive, before=before, now=self._clock.now())
            moved = await database.run(job)
        logger.info("%d entries of the order journal are in %s now", moved.entries, archive)
        return moved

    def _opened(self) -> Database:
        params = self._params
        return Database(
            params.file,
            migrations=MIGRATIONS,
            busy_timeout=params.deadline,
            private=True,
            section="journal",
        )

    def _name(self, what: str = "backup") -> str:
        stamp = self._clock.now().strftime("%Y%m%dT%H%M%S%fZ")
        return f"{self._params.file.stem}-{what}-{stamp}.db"

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
