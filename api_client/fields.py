"""How a JSON value becomes a field: one kind for each form that the contract uses.

An answer class is an `attrs` class whose fields are made by the functions below::

    class Trade(Record):
        price: Decimal | None = money()

`read` fills it from a JSON object: a missing or null value gives None, a value of another form
raises `WrongShape` with its path, and what the class does not know is kept in ``extra``. JSON
numbers with a point arrive as Decimal (`load`), so that money never passes through a float. The
tests hold these kinds against ``openapi.json``.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import attrs

from .occ import OptionSymbol

__all__ = [
    "EASTERN",
    "Kind",
    "Record",
    "WrongShape",
    "clock_time",
    "eastern",
    "epoch_ms",
    "flag",
    "integer",
    "iso",
    "load",
    "many",
    "mapping",
    "moment",
    "money",
    "numbers",
    "option",
    "plan",
    "raw",
    "read",
    "real",
    "record",
    "text",
    "texts",
]

EASTERN = ZoneInfo("America/New_York")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MOST_DIGITS = 30  # an integer with more is not a count, a size or a time
_SHOWN = 60
_GREATEST_EXPONENT = 1000  # a float ends at 308
_LONGEST_NUMBER = 4000  # characters; Python's own limit for whole numbers is 4300 digits

R = TypeVar("R", bound="Record")
Reader = Callable[[Any, str], Any]


class WrongShape(ValueError):
    """A JSON value that is not of the contract's form."""

    def __init__(self, path: str, expected: str, value: object) -> None:
        shown = repr(value) if not isinstance(value, Decimal) else str(value)
        self.got = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        self.path = path
        self.expected = expected
        super().__init__(f"{path}: expected {expected}, got {self.got}")


@attrs.frozen
class Kind:
    """How one field is read.

    Attributes:
        name: The function's name below, e.g. ``money``.
        types: The JSON types it may have besides null (those of JSON Schema); empty means any.
        read: From a JSON value (never null) and its path.
        required: A missing or null value is an error.
        of: The record class inside, if there is one.
    """

    name: str
    types: frozenset[str]
    read: Reader
    required: bool = False
    of: type[Record] | None = None


