"""The order journal of one connection: what is written, when it is opened and closed.

It satisfies `twsloop.orders.recording.Journal`. Intents and steps of orders are handed to it by the
orders slice; every other fact it hears as all observers do (`Core.on_fact`), and keeps those that
`rows.is_kept` names. It is opened before the first attempt to connect, because order ids depend on
it, and closed as the last thing when the loop ends, on every path; a file that cannot be opened is
trouble (`trouble`), and never fails a connect.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from twsloop.config import SECTIONS, Config, options_of
from twsloop.connection.core import Core
from twsloop.connection.stand_ins import STAND_INS
from twsloop.embedded import is_embedded
from twsloop.events import (
    ConfigTaken,
    Fact,
    OrderFact,
    SessionBegan,
    session_story,
)
from twsloop.session.state import State

from .archive import Archived
from .chain import canonical
from .keeping import Keeper
from .pen import Login, ids_of
from .reading import Rows, reading
from .rows import is_kept
from .trouble import Trouble
from .writer import Floors, Writer

__all__ = ["Journal", "config_taken"]

Durable = Callable[[str], object]
T = TypeVar("T")


class Journal:
    """Writes down what happens to one connection; loop thread only.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._params = core.config.journal
        self._trouble = Trouble(self._params, core.clock, core.metrics, core.tell)
        self._keeper = Keeper(self._params, core.clock, core.event_loop, core.metrics)
        self._writer: Writer | None = None
        self._task: asyncio.Task[None] | None = None
        #: Facts that came while nothing was open; they are written once something is.
        self._early: list[tuple[Fact, Login, Durable | None]] = []
        self._floors: Floors = {}
        self._login = Login("", session_story(core.client_id, 0))
        self._next_id: int | None = None
        self._began_in = 0
        #: The settings in force, as intents name them.
        self._taken = config_taken(core.config, core.clock.now())
        self._told_settings = False
        #: Whether it is to be written; None if that depends on where the session is.
        self._wanted = self._params.enabled
        if self._wanted is None and STAND_INS.get() is not None:
            self._wanted = False  # nothing of it is real
        if core.config.reconcile.dry_run:
            self._wanted = False  # what others wrote is read, and nothing is added to it
        #: Whether it is written; None until an attempt to connect says where to.
        self._active = self._wanted
        core.metrics.watch("journal_waiting", lambda: self.waiting)
        core.on_connect(self._open)
        core.on_session(self._session)
        core.on_fact(self.record)
        core.add_slice(self, ("managedAccounts", "nextValidId"))
        # The first of all, and so the last to run: what others say at their end is written, too.
        core.event_loop.at_stop(self._close)

    # ---- what the orders slice needs -----------------------------------------------------

    @property
    def refuses(self) -> str:
        """Why new orders are refused, in words; empty while the journal can be written."""
        if not self.active:
            return ""
        if self._trouble.reason:
            return self._trouble.refuses
        if self._writer is not None and self._writer.full:
            return f"the order journal is behind: {self.waiting} facts wait to be written"
        return ""

    @property
    def config(self) -> str:
        """The digest of the settings in force."""
        return self._taken.digest

    @property
    def active(self) -> bool:
        """Whether it is written: as configured; else not for a gateway within this process."""
        return self._active is not False

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Write a fact, and say when it is durable; in the order of the calls.

        Args:
            fact: The fact.
            durable: Called on the loop thread, once: with an empty text once the fact is durable
                (at once, if the journal is not written), or with why it will not be in time. The
                fact is written in any case, as soon as that is possible.
        """
        self._take(fact, durable)

    def record(self, fact: Fact) -> None:
        """Write a fact in its turn, if it is of a kind that is kept."""
        if is_kept(fact):
            self._take(fact, None)

    def _take(self, fact: Fact, durable: Durable | None) -> None:
        if not self.active:
            if durable is not None:
                durable("")
            return
        login = self._login
        used = ids_of(fact)
        if used is not None and login.accounts:
            key = used[0], login.accounts
            self._floors[key] = max(self._floors.get(key, 0), used[1])
        if self._writer is None:
            self._early.append((fact, login, durable))
        else:
            self._writer.put(fact, login, durable)

    # ---- order ids -----------------------------------------------------------------------

    def floor(self, client_id: int, accounts: Sequence[str]) -> int:
        """The lowest order id that no order was ever meant with.

        Args:
            client_id: Order ids are counted for each client id.
            accounts: Those of the login. Where the gateway is does not matter: gateways move. A
                login that has got another account since is known by the others.

        Returns:
            1 if the journal knows of no order.
        """
        mine = set(accounts)
        highest = (
            highest
            for (client, theirs), highest in self._floors.items()
            if client == client_id and mine & set(theirs.split(","))
        )
        return 1 + max(highest, default=0)

    def _raise_floor(self) -> int | None:
        core = self._core
        if self._writer is None or self._writer.database is None or not core.accounts:
            return None
        floor = self.floor(core.client_id, core.accounts)
        core.order_ids.raise_to(floor)
        return floor

    # ---- the life of a session -----------------------------------------------------------

    async def _open(self) -> None:
        """Before an attempt to connect."""
        core = self._core
        if self._wanted is None:
            # Each time: one object can have a session here, and the next one elsewhere.
            self._active = not is_embedded(*core.address)
        if not self._active:
            self._early.clear()
            return
        if self._writer is None:
            self._writer = Writer(
                self._params,
                core.clock,
                core.metrics,
                trouble=self._trouble,
                opened=self._opened,
                report=core.errors.report_exception,
            )
            self._task = core.event_loop.spawn(self._writer.run(), name="the order journal")
            early, self._early = self._early, []
            for fact, login, durable in early:
                self._writer.put(fact, login, durable)
            self._keeper.start()
        if not self._told_settings:
            self._told_settings = True
            core.tell(self._taken)
        await self._writer.try_now()
        # Another program may have had this client id since the last session.
        await self._writer.read_floors()

    def _opened(self, floors: Floors) -> None:
        for key, highest in floors.items():
            self._floors[key] = max(self._floors.get(key, 0), highest)
        self._raise_floor()

    def managedAccounts(self, accountsList: str) -> None:
        """EWrapper's: whose orders count (the connection keeps them)."""
        del accountsList
        self._raise_floor()

    def nextValidId(self, orderId: int) -> None:
        """EWrapper's: the gateway's next order id."""
        self._next_id = orderId
        self._raise_floor()

    def _session(self, state: State, _reason: str) -> None:
        core = self._core
        if state is State.CONNECTING:
            self._next_id = None
        if state is not State.SYNCING or core.epoch == self._began_in:
            return
        # The accounts are known, and nothing may be placed yet.
        self._began_in = core.epoch
        story = session_story(core.client_id, core.epoch)
        self._login = Login(",".join(sorted(core.accounts)), story)
        floor = self._raise_floor()
        host, port = core.address
        core.tell(
            SessionBegan(
                time=core.clock.now(),
                correlation_id=story,
                host=host,
                port=port,
                client_id=core.client_id,
                epoch=core.epoch,
                server_version=core.server_version,
                mode=core.config.connection.mode,
                accounts=core.accounts,
                next_id=self._next_id,
                floor=floor,
                program=Path(sys.argv[0]).name if sys.argv else "",
                pid=os.getpid(),
            )
        )

    async def _close(self) -> None:
        """The loop ends: write what is left, and close; another loop may open it again."""
        self._core.event_loop.at_stop(self._close)
        self._keeper.stop()
        writer, self._writer = self._writer, None
        if writer is not None and self._task is not None:
            await writer.close(self._task)
            self._task = None

    # ---- for others ----------------------------------------------------------------------

    def take_config(self, config: Config) -> None:
        """Other settings are in force from now on."""
        taken = config_taken(config, self._core.clock.now())
        if taken.digest != self._taken.digest:
            self._taken = taken
            self._core.tell(taken)

    async def backup(self, target: Path | None = None) -> Path:
        """Copy the journal, while it is written; see `Keeper.backup`."""
        if not self._trouble.reason:
            await self.flush()
        return await self._keeper.backup(target)

    async def archive(self, before: datetime) -> Archived:
        """Move what is older into an archive; see `Keeper.archive`."""
        return await self._keeper.archive(before)

    @property
    def waiting(self) -> int:
        """How many facts wait to be written."""
        return len(self._early) if self._writer is None else self._writer.waiting

    async def flush(self) -> None:
        """Wait until everything that was recorded is written; for ever while it cannot be."""
        if self._writer is not None:
            await self._writer.flushed()

    async def read(self, sql: str, parameters: Sequence[Any] = ()) -> Rows:
        """All rows of a query, through a connection that can only read.

        What was recorded before is written first, unless the journal is in trouble.

        Raises:
            StorageError: The file cannot be read.
        """
        return await self.ask(lambda file: file.execute(sql, tuple(parameters)).fetchall())

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer of a function that reads the file, in a thread of its own; as `read`.

        Raises:
            StorageError: The file cannot be read.
        """
        if not self._trouble.reason:
            await self.flush()
        return await asyncio.to_thread(self._ask, question)

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        with reading(self._params.file) as file:
            return question(file)


def config_taken(config: Config, now: datetime) -> ConfigTaken:
    """The settings in force, as the journal keeps them: secrets are masked."""
    settings = {}
    for section, kind in SECTIONS.items():
        chosen = getattr(config, section)
        for key, option in options_of(kind).items():
            value = getattr(chosen, key)
            text = "" if value is None else str(value)
            settings[f"{section}.{key}"] = "***" if option.secret and text else text
    digest = hashlib.sha256(canonical(settings).encode()).hexdigest()[:16]
    return ConfigTaken(time=now, digest=digest, settings=settings)
