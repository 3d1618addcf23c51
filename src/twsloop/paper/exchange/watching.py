"""Whether a conditional order's conditions are met now: the facts that `conditions` judges by."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import attrs

from twsloop.paper.accounts.account import Account
from twsloop.paper.accounts.valuation import Valuation
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders.conditions import World, are_met
from twsloop.paper.orders.order import PaperOrder

from .fills import Ledger

__all__ = ["Watch"]

HUNDRED = Decimal(100)


@attrs.frozen(eq=False)
class Watch:
    """Judges the conditions of orders.

    Attributes:
        accounts: The accounts by name.
        books: Gives the top of book of an instrument.
        valuation: What the accounts are worth.
        ledger: What they have traded.
        keeps_hours: Whether conditions wait for regular hours unless they say otherwise.
    """

    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    valuation: Valuation
    ledger: Ledger
    keeps_hours: bool

    def is_met(self, order: PaperOrder, now: datetime) -> bool:
        """Whether the conditions of this order are met."""
        in_any_hours = order.request.conditionsIgnoreRth or not self.keeps_hours
        if not in_any_hours and not order.instrument.is_open(now, liquid=True):
            return False
        world = World(
            now=now,
            times=order.condition_times,
            books=self.books,
            cushion=lambda: self._cushion(order.account),
            has_traded=lambda symbol, kind: self._has_traded(order, symbol, kind),
        )
        return are_met(order.request.conditions, world)

    def _cushion(self, account_name: str) -> Decimal:
        """Excess liquidity by net liquidation value, in percent."""
        account = self.accounts[account_name]
        worth = account.net_liquidation(self.valuation.marks_of(account))
        if worth <= 0:
            return Decimal(0)
        needed = self.valuation.requirement(account).maintenance
        return (worth - needed) / worth * HUNDRED

    def _has_traded(self, order: PaperOrder, symbol: str, kind: str) -> bool:
        """Whether another order of the account has traded this since the order came."""
        last = self.ledger.last_of_others(order, symbol.upper(), kind)
        return last is not None and (order.placed_at is None or last >= order.placed_at)
