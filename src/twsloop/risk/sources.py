"""What the risk gate is told of the world; the gateway hands it over. Pure.

Every answer may be that nobody knows (None). A limit that needs what nobody knows refuses the order
and says so: it is never passed by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

import attrs

__all__ = ["HeldView", "OrderView", "QuoteView", "Sources"]


class QuoteView(Protocol):
    """A quote as it stands (``market_data.Ticker`` is one). What is not known is None."""

    @property
    def bid(self) -> float | None:
        """The best bid."""
        ...

    @property
    def ask(self) -> float | None:
        """The best ask."""
        ...

    @property
    def last(self) -> float | None:
        """The last trade's price."""
        ...

    @property
    def age(self) -> float | None:
        """Seconds since its newest tick."""
        ...

    @property
    def stale(self) -> bool:
        """Its stream is interrupted, or over."""
        ...

    @property
    def halted(self) -> float | None:
        """Above 0: trading is halted."""
        ...

    @property
    def market_data_type(self) -> int | None:
        """1 live, 2 frozen, 3 delayed, 4 delayed and frozen."""
        ...

    @property
    def min_tick(self) -> float | None:
        """The increment of its prices."""
        ...


class HeldView(Protocol):
    """A position (``account.Position`` is one)."""

    @property
    def contract(self) -> Any:
        """IB's Contract, with its id."""
        ...

    @property
    def quantity(self) -> Decimal:
        """Negative is short."""
        ...


class OrderView(Protocol):
    """An order of the book (``orders.OrderRecord`` is one)."""

    @property
    def order_id(self) -> int:
        """Its id within its client id; 0 for one that was made by hand."""
        ...

    @property
    def client_id(self) -> int:
        """Whose order it is."""
        ...

    @property
    def perm_id(self) -> int:
        """IB's permanent id; 0 until known."""
        ...

    @property
    def parent_id(self) -> int:
        """The order that it is attached to, as the gateway says; 0 for none."""
        ...

    @property
    def contract(self) -> Any:
        """IB's Contract."""
        ...

    @property
    def order(self) -> Any:
        """IB's Order, as it was last sent or reported."""
        ...

    @property
    def before_change(self) -> Any:
        """The order in force while a change is not confirmed; None at other times."""
        ...

    @property
    def status(self) -> str:
        """Where it is, in the words of ``orders.OrderStatus``."""
        ...

    @property
    def final(self) -> bool:
        """Whether nothing is to be waited for."""
        ...

    @property
    def filled(self) -> Decimal:
        """How much is filled."""
        ...


def _unknown(*_args: Any) -> None:
    """Nobody knows."""


@attrs.frozen(kw_only=True)
class Sources:
    """What the gate asks, at each order; all on the loop thread. What is left out nobody knows.

    Attributes:
        quote: The quote of a contract that is at hand now; nothing is asked of the gateway for it.
        details: IB's ContractDetails of a contract, as far as memory has them.
        positions: The positions of an account as they are now, by a subscription that is live; None
            while there is no whole image of them.
        mark: The market price of a contract that an account holds, as the broker values it.
        account_value: A value of an account by IB's key (``NetLiquidation``), in its base currency.
        base_currency: An account's base currency; empty if not known.
        rate: What one unit of a currency is worth in another one, by an account's exchange rates:
            (account, from, into).
        day_profit: Realized and unrealized profit of an account in the day under way, in its base
            currency.
        day_trades: How many day trades an account made in the last five business days, the one
            under way included.
        sec_type: IB's word for the kind of contract of an execution, by its id; empty if not known.
        is_open: Whether a contract trades at a time; the last argument counts the hours outside of
            the liquid ones.
        next_restart: When the next planned reset or restart begins that refuses orders; now, if it
            is in one.
        kill_switch: Why the kill switch refuses orders, in words; empty if it does not.
    """

    quote: Callable[[Any], QuoteView | None] = _unknown
    details: Callable[[Any], Any] = _unknown
    positions: Callable[[str], Iterable[HeldView] | None] = _unknown
    mark: Callable[[str, Any], Decimal | None] = _unknown
    account_value: Callable[[str, str], Decimal | None] = _unknown
    base_currency: Callable[[str], str] = attrs.field(default=lambda _account: "")
    rate: Callable[[str, str, str], Decimal | None] = _unknown
    day_profit: Callable[[str], Decimal | None] = _unknown
    day_trades: Callable[[str], int | None] = _unknown
    sec_type: Callable[[str], str] = attrs.field(default=lambda _exec_id: "")
    is_open: Callable[[Any, datetime, bool], bool | None] = _unknown
    next_restart: Callable[[datetime], datetime | None] = _unknown
    kill_switch: Callable[[], str] = attrs.field(default=lambda: "")
