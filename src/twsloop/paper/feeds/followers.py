"""What each kind of instrument does whose price follows from others': index, option, combination.

`derived.DerivedFeed` decides who follows when; this module decides what happens then. It has no
clock and no chance of its own: all time is the events' time, and what looks like chance is a
function of the contract id and the second.
"""

from __future__ import annotations

import math
import zlib
from datetime import date, datetime, time
from decimal import ROUND_FLOOR, Decimal
from zoneinfo import ZoneInfo

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.catalogue.listings import INDICES, OPTIONS, IndexLine
from twsloop.paper.catalogue.market_rules import increment
from twsloop.paper.market import options
from twsloop.paper.market.options import Greeks, Terms
from twsloop.paper.market.vocabulary import Event, QuoteChange, TopOfBook, Trade, Valued

__all__ = [
    "INDEX_LINES",
    "RATE",
    "Combo",
    "Follower",
    "Index",
    "LegBook",
    "Option",
    "expiry_ns",
    "middle",
    "option_terms",
    "price_of",
]

#: Interest a year, continuous, of the option model.
RATE = 0.04
SECOND_NS = 1_000_000_000
OPTION_EVERY_NS, INDEX_EVERY_NS = SECOND_NS // 10, SECOND_NS // 4
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
INDEX_LINES = {line.con_id: line for line in INDICES}


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
class Follower:
    """What every instrument has whose price follows from another's."""

    instrument: Instrument
    sources: tuple[int, ...]
    book: TopOfBook
    looked_ns: int = 0
    told_ns: int = 0
    awake: bool = False

    #: At least so much time between two prices.
    every_ns: int = INDEX_EVERY_NS
    #: Whether it follows the source's price, and so nothing where there is none.
    by_price = True

    def begin(self, source: TopOfBook) -> None:
        """Give the new book the session before now."""

    def follow(self, price: float, time_ns: int) -> list[Event]:
        """What happens when the source is at this price."""
        raise AssertionError


@attrs.define(eq=False)
class Index(Follower):
    """An index: a level that follows a fund's price."""

    line: IndexLine = attrs.field(kw_only=True)
    fund: Instrument = attrs.field(kw_only=True)

    def level(self, price: float) -> float:
        """The level at a price of the fund."""
        move = price / self.fund.reference_price
        if self.line.response:
            move = math.exp(self.line.response * math.log(move))
        return round(self.line.level * move, 2)

    def begin(self, source: TopOfBook) -> None:
        """The fund's session, as levels."""
        book = self.book
        known = [source.open, source.high, source.low, source.last or source.bid]
        levels = [self.level(price) for price in known if price]
        if source.close:
            book.close = self.level(source.close)
        if levels:
            book.open, book.high, book.low = levels[0], max(levels), min(levels)

    def follow(self, price: float, time_ns: int) -> list[Event]:
        """A new level is a trade of nothing."""
        level = self.level(price)
        if level == self.book.last:
            return []
        return [Trade(self.instrument.con_id, time_ns, level, Decimal(0))]


@attrs.define(eq=False)
class Option(Follower):
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
        """What its price depends on at a time."""
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
        """What it is worth at a price of the underlying."""
        volatility = options.smile(self.instrument.volatility, terms, price)
        return options.valued(terms, price, volatility)

    def begin(self, source: TopOfBook) -> None:
        """What the model makes of the underlying's session."""
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
        """A new quote, now and then a trade, and what they are worth."""
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


@attrs.frozen
class LegBook:
    """A leg of a combination, as its price is made.

    Attributes:
        book: The leg's book.
        sign: 1 where buying the combination buys it, else -1.
        ratio: How much of it one combination has.
    """

    book: TopOfBook
    sign: int
    ratio: Decimal

    def side(self, *, bid: bool) -> tuple[float | None, Decimal | None]:
        """What it adds to the combination's bid (or offer): price and size of that quote."""
        if bid == (self.sign > 0):
            return self.book.bid, self.book.bid_size
        return self.book.ask, self.book.ask_size


@attrs.define(eq=False)
class Combo(Follower):
    """A combination: the net of its legs' quotes, and no trades."""

    legs: tuple[LegBook, ...] = attrs.field(kw_only=True)
    by_price = False

    def __attrs_post_init__(self) -> None:
        self.every_ns = 0  # it has its legs' pace

    def begin(self, source: TopOfBook) -> None:
        """The net of the legs' closes."""
        closes = [leg.book.close for leg in self.legs]
        net = [
            leg.sign * float(leg.ratio) * close
            for leg, close in zip(self.legs, closes, strict=True)
            if close is not None
        ]
        if len(net) == len(closes):
            self.book.close = round(sum(net), 8)

    def follow(self, price: float, time_ns: int) -> list[Event]:
        """The net of the legs' quotes."""
        (bid, bid_size), (ask, ask_size) = self._net(bid=True), self._net(bid=False)
        con_id = self.instrument.con_id
        return [QuoteChange(con_id, time_ns, bid, bid_size, ask, ask_size)]

    def _net(self, *, bid: bool) -> tuple[float | None, Decimal | None]:
        net, often = 0.0, None
        for leg in self.legs:
            price, size = leg.side(bid=bid)
            if price is None or size is None:
                return None, None
            net += leg.sign * float(leg.ratio) * price
            here = (size / leg.ratio).to_integral_value(ROUND_FLOOR)
            often = here if often is None else min(often, here)
        return round(net, 8), often


def middle(bid: float | None, ask: float | None) -> float | None:
    """The middle of a quote, None where a side is missing."""
    return (bid + ask) / 2 if bid and ask else None


def price_of(book: TopOfBook) -> float | None:
    """What followers of an instrument go by: the middle of its quote, or its last price."""
    return middle(book.bid, book.ask) or book.last
