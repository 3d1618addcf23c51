"""Whether the market is there, and whether a price fits it: quote, collar, hours, restart. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check, Make
from .limits import Limits
from .outcomes import Unknown, at_most, kept, refused, within
from .values import ZERO, exact

__all__ = ["COLLARS", "quote", "restart", "trading_hours"]

_HUNDRED = Decimal(100)
_MINUTE = 60


def quote(case: Case) -> RiskCheck | None:
    """There is a usable quote."""
    if not case.limits.params.require_quote:
        return None
    name = "require_quote"
    if case.shrinks:
        return kept(name, case.reduces)
    seen = case.usable
    if isinstance(seen, str):
        return refused(name, seen)
    return kept(name, value=Decimal(f"{seen.age:.6f}"), unit="seconds")


def restart(case: Case) -> RiskCheck | None:
    """No planned reset or restart is near."""
    name = "before_restart"
    minutes = case.limits.general(name)
    if minutes is None:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    now = case.proposal.now
    begins = case.sources.next_restart(now)
    if begins is None:
        return kept(name, "none is planned")
    left = Decimal(str(max((begins - now).total_seconds(), 0))) / _MINUTE
    if left > minutes:
        return RiskCheck(name=name, passed=True, value=left, limit=minutes, unit="minutes")
    text = f"a planned restart begins in {left:.1f} minutes"
    return refused(name, text, value=left, limit=minutes, unit="minutes")


def trading_hours(case: Case) -> RiskCheck | None:
    """The contract trades now."""
    which = case.limits.params.trading_hours
    if which == "any":
        return None
    name = "trading_hours"
    if case.shrinks:
        return kept(name, case.reduces)
    open_now = case.sources.is_open(case.contract, case.proposal.now, which == "trading")
    if open_now is None:
        raise Unknown("its hours are not known; ask for the contract's details first")
    return kept(name) if open_now else refused(name, f"outside of its {which} hours")


# ---- collar ------------------------------------------------------------------------------


def _through(case: Case) -> tuple[Decimal, Decimal] | None:
    """How far the order's price is through the market, 0 if it is not, and the market's price.

    A limit is through where it is worse than the opposite quote, a trigger where it has been
    reached already. None if the order names no price.
    """
    order, buys = case.order, case.buys
    limit, trigger = case.limit, case.trigger
    if trigger is not None and order.orderType != "LIT":
        limit = None  # it counts from the trigger on, and that is judged
    if limit is None and trigger is None:
        return None
    seen = case.usable
    if isinstance(seen, str):
        raise Unknown(f"its price cannot be judged: {seen}")
    best = seen.ask if buys else seen.bid
    price = order.lmtPrice if trigger is None else None
    if type(price) is float and best is not None and (price <= best if buys else price >= best):
        return ZERO, ZERO  # as nearly all orders: what is not through needs no exact numbers
    market = exact(best)
    assert market is not None  # else it were not usable
    worst = ZERO
    if limit is not None:
        worst = max(worst, limit - market if buys else market - limit)
    if trigger is not None:
        # A stop to buy waits above the market, one to sell below it; a touch the other way round.
        touched = order.orderType in {"MIT", "LIT"}
        worst = max(worst, trigger - market if buys is touched else market - trigger)
    return worst, market


def _collar(name: str, unit: str, step: Callable[[Case, Decimal], Decimal]) -> Make:
    """A collar in the steps that are made for a market price."""

    def make(limits: Limits) -> Check:
        limit = limits.general(name)
        assert limit is not None, name
        unnamed = kept(name, "the order names no price")

        def check(case: Case) -> RiskCheck:
            try:
                found = _through(case)
            except Unknown:
                if case.shrinks:
                    return kept(name, case.reduces)
                raise
            if found is None:
                return unnamed
            through, market = found
            if not through:
                return within(name, ZERO, limit, unit)
            if case.shrinks:
                return kept(name, case.reduces)
            steps = through / step(case, market)
            return at_most(name, steps, limit, unit=unit, what="its price is through the market by")

        return check

    return make


def _percent(_case: Case, market: Decimal) -> Decimal:
    """One percent of the market's price."""
    if not market:
        raise Unknown("the market's price is 0, and has no percent")
    return abs(market) / _HUNDRED


def _tick(case: Case, _market: Decimal) -> Decimal:
    """The increment of the contract's prices, by its quote or its details."""
    seen = case.usable
    known = None if isinstance(seen, str) else exact(seen.min_tick)
    if not known and case.details is not None:
        known = exact(case.details.minTick)
    if not known:
        raise Unknown("its price increment is not known; ask for the contract's details first")
    return known


#: The collars; each is made of the limits that set it.
COLLARS: dict[str, Make] = {
    "collar_percent": _collar("collar_percent", "percent", _percent),
    "collar_ticks": _collar("collar_ticks", "ticks", _tick),
}
