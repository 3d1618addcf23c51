"""The slate: intents of one process, where its end does not reach them. Theory of operation.

An order waits until its intent is durable. With ``sync = normal`` that means: it survives the end
of the program. A transaction of SQLite in another thread gives that, and takes as long as all else
that the order waits for together. What it takes is one write into a file that is open and has its
room already: then the intent is the system's, whatever becomes of us.

So each writer of a journal has a small file of its own beside it, the slate. An intent is put there
first and counts as durable; it goes into the journal with the next batch, like everything. Once the
journal has all that stands on the slate, it is used from its top again. A process that ends takes
its slate away. One that is killed leaves it, and whoever opens the journal next takes in what is
not in it yet (`take_in`), before anything is read of it.

* One slate a process: it is locked (flock) while its owner lives, so nobody takes in a living one.
* A record is its length, a checksum and its text; behind the newest one stands a length of 0. What
  was cut off, or is left of an earlier round, does not pass for a record.
* What is on it twice, or in the journal already, is known by its text, which names order, session
  and the microsecond.
* With ``sync = full`` there is none: an order waits for the disk itself, and so for the journal.
  Neither is there where the system has no flock, or where the folder takes no file.
"""

from __future__ import annotations

import contextlib
import glob
import json
import logging
import os
import sqlite3
import struct
import threading
import uuid
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

from twsloop.connection.processes import Process, here, is_alive
from twsloop.database import Database
from twsloop.errors import StorageError
from twsloop.events import Fact, SessionBegan
from twsloop.events.records import from_record

from .pen import Login, Pen
from .rows import body_of, story_of
from .schema import MIGRATIONS

try:
    import fcntl
except ImportError:  # Windows
    _CAN_LOCK = False
else:
    _CAN_LOCK = True

__all__ = ["Slate", "take_in", "take_in_before_reading"]

logger = logging.getLogger(__name__)

#: Bytes of a slate: some two hundred intents. When it is full, orders wait for the journal.
SIZE = 256 * 1024
#: What stands before a record: its length and the checksum of its text.
_HEAD = struct.Struct("<II")
_END = _HEAD.pack(0, 0)
#: One thread of a process looks at what others left.
_TAKING = threading.Lock()
#: What parts the login, the story and the fact of a record; JSON in ASCII has no line ends.
_PART = "\n"


def slates_of(journal: Path) -> list[Path]:
    """The slates that lie beside a journal, whoever's; the one that was written last is last."""
    found = []
    for path in journal.parent.glob(f"{glob.escape(journal.name)}.slate-*"):
        with contextlib.suppress(FileNotFoundError):  # somebody takes it in just now
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found)]


class Slate:
    """The slate of one writer; loop thread.

    Args:
        journal: The journal that it belongs to.
    """

    def __init__(self, journal: Path) -> None:
        self._journal = journal
        self._path: Path | None = None
        self._file = -1
        #: The process that may write: a fork has the file open, too.
        self._pid = 0
        #: Where the records begin, and where the next one goes.
        self._top = self._place = 0
        #: The record of the session that is under way.
        self._session = b""

    @property
    def is_open(self) -> bool:
        """Whether intents can be put there."""
        return self._file >= 0 and self._pid == os.getpid()

    def open(self) -> None:
        """Make the file, locked and with its room; where that cannot be, there is no slate."""
        if not _CAN_LOCK or self.is_open:
            return
        owner = here()
        # A name of its own each time: the one before may not be taken in yet.
        own = f"slate-{owner.pid}-{uuid.uuid4().hex[:8]}"
        self._path = self._journal.with_name(f"{self._journal.name}.new-{own}")
        self._pid = owner.pid
        head = _record(json.dumps(attrs.asdict(owner)).encode())
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.pwrite(self._file, head + bytes(SIZE - len(head)), 0)
            # Only now it has the name of a slate: nobody takes in one that is not locked yet.
            self._path = self._path.rename(self._journal.with_name(f"{self._journal.name}.{own}"))
        except OSError as error:
            logger.warning("no slate beside %s (%s): orders wait for it", self._journal, error)
            self.close(whole=True)
            return
        self._top = self._place = len(head)

    def began(self, fact: SessionBegan, login: Login) -> None:
        """What follows belongs to this session."""
        self._session = _record(_text(fact, login))
        if self._place > self._top:  # else it is written with the first intent
            self._append(self._session)

    def take(self, fact: Fact, login: Login) -> bool:
        """Write an intent; whether that was done, and the end of this process does not reach it."""
        if not self.is_open:
            return False
        record = _record(_text(fact, login))
        return self._append(record if self._place > self._top else self._session + record)

    def _append(self, record: bytes) -> bool:
        if not self.is_open or self._place + len(record) + len(_END) > SIZE:
            return False
        try:
            os.pwrite(self._file, record + _END, self._place)
        except OSError as error:
            logger.warning("the slate %s cannot be written (%s): orders wait", self._path, error)
            self.close(whole=False)
            return False
        self._place += len(record)
        return True

    def clear(self) -> None:
        """The journal has all that stands on it: it is used from its top again."""
        if self.is_open:
            self._place = self._top

    def close(self, *, whole: bool) -> None:
        """It is not used any more.

        Args:
            whole: The journal has all that stands on it, so the file goes; else it is left, to be
                taken in.
        """
        if self._file >= 0:
            if whole and self._pid == os.getpid() and self._path is not None:
                self._path.unlink(missing_ok=True)  # before the lock goes
            os.close(self._file)
        self._file = -1


