"""Indices and options: prices that follow from other prices, whatever feed makes those.

Theory of operation. `DerivedFeed` stands between a feed and the gateway and adds to the feed's
events those of the instruments that follow: a fund's quote moves its index (`IndexLine`), and an
underlying's quote (an index's level) moves its options, which the model of `options` prices.

- **Only what somebody looks at follows.** An instrument wakes up when its book is asked for (a
  line, an order, a position that is valued) and falls asleep when nobody has subscribed to it,
  `held` says that nothing depends on it, and its book was not asked for during `SLEEPY_NS`.
- An option is quoted at most every `OPTION_EVERY_NS` of the market's time (as IB tells options), an
  index every `INDEX_EVERY_NS`.
- A quote brackets the model's price: half a spread around it, rounded away from it to the tick of
  the class. So the quotes of a put and a call never allow an arbitrage that their prices do not.
  Where the bid would be below a tick nobody bids.
- Trades of options happen now and then at the quote: whether one does in a given second is a
  function of the contract id and that second, so everybody who watches sees the same trades. The
  sizes shown are a function of the contract id and the price.
- The session before somebody looked (close, open, high, low, last, volume) is what the model makes
  of the underlying's.

Nothing here has a clock of its own: all time is the events' time.
"""

from __future__ import annotations

import concurrent.futures
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

import attrs

from twsloop.clock import Clock

from . import options
from .instruments import Catalogue, Instrument
from .listings import INDICES, OPTIONS, IndexLine
from .market import Event, Feed, Halt, QuoteChange, Sink, TopOfBook, Trade, Valued
from .market_rules import increment
from .options import Greeks, Terms

__all__ = ["RATE", "DerivedFeed", "expiry_ns", "option_terms"]

#: Interest a year, continuous, of the option model.
RATE = 0.04
SECOND_NS = 1_000_000_000
OPTION_EVERY_NS, INDEX_EVERY_NS = SECOND_NS // 10, SECOND_NS // 4
SLEEPY_NS = 60 * SECOND_NS
YEAR_NS = options.DAYS_A_YEAR * 86_400 * SECOND_NS
#: Half a spread: this much of the option's price, at least a tick.
HALF_SPREAD = 0.006
#: Ticks of tickOptionComputation.
BID, ASK, LAST, MODEL = 10, 11, 12, 13
#: Where options show their quotes: letters of `VENUES`.
OPTION_VENUES = "AWZ"
#: Contracts a day at the money with a day to go, and how fast that falls with distance and time.
BUSIEST = 40_000.0
SESSION_S = 6.5 * 3600
LARGEST_TRADE, LARGEST_SIZE = 20, 150
_CLASS_RULES = {"stock": 109, "penny": 32, "index": 110}
_QUOTE_RULES = {line.trading_class: _CLASS_RULES[line.rules] for line in OPTIONS}
_INDEX_LINES = {line.con_id: line for line in INDICES}


def _part(*of: object) -> float:
    """A number from 0 to 1 that is always the same for the same things."""
    return zlib.crc32(" ".join(map(str, of)).encode()) / 2**32


def expiry_ns(option: Instrument) -> int:
    """When an option expires, in ns since 1970 UTC."""
    zone = ZoneInfo(option.time_zone)
    if option.expires:  # settled by the opening of that day
        day, clock = date.fromisoformat(option.expires), time(9, 30)
    else:
        day, clock = date.fromisoformat(option.last_trade_date), time(16)
    return int(datetime.combine(day, clock, zone).timestamp()) * SECOND_NS


def option_terms(option: Instrument, time_ns: int, rate: float = RATE) -> Terms:
    """An option as the model sees it at a time."""
    return Terms(
        is_call=option.right == "C",
        strike=option.strike,
        years=(expiry_ns(option) - time_ns) / YEAR_NS,
        rate=rate,
        dividends=option.dividend_yield,
        american=option.american,
    )


@attrs.define(eq=False)
class _Follower:
    """What every instrument has whose price follows from another's."""

    instrument: Instrument
    source: int
    book: TopOfBook
    looked_ns: int = 0
    told_ns: int = 0
    awake: bool = False

    #: At least so much time between two prices.
    every_ns: int = INDEX_EVERY_NS

    def begin(self, source: TopOfBook) -> None:
        """Give the new book the session before now."""

    def follow(self, price: float, time_ns: int) -> list[Event]:
        """What happens when the source is at this price."""
        raise AssertionError


