"""Builders for IB's own ``Order``: market, limit, stop, trailing, brackets and one-cancels-all.

What a builder returns is ``ibapi.order.Order``; every other field can be given by its IB name
(``limit_order("BUY", 100, "189.50", outsideRth=True)``) or set afterwards. Prices and sizes are
read through their decimal text, so that ``"189.50"``, ``Decimal("189.50")`` and ``189.5`` are the
same price; they become floats only where IB's class has floats.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, Self

from ibapi.order import Order

from twsloop.errors import InvalidOrder

from .inputs import Number, given, to_number, to_positive, to_price, to_quantity
from .words import Action, OcaType

__all__ = [
    "Bracket",
    "Family",
    "Number",
    "bracket",
    "limit_order",
    "market_order",
    "new_order",
    "one_cancels_all",
    "set_fields",
    "stop_limit_order",
    "stop_order",
    "to_price",
    "to_quantity",
    "trailing",
    "trailing_stop",
    "trailing_stop_limit",
]

ACTIONS = frozenset(action.value for action in Action)
#: The longest name of an OCA group the gateway takes (error 401).
OCA_GROUP_LENGTH = 64

_FIELDS = frozenset(vars(Order()))
#: Times in force of orders that do not wait.
_AT_ONCE = frozenset({"IOC", "FOK"})
#: What errors call the fields that hold prices.
_SPOKEN: Mapping[str, str] = MappingProxyType(
    {
        "lmtPrice": "limit price",
        "auxPrice": "stop price",
        "trailStopPrice": "stop price",
        "lmtPriceOffset": "limit price offset",
    }
)


class Family(tuple[Order, ...]):
    """A parent and its children; `IBGateway.place_orders` links their ids."""

    __slots__ = ()

    @property
    def parent(self) -> Order:
        """The order that the others wait for."""
        return self[0]

    @property
    def children(self) -> tuple[Order, ...]:
        """The others."""
        return self[1:]


class Bracket(Family):
    """An entry with the two orders that close it.

    Args:
        parent: The entry.
        take_profit: The limit order that takes the profit.
        stop_loss: The stop order that limits the loss.
    """

    __slots__ = ()

    def __new__(cls, parent: Order, take_profit: Order, stop_loss: Order) -> Self:
        """The three, in this order."""
        return super().__new__(cls, (parent, take_profit, stop_loss))

    @property
    def take_profit(self) -> Order:
        """The limit order that takes the profit."""
        return self[1]

    @property
    def stop_loss(self) -> Order:
        """The stop order that limits the loss."""
        return self[2]


def market_order(action: str, quantity: Number, *, tif: str = "DAY", **fields: Any) -> Order:
    """Buy or sell at the market.

    Args:
        action: ``BUY`` or ``SELL`` (``SSHORT`` for institutions).
        quantity: How much, above 0.
        tif: Time in force: ``DAY``, ``GTC``, ``IOC``...
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: A value that cannot be one, or a field that IB's ``Order`` does not have.
    """
    return new_order("MKT", action, quantity, fields, tif=tif)


def limit_order(
    action: str, quantity: Number, limit_price: Number, *, tif: str = "DAY", **fields: Any
) -> Order:
    """Buy or sell at ``limit_price`` or better; the other arguments as for `market_order`."""
    return new_order("LMT", action, quantity, fields, tif=tif, lmtPrice=limit_price)


def stop_order(
    action: str, quantity: Number, stop_price: Number, *, tif: str = "DAY", **fields: Any
) -> Order:
    """Buy or sell at the market once ``stop_price`` trades; the rest as for `market_order`."""
    return new_order("STP", action, quantity, fields, tif=tif, auxPrice=stop_price)


def stop_limit_order(
    action: str,
    quantity: Number,
    stop_price: Number,
    limit_price: Number,
    *,
    tif: str = "DAY",
    **fields: Any,
) -> Order:
    """A limit order that begins to work once ``stop_price`` trades."""
    prices = {"auxPrice": stop_price, "lmtPrice": limit_price}
    return new_order("STP LMT", action, quantity, fields, tif=tif, **prices)


def trailing_stop(
    action: str,
    quantity: Number,
    *,
    amount: Number | None = None,
    percent: Number | None = None,
    stop_price: Number | None = None,
    tif: str = "DAY",
    **fields: Any,
) -> Order:
    """A stop that follows the market at a distance.

    Args:
        action: ``SELL`` trails below the market, ``BUY`` above it.
        quantity: How much, above 0.
        amount: The distance as an amount of money per unit; this or ``percent``.
        percent: The distance in percent of the price.
        stop_price: Where the stop starts; the gateway sets it when left out.
        tif: Time in force.
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: Both distances, none, or one that is not above 0.
    """
    prices = given(trailStopPrice=stop_price)
    order = new_order("TRAIL", action, quantity, fields, tif=tif, **prices)
    return trailing(order, amount, percent)


def trailing_stop_limit(
    action: str,
    quantity: Number,
    *,
    stop_price: Number,
    amount: Number | None = None,
    percent: Number | None = None,
    limit_price: Number | None = None,
    limit_offset: Number | None = None,
    tif: str = "DAY",
    **fields: Any,
) -> Order:
    """A stop limit order whose stop and limit follow the market at a distance.

    Args:
        action: ``SELL`` trails below the market, ``BUY`` above it.
        quantity: How much, above 0.
        stop_price: Where the stop starts.
        amount: The distance as an amount of money per unit; this or ``percent``.
        percent: The distance in percent of the price.
        limit_price: Where the limit starts; this or ``limit_offset``.
        limit_offset: How far the limit is from the stop, on the side that is worse for you.
        tif: Time in force.
        fields: Any other field of IB's ``Order``, by its IB name.

    Raises:
        InvalidOrder: Both of a pair, or none of it.
    """
    if (limit_price is None) == (limit_offset is None):
        msg = "a trailing stop limit needs limit_price or limit_offset, and not both"
        raise InvalidOrder(msg)
    prices = given(lmtPrice=limit_price, lmtPriceOffset=limit_offset)
    prices["trailStopPrice"] = stop_price
    order = new_order("TRAIL LIMIT", action, quantity, fields, tif=tif, **prices)
    return trailing(order, amount, percent)


def trailing(order: Order, amount: Number | None, percent: Number | None) -> Order:
    """Set how far an order trails: ``auxPrice`` is an amount, ``trailingPercent`` a part.

    Raises:
        InvalidOrder: Both distances, none, or one that is not above 0.
    """
    if (amount is None) == (percent is None):
        msg = "a trailing stop needs its distance as an amount or in percent, and not both"
        raise InvalidOrder(msg)
    if amount is not None:
        order.auxPrice = to_positive(amount, "trailing amount")
    else:
        order.trailingPercent = to_positive(percent, "trailing percent")
    return order


def bracket(
    action: str,
    quantity: Number,
    *,
    take_profit: Number,
    stop_loss: Number,
    entry: Number | None = None,
    tif: str = "DAY",
    **fields: Any,
) -> Bracket:
    """An entry, a limit order that takes the profit, and a stop order that limits the loss.

    The two closing orders wait until the entry fills, and one cancels the other. All three go out
    together: the first two carry ``transmit = False``.

    Args:
        action: The entry's side; the closing orders have the other one.
        quantity: The size of all three.
        take_profit: Limit price of the profit taker.
        stop_loss: Trigger of the stop.
        entry: Limit price of the entry; None enters at the market.
        tif: Time in force of all three.
        fields: Any other field of IB's ``Order``, given to all three. With ``transmit=False`` all
            of it waits in the gateway.

    Raises:
        InvalidOrder: A value that cannot be one, closing prices on the wrong sides, or a ``tif``
            that protects nothing.
    """
    if str(tif).upper() in _AT_ONCE:
        msg = (
            f"with tif {tif} the stop and the profit taker would end as soon as they work: leave "
            "the bracket's tif DAY or GTC, and set that of its parent afterwards"
        )
        raise InvalidOrder(msg)
    profit, loss = to_number(take_profit, "take profit"), to_number(stop_loss, "stop loss")
    first = market_order(action, quantity, tif=tif, **fields)
    if entry is not None:
        first = limit_order(action, quantity, entry, tif=tif, **fields)
    buys = first.action == "BUY"
    between = [loss, *([] if entry is None else [to_number(entry, "entry")]), profit]
    if between != sorted(between, reverse=not buys) or len(set(between)) != len(between):
        words = ", ".join(f"{price:f}" for price in (between if buys else between[::-1]))
        order = "stop loss < entry < take profit" if buys else "take profit < entry < stop loss"
        msg = f"a bracket that starts with a {first.action} needs {order}, not {words}"
        raise InvalidOrder(msg)
    closing = "SELL" if buys else "BUY"
    made = Bracket(
        first,
        limit_order(closing, quantity, take_profit, tif=tif, **fields),
        stop_order(closing, quantity, stop_loss, tif=tif, **fields),
    )
    made.parent.transmit = made.take_profit.transmit = False
    return made


def one_cancels_all(orders: Iterable[Order], group: str, *, oca_type: int = 1) -> list[Order]:
    """Tie orders together: when one fills, the others are cancelled (or reduced).

    Args:
        orders: At least two.
        group: The group's name, 1 to 64 characters, new for each group.
        oca_type: 1 cancels the others, 2 and 3 reduce them; 1 and 2 let only one be routed at a
            time, so that they cannot overfill.

    Returns:
        Copies of the orders with the group in them.

    Raises:
        InvalidOrder: Fewer than two orders, or a name or type that IB does not take.
    """
    made = [copy.copy(order) for order in orders]
    if len(made) < 2:
        msg = f"a one-cancels-all group needs at least two orders; {len(made)} given"
        raise InvalidOrder(msg)
    if not 0 < len(group) <= OCA_GROUP_LENGTH:
        msg = f"an OCA group's name has 1 to {OCA_GROUP_LENGTH} characters, not {len(group)}"
        raise InvalidOrder(msg)
    if oca_type not in set(OcaType):
        msg = f"oca_type is 1, 2 or 3, not {oca_type!r}"
        raise InvalidOrder(msg)
    for order in made:
        order.ocaGroup, order.ocaType = group, int(oca_type)
    return made


def new_order(
    order_type: str,
    action: str,
    quantity: Number,
    fields: Mapping[str, Any],
    *,
    tif: str = "DAY",
    **prices: Any,
) -> Order:
    """An order of any type: what all builders are made of.

    Args:
        order_type: IB's word for the type (`twsloop.orders.words.OrderType`).
        action: ``BUY`` or ``SELL`` (``SSHORT``, ``SLONG`` for institutions).
        quantity: How much, above 0.
        fields: Any other field of IB's ``Order``, by its IB name.
        tif: Time in force.
        prices: The fields of IB's ``Order`` that are prices, by their IB names.

    Raises:
        InvalidOrder: A value that cannot be one, or a field that IB's ``Order`` does not have.
    """
    order = Order()
    order.orderType = str(order_type)
    order.action = str(action).upper()
    order.totalQuantity = to_quantity(quantity)
    order.tif = str(tif)
    if order.action not in ACTIONS:
        msg = f"action {action!r} is none of {', '.join(sorted(ACTIONS))}"
        raise InvalidOrder(msg)
    for name, price in prices.items():
        setattr(order, name, to_price(price, _SPOKEN.get(name, name)))
    set_fields(order, fields)
    return order


def set_fields(order: Order, fields: Mapping[str, Any]) -> None:
    """Set fields of an order by their IB names.

    Raises:
        InvalidOrder: IB's ``Order`` has no field of that name.
    """
    for name, value in fields.items():
        if name not in _FIELDS:
            close = difflib.get_close_matches(name, _FIELDS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            msg = f"IB's Order has no field {name!r}{hint}"
            raise InvalidOrder(msg)
        setattr(order, name, value)
