"""What an order says of itself that the gateway is known to refuse.

Pure. The checks come in the order of Gateway 10.40 (reference ``domain.md`` c, "Validation order");
each gives IB's code, of the table ``error_codes.csv``. What is not known to be refused passes.
"""

from __future__ import annotations

import re
from decimal import Decimal

from ibapi.order_condition import OrderCondition

from .problems import Check, Draft, Problem, is_set, says
from .words import Action, OrderType, SecType, TimeInForce, TriggerMethod

__all__ = ["FIELD_CHECKS", "LARGEST"]

#: The sizes the gateway takes (355 otherwise).
LARGEST = Decimal(999_999_999)
_HUNDRED = Decimal(100)
#: The longest name of an OCA group (401).
_OCA_NAME = 64
#: ``ocaType``: the only one that combinations take (359).
_WITHOUT_BLOCK = 3
#: The smallest size of a block order (117).
_BLOCK = 50

_ACTIONS = frozenset({"BUY", "SELL", "SSHORT", "SSHORTX", "SLONG"})
#: What people write for a type that is none, and what they mean (321).
_NO_TYPES = {
    "MOO": "a MKT order with tif OPG (market_on_open)",
    "LOO": "an LMT order with tif OPG (limit_on_open)",
    "PEG PRI": "REL (relative)",
    "PEG PRIM": "REL (relative)",
}
_NEEDS_LIMIT = frozenset({"LMT", "STP LMT", "LIT", "LOC", "REL + LMT"})
_NEEDS_STOP = frozenset({"STP", "STP LMT", "STP PRT"})
_NEEDS_TOUCH = frozenset({"MIT", "LIT"})
_TRAILS = frozenset({"TRAIL", "TRAIL LIMIT", "TRAIL MIT", "TRAIL LIT"})
_STOPS = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT", "STP PRT"})
#: Types that the opening auction has no place for (111).
_NOT_AT_OPEN = _STOPS | _NEEDS_TOUCH | {"TRAIL MIT", "TRAIL LIT", "MOC", "LOC", "MIDPRICE"}
#: Kinds that trade in whole units only (10318).
_WHOLE_ONLY = frozenset({"OPT", "FUT", "FOP", "CASH", "BAG", "WAR"})
#: Kinds that nobody can order (412).
_UNTRADABLE = frozenset({SecType.INDEX, SecType.NEWS, SecType.CONTINUOUS_FUTURE})
#: Types that conditions may submit, or cancel (148).
_CONDITIONAL = frozenset(
    {"MKT", "LMT", "MIDPRICE", "REL", "SNAP MKT", "SNAP MID", "SNAP PRIM", "SNAP"}
)
_CANCELLED_BY_CONDITION = frozenset({"LMT", "MIDPRICE"})
_ON_CONTRACT = frozenset(
    {OrderCondition.Price, OrderCondition.Volume, OrderCondition.PercentChange}
)
#: Types of a delta hedge, and whether they need a price (378, 379, 380).
_DELTA_NEUTRAL = {"MKT": False, "LMT": True, "REL": True}
#: What a stop may become.
_BECOMES = frozenset({"STP", "STP LMT", "TRAIL", "TRAIL LIMIT"})
#: ``yyyymmdd hh:mm:ss zone``, ``hh:mm:ss zone``, ``yyyymmdd-hh:mm:ss``; the zone may be missing.
_TIME = re.compile(r"(\d{8} +)?\d{1,2}:\d{2}(:\d{2})?( +\S.*)?|\d{8}-\d{2}:\d{2}:\d{2}Z?|\d{8}")
_TIME_FORM = "write yyyymmdd-hh:mm:ss (UTC) or yyyymmdd hh:mm:ss US/Eastern"


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
    if draft.order.action in _ACTIONS:
        return None
    known = ", ".join(sorted(_ACTIONS))
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
    if size is None or size == size.to_integral_value() or draft.sec_type not in _WHOLE_ONLY:
        return None
    return Problem(f"totalQuantity {size}: {draft.sec_type} trades in whole units", 10318)


def _block(draft: Draft) -> Problem | None:
    size = draft.size
    if not draft.order.blockOrder or size is None or size >= _BLOCK:
        return None
    return Problem(f"a block order has at least {_BLOCK} contracts, not {size}", 117)


# ---- prices ------------------------------------------------------------------------------------


def _finite(draft: Draft) -> Problem | None:
    for name in ("lmtPrice", "auxPrice", "trailStopPrice"):
        value = getattr(draft.order, name)
        if is_set(value) and draft.number(name) is None:
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
    if method in set(TriggerMethod):
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


# ---- shorting, volatility, pegs ----------------------------------------------------------------


