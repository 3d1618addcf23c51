"""The kill switch of one connection, live: who may turn it, who hears of it, and when it acts.

Theory of operation. The state is `kill.KillSwitch`'s, on the loop thread. Whatever engages it, the
same happens, in this order: new orders are refused from that moment on; what has not left is
dropped; what the settings allow is done at the broker (`Hands.clear`), as soon as a session is
READY: at once, or when a lost link is back, or at the next start of the program.

The state is a fact in the journal, and the journal is what it survives restarts by, and what other
programs hear of it by. Each program looks into the journal before it connects, then every
``[kill_switch] poll`` seconds, and at once when a trouble of the journal is over; the last fact in
the file counts. While facts of our own are on
their way there, ours come later than all that can be read, so nothing is taken over. What a program
has done at the broker is a fact, too (`KillSwitchActed`): one that finds the switch engaged, and no
such fact of its own behind that, has it still to do.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime

import attrs

from twsloop.clock import Timer
from twsloop.config import EndOfDayParams
from twsloop.connection.core import Core
from twsloop.errors import RiskError, StorageError
from twsloop.events import (
    DayStep,
    Fact,
    Fill,
    JournalTrouble,
    KillSwitchActed,
    KillSwitchChanged,
    KillSwitchClaimed,
)
from twsloop.session.state import State

from .end_of_day import Cleared
from .kill import KillSwitch, KillTrigger
from .on_loop import on_loop

__all__ = ["Hands", "KillDesk", "Ledger"]

logger = logging.getLogger(__name__)


async def _nothing(_params: EndOfDayParams, *, origin: str, reason: str) -> Cleared:
    """Stands in where nobody can cancel or close."""
    return Cleared((), (), ())


async def _nothing_more() -> None:
    """Stands in where nobody else reads the journal."""


@attrs.frozen(kw_only=True)
class Hands:
    """What the switch acts with; loop thread.

    Attributes:
        take_back: Drops all orders that have not left.
        clear: Cancels orders and closes positions as asked for.
    """

    take_back: Callable[[], object] = lambda: None
    clear: Callable[..., Awaitable[Cleared]] = _nothing


@attrs.frozen(kw_only=True)
class Ledger:
    """The journal, as the gate and the switch use it; loop thread.

    Attributes:
        active: Whether it is written.
        read: The switch's own facts behind an entry, and the newest entry of them.
        reached: Which limits were reached, and how many orders left since a time.
        traded: The executions since a time, each with its kind of contract as far as known.
        claim: Whether this program is the one that closes positions, of all that share the file.
        must: Whether orders are refused while it cannot be read.
    """

    active: Callable[[], bool] = lambda: False
    read: Callable[[int], Awaitable[tuple[int, Iterable[Fact]]]]
    reached: Callable[[datetime], Awaitable[tuple[Iterable[Fact], int]]]
    traded: Callable[[datetime], Awaitable[Iterable[tuple[Fill, str]]]]
    claim: Callable[[KillSwitchClaimed], Awaitable[bool]]
    must: bool = True


class _Origin(str):
    """A word that is told from the same word of others, by being this very object."""

    __slots__ = ()


class KillDesk:
    """Stops all new orders: ``gw.kill_switch``.

    Args:
        core: The connection.
        ledger: The journal.

    Attributes:
        read_more: Called at each look into the journal; raises StorageError while what it wants
            there cannot be read.
    """

    def __init__(self, core: Core, ledger: Ledger) -> None:
        self._core = core
        self._ledger = ledger
        self.read_more: Callable[[], Awaitable[object]] = _nothing_more
        self._hands = Hands()
        self._switch = KillSwitch(core.config.kill_switch)
        self._file = core.config.kill_switch.file
        #: What makes the closing orders of this switch: this very object, which nobody else has.
        self.origin = _Origin("kill_switch")
        #: Facts of ours that are on their way into the journal.
        self._unwritten: list[Fact] = []
        self._read_to = 0
        self._was_read = False
        #: Why nobody knows whether it is engaged, in words.
        self._unknown = ""
        #: It was engaged, and what that asks for at the broker is not done yet.
        self._owed: KillSwitchChanged | None = None
        self._acting: asyncio.Task[None] | None = None
        self._timer: Timer | None = None
        #: A look is under way, or about to begin; and whether another one has to follow it.
        self._looking = self._once_more = False
        core.on_connect(self._begin)
        core.on_session(self._session)
        core.on_end(self._session_ends)
        core.on_fact(self._heard)

    # ---- for everybody, from any thread --------------------------------------------------

    @property
    def engaged(self) -> bool:
        """Whether new orders are refused."""
        return self._switch.engaged

    @property
    def reason(self) -> str:
        """Why it is engaged; empty if it is not."""
        return self._switch.reason

    @property
    def by(self) -> str:
        """What engaged it: ``api``, ``cli``, ``file``, ``signal``, ``loss limit``, ``breaker``."""
        return self._switch.by

    @property
    def since(self) -> datetime | None:
        """When it was engaged, UTC; None if it is not."""
        return self._switch.since

    def engage(self, reason: str) -> bool:
        """Refuse all new orders from now on, drop what has not left, and do what is configured.

        When it returns, orders are refused and those that waited are dropped; what it does at the
        broker follows (`KillSwitchActed`). It stays engaged, also over restarts, and for all
        programs with the same journal, until `release`.

        Args:
            reason: Why, in your words.

        Returns:
            Whether it was not engaged before.
        """
        return self.trigger("api", reason)

    def release(self, reason: str) -> bool:
        """Let new orders pass again; nothing that was cancelled comes back.

        Args:
            reason: Why, in your words.

        Returns:
            Whether it was engaged.

        Raises:
            RiskError: There is no reason, or the file that engages it is still there.
        """
        return on_loop(self._core, self._release, reason)

    def __repr__(self) -> str:
        return f"<kill switch, {self._switch.blocks or 'not engaged'}>"

    def trigger(self, by: KillTrigger, reason: str) -> bool:
        """Something engages it; whether that is heeded, and new. From any thread."""
        return on_loop(self._core, self._engage, by, reason)

    # ---- for the gate; loop thread -------------------------------------------------------

    @property
    def blocks(self) -> str:
        """Why orders are refused, in words; empty if they are not. It looks for the file."""
        if not self._switch.engaged and self._file_is_there():
            # An order is being judged: what has to be dropped is dropped right after it.
            self._engage("file", f"{self._file} exists", soon=True)
        if not self._switch.engaged:
            return self._unknown
        return f"{self._switch.blocks}; {self._way_out()}"

    def arm(self, hands: Hands) -> None:
        """Act with these from now on."""
        self._hands = hands

    # ---- inside --------------------------------------------------------------------------

    def _engage(self, by: KillTrigger, reason: str, soon: bool = False) -> bool:
        fact = self._switch.engage(by, reason, self._core.clock.now())
        if fact is None:
            return False
        self._tell(fact)
        self._obey(fact, soon=soon)
        return True

    def _release(self, reason: str) -> bool:
        if self._file_is_there():
            msg = f"the kill switch cannot be released while {self._file} exists: remove it first"
            raise RiskError(msg)
        fact = self._switch.release(reason, self._core.clock.now())
        if fact is None:
            return False
        self._owed = None
        self._tell(fact)
        return True

    def _tell(self, fact: KillSwitchChanged) -> None:
        if self._ledger.active():
            self._unwritten.append(fact)
        self._say(fact)

    def _say(self, fact: KillSwitchChanged) -> None:
        word = "engaged" if fact.engaged else "released"
        logger.warning("the kill switch is %s by %s: %s", word, fact.by, fact.reason)
        self._core.tell(fact)

    def _file_is_there(self) -> bool:
        return self._file is not None and os.path.exists(self._file)  # noqa: PTH110  (at each order)

    def _way_out(self) -> str:
        """What lets orders pass again, in words."""
        first = f"remove {self._file}, then " if self._file_is_there() else ""
        commands = ['gw.kill_switch.release("why")']
        if self._ledger.active():
            commands.append('twsloop kill --release "why"')
        return f"it stays so until it is released: {first}{' or '.join(commands)}"

    # ---- what it does --------------------------------------------------------------------

    def _obey(self, fact: KillSwitchChanged, *, soon: bool = False) -> None:
        """It is engaged: drop what waits, and do at the broker what is allowed."""
        self._owed = fact
        loop = self._core.event_loop
        if not loop.in_loop():
            return  # nothing runs yet
        if soon:
            loop.post(self._obey, fact)
            return
        self._hands.take_back()
        self._act()

    def _session(self, state: State, _reason: str) -> None:
        if state is State.READY:
            self._act()
        elif state is State.WAITING and self._acting is not None:
            self._acting.cancel()  # what is asked now has nobody to ask; it is owed still
        elif state is State.DISCONNECTED:
            self._give_up("the session is over")

    async def _session_ends(self) -> None:
        """The program ends the session: what is to be done is done first, or it is said.

        A command that only looks at something may well be the first that finds it engaged.
        """
        self._act()
        task = self._acting
        if task is None:
            return
        patience = self._core.config.loop.stop_timeout / 2
        await asyncio.wait({task}, timeout=patience)
        self._give_up(f"the gateway has not answered within {patience:g} s, and the session ends")
        await asyncio.wait({task}, timeout=patience)  # its end, in a turn or two

    def _give_up(self, why: str) -> None:
        """Say that it does not act in this session, if it has something to do."""
        if self._acting is None:
            return
        self._acting.cancel()
        logger.error(
            "the kill switch has not acted: %s; it acts in the next session of this client id", why
        )

    def _act(self) -> None:
        """Do what is owed, if there is a session to do it in."""
        core = self._core
        if self._owed is None or self._acting is not None or core.state is not State.READY:
            return
        nothing = self._switch.cancels == "none" and not self._switch.flattens
        if nothing or not core.role.sends_orders:
            self._owed = None
            return
        self._acting = core.event_loop.spawn(self._work(self._owed), name="the kill switch")

    async def _work(self, fact: KillSwitchChanged) -> None:
        core, epoch = self._core, self._core.epoch
        try:
            others = await self._left_to_others(fact)
            params = attrs.evolve(
                core.config.end_of_day,
                cancel=self._switch.cancels,
                flatten=self._switch.flattens and others is None,
                wait=0.0,
            )
            reason = f"the kill switch is {self._switch.blocks}"
            done = await self._hands.clear(params, origin=self.origin, reason=reason)
        finally:
            self._acting = None
        steps = (*done.steps[:-1], others) if others is not None else done.steps
        acted = KillSwitchActed(
            time=core.clock.now(),
            client_id=core.client_id,
            reason=fact.reason,
            steps=steps,
            cancelled=done.cancelled,
            closed=done.closed,
        )
        if not acted.complete and (core.epoch != epoch or not core.connected):
            self._act()  # the link was lost over it: it is done when it is back
            return
        if self._owed is fact:
            self._owed = None
        level = logging.WARNING if acted.complete else logging.ERROR
        logger.log(level, "the kill switch has acted: %s", acted)
        core.tell(acted)
        self._act()  # it was released, and engaged again meanwhile

    async def _left_to_others(self, fact: KillSwitchChanged) -> DayStep | None:
        """Why the positions are not closed from here, if they are to be closed; None if they are.

        Two programs that close the same position at the same time turn it round.
        """
        core = self._core
        if not self._switch.flattens or not self._ledger.active():
            return None
        wanted = KillSwitchClaimed(
            time=core.clock.now(),
            client_id=core.client_id,
            accounts=core.accounts,
            engaged=fact.time,
        )
        name = "close positions"
        try:
            if await self._ledger.claim(wanted):
                return None
        except StorageError as error:
            text = f"which program closes them cannot be settled: {error}"
            return DayStep(name=name, outcome="failed", text=text)
        text = "another program with this journal closes them"
        return DayStep(name=name, outcome="skipped", text=text)

    # ---- the journal, and the file -------------------------------------------------------

    async def _begin(self) -> None:
        """Before an attempt to connect."""
        if self._timer is not None:
            return
        await self._look_in_turn()
        if self._ledger.active() or self._file is not None:
            self._timer = self._later()
            self._core.event_loop.at_stop(self._stop)

    def _later(self) -> Timer:
        params = self._core.config.kill_switch
        return self._core.clock.call_later(params.poll, self._poll)

    def _heard(self, fact: Fact) -> None:
        """A journal that can be written again may be read: orders are refused until it is."""
        if not isinstance(fact, JournalTrouble) or not fact.over:
            return
        if self._looking:
            self._once_more = True  # it may have begun too early
        elif self._timer is not None:
            self._timer.cancel()
            self._poll()

    def _poll(self) -> None:
        self._looking = True
        self._core.event_loop.spawn(self._look_again(), name="looking at the kill switch")

    async def _look_again(self) -> None:
        try:
            await self._look_in_turn()
        finally:
            if self._timer is not None:
                self._timer = self._later()

    async def _look_in_turn(self) -> None:
        """One look at a time: of two, the one that read less could have the last word."""
        self._looking = self._once_more = True
        try:
            while self._once_more:
                self._once_more = False
                await self._look()
        finally:
            self._looking = False

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None

    async def _look(self) -> None:
        """See what others did."""
        _ = self.blocks  # looks for the file
        if not self._ledger.active():
            return
        try:
            read_to, facts = await self._ledger.read(self._read_to)
            await self.read_more()
        except StorageError as error:
            if not self._was_read and self._ledger.must:
                self._unknown = f"whether it is engaged is not known: {error}"
            return
        self._read_to = read_to
        self._was_read, self._unknown = True, ""
        self._take(facts)

    def _take(self, facts: Iterable[Fact]) -> None:
        """Facts of the journal, in their order."""
        newest: KillSwitchChanged | None = None
        acted = False
        for fact in facts:
            if isinstance(fact, KillSwitchChanged):
                newest, acted = fact, False
                if fact in self._unwritten:
                    self._unwritten.remove(fact)
            elif isinstance(fact, KillSwitchActed) and fact.client_id == self._core.client_id:
                acted = True
        if newest is None or self._unwritten or newest == self._switch.newest:
            return
        self._switch.restore([newest])
        self._say(newest)
        if not newest.engaged:
            self._owed = None
        elif not acted:
            self._obey(newest)
