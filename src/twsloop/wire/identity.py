"""What makes two contracts the same for a request."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

__all__ = ["contract_key"]


def contract_key(contract: Any) -> Hashable:
    """The contract as IB would look it up: equal for two that mean the same request.

    A contract with its id is the same as another with that id and exchange, whatever else is
    written in it. A combination has an id that means nothing: its legs count.

    Args:
        contract: An ibapi Contract.
    """
    if contract.conId and contract.secType != "BAG":
        return ("id", contract.conId, contract.exchange)
    legs = tuple(
        (leg.conId, leg.ratio, leg.action, leg.exchange) for leg in contract.comboLegs or ()
    )
    return (
        contract.symbol,
        contract.secType,
        contract.lastTradeDateOrContractMonth,
        contract.strike,
        contract.right,
        contract.multiplier,
        contract.exchange,
        contract.primaryExchange,
        contract.currency,
        contract.localSymbol,
        contract.tradingClass,
        contract.includeExpired,
        (contract.secIdType, contract.secId),
        legs,
    )