def _short_sale(draft: Draft) -> Problem | None:
    order = draft.order
    slot, location = order.shortSaleSlot, order.designatedLocation
    if slot not in {0, 1, 2}:
        return Problem(f"shortSaleSlot {slot!r}: 1 is held by the broker, 2 elsewhere", 347)
    if slot and order.action not in {Action.SHORT_SELL, Action.SHORT_SELL_EXEMPT}:
        return Problem("shortSaleSlot goes with action SSHORT", 348)
    if slot == 2 and not location:
        return Problem("shortSaleSlot 2 needs designatedLocation", 352)
    if slot == 1 and location:
        return Problem("shortSaleSlot 1 has no designatedLocation", 353)
    return None


def _volatility(draft: Draft) -> Problem | None:
    order = draft.order
    if draft.type != OrderType.VOLATILITY:
        for field, code in (("volatility", 371), ("continuousUpdate", 372)):
            if says(getattr(order, field)):
                return Problem(f"{field} is for VOL orders", code)
        return None
    if not says(order.volatility) or order.volatility < 0:
        return Problem("VOL needs volatility, above 0, in percent", 371)
    if says(order.volatilityType) and order.volatilityType not in {1, 2}:
        return Problem("volatilityType is 1 (daily) or 2 (annual)", 367)
    if order.continuousUpdate and order.referencePriceType not in {1, 2}:
        return Problem("continuousUpdate needs referencePriceType: 1 average, 2 bid or ask", 368)
    return None


def _delta_neutral(draft: Draft) -> Problem | None:
    order = draft.order
    word = order.deltaNeutralOrderType
    if not says(word):
        return None
    if word not in _DELTA_NEUTRAL:
        known = ", ".join(_DELTA_NEUTRAL)
        return Problem(f"deltaNeutralOrderType {word!r} is none of {known}", 380)
    has_price = says(order.deltaNeutralAuxPrice)
    if _DELTA_NEUTRAL[word] and not has_price:
        return Problem(f"deltaNeutralOrderType {word} needs deltaNeutralAuxPrice", 378)
    if not _DELTA_NEUTRAL[word] and has_price:
        return Problem(f"deltaNeutralOrderType {word} has no deltaNeutralAuxPrice", 379)
    return None


def _stock_range(draft: Draft) -> Problem | None:
    low, high = draft.number("stockRangeLower"), draft.number("stockRangeUpper")
    if not low and not high:
        return None
    if draft.type not in {"VOL", "PEG STK", "PEG BENCH"}:
        return Problem("stockRangeLower and stockRangeUpper are for VOL and PEG STK orders", 373)
    if (low or 0) < 0 or (high or 0) < 0:
        return Problem("stockRangeLower and stockRangeUpper are not below 0", 375)
    if low and high and low >= high:
        return Problem("stockRangeLower is below stockRangeUpper", 374)
    return None


def _pegged_to_stock(draft: Draft) -> Problem | None:
    if draft.type != OrderType.PEGGED_TO_STOCK:
        return None
    delta = draft.number("delta")
    if delta is not None and 1 <= delta <= _HUNDRED:
        return None
    return Problem("PEG STK needs delta, in percent from 1 to 100", 341)


def _pegged_to_best(draft: Draft) -> Problem | None:
    if draft.type != OrderType.PEGGED_TO_BEST:
        return None
    order = draft.order
    if is_set(order.minCompeteSize) and order.minCompeteSize < 0:
        return Problem("minCompeteSize is not below 0", 10304)
    offset = draft.number("competeAgainstBestOffset")
    if offset is not None and (offset <= 0 or offset % Decimal("0.01")):
        return Problem("competeAgainstBestOffset is a multiple of a cent, above 0", 10305)
    least, size = order.minTradeQty, draft.size
    if is_set(least) and (least <= 0 or (size is not None and least > size)):
        return Problem("minTradeQty is above 0, and not above totalQuantity", 10303)
    return None


def _midprice(draft: Draft) -> Problem | None:
    if draft.type == OrderType.MIDPRICE and draft.order.outsideRth:
        return Problem("MIDPRICE works in regular hours: leave outsideRth False", 10210)
    return None


# ---- what else it carries ----------------------------------------------------------------------


def _hedge(draft: Draft) -> Problem | None:
    order = draft.order
    if not says(order.hedgeType):
        return None
    if order.hedgeType not in {"D", "B", "F", "P"}:
        return Problem(f"hedgeType {order.hedgeType!r} is none of D, B, F, P", 10007)
    if order.hedgeType == "B" and not order.hedgeParam:
        return Problem("a beta hedge needs hedgeParam: beta=1.2", 10008)
    if order.hedgeType == "P" and not order.hedgeParam:
        return Problem("a pair hedge needs hedgeParam: ratio=2", 10009)
    return None


def _group(draft: Draft) -> Problem | None:
    order = draft.order
    if len(order.ocaGroup) > _OCA_NAME:
        return Problem(f"ocaGroup has at most {_OCA_NAME} characters", 401)
    if order.ocaGroup and draft.sec_type == "BAG" and order.ocaType not in {0, _WITHOUT_BLOCK}:
        return Problem(f"combos are grouped with ocaType {_WITHOUT_BLOCK}", 359)
    return None


