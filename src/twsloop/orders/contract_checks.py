"""What a contract does not take, as far as its details tell.

Pure. ``ContractDetails.orderTypes`` lists types and attributes, ``validExchanges`` the venues,
``minSize`` and ``sizeIncrement`` the sizes; the binding price step is that of the market rule of
the venue, which is handed in. Without the rule a price is only held against ``minTick``, the
smallest step of all venues: off that grid it is off every grid.

Sources: the refusals of Gateway 10.40 (reference ``domain.md`` c, ``matching_engine.md`` 2).
"""

from __future__ import annotations

from decimal import Decimal

from twsloop.wire.values import decimal_or_none

from .problems import Check, Draft, Problem, says
from .words import OrderType, SecType, TimeInForce

__all__ = ["CONTRACT_CHECKS"]

#: Types that trail: their trigger moves, and is nobody's to put on a grid.
_PRICED = frozenset({"MIT", "LIT", "STP", "STP LMT", "STP PRT"})
#: What a contract lists for an attribute, the attribute, and IB's refusal.
_ATTRIBUTES = (
    ("ICE", "displaySize", 10255),
    ("AON", "allOrNone", 10257),
    ("PAON", "minQty", 10256),
    ("HID", "hidden", 152),
    ("SWEEP", "sweepToFill", 10267),
    ("BLOCK", "blockOrder", 10266),
    ("POSTATS", "postToAts", 10274),
    ("IMB", "imbalanceOnly", 10342),
    ("COND", "conditions", 402),
)
#: Destinations of IB's own that take orders without being listed (IBKRATS, IBEOS, ...).
_IBS_OWN = ("IB", "OVERNIGHT", "PREBORROW", "TPLUS")
#: How far beside a step a price may be, as a part of the step.
_NOISE = Decimal("1e-6")
_BY_MONEY = frozenset({SecType.FOREX, SecType.CRYPTO})


def _words(text: object) -> frozenset[str]:
    """The words of one of the details' comma-separated lists."""
    return frozenset(word.strip() for word in str(text or "").split(",") if word.strip())


def _exchange(draft: Draft) -> Problem | None:
    exchanges = _words(draft.details.validExchanges)
    exchange = draft.contract.exchange
    if not exchange or not exchanges or exchange in exchanges or exchange.startswith(_IBS_OWN):
        return None
    some = ", ".join(sorted(exchanges)[:8])
    return Problem(f"{exchange} does not trade it; {some} and others do", 200)


def _type(draft: Draft) -> Problem | None:
    listed = _words(draft.details.orderTypes)
    if not listed:
        return None
    word = draft.type.listed
    if word is None and draft.type.known:
        return None  # how the list calls it is not known
    if word in listed or (word is None and draft.type.replace(" ", "") in listed):
        return None
    return Problem(f"it is not traded by {draft.order.orderType} orders here", 387)


def _time_in_force(draft: Draft) -> Problem | None:
    """A word that neither we nor the list know; ours may be older than the gateway's."""
    listed = _words(draft.details.orderTypes)
    tif = str(draft.order.tif)
    if not tif or not listed or tif.upper() in listed or TimeInForce(tif).known:
        return None
    known = ", ".join(TimeInForce)
    return Problem(f"tif {tif!r} is none of {known}", 10052)


def _attributes(draft: Draft) -> Problem | None:
    listed = _words(draft.details.orderTypes)
    if not listed:
        return None
    for word, field, code in _ATTRIBUTES:
        value = getattr(draft.order, field)
        if word not in listed and (bool(value) if field == "conditions" else says(value)):
            return Problem(f"it takes no {field} here", code)
    by_money = "CASHQTY" in listed or draft.sec_type in _BY_MONEY
    if says(draft.order.cashQty) and not by_money:
        return Problem("it is not traded by cashQty; set totalQuantity", 10244)
    return None


def _size(draft: Draft) -> Problem | None:
    size = draft.size
    least = decimal_or_none(draft.details.minSize)
    step = decimal_or_none(draft.details.sizeIncrement)
    if not size or draft.by_cash or says(draft.order.hedgeType):
        return None
    if least and size < least:
        return Problem(f"totalQuantity {size} is below the smallest size {least:f}", 388)
    if step and size % step:
        return Problem(f"totalQuantity {size} is not a multiple of {step:f}", 10250)
    return None


def _price_step(draft: Draft, price: Decimal) -> Decimal | None:
    if draft.rule is not None:
        step: Decimal = draft.rule.increment(price)
        return step
    return decimal_or_none(draft.details.minTick) if draft.details is not None else None


def _off(price: Decimal, step: Decimal) -> bool:
    """Whether a price is between two steps, and not just beside one as sums of floats are."""
    beyond = abs(price % step)
    return min(beyond, step - beyond) > step * _NOISE


def _ticks(draft: Draft) -> Problem | None:
    if draft.rule is None and draft.details is None:
        return None
    if draft.sec_type == SecType.COMBO:
        return None  # its price is a sum of its legs' prices
    fields = ["lmtPrice"] + (["auxPrice"] if draft.type in _PRICED else [])
    if draft.type in {OrderType.VOLATILITY, OrderType.MARKET}:
        return None
    if draft.type == OrderType.MARKET_TO_LIMIT and draft.order.tif != "AUC":
        return None  # its price comes of its first fill; only at an auction it has one of its own
    for field in fields:
        price = draft.number(field)
        step = _price_step(draft, price) if price else None
        if price and step and _off(price, step):
            near = (price / step).to_integral_value() * step
            return Problem(f"{field} {price:f} is not a multiple of {step:f}: {near:f} is", 110)
    return None


def _discretionary(draft: Draft) -> Problem | None:
    amount = draft.number("discretionaryAmt")
    step = _price_step(draft, draft.number("lmtPrice") or Decimal(0)) if amount else None
    if amount and step and _off(amount, step):
        return Problem(f"discretionaryAmt {amount:f} is not a multiple of {step:f}", 168)
    return None


def _with_details(check: Check) -> Check:
    def run(draft: Draft) -> Problem | None:
        return check(draft) if draft.details is not None else None

    return run


#: Build, then rules, as Gateway 10.40 has them. The first three ask for the details.
CONTRACT_CHECKS: tuple[Check, ...] = (
    _ticks,
    _discretionary,
    *map(_with_details, (_size, _exchange, _time_in_force, _type, _attributes)),
)
