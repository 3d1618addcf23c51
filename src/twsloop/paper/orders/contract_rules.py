"""What a contract does not take: the last checks before an order is sent.

Pure. Stages 4 (build) and 5 (rules) of Gateway 10.40's checks (reference ``domain.md`` c); each is
a function in a row, the first that objects decides. Attributes that a contract has to list among
its order types (iceberg, all-or-none, ...) are refused where it does not; what would change how an
order fills and is not worked here is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs

from twsloop.paper.catalogue.instruments import Catalogue

from .adjusting import check_adjustment
from .algos import check_algo
from .combos import ComboLeg, check_leg_prices
from .conditions import check_conditions
from .order_types import BROKER_REFUSED_TYPES
from .price_steps import step_at
from .reading import Draft, is_set
from .refusals import Refusal, validating
from .rules import OrderRules

__all__ = ["BROKER_REFUSED_TIFS", "Setting", "check_contract"]

ZERO = Decimal(0)
MAX_PRICE = Decimal(10**9)
MAX_DECIMALS = 4
MAX_OCA_NAME = 64
#: ``ocaType``: what groups do by default.
REDUCE_WITHOUT_BLOCK = 3
OFF_TICK = Refusal(
    110, "The price does not conform to the minimum price variation for this contract."
)
NO_PRICE = Refusal(463, "You must enter a valid price.")
BAD_TIF = Refusal(10052, "Invalid time in force")
UNSUPPORTED = Refusal(387, "Unsupported order type for this exchange and security type.")
#: The times in force that this gateway works; NMIN and GTX become GTC.
WORKED_TIFS = frozenset(
    ("DAY", "GTC", "IOC", "GTD", "OPG", "DTC", "GTT", "NMIN", "GTX", "OVERNIGHT")
)
#: The broker refuses these (Inactive, 201), as seen on paper accounts.
BROKER_REFUSED_TIFS = frozenset({"AUC", "FOK"})
OVERNIGHT_DAY = "OVERNIGHT + DAY"
#: Which order types the opening auction takes.
OPENING_TYPES = frozenset({"MKT", "LMT"})
#: Kinds whose quantity may be an amount of money.
BY_MONEY = frozenset({"CASH", "CRYPTO"})
#: Kinds that nobody can order.
UNTRADABLE = frozenset({"IND", "NEWS", "CONTFUT"})


@attrs.frozen
class Setting:
    """What the checks of a contract need to know.

    Attributes:
        draft: The order.
        contract: The contract as sent.
        instrument: What it names.
        legs: The legs of a combination.
        catalogue: Where the contracts of conditions are found.
        rules: The gateway's settings.
        now: The time.
        parent: The parent order, None for none.
        halted: Whether trading in it is halted.
        held: The position of the order's account in it.
        is_new: Whether the order is new (else a change).
    """

    draft: Draft
    contract: Any
    instrument: Any
    legs: tuple[ComboLeg, ...]
    catalogue: Catalogue
    rules: OrderRules
    now: datetime
    parent: Any = None
    halted: bool = False
    held: Decimal = ZERO
    is_new: bool = True

    @property
    def listed(self) -> frozenset[str]:
        """The words of the contract's list of order types."""
        return frozenset(self.instrument.order_types.split(","))


# ---- build -------------------------------------------------------------------------------------


def _limit(it: Setting) -> Refusal | None:
    draft, kind = it.draft, it.draft.kind
    if kind is None or it.legs:
        priced = any(leg.limit is not None for leg in it.legs)
        missing = kind is not None and kind.limit and draft.limit_price is None and not priced
        return NO_PRICE if missing else None
    limit = draft.limit_price
    if kind.limit and not kind.trails and limit is None:
        return NO_PRICE
    if limit is not None and limit <= ZERO:
        return NO_PRICE
    return NO_PRICE if draft.stop_price is not None and draft.stop_price <= ZERO else None


def _tick(it: Setting) -> Refusal | None:
    draft = it.draft
    prices = [draft.limit_price, draft.stop_price]
    if draft.kind is not None and draft.kind.trails:
        prices += [draft.amount, draft.limit_offset]
    for price in prices:
        # A price beyond any market also has more digits than a division can give.
        if price is not None and (
            abs(price) >= MAX_PRICE or price % step_at(it.instrument, price) != ZERO
        ):
            return OFF_TICK
    return None


