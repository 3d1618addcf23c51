"""The end of options and futures: exercise, lapse, and what becomes of a position at expiry.

Everything takes effect at once (a real broker works instructions overnight), as fills that no
market makes, without commission:

- **exercise** closes the option at 0 and buys (call) or sells (put) the underlying at the strike;
  an option on an index is settled in cash instead: it is closed at what it is worth;
- **lapse** closes it at 0;
- at **expiry** positions in the money are exercised, short ones assigned, the others end at 0.
  The underlying's mark of that moment decides;
- a **future** is settled in cash, at its own last mark, when its trading ends;
- the live **orders** in what has expired (a combination: in any leg) are cancelled with 202.

The option's fill belongs to whoever asked for it; the delivery and everything at expiry belongs to
nobody's client: it is an order by hand, as those of the gateway's own window are.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import attrs
from ibapi.protobuf.Order_pb2 import Order

from twsloop.paper.accounts.account import unit_of
from twsloop.paper.accounts.commissions import OrderCharges
from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.decimals import plain
from twsloop.paper.exchange.engine import Engine
from twsloop.paper.feeds.derived import expiry_ns
from twsloop.paper.orders.order import PaperOrder

from .visibility import BY_HAND

__all__ = ["EXERCISE", "LAPSE", "Ending", "settle_expired"]

EXERCISE, LAPSE = 1, 2
ZERO = Decimal(0)
SECOND_NS = 1_000_000_000
#: The order type of fills that no market makes.
NO_MARKET = "MKT"
#: Exercise and delivery cost nothing.
FREE = ""
#: When trading ends on its last day, where the contract does not say.
LAST_TRADE = time(16)
EXPIRED = "The contract has expired"


@attrs.frozen
class Ending:
    """The end of an account's position in an option (or a future: `settle`).

    Attributes:
        engine: Orders and accounts.
        account: Whose position it is.
        option: What it is in.
        now: The market's time.
    """

    engine: Engine
    account: str
    option: Instrument
    now: datetime

    @property
    def worth(self) -> Decimal | None:
        """What exercising one unit brings now; None without a price of the underlying."""
        price = self.engine.valuation.price(self.option.under_con_id)
        if price is None:
            return None
        strike = Decimal(repr(self.option.strike))
        return price - strike if self.option.right == "C" else strike - price

    def refusal(self, request: Any) -> str | None:
        """Why an ``ExerciseOptionsRequest`` cannot be done: the cause of a 322; None: it can."""
        option = self.option
        held = self.engine.accounts[self.account].quantity(option.con_id)
        if held < request.exerciseQuantity:
            return f"No unlapsed position exists in this option in account {self.account}"
        worth = self.worth
        if worth is None:
            return "There is no market data of the underlying"
        exercises = request.exerciseAction == EXERCISE
        today = self.now.astimezone(ZoneInfo(option.time_zone)).strftime("%Y%m%d")
        if exercises and not option.american and today < option.last_trade_date:
            return "A European style option can be exercised on its last trading day only"
        if not request.override and (worth > ZERO) != exercises:
            state = "in" if worth > ZERO else "out of"
            return f"The option is {state} the money: to override its natural action, say so"
        return None

    def carry_out(self, client_id: int, request: Any) -> None:
        """Exercise or lapse a position that `refusal` has nothing against."""
        quantity = Decimal(request.exerciseQuantity)
        exercises = request.exerciseAction == EXERCISE
        self._end((client_id, request.orderId), quantity, exercises=exercises)

    def expire(self, quantity: Decimal) -> bool:
        """End an expired position; False: it waits for a price of the underlying."""
        worth = self.worth
        if worth is not None:
            self._end(self._by_hand(), quantity, exercises=worth > ZERO)
        return worth is not None

    def settle(self, quantity: Decimal) -> bool:
        """End an expired position in a future; False: it has no price and waits for one."""
        price = self.engine.valuation.price(self.option.con_id)
        if price is not None:
            close = self._order(self._by_hand(), self.option, -quantity)
            self.engine.floor.fill_outside(close, price, self.now)
        return price is not None

    def _end(self, ident: tuple[int, int], quantity: Decimal, *, exercises: bool) -> None:
        """Close a position (short ones have a negative quantity) and deliver what it is for."""
        engine, option = self.engine, self.option
        in_cash = option.under_sec_type == "IND"
        worth = (exercises and in_cash and self.worth) or ZERO
        close = self._order(ident, option, -quantity)
        engine.floor.fill_outside(close, max(worth, ZERO), self.now)
        underlying = engine.catalogue.by_con_id(option.under_con_id)
        if not exercises or in_cash or underlying is None:
            return
        shares = quantity * unit_of(option) * (1 if option.right == "C" else -1)
        delivery = self._order(self._by_hand(), underlying, shares)
        engine.floor.fill_outside(delivery, Decimal(repr(option.strike)), self.now)

    def _by_hand(self) -> tuple[int, int]:
        return BY_HAND, self.engine.book.highest_id(BY_HAND) + 1

    def _order(self, ident: tuple[int, int], instrument: Instrument, signed: Decimal) -> PaperOrder:
        """The order of a fill that no market makes; a sale of a negative quantity."""
        client_id, order_id = ident
        action = "BUY" if signed > ZERO else "SELL"
        request = Order(
            clientId=client_id,
            orderId=order_id,
            action=action,
            totalQuantity=plain(abs(signed)),
            orderType=NO_MARKET,
            tif="DAY",
            account=self.account,
            transmit=True,
        )
        return PaperOrder(
            client_id=client_id,
            order_id=order_id,
            perm_id=0,
            account=self.account,
            instrument=instrument,
            contract=instrument.contract(),
            request=request,
            charges=OrderCharges(self.engine.rates, FREE, is_sale=action == "SELL"),
            total=abs(signed),
            order_type=NO_MARKET,
        )


def _has_expired(instrument: Instrument, now: datetime) -> bool:
    if instrument.is_option:
        ends = expiry_ns(instrument)
    elif instrument.last_trade_date:
        clock = instrument.last_trade_time
        last = time.fromisoformat(clock) if clock else LAST_TRADE
        day = date.fromisoformat(instrument.last_trade_date)
        moment = datetime.combine(day, last, ZoneInfo(instrument.time_zone))
        ends = int(moment.timestamp()) * SECOND_NS
    else:
        return False
    return ends <= now.timestamp() * SECOND_NS


def _end_orders(engine: Engine, now: datetime) -> int:
    """Cancel the live orders in what has expired; how many there were."""
    count = 0
    for order in engine.book.all_live():
        traded = [leg.instrument for leg in order.legs] or [order.instrument]
        if order.is_live and any(_has_expired(one, now) for one in traded):
            engine.floor.end(order, now, EXPIRED)
            count += 1
    return count


def settle_expired(engine: Engine, now: datetime) -> int:
    """End all orders and positions in what has expired; how many there were."""
    count = _end_orders(engine, now)
    for name, account in engine.accounts.items():
        for position in account.held():
            instrument = position.instrument
            if not _has_expired(instrument, now):
                continue
            ending = Ending(engine, name, instrument, now)
            settle = ending.expire if instrument.is_option else ending.settle
            count += settle(position.quantity)
    return count
