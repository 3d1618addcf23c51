"""What one day may cost: loss, drawdown, day trades. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check, Make
from .day_trades import DAY_TRADED
from .limits import Limits
from .outcomes import Unknown, at_most, kept, refused, shown, within
from .values import ZERO

__all__ = ["CLASSIC_MINIMUM", "DAYS", "classic", "day_trades"]

#: The classic rule (FINRA 4210 as it was until 2026): below this net liquidation, in US dollars...
CLASSIC_MINIMUM = Decimal(25_000)
#: ...no more than so many day trades within five business days.
CLASSIC_TRADES = 3


def _profit(case: Case) -> Decimal:
    profit = case.sources.day_profit(case.whose)
    if profit is None:
        raise Unknown("the day's profit is not known; follow the profit of the account")
    return case.in_limits(profit)


def _reached(name: str, what: str, measure: Callable[[Case], Decimal]) -> Make:
    """A limit of the day: once reached it counts as reached until the day is over."""

    def make(limits: Limits) -> Check:
        general = limits.general(name) if limits.only_general(name) else None

        def check(case: Case) -> RiskCheck | None:
            limit = limits.of_account(name, case.account) if general is None else general
            if limit is None:
                return None
            value: Decimal | None = None
            if case.memory.days.latched(case.account, name, case.day):
                text = "it was reached today, and nobody released it"
            else:
                try:
                    value = measure(case)
                except Unknown:
                    if case.reduces:
                        return kept(name, case.reduces)
                    raise
                if value < limit:
                    return within(name, value, limit)
                text = f"{what} {shown(value)} has reached the limit of {shown(limit)}"
            passed = bool(case.reduces)
            text = f"{text}, but {case.reduces}" if passed else text
            return RiskCheck(name=name, passed=passed, value=value, limit=limit, text=text)

        return check

    return make


def _loss(case: Case) -> Decimal:
    return max(-_profit(case), ZERO)


def _fall(case: Case) -> Decimal:
    profit = _profit(case)
    return max(case.memory.days.peak(case.account, case.day), profit) - profit


def day_trades(case: Case) -> RiskCheck | None:
    """The broker tells that a day trade remains; -1 is without end."""
    if case.ident.kind[0] not in DAY_TRADED:
        return None
    name = "day_trading"
    left = case.sources.account_value(case.account, "DayTradesRemaining")
    if left is None:
        if case.limits.params.day_trading != "broker":
            return None
        if case.reduces:
            return kept(name, case.reduces)
        raise Unknown(
            "how many day trades remain is not known: the broker has not told "
            "([risk] day_trading = known lets orders pass without it)"
        )
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
    if case.account.upper() not in case.limits.classic or case.ident.kind[0] not in DAY_TRADED:
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
        raise Unknown(
            "how many day trades were made in five business days is not known: they are counted "
            "by the order journal ([journal] enabled)"
        )
    return at_most(
        name,
        Decimal(made + 1),
        Decimal(CLASSIC_TRADES),
        unit="day trades",
        what="with this one there would be",
    )


#: The limits of the day; each is made of the limits that set it.
DAYS: dict[str, Make] = {
    "max_daily_loss": _reached("max_daily_loss", "the day's loss of", _loss),
    "max_drawdown": _reached("max_drawdown", "the fall from the day's best of", _fall),
}
