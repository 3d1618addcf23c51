"""The deep book behind a top of book, and how a change of it is told (pure).

Theory of operation
-------------------
The market has one quote an instrument. Level 0 of each side of the deep book **is** that quote,
price and size, at every moment. What stands behind it is a function of (seed, contract id, side,
price, time) alone, so it does not matter who watches, since when, or how the quote got where it is:

- a price behind the quote holds orders or not, for good: a dear share has gaps, a cheap one and a
  currency have none. When the quote moves away and comes back, the same prices are there;
- the size at a price changes every few seconds, at each price at another time, and grows a little
  with the distance from the quote;
- each level has somebody who shows it: a venue in IB's SMART depth, a market maker in a venue's
  own book. The first level of SMART depth has the venue that the quote names.

**Telling a change.** IB's clients keep a side as a list and do as told: insert a row at a position,
update it, delete it. Some shift what stands behind (ib_insync, IB's own examples), some do not
(ib_async). `operations` is right for both: rows are inserted and deleted at the end only, all else
is an update in place. The order of the updates keeps the replayed book whole at every step: prices
of a side strictly ordered, no two rows of one price, bids below offers:

- rows that move away from the other side are told from the last to the first, then those that move
  towards it from the first to the last;
- the side whose first row moves away from the other one is told first.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import NamedTuple

import attrs

from twsloop.paper.catalogue.instruments import Instrument

from .vocabulary import TopOfBook

__all__ = [
    "ASKS",
    "BIDS",
    "DELETE",
    "INSERT",
    "LEVELS",
    "UPDATE",
    "DeepBook",
    "Level",
    "Row",
    "Sides",
    "operations",
]

#: Rows a side.
LEVELS = 10
#: IB's numbers: what to do with a row, and the sides.
INSERT, UPDATE, DELETE = 0, 1, 2
ASKS, BIDS = 0, 1
#: A size stays for so many seconds, at the least and at the most.
SHORTEST_STAY, LONGEST_STAY = 2, 9
#: Dear shares have an order at one price in so many, growing with the price.
DEAR, GAP_EVERY, WIDEST_GAP = 100.0, 150.0, 6
#: Lots that stand at a price in the middle, and so much more a level further away.
USUAL_LOTS, MORE_A_LEVEL = 3.0, 0.15
SECOND_NS = 1_000_000_000
_MASK = (1 << 64) - 1


class Level(NamedTuple):
    """One price of a side.

    Attributes:
        price: The price.
        size: How much stands there.
        shown_by: Picks the venue or market maker that shows it; -1: whoever shows the quote.
    """

    price: float
    size: Decimal
    shown_by: int


#: Offers and bids, in this order (`ASKS`, `BIDS`), the best first.
Sides = tuple[tuple[Level, ...], tuple[Level, ...]]
NOTHING: Sides = ((), ())


class Row(NamedTuple):
    """One thing to tell: what to do at which position of which side.

    Attributes:
        operation: `INSERT`, `UPDATE` or `DELETE`.
        side: `ASKS` or `BIDS`.
        position: From 0, the best.
        level: What is there now; of a deletion, what was.
    """

    operation: int
    side: int
    position: int
    level: Level


def _mix(number: int) -> int:
    """A number that looks like chance (the finalizer of splitmix64)."""
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & _MASK
    return number ^ (number >> 31)


@functools.lru_cache(maxsize=4096)
def _lots(lots: int, lot: int) -> Decimal:
    return Decimal(lots * lot)


@attrs.define
class DeepBook:
    """The deep book of one instrument.

    Args:
        instrument: The instrument.
        seed: Of the market.
    """

    instrument: Instrument
    seed: int = 0
    _tick: float = attrs.field(init=False)
    _digits: int = attrs.field(init=False)
    _gap: int = attrs.field(init=False)
    _salt: int = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        one = self.instrument
        self._tick = float(one.min_tick)
        self._digits = one.price_digits
        dear = one.sec_type == "STK" and one.reference_price > DEAR
        self._gap = min(1 + math.ceil(one.reference_price / GAP_EVERY), WIDEST_GAP) if dear else 1
        self._salt = _mix(self.seed * 0x9E3779B97F4A7C15 + one.con_id & _MASK)

    def sides(self, top: TopOfBook) -> Sides:
        """All levels behind the quote as it is now; a side without a quote is empty."""
        seconds = top.time_ns // SECOND_NS
        return (
            self._side(ASKS, top.ask, top.ask_size, seconds),
            self._side(BIDS, top.bid, top.bid_size, seconds),
        )

    def _side(
        self, side: int, price: float | None, size: Decimal | None, seconds: int
    ) -> tuple[Level, ...]:
        if price is None or size is None:
            return ()
        levels = [Level(price, size, -1)]
        ticks = price / self._tick
        # A quote between two ticks (a replay may have one) has its neighbours on the ticks.
        near = round(ticks) if abs(ticks - round(ticks)) < 1e-6 else None
        step = 1 if side == ASKS else -1
        at = (near if near is not None else math.floor(ticks) + (side == BIDS)) + step
        while len(levels) < LEVELS and at > 0:
            chance = _mix(self._salt ^ (at * 2 + side))
            if self._gap == 1 or chance % self._gap == 0:
                lots = self._lots_at(chance, len(levels), seconds)
                shown = round(at * self._tick, self._digits)
                levels.append(Level(shown, _lots(lots, self.instrument.lot), chance >> 40))
            at += step
        return tuple(levels)

    @staticmethod
    def _lots_at(chance: int, distance: int, seconds: int) -> int:
        stays = SHORTEST_STAY + chance % (LONGEST_STAY - SHORTEST_STAY + 1)
        now = _mix(chance + (seconds + chance % 97) // stays & _MASK)
        share = (now >> 11) / (1 << 53)
        usual = USUAL_LOTS * (1 + MORE_A_LEVEL * distance)
        return 1 + int(-math.log(1.0 - share) * usual)


def operations(before: Sides, after: Sides) -> Iterator[Row]:
    """What makes one book of the other, in an order that keeps it whole (see the module).

    The makers of the levels count as part of them: a level that another venue shows is an update.
    """
    bids_first = _retreats(BIDS, before[BIDS], after[BIDS])
    for side in (BIDS, ASKS) if bids_first else (ASKS, BIDS):
        yield from _side_operations(side, before[side], after[side])


def _retreats(side: int, before: Sequence[Level], after: Sequence[Level]) -> bool:
    """Whether the best price moves away from the other side, or the side goes."""
    if not before or not after:
        return bool(before)
    return _nearer(side, before[0].price, after[0].price)


def _nearer(side: int, one: float, other: float) -> bool:
    """Whether a price is nearer to the other side than another one of the same side."""
    return one > other if side == BIDS else one < other


def _side_operations(side: int, before: Sequence[Level], after: Sequence[Level]) -> Iterator[Row]:
    for position in range(len(before) - 1, len(after) - 1, -1):
        yield Row(DELETE, side, position, before[position])
    both = range(min(len(before), len(after)))
    away = [at for at in both if _nearer(side, before[at].price, after[at].price)]
    for position in reversed(away):
        yield Row(UPDATE, side, position, after[position])
    for position in both:
        if before[position] != after[position] and position not in away:
            yield Row(UPDATE, side, position, after[position])
    for position in range(len(before), len(after)):
        yield Row(INSERT, side, position, after[position])
