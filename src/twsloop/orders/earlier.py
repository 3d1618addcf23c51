"""What earlier processes of this client did at this login: recalled once, and compared.

Loop thread. Before the first READY of a login, what the journal tells of it is taken into the book
(`restoring`); reports that come earlier wait until then. If the journal cannot be read, the session
begins with what the gateway lists, and new orders are refused: which of them were meant before,
nobody knows. As soon as it can be read it is recalled, and compared with what the gateway lists;
only then new orders may leave.

A login is known by its accounts. One account in common is enough, as logins get accounts over time.
Where another login answers, what was known of the orders is not of it: the book begins anew.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.events import Fact, GapReport, JournalTrouble
from twsloop.session.state import State

from .accepting import KILL_SWITCH
from .asking_again import SERVING
from .board import Board
from .book import Change, OrderBook
from .processor import OrderProcessor
from .recording import Journal
from .repair import Repair
from .restoring import Known, restore
from .state import OrderRecord, may_be_working

__all__ = ["Earlier"]

logger = logging.getLogger(__name__)

#: A journal that cannot be read is tried again after so many seconds, then after twice as many,
#: and so on up to the second number. When it can be written again it is tried at once.
FIRST_WAIT, LONGEST_WAIT = 1.0, 10.0


class Earlier:
    """Recalls what was done before, and keeps new orders back until that is done.

    Args:
        core: The connection.
        book: Every order.
        board: Who is told.
        processor: What comes in; it waits meanwhile.
        repair: Compares what was known with what the gateway lists.
        journal: Whether one is written.
        recall: Reads it; None if nobody knows.
    """

    def __init__(
        self,
        core: Core,
        book: OrderBook,
        *,
        board: Board,
        processor: OrderProcessor,
        repair: Repair,
        journal: Journal,
        recall: Callable[[], Awaitable[Known | None]],
    ) -> None:
        self._core = core
        self._book, self._board = book, board
        self._processor, self._repair = processor, repair
        self._journal, self._recall = journal, recall
        #: The accounts of the logins whose earlier orders are in the book, by client id.
        self._known: dict[int, set[str]] = {}
        #: Whose orders the book has.
        self._login: set[str] = set()
        #: What was done before is still to be read.
        self._owed = False
        self._working = False
        self._wait = FIRST_WAIT
        self._timer: Timer | None = None
        repair.compared = self._compared
        core.on_fact(self._heard)

    # ---- what others need ----------------------------------------------------------------

    def refuses(self, record: OrderRecord) -> str:
        """Why a new order may not leave, in words; empty if it may."""
        if not self._owed or record.origin == KILL_SWITCH:
            return ""
        if self._core.config.journal.on_trouble != "refuse":
            return ""
        why = self._journal.refuses or "the order journal is being read"
        return f"what earlier processes did is not known yet: {why}"

    def session(self, state: State) -> None:
        """The session goes on."""
        if state is State.STARTING:
            if self._core.supervised and self._core.role.sends_orders and self._is_read():
                self._processor.hold()
        elif state is State.SYNCING:
            self._change_login()

    def down(self) -> None:
        """The session ended: the next one begins with it."""
        self._owed = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def restore(self) -> None:
        """Before READY, once for each login: what earlier processes of this client did there."""
        if not self._core.role.sends_orders or self._is_known():
            return
        known = await self._recall()
        if known is not None:
            self._take(known)
            self._repair.resume(known)
        elif self._journal.active:
            self._owed = True
            self._wait = FIRST_WAIT
            self._repair.unread()
            self._plan()

    # ---- logins --------------------------------------------------------------------------

    def _is_read(self) -> bool:
        """Whether a journal is read: in a dry run what others wrote is."""
        return self._journal.active or self._core.config.reconcile.dry_run

    def _is_known(self) -> bool:
        known = self._known.get(self._core.client_id)
        return known is not None and (known == self._login or bool(known & self._login))

    def _change_login(self) -> None:
        """The accounts are known, and nothing was placed yet."""
        accounts = set(self._core.accounts)
        if not accounts:
            return
        if self._login and not accounts & self._login:
            logger.warning("another login answers: what was known of the orders is not of it")
            self._board.leave()
            self._repair.leave()
            # What was taken before is not known to be free at this one.
            self._processor.valid_from = self._core.order_ids.floor
            self._known.clear()
            self._login.clear()
        self._login |= accounts

    # ---- reading -------------------------------------------------------------------------

    def _take(self, known: Known) -> list[OrderRecord]:
        core = self._core
        self._known.setdefault(core.client_id, set()).update(self._login)
        taken = restore(self._book, known, core.client_id, core.clock.now())
        for record in taken:
            core.order_ids.seen(record.order_id)
            try:
                if may_be_working(record):
                    self._board.announce(Change(record, changed=True))
                else:
                    self._board.forget(self._book.settle(record))
            except Exception as error:  # noqa: BLE001  (the others are to be known nevertheless)
                core.errors.report_exception(f"order {record.order_id} of the journal", error)
        return taken

    # ---- later ---------------------------------------------------------------------------

    def _compared(self, report: GapReport) -> None:
        """Whoever acts on the report finds that new orders may leave."""
        if report.cause == "start":
            self._owed = False

    def _heard(self, fact: Fact) -> None:
        if isinstance(fact, JournalTrouble) and fact.over:
            self._try()

    def _plan(self) -> None:
        """Try again in a while, if that is still of use."""
        if not self._owed or self._timer is not None or self._working:
            return
        wait, self._wait = self._wait, min(2 * self._wait, LONGEST_WAIT)
        self._timer = self._core.clock.call_later(wait, self._due)

    def _due(self) -> None:
        self._timer = None
        self._try()
        self._plan()

    def _try(self) -> None:
        if self._owed and not self._working and self._core.state in SERVING:
            self._working = True
            self._core.event_loop.spawn(self._catch_up(), name="the orders of earlier processes")

    async def _catch_up(self) -> None:
        """The session is READY, and the journal may be read now."""
        epoch = self._core.epoch
        try:
            known = await self._recall()
            if known is not None and epoch == self._core.epoch:
                await self._compare(known)
        except Exception as error:  # noqa: BLE001  (a journal may hold anything; orders wait here)
            self._owed = False  # as at a start: the lists alone have to do
            self._core.errors.report_exception("the orders of earlier processes", error)
        finally:
            self._working = False
            self._plan()

    async def _compare(self, known: Known) -> None:
        taken = self._take(known)
        await self._repair.resume_late(known, taken)
        # They are in the book; what could not be compared is asked for after the next gap.
        self._owed = False
        logger.warning(
            "the order journal is read: %d orders of earlier processes were not known", len(taken)
        )
