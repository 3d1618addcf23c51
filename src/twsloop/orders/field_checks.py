"""What an order says of its type, size, prices and times that the gateway is known to refuse.

Pure. The checks come in the order of Gateway 10.40 (reference ``domain.md`` c, "Validation order");
each gives IB's code, of the table ``error_codes.csv``. What is not known to be refused passes.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal

from ibapi.const import UNSET_DOUBLE

from .builders import ACTIONS
from .problems import NUMBERS, Check, Draft, Problem, is_set, says
from .words import SecType, TimeInForce, TriggerMethod

__all__ = ["FIELD_CHECKS", "LARGEST", "STOPS", "TIME", "TIME_FORM"]

#: The sizes the gateway takes (355 otherwise).
LARGEST = Decimal(999_999_999)
_HUNDRED = Decimal(100)
#: The smallest size of a block order (117).
_BLOCK = 50

#: What people write for a type that is none, and what they mean (321).
_NO_TYPES = {
    "MOO": "a MKT order with tif OPG (market_on_open)",
    "LOO": "an LMT order with tif OPG (limit_on_open)",
    "PEG PRI": "REL (relative)",
    "PEG PRIM": "REL (relative)",
}
_NEEDS_LIMIT = frozenset({"LMT", "STP LMT", "LIT", "LOC", "REL + LMT", "LMT + MKT"})
_NEEDS_STOP = frozenset({"STP", "STP LMT", "STP PRT"})
_NEEDS_TOUCH = frozenset({"MIT", "LIT"})
_TRAILS = frozenset({"TRAIL", "TRAIL LIMIT", "TRAIL MIT", "TRAIL LIT"})
STOPS = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "STP PRT"})
#: Types that the opening auction has no place for (111).
_NOT_AT_OPEN = STOPS | _NEEDS_TOUCH | {"TRAIL MIT", "TRAIL LIT", "MOC", "LOC", "MIDPRICE"}
#: Kinds that trade in whole units only (10318).
_WHOLE_ONLY = frozenset({"OPT", "FUT", "FOP", "CASH", "BAG", "WAR"})
_TRIGGER_METHODS = frozenset(TriggerMethod)
#: Kinds that nobody can order (412).
_UNTRADABLE = frozenset({SecType.INDEX, SecType.NEWS, SecType.CONTINUOUS_FUTURE})
#: ``yyyymmdd hh:mm:ss zone``, ``hh:mm:ss zone``, ``yyyymmdd-hh:mm:ss``; the zone may be missing.
TIME = re.compile(r"(\d{8} +)?\d{1,2}:\d{2}(:\d{2})?( +\S.*)?|\d{8}-\d{2}:\d{2}:\d{2}Z?|\d{8}")
TIME_FORM = "write yyyymmdd-hh:mm:ss (UTC) or yyyymmdd hh:mm:ss US/Eastern"


# ---- what, where, how much ---------------------------------------------------------------------


def _contract(draft: Draft) -> Problem | None:
    contract = draft.contract
    if not contract.exchange:
        return Problem("the contract has no exchange (SMART, or the one to route to)", 321)
    if draft.sec_type in _UNTRADABLE:
        return Problem(f"a contract of kind {draft.sec_type} can be watched, not traded", 412)
    if contract.conId:
        return None
    if not contract.secType:
        return Problem("the contract has neither a conId nor a secType", 321)
    if contract.secType == "BAG" and len(contract.comboLegs or ()) < 2:
        return Problem("a combo has at least two legs", 321)
    if not (contract.symbol or contract.localSymbol or contract.secId):
        return Problem("the contract has neither a conId nor a symbol", 321)
    return None


def _action(draft: Draft) -> Problem | None:
    if draft.order.action in ACTIONS:
        return None
    known = ", ".join(sorted(ACTIONS))
    return Problem(f"action {draft.order.action!r} is none of {known}", 321)


def _type(draft: Draft) -> Problem | None:
    word = str(draft.order.orderType)
    if not word:
        return Problem("orderType is empty", 321)
    meant = _NO_TYPES.get(word.upper())
    return Problem(f"{word} is no order type; use {meant}", 321) if meant else None


def _size(draft: Draft) -> Problem | None:
    order = draft.order
    if says(order.hedgeType):
        if draft.size:
            return Problem("a hedge has no size of its own: set totalQuantity to 0", 10032)
        return None
    if not is_set(order.totalQuantity):
        if is_set(order.cashQty):
            return None
        return Problem("neither totalQuantity nor cashQty is set", 160)
    size = draft.size
    if is_set(order.cashQty) and size == 0:
        return None
    if size is None or not 0 < size <= LARGEST:
        code = 160 if size == 0 else 355
        return Problem(f"totalQuantity {size} is not in 0 < size <= {LARGEST}", code)
    return None


def _whole(draft: Draft) -> Problem | None:
    size = draft.size
    if draft.by_cash or size is None or draft.sec_type not in _WHOLE_ONLY:
        return None
    if size == size.to_integral_value():
        return None
    return Problem(f"totalQuantity {size}: {draft.sec_type} trades in whole units", 10318)


def _block(draft: Draft) -> Problem | None:
    size = draft.size
    if not draft.order.blockOrder or size is None or size >= _BLOCK:
        return None
    return Problem(f"a block order has at least {_BLOCK} contracts, not {size}", 117)


# ---- prices ------------------------------------------------------------------------------------


def _finite(draft: Draft) -> Problem | None:
    order = draft.order
    for name in NUMBERS:
        value = getattr(order, name)
        if value is UNSET_DOUBLE or (type(value) is float and math.isfinite(value)):
            continue
        if is_set(value) and draft.number(name) is None:
            if name == "competeAgainstBestOffset" and value == math.inf:
                continue  # IB's mark for "up to the middle"
            return Problem(f"{name} {value!r} is not a number", 320)
    return None


def _limit(draft: Draft) -> Problem | None:
    order = draft.order
    if draft.type not in _NEEDS_LIMIT or is_set(order.lmtPrice):
        return None
    if any(is_set(leg.price) for leg in order.orderComboLegs or ()):
        return None
    return Problem(f"{draft.type} needs lmtPrice", 463)


def _stop(draft: Draft) -> Problem | None:
    kind, price = draft.type, draft.order.auxPrice
    # A combination's price may well be 0.
    if says(price) or (is_set(price) and draft.sec_type in {"BAG", ""}):
        return None
    if kind in _NEEDS_STOP:
        return Problem(f"{kind} needs auxPrice, the trigger", 321)
    if kind in _NEEDS_TOUCH:
        return Problem(f"{kind} needs auxPrice, the trigger", 361)
    return None


def _trail(draft: Draft) -> Problem | None:
    order, kind = draft.order, draft.type
    if kind not in _TRAILS:
        return None
    by_amount, by_percent = says(order.auxPrice), says(order.trailingPercent)
    if by_amount == by_percent:
        code = 10060 if by_amount else 158
        either = f"{kind} needs auxPrice (an amount) or trailingPercent, and not both"
        return Problem(either, code)
    percent = draft.number("trailingPercent")
    if by_percent and percent is not None and not 0 < percent < _HUNDRED:
        return Problem(f"trailingPercent {percent} is not between 0 and 100", 159)
    return None


def _trailing_limit(draft: Draft) -> Problem | None:
    order, kind = draft.order, draft.type
    if kind not in {"TRAIL LIMIT", "TRAIL LIT"}:
        return None
    if is_set(order.lmtPrice) == is_set(order.lmtPriceOffset):
        return Problem(f"{kind} needs lmtPrice or lmtPriceOffset, and not both", 321)
    if kind == "TRAIL LIMIT" and not says(order.trailStopPrice):
        return Problem(f"{kind} needs trailStopPrice, where its stop starts", 321)
    return None


def _trigger_method(draft: Draft) -> Problem | None:
    method = draft.order.triggerMethod
    if method in _TRIGGER_METHODS:
        return None
    known = ", ".join(str(int(one)) for one in TriggerMethod)
    return Problem(f"triggerMethod {method!r} is none of {known}", 146)


def _leg_prices(draft: Draft) -> Problem | None:
    prices = [leg.price for leg in draft.order.orderComboLegs or ()]
    if not any(is_set(price) for price in prices):
        return None
    legs = draft.contract.comboLegs or ()
    if len(legs) == len(prices) == 2 and all(is_set(price) for price in prices):
        return None
    return Problem("prices of single legs are for combos of two legs, and for both of them", 10058)


# ---- when --------------------------------------------------------------------------------------


def _time_in_force(draft: Draft) -> Problem | None:
    order = draft.order
    kind, tif = draft.type, str(order.tif).upper()
    if kind in {"MOC", "LOC"} and tif not in {"", "DAY"}:
        return Problem(f"{kind} has tif DAY, not {order.tif}", 113)
    if tif == TimeInForce.AT_THE_OPENING and kind in _NOT_AT_OPEN:
        return Problem(f"tif OPG is for MKT and LMT orders, not for {kind}", 111)
    if tif == TimeInForce.GOOD_TILL_DATE and not (order.goodTillDate or says(order.duration)):
        return Problem("tif GTD needs goodTillDate or duration", 391)
    if order.goodTillDate and says(order.duration):
        return Problem("goodTillDate and duration exclude each other", 10272)
    return None


def _times(draft: Draft) -> Problem | None:
    for field, code in (("goodTillDate", 343), ("goodAfterTime", 337)):
        text = getattr(draft.order, field)
        if text and not TIME.fullmatch(text.strip()):
            return Problem(f"{field} {text!r}: {TIME_FORM}", code)
    return None


#: In the order of Gateway 10.40, as far as that is known.
FIELD_CHECKS: tuple[Check, ...] = (
    _finite,
    _times,
    _action,
    _type,
    _contract,
    _time_in_force,
    _size,
    _stop,
    _trigger_method,
    _trail,
    _trailing_limit,
    _limit,
    _whole,
    _block,
    _leg_prices,
)
