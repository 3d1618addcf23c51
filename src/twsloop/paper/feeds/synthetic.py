"""A market that looks like one, from a seed: quotes, trades, sizes, sessions.

Theory of operation
-------------------
Each instrument has a hidden fair value, a random walk with the volatility of its kind, pulled back
to its reference price so that it stays near for days. The instrument *acts* at random moments
(exponential gaps, ``rate`` a second on average). An action is one of:

- the quote moves: bid and offer are set around the fair value, one to a few ticks apart (the
  wider, the dearer the share), with new sizes;
- one side's size changes;
- a trade, at the bid or the offer, now and then between them where there is room; its size comes
  off the displayed size, and a side that is used up moves a tick away.

Currency pairs have no trades. Sizes are round lots, a tenth of the trades odd lots.

**Deterministic**: an instrument's path is a function of (seed, contract id, rate, start time). It
has its own random generator, and its actions carry the time they were planned for, not the time
at which a busy machine got round to them. On a `MarketClock` the clock itself goes from one
planned time to the next, as far as nothing else is due, so many actions take one timer. Neither
subscribers nor other instruments change it: all instruments of the market always act, watched or
not, because orders need prices also where nobody watches. Only a pause (a client that does not
keep up, a machine that slept longer than `LONGEST_LAG_S`) stops the market; afterwards it goes on
where it was, later.

The market opens with the feed: every instrument begins with a session already under way (open,
high, low, volume, the close before), then quotes and trades once, before anything else. It never
closes; its sessions change at the instrument's roll-over time. With ``keeps_hours`` it keeps the
hours of `twsloop.paper.clock.hours`: nothing happens while an instrument's market is closed, and
little before and after the regular session.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import attrs

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.clock.hours import Hours
from twsloop.paper.clock.market_clock import MarketClock
from twsloop.paper.market.vocabulary import Event, QuoteChange, TopOfBook, Trade

from .feed_base import FeedBase

__all__ = ["DEFAULT_RATE", "SyntheticFeed"]

#: Actions a second of each instrument, on average.
DEFAULT_RATE = 3.0
#: Yearly volatility of the fair value (of a middling share, an index, a major currency), and the
#: hours a day in which most of it happens.
VOLATILITY = {
    "COMMON": (0.25, 6.5),
    "ETF": (0.15, 6.5),
    "FUT": (0.15, 10.0),
    "CASH": (0.08, 24.0),
    "CRYPTO": (0.5, 24.0),
}
TRADING_DAYS_A_YEAR = 252
#: After this time the distance to the reference price has halved, seconds.
HALF_LIFE_S = 4 * 3600.0
#: How often a quote moves, a size changes; the rest are trades.
QUOTE_SHARE, SIZE_SHARE = 0.5, 0.2
#: Later than this behind its plan the market does not catch up, but goes on from now, seconds.
LONGEST_LAG_S = 5.0
#: At most so many actions in a turn of the loop.
ACTIONS_A_TURN = 500
#: Outside the regular session so many times less happens, where hours are kept.
QUIET = 6.0
#: Timers are not set for less, so that a fast market acts in batches, seconds.
SHORTEST_WAIT_S = 0.001
VENUES = {"STK": "QPNZKJYUV", "CASH": "", "FUT": "", "CRYPTO": ""}
SECOND_NS = 1_000_000_000


class SyntheticFeed(FeedBase):
    """A market from a seed (see the module).

    Args:
        instruments: The market.
        seed: The same seed gives the same market.
        rate: Actions a second of each instrument.
        rates: The rate of single instruments, by symbol as people type it (``AAPL``, ``EUR.USD``);
            0 for one that stands still after its opening.
        keeps_hours: Whether the markets close, and are quiet before and after regular hours.

    Raises:
        ValueError: A rate is negative, or is of a symbol that the catalogue lacks.
    """

    def __init__(
        self,
        instruments: Catalogue,
        *,
        seed: int = 1,
        rate: float = DEFAULT_RATE,
        rates: Mapping[str, float] | None = None,
        keeps_hours: bool = False,
    ) -> None:
        super().__init__(instruments)
        self.seed = seed
        self.always_open = not keeps_hours
        own_rates = {instrument.con_id: rate for instrument in instruments}
        for symbol, own in (rates or {}).items():
            instrument = instruments.by_symbol(symbol)
            if instrument is None:
                msg = f"the market has no {symbol!r} to set a rate of"
                raise ValueError(msg)
            own_rates[instrument.con_id] = own
        if any(not 0 <= one < math.inf for one in own_rates.values()):
            msg = "a rate is the number of actions a second: 0 or more"
            raise ValueError(msg)
        self._paths = {
            one.con_id: _Path(one, _chance(f"{seed} {one.con_id}"), own_rates[one.con_id])
            for one in instruments
        }
        self._plan: list[tuple[float, int]] = []
        self._origin = 0.0
        self._origin_ns = 0
        self._market: MarketClock | None = None
        self._days: dict[int, _Day] = {}

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument; it is born with a session under way.

        Raises:
            KeyError: The catalogue has no such instrument.
        """
        known = con_id in self._books
        book = super().book(con_id)
        if not known:
            self._paths[con_id].begin(book)
        return book

    def _begin(self) -> None:
        self._origin = self._clock.monotonic()
        self._origin_ns = int(self._clock.now().timestamp() * 1e6) * 1000
        self._market = self._clock if isinstance(self._clock, MarketClock) else None
        for con_id, path in self._paths.items():
            due = self._next_due(path, 0.0)
            if due < math.inf:
                self._plan.append((due, con_id))
        heapq.heapify(self._plan)
        opening: list[Event] = []
        for path in self._paths.values():
            opening += path.opening(self._origin_ns)
        self._sink(opening)
        self._next_timer()

    def _resumed(self) -> None:
        self._skip_to_now()
        self._next_timer()

    def _end(self) -> None:
        self._plan.clear()

    def _pump(self) -> None:
        self._timer = None
        if not self._running() or self.paused:
            return
        if self._market is not None:
            self._sink(self._reached(self._market))
        else:
            self._sink_due()
        if self._running() and not self.paused:
            self._next_timer()

    def _reached(self, clock: MarketClock) -> Iterator[Event]:
        """Move the clock from action to action, as far as it goes."""
        plan, paths, origin, origin_ns = self._plan, self._paths, self._origin, self._origin_ns
        reach, replace = clock.reach, heapq.heapreplace
        for _ in range(ACTIONS_A_TURN):
            if not plan:
                return
            due, con_id = plan[0]
            if not reach(origin + due):
                return
            path = paths[con_id]
            events = path.act(origin_ns + int(due * SECOND_NS))
            replace(plan, (self._next_due(path, due), con_id))
            yield from events

    def _sink_due(self) -> None:
        """Hand over what is due on a clock that runs by itself."""
        now = self._clock.monotonic() - self._origin
        if self._plan and now - self._plan[0][0] > LONGEST_LAG_S:
            self._skip_to_now()
            now = self._clock.monotonic() - self._origin
        events: list[Event] = []
        for _ in range(ACTIONS_A_TURN):
            # A timer may fire a hair early.
            if not self._plan or self._plan[0][0] > now + SHORTEST_WAIT_S / 2:
                break
            due, con_id = self._plan[0]
            path = self._paths[con_id]
            events += path.act(self._origin_ns + int(due * SECOND_NS))
            heapq.heapreplace(self._plan, (self._next_due(path, due), con_id))
        if events:
            self._sink(events)

    def _next_due(self, path: _Path, due: float) -> float:
        """When an instrument acts after an action at ``due``; infinite if it never does."""
        gap = path.gap()
        if gap is None:
            return math.inf
        if self.always_open:
            return due + gap
        instrument = path.instrument
        day = self._days.get(instrument.con_id)
        if day is None:
            day = self._days[instrument.con_id] = _Day.after(instrument.hours, due, self._origin_ns)
        following = day.following(due, gap)
        if following >= day.closes:
            day = _Day.after(instrument.hours, following, self._origin_ns)
            self._days[instrument.con_id] = day
            following = day.following(due, gap)
        return following

    def _next_timer(self) -> None:
        if self._plan and not self.paused:
            wait = self._origin + self._plan[0][0] - self._clock.monotonic()
            shortest = SHORTEST_WAIT_S if self._market is None else 0.0
            self._pump_later(max(wait, shortest))

    def _skip_to_now(self) -> None:
        """The market stood still: its plan begins where it was, but now."""
        if self._plan:
            late = self._clock.monotonic() - self._origin - self._plan[0][0]
            if late > 0:
                self._origin += late
                self._origin_ns += int(late * SECOND_NS)


