"""What a session is for: to trade, to read data, or to watch."""

from __future__ import annotations

from enum import Enum

__all__ = ["Role"]


class Role(Enum):
    """What a program wants of its session; it bounds what the program can do by mistake."""

    TRADE = "trade"
    """Everything: orders are fetched before READY, followed, and placed."""
    DATA = "data"
    """Data alone: READY does not wait for orders, none is followed, and none can be placed."""
    OBSERVER = "observer"
    """Data, and orders to look at: they can be read and are followed as the gateway tells of them,
    but READY does not wait for them, and none can be placed."""

    @property
    def sends_orders(self) -> bool:
        """Whether orders may be placed and changed."""
        return self is Role.TRADE

    @property
    def hears_orders(self) -> bool:
        """Whether what the gateway says of orders is read into the book."""
        return self is not Role.DATA

    @property
    def why_no_orders(self) -> str:
        """Why this role places none, and what to do about it; empty if it does."""
        if self.sends_orders:
            return ""
        return (
            f"the session's role is {self.value} ([session] role): it places and changes no "
            "orders. Set role = trade to do so"
        )