@attrs.define(eq=False)
class _Index(_Follower):
    """An index: a level that follows a fund's price."""

    line: IndexLine = attrs.field(kw_only=True)
    fund: Instrument = attrs.field(kw_only=True)

    def level(self, price: float) -> float:
        move = price / self.fund.reference_price
        if self.line.response:
            move = math.exp(self.line.response * math.log(move))
        return round(self.line.level * move, 2)

    def begin(self, source: TopOfBook) -> None:
        book = self.book
        known = [source.open, source.high, source.low, source.last or source.bid]
        levels = [self.level(price) for price in known if price]
        if source.close:
            book.close = self.level(source.close)
        if levels:
            book.open, book.high, book.low = levels[0], max(levels), min(levels)

    def follow(self, price: float, time_ns: int) -> list[Event]:
        level = self.level(price)
        if level == self.book.last:
            return []
        return [Trade(self.instrument.con_id, time_ns, level, Decimal(0))]


@attrs.define(eq=False)
class _Option(_Follower):
    """An option: quotes and trades around the model's price."""

    rate: float = attrs.field(kw_only=True)
    expiry_ns: int = attrs.field(init=False)
    rule: int = attrs.field(init=False)
    second: int = 0

    def __attrs_post_init__(self) -> None:
        self.every_ns = OPTION_EVERY_NS
        self.expiry_ns = expiry_ns(self.instrument)
        self.rule = _QUOTE_RULES.get(self.instrument.trading_class, 109)

    def terms(self, time_ns: int) -> Terms:
        option = self.instrument
        return Terms(
            is_call=option.right == "C",
            strike=option.strike,
            years=(self.expiry_ns - time_ns) / YEAR_NS,
            rate=self.rate,
            dividends=option.dividend_yield,
            american=option.american,
        )

    def model(self, terms: Terms, price: float) -> Greeks:
        volatility = options.smile(self.instrument.volatility, terms, price)
        return options.valued(terms, price, volatility)

    def begin(self, source: TopOfBook) -> None:
        book, time_ns = self.book, source.time_ns
        terms = self.terms(time_ns)

        def worth(price: float) -> float:
            fair = self.model(terms, price).price
            tick = float(increment(self.rule, fair))
            return max(round(round(fair / tick) * tick, 4), tick)

        if source.close:
            book.close = worth(source.close)
        if source.last is None or source.last_time is None:
            return
        book.last, book.last_time, book.last_size = worth(source.last), source.last_time, Decimal(1)
        known = [worth(one) for one in (source.open, source.high, source.low) if one] or [book.last]
        # A book that has seen no session yet would take the first event for a new one.
        book.open, book.high, book.low = known[0], max(*known, book.last), min(*known, book.last)
        book.volume = Decimal(int(self._contracts_a_day(terms, source.last) * 0.4))

    def follow(self, price: float, time_ns: int) -> list[Event]:
        terms = self.terms(time_ns)
        model = self.model(terms, price)
        quote = self._quote(model.price, time_ns)
        happened: list[Event] = []
        values: list[tuple[int, Greeks | None]] = []
        book = self.book
        if (quote.bid, quote.ask) != (book.bid, book.ask) or not book.values:
            happened.append(quote)
            values.append((BID, self._at(terms, price, quote.bid)))
            values.append((ASK, self._at(terms, price, quote.ask)))
        trade = self._trade(terms, price, quote, time_ns)
        if trade is not None:
            happened.append(trade)
            values.append((LAST, self._at(terms, price, trade.price)))
        elif LAST not in book.values and book.last is not None:
            values.append((LAST, self._at(terms, price, book.last)))
        values.append((MODEL, model))
        happened.append(Valued(self.instrument.con_id, time_ns, tuple(values)))
        return happened

    def _at(self, terms: Terms, price: float, value: float | None) -> Greeks | None:
        """What the option is worth by its own price, None without one."""
        if value is None:
            return None
        volatility = options.implied_volatility(terms, price, value)
        if volatility is None:
            dividends = options.present_value_of_dividends(terms, price)
            return Greeks(None, value, None, None, None, None, dividends, price)
        return attrs.evolve(options.valued(terms, price, volatility), price=value)

    def _quote(self, fair: float, time_ns: int) -> QuoteChange:
        tick = float(increment(self.rule, fair))
        half = max(fair * HALF_SPREAD, tick / 2)
        bid_ticks = math.floor((fair - half) / tick + 1e-9)
        ask_ticks = max(math.ceil((fair + half) / tick - 1e-9), bid_ticks + 1, 1)
        bid = round(bid_ticks * tick, 4) if bid_ticks > 0 else None
        ask = round(ask_ticks * tick, 4)
        con_id = self.instrument.con_id
        return QuoteChange(
            con_id,
            time_ns,
            bid,
            None if bid is None else self._size(bid),
            ask,
            self._size(ask),
            "" if bid is None else self._venue(bid),
            self._venue(ask),
        )

    def _size(self, price: float) -> Decimal:
        return Decimal(1 + int(_part(self.instrument.con_id, price) * LARGEST_SIZE))

    def _venue(self, price: float) -> str:
        return OPTION_VENUES[int(_part("at", self.instrument.con_id, price) * len(OPTION_VENUES))]

    def _contracts_a_day(self, terms: Terms, price: float) -> float:
        deviation = self.instrument.volatility * math.sqrt(max(terms.years, 1 / 365))
        away = math.log(terms.strike / price) / deviation
        days = max(terms.years, 0.0) * options.DAYS_A_YEAR
        return BUSIEST * math.exp(-away * away / 2) / (1.0 + days / 3.0)

    def _trade(self, terms: Terms, price: float, quote: QuoteChange, time_ns: int) -> Trade | None:
        """The trade of this second, if it has one; seconds that nobody told of are lost."""
        second = time_ns // SECOND_NS
        if second == self.second:
            return None
        self.second = second
        con_id = self.instrument.con_id
        trades_a_second = self._contracts_a_day(terms, price) / SESSION_S / (LARGEST_TRADE / 2)
        if _part("trade", con_id, second) >= trades_a_second:
            return None
        buys = quote.bid is None or _part("side", con_id, second) < 0.5
        at, shown = (quote.ask, quote.ask_size) if buys else (quote.bid, quote.bid_size)
        assert at is not None
        assert shown is not None
        size = 1 + int(_part("size", con_id, second) * min(LARGEST_TRADE, int(shown)))
        venue = quote.ask_exchange if buys else quote.bid_exchange
        return Trade(con_id, time_ns, at, Decimal(min(size, int(shown))), venue)


