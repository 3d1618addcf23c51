"""What the risk gate said, what its limits were changed to, and the kill switch."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import attrs

from .basis import aware, in_utc
from .day import DayClosing, DayOrder, DayStep
from .orders import OrderFact

__all__ = [
    "DayPeak",
    "KillSwitchActed",
    "KillSwitchChanged",
    "KillSwitchClaimed",
    "RiskBreached",
    "RiskCheck",
    "RiskLimitChanged",
    "RiskVerdict",
]


@attrs.frozen(kw_only=True)
class RiskCheck:
    """One check of the gate, with its numbers.

    Attributes:
        name: The check, as the settings call it.
        passed: Whether the order may go on, as far as this check is concerned.
        value: What was measured; None where there is nothing to measure.
        limit: What is allowed; None where there is no limit.
        unit: Of both.
        text: In words, for people; why it failed, or why it did not apply.
    """

    name: str
    passed: bool
    value: Decimal | None = None
    limit: Decimal | None = None
    unit: str = ""
    text: str = ""


@attrs.frozen(kw_only=True)
class RiskVerdict(OrderFact):
    """What the gate said of one order.

    Attributes:
        order_id: The order; 0 for one that has no id yet (a preview).
        client_id: Whose order it is.
        allowed: Whether it may leave.
        checks: All that were made, in their order; the first that failed ends them.
    """

    order_id: int = 0
    client_id: int = 0
    allowed: bool
    checks: tuple[RiskCheck, ...] = ()

    @property
    def failed(self) -> RiskCheck | None:
        """The check that refused it; None if it is allowed."""
        return next((check for check in self.checks if not check.passed), None)

    @property
    def reason(self) -> str:
        """Why it is refused, in words; empty if it is allowed."""
        failed = self.failed
        return "" if failed is None else f"{failed.name}: {failed.text}"


@attrs.frozen(kw_only=True)
class RiskLimitChanged(OrderFact):
    """A limit was changed while the program ran.

    Attributes:
        limit: Its name, as the settings call it.
        old: What it was, as text; empty for none.
        new: What it is.
        loosened: More is allowed than before.
        reason: Why; never empty if it was loosened.
        by: Who did it: ``api``, ``cli``, ``reload``; ``restart`` for a limit that was made tighter
            before a restart, and holds for the rest of the day.
        client_id: Whose limit; None if nobody said so.
    """

    limit: str
    old: str
    new: str
    loosened: bool
    reason: str = ""
    by: str = ""
    client_id: int | None = None


@attrs.frozen(kw_only=True)
class RiskBreached(OrderFact):
    """A limit is exceeded between two orders: by a fill, a price, or another client.

    Attributes:
        check: The check.
        account: The account.
        latched: New orders stay refused until somebody releases it.
    """

    check: RiskCheck
    account: str = ""
    latched: bool = False


@attrs.frozen(kw_only=True)
class DayPeak(OrderFact):
    """The day's profit of an account is at a new height, from which a drawdown is measured.

    Attributes:
        account: The account.
        profit: The height, in the currency of the limits.
    """

    account: str
    profit: Decimal


@attrs.frozen(kw_only=True)
class KillSwitchChanged(OrderFact):
    """The kill switch was engaged or released.

    Attributes:
        engaged: New orders are refused from now on.
        by: What did it: ``api``, ``cli``, ``file``, ``signal``, ``loss limit``, ``breaker``.
        reason: Why, in words; never empty for a release.
        cancel: What is cancelled at the broker: ``entries``, ``all``, ``none``.
        flatten: Positions are closed, too.
    """

    engaged: bool
    by: str
    reason: str = ""
    cancel: str = "none"
    flatten: bool = False


@attrs.frozen(kw_only=True)
class KillSwitchClaimed(OrderFact):
    """One program closes the positions for an engaged kill switch; no other one does it as well.

    Attributes:
        client_id: Which.
        accounts: The accounts of its login, whose positions it closes.
        engaged: When the switch was engaged, UTC.
    """

    client_id: int
    accounts: tuple[str, ...]
    engaged: datetime = attrs.field(converter=in_utc, validator=aware)


@attrs.frozen(kw_only=True)
class KillSwitchActed(OrderFact):
    """What the kill switch did at the broker, once it could.

    Attributes:
        client_id: Whose orders it was about; each program acts for its own.
        reason: Why it is engaged, in words.
        steps: What was to be done, and what became of it.
        cancelled: The orders that it cancelled, as they stood afterwards.
        closed: The positions that it closed, or tried to.
    """

    client_id: int
    reason: str = ""
    steps: tuple[DayStep, ...] = ()
    cancelled: tuple[DayOrder, ...] = ()
    closed: tuple[DayClosing, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no step failed."""
        return all(step.outcome != "failed" for step in self.steps)

    def __str__(self) -> str:
        return "; ".join(f"{step.name}: {step.text}" for step in self.steps)
