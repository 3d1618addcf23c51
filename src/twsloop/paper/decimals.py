"""Decimals between ticks and messages: what a float was written as, and how IB writes sizes."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["decimal_price", "plain"]


def decimal_price(price: float | None) -> Decimal | None:
    """A tick's float as the decimal it was written as; None stays None."""
    return None if price is None else Decimal(repr(price))


def plain(value: Decimal) -> str:
    """A decimal as IB writes sizes: no exponent, no zeros at its end."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") or "0" if "." in text else text
