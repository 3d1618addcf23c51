"""Whether the market is there, and whether a price fits it: quote, collar, hours, restart. Pure."""

from __future__ import annotations

from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check
from .outcomes import Unknown, at_most, kept, refused
from .reservations import trigger_of
from .values import exact

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


def _through(case: Case) -> Decimal | None:
    """How far the order's price is through the market; None if it names none, 0 if it is not.

    A limit is through where it is worse than the opposite quote, a trigger where it has been
    reached already.
    """
    order, buys = case.order, case.buys
    kind = order.orderType
    limit, trigger = exact(order.lmtPrice) or None, trigger_of(order)
    if trigger is not None and kind != "LIT":
        limit = None  # it counts from the trigger on, and that is judged
    if limit is None and trigger is None:
        return None
    seen = case.usable
    if isinstance(seen, str):
        raise Unknown(f"its price cannot be judged: {seen}")
    assert seen.bid is not None
    assert seen.ask is not None
    market = exact(seen.ask if buys else seen.bid)
    assert market is not None
    worst = Decimal(0)
    if limit is not None:
        worst = max(worst, limit - market if buys else market - limit)
    if trigger is not None:
        # A stop to buy waits above the market, one to sell below it; a touch the other way round.
        touched = kind in {"MIT", "LIT"}
        worst = max(worst, trigger - market if buys is touched else market - trigger)
    return worst


def _collar_percent(case: Case) -> RiskCheck | None:
    name = "collar_percent"
    limit = case.limits.general(name)
    if limit is None:
        return None
    if case.shrinks:
        return kept(name, case.reduces)
    through = _through(case)
    if through is None:
        return kept(name, "the order names no price")
    seen = case.usable
    assert not isinstance(seen, str)
    market = abs(exact(seen.ask if case.buys else seen.bid) or Decimal(0))
    if not market:
        return kept(name) if not through else refused(name, "the market's price is 0")
    return at_most(
        name, through / market * _HUNDRED, limit, unit="percent", what="through the market by"
    )


def _collar_ticks(case: Case) -> RiskCheck | None:
    name = "collar_ticks"
    limit = case.limits.general(name)
    if limit is None:
        return None
    if case.shrinks:
        return kept(name, case.reduces)
    through = _through(case)
    if through is None:
        return kept(name, "the order names no price")
    tick = _tick(case)
    if tick is None:
        raise Unknown("its price increment is not known; ask for the contract's details first")
    return at_most(name, through / tick, limit, unit="ticks", what="through the market by")


def _tick(case: Case) -> Decimal | None:
    """The increment of the contract's prices, by its quote or its details."""
    seen = case.quote
    for source in (seen, case.details):
        known = None if source is None else getattr(source, "min_tick", None)
        if known is None:
            known = getattr(source, "minTick", None)
        tick = exact(known)
        if tick:
            return tick
    return None


COLLARS: dict[str, Check] = {"collar_percent": _collar_percent, "collar_ticks": _collar_ticks}
