"""The past of an instrument before the gateway began, from a seed.

Theory of operation
-------------------
The price of a day is a function of (seed, contract id, date) alone: a trend, slow waves that fade
towards `ANCHOR`, and noise that forgets within weeks, around the catalogue's reference price. So
a question about a day has the same answer whenever it is asked, and nothing has to be stored.

A session opens somewhere between the close before and its own close; its spans (before, in and
after regular hours) are one bar each; `split` makes half hours, five minutes, minutes, and
trades of them when they are asked for.

Two days are bent so that they fit the market that the gateway began with: the last session before
closes at the live book's close; and the session that was under way has the book's open, high, low
and volume up to that moment, and ends at the price that the live market began with.

Bid and offer stand around the price at a distance that never changes (`Past.below`, `Past.above`),
so their bars are as exact as those of the trades.
"""

from __future__ import annotations

import itertools
import math
from collections import OrderedDict
from collections.abc import Sequence
from datetime import date
from random import Random

import attrs

from twsloop.paper.catalogue.instruments import Instrument

from .calendar import Calendar, Session, Span
from .split import MINUTE_S, MINUTE_TRADES, Piece, TradePiece, split, trades

__all__ = ["Opening", "Past"]

#: Around this day prices are near the catalogue's reference prices.
ANCHOR = date(2026, 1, 2)
#: Listings lie in these years, so that twenty years of history exist.
FIRST_LISTING, LAST_LISTING = 1999, 2004
#: How long before its expiry a future's history begins, days.
FUTURE_LIFE_DAYS = 460
#: Yearly trend before the anchor, volatility, by kind; and how far slow waves lift or lower it.
TREND = {"STK": 0.07, "ETF": 0.07, "FUT": 0.06, "IND": 0.07, "CASH": 0.0}
VOLATILITY = {"STK": 0.25, "ETF": 0.15, "FUT": 0.15, "IND": 0.15, "CASH": 0.08}
WAVE = {"STK": 0.22, "ETF": 0.12, "FUT": 0.12, "IND": 0.12, "CASH": 0.06}
WAVE_YEARS = (7.3, 3.1, 1.4)
#: The daily noise forgets this share a day.
FORGET = 0.8
MEMORY_DAYS = 24
#: Trades a minute, in regular hours and outside.
BUSY, QUIET = 30.0, 8.0
#: Which part of a day's volume is traded outside regular hours, for each span there.
OUTSIDE_SHARE = 0.04
#: What a currency or an index has instead of volume, a day: it only weighs prices.
UNSEEN_VOLUME = 2_000_000
HALF_S, FIVE_S, HALF_MINUTE_S = 1800, 300, 30
#: An odd number that makes neighbouring days and seconds different.
SPREADER = 0x9E3779B97F4A7C15
CACHED_SESSIONS, CACHED_HALVES, CACHED_SPANS, CACHED_MINUTES = 600, 64, 8, 64


@attrs.frozen
class Opening:
    """What the live market began with; prices are None where it had none.

    Attributes:
        second: When, seconds since 1970 UTC: the past ends here.
        open: Open of the session under way.
        high: Its high.
        low: Its low.
        close: Close of the session before.
        volume: Volume of the session under way.
        price: First price of the live market.
    """

    second: int
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    volume: int = 0
    price: float | None = None


