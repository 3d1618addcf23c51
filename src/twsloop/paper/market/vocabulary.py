"""The paper market's vocabulary: what happens, and what a top-of-book remembers of it (pure).

A feed tells what happened as **events**: `QuoteChange`, `Trade`, `Halt`, and of options `Valued`.
A `TopOfBook` keeps the state of one instrument; `TopOfBook.apply` takes an event and returns the
**changes** it made, in the order in which IB tells them. An event that changes nothing returns
nothing. `ticks.py` turns changes into IB's tick messages.

Who applies: a feed only makes events. The one consumer that the feed was started with (the paper
gateway) applies each event exactly once, in order, to ``feed.book(event.con_id)``::

    def sink(events):
        for event in events:
            changes = feed.book(event.con_id).apply(event)
            ...                                   # match orders, publish ticks

Rules of the book:

- A quote's side is its price and its size; a missing side has neither (both None).
- What an option is worth is remembered by IB's tick type (bid, ask, last, model).
- A trade sets last, its size and time, adds to the volume, and moves open, high and low. A trade
  equal to the one before is still a trade: its volume changes.
- An instrument without trades (``quote_driven``: a currency pair) has open, high and low of its
  bid, and no last.
- A session ends at the time that ``session_end`` names. The first event after it makes the last
  price (of a quote-driven book: the last bid) the close, empties open, high and low, and sets the
  volume to 0.
- ``low <= last <= high`` holds whenever there is a last of this session; volume only grows within
  a session.
"""

from __future__ import annotations

import concurrent.futures
import enum
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, Protocol

import attrs

from twsloop.clock import Clock

from .options import Greeks

if TYPE_CHECKING:
    from twsloop.paper.catalogue.instruments import Catalogue

__all__ = [
    "Change",
    "Event",
    "Feed",
    "Field",
    "Halt",
    "QuoteChange",
    "Sink",
    "TopOfBook",
    "Trade",
    "Valued",
]

ZERO = Decimal(0)


@attrs.frozen
class QuoteChange:
    """The best bid and offer from now on.

    Attributes:
        con_id: The instrument.
        time_ns: When, in nanoseconds since 1970 UTC.
        bid: The best bid, or None: nobody bids now.
        bid_size: Its size in shares (or units of the base currency, or contracts).
        ask: The best offer, or None.
        ask_size: Its size.
        bid_exchange: Letter of the venue that bids, "" where unknown.
        ask_exchange: Letter of the venue that offers, "" where unknown.
    """

    con_id: int
    time_ns: int
    bid: float | None
    bid_size: Decimal | None
    ask: float | None
    ask_size: Decimal | None
    bid_exchange: str = ""
    ask_exchange: str = ""


@attrs.frozen
class Trade:
    """A trade; or, from a sampled feed, the trades of one sampling interval as one.

    Attributes:
        con_id: The instrument.
        time_ns: When, in nanoseconds since 1970 UTC.
        price: The price of the (last) trade.
        size: The size of the (last) trade.
        exchange: Letter of the venue, "" where unknown.
        volume: All that was traded, where that is more than ``size``.
        first: The interval's first price, where it is not ``price``.
        high: The interval's highest price, where it is not ``price``.
        low: The interval's lowest price, where it is not ``price``.
    """

    con_id: int
    time_ns: int
    price: float
    size: Decimal
    exchange: str = ""
    volume: Decimal | None = None
    first: float | None = None
    high: float | None = None
    low: float | None = None


@attrs.frozen
class Halt:
    """Trading stops or goes on.

    Attributes:
        con_id: The instrument.
        time_ns: When, in nanoseconds since 1970 UTC.
        halted: IB's values: 0 not halted, 1 general halt, 2 volatility pause.
    """

    con_id: int
    time_ns: int
    halted: int


@attrs.frozen
class Valued:
    """What an option is worth now, by the model.

    Attributes:
        con_id: The option.
        time_ns: When, in nanoseconds since 1970 UTC.
        values: IB's tick type (10 of the bid, 11 of the offer, 12 of the last trade, 13 of the
            model) and the option's values at that price; None: there is no such price now.
    """

    con_id: int
    time_ns: int
    values: tuple[tuple[int, Greeks | None], ...]


Event = QuoteChange | Trade | Halt | Valued
#: Takes the events of a feed, in order, on the loop that the feed was started on.
Sink = Callable[[Iterable[Event]], None]


