"""What an order carries besides type, size and price that the gateway is known to refuse.

Pure, like `field_checks`, which it goes on from.
"""

from __future__ import annotations

from decimal import Decimal

from ibapi.order_condition import OrderCondition

from .builders import OCA_GROUP_LENGTH
from .field_checks import STOPS, TIME, TIME_FORM
from .problems import Check, Draft, Problem, is_set, says
from .words import Action, OrderType, TriggerMethod

__all__ = ["ATTRIBUTE_CHECKS"]

_HUNDRED = Decimal(100)
#: ``ocaType``: the only one that combinations take (359).
_WITHOUT_BLOCK = 3
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
        return Problem("a beta hedge needs hedgeParam, the beta: 1.2", 10008)
    if order.hedgeType == "P" and not order.hedgeParam:
        return Problem("a pair hedge needs hedgeParam, the ratio: 2", 10009)
    return None


def _group(draft: Draft) -> Problem | None:
    order = draft.order
    if len(order.ocaGroup) > OCA_GROUP_LENGTH:
        return Problem(f"ocaGroup has at most {OCA_GROUP_LENGTH} characters", 401)
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
    if draft.type not in STOPS or word not in _BECOMES:
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
    order = draft.order
    for name, order_id, word in (
        ("sl", order.slOrderId, order.slOrderType),
        ("pt", order.ptOrderId, order.ptOrderType),
    ):
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
    if kind == OrderCondition.Time and not TIME.fullmatch(condition.time or ""):
        return Problem(f"condition time {condition.time!r}: {TIME_FORM}", 10314)
    if kind == OrderCondition.Price and condition.triggerMethod not in set(TriggerMethod):
        return Problem(f"triggerMethod {condition.triggerMethod!r} of a condition", 146)
    return None


#: In the order of Gateway 10.40, as far as that is known.
ATTRIBUTE_CHECKS: tuple[Check, ...] = (
    _presets,
    _short_sale,
    _volatility,
    _delta_neutral,
    _stock_range,
    _pegged_to_stock,
    _midprice,
    _hedge,
    _scale,
    _pegged_to_best,
    _shown,
    _group,
    _adjusted,
    _conditions,
)
