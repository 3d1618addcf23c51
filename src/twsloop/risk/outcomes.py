"""How a check says what it found. Pure."""

from __future__ import annotations

from decimal import Decimal

from twsloop.events import RiskCheck

__all__ = ["Unknown", "at_most", "kept", "refused", "shown"]


class Unknown(Exception):
    """A number that a limit needs is not known; the text says which, and what to do about it."""


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


def at_most(
    name: str, value: Decimal, limit: Decimal, *, unit: str = "", what: str = ""
) -> RiskCheck:
    """What was measured must not be above the limit.

    Args:
        name: The check.
        value: What was measured.
        limit: What is allowed.
        unit: Of both.
        what: What was measured, for the text of a refusal.
    """
    if value <= limit:
        return RiskCheck(name=name, passed=True, value=value, limit=limit, unit=unit)
    text = f"{what} {shown(value)}{unit and f' {unit}'} is more than {shown(limit)}"
    return refused(name, text.lstrip(), value=value, limit=limit, unit=unit)


def shown(value: Decimal) -> str:
    """A number for people: no exponent, no noise behind the eighth digit."""
    text = f"{value:.8f}".rstrip("0").rstrip(".") if value.is_finite() else str(value)
    return text or "0"