class Field(enum.Enum):
    """What of a book changed."""

    BID = "bid"  # price and size
    BID_SIZE = "bid_size"  # size alone
    BID_EXCHANGE = "bid_exchange"
    ASK = "ask"
    ASK_SIZE = "ask_size"
    ASK_EXCHANGE = "ask_exchange"
    LAST_TIME = "last_time"  # whole seconds since 1970 UTC
    LAST = "last"
    LAST_SIZE = "last_size"
    VOLUME = "volume"
    OPEN = "open"
    HIGH = "high"
    LOW = "low"
    CLOSE = "close"
    HALTED = "halted"
    VALUED = "valued"  # of an option

    # Enum's own is Python code, and fields are looked up several times an event.
    __hash__ = object.__hash__


@attrs.frozen
class Change:
    """One thing that is different now.

    Attributes:
        field: What.
        price: The new price, of the fields that are prices; None: there is none now.
        size: The new size (of BID, ASK, LAST too), or the new volume; None: there is none now.
        text: The new venue letters.
        number: The new time or halt value; of VALUED the tick type.
        greeks: What an option is worth, of VALUED; None: it has no such price now.
        before: The volume before, of VOLUME.
    """

    field: Field
    price: float | None = None
    size: Decimal | None = None
    text: str = ""
    number: int = 0
    before: Decimal = ZERO
    greeks: Greeks | None = None


def _never(_time_ns: int) -> int | None:
    return None