def _shown(draft: Draft) -> Problem | None:
    order, size = draft.order, draft.size
    if not says(order.displaySize):
        return None
    if says(order.discretionaryAmt):
        return Problem("displaySize and discretionaryAmt exclude each other", 157)
    if size and order.displaySize >= size:
        return Problem(f"displaySize {order.displaySize} is below totalQuantity", 10020)
    return None


def _scale(draft: Draft) -> Problem | None:
    order = draft.order
    step, first = draft.number("scalePriceIncrement"), order.scaleInitLevelSize
    if not step and not says(first):
        return None
    if not says(first):
        return Problem("a scale needs scaleInitLevelSize", 419)
    if step is None or step <= 0:
        return Problem("a scale needs scalePriceIncrement, above 0", 408)
    if says(order.scalePriceAdjustValue) != says(order.scalePriceAdjustInterval):
        both = "scalePriceAdjustValue and scalePriceAdjustInterval go together"
        return Problem(both, 447)
    if order.scaleAutoReset and not says(order.scaleProfitOffset):
        return Problem("scaleAutoReset needs scaleProfitOffset", 446)
    return None


def _adjusted(draft: Draft) -> Problem | None:
    order = draft.order
    word = order.adjustedOrderType
    if not says(word):
        return Problem("triggerPrice needs adjustedOrderType", 361) if _moves(draft) else None
    if draft.type not in _STOPS or word not in _BECOMES:
        return Problem("only a stop is adjusted, and only to another kind of stop", 321)
    if not _moves(draft):
        return Problem("adjustedOrderType needs triggerPrice", 361)
    if not says(order.adjustedStopPrice):
        return Problem(f"adjusting to {word} needs adjustedStopPrice", 362)
    if word.endswith(("LMT", "LIMIT")) and not says(order.adjustedStopLimitPrice):
        return Problem(f"adjusting to {word} needs adjustedStopLimitPrice", 363)
    if word.startswith("TRAIL") and not says(order.adjustedTrailingAmount):
        return Problem(f"adjusting to {word} needs adjustedTrailingAmount", 364)
    return None


def _moves(draft: Draft) -> bool:
    return says(draft.order.triggerPrice)


def _presets(draft: Draft) -> Problem | None:
    for name in ("sl", "pt"):
        order_id = getattr(draft.order, f"{name}OrderId")
        word = getattr(draft.order, f"{name}OrderType")
        if says(order_id) != (word == "PRESET") or (word and word != "PRESET"):
            return Problem(
                f"{name}OrderId goes with {name}OrderType 'PRESET', and no other word", 320
            )
    return None


def _conditions(draft: Draft) -> Problem | None:
    order = draft.order
    if not order.conditions:
        return None
    if order.conditionsCancelOrder:
        if draft.type not in _CANCELLED_BY_CONDITION:
            return Problem("conditions cancel LMT and MIDPRICE orders only", 148)
    elif draft.type not in _CONDITIONAL:
        return Problem("conditions submit MKT, LMT, MIDPRICE, REL and SNAP orders only", 148)
    for condition in order.conditions:
        problem = _condition(condition)
        if problem is not None:
            return problem
    return None


def _condition(condition: OrderCondition) -> Problem | None:
    kind = condition.condType
    if kind in _ON_CONTRACT and not (condition.conId and condition.exchange):
        return Problem("a condition names its contract by conId and exchange", 147)
    if kind == OrderCondition.Execution and not condition.symbol:
        return Problem("an execution condition has a symbol", 147)
    if kind == OrderCondition.Time and not _TIME.fullmatch(condition.time or ""):
        return Problem(f"condition time {condition.time!r}: {_TIME_FORM}", 10314)
    if kind == OrderCondition.Price and condition.triggerMethod not in set(TriggerMethod):
        return Problem(f"triggerMethod {condition.triggerMethod!r} of a condition", 146)
    return None


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
        if text and not _TIME.fullmatch(text.strip()):
            return Problem(f"{field} {text!r}: {_TIME_FORM}", code)
    return None


#: In the order of Gateway 10.40, as far as that is known.
FIELD_CHECKS: tuple[Check, ...] = (
    _finite,
    _times,
    _presets,
    _action,
    _type,
    _contract,
    _time_in_force,
    _size,
    _stop,
    _trigger_method,
    _short_sale,
    _volatility,
    _delta_neutral,
    _stock_range,
    _pegged_to_stock,
    _trail,
    _trailing_limit,
    _midprice,
    _hedge,
    _limit,
    _whole,
    _block,
    _scale,
    _pegged_to_best,
    _shown,
    _group,
    _adjusted,
    _conditions,
    _leg_prices,
)