@attrs.frozen(kw_only=True)
class Record:
    """What every answer class shares.

    Attributes:
        extra: The fields that came and that this class does not know, as JSON gave them.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)


def plan(cls: type[Record]) -> Mapping[str, Kind]:
    """The fields of an answer class in order: name on the wire -> how it is read."""
    found = _PLANS.get(cls)
    if found is None:
        kinds = ((field.name, field.metadata.get("kind")) for field in attrs.fields(cls))
        found = _PLANS[cls] = {name: kind for name, kind in kinds if kind is not None}
    return found


_PLANS: dict[type[Record], Mapping[str, Kind]] = {}  # filled at first use


def read(cls: type[R], value: object, path: str) -> R:
    """Fill an answer class from a JSON object.

    Raises:
        WrongShape: Not an object, or a field of another form.
    """
    if not isinstance(value, dict):
        raise WrongShape(path, "an object", value)
    kinds = plan(cls)
    found: dict[str, Any] = {}
    for name, kind in kinds.items():
        item = value.get(name)
        if item is not None:
            found[name] = kind.read(item, f"{path}.{name}")
        elif kind.required:
            raise WrongShape(f"{path}.{name}", "a list", item)
    return cls(**found, extra={name: item for name, item in value.items() if name not in kinds})


def load(body: bytes) -> Any:
    """Parse JSON; numbers with a point become Decimal.

    ``NaN`` and ``Infinity`` are not JSON, but services that are built on pandas let them slip out
    for "no value": they become None, rather than costing the other rows of the answer.

    Raises:
        ValueError: Not JSON, nested beyond reading, or with a number beyond any sense.
    """
    try:
        return json.loads(body, parse_float=_decimal, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _decimal(text: str) -> Decimal:
    """A number with a point or an exponent, digit for digit.

    1e999999999 is a Decimal of twelve bytes, until somebody prints it.
    """
    try:
        number = Decimal(text)
    except InvalidOperation:  # an exponent that not even Decimal has
        number = Decimal("Infinity")
    sensible = number.is_finite() and abs(number.adjusted()) < _GREATEST_EXPONENT
    if not sensible or len(text) > _LONGEST_NUMBER:
        raise ValueError(f"a number beyond reading: {text[:_SHOWN]}")
    return number


# ------------------------------------------------------------------------------------ readers


def _number(value: object, path: str, expected: str) -> int | Decimal:
    # bool is an int to Python; to the contract it is not.
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise WrongShape(path, expected, value)
    return value


def _read_text(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise WrongShape(path, "text", value)
    return value


def _read_flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise WrongShape(path, "true or false", value)
    return value


def _read_integer(value: object, path: str) -> int:
    number = _number(value, path, "a whole number")
    if isinstance(number, int):
        return number
    # 100.0 is whole; 1e999999999 would take for ever to become an int
    if number.adjusted() > _MOST_DIGITS or number != number.to_integral_value():
        raise WrongShape(path, "a whole number", value)
    return int(number)


def _read_real(value: object, path: str) -> float:
    number = _number(value, path, "a number")
    try:
        result = float(number)
    except OverflowError:
        result = math.inf
    if math.isinf(result):
        raise WrongShape(path, "a number", value)
    return result


def _read_optional_real(value: object, path: str) -> float | None:
    return None if value is None else _read_real(value, path)


def _read_money(value: object, path: str) -> Decimal:
    return Decimal(_number(value, path, "an amount"))


def _read_epoch_ms(value: object, path: str) -> dt.datetime:
    number = _read_integer(value, path)
    try:
        return _EPOCH + dt.timedelta(milliseconds=number)
    except OverflowError:
        raise WrongShape(path, "a time in epoch milliseconds", value) from None


def _read_iso(value: object, path: str) -> dt.datetime:
    try:
        result = dt.datetime.fromisoformat(_read_text(value, path))
    except ValueError:
        raise WrongShape(path, "an ISO-8601 time", value) from None
    if result.tzinfo is None:
        raise WrongShape(path, "an ISO-8601 time with its UTC offset", value)
    return result


def _read_moment(value: object, path: str) -> object:
    if isinstance(value, str):
        try:
            result = dt.datetime.fromisoformat(value)
        except ValueError:
            return value
        return value if result.tzinfo is None else result
    return value


def _read_eastern(value: object, path: str) -> dt.datetime:
    try:
        local = dt.datetime.strptime(_read_text(value, path), "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007 - zone follows
    except ValueError:
        raise WrongShape(path, "a time as YYYY-MM-DD HH:MM:SS", value) from None
    return local.replace(tzinfo=EASTERN)


def _read_clock_time(value: object, path: str) -> dt.time:
    hour, _, minute = _read_text(value, path).partition(":")
    if not (hour.isascii() and hour.isdigit() and minute.isascii() and minute.isdigit()):
        raise WrongShape(path, "a time of day as H:MM", value)
    try:
        return dt.time(int(hour), int(minute))
    except ValueError:
        raise WrongShape(path, "a time of day as H:MM", value) from None


def _read_option(value: object, path: str) -> OptionSymbol:
    try:
        return OptionSymbol.parse(_read_text(value, path))
    except WrongShape:
        raise
    except ValueError:
        raise WrongShape(path, "an OCC option symbol", value) from None


def _read_list(value: object, path: str, each: Reader) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise WrongShape(path, "a list", value)
    return tuple(each(item, f"{path}[{index}]") for index, item in enumerate(value))


def _read_mapping(value: object, path: str, each: Reader) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise WrongShape(path, "an object", value)
    return {
        name: None if item is None else each(item, f"{path}.{name}") for name, item in value.items()
    }


# ------------------------------------------------------------------------------------- fields


def _field(kind: Kind) -> Any:
    if kind.required:
        return attrs.field(metadata={"kind": kind})
    hashed = None if kind.types - {"object"} else False  # what JSON leaves open may be a dict
    return attrs.field(default=None, metadata={"kind": kind}, hash=hashed)


def text() -> Any:
    """Text."""
    return _field(Kind("text", frozenset({"string"}), _read_text))


def flag() -> Any:
    """True or false."""
    return _field(Kind("flag", frozenset({"boolean"}), _read_flag))


def integer() -> Any:
    """A whole number; 100.0 is one."""
    return _field(Kind("integer", frozenset({"integer"}), _read_integer))


def real() -> Any:
    """A number that is not money: float."""
    return _field(Kind("real", frozenset({"number"}), _read_real))


def money() -> Any:
    """An amount or a price: Decimal, digit for digit as it was sent."""
    return _field(Kind("money", frozenset({"number"}), _read_money))


def epoch_ms() -> Any:
    """Epoch milliseconds: datetime in UTC."""
    return _field(Kind("epoch_ms", frozenset({"integer"}), _read_epoch_ms))


def iso() -> Any:
    """An ISO-8601 time with its offset: datetime that knows its zone."""
    return _field(Kind("iso", frozenset({"string"}), _read_iso))


def moment() -> Any:
    """A time of no fixed form: datetime if it is ISO-8601 with an offset, else as it came."""
    return _field(Kind("moment", frozenset(), _read_moment))


def eastern() -> Any:
    """``YYYY-MM-DD HH:MM:SS`` in US Eastern (the first of the two hours when clocks go back)."""
    return _field(Kind("eastern", frozenset({"string"}), _read_eastern))


def clock_time() -> Any:
    """``H:MM``: a time of day."""
    return _field(Kind("clock_time", frozenset({"string"}), _read_clock_time))


def option() -> Any:
    """An OCC option symbol."""
    return _field(Kind("option", frozenset({"string"}), _read_option))


def raw() -> Any:
    """Whatever came."""
    return _field(Kind("raw", frozenset(), lambda value, _: value))


def texts(*, required: bool = False) -> Any:
    """A list of texts."""
    reader = functools.partial(_read_list, each=_read_text)
    return _field(Kind("texts", frozenset({"array"}), reader, required))


def numbers() -> Any:
    """A list of numbers; one that is null stays None."""
    reader = functools.partial(_read_list, each=_read_optional_real)
    return _field(Kind("numbers", frozenset({"array"}), reader))


def record(cls: type[Record]) -> Any:
    """An object of its own class."""
    return _field(Kind("record", frozenset({"object"}), functools.partial(read, cls), of=cls))


def many(cls: type[Record]) -> Any:
    """The list an endpoint is there for.

    It is the one kind that must be there: an empty list in its place would read as "nothing
    happened".
    """
    each = functools.partial(read, cls)
    reader = functools.partial(_read_list, each=each)
    return _field(Kind("many", frozenset({"array"}), reader, required=True, of=cls))


def mapping(cls: type[Record] | None = None) -> Any:
    """An object whose names are data: of records, or (None) of numbers."""
    each: Reader = _read_real if cls is None else functools.partial(read, cls)
    reader = functools.partial(_read_mapping, each=each)
    return _field(Kind("mapping", frozenset({"object"}), reader, of=cls))