@attrs.frozen
class _Day:
    """One trading day of one kind of hours, in seconds since the feed began."""

    opens: float
    first: float
    last: float
    closes: float

    @classmethod
    def after(cls, hours: Hours, since: float, origin_ns: int) -> _Day:
        """The first trading day that is not over."""
        origin = datetime.fromtimestamp(origin_ns / 1e9, UTC)
        day = (origin + timedelta(seconds=since)).astimezone(ZoneInfo(hours.time_zone)).date()
        while True:
            trading, liquid = hours.session(day), hours.session(day, liquid=True)
            if trading is not None and liquid is not None:
                edges = (trading[0], *liquid, trading[1])
                opens, first, last, closes = ((edge - origin).total_seconds() for edge in edges)
                if closes > since:
                    return cls(opens, first, last, closes)
            day += timedelta(days=1)

    def following(self, due: float, gap: float) -> float:
        """When something happens after an action at ``due``, which may be before this day."""
        due = max(due, self.opens)
        if due < self.first:
            return min(due + gap * QUIET, self.first + gap)
        return due + gap * (1.0 if due < self.last else QUIET)


def _chance(seed: str) -> random.Random:
    """A generator that is the same in every process for the same text."""
    return random.Random(seed)  # noqa: S311  (a market, not a secret)


