"""What a test asks the broker to do against its rules: refuse the next order (pure).

`Interventions` is asked at the two places where a real gateway refuses: before an order is taken
(one error, no status: `local`), and by the broker's system (Inactive, with error 201: `broker`).
"""

from __future__ import annotations

from typing import Any

import attrs

from twsloop.paper.orders.order import PaperOrder
from twsloop.paper.orders.refusals import Refusal

__all__ = ["BROKER", "Interventions", "Rejection"]

#: The code under which the broker's system rejects; every other one is a refusal before it.
BROKER = 201


@attrs.frozen
class Rejection:
    """One order that is to be refused.

    Attributes:
        reason: IB's text; of code 201 what stands behind "Order rejected - reason:".
        code: IB's error code.
        symbol: Of this symbol only, None for any.
    """

    reason: str
    code: int = BROKER
    symbol: str | None = None


@attrs.define
class Interventions:
    """What is to be done to orders that come.

    Attributes:
        rejections: Those to come, in order; each is used once.
    """

    rejections: list[Rejection] = attrs.Factory(list)

    def local(self, request: Any) -> Refusal | None:
        """Why a new order is refused before it is taken, None if it is not."""
        if not self.rejections:
            return None
        found = self._next(request.contract.symbol, at_broker=False)
        return None if found is None else Refusal(found.code, found.reason)

    def broker(self, order: PaperOrder) -> str | None:
        """Why the broker's system does not take an order, None if it does."""
        if not self.rejections:
            return None
        found = self._next(order.instrument.symbol, at_broker=True)
        return None if found is None else found.reason

    def _next(self, symbol: str, *, at_broker: bool) -> Rejection | None:
        for place, one in enumerate(self.rejections):
            if (one.code == BROKER) is at_broker and one.symbol in {None, symbol}:
                return self.rejections.pop(place)
        return None
