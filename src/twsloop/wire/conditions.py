"""The named conditions of the layouts: which fields a message has, by what it says itself.

A condition gets the message at its level: the whole message, or one element of an ``each``. It
may look only at fields that stand before it on the wire, because it has to give the same answer
while the message is being read.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

__all__ = ["CONDITIONS"]

PEG_BENCH = ("PEG BENCH", "PEGBENCH")
PEG_BEST = ("PEG BEST", "PEGBEST")
PEG_MID = ("PEG MID", "PEGMID")

# What ibapi.order_condition calls its types.
_PRICE, _TIME, _MARGIN, _EXECUTION, _VOLUME, _PERCENT_CHANGE = 1, 3, 4, 5, 6, 7

# What tickByTick carries, by its tickType.
_LAST, _ALL_LAST, _BID_ASK, _MID_POINT = 1, 2, 3, 4


def _scales(message: Any) -> bool:
    order = message.order
    return bool(
        order.HasField("scalePriceIncrement") and 0 < order.scalePriceIncrement < sys.float_info.max
    )


def _sends_mid_offsets(message: Any) -> bool:
    """PEG MID has offsets; PEG BEST only if it competes up to the mid point (written Infinity)."""
    order = message.order
    if order.orderType in PEG_BEST:
        return bool(order.competeAgainstBestOffset == math.inf)
    return order.orderType in PEG_MID


CONDITIONS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        # of a contract
        "bag": lambda message: message.contract.secType == "BAG",
        "fund": lambda message: message.contract.secType == "FUND",
        "ibkrats": lambda message: message.contract.exchange == "IBKRATS",
        # of an order
        "delta_neutral": lambda message: bool(message.order.deltaNeutralOrderType),
        "scales": _scales,
        "hedges": lambda message: bool(message.order.hedgeType),
        "has_algo": lambda message: bool(message.order.algoStrategy),
        "is_trailing": lambda message: message.order.orderType.startswith("TRAIL"),
        "not_trailing": lambda message: not message.order.orderType.startswith("TRAIL"),
        "peg_bench": lambda message: message.order.orderType in PEG_BENCH,
        "peg_best": lambda message: message.order.orderType in PEG_BEST,
        "mid_offsets": _sends_mid_offsets,
        "has_conditions": lambda message: len(message.order.conditions) > 0,
        # of one order condition
        "is_price": lambda condition: condition.type == _PRICE,
        "is_time": lambda condition: condition.type == _TIME,
        "is_margin": lambda condition: condition.type == _MARGIN,
        "is_execution": lambda condition: condition.type == _EXECUTION,
        "is_volume": lambda condition: condition.type == _VOLUME,
        "is_percent_change": lambda condition: condition.type == _PERCENT_CHANGE,
        "compares": lambda condition: condition.type != _EXECUTION,
        "on_contract": lambda condition: condition.type in {_PRICE, _VOLUME, _PERCENT_CHANGE},
        # of a tick by tick
        "is_last": lambda tick: tick.tickType in {_LAST, _ALL_LAST},
        "is_bid_ask": lambda tick: tick.tickType == _BID_ASK,
        "is_mid_point": lambda tick: tick.tickType == _MID_POINT,
    }
)
