"""IB's algorithms as far as an order may name them: which there are, and their parameters.

Pure. The gateway takes an algorithm with its parameters, echoes both, and works the order as its
base type (the exchange's microstructure is not simulated). A strategy that does not exist is 439, a
parameter it does not have 443, a value it cannot have 441, an order it cannot have 442.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.paper.clock.times import read_moment

from .refusals import Refusal

__all__ = ["STRATEGIES", "check_algo"]

NOT_FOUND = Refusal(439, "Order processing failed. Algorithm definition not found.")
NOT_ALLOWED = Refusal(442, "Specified algorithm is not allowed for this order.")
UNKNOWN_ATTRIBUTE = Refusal(443, "Order processing failed. Unknown algo attribute.")

#: How a value has to look: a time, a flag, a part of the volume, a number, or one of some words.
_TIME, _FLAG, _PART, _NUMBER = "time", "flag", "part", "number"
_SPAN = {"startTime": _TIME, "endTime": _TIME, "allowPastEndTime": _FLAG}
_RISK = "Get Done|Aggressive|Neutral|Passive"
_VOLUME = {"startTime": _TIME, "endTime": _TIME, "noTakeLiq": _FLAG}
_ACCUMULATE = {
    "componentSize": _NUMBER,
    "timeBetweenOrders": _NUMBER,
    "randomizeTime20": _FLAG,
    "randomizeSize55": _FLAG,
    "giveUp": _NUMBER,
    "catchUp": _FLAG,
    "waitForFill": _FLAG,
    "startTime": _TIME,
    "endTime": _TIME,
    "activeTimeStart": _TIME,
    "activeTimeEnd": _TIME,
}


@attrs.frozen
class Strategy:
    """One algorithm.

    Attributes:
        parameters: What each parameter has to look like.
        order_types: Which order types it works.
    """

    parameters: Mapping[str, str]
    order_types: frozenset[str] = frozenset({"MKT", "LMT"})


#: By IB's name in lower case: clients spell ``Twap`` and ``TWAP``.
STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {
        "adaptive": Strategy({"adaptivePriority": "Urgent|Normal|Patient|Critical"}),
        "twap": Strategy(
            {
                "strategyType": "Marketable|Matching Midpoint|Matching Same Side|Matching Last",
                **_SPAN,
                "catchUp": _FLAG,
            }
        ),
        "vwap": Strategy(
            {"maxPctVol": _PART, **_SPAN, "noTakeLiq": _FLAG, "speedUp": _FLAG, "getDone": _FLAG}
        ),
        "arrivalpx": Strategy(
            {"maxPctVol": _PART, "riskAversion": _RISK, **_SPAN, "forceCompletion": _FLAG}
        ),
        "darkice": Strategy({"displaySize": _NUMBER, **_SPAN}, frozenset({"LMT"})),
        "pctvol": Strategy({"pctVol": _PART, **_VOLUME}),
        "pctvolpx": Strategy(
            {
                "pctVol": _PART,
                "deltaPctVol": _PART,
                "minPctVol4Px": _PART,
                "maxPctVol4Px": _PART,
                **_VOLUME,
            }
        ),
        "pctvolsz": Strategy({"startPctVol": _PART, "endPctVol": _PART, **_VOLUME}),
        "pctvoltm": Strategy({"startPctVol": _PART, "endPctVol": _PART, **_VOLUME}),
        "ad": Strategy(_ACCUMULATE),
        "closepx": Strategy(
            {
                "maxPctVol": _PART,
                "riskAversion": _RISK,
                "startTime": _TIME,
                "forceCompletion": _FLAG,
            }
        ),
        "minimpact": Strategy({"maxPctVol": _PART}),
        "balanceimpactrisk": Strategy(
            {"maxPctVol": _PART, "riskAversion": _RISK, "forceCompletion": _FLAG}
        ),
    }
)
#: Kinds of instruments that algorithms trade.
_SEC_TYPES = frozenset({"STK", "OPT", "FUT", "FOP"})


def _is_good(value: str, kind: str) -> bool:
    if kind == _FLAG:
        return value in {"0", "1", "true", "false", "True", "False"}
    if kind == _TIME:
        try:
            read_moment(value)
        except ValueError:
            return not value
        return True
    if kind in {_PART, _NUMBER}:
        try:
            number = float(value)
        except ValueError:
            return False
        return 0 < number <= 1 if kind == _PART else number >= 0
    return value in kind.split("|")


def check_algo(
    strategy: str, parameters: Mapping[str, str], order_type: str, instrument: Any
) -> Refusal | None:
    """Why an order may not have this algorithm, None if it may.

    Args:
        strategy: Its name as sent.
        parameters: Its parameters as sent.
        order_type: The order's type.
        instrument: What the order trades.
    """
    found = STRATEGIES.get(strategy.lower())
    if found is None:
        return NOT_FOUND
    for name in parameters:
        if name not in found.parameters:
            return UNKNOWN_ATTRIBUTE
    for name, value in parameters.items():
        if not _is_good(value, found.parameters[name]):
            return Refusal(441, f"Algo attributes validation failed: {name} cannot be {value!r}")
    if order_type not in found.order_types or instrument.sec_type not in _SEC_TYPES:
        return NOT_ALLOWED
    return None
