"""Booking fills: money, positions, commissions, and the executions that tell of them.

Pure. A fill of an instrument is one execution. A fill of a combination is its own (a summary: it
books nothing) and one for each leg, with the same first segments of the id and a segment more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import attrs

from twsloop.paper.accounts.account import Account, Booking
from twsloop.paper.accounts.commissions import OrderCharges
from twsloop.paper.accounts.valuation import Valuation, nanoseconds
from twsloop.paper.catalogue.instruments import VENUES
from twsloop.paper.market.vocabulary import TopOfBook
from twsloop.paper.orders import echo
from twsloop.paper.orders.order import Execution, PaperOrder, Status
from twsloop.paper.orders.outbox import Outbox

__all__ = ["Fill", "Ledger", "tell_fill"]

ZERO = Decimal(0)
#: First part of an execution id, as real gateways have it; the second counts up from a number of
#: the size they have.
FIRST_EXEC_ID = 0x6AB9EA00


@attrs.frozen
class Fill:
    """What is to be booked.

    Attributes:
        order: Whose fill it is.
        quantity: How much of the order.
        price: Its price; of a combination the net price.
        time: When.
        leg_prices: The price of each leg of a combination.
    """

    order: PaperOrder
    quantity: Decimal
    price: Decimal
    time: datetime
    leg_prices: tuple[Decimal, ...] = ()


@attrs.frozen
class _Part:
    """One execution to be: of an instrument, with what it costs."""

    instrument: Any
    charges: OrderCharges
    is_buy: bool
    quantity: Decimal
    price: Decimal

    @property
    def signed(self) -> Decimal:
        return self.quantity if self.is_buy else -self.quantity


def tell_fill(outbox: Outbox, order: PaperOrder, done: Sequence[Execution]) -> None:
    """Tell a fill that was booked, by the script.

    Args:
        outbox: Where it is told.
        order: The order, which has it.
        done: Its executions.
    """
    for one in done:
        outbox.tell(order, "execDetails", echo.execution_details(one))
    outbox.pair(order)
    if order.status is Status.FILLED:
        outbox.pair(order, commission=True)
    for one in done:
        if not one.is_summary:
            outbox.tell(order, "commissionReport", echo.commission_report(one))


@attrs.define(eq=False)
class Ledger:
    """Books fills.

    Attributes:
        accounts: The accounts by name.
        books: Gives the top of book of an instrument: the venue of a quote.
        valuation: Charges, rates, and the session a fill belongs to.
        executions: All fills, in order.
        touched: ``(account, conId)`` of the positions that changed, in order.
        family: The first segment of its execution ids.
    """

    accounts: dict[str, Account]
    books: Callable[[int], TopOfBook]
    valuation: Valuation
    executions: list[Execution] = attrs.Factory(list)
    touched: list[tuple[str, int]] = attrs.Factory(list)
    family: str = "0000e0d5"
    _fills: int = 0
    _last: dict[tuple[str, str], dict[str, list[Execution]]] = attrs.Factory(dict)

    def book(self, fill: Fill) -> tuple[Execution, ...]:
        """Book one fill.

        Returns:
            Its executions: of a combination the summary, then the legs.
        """
        order = fill.order
        order.fill(fill.quantity, fill.price)
        exec_id = f"{self.family}.{FIRST_EXEC_ID + self._fills:08x}"
        self._fills += 1
        if order.legs:
            done = [self._summary(fill, f"{exec_id}.01.01")]
            done += [
                self._leg(fill, number, f"{exec_id}.01.{number + 2:02d}.01")
                for number in range(len(order.legs))
            ]
        else:
            part = _Part(order.instrument, order.charges, order.is_buy, fill.quantity, fill.price)
            done = [
                self._execution(
                    fill,
                    f"{exec_id}.01.01",
                    part,
                    cumulative=order.filled,
                    average=order.average,
                )
            ]
        self.executions += done
        for one in done:
            self._remember(one)
        order.executions += done
        return tuple(done)

    def correct(self, done: Execution, price: Decimal) -> Execution:
        """Correct the price of an execution: a new one takes its place, of the same id but its end.

        Args:
            done: An execution of a single instrument.
            price: What it was in truth.
        """
        order, account = done.order, self.accounts[done.order.account]
        signed = done.quantity if done.is_buy else -done.quantity
        booking = Booking(done.exec_id, done.instrument, signed, done.price, ZERO)
        realized = done.realized
        change = account.correct(booking, price, closed=realized is not None)
        if realized is not None:
            currency = done.instrument.currency
            realized += change * self.valuation.rate(currency, done.commission_currency)
        order.turnover += done.quantity * (price - done.price)
        order.last_price = price
        head, _, number = done.exec_id.rpartition(".")
        corrected = attrs.evolve(
            done,
            exec_id=f"{head}.{int(number) + 1:02d}",
            price=price,
            average=order.average,
            realized=realized,
        )
        for kept in (self.executions, order.executions):
            kept[kept.index(done)] = corrected
        self.touched.append((order.account, done.instrument.con_id))
        return corrected

    def _remember(self, done: Execution) -> None:
        """Keep the last executions of two orders: of each symbol, and of each of its kinds."""
        instrument = done.instrument
        kinds = self._last.setdefault((done.order.account, instrument.symbol), {})
        for kind in ("", instrument.sec_type):
            kept = kinds.setdefault(kind, [])
            kinds[kind] = [done, *(one for one in kept if one.order is not done.order)][:2]

    def last_of_others(self, order: PaperOrder, symbol: str, kind: str) -> datetime | None:
        """When another order of the account traded this last; None for never.

        Args:
            order: Its own executions do not count.
            symbol: What was traded.
            kind: Its security type; "" for any.
        """
        kept = self._last.get((order.account, symbol), {}).get(kind, ())
        return next((one.time for one in kept if one.order is not order), None)

    def _summary(self, fill: Fill, exec_id: str) -> Execution:
        order = fill.order
        return Execution(
            exec_id=exec_id,
            order=order,
            time=fill.time,
            quantity=fill.quantity,
            price=fill.price,
            cumulative=order.filled,
            average=order.average,
            exchange=order.contract.exchange or "SMART",
            commission=ZERO,
            commission_currency=order.instrument.currency,
            realized=None,
            is_summary=True,
        )

    def _leg(self, fill: Fill, number: int, exec_id: str) -> Execution:
        order = fill.order
        leg, price = order.legs[number], fill.leg_prices[number]
        size = fill.quantity * leg.ratio
        before = sum((one.quantity * one.price for one in order.executions if one.leg is leg), ZERO)
        cumulative = order.filled * leg.ratio
        part = _Part(
            leg.instrument,
            order.leg_charges[number],
            leg.is_buy == order.is_buy,
            size,
            price,
        )
        done = self._execution(
            fill,
            exec_id,
            part,
            cumulative=cumulative,
            average=(before + size * price) / cumulative,
        )
        return attrs.evolve(done, leg=leg)

    def _execution(
        self, fill: Fill, exec_id: str, part: _Part, *, cumulative: Decimal, average: Decimal
    ) -> Execution:
        """Move money and position, and make the execution."""
        order, instrument = fill.order, part.instrument
        account = self.accounts[order.account]
        part.charges.begin_session(instrument.hours.session_end(nanoseconds(fill.time)))
        fee = self.valuation.charge(account, instrument, part.charges, part.quantity, part.price)
        booking = Booking(
            exec_id, instrument, part.signed, part.price, fee.total, fee.rate, fee.currency
        )
        realized = self.valuation.book(account, booking, fill.time)
        order.commission += fee.total
        self.touched.append((order.account, instrument.con_id))
        return Execution(
            exec_id=exec_id,
            order=order,
            time=fill.time,
            quantity=part.quantity,
            price=part.price,
            cumulative=cumulative,
            average=average,
            exchange=self._venue(order, part),
            commission=fee.total,
            commission_currency=fee.currency,
            realized=realized,
        )

    def _venue(self, order: PaperOrder, part: _Part) -> str:
        """The venue of the quote that filled it."""
        instrument = part.instrument
        named = "" if order.legs else order.contract.exchange
        if named not in {"", "SMART", instrument.exchange}:
            return str(named)
        top = self.books(instrument.con_id)
        letter = top.ask_exchange if part.is_buy else top.bid_exchange
        if letter in VENUES:
            return VENUES[letter]
        return str(instrument.primary_exchange or instrument.exchange)
