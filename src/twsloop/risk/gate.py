"""The gate that every order passes: all checks that are set, in their order. Pure.

Theory of operation
-------------------
`RiskGate.review` looks at an order with the limits of this moment, and what it lets pass counts at
once: the next order sees it as done already. It is called on the loop thread alone, one order after
the other, so that orders from any number of threads are looked at one by one, and no limit can be
exceeded by two that were looked at together.

The first check that fails ends the review. What cannot be judged is refused: a number that nobody
knows, and a source that raises. Which checks are made follows from the settings and is worked out
when they change, so that a limit that is not set costs nothing.

Orders that only make risk smaller (a working order gets smaller, an order can only close a
position, or what its parent opens) pass the limits on exposure and loss. Nothing else do they pass:
not the mode, not the lists, not a collar.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from twsloop.config import Config
from twsloop.config.sections import RiskParams
from twsloop.events import (
    Fact,
    OrderIntent,
    RiskCheck,
    RiskLimitChanged,
    RiskVerdict,
    order_story,
)

from .amounts import AMOUNTS, margin
from .case import Case, Proposal
from .checks import OFTEN, Check, Make, gates, lists, stops
from .counters import TradingDay
from .days import DAYS, classic, day_trades
from .limits import LimitBook, Limits
from .market import COLLARS, quote, restart, trading_hours
from .memory import Memory
from .outcomes import Unknown, refused
from .reservations import key_of
from .sources import OrderView, Sources

__all__ = ["Proposal", "RiskGate"]

#: Statuses of an order that did not leave after all, in the words of ``orders.OrderStatus``.
_NEVER_LEFT = frozenset({"REFUSED", "NOT_SENT", "SIMULATED"})


class RiskGate:
    """Judges orders; on the loop thread.

    Args:
        config: The settings.
        sources: What is known of the world.
    """

    def __init__(self, config: Config, sources: Sources) -> None:
        self.config = config
        self.sources = sources
        self.memory = Memory(sources)
        self.book = LimitBook(config.risk)
        self._gates = gates(config)
        self._day = TradingDay(config.risk)
        self._plan(self.book.limits)

    # ---- judging -------------------------------------------------------------------------

    def review(self, proposal: Proposal) -> RiskVerdict:
        """Judge an order that is about to leave; if it may, it counts from now on.

        Args:
            proposal: The order.
        """
        case = self._case(proposal)
        verdict = self._judge(case)
        if not verdict.allowed:
            if proposal.kind == "place":
                failed = verdict.failed
                first = failed is None or failed.name != "parent"  # not for another's refusal
                self.memory.refuse(case.key, case.waiting_parent if first else None)
            return verdict
        memory, at = self.memory, proposal.monotonic
        memory.let_pass(case.key)
        memory.second.add(at)
        memory.minute.add(at)
        memory.of_day.add(case.day)
        window = self.book.params.duplicate_window
        if window is not None and proposal.kind == "place":
            memory.duplicates.add(case.same_as, case.key, at, window)
        memory.working.take(case.taken(), case.known, at)
        return verdict

    def preview(self, proposal: Proposal, *, without: Collection[str] = ()) -> RiskVerdict:
        """Judge an order that is not to leave: nothing is remembered of it.

        Args:
            proposal: The order.
            without: Checks that are left out, by their names.
        """
        checks = [check for check in self._checks if check[0] not in without]
        return self._judge(self._case(proposal), checks)

    def note(self, order: OrderView, at: float) -> None:
        """An order of the book is not what it was, whatever brought that.

        Args:
            order: As it is now.
            at: Monotonic seconds.
        """
        self.memory.working.note(order, at)
        if order.status in _NEVER_LEFT:
            self.memory.duplicates.forget(key_of(order))

    def leave(self) -> None:
        """Another login answers: see `Memory.leave`."""
        self.memory.leave()

    def restore(self, facts: Iterable[Fact], now: datetime) -> None:
        """Count on where an earlier program of the same day ended.

        Args:
            facts: Facts of the journal, the oldest first; others than intents do nothing.
            now: UTC.
        """
        today = self._day.of(now)
        count = sum(
            isinstance(fact, OrderIntent) and self._day.of(fact.time) == today for fact in facts
        )
        self.memory.of_day.restore(today, count)

    def today(self, now: datetime) -> date:
        """The day that limits of a day are counted in."""
        return self._day.of(now)

    def day_began(self, now: datetime) -> datetime:
        """When the day under way began, UTC."""
        return self._day.began(now)

    # ---- limits --------------------------------------------------------------------------

    def change(
        self, limit: str, value: Any, *, reason: str = "", by: str = "api", now: datetime
    ) -> RiskLimitChanged | None:
        """Change one limit; see `LimitBook.change`. What was reached stays reached."""
        fact = self.book.change(limit, value, reason=reason, by=by, now=now)
        self._changed()
        return fact

    def reload(
        self, params: RiskParams, *, reason: str = "", by: str = "reload", now: datetime
    ) -> list[RiskLimitChanged]:
        """Take all limits of other settings; see `LimitBook.reload`."""
        facts = self.book.reload(params, reason=reason, by=by, now=now)
        self._changed()
        return facts

    def restore_limits(
        self, facts: Iterable[RiskLimitChanged], now: datetime
    ) -> list[RiskLimitChanged]:
        """Let limits that were made tighter today hold; see `LimitBook.restore`."""
        today = self.today(now)
        found = self.book.restore([one for one in facts if self.today(one.time) == today], now)
        self._changed()
        return found

    # ---- inside --------------------------------------------------------------------------

    def _case(self, proposal: Proposal) -> Case:
        day = self._day.of(proposal.now)
        return Case(proposal, self.book.limits, self.sources, memory=self.memory, day=day)

    def _judge(self, case: Case, chosen: Iterable[tuple[str, Check]] | None = None) -> RiskVerdict:
        proposal = case.proposal
        checks: list[RiskCheck] = []
        allowed = True
        for name, check in self._checks if chosen is None else chosen:
            try:
                found = check(case)
            except Unknown as why:
                found = refused(name, str(why), limit=case.limits.general(name))
            except Exception as error:  # noqa: BLE001  (what cannot be judged does not leave)
                found = refused(name, f"it could not be judged: {error!r}")
            if found is None:
                continue
            checks.append(found)
            if not found.passed:
                allowed = False
                break
        story = order_story(*case.key) if proposal.order_id else ""
        return RiskVerdict(
            time=proposal.now,
            correlation_id=story,
            order_id=proposal.order_id,
            client_id=proposal.client_id,
            allowed=allowed,
            checks=tuple(checks),
        )

    def _changed(self) -> None:
        self._day = TradingDay(self.book.params)
        self._plan(self.book.limits)

    def _plan(self, limits: Limits) -> None:
        """Work out which checks are made, in their order."""
        params = limits.params

        def made(makers: Mapping[str, Make]) -> list[tuple[str, Check]]:
            return [(name, make(limits)) for name, make in makers.items() if limits.sets(name)]

        plan: list[tuple[str, Check]] = [("order", Case.read)]
        plan += [(one.__name__, one) for one in self._gates]
        plan += stops(limits)
        plan += lists(limits)
        plan += [("before_restart", restart)] if limits.sets("before_restart") else []
        plan += [("trading_hours", trading_hours)] if params.trading_hours != "any" else []
        plan += made(OFTEN)
        plan += [("require_quote", quote)] if params.require_quote else []
        plan += [*made(COLLARS), *made(AMOUNTS), ("margin", margin), *made(DAYS)]
        plan += [("day_trading", day_trades)] if params.day_trading != "off" else []
        plan += [("classic_day_trading", classic)] if limits.classic else []
        self._checks = tuple(plan)
