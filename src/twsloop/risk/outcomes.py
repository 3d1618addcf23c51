"""How a check says what it found. Pure."""

from __future__ import annotations

from decimal import Decimal

import attrs

from twsloop.events import RiskCheck

__all__ = ["Unknown", "above", "at_most", "kept", "refused", "shown", "within"]


class Unknown(Exception):
    """A number that a limit needs is not known; the text says which, and what to do about it."""


_new = RiskCheck.__new__
_set_name, _set_passed, _set_value, _set_limit, _set_unit, _set_text = (
    RiskCheck.__dict__[field.name].__set__ for field in attrs.fields(RiskCheck)
)

#: A check that says nothing more is one object for all orders: there are as many as checks.
_PLAIN: dict[str, RiskCheck] = {}


def kept(name: str, text: str = "", *, value: Decimal | None = None, unit: str = "") -> RiskCheck:
    """It lets the order pass."""
    if text or value is not None:
        return RiskCheck(name=name, passed=True, value=value, unit=unit, text=text)
    found = _PLAIN.get(name)
    if found is None:
        found = _PLAIN[name] = RiskCheck(name=name, passed=True)
    return found


def within(name: str, value: Decimal | None, limit: Decimal | None, unit: str = "") -> RiskCheck:
    """It lets the order pass, and this is what was measured.

    Most of what a gate says is this, a dozen times an order. It fills the slots as the class's own
    initializer does, in half of its time: that has six keywords to sort.
    """
    check = _new(RiskCheck)
    _set_name(check, name)
    _set_passed(check, True)
    _set_value(check, value)
    _set_limit(check, limit)
    _set_unit(check, unit)
    _set_text(check, "")
    return check


def refused(
    name: str,
    text: str,
    *,
    value: Decimal | None = None,
    limit: Decimal | None = None,
    unit: str = "",
) -> RiskCheck:
    """It does not."""
    return RiskCheck(name=name, passed=False, value=value, limit=limit, unit=unit, text=text)


def at_most(name: str, value: Decimal, limit: Decimal, *, unit: str = "", what: str) -> RiskCheck:
    """What was measured must not be above the limit.

    Args:
        name: The check.
        value: What was measured.
        limit: What is allowed.
        unit: Of both.
        what: What was measured, for the text of a refusal, which goes on with the number.
    """
    if value <= limit:
        return within(name, value, limit, unit)
    text = f"{what} {above(value, limit, unit)}"
    return refused(name, text, value=value, limit=limit, unit=unit)


def above(value: Decimal, limit: Decimal, unit: str = "") -> str:
    """In words: a number that is above its limit, no longer than it takes to see that.

    Args:
        value: What was measured.
        limit: What is allowed.
        unit: Of both, in the plural.
    """
    rounded = round(value, 2) if value.is_finite() else value
    number = shown(rounded if rounded > limit else value)
    unit = unit.removesuffix("s") if number == "1" else unit
    return f"{number}{unit and f' {unit}'}, above the limit of {shown(limit)}"


def shown(value: Decimal) -> str:
    """A number for people: no exponent, no noise behind the eighth digit."""
    text = f"{value:.8f}".rstrip("0").rstrip(".") if value.is_finite() else str(value)
    return text or "0"
