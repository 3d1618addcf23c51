"""What the floor sees of the market: what is open, what is halted, and what is left of quotes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import attrs

from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders import schedule
from twsloop.paper.orders.combos import ComboLiquidity
from twsloop.paper.orders.matching import Liquidity, Quoted, pegged_price
from twsloop.paper.orders.order import PaperOrder
from twsloop.paper.orders.order_types import Peg
from twsloop.paper.orders.triggers import follow

from .agenda import Agenda

__all__ = ["MarketView"]


@attrs.define(eq=False)
class MarketView:
    """The market as orders meet it.

    Attributes:
        books: Gives the top of book of an instrument.
        agenda: Where an order is noted that has to be looked at when its market opens.
        keeps_hours: Whether markets are closed outside their hours.
    """

    books: Callable[[int], TopOfBook]
    agenda: Agenda
    keeps_hours: bool
    _liquidity: dict[int, Liquidity] = attrs.Factory(dict)
    _hours: dict[tuple[int, bool], tuple[datetime, bool]] = attrs.Factory(dict)
    _openings: dict[tuple[int, bool], datetime] = attrs.Factory(dict)

    def use(self, books: Callable[[int], TopOfBook]) -> None:
        """Go on with a new market."""
        self.books = books
        self._liquidity.clear()
        self._hours.clear()
        self._openings.clear()

    def trades(self, order: PaperOrder, now: datetime) -> bool:
        """Whether its market is open for it: asked once for all orders of one instrument."""
        if not self.keeps_hours:
            return True
        key = (order.instrument.con_id, schedule.is_outside(order))
        asked = self._hours.get(key)
        if asked is None or asked[0] != now:
            asked = self._hours[key] = (now, schedule.is_open(order, now))
        return asked[1]

    def await_opening(self, order: PaperOrder, now: datetime) -> None:
        """Look at an order again when its market opens: what stands then may fill it."""
        key = (order.instrument.con_id, schedule.is_outside(order))
        opens = self._openings.get(key)
        if opens is None or opens <= now:
            opens = self._openings[key] = schedule.opening(order, now).astimezone(UTC)
        self.agenda.note(opens, order)

    def is_halted(self, order: PaperOrder) -> bool:
        """Whether trading in it, or in any of its legs, is halted."""
        if not order.legs:
            return bool(self.books(order.instrument.con_id).halted)
        return any(self.books(leg.instrument.con_id).halted for leg in order.legs)

    def quoted(self, order: PaperOrder) -> Quoted:
        """What it trades against."""
        if order.legs:
            return ComboLiquidity.of(order.legs, self.fresh_liquidity)
        return self.fresh_liquidity(order.instrument.con_id)

    def fresh_liquidity(self, con_id: int) -> Liquidity:
        """What is left of the quotes that stand now."""
        liquidity = self._liquidity.get(con_id)
        if liquidity is None:
            liquidity = self._liquidity[con_id] = Liquidity()
        liquidity.refresh(self.books(con_id))
        return liquidity

    def can_work(self, order: PaperOrder, now: datetime) -> bool:
        """Whether it goes to the exchange now: nothing holds it and there is a quote."""
        if order.is_held or not self.trades(order, now) or self.is_halted(order):
            return False
        priced = order.limit_price is not None or any(leg.limit is not None for leg in order.legs)
        if priced and order.kind.peg is Peg.NONE:
            return True
        return self.quoted(order).opposite(order.is_buy)[0] is not None

    def follow(self, order: PaperOrder) -> None:
        """Let the prices that follow the market do so."""
        if order.legs:
            return
        top = self.books(order.instrument.con_id)
        if order.kind.trails and not order.elected:
            follow(order, top)
        if order.kind.peg is not Peg.NONE and not (order.kind.snaps and order.peg_price):
            price = pegged_price(order, top)
            order.peg_price = order.peg_price if price is None else price
