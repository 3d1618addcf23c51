"""What we remember of a gateway that we started, in a folder that only its owner can read.

A folder for each API port: which process it is (``process.json``), what it says (``gateway.log``),
and, while it runs, IBC's config.ini with the login in it (``ibc.ini``).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from twsloop.connection.processes import Process, here
from twsloop.errors import ControlError

from .ibc_settings import ENCODING, with_login
from .login import Login
from .machine import lives, private_file, private_folder

__all__ = ["Record", "Room"]


@attrs.frozen(kw_only=True)
class Record:
    """A process that we started.

    Attributes:
        process: Which.
        kind: ``ibc`` or ``bare``.
        what: What it is, for people.
        since: When it was started, UTC.
    """

    process: Process
    kind: str
    what: str
    since: datetime

    def to_json(self) -> str:
        """As it is written down."""
        values = attrs.asdict(self)
        values["since"] = self.since.isoformat()
        return json.dumps(values)

    @classmethod
    def from_json(cls, text: str) -> Record | None:
        """As it was written down; None where that cannot be read."""
        with suppress(ValueError, KeyError, TypeError):
            values: Any = json.loads(text)
            if not isinstance(values, dict):
                return None
            return cls(
                process=Process(**values.pop("process")),
                since=datetime.fromisoformat(values.pop("since")),
                **values,
            )
        return None


@attrs.frozen
class Room:
    """The folder of one gateway.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @property
    def log(self) -> Path:
        """What the process says."""
        return self.folder / "gateway.log"

    @property
    def ini(self) -> Path:
        """IBC's config.ini with the login in it."""
        return self.folder / "ibc.ini"

    @property
    def _record(self) -> Path:
        return self.folder / "process.json"

    def enter(self) -> None:
        """Make the folder where it is missing.

        Raises:
            ControlError: It cannot be made.
        """
        private_folder(self.folder)

    def write_ini(self, own: Path | None, login: Login) -> Path:
        """Write IBC's settings with the login in them; where they are.

        Args:
            own: The user's config.ini; None for none.
            login: The login.

        Raises:
            ControlError: It cannot be written.
        """
        text = own.read_bytes().decode(ENCODING) if own is not None else ""
        private_file(self.ini, with_login(text, login.user, login.password).encode(ENCODING))
        return self.ini

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Nobody else starts a gateway here inside the block.

        Raises:
            ControlError: Somebody does just now.
        """
        lock, ours = self.folder / "start.lock", here()
        while True:
            try:
                descriptor = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                self._take_over(lock)
                continue
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(attrs.asdict(ours), file)
            break
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink()

    @staticmethod
    def _take_over(lock: Path) -> None:
        """Take away the lock of a process that is gone; one that lives keeps it."""
        try:
            text = lock.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        try:
            holder = Process(**json.loads(text))
        except (ValueError, TypeError):
            holder = None  # it is being written just now, or was left half written
        if holder is None or lives(holder):
            raise ControlError(
                "another program starts this gateway just now",
                remedy=f"wait for it; if there is none, delete {lock}",
            )
        with suppress(FileNotFoundError):
            lock.unlink()

    def remember(self, record: Record) -> None:
        """Write down what was started."""
        private_file(self._record, record.to_json().encode())

    def recall(self) -> Record | None:
        """What was started here, whether it lives or not; None where nothing was."""
        try:
            return Record.from_json(self._record.read_text(encoding="utf-8"))
        except OSError:
            return None

    def running(self) -> Record | None:
        """What was started here and lives; None where nothing does."""
        record = self.recall()
        return record if record is not None and lives(record.process) else None

    def forget(self) -> None:
        """The process has ended: what it was is not needed any more, nor its login."""
        self.forget_login()
        with suppress(OSError):
            self._record.unlink()

    def forget_login(self) -> None:
        """The process has ended: nobody reads its login any more."""
        with suppress(OSError):
            self.ini.unlink()
