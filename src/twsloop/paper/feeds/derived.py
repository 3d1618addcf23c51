"""Indices, options and combinations: prices that follow from others, whatever feed makes those.

Theory of operation. `DerivedFeed` stands between a feed and the gateway and adds to the feed's
events those of the instruments that follow: a fund's quote moves its index, an underlying's quote
(an index's level) moves its options, which the model of `options` prices, and a combination has the
net of its legs' quotes. `followers` says what each of them does.

- **Only what somebody looks at follows.** An instrument wakes up when its book is asked for (a
  line, an order, a position that is valued) and falls asleep when nobody has subscribed to it,
  `held` says that nothing depends on it, and its book was not asked for during `SLEEPY_NS`.
- An option is quoted at most every `OPTION_EVERY_NS` of the market's time (as IB tells options), an
  index every `INDEX_EVERY_NS`. What was left out so follows when that time is over.
- A quote brackets the model's price: half a spread around it, rounded away from it to the tick of
  the class. So the quotes of a put and a call never allow an arbitrage that their prices do not.
  Where the bid would be below a tick nobody bids.
- Trades of options happen now and then at the quote: whether one does in a given second is a
  function of the contract id and that second, so everybody who watches sees the same trades. The
  sizes shown are a function of the contract id and the price.
- The session before somebody looked (close, open, high, low, last, volume) is what the model makes
  of the underlying's.
"""

from __future__ import annotations

import concurrent.futures
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

import attrs

from twsloop.clock import Clock, Timer
from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.catalogue.listings import IndexLine
from twsloop.paper.market.vocabulary import (
    Event,
    Feed,
    Halt,
    QuoteChange,
    Sink,
    TopOfBook,
    Trade,
)

from .followers import (
    INDEX_LINES,
    RATE,
    SECOND_NS,
    Combo,
    Follower,
    Index,
    LegBook,
    Option,
    expiry_ns,
    option_terms,
    price_of,
)

__all__ = ["RATE", "SLEEPY_NS", "DerivedFeed", "expiry_ns", "option_terms"]

