"""What comes in about contracts: parts of answers, joined to the requests they belong to.

Market rules and the exchanges with depth have no request id; the connection joins them itself
(`twsloop.connection.singletons`).
"""

from __future__ import annotations

from typing import Any

from twsloop.connection.core import Core

from .state import read_match, read_venues

__all__ = ["ContractProcessor"]


class ContractProcessor:
    """EWrapper's callbacks about contracts.

    Args:
        core: The connection; joins answers to our own requests.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        """One contract that fits."""
        self._core.answer_part(reqId, contractDetails)

    def bondContractDetails(self, reqId: int, contractDetails: Any) -> None:
        """One bond that fits."""
        self._core.answer_part(reqId, contractDetails)

    def contractDetailsEnd(self, reqId: int) -> None:
        """All that fit were told."""
        self._core.answer_end(reqId)

    def symbolSamples(self, reqId: int, contractDescriptions: list[Any]) -> None:
        """All symbols that are like what was searched for."""
        for description in contractDescriptions:
            self._core.answer_part(reqId, read_match(description))
        self._core.answer_end(reqId)

    def securityDefinitionOptionParameter(  # noqa: PLR0917  (IB's signature)
        self,
        reqId: int,
        exchange: str,
        underlyingConId: int,
        tradingClass: str,
        multiplier: str,
        expirations: Any,
        strikes: Any,
    ) -> None:
        """The options of one trading class on one exchange."""
        del underlyingConId
        self._core.answer_part(reqId, (exchange, tradingClass, multiplier, expirations, strikes))

    def securityDefinitionOptionParameterEnd(self, reqId: int) -> None:
        """All classes on all exchanges were told."""
        self._core.answer_end(reqId)

    def smartComponents(self, reqId: int, smartComponentMap: Any) -> None:
        """The exchanges behind SMART."""
        for venue in read_venues(smartComponentMap):
            self._core.answer_part(reqId, venue)
        self._core.answer_end(reqId)
