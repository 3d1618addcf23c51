"""What an option is worth, or how volatile it is, by IB's model: one question, one answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from ibapi.contract import Contract

from twsloop.connection.core import Core

from .processor import greeks_of
from .ticks import Greeks

__all__ = ["Calculations"]

_CALLBACKS = ("tickOptionComputation",)


class Calculations:
    """IB's two calculations; loop thread only. It listens only while one is under way.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way = 0

    async def implied_volatility(
        self,
        contract: Contract,
        name: tuple[str, Hashable],
        given: tuple[float, float],
        seconds: float | None,
    ) -> Greeks:
        """Ask for the volatility; ``given`` is the option's price and its underlying's."""
        core = self._core
        return await self._ask(
            f"implied volatility of {name[0]}",
            lambda req_id: core.calculateImpliedVolatility(req_id, contract, *given, []),
            core.cancelCalculateImpliedVolatility,
            ("implied_volatility", name[1], given),
            seconds,
        )

    async def option_price(
        self,
        contract: Contract,
        name: tuple[str, Hashable],
        given: tuple[float, float],
        seconds: float | None,
    ) -> Greeks:
        """Ask for the price; ``given`` is the volatility and the underlying's price."""
        core = self._core
        return await self._ask(
            f"option price of {name[0]}",
            lambda req_id: core.calculateOptionPrice(req_id, contract, *given, []),
            core.cancelCalculateOptionPrice,
            ("option_price", name[1], given),
            seconds,
        )

    async def _ask(
        self,
        request: str,
        send: Callable[[int], object],
        cancel: Callable[[int], object],
        share: Hashable,
        seconds: float | None,
    ) -> Greeks:
        core = self._core
        self._under_way += 1
        core.add_slice(self, _CALLBACKS)
        try:
            parts: list[Greeks] = await core.ask(
                send, request=request, timeout=seconds, cancel=cancel, share=share
            )
        finally:
            self._under_way -= 1
            if not self._under_way:
                core.remove_slice(self, _CALLBACKS)
        return parts[0]

    def tickOptionComputation(self, reqId: int, _type: int, tickAttrib: int, *values: Any) -> None:
        """EWrapper's: the answer, if it is one of ours."""
        if self._core.answer_part(reqId, greeks_of(tickAttrib, *values)):
            self._core.answer_end(reqId)
