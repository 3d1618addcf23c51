"""Orders and positions as one slice shows them to another; siblings do not know each other."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Protocol

__all__ = ["OrderShown", "PositionShown"]


class PositionShown(Protocol):
    """A position (``account.Position`` is one)."""

    @property
    def account(self) -> str:
        """Whose."""
        ...

    @property
    def contract(self) -> Any:
        """IB's Contract."""
        ...

    @property
    def symbol(self) -> str:
        """The contract in short, for people."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Negative is short."""
        ...


class OrderShown(Protocol):
    """An order: a view, or a handle (``orders.OrderView``, ``orders.Trade``)."""

    @property
    def order_id(self) -> int:
        """Its id within its client id; 0 for one that was placed by hand."""
        ...

    @property
    def client_id(self) -> int:
        """Whose it is."""
        ...

    @property
    def perm_id(self) -> int | None:
        """IB's permanent id, once known."""
        ...

    @property
    def symbol(self) -> str:
        """The contract in short, for people."""
        ...

    @property
    def contract(self) -> Any:
        """IB's Contract."""
        ...

    @property
    def order(self) -> Any:
        """IB's Order."""
        ...

    @property
    def status(self) -> str:
        """Where it is: IB's word, or one of ours."""
        ...

    @property
    def filled(self) -> Decimal:
        """How much is filled."""
        ...

    @property
    def remaining(self) -> Decimal:
        """How much is open."""
        ...

    @property
    def why_held(self) -> str:
        """What it waits for, in IB's words."""
        ...

    @property
    def tag(self) -> str:
        """The user's own reference."""
        ...

    @property
    def origin(self) -> str:
        """What made it."""
        ...