def _fractions(it: Setting) -> Refusal | None:
    total = it.draft.total
    if it.instrument.sec_type == "CRYPTO":
        step = it.instrument.size_increment
        if total % step == ZERO:
            return None
        text = f"The size {total} does not conform to the minimum variation of {step:f}"
        return Refusal(10250, f"{text} for this contract")
    if total == total.to_integral_value():
        return None
    if it.instrument.sec_type != "STK":
        return Refusal(10318, "This order doesn't support fractional quantity trading")
    if not it.rules.fractional_stocks:
        return Refusal(
            10243,
            "Fractional-sized order cannot be placed via API. "
            "Please use desktop version to place this order.",
        )
    exponent = total.normalize().as_tuple().exponent
    if isinstance(exponent, int) and -exponent > MAX_DECIMALS:
        return Refusal(10286, f"Quantity field cannot contain more than {MAX_DECIMALS} decimals.")
    if it.contract.exchange != "SMART":
        return Refusal(10247, "Only IB SmartRouting supports fractional shares")
    return None


def _too_small(it: Setting) -> Refusal:
    least = it.instrument.min_size
    text = f"Order size {it.draft.total} is smaller than the minimum required size of {least}."
    return Refusal(388, text)


def _least_size(it: Setting) -> Refusal | None:
    if it.draft.cash is None and it.draft.total < it.instrument.min_size:
        return _too_small(it)
    return None


def _cash_quantity(it: Setting) -> Refusal | None:
    draft, sec_type = it.draft, it.instrument.sec_type
    if draft.cash is None:
        if sec_type == "CRYPTO" and draft.type_word == "MKT" and draft.action == "BUY":
            return Refusal(10289, "You must set Cash Quantity for this order")
        return None
    if sec_type not in BY_MONEY or draft.cash < ZERO:
        return Refusal(10244, "Cash Quantity cannot be used for this order")
    if sec_type == "CRYPTO" and Decimal(draft.request.totalQuantity or 0):
        return Refusal(10293, "Cryptocurrency Cash Quantity order cannot specify size")
    # Money for less than one unit (or without a price to count by) buys nothing.
    return _too_small(it) if draft.total <= ZERO else None


def _algo(it: Setting) -> Refusal | None:
    order = it.draft.request
    if not order.algoStrategy:
        return None
    return check_algo(order.algoStrategy, dict(order.algoParams), it.draft.type_word, it.instrument)


# ---- rules -------------------------------------------------------------------------------------


def _tif(it: Setting) -> Refusal | None:
    draft = it.draft
    tif = draft.tif or "DAY"
    if not draft.tif and it.rules.empty_tif == "refuse":
        return BAD_TIF
    if tif not in WORKED_TIFS | BROKER_REFUSED_TIFS | {OVERNIGHT_DAY}:
        return BAD_TIF
    if draft.kind is not None and draft.kind.auction and tif != "DAY":
        return Refusal(113, "The Tif option should be set to DAY for MOC and LOC orders.")
    if tif == "OPG" and draft.type_word not in OPENING_TYPES:
        return Refusal(111, "The TIF (Tif type) and the order type are incompatible.")
    if draft.ends is not None and draft.duration is not None:
        return Refusal(10272, "An order has a good till date or a duration, not both.")
    if draft.duration is not None and (draft.duration <= 0 or tif not in {"GTD", "NMIN", "GTT"}):
        return Refusal(10273, "The duration is not valid for this time in force.")
    if tif == "GTD" and it.draft.ends is not None:
        zone = it.instrument.time_zone
        if it.draft.ends.at(zone, it.now) <= it.now:
            return Refusal(334, "Invalid Good Till Date order")
    return None


def _type(it: Setting) -> Refusal | None:
    if it.draft.type_word in BROKER_REFUSED_TYPES:
        return None
    kind = it.draft.kind
    return None if kind is not None and kind.listed in it.listed else UNSUPPORTED


#: What a contract has to list for an attribute, the attribute, and IB's refusal.
_ATTRIBUTES: tuple[tuple[str, str, int, str], ...] = (
    ("ICE", "displaySize", 10255, "'Display Size' attribute may not be specified for this order"),
    ("AON", "allOrNone", 10257, "'All or None' attribute may not be specified for this order"),
    ("PAON", "minQty", 10256, "'Min Qty' attribute may not be specified for this order"),
    ("HID", "hidden", 152, 'The "hidden" order attribute may not be specified for this order.'),
    (
        "SWEEP",
        "sweepToFill",
        10267,
        "'Sweep To Fill' attribute may not be specified for this order",
    ),
    ("BLOCK", "blockOrder", 10266, "'Block Order' attribute may not be specified for this order"),
    ("POSTATS", "postToAts", 10274, "'Post To ATS' attribute may not be specified for this order"),
    (
        "IMB",
        "imbalanceOnly",
        10342,
        "The 'ImbalanceOnly' order attribute may not be specified for this order.",
    ),
)
#: What would change how an order fills, and is not worked.
_UNWORKED = ("scalePriceIncrement", "deactivate")


