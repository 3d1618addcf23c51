"""What a server version has no place for.

IB's client refuses some fields of an order at a server version that does not know them (503), and
leaves others out without a word: an order with a preset stop loss would reach an older gateway as
an order without one. Here each field that came later has its version, and is refused before.

At server versions below 111 IB's client refuses every order by itself (it takes the unset cashQty
for a cash quantity), so the table begins there.

Sources: ``ibapi`` 10.46.1 (server_versions, client, client_utils), and what its encoders leave out
when each field is set (reference ``protocol.md`` D).
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ibapi.order import Order

from .problems import Problem

__all__ = ["GATES", "LOST_SINCE", "version_problem"]

#: The code of IB's client for a server that is too old.
TOO_OLD = 503

_BY_VERSION: dict[int, tuple[str, ...]] = {
    111: ("cashQty",),
    138: ("mifid2DecisionMaker", "mifid2DecisionAlgo"),
    139: ("mifid2ExecutionTrader", "mifid2ExecutionAlgo"),
    141: ("dontUseAutoPriceForHedge",),
    145: ("isOmsContainer",),
    148: ("discretionaryUpToLimitPrice",),
    151: ("usePriceMgmtAlgo",),
    158: ("duration",),
    160: ("postToAts",),
    162: ("autoCancelParent",),
    166: ("advancedErrorOverride",),
    169: ("manualOrderTime",),
    170: (
        "minTradeQty",
        "minCompeteSize",
        "competeAgainstBestOffset",
        "midOffsetAtWhole",
        "midOffsetAtHalf",
    ),
    183: ("customerAccount",),
    184: ("professionalCustomer",),
    189: ("includeOvernight",),
    192: ("manualOrderIndicator",),
    199: ("imbalanceOnly",),
    203: ("bondAccruedInterest",),
    216: ("deactivate", "postOnly", "allowPreOpen", "ignoreOpenAuction"),
    217: ("routeMarketableToBbo", "seekPriceImprovement", "whatIfType"),
    218: ("slOrderId", "slOrderType", "ptOrderId", "ptOrderType"),
    223: ("hedgeMaxSize",),
}
#: The first server version that knows a field.
GATES: Mapping[str, int] = MappingProxyType(
    {field: version for version, fields in _BY_VERSION.items() for field in fields}
)
#: The first server version for which IB's client leaves a field out.
LOST_SINCE: Mapping[str, int] = MappingProxyType({"auctionStrategy": 203})

_UNTOUCHED: Mapping[str, Any] = MappingProxyType(vars(Order()))


@functools.cache
def _judged(server_version: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The fields that a server version does not know yet, and those that it is not sent any more.

    Most versions have next to none; every order is asked for all of them.
    """
    unknown = tuple(field for field, since in GATES.items() if server_version < since)
    lost = tuple(field for field, since in LOST_SINCE.items() if server_version >= since)
    return unknown, lost


def version_problem(order: Any, server_version: int) -> Problem | None:
    """The first field that would not arrive, None if all would."""
    unknown, lost = _judged(server_version)
    for field in unknown:
        if getattr(order, field) != _UNTOUCHED[field]:
            since = GATES[field]
            text = f"{field} needs server version {since}; this gateway speaks {server_version}"
            return Problem(f"{text}: upgrade it, or leave the field out", TOO_OLD)
    for field in lost:
        if getattr(order, field) != _UNTOUCHED[field]:
            since = LOST_SINCE[field]
            text = f"IB's client does not send {field} to server version {since} and newer"
            return Problem(f"{text}; this gateway speaks {server_version}")
    return None
