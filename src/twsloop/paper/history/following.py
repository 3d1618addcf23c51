"""The past of what follows from other prices: indices from their funds, options from the model.

An index's level is a rising (or falling) function of its fund's price, so each of its bars is the
fund's bar, moved. An option's price also depends on the time: within a minute it is taken as fixed,
which keeps minutes, seconds and ticks exact, and longer bars are made of its minutes. Both exist in
regular hours alone, as their quotes do.

Options are traded now and then: whether in a given minute is a function of the contract and the
minute. Their quotes stand a tick around the model's price.

What is live of them is told only while somebody looks (see `derived`); before somebody first did,
it is made of what their source told.
"""

from __future__ import annotations

import math
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.catalogue.listings import INDICES
from twsloop.paper.feeds.derived import option_terms
from twsloop.paper.market import options

from .calendar import Session
from .live import Prices, Row, Tape
from .split import Piece, TradePiece

if TYPE_CHECKING:
    from .chronicle import Chronicle

__all__ = ["FollowingPast", "FollowingTape", "Level", "OptionTrades", "index_level", "option_level"]

SECOND_NS = 1_000_000_000
#: So long before its expiry an option's history begins, days.
OPTION_LIFE_DAYS = 270
#: Minutes of sources that are remembered, and sessions.
REMEMBERED_MINUTES, REMEMBERED_SESSIONS = 4_000, 300
#: Contracts a day of an option at the money that expires today; fewer farther away.
BUSIEST = 12_000.0
MINUTES_A_DAY = 390
LARGEST_TRADE = 20
YEAR_S = options.DAYS_A_YEAR * 86_400
ZERO = Decimal(0)

#: A price from a time (seconds since 1970 UTC) and the price of the source.
Level = Callable[[int, float], float]


def index_level(index: Instrument, fund: Instrument) -> tuple[Level, bool]:
    """What an index is at a price of its fund, and whether it falls when that rises."""
    line = next(one for one in INDICES if one.con_id == index.con_id)

    def level(_second: int, price: float) -> float:
        move = price / fund.reference_price
        if line.response:
            move = math.exp(line.response * math.log(move))
        return line.level * move

    return level, line.response < 0


def option_level(option: Instrument) -> tuple[Level, bool]:
    """What an option is worth at a price of its underlying, and whether it falls with it."""
    first = option_terms(option, 0)
    known, volatility = (0, first), option.volatility

    def level(second: int, price: float) -> float:
        nonlocal known
        if known[0] != second:
            years = first.years - second / YEAR_S
            known = (
                second,
                options.Terms(
                    first.is_call, first.strike, years, first.rate, first.dividends, first.american
                ),
            )
        terms = known[1]
        return options.price(terms, price, options.smile(volatility, terms, price))

    return level, option.right == "P"