# ---- what is left by others --------------------------------------------------------------


@attrs.frozen
class _Left:
    """A record that a process left."""

    fact: Fact
    login: Login
    body: str


def take_in(connection: sqlite3.Connection, journal: Path) -> int:
    """Write into the journal what dead processes left beside it; how many entries that were.

    Args:
        connection: The journal, open for writing, without a transaction.
        journal: Where it is.

    Raises:
        StorageError: The journal was deleted, or replaced by another one.
        sqlite3.Error: It cannot be written. What was left stays.
    """
    count = 0
    for path in slates_of(journal):
        with _abandoned(path, alone=True) as records:
            if records is None:
                continue
            count += _write(connection, journal, records)
            path.unlink(missing_ok=True)
            logger.info("%s was left by a process that was killed, and is taken in", path.name)
    return count


def take_in_before_reading(journal: Path) -> None:
    """The same for those who only read: as far as the journal can be written just now."""
    if any(map(_is_left, slates_of(journal))):  # a living one is no reason to write
        database = Database(journal, migrations=MIGRATIONS, private=True, section="journal")
        with (
            contextlib.suppress(StorageError, sqlite3.Error),
            contextlib.closing(database.connect()) as connection,
        ):
            take_in(connection, journal)


def _is_left(path: Path) -> bool:
    with _abandoned(path) as records:
        return records is not None


@contextlib.contextmanager
def _abandoned(path: Path, *, alone: bool = False) -> Iterator[list[_Left] | None]:
    """What stands on a slate whose owner is dead; or None.

    Args:
        path: The slate.
        alone: Nobody else takes it in meanwhile: whoever does so now is waited for.
    """
    # The lock of those who take it in is one of the process (which no fork inherits), and is gone
    # when any thread of it closes the file.
    with _TAKING:
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:  # somebody took it in just now, or it is another user's
            yield None
            return
        try:
            found = _records(file)
            if found is not None and alone:
                fcntl.lockf(file, fcntl.LOCK_EX)
                if not os.fstat(file).st_nlink:  # it was taken in meanwhile
                    found = None
            yield found
        finally:
            os.close(file)


def _records(file: int) -> list[_Left] | None:
    locked = True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        locked = False
    texts = _texts(os.pread(file, SIZE, 0))
    # A fork of its owner may hold the lock.
    if not locked and (not texts or is_alive(Process(**json.loads(texts[0]))) is not False):
        return None
    found = []
    for text in texts[1:]:
        accounts, story, body = text.split(_PART, 2)
        try:
            fact = from_record(json.loads(body))
        except ValueError as error:
            logger.warning("what a killed process left cannot be read: %s", error)
        else:
            found.append(_Left(fact, Login(accounts, story), body))
    return found


def _texts(data: bytes) -> list[str]:
    """The records from the top, up to what is none."""
    found, place = [], 0
    while place + _HEAD.size <= len(data):
        length, checksum = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        text = data[place : place + length]
        if not length or len(text) < length or zlib.crc32(text) != checksum:
            break
        found.append(text.decode())
        place += length
    return found


def _write(connection: sqlite3.Connection, journal: Path, records: Sequence[_Left]) -> int:
    """Write what the journal does not have, each under the session that it belongs to."""
    count, epoch = 0, 0
    batch: list[tuple[Fact, Login]] = []
    for record in (*records, None):
        if record is None or isinstance(record.fact, SessionBegan):
            if batch:
                pen = Pen(journal, epoch)
                pen.opened(connection)
                count += pen.write(connection, batch).rows
            batch = []
        if record is None:
            break
        known = _epoch_of(connection, record)
        if isinstance(record.fact, SessionBegan):
            epoch = known or 0
        if known is None:
            batch.append((record.fact, record.login))
    return count


def _epoch_of(connection: sqlite3.Connection, record: _Left) -> int | None:
    """The session that the journal has a fact under; None if it does not have it."""
    row = connection.execute(
        "SELECT epoch FROM entry WHERE correlation_id = ? AND kind = ? AND body = ?",
        (story_of(record.fact, record.login.story), type(record.fact).__name__, record.body),
    ).fetchone()
    return None if row is None else int(row[0])


def _text(fact: Fact, login: Login) -> bytes:
    return _PART.join((login.accounts, login.story, body_of(fact))).encode()


def _record(text: bytes) -> bytes:
    return _HEAD.pack(len(text), zlib.crc32(text)) + text
