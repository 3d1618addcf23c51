"""How much: sizes, values, positions, exposure, buying power. Pure."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter

import attrs

from twsloop.events import RiskCheck

from .case import Case
from .checks import Check, Make
from .exposures import worth
from .limits import Limits
from .outcomes import Unknown, at_most, kept, refused, within
from .values import ZERO

__all__ = ["AMOUNTS", "margin"]

_HUNDRED = Decimal(100)


Measure = Callable[[Case], Decimal]


@attrs.frozen
class _Amount:
    """One number against its limit; an order, or a change, that only reduces risk may be over it.

    Attributes:
        name: The check.
        unit: Of the number.
        what: What was measured, for the text of a refusal.
        measure: The number.
    """

    name: str
    unit: str
    what: str
    measure: Measure

    def judge(self, case: Case, limit: Decimal) -> RiskCheck:
        """The number of an order, with the limit that counts for it."""
        name = self.name
        try:
            value = self.measure(case)
        except Unknown:
            if case.reduces:
                return kept(name, case.reduces)
            raise
        if value <= limit:
            return within(name, value, limit, self.unit)
        if case.reduces:
            return RiskCheck(
                name=name, passed=True, value=value, limit=limit, unit=self.unit, text=case.reduces
            )
        return at_most(name, value, limit, unit=self.unit, what=self.what)

    def make(self, limits: Limits) -> Check:
        """The check of a limit that a symbol or an account may have of its own."""
        name, judge = self.name, self.judge
        general = limits.general(name)
        if general is not None and limits.only_general(name):
            return lambda case: judge(case, general)

        def check(case: Case) -> RiskCheck | None:
            limit = limits.of(name, case)
            return None if limit is None else judge(case, limit)

        return check


def _share_of_worth(case: Case) -> Decimal:
    worth_now = case.account_money("NetLiquidation")
    if worth_now is None or worth_now <= 0:
        raise Unknown("the account's net liquidation is not known")
    return _position_value(case) / worth_now * _HUNDRED


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
    return _OPENED.judge(case, power * percent / _HUNDRED)


def margin(case: Case) -> RiskCheck | None:
    """The margin of a what-if, where a preview has asked for one, is free."""
    needed = case.proposal.margin
    if needed is None or case.reduces:
        return None
    free = case.sources.account_value(case.account, "AvailableFunds")
    if free is None:
        return refused("margin", "the account's available funds are not known")
    return at_most("margin", needed, max(free, ZERO), what="the what-if's margin is")


def _open_orders(limits: Limits) -> Check:
    """A change adds no order."""
    check = _COUNTED.make(limits)
    return lambda case: check(case) if case.proposal.kind == "place" else None


def _count(case: Case) -> Decimal:
    return Decimal(case.working.count(case.whose, case.key) + 1)


def _position_value(case: Case) -> Decimal:
    size = max(case.position, ZERO)
    if not size:
        return ZERO
    return size * worth(case, case.ident, case.contract, held=case.held != (ZERO, ZERO))


_COUNTED = _Amount("max_open_orders", "orders", "with this one there would be", _count)
_OPENED = _Amount(
    "max_buying_power",
    "",
    "all working orders and this one would open",
    lambda case: case.exposure.opening,
)
_SIMPLE = (
    _Amount("max_quantity", "units", "its size is", attrgetter("size")),
    _Amount("max_notional", "", "its value is", attrgetter("notional")),
    _Amount(
        "max_position",
        "units",
        "the position with all working orders would be",
        attrgetter("position"),
    ),
    _Amount("max_position_value", "", "the value of that position would be", _position_value),
    _Amount(
        "max_gross_exposure", "", "the account's exposure would be", attrgetter("exposure.gross")
    ),
    _Amount(
        "max_concentration",
        "percent",
        "the position's share of the account's worth would be",
        _share_of_worth,
    ),
)

_MADE: dict[str, Make] = {one.name: one.make for one in _SIMPLE}
_MADE["max_open_orders"] = _open_orders
_MADE["max_buying_power"] = lambda _limits: _buying_power

#: How much, in the order of the checks; each is made of the limits that set it.
AMOUNTS: dict[str, Make] = {
    name: _MADE[name]
    for name in (
        *("max_quantity", "max_notional", "max_open_orders", "max_position"),
        *("max_position_value", "max_gross_exposure", "max_concentration", "max_buying_power"),
    )
}
