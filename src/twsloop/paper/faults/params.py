"""The parameters of faults: checked alike, whether Python gives them or a script says them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import attrs

from twsloop.errors import FaultError

__all__ = ["SECONDS", "Param", "choice", "count", "flag", "many", "number", "text"]


#: A number may be so high where nothing limits it: more seconds than any clock counts.
ENDLESS = 1e9
#: And a whole number: what the protocol's integers hold.
MOST = 2**31 - 1


@attrs.frozen(kw_only=True)
class Param:
    """What one parameter of a fault accepts.

    Attributes:
        kind: ``number``, ``count``, ``choice``, ``flag``, ``text`` or ``many``.
        meaning: For the docs.
        unit: What a number counts.
        low: The lowest number.
        high: The highest number.
        choices: The only texts, of a ``choice``.
        optional: Whether it may be left unset (None).
        of: What a ``many`` holds: ``count`` or ``text``.
    """

    kind: str
    meaning: str
    unit: str = ""
    low: float = 0.0
    high: float = ENDLESS
    choices: tuple[str, ...] = ()
    optional: bool = False
    of: str = ""

    def allowed(self) -> str:
        """What would be accepted, in words."""
        span = f"from {self.low:g} " + ("up" if self.high >= ENDLESS else f"to {self.high:g}")
        unit = f", in {self.unit}" if self.unit else ""
        words = {
            "number": f"a number {span}{unit}",
            "count": f"a whole number {span}{unit}",
            "choice": " | ".join(self.choices),
            "flag": "true | false",
            "text": "a text",
            "many": f"a list of {'whole numbers ' + span if self.of == 'count' else 'texts'}",
        }[self.kind]
        return f"{words}; or left out" if self.optional else words

    def read(self, value: Any) -> Any:
        """The value, as the fault keeps it.

        Raises:
            ValueError: It is not what is accepted.
        """
        if value is None and self.optional:
            return None
        if self.kind == "number":
            return float(self._number(value, (int, float)))
        if self.kind == "count":
            return self._number(value, (int,))
        if self.kind == "flag":
            return _typed(value, bool)
        if self.kind == "many":
            if isinstance(value, str) or not isinstance(value, Iterable):
                raise ValueError
            of_count = self.of == "count"
            return tuple(self._number(v, (int,)) if of_count else _typed(v, str) for v in value)
        if self.kind == "choice" and value not in self.choices:
            raise ValueError
        return _typed(value, str)

    def _number(self, value: Any, types: tuple[type, ...]) -> Any:
        if isinstance(value, bool) or not isinstance(value, types):
            raise ValueError
        amount: Any = value
        # No number (nan) is not between them either.
        if not self.low <= amount <= self.high:
            raise ValueError
        return amount


#: How long a fault lasts, when a plan begins, and how far apart.
SECONDS = Param(kind="number", meaning="A span.", unit="seconds")


def _typed(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError
    return value


def _read(value: Any, fault: Any, field: Any) -> Any:
    """Check a parameter of a fault that is being made."""
    param: Param = field.metadata["param"]
    try:
        return param.read(value)
    except ValueError:
        raise FaultError(
            "does not fit", fault=fault.name, key=field.name, value=value, allowed=param.allowed()
        ) from None


def _field(default: Any, param: Param) -> Any:
    converter = attrs.Converter(_read, takes_self=True, takes_field=True)
    return attrs.field(default=default, converter=converter, metadata={"param": param})


def number(
    default: float | None, meaning: str, *, low: float = 0.0, high: float = ENDLESS, unit: str = "s"
) -> Any:
    """A parameter that is a number, seconds unless told otherwise; default None: may be unset."""
    kind = Param(
        kind="number", meaning=meaning, low=low, high=high, unit=unit, optional=default is None
    )
    return _field(default, kind)


def count(
    default: int | None, meaning: str, *, low: int = 0, high: int = MOST, unit: str = ""
) -> Any:
    """A parameter that is a whole number; default None: may be unset."""
    kind = Param(
        kind="count", meaning=meaning, low=low, high=high, unit=unit, optional=default is None
    )
    return _field(default, kind)


def choice(default: str, meaning: str, choices: Sequence[str]) -> Any:
    """A parameter that is one of some words."""
    return _field(default, Param(kind="choice", meaning=meaning, choices=tuple(choices)))


def flag(default: bool, meaning: str) -> Any:
    """A parameter that is true or false."""
    return _field(default, Param(kind="flag", meaning=meaning))


def text(default: str | None, meaning: str) -> Any:
    """A parameter that is a text; default None: may be unset."""
    return _field(default, Param(kind="text", meaning=meaning, optional=default is None))


def many(
    default: Iterable[Any], meaning: str, *, of: str = "text", low: int = 0, high: int = MOST
) -> Any:
    """A parameter that is a list of texts, or with ``of="count"`` of whole numbers."""
    return _field(tuple(default), Param(kind="many", meaning=meaning, of=of, low=low, high=high))