def _attributes(it: Setting) -> Refusal | None:
    order, listed = it.draft.request, it.listed
    for word, field, code, text in _ATTRIBUTES:
        if word not in listed and is_set(order, field):
            return Refusal(code, text)
    if is_set(order, "displaySize") and order.displaySize >= it.draft.total:
        return Refusal(10020, "Display size should be smaller than order size.")
    for field in _UNWORKED:
        if is_set(order, field):
            return validating(f"{field} is not worked by this gateway")
    if is_set(order, "discretionaryAmt") and it.draft.type_word != "LMT":
        return Refusal(
            325,
            "Discretionary orders are not supported for this combination of exchange and order "
            "type.",
        )
    if len(order.ocaGroup) > MAX_OCA_NAME:
        return Refusal(401, f"Length restriction: ocaGroup has more than {MAX_OCA_NAME} characters")
    return None


def _adjusted(it: Setting) -> Refusal | None:
    return check_adjustment(it.draft)


def _available(it: Setting) -> Refusal | None:
    if it.instrument.sec_type in UNTRADABLE:
        return Refusal(412, "The contract is not available for trading.")
    ends = it.instrument.last_trade_date
    if ends and ends < f"{it.now.astimezone(ZoneInfo(it.instrument.time_zone)):%Y%m%d}":
        return Refusal(392, "Invalid order: contract expired.")
    if it.halted and it.is_new:
        return Refusal(154, "Orders cannot be transmitted for a halted security.")
    return None


def _trailing_child(it: Setting) -> Refusal | None:
    kind, parent = it.draft.kind, it.parent
    if kind is None or parent is None or not kind.word.startswith("TRAIL"):
        return None
    if parent.order_type in {"LMT", "STP LMT"}:
        return None
    text = "Trailing stop orders can be attached to limit or stop-limit orders only."
    return Refusal(328, text)


def _conditions(it: Setting) -> Refusal | None:
    order, kind = it.draft.request, it.draft.kind
    if not order.conditions:
        return None
    allowed = kind is not None and (
        kind.word in {"LMT", "MIDPRICE"} if order.conditionsCancelOrder else kind.takes_conditions
    )
    if not allowed:
        return Refusal(
            148,
            "Conditional submission of orders is supported for Limit, Market, MidPrice, Relative "
            "and Snap order types only. Conditional cancelation of orders is supported for Limit "
            "and MidPrice order types only.",
        )
    if "COND" not in it.listed:
        return Refusal(402, "Conditions are not allowed for this contract.")
    return check_conditions(order.conditions, it.catalogue)


def _legs(it: Setting) -> Refusal | None:
    if not it.legs:
        return None
    order = it.draft.request
    if order.ocaGroup and order.ocaType not in {0, REDUCE_WITHOUT_BLOCK}:
        text = "Combo order only supports reduce on fill without block(OCA)."
        return Refusal(359, text)
    return check_leg_prices(it.legs)


def _crosses(it: Setting) -> Refusal | None:
    if not it.rules.cross_side or it.parent is not None:
        return None
    signed = it.draft.total if it.draft.action == "BUY" else -it.draft.total
    if it.held * signed < ZERO and abs(signed) > abs(it.held):
        return Refusal(2137, "Cross Side Warning: this order would turn the position round.")
    return None


#: In the order of Gateway 10.40: build, then rules.
_CHECKS: tuple[Callable[[Setting], Refusal | None], ...] = (
    _limit,
    _tick,
    _fractions,
    _least_size,
    _cash_quantity,
    _algo,
    _tif,
    _type,
    _attributes,
    _adjusted,
    _available,
    _trailing_child,
    _conditions,
    _legs,
    _crosses,
)


def check_contract(it: Setting) -> Refusal | None:
    """The checks against the contract; the first that fails, None if all pass."""
    for check in _CHECKS:
        refusal = check(it)
        if refusal is not None:
            return refusal
    return None