@attrs.define
class TopOfBook:
    """The state of one instrument.

    Attributes:
        con_id: The instrument.
        session_end: For a time in ns, when the session that contains it ends, in ns; None: never.
        quote_driven: The instrument has no trades; open, high and low follow its bid.
        bid: Best bid, None without one.
        bid_size: Its size.
        ask: Best offer, None without one.
        ask_size: Its size.
        bid_exchange: Venue letter of the bid.
        ask_exchange: Venue letter of the offer.
        last: Price of the last trade, of this session or of one before.
        last_size: Its size.
        last_time: Its time in whole seconds since 1970 UTC (IB's tick 45), None before any trade.
        last_exchange: Its venue letter.
        volume: Traded in this session, in shares or contracts.
        open: First price of the session, None before it.
        high: Highest price of the session, None before it.
        low: Lowest price of the session, None before it.
        close: Last price of the session before, None where unknown.
        halted: 0, or IB's halt value.
        values: What an option is worth, by IB's tick type.
        time_ns: Time of the last event, 0 before any.
    """

    con_id: int
    session_end: Callable[[int], int | None] = attrs.field(default=_never, repr=False, eq=False)
    quote_driven: bool = False
    bid: float | None = None
    bid_size: Decimal | None = None
    ask: float | None = None
    ask_size: Decimal | None = None
    bid_exchange: str = ""
    ask_exchange: str = ""
    last: float | None = None
    last_size: Decimal | None = None
    last_time: int | None = None
    last_exchange: str = ""
    volume: Decimal = ZERO
    open: float | None = None
    high: float | None = None
    low: float | None = None
    close: float | None = None
    halted: int = 0
    values: dict[int, Greeks | None] = attrs.Factory(dict)
    time_ns: int = 0
    _session_ends: int | None = attrs.field(default=None, init=False, repr=False, eq=False)
    _session_known: bool = attrs.field(default=False, init=False, repr=False, eq=False)

    def apply(self, event: Event) -> tuple[Change, ...]:
        """Take an event; return what changed, in IB's order.

        Raises:
            ValueError: The event is of another instrument.
        """
        if event.con_id != self.con_id:
            msg = f"an event of instrument {event.con_id} cannot change the book of {self.con_id}"
            raise ValueError(msg)
        changes: list[Change] = []
        self._roll(event.time_ns, changes)
        self.time_ns = event.time_ns
        if isinstance(event, QuoteChange):
            self._quote(event, changes)
        elif isinstance(event, Trade):
            self._trade(event, changes)
        elif isinstance(event, Valued):
            for tick_type, greeks in event.values:
                if self.values.get(tick_type) != greeks:
                    self.values[tick_type] = greeks
                    changes.append(Change(Field.VALUED, number=tick_type, greeks=greeks))
        elif event.halted != self.halted:
            self.halted = event.halted
            changes.append(Change(Field.HALTED, number=event.halted))
        return tuple(changes)

    def _roll(self, time_ns: int, changes: list[Change]) -> None:
        """Begin a new session when the event is past the end of the one before."""
        if self._session_ends is not None and time_ns >= self._session_ends:
            ended = self.bid if self.quote_driven else self.last
            if ended is not None and ended != self.close:
                self.close = ended
                changes.append(Change(Field.CLOSE, price=ended))
            self.open = self.high = self.low = None
            if self.volume:
                changes.append(Change(Field.VOLUME, size=ZERO, before=self.volume))
                self.volume = ZERO
            self._session_ends = self.session_end(time_ns)
        elif not self._session_known:
            self._session_known = True
            self._session_ends = self.session_end(time_ns)

    def _quote(self, event: QuoteChange, changes: list[Change]) -> None:
        price, size = event.bid, event.bid_size
        if price != self.bid or size != self.bid_size:
            field = Field.BID_SIZE if price == self.bid else Field.BID
            self.bid, self.bid_size = price, size
            changes.append(Change(field, price=price, size=size))
            if event.bid_exchange != self.bid_exchange:
                self.bid_exchange = event.bid_exchange
                changes.append(Change(Field.BID_EXCHANGE, text=event.bid_exchange))
        price, size = event.ask, event.ask_size
        if price != self.ask or size != self.ask_size:
            field = Field.ASK_SIZE if price == self.ask else Field.ASK
            self.ask, self.ask_size = price, size
            changes.append(Change(field, price=price, size=size))
            if event.ask_exchange != self.ask_exchange:
                self.ask_exchange = event.ask_exchange
                changes.append(Change(Field.ASK_EXCHANGE, text=event.ask_exchange))
        if self.quote_driven and event.bid is not None:
            self._range(event.bid, event.bid, event.bid, changes)

    def _trade(self, event: Trade, changes: list[Change]) -> None:
        seconds = event.time_ns // 1_000_000_000
        if seconds != self.last_time:
            self.last_time = seconds
            changes.append(Change(Field.LAST_TIME, number=seconds))
        if event.price != self.last:
            self.last, self.last_size = event.price, event.size
            changes.append(Change(Field.LAST, price=event.price, size=event.size))
        elif event.size != self.last_size:
            self.last_size = event.size
            changes.append(Change(Field.LAST_SIZE, size=event.size))
        self.last_exchange = event.exchange
        traded = event.size if event.volume is None else event.volume
        if traded:
            before = self.volume
            self.volume = before + traded
            changes.append(Change(Field.VOLUME, size=self.volume, before=before))
        self._range(
            event.price if event.first is None else event.first,
            event.price if event.high is None else event.high,
            event.price if event.low is None else event.low,
            changes,
        )

    def _range(self, first: float, high: float, low: float, changes: list[Change]) -> None:
        if self.high is None or high > self.high:
            self.high = high
            changes.append(Change(Field.HIGH, price=high))
        if self.low is None or low < self.low:
            self.low = low
            changes.append(Change(Field.LOW, price=low))
        if self.open is None:
            self.open = first
            changes.append(Change(Field.OPEN, price=first))


class Feed(Protocol):
    """Where a paper gateway's market comes from.

    All methods but the constructor run on the loop that `start` was called on.

    Attributes:
        instruments: What can be traded and watched.
        always_open: The market never closes (synthetic): orders need not wait for hours.
        finished: Done when no further event will come: None after the end of the data or `stop`,
            or the FeedError that ended it. Of the thread-safe kind: any thread may wait for it.
    """

    instruments: Catalogue
    always_open: bool
    finished: concurrent.futures.Future[None]

    def start(self, sink: Sink, clock: Clock) -> None:
        """Begin to call ``sink`` with events; on the running loop, timers from ``clock``."""

    def stop(self) -> None:
        """Call the sink no more, and let go of files. Idempotent."""

    def book(self, con_id: int) -> TopOfBook:
        """The one live book of an instrument, which the sink advances (see the module).

        Raises:
            KeyError: The catalogue has no such instrument.
        """

    def subscribe(self, con_id: int) -> None:
        """Somebody watches this instrument from now on (counted)."""

    def unsubscribe(self, con_id: int) -> None:
        """Somebody watches it no more."""

    def pause(self) -> None:
        """Make no events until `resume`: a client does not keep up. Calls do not nest."""

    def resume(self) -> None:
        """Go on after `pause`."""
