"""How much: sizes, values, positions, exposure, buying power. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check
from .exposures import worth
from .outcomes import Unknown, at_most, kept, refused
from .values import ZERO

__all__ = ["AMOUNTS"]

_HUNDRED = Decimal(100)


def _amount(name: str, unit: str, what: str, measure: Callable[[Case], Decimal]) -> Check:
    """A check of one number against one limit; a change or an order that reduces passes it."""

    def check(case: Case) -> RiskCheck | None:
        limit = case.limits.of(name, case)
        if limit is None:
            return None
        if case.reduces:
            return kept(name, case.reduces)
        return at_most(name, measure(case), limit, unit=unit, what=what)

    check.__name__ = name
    return check


def _concentration(case: Case) -> RiskCheck | None:
    name = "max_concentration"
    limit = case.limits.general(name)
    if limit is None:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    worth = case.account_money("NetLiquidation")
    if worth is None or worth <= 0:
        raise Unknown("the account's net liquidation is not known")
    share = _position_value(case) / worth * _HUNDRED
    return at_most(name, share, limit, unit="percent", what="of the account's worth")


def _buying_power(case: Case) -> RiskCheck | None:
    name = "max_buying_power"
    percent = case.limits.general(name)
    if percent is None:
        return None
    if case.reduces:
        return kept(name, case.reduces)
    power = case.account_money("BuyingPower")
    if power is None:
        raise Unknown("the account's buying power is not known")
    what = "opened by all working orders and this one:"
    return at_most(name, case.exposure.opening, power * percent / _HUNDRED, unit="", what=what)


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
    if case.reduces:
        return kept(name, case.reduces)
    count = case.working.count(case.account, case.key) + 1
    return at_most(name, Decimal(count), limit, unit="orders", what="with this one")


def _position_value(case: Case) -> Decimal:
    size = max(case.position, ZERO)
    if not size:
        return ZERO
    return size * worth(case, case.ident, case.contract, held=case.held != (ZERO, ZERO))


AMOUNTS: dict[str, Check] = {
    "max_quantity": _amount("max_quantity", "units", "its size", lambda case: case.size),
    "max_notional": _amount("max_notional", "", "its value", lambda case: case.notional),
    "max_open_orders": _open_orders,
    "max_position": _amount(
        "max_position", "units", "the position with all working orders", lambda case: case.position
    ),
    "max_position_value": _amount(
        "max_position_value", "", "the value of that position", _position_value
    ),
    "max_gross_exposure": _amount(
        "max_gross_exposure", "", "the account's exposure", lambda case: case.exposure.gross
    ),
    "max_concentration": _concentration,
    "max_buying_power": _buying_power,
    "margin": _margin,
}
