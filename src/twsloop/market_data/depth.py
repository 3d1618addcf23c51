"""The order book of one contract as IB's messages make it. Pure.

A book has two sides, each a list of rows. A message names a side, a position counted from 0, and an
operation: insert there (the rows from there on move down), update what is there, or delete it (the
rows below move up). The book keeps no more rows than were asked for.

Messages may not fit the book: an update or a delete of a row that was never told, an insert beyond
the end. They happen when a message was lost, or around a reset. Nothing is invented for them: an
update beyond the end becomes the last row, a delete does nothing, and both are counted
(`DepthBook.irregular`).

A row of an exchange's own book has no market maker; of NASDAQ's or of a SMART book it says whose
it is: the market maker, or the exchange.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import IntEnum

import attrs

from twsloop.wire.showing import short_row

__all__ = ["Depth", "DepthBook", "DepthLevel", "DepthRow", "Operation", "Side"]


class Operation(IntEnum):
    """What a message does to the row at its position (IB's numbers)."""

    INSERT = 0
    UPDATE = 1
    DELETE = 2


class Side(IntEnum):
    """Which side of the book (IB's numbers)."""

    ASK = 0
    BID = 1


#: As numbers: a member of an enumeration costs each row 50 ns more (Python 3.11).
_INSERT, _UPDATE, _DELETE = (int(one) for one in Operation)
_ASK, _BID = (int(one) for one in Side)


@attrs.frozen
class DepthRow:
    """One row of a book.

    Attributes:
        price: As IB hands it over.
        size: How much is offered there.
        market_maker: Whose it is: a market maker, or in a SMART book the exchange; empty in an
            exchange's own book.
    """

    price: float
    size: Decimal
    market_maker: str = ""

    __repr__ = short_row


@attrs.frozen
class DepthLevel:
    """All rows of one price.

    Attributes:
        price: Their price.
        size: What they offer together.
        market_makers: Whose they are, in the book's order; empty in an exchange's own book.
    """

    price: float
    size: Decimal
    market_makers: tuple[str, ...] = ()

    __repr__ = short_row


def _best_rows(rows: tuple[DepthRow, ...]) -> str:
    """The first rows of a side: ``(100 at 270.78, 200 at 270.75, 3 more)``."""
    best = [f"{row.size.normalize():f} at {row.price}" for row in rows[:2]]
    return f"({', '.join([*best, *([f'{len(rows) - 2} more'] if len(rows) > 2 else [])])})"


@attrs.frozen
class Depth:
    """A book at one moment; immutable.

    Attributes:
        bids: Rows that buy, the best first.
        asks: Rows that sell, the best first.
        time: When the message came that made it so, UTC.
        reset: The gateway has emptied it (317), or it is asked for anew: rows follow.
    """

    bids: tuple[DepthRow, ...] = attrs.field(repr=_best_rows)
    asks: tuple[DepthRow, ...] = attrs.field(repr=_best_rows)
    time: datetime
    reset: bool = False

    __repr__ = short_row

    @property
    def best_bid(self) -> DepthRow | None:
        """The first row that buys."""
        return self.bids[0] if self.bids else None

    @property
    def best_ask(self) -> DepthRow | None:
        """The first row that sells."""
        return self.asks[0] if self.asks else None

    @property
    def crossed(self) -> bool:
        """Whether one bids more than another asks: amid a change, or across exchanges."""
        return bool(self.bids and self.asks and self.bids[0].price > self.asks[0].price)

    @property
    def spread(self) -> float | None:
        """Best ask less best bid; None while one side is empty."""
        return self.asks[0].price - self.bids[0].price if self.bids and self.asks else None

    def levels(self, side: Side) -> tuple[DepthLevel, ...]:
        """One side by price, the best first: what several venues offer at a price is added up."""
        rows = self.bids if side is Side.BID else self.asks
        return tuple(_levels(rows, best_is_highest=side is Side.BID))


class DepthBook:
    """The live book.

    Args:
        rows: How many rows of each side were asked for.

    Attributes:
        irregular: How many messages did not fit.
        resets: How often the gateway has emptied it.
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._sides: dict[int, list[DepthRow]] = {_ASK: [], _BID: []}
        self.irregular = 0
        self.resets = 0

    def apply(self, operation: int, side: int, position: int, row: DepthRow) -> bool:
        """Take one message in.

        Args:
            operation: IB's number of what is done.
            side: IB's number of the side.
            position: Of the row, from 0.
            row: What stands there from now on; of a delete it says nothing.

        Returns:
            Whether anything changed.
        """
        rows = self._sides.get(side)
        if rows is None or position < 0:
            self.irregular += 1
            return False
        there = position < len(rows)
        if operation == _DELETE:
            if not there:
                self.irregular += 1
                return False
            del rows[position]
            return True
        if operation not in (_INSERT, _UPDATE):
            self.irregular += 1
            return False
        if position >= self._rows:
            return False  # further down than was asked for
        if operation == _UPDATE and there:
            changed = rows[position] != row
            rows[position] = row
            return changed
        if position > len(rows) or operation == _UPDATE:
            self.irregular += 1
        rows.insert(position, row)
        del rows[self._rows :]
        return True

    def clear(self) -> None:
        """The gateway has emptied it (317), or it is asked for anew."""
        self.resets += 1
        for rows in self._sides.values():
            rows.clear()

    def view(self, time: datetime, *, reset: bool = False) -> Depth:
        """The book as it stands."""
        bids, asks = self._sides[_BID], self._sides[_ASK]
        return Depth(tuple(bids), tuple(asks), time, reset)


def _levels(rows: Iterable[DepthRow], *, best_is_highest: bool) -> list[DepthLevel]:
    sizes: dict[float, Decimal] = {}
    makers: dict[float, list[str]] = {}
    for row in rows:
        sizes[row.price] = sizes.get(row.price, Decimal(0)) + row.size
        if row.market_maker:
            makers.setdefault(row.price, []).append(row.market_maker)
    prices = sorted(sizes, reverse=best_is_highest)
    return [DepthLevel(price, sizes[price], tuple(makers.get(price, ()))) for price in prices]
