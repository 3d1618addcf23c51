"""After a gap: fetch, compare, report, and go on asking about what stays unknown. Loop thread.

When a gap begins. A link that is lost may have been dead since its last byte. A gateway that loses
IB's servers (1100) may hear of fills late, or, after a restart of its own session with IB, never
tell of them: 1101 and 1102 speak of market data only. And 10328 says that the outcome of an order
is not known. ``gw.orders.reconcile()`` asks at any time.

What is done. Open, completed and executed orders are asked for in one round trip, and the positions
with them. What they say goes into the book like any other report, so an execution that was missed
is told to its order's ``on_fill`` and to the observers, once, and each order becomes what the lists
say. What no list shows is UNCERTAIN; nothing is ever sent again.

When it is told. After a lost link orders and executions are fetched before READY, so that whoever
acts on READY finds the book in order. The `GapReport` follows the positions, which nobody shall
have to wait for: as a rule right after READY. Before READY, as far as the time for getting there
allows, where a difference may hold back new orders (``ask`` in ``[reconcile]``), and at a start
with a journal. If the link is lost again before the lists are there, both gaps are one, and one
report tells of it.

What stays unknown is asked for again (`asking_again`), and by each later session.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Any

from twsloop.config.sections.reconcile import ReconcileParams
from twsloop.connection.core import SERVER_BACK, SERVER_LOST, Core
from twsloop.errors import ConnectionLost, NotConnected
from twsloop.events import (
    CommissionReported,
    Difference,
    Fact,
    Fill,
    GapReport,
    Notice,
    OrderIdsRolledBack,
    OrderInGap,
    PositionInGap,
    session_story,
)
from twsloop.session.state import State

from .accepting import Accepting
from .asking_again import SERVING, STILL_MISSING, AskingAgain
from .beginnings import Beginnings
from .board import Board
from .book import OrderBook
from .gaps import Gap, compare_orders
from .holdings import HoldingsNow, PositionsOf
from .positions import Positions
from .processor import OrderProcessor
from .reconciling import Questions, differences_of, missing_executions
from .recording import Journal
from .reports import Reports
from .restoring import Known
from .state import OrderRecord, OrderStatus
from .sync import PATIENCE, Lists, Sync

__all__ = ["Repair"]

logger = logging.getLogger(__name__)

#: The gateway does not know what became of an order (error_codes.csv).
OUTCOME_UNKNOWN = 10328

#: The share of ``ready_timeout`` that positions have at least, however long the orders took.
LEAST = 0.1


class Repair:
    """Knows what may have been missed, and sees to it.

    Args:
        core: The connection.
        book: Every order.
        board: Who is told.
        sync: Asks the gateway.
        processor: What comes in.
        journal: Takes down what is held.

    Attributes:
        reports: The newest reports, the oldest first.
        accepting: What has to be looked at before new orders leave.
        compared: Called with each report, before anybody is told of it.
    """

    def __init__(
        self,
        core: Core,
        book: OrderBook,
        *,
        board: Board,
        sync: Sync,
        processor: OrderProcessor,
        journal: Journal,
    ) -> None:
        self._core = core
        self._book = book
        self._sync = sync
        self._processor = processor
        self._positions = Positions(core, book, journal)
        self._beginnings = Beginnings(core, book, journal, self._positions.now)
        self._again = AskingAgain(core, book, sync)
        self.reports = Reports()
        self.accepting = Accepting(core)
        self.compared: Callable[[GapReport], object] = lambda _report: None
        #: The gap that is open: nothing can be asked, or has been asked yet.
        self._gap: Gap | None = None
        #: Gaps that are being compared.
        self._working: list[Gap] = []
        self._served = False
        #: Whether the orders were fetched once: before that, nothing can be missed.
        self._began = False
        processor.heard = self._heard
        processor.listed = self._listed
        processor.rolled_back = self._ids_rolled_back
        board.uncertain = self._again.plan
        core.on_notice(self._notice)
        core.on_session(self._session)

    def compare_positions(self, held: HoldingsNow, ask: PositionsOf) -> None:
        """Compare positions, too.

        Args:
            held: The positions as they were last reported; None if nobody has asked for them.
            ask: Asks for all positions.
        """
        self._positions.use(held, ask)

    # ---- the session ---------------------------------------------------------------------

    def _session(self, state: State, reason: str) -> None:
        if state is State.SYNCING and self._gap is not None:
            self._beginnings.mark(self._gap.cause)  # before anything that waits is heard
        if state in SERVING:
            self._served = True
            if not self._began and self._core.supervised and self._core.role.sends_orders:
                self._began = True
                if self._positions.now() is None:
                    self._spawn(self._positions.ask(), "positions to compare with")
            elif self._gap is not None and self._gap.ended is not None:
                self._start(self._gap)  # it ended while others were being fetched
        elif self._served:
            self._served = False
            self._again.stop()
            self._begin("link", reason)

    def _begin(self, cause: str, reason: str) -> None:
        """From now on, or from the last byte on, something may be missed."""
        core, gap = self._core, self._gap
        if not core.supervised or not self._began:
            return
        if gap is not None:
            if cause == "link":
                gap.cause, gap.reason = cause, f"{gap.reason}; then {reason}"
            return
        self._gap = self._beginnings.now(cause, reason)

    def resume(self, known: Known) -> None:
        """What earlier processes of this client did is in the book; what they missed follows."""
        self.accepting.questions.restore(known.asked)
        if self._gap is None:
            self._gap = self._resumed(known)

    async def resume_late(self, known: Known, taken: Collection[OrderRecord]) -> None:
        """The same, of a journal that could not be read when the session began.

        Args:
            known: What it tells.
            taken: The orders that are in the book since just now.
        """
        self.accepting.questions.restore(known.asked)
        gap = self._resumed(known)
        gap.ended = self._core.clock.now()
        await self._compare(gap, taken)

    def _resumed(self, known: Known) -> Gap:
        self._positions.resume(known.held, known.traded)
        return self._beginnings.since(known)

    def unread(self) -> None:
        """The journal cannot be read: what it says of positions must not be written over."""
        self._positions.unread = True

    def leave(self) -> None:
        """Another login answers: what is open here is not of it."""
        self._gap = None
        self._positions.resume(None, ())
        self.accepting.questions = Questions()

    async def before_ready(self) -> None:
        """In SYNCING: fetch the orders; what was missed is told now, and reported soon."""
        core = self._core
        role = core.role
        if not role.sends_orders:
            self._sync.skip(role.why_no_orders)
            return
        gap, self._gap = self._gap, None
        if gap is not None:
            gap.ended = core.clock.now()
            self._working.append(gap)
        began = core.clock.monotonic()
        lists: Lists | None = None
        try:
            lists = await self._sync.fetch()
        finally:
            if lists is None:  # the link was lost again, which cancels this
                self._reopen(gap)
        if lists is None:
            return
        if gap is None:
            self._again.plan()
        elif gap.cause == "start" or self._policies.asks:
            await self._report(gap, lists, began, limit=self._left(began))
        else:
            self._spawn(self._report(gap, lists, began), "report of a gap")

    def _left(self, began: float) -> float:
        """How long the positions may take before READY, seconds."""
        params, clock = self._core.config.connection, self._core.clock
        left = params.ready_timeout * PATIENCE - (clock.monotonic() - began)
        return min(params.request_timeout, max(left, params.ready_timeout * LEAST))

    def _notice(self, notice: Notice) -> None:
        code = notice.code
        if not self._core.connected:
            return
        if code in SERVER_LOST:
            self._begin("server", f"{code}: {notice.text}")
        elif code in SERVER_BACK or code == OUTCOME_UNKNOWN:
            self._begin("order" if code == OUTCOME_UNKNOWN else "server", f"{code}: {notice.text}")
            gap = self._gap
            if gap is not None:
                gap.ended = self._core.clock.now()
                if self._core.state in SERVING:
                    self._start(gap)

    # ---- comparing -----------------------------------------------------------------------

    async def reconcile(self) -> GapReport:
        """Fetch and compare now.

        Raises:
            RequestError: The session's role is to follow no orders.
            NotConnected: There is no session.
            ConnectionLost: It ended before the answers were there.
        """
        self._must_be_connected("orders to compare")
        if self._positions.now() is None:
            await self._positions.ask()  # what was held before is what is held now
        gap = self._beginnings.now("asked", "asked for")
        gap.ended = gap.began
        report = await self._compare(gap)
        if report is None:
            msg = "orders to compare: the session ended before the answers were there"
            raise ConnectionLost(msg)
        return report

    def _start(self, gap: Gap) -> None:
        self._gap = None
        self._spawn(self._compare(gap), "orders after a gap")

    async def _compare(self, gap: Gap, also: Collection[OrderRecord] = ()) -> GapReport | None:
        """Ask, and report; None if the session ended meanwhile.

        Args:
            gap: What is compared.
            also: Orders to be judged although this session was not shown them.
        """
        began = self._core.clock.monotonic()
        self._beginnings.mark(gap.cause)
        self._working.append(gap)
        lists: Lists | None = None
        try:
            lists = await self._sync.look(f"after {gap.reason}: {STILL_MISSING}", also)
        finally:
            if lists is None:
                self._reopen(gap)
        if lists is None:
            return None
        return await self._report(gap, lists, began)

    def _reopen(self, gap: Gap | None) -> None:
        """The session ended before anything could be compared: this gap goes on."""
        if gap is None:
            return
        self._working.remove(gap)
        if gap.cause != "asked":
            self._gap = gap if self._gap is None else gap.merged(self._gap)
            self._gap.ended = None

    async def _report(
        self, gap: Gap, lists: Lists, began: float, *, limit: float | None = None
    ) -> GapReport | None:
        """Compare, and tell; ``limit`` is given before READY.

        None if the session ended before it was READY: the gap goes on.
        """
        core = self._core
        rows = compare_orders(gap, lists.open, whole=lists.whole, revived=lists.revived)
        try:
            after, problem = await self._positions.ask(limit)
        except BaseException:
            self._reopen(gap)
            raise
        if limit is not None and not core.connected:
            self._reopen(gap)
            return None
        self._working.remove(gap)
        unknown = [*lists.unknown]
        moved = None if after is None else self._positions.moved(gap, after)
        if problem or (moved is None and self._positions.wanted and gap.cause != "start"):
            unknown.append(problem or "positions: nobody had asked for them before the gap")
        differences = self.reports.shared(self._differences(gap, lists, rows, moved or ()))
        report = GapReport(
            time=core.clock.now(),
            correlation_id=session_story(core.client_id, core.epoch),
            cause=gap.cause,
            reason=gap.reason,
            began=gap.began,
            ended=gap.ended or gap.began,
            epoch_before=gap.epoch,
            epoch=core.epoch,
            took=core.clock.monotonic() - began,
            orders=self.reports.shared(rows),
            executions=tuple(gap.executions),
            commissions=gap.missed_commissions(),
            positions=moved or (),
            differences=differences,
            ids_rolled_back=core.epoch != gap.epoch and self._processor.ids_rolled_back,
            unknown=tuple(unknown),
        )
        self.reports.add(report)
        logger.log(logging.INFO if report.complete else logging.WARNING, "%s", report)
        self.accepting.found(differences)
        self.compared(report)
        core.tell(report)
        self._again.plan()
        return report

    def _differences(
        self,
        gap: Gap,
        lists: Lists,
        rows: Iterable[OrderInGap],
        positions: Iterable[PositionInGap],
    ) -> tuple[Difference, ...]:
        core = self._core
        ours = (
            booked.fill
            for booked in self._book.executions.fills()
            if booked.fill.client_id == core.client_id
        )
        return differences_of(
            core.client_id,
            self._policies,
            orders=rows,
            executions=gap.executions,
            missing=missing_executions(ours, gap.listed, gap.began) if lists.whole else (),
            positions=positions,
        )

    # ---- what comes in -------------------------------------------------------------------

    def _heard(self, fact: Fact, listed: bool) -> None:
        if not isinstance(fact, Fill | CommissionReported):
            return
        late = listed or self._core.state not in SERVING
        for gap in (self._gap, *self._working):
            if gap is not None:
                gap.heard(fact, late=late)

    def _listed(self, exec_id: str, executed_at: datetime | None) -> None:
        for gap in self._working:
            gap.listed.take(exec_id, executed_at)

    def _ids_rolled_back(self, told: int, known: int) -> None:
        core = self._core
        logger.warning(
            "the gateway's next order id went back to %d; no id below %d is used again",
            told,
            known,
        )
        story = session_story(core.client_id, core.epoch)
        core.tell(
            OrderIdsRolledBack(time=core.clock.now(), correlation_id=story, told=told, known=known)
        )

    # ---- one order -----------------------------------------------------------------------

    async def look_at(self, record: OrderRecord) -> OrderStatus:
        """Ask for one order now; where it is then.

        Raises:
            RequestError: A list could not be had, or the role is to follow no orders.
            NotConnected: There is no session.
            ConnectionLost: It ended before the answers were there.
        """
        self._must_be_connected(f"order {record.order_id}")
        lists = await self._sync.look(f"asked for: {STILL_MISSING}", [record])
        if lists is None:
            msg = f"order {record.order_id}: the session ended before the answers were there"
            raise ConnectionLost(msg)
        lists.require()
        return record.status

    def _must_be_connected(self, what: str) -> None:
        self._sync.must_hear(what)
        if self._core.state not in SERVING:
            msg = f"{what}: not connected (the session is {self._core.state.name})"
            raise NotConnected(msg)

    @property
    def _policies(self) -> ReconcileParams:
        return self._core.config.reconcile

    def _spawn(self, work: Any, name: str) -> asyncio.Future[Any]:
        return self._core.event_loop.spawn(work, name=name)
