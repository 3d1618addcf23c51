"""What goes wrong with an order."""

from __future__ import annotations

from .basis import TwsLoopError

__all__ = ["InvalidOrder", "OrderError", "OrdersRefused", "RiskError"]


class OrderError(TwsLoopError):
    """An order that cannot be placed, changed or cancelled."""


class InvalidOrder(OrderError):
    """The order's fields contradict each other, or one that it needs is missing.

    Args:
        problem: What is wrong with which field, and what to do about it.
        code: What IB's gateway would refuse the order with, where that is known.
    """

    def __init__(self, problem: str, *, code: int | None = None) -> None:
        self.problem = problem
        self.code = code
        super().__init__(problem)


class OrdersRefused(OrderError):
    """The session may not place orders now: read-only, not READY, or order state unknown."""


class RiskError(TwsLoopError):
    """A limit, or a latch, that cannot be changed like that: unknown, or without a reason."""