@attrs.define
class _Path:
    """One instrument's random path; prices are counted in ticks."""

    instrument: Instrument
    chance: random.Random
    rate: float
    tick: float = attrs.field(init=False)
    digits: int = attrs.field(init=False)
    venues: str = attrs.field(init=False)
    busy: float = attrs.field(init=False)
    volatility: float = attrs.field(init=False)
    widest: int = attrs.field(init=False)
    reference: float = attrs.field(init=False)
    fair: float = attrs.field(init=False)
    bid: int = attrs.field(init=False)
    ask: int = attrs.field(init=False)
    bid_lots: int = attrs.field(init=False)
    ask_lots: int = attrs.field(init=False)
    bid_venue: str = ""
    ask_venue: str = ""
    step: float = 0.0

    def __attrs_post_init__(self) -> None:
        instrument, chance = self.instrument, self.chance
        self.tick = float(instrument.min_tick)
        self.digits = instrument.price_digits
        self.venues = VENUES[instrument.sec_type]
        yearly, hours = VOLATILITY[instrument.stock_type or instrument.sec_type]
        self.volatility = yearly / math.sqrt(TRADING_DAYS_A_YEAR * hours * 3600)
        # Dear shares show few lots and a wide spread; all else many lots, a tick or two apart.
        dear = instrument.stock_type == "COMMON" and instrument.reference_price > 100
        self.busy = 2.0 if dear else 12.0
        self.widest = 1 + int(instrument.reference_price // 100) if dear else 1
        drift = chance.gauss(0.0, 0.004)
        self.reference = instrument.reference_price * math.exp(drift)
        self.fair = self.reference
        self._quote_around_fair()

    # -- the session under way -----------------------------------------------------------------

    def begin(self, book: TopOfBook) -> None:
        """Give a new book the session before now."""
        chance = _chance(f"{self.instrument.con_id} {self.reference!r}")
        close = self._ticks(self.instrument.reference_price)
        opening = self._ticks(self.instrument.reference_price * math.exp(chance.gauss(0, 0.002)))
        reach = 0.004 * self.reference / self.tick
        first = (self.bid, self.ask)
        high = max(opening, *first) + round(chance.uniform(0, reach))
        low = min(opening, *first) - round(chance.uniform(0, reach))
        book.close = self._price(close)
        book.open, book.high, book.low = map(self._price, (opening, high, max(low, 1)))
        if not self.instrument.quote_driven:
            lots = int(self.instrument.daily_volume * chance.uniform(0.2, 0.6) / self._lot)
            book.volume = Decimal(lots * self._lot)

    def opening(self, time_ns: int) -> list[Event]:
        """The first quote, and a trade."""
        events: list[Event] = [self._quote(time_ns)]
        if not self.instrument.quote_driven:
            events += self._trade(time_ns)
        return events

    # -- going on ------------------------------------------------------------------------------

    def gap(self) -> float | None:
        """Seconds until the next action; None: it stands still."""
        if not self.rate:
            return None
        self.step = self.chance.expovariate(self.rate)
        return self.step

    def act(self, time_ns: int) -> list[Event]:
        """Do what is next."""
        self._walk(self.step)
        kind = self.chance.random()
        if self.instrument.quote_driven:
            kind *= QUOTE_SHARE + SIZE_SHARE
        if kind < QUOTE_SHARE:
            self._quote_around_fair()
        elif kind < QUOTE_SHARE + SIZE_SHARE:
            if self.chance.random() < 0.5:
                self.bid_lots = self._lots(self.bid_lots)
            else:
                self.ask_lots = self._lots(self.ask_lots)
        else:
            return self._trade(time_ns)
        return [self._quote(time_ns)]

    def _walk(self, seconds: float) -> None:
        deviation = self.volatility * math.sqrt(seconds)
        pull = math.log(2) / HALF_LIFE_S * seconds * math.log(self.reference / self.fair)
        self.fair *= math.exp(pull + self.chance.gauss(0.0, deviation))

    def _quote_around_fair(self) -> None:
        chance, fair = self.chance, self.fair / self.tick
        spread = 1 + min(int(chance.expovariate(2.0 / self.widest)), self._widest_spread - 1)
        self.bid = max(round(fair - spread / 2), 1)
        self.ask = self.bid + spread
        self.bid_lots, self.ask_lots = self._lots(), self._lots()
        if self.venues:
            self.bid_venue, self.ask_venue = chance.choice(self.venues), chance.choice(self.venues)

    def _lots(self, besides: int = 0) -> int:
        """A displayed size in lots: few mostly, many at times; never the one given."""
        lots = 1 + int(self.chance.expovariate(1.0 / self.busy))
        return lots if lots != besides else lots + 1

    def _quote(self, time_ns: int) -> QuoteChange:
        return QuoteChange(
            self.instrument.con_id,
            time_ns,
            self._price(self.bid),
            Decimal(self.bid_lots * self._lot),
            self._price(self.ask),
            Decimal(self.ask_lots * self._lot),
            self.bid_venue,
            self.ask_venue,
        )

    def _trade(self, time_ns: int) -> list[Event]:
        """A trade, and the quote that it leaves behind."""
        chance = self.chance
        buys = chance.random() < 0.5
        displayed = self.ask_lots if buys else self.bid_lots
        if chance.random() < 0.1 and self._lot > 1:
            lots, size = 0, chance.randrange(1, self._lot)
        else:
            lots = chance.randint(1, displayed)
            size = lots * self._lot
        price = self.ask if buys else self.bid
        if self.ask - self.bid > 1 and chance.random() < 0.2:
            price, lots = chance.randrange(self.bid + 1, self.ask), 0
        venue = (self.ask_venue if buys else self.bid_venue) or ""
        traded = Trade(self.instrument.con_id, time_ns, self._price(price), Decimal(size), venue)
        if not lots:
            return [traded]
        if lots < displayed:
            if buys:
                self.ask_lots -= lots
            else:
                self.bid_lots -= lots
        elif buys:
            self.ask, self.ask_lots = self.ask + 1, self._lots()
        elif self.bid > 1:
            self.bid, self.bid_lots = self.bid - 1, self._lots()
        if self.ask - self.bid > self._widest_spread:
            self._quote_around_fair()
        return [traded, self._quote(time_ns)]

    @property
    def _widest_spread(self) -> int:
        return 1 + 2 * self.widest

    @property
    def _lot(self) -> int:
        return self.instrument.lot

    def _ticks(self, price: float) -> int:
        return max(round(price / self.tick), 1)

    def _price(self, ticks: int) -> float:
        return round(ticks * self.tick, self.digits)
