"""Option symbols as the Options Clearing Corporation writes them.

A symbol is the root (1 to 6 characters), then a tail of exactly 15: expiry ``YYMMDD``, ``C`` or
``P``, and the strike in thousandths as 8 digits. The clearing form pads the root with blanks to 6
characters; most services leave the blanks out, so the tail is read from the right.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Literal

import attrs

__all__ = ["OptionSymbol"]

_SYMBOL = re.compile(r"([A-Z][A-Z0-9.]{0,5}) {0,5}(\d{6})([CP])(\d{8})", re.ASCII)
_CENTURY = 2000  # OCC writes two digits; listed options began in 1973, this form in 2010
_LONGEST = 21
_MOST = Decimal("99999.999")


@attrs.frozen(order=True)
class OptionSymbol:
    """One listed option.

    >>> from api_client import OptionSymbol
    >>> option = OptionSymbol.parse("SLV230519C00023000")
    >>> option.root, option.expiry.isoformat(), option.right, str(option.strike)
    ('SLV', '2023-05-19', 'C', '23')
    >>> str(option), option.padded
    ('SLV230519C00023000', 'SLV   230519C00023000')

    Attributes:
        root: The option root, e.g. ``SLV``, or ``SLV1`` for an adjusted series.
        expiry: The expiration date.
        right: ``C`` for a call, ``P`` for a put.
        strike: In the currency's unit, at most three decimals.

    Raises:
        ValueError: A part that the form has no place for.
    """

    root: str = attrs.field()
    expiry: dt.date = attrs.field()
    right: Literal["C", "P"] = attrs.field(validator=attrs.validators.in_(("C", "P")))
    strike: Decimal = attrs.field()

    @root.validator
    def _check_root(self, _: object, value: str) -> None:
        if not re.fullmatch(r"[A-Z][A-Z0-9.]{0,5}", value, re.ASCII):
            raise ValueError(f"an option root has 1 to 6 of A-Z, 0-9 and '.': {value!r}")

    @expiry.validator
    def _check_expiry(self, _: object, value: dt.date) -> None:
        if not _CENTURY <= value.year < _CENTURY + 100:
            raise ValueError(f"an OCC symbol holds years 2000 to 2099: {value}")

    @strike.validator
    def _check_strike(self, _: object, value: Decimal) -> None:
        if not (value.is_finite() and 0 <= value <= _MOST and value * 1000 % 1 == 0):
            raise ValueError(f"an OCC strike is 0 to 99999.999 in thousandths: {value}")

    @classmethod
    def parse(cls, text: str) -> OptionSymbol:
        """Read the compact or the padded form.

        Raises:
            ValueError: Not an option symbol; the text says which part.
        """
        match = _SYMBOL.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            raise ValueError(f"not an OCC option symbol (ROOT YYMMDD C|P 8 digits): {text[:40]!r}")
        root, day, right, strike = match.groups()
        try:
            expiry = dt.date(_CENTURY + int(day[:2]), int(day[2:4]), int(day[4:]))
        except ValueError:
            raise ValueError(f"no such expiry date in option symbol {text!r}: {day}") from None
        amount = Decimal(int(strike)).scaleb(-3)
        whole = amount == amount.to_integral_value()
        return cls(
            root=root,
            expiry=expiry,
            right="C" if right == "C" else "P",
            strike=amount.quantize(Decimal(1)) if whole else amount.normalize(),
        )

    @property
    def _tail(self) -> str:
        return f"{self.expiry:%y%m%d}{self.right}{int(self.strike * 1000):08d}"

    @property
    def padded(self) -> str:
        """The clearing form: 21 characters, the root padded with blanks."""
        return f"{self.root:<6}{self._tail}"

    def __str__(self) -> str:
        return f"{self.root}{self._tail}"
