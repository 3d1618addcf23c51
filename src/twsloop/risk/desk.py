"""The risk gate of one connection: what every order passes, and what users are given of it."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

import attrs

from twsloop.config.sections import RiskParams
from twsloop.connection.core import Core
from twsloop.errors import StorageError
from twsloop.events import (
    DayPeak,
    Fact,
    Fill,
    Notice,
    OrderRejected,
    QuoteSeen,
    RiskBreached,
    RiskLimitChanged,
    RiskVerdict,
)
from twsloop.session.state import State

from .breaker import Trouble
from .day_trades import REACHES_BACK, DayTradeBook
from .gate import Proposal, RiskGate
from .kill import KillTrigger
from .kill_desk import KillDesk, Ledger
from .sources import OrderView, Sources
from .values import ZERO, exact
from .watch import Watch

__all__ = ["RiskDesk"]

logger = logging.getLogger(__name__)

#: A new height of the day's profit is written down when it is so much of the drawdown higher.
_STEPS = 100
#: Whether orders are enabled is said by the session's gate, which knows what becomes of them then.
_SAID = ("enabled",)
#: An order that we refused ourselves is none that went wrong.
_REFUSED = "REFUSED"
_ERRORS = frozenset({"error", "fatal"})
_BREAKING = frozenset({"order", "connection"})
_ABOUT_ORDERS = frozenset({"order_new", "order_live"})


async def _nothing_to_prepare() -> None:
    """Stands in where nothing can be followed."""


class RiskDesk:
    """Judges the orders of one connection, and watches its limits between them; loop thread.

    Args:
        core: The connection.
        sources: What is known of the world.
        ledger: The journal.

    Attributes:
        core: The connection.
        gate: The checks.
        kill_switch: What stops all new orders.
        prepare: Follows what the limits in force need, before orders are let go.
        wants: Whether the limits in force need anything that has to be followed.
        changed: Told when the limits are others.
        prepared: Told when orders that waited for `awaits` may be judged.
    """

    def __init__(self, core: Core, sources: Sources, ledger: Ledger) -> None:
        self.core = core
        self._ledger = ledger
        self._restored = False
        # First of all: whether orders may leave is known before what was reached is.
        self.kill_switch = KillDesk(core, ledger)
        blocked: Callable[[], str] = lambda: self.kill_switch.blocks  # noqa: E731
        self.gate = RiskGate(
            core.config,
            attrs.evolve(sources, kill_switch=blocked, day_trades=self._day_trades_of),
        )
        self._day_trades = DayTradeBook()
        #: Whether the executions of earlier sessions are among them.
        self._day_trades_known = False
        self._watch = Watch(self.gate)
        #: The heights of the day's profit that the journal knows, by account and day.
        self._peaks: dict[tuple[str, date], Decimal] = {}
        self.prepare: Callable[[], Awaitable[object]] = _nothing_to_prepare
        self.wants: Callable[[], bool] = lambda: False
        self.changed: Callable[[], object] = lambda: None
        self.prepared: Callable[[], object] = lambda: None
        #: The session in which what limits need is awaited while it is READY already.
        self._awaits: int | None = None
        self.kill_switch.read_more = self._read_journal
        core.on_ready(self._ready)
        core.on_session(self._session)
        core.on_fact(self._heard)

    async def _ready(self) -> None:
        """Before the orders of a session are let go."""
        await self._learn_day_trades()
        await self.prepare()

    def _session(self, state: State, _reason: str) -> None:
        # After IB's own start a session is READY as soon as it is named, and nothing was awaited.
        if state is State.READY and not self.core.supervised and self.wants():
            self._awaits = self.core.epoch
            self.core.event_loop.spawn(self._catch_up(self._awaits), name="what limits need")

    async def _catch_up(self, epoch: int) -> None:
        try:
            await self._ready()
        finally:
            if self._awaits == epoch:
                self._awaits = None
                if self.core.epoch == epoch:
                    self.prepared()

    def awaits(self) -> bool:
        """Whether what limits need is on its way, so that orders have to wait."""
        return self._awaits is not None and self._awaits == self.core.epoch

    async def _read_journal(self) -> None:
        """What is still to be read there, at each look into it.

        Raises:
            StorageError: What orders have to be judged by cannot be read.
        """
        await self._restore()
        await self._learn_day_trades()

    async def _restore(self) -> None:
        """Know what an earlier program of the day knew, as soon as the journal can be read.

        Raises:
            StorageError: It cannot; until then, orders are refused where they are without one.
        """
        if self._restored or not self._ledger.active():
            return
        gate, now = self.gate, self.core.clock.now()
        facts, count = await self._ledger.reached(gate.day_began(now))
        if self._restored:
            return  # by another look meanwhile
        self._restored = True
        days, today = gate.memory.days, gate.today(now)
        self._watch.restore(facts)
        for fact in facts:
            if isinstance(fact, DayPeak):
                day = gate.today(fact.time)
                days.note(fact.account, fact.profit, day)
                self._peaks[fact.account, day] = fact.profit
        self._restore_limits(facts)
        gate.memory.of_day.restore(today, count + gate.memory.of_day.count(today))

    def _restore_limits(self, facts: Iterable[Fact]) -> None:
        """What this client made tighter today holds, whatever the settings say."""
        core, ours = self.core, (None, self.core.client_id)
        mine = [one for one in facts if isinstance(one, RiskLimitChanged) and one.client_id in ours]
        for fact in self._tell_changes(self.gate.restore_limits(mine, core.clock.now())):
            logger.warning(
                "[risk] %s is %s, and not %s as in the settings: it was changed so today; to "
                "loosen it needs a reason (gw.risk.change)",
                *(fact.limit, fact.new or "not set", fact.old or "not set"),
            )

    async def _learn_day_trades(self) -> None:
        """Read the executions of the days that count, if an account is under the classic rule."""
        classic = self.gate.book.limits.classic
        if self._day_trades_known or not classic or not self._ledger.active():
            return
        try:
            rows = await self._ledger.traded(self.core.clock.now() - REACHES_BACK)
        except StorageError:
            return  # the rule refuses what opens a position, until the next look
        for fill, sec_type in rows:
            self._day_trades.take(fill, sec_type)
        self._day_trades_known = True

    def _day_trades_of(self, account: str) -> int | None:
        """See `Sources.day_trades`."""
        if not self._day_trades_known:
            return None
        gate = self.gate
        return self._day_trades.count(account, gate.today(self.core.clock.now()), gate.today)

    # ---- between two orders --------------------------------------------------------------

    def profit_changed(self, account: str) -> None:
        """The profit of an account may be another one."""
        now = self.core.clock.now()
        self._breached(self._watch.profit_changed(account, now))
        limit = self.gate.book.limits.of_account("max_drawdown", account)
        if limit is None:
            return
        day = self.gate.today(now)
        peak = self.gate.memory.days.peak(account, day)
        if peak - self._peaks.get((account, day), ZERO) > limit / _STEPS:
            self._peaks[account, day] = peak
            self.core.tell(DayPeak(time=now, account=account, profit=peak))

    def position_changed(self, account: str) -> None:
        """A position of an account, or what it is worth, may be another one."""
        self._breached(self._watch.position_changed(account, self.core.clock.now()))

    def _heard(self, fact: Fact) -> None:
        """Rejects and errors, which the circuit breaker counts; and what makes a day trade."""
        if isinstance(fact, OrderRejected):
            if fact.status != _REFUSED:
                self._went_wrong("reject")
        elif isinstance(fact, Notice) and _is_grave(fact):
            self._went_wrong("error")
        elif isinstance(fact, Fill) and self.gate.book.limits.classic:
            self._day_trades.take(fact, self.gate.sources.sec_type(fact.exec_id))

    def _went_wrong(self, what: Trouble) -> None:
        clock = self.core.clock
        self._breached(self._watch.went_wrong(what, clock.monotonic(), clock.now()))

    def _breached(self, facts: Iterable[RiskBreached]) -> None:
        for fact in facts:
            logger.warning("a limit is exceeded: %s: %s", fact.check.name, fact.check.text)
            self.core.tell(fact)
            by: KillTrigger | None = "loss limit" if fact.latched else None
            if fact.check.name == "breaker":
                by = "breaker"
            if by is not None:
                self.kill_switch.trigger(by, f"{fact.check.name}: {fact.check.text}")

    # ---- limits and latches --------------------------------------------------------------

    def change(self, limit: str, value: Any, reason: str) -> RiskLimitChanged | None:
        """See `RiskControls.change`."""
        fact = self.gate.change(limit, value, reason=reason, now=self.core.clock.now())
        told = self._tell_changes([] if fact is None else [fact])
        return told[0] if told else None

    def reload(self, params: RiskParams, reason: str) -> list[RiskLimitChanged]:
        """See `RiskControls.reload`."""
        facts = self.gate.reload(params, reason=reason, now=self.core.clock.now())
        return self._tell_changes(facts)

    def _tell_changes(self, facts: Iterable[RiskLimitChanged]) -> list[RiskLimitChanged]:
        """Limits are others: tell it, as ours, and know what the new ones need."""
        told = [attrs.evolve(fact, client_id=self.core.client_id) for fact in facts]
        for fact in told:
            self.core.tell(fact)
        if told:
            self.changed()
            if self.core.connected:
                self.core.event_loop.spawn(self._learn_day_trades(), name="counting day trades")
        return told

    def latched(self) -> list[tuple[str, str]]:
        """See `RiskControls.latched`."""
        return self.gate.memory.days.names(self.gate.today(self.core.clock.now()))

    def release(self, account: str, limit: str, reason: str) -> bool:
        """See `RiskControls.release`."""
        fact = self._watch.release(account, limit, reason, self.core.clock.now())
        if fact is not None:
            self.core.tell(fact)
        return fact is not None

    def breaker_open(self) -> str:
        """See `RiskControls.breaker`."""
        clock, gate = self.core.clock, self.gate
        return gate.memory.breaker.is_open(clock.monotonic(), gate.book.params)

    def close_breaker(self) -> bool:
        """See `RiskControls.close_breaker`."""
        was_open = bool(self.breaker_open())
        self.gate.memory.breaker.close()
        return was_open

    # ---- what the orders slice needs -----------------------------------------------------

    def review(
        self, record: Any, order: Any, kind: Literal["place", "modify", "exercise"]
    ) -> RiskVerdict:
        """Judge an order that is about to leave; if it may, it counts from now on.

        Args:
            record: The order's record.
            order: IB's Order, as it will leave.
            kind: What it is.
        """
        return self.gate.review(self._proposal(record, order, kind))

    def simulated(self, record: Any, order: Any, kind: str) -> RiskVerdict:
        """Judge an order that is simulated, as if orders were enabled; nothing counts of it."""
        return self.gate.preview(self._proposal(record, order, kind), without=_SAID)

    def preview(self, contract: Any, order: Any, margin: Decimal | None = None) -> RiskVerdict:
        """Judge an order that is not to be placed.

        Args:
            contract: IB's Contract.
            order: IB's Order.
            margin: What it would tie up, in the base currency of its account; None if unknown.
        """
        clock = self.core.clock
        return self.gate.preview(
            Proposal(
                client_id=self.core.client_id,
                contract=contract,
                order=order,
                account=self._account(order),
                now=clock.now(),
                monotonic=clock.monotonic(),
                margin=margin,
            ),
            without=_SAID,
        )

    def base_currency(self, order: Any) -> str:
        """The base currency of an order's account; empty if not known."""
        return self.gate.sources.base_currency(self._account(order))

    def _account(self, order: Any) -> str:
        """The account that an order is for; empty for a group's."""
        accounts = self.core.accounts
        if not order.account and not order.faGroup and len(accounts) == 1:
            return accounts[0]
        return str(order.account)

    def noted(self, record: OrderView) -> None:
        """An order of the book is not what it was."""
        self.gate.note(record, self.core.clock.monotonic())

    def leave(self) -> None:
        """Another login answers, and the book forgets every order."""
        self.gate.leave()

    def seen(self, contract: Any) -> QuoteSeen | None:
        """The quote of a contract as it stands, to be written down with an order."""
        quote = self.gate.sources.quote(contract)
        if quote is None or quote.age is None:
            return None
        return QuoteSeen(
            bid=exact(quote.bid),
            ask=exact(quote.ask),
            last=exact(quote.last),
            at=self.core.clock.now() - timedelta(seconds=quote.age),
            age=quote.age,
        )

    def _proposal(self, record: Any, order: Any, kind: str) -> Proposal:
        core = self.core
        return Proposal(
            order_id=record.order_id,
            client_id=record.client_id,
            kind="modify" if kind == "modify" else "place",
            contract=record.contract,
            order=order,
            account=self._account(order),
            now=core.clock.now(),
            monotonic=core.clock.monotonic(),
            in_force=record.before_change,
            filled=record.filled,
            # The very object: anybody can write the same word.
            by_kill_switch=record.origin is self.kill_switch.origin,
        )


def _is_grave(notice: Notice) -> bool:
    """Whether the gateway told an error about an order, or about the session."""
    about = notice.scope in _BREAKING or notice.context in _ABOUT_ORDERS
    return about and notice.severity in _ERRORS and not notice.local
