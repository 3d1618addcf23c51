"""What a gateway refuses before an order reaches the market, in the order of Gateway 10.40.

A local refusal is ONE error with the order id and nothing else: no openOrder, no orderStatus
(reference ``domain.md`` c, "Validation order"). A broker's reject comes later and has a script of
its own (`floor`). The texts are those seen on the wire (``error_texts_observed.csv``);
the two-letter mark in 321 is a class name that changes with the build, ours is the one seen most.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from .orders import PaperOrder, Status

__all__ = [
    "AMBIGUOUS",
    "BROKER_REFUSED_TIFS",
    "DEFAULT_OCA_TYPE",
    "NO_DEFINITION",
    "VALIDATING",
    "Draft",
    "Refusal",
    "check_contract_rules",
    "check_fields",
    "check_modification",
    "read",
]

ZERO = Decimal(0)
MAX_QUANTITY = Decimal(999_999_999)
PRICE_DIGITS = 8
MAX_PRICE = Decimal(10**9)
MAX_OCA_NAME = 64
DEFAULT_OCA_TYPE = 3
UNSET_DOUBLE = 1.7976931348623157e308

NO_DEFINITION = "No security definition has been found for the request"
AMBIGUOUS = "The contract description specified for {symbol} is ambiguous"

#: Types this gateway works; the words are IB's, also in their other spelling.
WORKED_TYPES = {
    "MKT": "MKT",
    "LMT": "LMT",
    "STP": "STP",
    "STP LMT": "STP LMT",
    "STPLMT": "STP LMT",
}
#: Types that IB knows and this gateway does not work: refused with 387, as for a contract that
#: does not list them.
# fmt: off
KNOWN_TYPES = frozenset((
    "AUC", "BOX TOP", "FUNARI", "LIT", "LMT + MKT", "LOC", "MIDPRICE", "MIT", "MKT PRT", "MOC",
    "MTL", "PASSV REL", "PEG BENCH", "PEG BEST", "PEG MID", "PEG MKT", "PEGBENCH", "PEGBEST",
    "PEGMID", "REL", "REL + LMT", "REL + MKT", "RPI", "SNAP MID", "SNAP MKT", "SNAP PRIM",
    "STP PRT", "TRAIL", "TRAIL LIMIT", "TRAIL LIT", "TRAIL MIT", "VOL",
))
# fmt: on
WORKED_TIFS = frozenset({"DAY", "GTC", "IOC"})
#: The broker refuses these (Inactive, 201), as seen on paper accounts.
BROKER_REFUSED_TIFS = frozenset({"AUC", "FOK"})

VALIDATING = "Error validating request.-'{mark}' : cause - {cause}"


@attrs.frozen
class Refusal:
    """Why an order is not taken.

    Attributes:
        code: IB's error code.
        text: IB's text.
    """

    code: int
    text: str


@attrs.frozen
class Draft:
    """The fields of a request that this gateway works with, read once.

    Attributes:
        action: ``BUY`` or ``SELL``.
        order_type: As sent.
        worked_type: The type as this gateway works it, None if it does not.
        total: The quantity.
        limit_price: The limit, of types that have one.
        stop_price: The trigger, of types that have one.
        tif: ``DAY`` where it was empty.
        tif_was_empty: Whether it was (warning 10349).
        request: The request's order message.
    """

    action: str
    order_type: str
    worked_type: str | None
    total: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    tif: str
    tif_was_empty: bool
    request: Any


def _price(message: Any, field: str) -> Decimal | None:
    if not message.HasField(field):
        return None
    value = getattr(message, field)
    if abs(value) >= UNSET_DOUBLE:
        return None
    # Prices travel as doubles: 0.1 + 0.2 shall be the 0.3 that the user meant.
    return Decimal(repr(round(value, PRICE_DIGITS)))


def _unreadable(field: str, text: str) -> Refusal:
    cause = f"Unable to parse field: '{field}' for input string: '{text}'"
    return Refusal(320, f"Error reading request. {cause}")


def read(order: Any) -> Draft | Refusal:
    """Read the order of a placeOrder request.

    Args:
        order: An ``ibapi.protobuf.Order``.

    Returns:
        The draft, or the 320 of a field that cannot be read.
    """
    text = order.totalQuantity or "0"
    try:
        total = Decimal(text)
    except InvalidOperation:
        total = Decimal("NaN")
    if not total.is_finite():
        return _unreadable("Total Quantity", text)
    for field, name in (("lmtPrice", "Lmt Price"), ("auxPrice", "Aux Price")):
        if math.isnan(getattr(order, field)):
            return _unreadable(name, "nan")
    order_type = order.orderType.upper()
    worked = WORKED_TYPES.get(order_type)
    return Draft(
        action=order.action.upper(),
        order_type=order_type,
        worked_type=worked,
        total=total,
        limit_price=_price(order, "lmtPrice") if worked in {"LMT", "STP LMT"} else None,
        stop_price=_price(order, "auxPrice") if worked in {"STP", "STP LMT"} else None,
        tif=order.tif.upper() or "DAY",
        tif_was_empty=not order.tif,
        request=order,
    )


def _validating(cause: str, mark: str = "bH") -> Refusal:
    return Refusal(321, VALIDATING.format(mark=mark, cause=cause))


def check_fields(draft: Draft, contract: Any, accounts: Sequence[str]) -> Refusal | None:
    """The checks that need no contract details: side, exchange, size, prices, account."""
    order = draft.request
    if draft.action not in {"BUY", "SELL"}:
        return _validating(f"Invalid side: {order.action}")
    if not draft.worked_type and draft.order_type not in KNOWN_TYPES:
        return _validating("Invalid order type was entered", "bF")
    if not contract.exchange:
        return _validating("Missing order exchange")
    if not draft.total:
        return _validating("The size value cannot be zero:")
    if draft.total < ZERO or draft.total > MAX_QUANTITY:
        return _validating(f"The size value is out of range: {order.totalQuantity}")
    if draft.worked_type in {"STP", "STP LMT"} and not draft.stop_price:
        return _validating("Please enter a stop price")
    if draft.worked_type in {"LMT", "STP LMT"} and draft.limit_price is None:
        return _validating("Please enter a limit price")
    if order.whatIf and not order.transmit:
        return _validating("What-If order should have transmit flag set to TRUE.", "v")
    if order.account:
        if order.account not in accounts:
            return _validating(f"The account {order.account} is not known.")
    elif len(accounts) > 1:
        return _validating("You must specify an account.")
    return None


#: What would change how an order fills and is not worked here: a field that is set, and IB's
#: refusal (its own code where there is one for orders that may not have the attribute).
_ATTRIBUTES: tuple[tuple[str, int, str], ...] = (
    ("allOrNone", 10257, "'All or None' attribute may not be specified for this order"),
    ("minQty", 10256, "'Min Qty' attribute may not be specified for this order"),
    ("sweepToFill", 10267, "'Sweep To Fill' attribute may not be specified for this order"),
    ("blockOrder", 10266, "'Block Order' attribute may not be specified for this order"),
    ("postToAts", 10274, "'Post To ATS' attribute may not be specified for this order"),
    (
        "imbalanceOnly",
        10342,
        "The 'ImbalanceOnly' order attribute may not be specified for this order.",
    ),
    ("conditions", 402, "Conditions are not allowed for this contract."),
)
_UNWORKED = ("goodAfterTime", "hedgeType", "cashQty", "scalePriceIncrement", "deactivate")
UNSET_INTEGER = 2147483647


def _is_set(order: Any, field: str) -> bool:
    value = getattr(order, field)
    if isinstance(value, float):
        return 0 < abs(value) < UNSET_DOUBLE
    return bool(value) and value != UNSET_INTEGER


def _attributes(draft: Draft, _instrument: Any) -> Refusal | None:
    order = draft.request
    for field, code, text in _ATTRIBUTES:
        if _is_set(order, field):
            return Refusal(code, text)
    if order.adjustedOrderType not in {"", "None"}:
        return _validating("Adjusted orders are not worked by this gateway")
    for field in _UNWORKED:
        if _is_set(order, field):
            return _validating(f"{field} is not worked by this gateway")
    if len(order.ocaGroup) > MAX_OCA_NAME:
        return Refusal(401, f"Length restriction: ocaGroup has more than {MAX_OCA_NAME} characters")
    return None


def _is_off_tick(price: Decimal | None, tick: Decimal) -> bool:
    # A price beyond any market also has more digits than a division can give.
    return price is not None and (abs(price) >= MAX_PRICE or price % tick != ZERO)


def _tick(draft: Draft, instrument: Any) -> Refusal | None:
    if any(_is_off_tick(p, instrument.min_tick) for p in (draft.limit_price, draft.stop_price)):
        text = "The price does not conform to the minimum price variation for this contract."
        return Refusal(110, text)
    return None


def _quantity(draft: Draft, instrument: Any) -> Refusal | None:
    if draft.total == draft.total.to_integral_value():
        return None
    if instrument.sec_type == "CASH":
        return Refusal(10318, "This order doesn't support fractional quantity trading")
    return Refusal(
        10243,
        "Fractional-sized order cannot be placed via API. "
        "Please use desktop version to place this order.",
    )


def _tif(draft: Draft, _instrument: Any) -> Refusal | None:
    if draft.tif in WORKED_TIFS | BROKER_REFUSED_TIFS:
        return None
    return Refusal(10052, "Invalid time in force")


def _type(draft: Draft, instrument: Any) -> Refusal | None:
    listed = instrument.order_types.split(",")
    if draft.worked_type and draft.worked_type.replace(" ", "") in listed:
        return None
    return Refusal(387, "Unsupported order type for this exchange and security type.")


#: In the order of Gateway 10.40: build (110, 10243), rules (10052, 387, attributes).
_RULES: tuple[Callable[[Draft, Any], Refusal | None], ...] = (
    _tick,
    _quantity,
    _tif,
    _type,
    _attributes,
)


def check_contract_rules(draft: Draft, instrument: Any) -> Refusal | None:
    """The checks against the contract: tick, quantity, time in force, type, attributes."""
    for rule in _RULES:
        refusal = rule(draft, instrument)
        if refusal is not None:
            return refusal
    return None


def check_modification(order: PaperOrder, draft: Draft, contract: Any) -> Refusal | None:
    """What may not change; the working order stays as it was."""
    if order.is_terminal or order.status is Status.PENDING_CANCEL:
        return Refusal(104, "Cannot modify a filled order.")
    if draft.worked_type != order.order_type:
        return Refusal(329, "Order modify failed. Cannot change to the new order type.")
    if draft.tif != order.tif:
        return Refusal(462, "Order modify failed. Cannot change to the new Time in Force")
    other = contract.conId and contract.conId != order.instrument.con_id
    renamed = contract.symbol and contract.symbol.upper() != order.instrument.symbol.upper()
    if draft.action != order.request.action or other or renamed or draft.total <= order.filled:
        return Refusal(105, "Order being modified does not match original order.")
    # A bracket's children are shown in the group that the gateway made of them.
    if draft.request.ocaGroup not in {order.oca_group, ""}:
        return Refusal(10326, "OCA group revision is not allowed")
    parent = order.parent.order_id if order.parent else 0
    if draft.request.parentId != parent:
        return Refusal(10341, "Parent order id cannot be modified")
    return None