class FollowingPast:
    """The past of an instrument whose price follows from another's (see `past.Past`).

    Args:
        instrument: What it is the past of.
        source: The history that it follows.
        level: How.
        falling: Whether it falls when the source rises.
    """

    def __init__(
        self, instrument: Instrument, source: Chronicle, level: Level, *, falling: bool
    ) -> None:
        assert source.past is not None
        self.instrument = instrument
        self.tick = float(instrument.min_tick)
        self.digits = instrument.price_digits
        self.below = self.above = 1
        self.usual_volatility = instrument.volatility
        self.listed: date = source.past.listed
        self.last_day = date.max
        if instrument.is_option:
            expiry = date.fromisoformat(instrument.last_trade_date)
            first = date.fromordinal(expiry.toordinal() - OPTION_LIFE_DAYS)
            while source.calendar.session(first) is None:
                first = date.fromordinal(first.toordinal() + 1)
            self.listed, self.last_day = max(self.listed, first), expiry
        self._source = source
        self._level = level
        self._falling = falling
        self._origins: OrderedDict[int, Piece] = OrderedDict()
        self._sessions: OrderedDict[tuple[date, int], list[Piece]] = OrderedDict()

    def price(self, ticks: float) -> float:
        """A price from ticks."""
        return round(ticks * self.tick, self.digits)

    def close_ticks(self, day: date) -> int:
        """The price at the end of a day's regular hours."""
        past = self._source.past
        assert past is not None
        session = self._source.calendar.session(day)
        end = 0 if session is None else session.runs(regular=True)[-1][1]
        return self._ticks(end, past.close_ticks(day))

    def _ticks(self, second: int, ticks: int) -> int:
        past = self._source.past
        assert past is not None
        return max(round(self._level(second, past.price(ticks)) / self.tick), 1)

    def _parts(self, session: Session) -> tuple[Session, list[int]] | None:
        """The source's session of the day, and which of its bars are in regular hours."""
        past = self._source.past
        assert past is not None
        if not self.listed <= session.day <= self.last_day:
            return None
        for own in self._source.days.between(session.start, session.end):
            if own.day == session.day:
                regular = {span.start for span in own.spans if span.regular}
                pieces = past.session(own)
                return own, [n for n, one in enumerate(pieces) if one.start in regular]
        return None

    def session(self, session: Session) -> list[Piece]:
        """The bars of a session's regular hours."""
        key = session.day, session.end
        known = self._sessions.get(key)
        if known is None:
            parts = self._parts(session)
            if parts is None:
                known = []
            elif self.instrument.is_option:
                known = [_joined(self.minutes(session, place)) for place in range(len(parts[1]))]
            else:
                # An index does not depend on the time: its day is its fund's day, moved.
                past = self._source.past
                assert past is not None
                pieces = past.session(parts[0])
                known = [self._moved(pieces[place]) for place in parts[1]]
            self._sessions[key] = known
            if len(self._sessions) > REMEMBERED_SESSIONS:
                self._sessions.popitem(last=False)
        return known

    def minutes(self, session: Session, place: int) -> list[Piece]:
        """The minutes of one of a session's bars."""
        past = self._source.past
        parts = self._parts(session)
        assert past is not None
        assert parts is not None
        found = []
        for minute in past.minutes(parts[0], parts[1][place]):
            self._origins[minute.start] = minute
            found.append(self._moved(minute))
        while len(self._origins) > REMEMBERED_MINUTES:
            self._origins.popitem(last=False)
        return found

    def _moved(self, minute: Piece) -> Piece:
        second = minute.start
        at = {
            ticks: self._ticks(second, ticks)
            for ticks in {minute.open, minute.high, minute.low, minute.close}
        }
        high, low = at[minute.high], at[minute.low]
        if self._falling:
            high, low = low, high
        turnover = (at[minute.open] + high + low + at[minute.close]) * minute.volume // 4
        return Piece(
            second,
            at[minute.open],
            high,
            low,
            at[minute.close],
            minute.volume,
            turnover,
            minute.count,
        )

    def trades(self, minute: Piece) -> list[TradePiece]:
        """The prices of a minute, one for each of the source's trades."""
        past = self._source.past
        assert past is not None
        return [
            trade._replace(price=self._ticks(minute.start, trade.price))
            for trade in past.trades(self._origins[minute.start])
        ]


class OptionTrades(FollowingPast):
    """The trades of an option: one in some of the minutes."""

    def minutes(self, session: Session, place: int) -> list[Piece]:
        """The minutes of one of a session's bars; most have no trade."""
        found = []
        price = 0
        days = (self.last_day - session.day).days
        for minute in super().minutes(session, place):
            price = price or minute.open
            busy = self._busy(minute, days)
            size = 1 + int(_part("size", self.instrument.con_id, minute.start) * LARGEST_TRADE)
            if _part("trade", self.instrument.con_id, minute.start) < busy:
                price = minute.close
                found.append(Piece(minute.start, price, price, price, price, size, price * size, 1))
            else:
                found.append(Piece(minute.start, price, price, price, price, 0, 0, 0))
        return found

    def _busy(self, minute: Piece, days: int) -> float:
        """How likely a minute has a trade."""
        past = self._source.past
        assert past is not None
        spot = past.price(self._origins[minute.start].close)
        reach = self.instrument.volatility * math.sqrt(max(days, 1) / 365.0)
        away = math.log(self.instrument.strike / spot) / reach
        contracts = BUSIEST * math.exp(-away * away / 2) / (1.0 + days / 3.0)
        return min(0.9, contracts / MINUTES_A_DAY / (LARGEST_TRADE / 2))

    def trades(self, minute: Piece) -> list[TradePiece]:
        """The trade of a minute, if it has one."""
        if not minute.count:
            return []
        span = min(60, self._source.began - minute.start) * 1000
        at = int(_part("at", self.instrument.con_id, minute.start) * span)
        return [TradePiece(minute.start * 1000 + at, minute.close, minute.volume)]


