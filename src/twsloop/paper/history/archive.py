"""The history of a market: every instrument's chronicle, and the ear that hears all events.

**Now** is the gateway's clock where the feed follows it (every feed with a seed), otherwise the
time of the last event: a replay lives in the time of its data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.catalogue.listings import INDICES
from twsloop.paper.market.vocabulary import Change, Event, Feed, TopOfBook, Valued

from .calendar import calendar_of
from .chronicle import Chronicle
from .following import (
    FollowingPast,
    FollowingTape,
    OptionTrades,
    index_level,
    option_level,
)
from .live import RAW_ONLY, Tape
from .past import Opening, Past

__all__ = ["Chronicle", "History"]

SECOND_NS = 1_000_000_000
#: A feed whose events are this near to the clock follows it, nanoseconds.
NEAR_NS = 120 * SECOND_NS


class History:
    """The history of a market.

    Args:
        feed: The market; with an attribute ``seed`` it has a past.
        now: The gateway's clock.

    Attributes:
        last_ns: When the last event of all was; 0 before any.
        boundary_ns: `on_boundary` is called with the first event at or after this time.
        on_boundary: Told that a time has passed; sets ``boundary_ns`` to the next.
    """

    def __init__(self, feed: Feed, now: Callable[[], datetime]) -> None:
        self._feed = feed
        self._now = now
        #: A feed may stand in front of the one that has the seed.
        self.seed: int | None = getattr(getattr(feed, "source", feed), "seed", None)
        self._began = int(now().timestamp())
        self._tapes: dict[int, Tape] = {}
        self._chronicles: dict[int, Chronicle] = {}
        self._openings: dict[int, TopOfBook] = {}
        self.last_ns = 0
        self.boundary_ns = 1 << 62
        self.on_boundary: Callable[[int], None] = _nothing
        if self.seed is not None:
            for instrument in feed.instruments.all():
                book = feed.book(instrument.con_id)
                self._openings[instrument.con_id] = attrs.evolve(book)

    def hear(self, event: Event, _changes: Sequence[Change], _now: datetime) -> None:
        """Take an event: the hub's witness, on its hot path."""
        time_ns = event.time_ns
        if time_ns >= self.boundary_ns:
            self.on_boundary(time_ns)
        self.last_ns = time_ns
        if type(event) is Valued:
            return
        tape = self._tapes.get(event.con_id)
        if tape is None:
            tape = self._new_tape(event.con_id)
        tape.hear(event)

    def _new_tape(self, con_id: int) -> Tape:
        feeds = [one for one in (self._feed, getattr(self._feed, "source", None)) if one]

        def watched() -> bool:
            return any(con_id in getattr(one, "subscribers", ()) for one in feeds)

        tape = self._tapes[con_id] = Tape(watched)
        if self.seed is None:
            tape.asked(RAW_ONLY)
        return tape

    @property
    def follows_clock(self) -> bool:
        """Whether the market's time is the clock's."""
        if self.seed is not None or not self.last_ns:
            return True
        return abs(self._clock_ns() - self.last_ns) < NEAR_NS

    def now_ns(self) -> int:
        """The market's time, nanoseconds since 1970 UTC."""
        if not self.follows_clock:
            return self.last_ns
        return max(self._clock_ns(), self.last_ns)

    def _clock_ns(self) -> int:
        return int(self._now().timestamp() * 1_000_000) * 1000

    def of(self, instrument: Instrument) -> Chronicle:
        """An instrument's history."""
        con_id = instrument.con_id
        known = self._chronicles.get(con_id)
        tape = self._tapes.get(con_id)
        if tape is None:
            tape = self._new_tape(con_id)
        tape.asked()
        if known is not None and (known.began or not tape.began_ns):
            return known
        chronicle = self._make(instrument, tape)
        self._chronicles[con_id] = chronicle
        return chronicle

    def _make(self, instrument: Instrument, tape: Tape) -> Chronicle:
        began, always_open = self._began, self._feed.always_open
        if self.seed is None:
            # Nothing was before the first event.
            began = tape.began_ns // SECOND_NS
            return Chronicle(instrument, tape, None, began=began, always_open=always_open)
        source = self._source(instrument)
        if source is not None:
            return self._make_following(instrument, tape, self.of(source))
        past = None
        if instrument.con_id in self._openings:
            opening = self._opening(instrument, tape)
        else:
            opening = Opening(self._began)
        # A future that has expired trades no more, but has a past; a bond never had a price.
        if instrument.con_id in self._openings or instrument.sec_type == "FUT":
            past = Past(instrument, calendar_of(instrument.hours), self.seed, opening)
        return Chronicle(instrument, tape, past, began=began, always_open=always_open)

    def _source(self, instrument: Instrument) -> Instrument | None:
        """What an instrument follows; None: it has prices of its own."""
        catalogue = self._feed.instruments
        if instrument.is_option:
            return catalogue.by_con_id(instrument.under_con_id)
        for line in INDICES:
            if line.con_id == instrument.con_id:
                funds = (one for one in catalogue.all() if one.stock_type == "ETF")
                return next((one for one in funds if one.symbol == line.follows), None)
        return None

    def _make_following(self, instrument: Instrument, tape: Tape, source: Chronicle) -> Chronicle:
        past = trades = None
        if instrument.is_option:
            level, falling = option_level(instrument)
        else:
            level, falling = index_level(instrument, source.instrument)
        expired = instrument.is_option and date.fromisoformat(
            instrument.last_trade_date
        ) < source.calendar.day_of(self._began)
        if source.past is not None and not expired:  # no history is kept of expired options
            past = FollowingPast(instrument, source, level, falling=falling)
            if instrument.is_option:
                trades = OptionTrades(instrument, source, level, falling=falling)
        return Chronicle(
            instrument,
            FollowingTape(instrument, tape, source, level),
            past,
            began=self._began,
            always_open=source.days.always_open,
            trades_past=trades,
        )

    def _opening(self, instrument: Instrument, tape: Tape) -> Opening:
        book = self._openings[instrument.con_id]
        column = 5 if instrument.quote_driven else 1
        price = None
        for row in tape.rows(self._began, self._began + 60):
            prices: Any = row[column]
            if prices is not None:
                price = prices[0]
                break
        return Opening(
            self._began,
            open=book.open,
            high=book.high,
            low=book.low,
            close=book.close,
            volume=int(book.volume),
            price=price,
        )


def _nothing(_time_ns: int) -> None:
    """Nobody waits for a time."""