class DerivedFeed:
    """A feed with indices and options (see the module).

    Args:
        source: The feed that makes all other prices.
        held: Whether something depends on an instrument's price although nobody has subscribed to
            it: a live order.
        rate: Interest a year of the option model.
    """

    def __init__(
        self,
        source: Feed,
        *,
        held: Callable[[int], bool] = lambda _con_id: False,
        rate: float = RATE,
    ) -> None:
        self.source = source
        self.instruments: Catalogue = source.instruments
        self.always_open: bool = source.always_open
        self.finished: concurrent.futures.Future[None] = source.finished
        #: Of a synthetic source: its past follows from it, too.
        self.seed: int | None = getattr(source, "seed", None)
        self.rate = rate
        self.subscribers: Counter[int] = Counter()
        self._held = held
        self._relaying = False
        self._followers: dict[int, _Follower] = {}
        self._silent: dict[int, TopOfBook] = {}
        self._awake: dict[int, list[_Follower]] = {}
        self._fed = frozenset(one.con_id for one in source.instruments.all())

    # ---- the feed behind --------------------------------------------------------------------

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``."""
        self._sink = sink
        self.source.start(self._relay, clock)

    def stop(self) -> None:
        """Call the sink no more, and let go of files. Idempotent."""
        self.source.stop()

    def pause(self) -> None:
        """Make no events until `resume`."""
        self.source.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self.source.resume()

    # ---- who looks --------------------------------------------------------------------------

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument, which the sink advances; asking for it wakes it.

        That of an instrument without prices (a bond, an expired future) stays empty.

        Raises:
            KeyError: The catalogue has no such instrument.
        """
        if con_id in self._fed:
            return self.source.book(con_id)
        follower = self._followers.get(con_id)
        if follower is None:
            if con_id in self._silent:
                return self._silent[con_id]
            made = self._make(con_id)
            if isinstance(made, TopOfBook):
                self._silent[con_id] = made
                return made
            follower = self._followers[con_id] = made
        self._wake(follower)
        return follower.book

    def subscribe(self, con_id: int) -> None:
        """Somebody watches this instrument from now on (counted)."""
        if con_id in self._fed:
            self.source.subscribe(con_id)
        else:
            self.subscribers[con_id] += 1
            self.book(con_id)

    def unsubscribe(self, con_id: int) -> None:
        """Somebody watches it no more."""
        if con_id in self._fed:
            self.source.unsubscribe(con_id)
        elif self.subscribers[con_id] > 1:
            self.subscribers[con_id] -= 1
        else:
            del self.subscribers[con_id]

    # ---- what follows -----------------------------------------------------------------------

    def _make(self, con_id: int) -> _Follower | TopOfBook:
        instrument = self.instruments.by_con_id(con_id)
        if instrument is None:
            raise KeyError(con_id)
        book = TopOfBook(con_id, instrument.hours.session_end)
        line = _INDEX_LINES.get(con_id)
        fund = self._fund(line) if line is not None else None
        if line is not None and fund is not None:
            return _Index(instrument, fund.con_id, book, line=line, fund=fund)
        if instrument.is_option:
            return _Option(instrument, instrument.under_con_id, book, rate=self.rate)
        return book

    def _fund(self, line: IndexLine) -> Instrument | None:
        for one in self.instruments.all():
            if one.symbol == line.follows and one.stock_type == "ETF":
                return one
        return None

    def _wake(self, follower: _Follower) -> None:
        if follower.awake and self._relaying:
            return  # the sink, which advances the book
        source = self.book(follower.source)
        follower.looked_ns = max(source.time_ns, follower.looked_ns)
        if follower.awake:
            return
        follower.awake = True
        self._awake.setdefault(follower.source, []).append(follower)
        follower.book.halted = source.halted
        price = _price(source)
        if price is None:
            return
        if not follower.book.time_ns:
            follower.begin(source)
        # Nobody watches yet, so nobody is told: it is what they will see first.
        for event in follower.follow(price, source.time_ns):
            follower.book.apply(event)
        follower.told_ns = source.time_ns

    def _relay(self, events: Iterable[Event]) -> None:
        self._relaying = True
        try:
            self._sink(self._with_followers(events) if self._awake else events)
        finally:
            self._relaying = False

    def _with_followers(self, events: Iterable[Event]) -> Iterator[Event]:
        # Lazy as the source's own events may be: time may move from one to the next.
        for event in events:
            yield event
            if event.con_id in self._awake:
                yield from self._follow(event)

    def _follow(self, event: Event) -> Iterator[Event]:
        """What happens to those that follow an instrument because of one of its events."""
        if isinstance(event, QuoteChange):
            price = _middle(event.bid, event.ask)
        elif isinstance(event, Trade) and event.con_id not in self._fed:
            price = event.price  # an index has no quote
        elif isinstance(event, Halt):
            for follower in tuple(self._awake[event.con_id]):
                yield attrs.evolve(event, con_id=follower.instrument.con_id)
            return
        else:
            return
        if price is None:
            return
        for follower in tuple(self._awake[event.con_id]):
            if event.time_ns - follower.told_ns < follower.every_ns:
                continue
            if self._sleeps(follower, event.time_ns):
                continue
            follower.told_ns = event.time_ns
            if not follower.book.time_ns:
                follower.begin(self.book(event.con_id))
            for one in follower.follow(price, event.time_ns):
                yield one
                if one.con_id in self._awake:
                    yield from self._follow(one)

    def _sleeps(self, follower: _Follower, time_ns: int) -> bool:
        con_id = follower.instrument.con_id
        # Who looked before the market's time was known has looked just now.
        follower.looked_ns = follower.looked_ns or time_ns
        if (
            con_id in self.subscribers
            or time_ns - follower.looked_ns < SLEEPY_NS
            or con_id in self._awake
            or self._held(con_id)
        ):
            return False
        follower.awake = False
        others = self._awake[follower.source]
        others.remove(follower)
        if not others:
            del self._awake[follower.source]
        return True


def _middle(bid: float | None, ask: float | None) -> float | None:
    return (bid + ask) / 2 if bid and ask else None


def _price(book: TopOfBook) -> float | None:
    """What followers of an instrument go by: the middle of its quote, or its last price."""
    return _middle(book.bid, book.ask) or book.last