class Past:
    """One instrument's history before the gateway began.

    Args:
        instrument: What it is the history of.
        calendar: Its sessions.
        seed: The seed of the market.
        opening: Where the past ends, and what it has to fit.

    Attributes:
        below: How many ticks the bid is below a price.
        above: How many ticks the offer is above it.
        listed: The first day with data.
        last_day: The last one, of what expires.
        usual_volatility: Of its price, a year.
    """

    def __init__(
        self, instrument: Instrument, calendar: Calendar, seed: int, opening: Opening
    ) -> None:
        self.instrument = instrument
        self.calendar = calendar
        self.opening = opening
        self.tick = float(instrument.min_tick)
        self.digits = instrument.price_digits
        # All expiries of a future move together.
        name = instrument.symbol if instrument.sec_type == "FUT" else instrument.con_id
        kind = "ETF" if instrument.stock_type == "ETF" else instrument.sec_type
        self._trend = TREND.get(kind, 0.0)
        self.usual_volatility = instrument.volatility or VOLATILITY.get(kind, 0.2)
        self._day_noise = self.usual_volatility / math.sqrt(252)
        chance = Random(f"{seed} {name}")  # noqa: S311  (a market, not a secret)
        wave = WAVE.get(kind, 0.1)
        self._waves = [
            (
                math.tau / (years * 365.25),
                chance.uniform(0, math.tau),
                wave * chance.uniform(0.3, 1),
            )
            for years in WAVE_YEARS
        ]
        spread = 1
        if instrument.stock_type == "COMMON" and instrument.reference_price > 100:
            spread += int(instrument.reference_price // 100)
        self.below = spread // 2
        self.above = spread - self.below
        self.listed = self._listing(chance)
        self.last_day = _expiry(instrument) or date.max
        self._base = chance.getrandbits(62)
        self._own = Random(f"{seed} {instrument.con_id}").getrandbits(62)  # noqa: S311
        self._noise: dict[int, float] = {}
        self._sessions: OrderedDict[date, tuple[Session, list[Piece]]] = OrderedDict()
        self._halves: OrderedDict[tuple[date, int], list[Piece]] = OrderedDict()
        self._spans: OrderedDict[tuple[date, int], list[Piece]] = OrderedDict()
        self._minutes: OrderedDict[int, list[TradePiece]] = OrderedDict()
        self._under_way = calendar.day_of(opening.second)
        self._last_full = self._last_full_day()

    def _listing(self, chance: Random) -> date:
        day = date(chance.randint(FIRST_LISTING, LAST_LISTING), chance.randint(1, 12), 2)
        expiry = _expiry(self.instrument)
        if expiry is not None:
            day = date.fromordinal(expiry.toordinal() - FUTURE_LIFE_DAYS)
        while self.calendar.session(day) is None:
            day = date.fromordinal(day.toordinal() + 1)
        return day

    def _last_full_day(self) -> date | None:
        """The last session that was over before the session under way."""
        for session in self.calendar.before(self.opening.second):
            if session.day < self._under_way:
                return session.day
        return None

    # -- days --------------------------------------------------------------------------------

    def price(self, ticks: float) -> float:
        """A price from ticks, which may be halves."""
        return round(ticks * self.tick, self.digits)

    def ticks(self, price: float) -> int:
        """The nearest whole number of ticks."""
        return max(round(price / self.tick), 1)

    def close_ticks(self, day: date) -> int:
        """The price at the end of a day's regular hours."""
        if day == self._last_full and self.opening.close is not None:
            return self.ticks(self.opening.close)
        return self._level(day.toordinal())

    def _level(self, ordinal: int) -> int:
        noise, weight, total = self._daily_noise, 1.0, 0.0
        for back in range(MEMORY_DAYS):
            total += weight * noise(ordinal - back)
            weight *= FORGET
        away = ANCHOR.toordinal() - ordinal
        if away > 0:
            fade = min(1.0, away / 1000.0)
            total -= self._trend * away / 365.25
            for speed, phase, size in self._waves:
                total += fade * size * (math.sin(speed * away + phase) - math.sin(phase))
        return self.ticks(self.instrument.reference_price * math.exp(total))

    def _daily_noise(self, ordinal: int) -> float:
        found = self._noise.get(ordinal)
        if found is None:
            if len(self._noise) > 20_000:
                self._noise.clear()
            chance = Random(self._base ^ (ordinal * SPREADER))  # noqa: S311
            found = chance.gauss(0.0, self._day_noise)
            self._noise[ordinal] = found
        return found

    def _chance(self, number: int, use: int) -> Random:
        """A generator that is the same whenever it is asked for."""
        return Random(self._own ^ (number * SPREADER) ^ (use << 70))  # noqa: S311

    # -- sessions ----------------------------------------------------------------------------

    def session(self, session: Session) -> list[Piece]:
        """The bars of a session's spans, each cut off where the live market begins.

        Spans after that moment, and sessions before the listing, have none.
        """
        known = self._sessions.get(session.day)
        if known is not None and known[0] == session:
            self._sessions.move_to_end(session.day)
            return known[1]
        known_day = self.listed <= session.day <= self.last_day
        pieces = self._make_session(session) if known_day else []
        self._sessions[session.day] = session, pieces
        if len(self._sessions) > CACHED_SESSIONS:
            self._sessions.popitem(last=False)
        return pieces

    def _make_session(self, session: Session) -> list[Piece]:
        end = self.opening.second
        spans = [
            Span(span.start, min(span.end, end), span.regular)
            for span in session.spans
            if span.start < end
        ]
        if not spans:
            return []
        chance = self._chance(session.day.toordinal(), 1)
        if session.day == self._under_way and self.opening.open is not None:
            return self._fitted(spans, chance)
        return self._natural(session, spans, chance)

    def _natural(self, session: Session, spans: list[Span], chance: Random) -> list[Piece]:
        """A session as the seed has it."""
        before = self._close_before(session.day)
        close = self.close_ticks(session.day)
        noise = self._day_noise * close
        share = chance.uniform(0.0, 0.6)
        opening = max(1, round(before + (close - before) * share + chance.gauss(0, 0.15) * noise))
        at, found = before, []
        volume = self._day_volume() * math.exp(chance.gauss(0.0, 0.3))
        regular = [span for span in spans if span.regular]
        seen = not regular
        for span in spans:
            if span.regular:
                first, last, seen = opening, close, True
                part = 1.0 - OUTSIDE_SHARE * (len(spans) - len(regular))
            else:
                first = max(1, round(at + chance.gauss(0, 0.05) * noise))
                target = close if seen else opening
                last = max(1, round(target + chance.gauss(0, 0.05) * noise))
                part = OUTSIDE_SHARE if regular else 1.0
            reach = noise * (0.5 if span.regular or not regular else 0.12)
            high = max(first, last) + int(abs(chance.gauss(0, reach)))
            low = max(1, min(first, last) - int(abs(chance.gauss(0, reach))))
            found.append(self._piece(span, (first, high, low, last), int(volume * part), chance))
            at = last
        return found

    def _close_before(self, day: date) -> int:
        ordinal = day.toordinal() - 1
        for _ in range(10):
            earlier = date.fromordinal(ordinal)
            if self.calendar.session(earlier) is not None:
                return self.close_ticks(earlier)
            ordinal -= 1
        return self._level(ordinal)

    def _fitted(self, spans: list[Span], chance: Random) -> list[Piece]:
        """The session under way: it has the book's open, high, low and volume."""
        opening = self.opening
        assert opening.open is not None
        first = self.ticks(opening.open)
        price = self.ticks(opening.price if opening.price is not None else opening.open)
        high = max(first, self.ticks(opening.high if opening.high is not None else opening.open))
        low = min(first, self.ticks(opening.low if opening.low is not None else opening.open))
        last = min(max(price, low), high)
        unseen = self.instrument.quote_driven or not self.instrument.daily_volume
        total = opening.volume or (UNSEEN_VOLUME // 3 if unseen else 0)
        # The span with the extremes: regular hours where they have begun.
        main = next((place for place, span in enumerate(spans) if span.regular), len(spans) - 1)
        weights = [
            (span.end - span.start) * (1.0 if span.regular or len(spans) == 1 else 0.02)
            for span in spans
        ]
        parts = [int(total * weight / sum(weights)) for weight in weights]
        # What is too little for a bar of its own goes to the main one, with what was rounded off.
        parts = [part if part > MINUTE_TRADES else 0 for part in parts]
        parts[main] += total - sum(parts)
        found = []
        for place, (span, part) in enumerate(zip(spans, parts, strict=True)):
            if place == main:
                end = last
                shape = (first, high, low, end)
            else:
                end = first if place < main else last
                begin = first if place <= main else last
                inner = [begin, end, (begin + high) // 2, (begin + low + 1) // 2]
                shape = (begin, max(inner[:3]), min(inner[0], inner[1], inner[3]), end)
            found.append(self._piece(span, shape, part, chance))
        return [piece for piece in found if piece.count]

    def _day_volume(self) -> float:
        return float(self.instrument.daily_volume or UNSEEN_VOLUME)

    def _piece(
        self, span: Span, shape: tuple[int, int, int, int], volume: int, chance: Random
    ) -> Piece:
        first, high, low, last = shape
        if volume < MINUTE_TRADES + 1:
            return Piece(span.start, first, first, first, first, 0, 0, 0)
        wide = (span.end - span.start) / MINUTE_S
        count = int((BUSY if span.regular else QUIET) * wide * chance.uniform(0.8, 1.2))
        count = max(MINUTE_TRADES, min(count, volume // 2))
        centre = (first + high + low + last) / 4 + chance.gauss(0, 0.06) * (high - low)
        room = 0.2 * (high - low)
        centre = min(max(centre, low + room), high - room)
        fixed, units = first + high + low + last, volume - 4
        turnover = min(max(int(centre * volume), fixed + low * units), fixed + high * units)
        return Piece(span.start, first, high, low, last, volume, turnover, count)

    # -- minutes and trades ------------------------------------------------------------------

    def halves(self, session: Session, place: int) -> list[Piece]:
        """The half hours of one of a session's bars (see `session`), by the clock."""
        key = session.day, place
        known = self._halves.get(key)
        if known is not None:
            self._halves.move_to_end(key)
            return known
        whole = self.session(session)[place]
        span = next(span for span in session.spans if span.start == whole.start)
        end = min(span.end, self.opening.second)
        found = self._by_clock(span, whole, end, HALF_S)
        self._halves[key] = found
        if len(self._halves) > CACHED_HALVES:
            self._halves.popitem(last=False)
        return found

    @staticmethod
    def _shape(span: Span) -> Sequence[float]:
        """How a span's volume spreads over its minutes."""
        count = -(-(span.end - span.start) // MINUTE_S)
        return _profile(count) if span.regular else [1.0] * count

    def minutes(self, session: Session, place: int) -> list[Piece]:
        """The minutes of one of a session's bars."""
        key = session.day, place
        known = self._spans.get(key)
        if known is not None:
            self._spans.move_to_end(key)
            return known
        found: list[Piece] = []
        for half in self.halves(session, place):
            found += self.minutes_in(session, half)
        self._spans[key] = found
        if len(self._spans) > CACHED_SPANS:
            self._spans.popitem(last=False)
        return found

    def fives(self, session: Session, half: Piece) -> list[Piece]:
        """The five minutes of a half hour."""
        span, end = self._within(session, half)
        return self._by_clock(span, half, end, FIVE_S)

    def minutes_in(self, session: Session, half: Piece) -> list[Piece]:
        """The minutes of a half hour."""
        span, end = self._within(session, half)
        fives = self._by_clock(span, half, end, FIVE_S)
        shape = self._shape(span)
        # One generator for the whole half hour: making one costs more than using it.
        chance = self._chance(half.start, MINUTE_S)
        random = chance.random
        found: list[Piece] = []
        for five, until in zip(fives, [*(one.start for one in fives[1:]), end], strict=True):
            first = (five.start - span.start) // MINUTE_S
            starts = range(five.start, until, MINUTE_S)
            weights = [(0.6 + 0.8 * random()) * shape[first + n] for n in range(len(starts))]
            found += split(five, starts, weights, chance)
        return found

    def _within(self, session: Session, half: Piece) -> tuple[Span, int]:
        """The span that a half hour is in, and where it ends."""
        start = half.start
        span = next(span for span in session.spans if span.start <= start < span.end)
        return span, min(start - start % HALF_S + HALF_S, span.end, self.opening.second)

    def _by_clock(self, span: Span, whole: Piece, end: int, size: int) -> list[Piece]:
        """Split a bar at the clock's multiples of a size."""
        first = whole.start
        starts = [first, *range(first - first % size + size, end, size)]
        chance = self._chance(first, size)
        random, shape = chance.random, self._shape(span)
        edges = [(at - span.start) // MINUTE_S for at in starts]
        edges.append(-(-(end - span.start) // MINUTE_S))
        shares = [sum(shape[a:b]) for a, b in itertools.pairwise(edges)]
        return split(whole, starts, [(0.6 + 0.8 * random()) * share for share in shares], chance)

    def half_minutes(self, minute: Piece) -> list[Piece]:
        """A minute's two halves, as far as they were before the live market."""
        second = minute.start + HALF_MINUTE_S
        if second >= self.opening.second:
            return [minute]
        starts = minute.start, second
        return split(minute, starts, (1.0, 1.0), self._chance(minute.start, 5))

    def trades(self, minute: Piece) -> list[TradePiece]:
        """The trades of a minute."""
        known = self._minutes.get(minute.start)
        if known is not None:
            self._minutes.move_to_end(minute.start)
            return known
        found: list[TradePiece] = []
        for piece in self.half_minutes(minute):
            span = min(HALF_MINUTE_S, self.opening.second - piece.start)
            found += trades(piece, span, self._chance(piece.start, 3))
        self._minutes[minute.start] = found
        if len(self._minutes) > CACHED_MINUTES:
            self._minutes.popitem(last=False)
        return found


def _expiry(instrument: Instrument) -> date | None:
    text = instrument.last_trade_date
    return date(int(text[:4]), int(text[4:6]), int(text[6:8])) if len(text) >= 8 else None


_PROFILES: dict[int, Sequence[float]] = {}


def _profile(pieces: int) -> Sequence[float]:
    """How volume spreads over regular hours: much at both ends."""
    known = _PROFILES.get(pieces)
    if known is None:
        known = [
            1.0
            + 2.2 * math.exp(-14.0 * (place + 0.5) / pieces)
            + 1.6 * math.exp(-14.0 * (pieces - place - 0.5) / pieces)
            for place in range(pieces)
        ]
        _PROFILES[pieces] = known
    return known