def _part(*of: object) -> float:
    """A number from 0 to 1 that is always the same for the same things."""
    return zlib.crc32(" ".join(map(str, of)).encode()) / 2**32


def _joined(minutes: list[Piece]) -> Piece:
    """Minutes as one bar."""
    trading = [minute for minute in minutes if minute.count] or minutes
    return Piece(
        minutes[0].start,
        trading[0].open,
        max(minute.high for minute in trading),
        min(minute.low for minute in trading),
        trading[-1].close,
        sum(minute.volume for minute in minutes),
        sum(minute.turnover for minute in minutes),
        sum(minute.count for minute in minutes),
    )


class FollowingTape(Tape):
    """What is live of an instrument that follows: its own events, and before them its source's.

    Args:
        instrument: What it is of.
        own: Its own events.
        source: What it follows.
        level: How.
    """

    __slots__ = ("_instrument", "_level", "_own", "_source")

    def __init__(self, instrument: Instrument, own: Tape, source: Chronicle, level: Level) -> None:
        super().__init__()
        self.events = own.events
        self._instrument = instrument
        self._own = own
        self._source = source
        self._level = level

    @property
    def began_ns(self) -> int:
        """When the source's first event was."""
        return self._source.tape.began_ns

    def rows(self, start: int, end: int) -> Iterator[Row]:
        """The rows that begin in [start, end), in order."""
        own = self._own.began_ns // SECOND_NS or end
        for row in self._source.tape.rows(start, min(end, own)):
            middle = row[1] if self._source.instrument.sec_type == "IND" else row[7]
            moved = self._moved(row[0], middle)
            if moved is not None:
                yield moved
        yield from self._own.rows(max(start, own), end)

    def _moved(self, second: int, middle: Prices) -> Row | None:
        if middle is None:
            return None
        tick, digits = float(self._instrument.min_tick), self._instrument.price_digits
        levels = [
            max(round(round(self._level(second, price) / tick) * tick, digits), tick)
            for price in middle
        ]
        opened, close = levels[0], levels[3]
        high, low = max(levels), min(levels)
        none = (0.0, 0)
        if not self._instrument.is_option:
            return (
                second, (opened, high, low, close), ZERO, 0.0, 1, None, None, None, none, none
            )  # fmt: skip
        bid = (opened - tick, high - tick, low - tick, close - tick)
        ask = (opened + tick, high + tick, low + tick, close + tick)
        bids = tuple(round(price, digits) for price in bid)
        asks = tuple(round(price, digits) for price in ask)
        return (
            second,
            None,
            ZERO,
            0.0,
            0,
            (bids[0], bids[1], bids[2], bids[3]),
            (asks[0], asks[1], asks[2], asks[3]),
            (opened, high, low, close),
            (bids[3], 1),
            (asks[3], 1),
        )

    def last_before(self, start: int, column: int) -> float | None:
        """The last price of a column before a second."""
        own = self._own.last_before(start, column)
        if own is not None:
            return own
        found = None
        for row in self.rows(start - 120, start):
            prices: Prices = row[column]  # type: ignore[assignment]  # 1, 5, 6 or 7
            if prices is not None:
                found = prices[3]
        return found