SLEEPY_NS = 60 * SECOND_NS
#: A leg of a combination: contract id, 1 or -1 for the side, ratio.
Leg = tuple[int, int, Decimal]


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
        self._paused = False
        self._late: set[int] = set()
        self._timer: Timer | None = None
        self._followers: dict[int, Follower] = {}
        #: The books that asking for wakes nobody: the source's, and those that stay empty.
        self._books: dict[int, TopOfBook] = {}
        self._awake: dict[int, list[Follower]] = {}
        self._fed = frozenset(one.con_id for one in source.instruments.all())

    # ---- the feed behind --------------------------------------------------------------------

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``."""
        self._sink = sink
        self._clock = clock
        self.source.start(self._relay, clock)

    def stop(self) -> None:
        """Call the sink no more, and let go of files. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.source.stop()

    def pause(self) -> None:
        """Make no events until `resume`."""
        self._paused = True
        self.source.pause()

    def resume(self) -> None:
        """Go on after `pause`."""
        self._paused = False
        self.source.resume()

    # ---- who looks --------------------------------------------------------------------------

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument, which the sink advances; asking for it wakes it.

        That of an instrument without prices (a bond, an expired future) stays empty.

        Raises:
            KeyError: The catalogue has no such instrument.
        """
        known = self._books.get(con_id)
        if known is not None:
            return known
        if con_id in self._fed:
            known = self._books[con_id] = self.source.book(con_id)
            return known
        follower = self._followers.get(con_id)
        if follower is None:
            made = self._make(con_id)
            if isinstance(made, TopOfBook):
                self._books[con_id] = made
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

    def _make(self, con_id: int) -> Follower | TopOfBook:
        instrument = self.instruments.by_con_id(con_id)
        if instrument is None:
            raise KeyError(con_id)
        book = TopOfBook(con_id, instrument.hours.session_end)
        line = INDEX_LINES.get(con_id)
        fund = self._fund(line) if line is not None else None
        if line is not None and fund is not None:
            return Index(instrument, (fund.con_id,), book, line=line, fund=fund)
        if instrument.is_option:
            return Option(instrument, (instrument.under_con_id,), book, rate=self.rate)
        return book

    def _fund(self, line: IndexLine) -> Instrument | None:
        for one in self.instruments.all():
            if one.symbol == line.follows and one.stock_type == "ETF":
                return one
        return None

    def combine(self, combo: Instrument, legs: Sequence[Leg]) -> None:
        """Let a combination have prices: the net of its legs' quotes; its book can be asked for."""
        if combo.con_id not in self._followers:
            books = tuple(LegBook(self.book(con_id), sign, ratio) for con_id, sign, ratio in legs)
            sources = tuple(con_id for con_id, _, _ in legs)
            book = TopOfBook(combo.con_id, combo.hours.session_end)
            self._followers[combo.con_id] = Combo(combo, sources, book, legs=books)

    def _wake(self, follower: Follower) -> None:
        if follower.awake and self._relaying:
            return  # the sink, which advances the book
        sources = [self.book(con_id) for con_id in follower.sources]
        time_ns = max(source.time_ns for source in sources)
        follower.looked_ns = max(time_ns, follower.looked_ns)
        if follower.awake:
            return
        follower.awake = True
        for con_id in follower.sources:
            self._awake.setdefault(con_id, []).append(follower)
        follower.book.halted = max(source.halted for source in sources)
        # Nobody watches yet, so nobody is told: it is what they will see first.
        for event in self._moved(follower, time_ns):
            follower.book.apply(event)

    def _moved(self, follower: Follower, time_ns: int) -> list[Event]:
        """What happens to a follower by what its sources' books are now."""
        source = self.book(follower.sources[0])
        price = price_of(source)
        if price is None and follower.by_price:
            return []
        if not follower.book.time_ns:
            follower.begin(source)
        follower.told_ns = time_ns
        self._late.discard(follower.instrument.con_id)
        return follower.follow(price or 0.0, time_ns)

    # ---- events -----------------------------------------------------------------------------

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
        if isinstance(event, Halt):
            for follower in tuple(self._awake[event.con_id]):
                yield attrs.evolve(event, con_id=follower.instrument.con_id)
            return
        # Only an index moves those that follow it by a trade: it has no quote.
        by_trade = isinstance(event, Trade) and event.con_id not in self._fed
        if not (isinstance(event, QuoteChange) or by_trade):
            return
        for follower in tuple(self._awake[event.con_id]):
            left = follower.told_ns + follower.every_ns - event.time_ns
            if left > 0:
                self._follows_later(follower, left)
            elif not self._sleeps(follower, event.time_ns):
                yield from self._told(follower, event.time_ns)

    def _told(self, follower: Follower, time_ns: int) -> Iterator[Event]:
        for event in self._moved(follower, time_ns):
            yield event
            if event.con_id in self._awake:
                yield from self._follow(event)

    def _follows_later(self, follower: Follower, left_ns: int) -> None:
        """It moved too soon after the last time: it follows when the time is over."""
        self._late.add(follower.instrument.con_id)
        if self._timer is None:
            self._timer = self._clock.call_later(left_ns / SECOND_NS, self._catch_up)

    def _catch_up(self) -> None:
        self._timer = None
        late, self._late = self._late, set()
        if not self._paused:
            self._relay(self._late_events([self._followers[con_id] for con_id in late]))

    def _late_events(self, late: Sequence[Follower]) -> Iterator[Event]:
        for follower in late:
            if follower.awake:
                yield from self._told(follower, follower.told_ns + follower.every_ns)

    def _sleeps(self, follower: Follower, time_ns: int) -> bool:
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
        for source in follower.sources:
            others = self._awake[source]
            others.remove(follower)
            if not others:
                del self._awake[source]
        return True
