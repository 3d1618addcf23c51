"""How much: sizes, values, positions, exposure, buying power. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check
from .exposures import worth
from .limits import Limits
from .outcomes import Unknown, at_most, kept, refused
from .values import ZERO

__all__ = ["AMOUNTS"]

_HUNDRED = Decimal(100)


Measure = Callable[[Case], Decimal]
#: The unit, and what was measured.
_Words = tuple[str, str]


def _within(
    case: Case, name: str, limit: Decimal, measure: Measure, words: tuple[str, str]
) -> RiskCheck:
    """One number against its limit; an order, or a change, that only reduces risk may be over it.

    Args:
        case: The order.
        name: The check.
        limit: What is allowed.
        measure: The number.
        words: Its unit, and what it is.
    """
    unit, what = words
    try:
        value = measure(case)
    except Unknown:
        if case.reduces:
            return kept(name, case.reduces)
        raise
    if value > limit and case.reduces:
        return RiskCheck(
            name=name, passed=True, value=value, limit=limit, unit=unit, text=case.reduces
        )
    return at_most(name, value, limit, unit=unit, what=what)


Make = Callable[[Limits], Check]


def _amount(name: str, unit: str, what: str, measure: Measure) -> Make:
    """Makes the check of a limit that a symbol or an account may have of its own."""
    words = unit, what

    def make(limits: Limits) -> Check:
        general = limits.general(name)
        if general is None or not limits.only_general(name):
            return own
        return lambda case: _within(case, name, general, measure, words)

    def own(case: Case) -> RiskCheck | None:
        limit = case.limits.of(name, case)
        return None if limit is None else _within(case, name, limit, measure, words)

    return make


def _just(check: Check) -> Make:
    """Makes a check that looks its limit up by itself."""
    return lambda _limits: check


def _share_of_worth(case: Case) -> Decimal:
    worth_now = case.account_money("NetLiquidation")
    if worth_now is None or worth_now <= 0:
        raise Unknown("the account's net liquidation is not known")
    return _position_value(case) / worth_now * _HUNDRED


def _concentration(case: Case) -> RiskCheck | None:
    name = "max_concentration"
    limit = case.limits.general(name)
    if limit is None:
        return None
    return _within(case, name, limit, _share_of_worth, ("percent", "of the account's worth"))


def _buying_power(case: Case) -> RiskCheck | None:
    name = "max_buying_power"
    percent = case.limits.general(name)
    if percent is None:
        return None
    power = case.account_money("BuyingPower")
    if power is None:
        if case.reduces:
            return kept(name, case.reduces)
        raise Unknown("the account's buying power is not known")
    words = "", "opened by all working orders and this one:"
    limit = power * percent / _HUNDRED
    return _within(case, name, limit, lambda case: case.exposure.opening, words)


def _margin(case: Case) -> RiskCheck | None:
    margin = case.proposal.margin
    if margin is None or case.reduces:
        return None
    free = case.sources.account_value(case.account, "AvailableFunds")
    if free is None:
        return refused("margin", "the account's available funds are not known")
    return at_most("margin", margin, max(free, ZERO), what="the what-if's margin")


def _open_orders(case: Case) -> RiskCheck | None:
    name = "max_open_orders"
    limit = case.limits.of(name, case)
    if limit is None or case.proposal.kind != "place":
        return None
    return _within(case, name, limit, _count, ("orders", "with this one"))


def _count(case: Case) -> Decimal:
    return Decimal(case.working.count(case.whose, case.key) + 1)


def _position_value(case: Case) -> Decimal:
    size = max(case.position, ZERO)
    if not size:
        return ZERO
    return size * worth(case, case.ident, case.contract, held=case.held != (ZERO, ZERO))


AMOUNTS: dict[str, Make] = {
    "max_quantity": _amount("max_quantity", "units", "its size", lambda case: case.size),
    "max_notional": _amount("max_notional", "", "its value", lambda case: case.notional),
    "max_open_orders": _just(_open_orders),
    "max_position": _amount(
        "max_position", "units", "the position with all working orders", lambda case: case.position
    ),
    "max_position_value": _amount(
        "max_position_value", "", "the value of that position", _position_value
    ),
    "max_gross_exposure": _amount(
        "max_gross_exposure", "", "the account's exposure", lambda case: case.exposure.gross
    ),
    "max_concentration": _just(_concentration),
    "max_buying_power": _just(_buying_power),
    "margin": _just(_margin),
}
