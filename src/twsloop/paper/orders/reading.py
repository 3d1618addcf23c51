"""Reading a placeOrder request: its fields as the gateway works with them.

Pure. `read` is the first of the gateway's checks (reference ``domain.md`` c, "Validation order"):
what cannot be read is 320, and dates and times have codes of their own.

Unset is absent, the largest double, or (of prices that cannot be 0) 0: clients differ.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from twsloop.paper.clock.times import Moment, read_moment

from . import order_types
from .conditions import CONDITION_TIME, TIME
from .order_types import OrderType, Peg, Trigger
from .refusals import BAD_TIME, Refusal, unreadable

__all__ = ["UNSET_DOUBLE", "UNSET_INTEGER", "Draft", "bad_number", "is_set", "number", "read"]

ZERO = Decimal(0)
PRICE_DIGITS = 8
UNSET_DOUBLE = 1.7976931348623157e308
UNSET_INTEGER = 2147483647
#: What a REL order's offset is where it has none.
REL_OFFSET = Decimal("0.01")

TWO_TRAILS = Refusal(
    320,
    "Error reading request:A trailing order has a trailing amount or a trailing percent, not both",
)


@attrs.frozen(kw_only=True)
class Draft:
    """The fields of a request that this gateway works with, read once.

    Attributes:
        action: ``BUY`` or ``SELL``.
        word: The order type as sent, in upper case.
        kind: The type as this gateway works it, None if it does not.
        total: The quantity; 0 where it follows from `cash`.
        cash: The quantity in money, None where there is none.
        limit_price: The limit, of types that may have one.
        stop_price: The trigger, of types that have one; of trailing ones where it begins.
        amount: How far a trailing trigger follows, or a pegged price is from what it follows.
        percent: The same in percent.
        limit_offset: How far a trailing limit is from its trigger.
        tif: Empty where it was empty.
        starts: ``goodAfterTime``.
        ends: ``goodTillDate``.
        duration: Seconds that the order is good for, None where there is none.
        condition_times: The times of the time conditions, by their place.
        request: The request's order message.
    """

    action: str
    word: str
    kind: OrderType | None
    total: Decimal
    cash: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    amount: Decimal | None = None
    percent: Decimal | None = None
    limit_offset: Decimal | None = None
    tif: str = ""
    starts: Moment | None = None
    ends: Moment | None = None
    duration: int | None = None
    condition_times: Mapping[int, Moment] = attrs.Factory(dict)
    request: Any = None

    @property
    def type_word(self) -> str:
        """IB's own spelling of its type."""
        return self.kind.word if self.kind is not None else self.word

    @property
    def implies_a_zone(self) -> bool:
        """Whether a time came without its zone (2174)."""
        times = (self.starts, self.ends, *self.condition_times.values())
        return any(one is not None and one.lacks_zone for one in times)


def number(message: Any, field: str) -> Decimal | None:
    """A price field; None where it is unset."""
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    if abs(value) >= UNSET_DOUBLE:
        return None
    # Prices travel as doubles: 0.1 + 0.2 shall be the 0.3 that the user meant.
    return Decimal(repr(round(value, PRICE_DIGITS)))


def is_set(order: Any, field: str) -> bool:
    """Whether a field says something: it is there, not 0, and not one of IB's unset values."""
    value = getattr(order, field)
    if isinstance(value, float):
        return 0 < abs(value) < UNSET_DOUBLE
    if isinstance(value, str):
        return value not in {"", "None"}
    return bool(value) and value != UNSET_INTEGER


def _quantity(order: Any) -> Decimal | Refusal:
    text = order.totalQuantity or "0"
    try:
        total = Decimal(text)
    except InvalidOperation:
        total = Decimal("NaN")
    return total if total.is_finite() else unreadable("Total Quantity", text)


#: Infinity says "up to the middle" there; nowhere else it is a number.
MAY_BE_INFINITE = frozenset({"competeAgainstBestOffset"})


def bad_number(message: Any) -> Refusal | None:
    """The 320 of a number that is none, in a message or in what it holds."""
    for field, value in message.ListFields():
        if isinstance(value, float):
            if math.isnan(value) or (math.isinf(value) and field.name not in MAY_BE_INFINITE):
                return unreadable(_spoken(field.name), "nan" if math.isnan(value) else "inf")
        elif field.name in {"conditions", "comboLegs"}:
            for one in value:
                refusal = bad_number(one)
                if refusal is not None:
                    return refusal
    return None


def _spoken(name: str) -> str:
    """A field's name as the gateway writes it: ``lmtPrice`` is "Lmt Price"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name[:1].upper() + name[1:])


def _moment(text: str, code: int, name: str) -> Moment | Refusal | None:
    if not text.strip():
        return None
    try:
        return read_moment(text)
    except ValueError:
        return Refusal(code, f"{name}: {BAD_TIME}")


def _condition_times(order: Any) -> dict[int, Moment] | Refusal:
    found: dict[int, Moment] = {}
    for place, condition in enumerate(order.conditions):
        if condition.type != TIME:
            continue
        moment = _moment(condition.time, *CONDITION_TIME)
        if moment is None:
            return Refusal(CONDITION_TIME[0], f"{CONDITION_TIME[1]}: {BAD_TIME}")
        if isinstance(moment, Refusal):
            return moment
        found[place] = moment
    return found


def _positive(value: Decimal | None) -> Decimal | None:
    return value or None


def _prices(order: Any, kind: OrderType | None) -> dict[str, Decimal | None]:
    """The price fields of a type, by what they mean there."""
    if kind is None:
        return {}
    aux = _positive(number(order, "auxPrice"))
    limit = number(order, "lmtPrice")
    if kind.trails:
        return {
            "limit_price": _positive(limit) if kind.limit else None,
            "stop_price": _positive(number(order, "trailStopPrice")),
            "amount": aux,
            "percent": _positive(number(order, "trailingPercent")),
            "limit_offset": number(order, "lmtPriceOffset") if kind.limit else None,
        }
    if kind.peg is not Peg.NONE:
        percent = _positive(number(order, "percentOffset"))
        if kind.word == "REL" and aux is None and percent is None:
            aux = REL_OFFSET
        return {"limit_price": _positive(limit), "amount": aux, "percent": percent}
    return {
        "limit_price": limit if kind.limit else None,
        "stop_price": aux if kind.trigger is not Trigger.NONE else None,
    }


def read(order: Any) -> Draft | Refusal:
    """Read the order of a placeOrder request.

    Args:
        order: An ``ibapi.protobuf.Order``.

    Returns:
        The draft, or why a field cannot be read.
    """
    total = _quantity(order)
    if isinstance(total, Refusal):
        return total
    refusal = bad_number(order)
    if refusal is not None:
        return refusal
    ends = _moment(order.goodTillDate, 343, "Good Till Date")
    if isinstance(ends, Refusal):
        return ends
    starts = _moment(order.goodAfterTime, 337, "Good After Time")
    if isinstance(starts, Refusal):
        return starts
    times = _condition_times(order)
    if isinstance(times, Refusal):
        return times
    word = order.orderType.upper()
    kind = order_types.named(word)
    prices = _prices(order, kind)
    if kind is not None and kind.trails and prices["amount"] and prices["percent"]:
        return TWO_TRAILS
    return Draft(
        action=order.action.upper(),
        word=word,
        kind=kind,
        total=total,
        cash=number(order, "cashQty") if is_set(order, "cashQty") else None,
        tif=" ".join(order.tif.upper().split()),
        starts=starts,
        ends=ends,
        duration=order.duration if is_set(order, "duration") else None,
        condition_times=times,
        request=order,
        **prices,
    )
