"""What an option is worth, or how volatile it is, by IB's model: one question, one answer."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.wire.identity import contract_key

from .processor import greeks_of
from .ticks import Greeks

__all__ = ["Calculation", "Calculations"]

_CALLBACKS = ("tickOptionComputation",)


class Calculation(StrEnum):
    """What IB's model can be asked for; the words stand in errors."""

    IMPLIED_VOLATILITY = "implied volatility"
    """Of the option's price, and its underlying's."""
    OPTION_PRICE = "option price"
    """Of a volatility, and the underlying's price."""


#: How each is asked for, and how it is cancelled: EClient's names.
_REQUESTS = {
    Calculation.IMPLIED_VOLATILITY: (
        "calculateImpliedVolatility",
        "cancelCalculateImpliedVolatility",
    ),
    Calculation.OPTION_PRICE: ("calculateOptionPrice", "cancelCalculateOptionPrice"),
}


class Calculations:
    """IB's two calculations; loop thread only. It listens only while one is under way.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._under_way = 0

    async def ask(
        self,
        what: Calculation,
        option: tuple[Contract, str],
        given: tuple[float, float],
        seconds: float | None,
    ) -> Greeks:
        """Ask IB's model.

        Args:
            what: For what.
            option: The contract, and what it is called.
            given: What it is computed of, in the order of EClient's parameters.
            seconds: How long the answer may take; None as configured.
        """
        core, (contract, label) = self._core, option
        send, cancel = (getattr(core, name) for name in _REQUESTS[what])
        self._under_way += 1
        core.add_slice(self, _CALLBACKS)
        try:
            parts: list[Greeks] = await core.ask(
                lambda req_id: send(req_id, contract, *given, []),
                request=f"{what} of {label}",
                timeout=seconds,
                cancel=cancel,
                share=(what, contract_key(contract), given),
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
