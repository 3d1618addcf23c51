"""Pieces that several layouts share, so that each field list stands in one place."""

from __future__ import annotations

__all__ = [
    "CONDITIONS",
    "CONTRACT_START",
    "DELTA_NEUTRAL_CONTRACT",
    "FIRST_TRAIL_STOP",
    "HELD_CONTRACT",
    "LEGS",
    "ORDER_START",
    "PEG_BENCH",
    "REQUEST_CONTRACT",
    "REQUEST_SCALE",
    "SCALE",
    "SHORT_LEGS",
    "answer_contract",
]

CONTRACT_START = "conId symbol secType lastTradeDateOrContractMonth"


def answer_contract(strike: str) -> str:
    """A contract in an answer.

    Args:
        strike: How the strike is written there; TWS is not of one mind (``0`` or ``0.0``).
    """
    return f"""contract.({CONTRACT_START} {strike} right multiplier:whole?
        exchange currency localSymbol tradingClass)"""


HELD_CONTRACT = answer_contract("strike")

REQUEST_CONTRACT = f"""contract.({CONTRACT_START} strike? right multiplier:whole?
    exchange primaryExch currency localSymbol tradingClass)"""

SHORT_LEGS = "when(bag: each(contract.comboLegs: conId ratio action exchange))"

LEGS = """each(contract.comboLegs: conId ratio action exchange
    openClose shortSalesSlot designatedLocation exemptCode)"""

DELTA_NEUTRAL_CONTRACT = "present(contract.deltaNeutralContract: conId delta price)"

ORDER_START = """order.(action totalQuantity:decimal? orderType lmtPrice? auxPrice? tif
    ocaGroup account openClose origin orderRef)"""

# The stop price of a trailing order comes twice, and the second one counts. For all other orders
# the first is empty, even where TWS makes up the second (a limit order's limit plus 1).
FIRST_TRAIL_STOP = "when(is_trailing: order.trailStopPrice?) when(not_trailing: =)"

_SCALE_REST = """when(scales: order.(scalePriceAdjustValue? scalePriceAdjustInterval?
    scaleProfitOffset? scaleAutoReset scaleInitPosition? scaleInitFillQty? scaleRandomPercent))"""

SCALE = f"""order.(scaleInitLevelSize?max scaleSubsLevelSize?max scalePriceIncrement?)
    {_SCALE_REST}"""

REQUEST_SCALE = f"""order.(scaleInitLevelSize? scaleSubsLevelSize? scalePriceIncrement?)
    {_SCALE_REST}"""

PEG_BENCH = """when(peg_bench: order.(referenceContractId isPeggedChangeAmountDecrease
    peggedChangeAmount referenceChangeAmount referenceExchangeId))"""

CONDITIONS = """each(order.conditions: type isConjunctionConnection:andor
        when(is_execution: secType exchange symbol)
        when(compares: isMore)
        when(is_price: price)
        when(is_time: time)
        when(is_margin: percent)
        when(is_volume: volume)
        when(is_percent_change: changePercent)
        when(on_contract: conId exchange)
        when(is_price: triggerMethod))
    when(has_conditions: order.(conditionsIgnoreRth conditionsCancelOrder))"""
