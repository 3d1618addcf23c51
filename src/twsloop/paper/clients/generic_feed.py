"""Generic ticks: what a market data line is told beyond the default ticks.

``request``    ticks, and when they are told besides with the image
=============  ==================================================================================
100, 101, 105  29 30, 27 28, 87: volume, open interest, average volume of the options
104, 106       23, 24: historical and implied volatility
162            31: an index: the nearest future's price less the level; once a second
165            15 to 21: lows and highs of 13, 26 and 52 weeks, average volume in lots
221, 232       37 mark; when it changes. 220 the creditman's, 78; 619 the slow one, 79; every 10 s
225            34 to 36, 61: nothing, there are no auctions in this market's quotes
233, 375       48, 77: each trade with volume and average price
236            46 shortable, 89 shares to borrow
258            47: nothing, there are no fundamentals
293, 294, 295  54, 55, 56: number of trades; trades and volume a minute; once a second
318            57: last trade in regular hours
411            58: historical volatility in real time; once a minute
456            59: dividends
460            60: nothing but for bonds
576 to 578,    94 95, 96, 92 93, 98 99, 97: net asset values of a fund: the middle of its quote
614, 623
586, 587       nothing
588            86: open interest of a future
595            63, 64, 65: volume of the last 3, 5, 10 minutes; once a second
787            105 to 110: the quote in odd lots (from server version 225 on)
=============  ==================================================================================

News (292) are told by the news desk, which looks at `Generic.asked`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs
from ibapi.protobuf.TickGeneric_pb2 import TickGeneric
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickSize_pb2 import TickSize
from ibapi.protobuf.TickString_pb2 import TickString

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.history.archive import History
from twsloop.paper.history.bars import BAR_SIZES, Show
from twsloop.paper.market.generic_ticks import GenericTicks
from twsloop.paper.market.statistics import (
    SECOND_NS,
    SHORT_TERM,
    Statistics,
    dividends,
    mark,
    open_interest,
    option_flow,
)
from twsloop.paper.market.ticks import Tick, size_text
from twsloop.paper.market.vocabulary import Change, Event, Field, TopOfBook, Trade

from . import fanout
from .client import Line

if TYPE_CHECKING:
    from .hub import Hub

__all__ = ["Generic", "GenericFeed"]

#: Told at most so often, in ns of the market's time.
EVERY = {"second": SECOND_NS, "slow": 10 * SECOND_NS, "minute": 60 * SECOND_NS}
SHORTABLE, SHARES_TO_BORROW = 3.0, 5_000_000
WEEKS = {13: (15, 16), 26: (17, 18), 52: (19, 20)}
AVERAGE_VOLUME = 21
ODD_LOT = 100


def _price(kind: int, value: float) -> Tick:
    message = TickPrice(tickType=kind, price=round(value, 8), size="0", attrMask=0)
    return Tick("tickPrice", message)


def _size(kind: int, value: Decimal | int) -> Tick:
    return Tick("tickSize", TickSize(tickType=kind, size=size_text(Decimal(value))))


def _number(kind: int, value: float) -> Tick:
    return Tick("tickGeneric", TickGeneric(tickType=kind, value=value))


def _text(kind: int, value: str) -> Tick:
    return Tick("tickString", TickString(tickType=kind, value=value))


@attrs.define(eq=False)
class Generic:
    """The generic ticks of one line.

    Attributes:
        hub: The gateway.
        line: The line.
        asked: What it asked for.
        statistics: Of its instrument, shared by all lines on it.
        told: What was told last, by tick type: only what changed is told again.
        due_ns: When each cadence is due next.
    """

    hub: Hub
    line: Line
    asked: GenericTicks
    statistics: Statistics
    told: dict[int, object] = attrs.Factory(dict)
    due_ns: dict[str, int] = attrs.Factory(dict)

    @property
    def instrument(self) -> Instrument:
        """What it is about."""
        return self.line.instrument

    @property
    def book(self) -> TopOfBook:
        """Its book."""
        return self.statistics.book

    def image(self) -> None:
        """Tell all that there is."""
        now_ns = self.book.time_ns
        ticks: list[Tick] = []
        for code in self.asked.codes:
            for maker in (_ONCE.get(code), _CHANGING.get(code), _ON_TRADE.get(code)):
                if maker is not None:
                    ticks += maker(self, now_ns)
        self._tell(ticks)

    def hear(self, event: Event, fields: set[Field]) -> None:
        """Tell what an event of the instrument changed."""
        ticks: list[Tick] = []
        traded = isinstance(event, Trade)
        for code in self.asked.codes:
            if traded and code in _ON_TRADE:
                ticks += _ON_TRADE[code](self, event.time_ns)
        for code, cadence in self._cadences(event.time_ns, fields):
            if code in _CHANGING:
                ticks += _CHANGING[code](self, event.time_ns)
                self.due_ns[cadence] = event.time_ns + EVERY[cadence] if cadence else 0
        self._tell(ticks)

    def _cadences(self, time_ns: int, fields: set[Field]) -> list[tuple[int, str]]:
        due = {name: time_ns >= self.due_ns.get(name, 0) for name in EVERY}
        due[""] = bool(fields)
        return [
            (code, _CADENCE.get(code, ""))
            for code in self.asked.codes
            if due[_CADENCE.get(code, "")]
        ]

    def _tell(self, ticks: list[Tick]) -> None:
        fresh = []
        for tick in ticks:
            kind = tick.message.tickType
            value = tick.message.SerializeToString()
            if self.told.get(kind) != value:
                self.told[kind] = value
                fresh.append(tick)
        if fresh:
            client = self.line.client
            pieces = fanout.encode(fresh, client.server_version)
            client.send_ticks(self.line, fanout.frames(pieces, self.line.mark))


@attrs.define(eq=False)
class GenericFeed:
    """All lines with generic ticks, by instrument.

    Attributes:
        hub: The gateway.
        lines: The lines with generic ticks by contract id.
    """

    hub: Hub
    lines: dict[int, list[Generic]] = attrs.Factory(dict)
    _statistics: dict[int, Statistics] = attrs.Factory(dict)

    def watch(self, line: Line, asked: GenericTicks) -> None:
        """Tell a line its generic ticks from now on."""
        instrument = line.instrument
        con_id = instrument.con_id
        statistics = self._statistics.get(con_id)
        if statistics is None:
            statistics = Statistics(instrument, self.hub.feed.book(con_id))
            self._statistics[con_id] = statistics
        generic = Generic(self.hub, line, asked, statistics)
        generic.image()
        if con_id not in self.lines:
            self.lines[con_id] = []
            self.hub.watchers.listen(con_id, self._hear)
        self.lines[con_id].append(generic)
        line.at_end.append(lambda: self._end(con_id, generic))

    def _end(self, con_id: int, generic: Generic) -> None:
        others = self.lines[con_id]
        others.remove(generic)
        if not others:
            del self.lines[con_id]
            del self._statistics[con_id]
            self.hub.watchers.unlisten(con_id, self._hear)

    def _hear(self, event: Event, changed: Sequence[Change], _now: datetime) -> None:
        fields = {change.field for change in changed}
        if isinstance(event, Trade):
            self._statistics[event.con_id].hear(event, fields)
        for generic in tuple(self.lines[event.con_id]):
            generic.hear(event, fields)


# ---- the ticks of each request ------------------------------------------------------------------


Maker = Callable[[Generic, int], list[Tick]]


def _option_volume(one: Generic, _now: int) -> list[Tick]:
    if one.instrument.is_option:
        kind = 29 if one.instrument.right == "C" else 30
        return [_size(kind, one.book.volume)]
    calls, puts = option_flow(one.instrument, one.book)
    return [_size(29, calls), _size(30, puts)] if calls or puts else []


def _open_interest(one: Generic, _now: int) -> list[Tick]:
    calls, puts = open_interest(one.instrument)
    if one.instrument.is_option:
        kind = 27 if one.instrument.right == "C" else 28
        return [_size(kind, int(one.book.volume * 6))]
    return [_size(27, calls), _size(28, puts)] if calls else []


def _average_option_volume(one: Generic, _now: int) -> list[Tick]:
    volume = one.instrument.daily_volume // 60
    return [_size(87, volume)] if volume and one.instrument.sec_type == "STK" else []


def _volatility(kind: int, part: float) -> Maker:
    def make(one: Generic, _now: int) -> list[Tick]:
        greeks = one.book.values.get(13)
        level = greeks.volatility if greeks else one.instrument.volatility
        return [_number(kind, round((level or one.instrument.volatility) * part, 10))]

    return make


def _premium(one: Generic, _now: int) -> list[Tick]:
    level = one.book.last
    names = {"SPX": "ES", "NDX": "NQ", "RUT": "RTY", "INDU": "YM"}
    name = names.get(one.instrument.symbol)
    leads = [c for c in one.hub.engine.catalogue.all() if c.symbol == name]
    price = mark(one.hub.feed.book(leads[0].con_id)) if leads else None
    return [_number(31, round(price - level, 4))] if price and level else []


def _misc(one: Generic, _now: int) -> list[Tick]:
    history: History = one.hub.desks[History]
    end = history.now_ns() // SECOND_NS
    past = history.of(one.instrument)
    since = int((datetime.fromtimestamp(end, UTC) - timedelta(weeks=52)).timestamp())
    show = Show.MIDPOINT if one.instrument.quote_driven else Show.TRADES
    bars = past.bars(show, BAR_SIZES["1 day"], (since, end + 1), regular=False)
    ticks: list[Tick] = []
    for weeks, (low, high) in WEEKS.items():
        within = [bar for bar in bars if bar.start >= end - weeks * 7 * 86_400]
        if within:
            ticks.append(_price(low, min(bar.low for bar in within)))
            ticks.append(_price(high, max(bar.high for bar in within)))
    volume = one.instrument.daily_volume // one.instrument.lot
    return ticks + ([_size(AVERAGE_VOLUME, volume)] if volume else [])


def _mark(kind: int) -> Maker:
    def make(one: Generic, _now: int) -> list[Tick]:
        price = mark(one.book)
        return [_price(kind, price)] if price is not None else []

    return make


def _real_time_volume(kind: int) -> Maker:
    def make(one: Generic, _now: int) -> list[Tick]:
        text = one.statistics.real_time_volume(one.line.volume_unit)
        return [_text(kind, text)] if text is not None else []

    return make


def _shortable(one: Generic, _now: int) -> list[Tick]:
    if one.instrument.sec_type != "STK":
        return []
    return [_number(46, SHORTABLE), _size(89, SHARES_TO_BORROW)]


def _trade_count(one: Generic, _now: int) -> list[Tick]:
    return [_number(54, float(one.statistics.trades))] if one.statistics.trades else []


def _trade_rate(one: Generic, now: int) -> list[Tick]:
    return [_number(55, float(one.statistics.within(1, now)[0]))]


def _volume_rate(one: Generic, now: int) -> list[Tick]:
    return [_number(56, float(one.statistics.within(1, now)[1]))]


def _last_regular(one: Generic, _now: int) -> list[Tick]:
    price = one.statistics.last_regular
    return [_price(57, price)] if price is not None else []


def _dividends(one: Generic, _now: int) -> list[Tick]:
    price = mark(one.book)
    if price is None:
        return []
    return [_text(59, dividends(one.instrument, price, one.hub.now()))]


def _net_asset_value(*kinds: int) -> Maker:
    def make(one: Generic, _now: int) -> list[Tick]:
        if one.instrument.stock_type != "ETF":
            return []
        book = one.book
        middle = (book.bid + book.ask) / 2 if book.bid and book.ask else mark(book)
        known = {
            96: middle,
            97: book.close,
            98: book.high,
            99: book.low,
            92: book.close,
            93: book.close,
            94: book.bid,
            95: book.ask,
        }
        found = [(kind, known[kind]) for kind in kinds]
        return [_price(kind, price) for kind, price in found if price is not None]

    return make


def _future_interest(one: Generic, _now: int) -> list[Tick]:
    if one.instrument.sec_type != "FUT":
        return []
    return [_size(86, open_interest(one.instrument)[0])]


def _short_term(one: Generic, now: int) -> list[Tick]:
    windows = (
        (kind, one.statistics.within(minutes, now)[1]) for kind, minutes in SHORT_TERM.items()
    )
    return [_size(kind, volume) for kind, volume in windows]


def _odd_lots(one: Generic, _now: int) -> list[Tick]:
    """A tick inside the quote where there is room, and fewer shares than a lot."""
    book, tick = one.book, float(one.instrument.min_tick)
    if not (book.bid and book.ask and book.bid_size and book.ask_size):
        return []
    room = book.ask - book.bid > 2.5 * tick
    bid, ask = (book.bid + tick, book.ask - tick) if room else (book.bid, book.ask)
    digits = one.instrument.price_digits
    sizes = [1 + int(size) // 7 % (ODD_LOT - 1) for size in (book.bid_size, book.ask_size)]
    ticks = [_price(105, round(bid, digits)), _price(106, round(ask, digits))]
    ticks += [_size(107, sizes[0]), _size(108, sizes[1])]
    venues = ((109, book.bid_exchange), (110, book.ask_exchange))
    return ticks + [_text(kind, letters) for kind, letters in venues if letters]


#: Told with the image only.
_ONCE: Mapping[int, Maker] = MappingProxyType(
    {
        101: _open_interest,
        105: _average_option_volume,
        165: _misc,
        236: _shortable,
        456: _dividends,
        512: _volatility(23, 0.9),
        578: _net_asset_value(92, 93),
        588: _future_interest,
        623: _net_asset_value(97),
    }
)
#: Told with the image, and when they changed: at the cadence of `_CADENCE`, or at any change.
_CHANGING: Mapping[int, Maker] = MappingProxyType(
    {
        100: _option_volume,
        106: _volatility(24, 1.0),
        162: _premium,
        221: _mark(78),
        232: _mark(37),
        294: _trade_rate,
        295: _volume_rate,
        411: _volatility(58, 0.9),
        576: _net_asset_value(94, 95),
        577: _net_asset_value(96),
        595: _short_term,
        614: _net_asset_value(98, 99),
        619: _mark(79),
        787: _odd_lots,
    }
)
_CADENCE: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys((100, 162, 294, 295, 576, 577, 595, 614), "second"),
        **dict.fromkeys((221, 619), "slow"),
        **dict.fromkeys((106, 411), "minute"),
    }
)
#: Told with each trade.
_ON_TRADE: Mapping[int, Maker] = MappingProxyType(
    {
        233: _real_time_volume(48),
        293: _trade_count,
        318: _last_regular,
        375: _real_time_volume(77),
    }
)
