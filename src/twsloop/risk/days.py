"""What one day may cost: loss, drawdown, day trades. Pure."""

from __future__ import annotations

from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check
from .outcomes import Unknown, at_most, kept, refused
from .values import ZERO

__all__ = ["CLASSIC_MINIMUM", "DAYS", "classic", "day_trades"]

#: The classic rule (FINRA 4210 as it was until 2026): below this net liquidation, in US dollars...
CLASSIC_MINIMUM = Decimal(25_000)
#: ...no more than so many day trades within five business days.
CLASSIC_TRADES = 3
#: Kinds that the rules on day trading are about.
_DAY_TRADED = frozenset({"STK", "OPT", "WAR"})


def _profit(case: Case) -> Decimal:
    profit = case.sources.day_profit(case.account)
    if profit is None:
        raise Unknown("the day's profit is not known; follow the profit of the account")
    return case.in_limits(profit)


def _daily_loss(case: Case) -> RiskCheck | None:
    name = "max_daily_loss"
    limit = case.limits.of_account(name, case.account)
    if limit is None:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    if case.memory.days.latched(case.account, name, case.day):
        return refused(name, "it was reached today, and nobody released it", limit=limit)
    return _below(name, max(-_profit(case), ZERO), limit, "the day's loss of")


def _drawdown(case: Case) -> RiskCheck | None:
    name = "max_drawdown"
    limit = case.limits.of_account(name, case.account)
    if limit is None:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    if case.memory.days.latched(case.account, name, case.day):
        return refused(name, "it was reached today, and nobody released it", limit=limit)
    profit = _profit(case)
    peak = max(case.memory.days.peak(case.account, case.day), profit)
    return _below(name, peak - profit, limit, "the fall from the day's best of")


def _below(name: str, value: Decimal, limit: Decimal, what: str) -> RiskCheck:
    """What has reached its limit is over it: the next loss would be."""
    if value < limit:
        return RiskCheck(name=name, passed=True, value=value, limit=limit)
    text = f"{what} {value:f} has reached {limit:f}"
    return refused(name, text, value=value, limit=limit)


def day_trades(case: Case) -> RiskCheck | None:
    """The broker tells that a day trade remains; -1 is without end."""
    if case.limits.params.day_trading == "off" or case.ident.kind[0] not in _DAY_TRADED:
        return None
    left = case.sources.account_value(case.account, "DayTradesRemaining")
    if left is None:
        return None
    name = "day_trading"
    if left:
        return kept(name, value=left, unit="day trades")
    if case.reduces:
        return kept(name, case.reduces, value=left, unit="day trades")
    return refused(
        name,
        "the broker tells that no day trade remains: what is opened could not be closed today",
        value=left,
        unit="day trades",
    )


def classic(case: Case) -> RiskCheck | None:
    """The classic rule of pattern day trading, for accounts that are named."""
    name = "classic_day_trading"
    if case.account.upper() not in case.limits.classic or case.ident.kind[0] not in _DAY_TRADED:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    worth = case.account_money("NetLiquidation")
    if worth is None:
        raise Unknown("the account's net liquidation is not known")
    if worth >= CLASSIC_MINIMUM:
        return kept(name, value=worth)
    made = case.sources.day_trades(case.account)
    if made is None:
        raise Unknown("how many day trades were made in five business days is not known")
    return at_most(
        name,
        Decimal(made + 1),
        Decimal(CLASSIC_TRADES),
        unit="day trades",
        what="with the one that this could become,",
    )


DAYS: dict[str, Check] = {"max_daily_loss": _daily_loss, "max_drawdown": _drawdown}
