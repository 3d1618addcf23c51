"""What the ledger by tag is told by others: positions, and orders with their newest words. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from twsloop.events.statuses import ENDED, STOPS, TRAILING, order_type
from twsloop.wire.values import decimal_or_none

from .tag_rows import CloseReason

__all__ = ["Told"]

_TARGETS = frozenset({"LMT", "LIT", "MIT"})
_TOUCHED = frozenset({"LIT", "MIT"})


@attrs.define
class Told:
    """What is known of an order: the newest word of each kind."""

    number: int
    account: str = ""
    con_id: int = 0
    tag: str = ""
    status: str = ""
    kind: str = ""
    origin: str = ""
    order: dict[str, Any] = attrs.Factory(dict)

    @property
    def type(self) -> str:
        """IB's word for its type, without blanks."""
        return order_type(self.order.get("orderType", ""))

    @property
    def buys(self) -> bool:
        """Its side."""
        return self.order.get("action") == "BUY"

    @property
    def tied(self) -> bool:
        """Whether it belongs to a parent, or to a group of which one cancels the others."""
        return bool(self.order.get("parentId") or self.order.get("ocaGroup"))

    @property
    def works(self) -> bool:
        """Whether it is not over, as far as anybody said."""
        return self.status not in ENDED

    @property
    def role(self) -> CloseReason:
        """What a position is closed for when it fills."""
        if self.type in STOPS:
            return "stop"
        return "target" if self.type in _TOUCHED or self._takes_profit else "other"

    @property
    def _takes_profit(self) -> bool:
        return self.type in _TARGETS and self.tied

    @property
    def price(self) -> Decimal | None:
        """The trigger of a stop, the limit of a target."""
        if self.role != "stop":
            name = "auxPrice" if self.type in _TOUCHED else "lmtPrice"
        elif self.type in TRAILING:
            name = "trailStopPrice"
        else:
            name = "auxPrice"
        return decimal_or_none(self.order.get(name)) or None
