"""Delayed market data: what a login without the live feed sees, 15 minutes late.

Theory of operation. For the instruments that have delayed data only, the events of the market are
kept in order for as long as the delay, and then applied to a second book each, the **delayed
book**; its changes are what delayed lines are told. The time is the market's: an event is due when
another one comes that is 15 minutes younger. A delayed book begins with the first that is known of
the instrument, so in a market younger than the delay it stands still.

What is told (Gateway 10.40): marketDataType 3, the notice 10167, tickReqParams without venues, then
the delayed tick types: 66 to 76, 88 (the time), 90 (halt), 80 to 83 (options). There are no venues
and no canAutoExecute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from copy import copy
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import attrs
from ibapi.protobuf.MarketDataType_pb2 import MarketDataType
from ibapi.protobuf.TickGeneric_pb2 import TickGeneric
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickReqParams_pb2 import TickReqParams
from ibapi.protobuf.TickSize_pb2 import TickSize
from ibapi.protobuf.TickSnapshotEnd_pb2 import TickSnapshotEnd
from ibapi.protobuf.TickString_pb2 import TickString

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.market.ticks import Tick, computation, size_text
from twsloop.paper.market.vocabulary import Change, Event, Field, TopOfBook

from . import fanout
from .client import Line
from .permissions import Level, Permissions

if TYPE_CHECKING:
    from .hub import Hub

__all__ = [
    "DELAYED_NOTICE",
    "DELAY_S",
    "DelayedMarket",
    "delayed_image",
    "delayed_ticks",
    "install_permissions",
]

#: How late delayed data is, seconds.
DELAY_S = 15 * 60.0
#: At most so many events wait; past that the oldest are due at once.
MOST_EVENTS = 1_000_000
DELAYED_NOTICE = (10167, "Requested market data is not subscribed. Displaying delayed market data.")
#: From a live tick type of tickOptionComputation to the delayed one.
VALUE_OFFSET = 70
_PRICES = {Field.HIGH: 72, Field.LOW: 73, Field.CLOSE: 75, Field.OPEN: 76}
_SIDES = {Field.BID: (66, 69), Field.ASK: (67, 70), Field.LAST: (68, 71)}
_SIZES = {Field.BID_SIZE: 69, Field.ASK_SIZE: 70, Field.LAST_SIZE: 71}
VOLUME, LAST_TIME, HALTED = 74, 88, 90
NO_PRICE = -1.0
#: A snapshot is complete when these have been told; options wait for their values, too.
_OPEN = frozenset({("tickPrice", 76)})
_TRADED = frozenset({("tickPrice", 68), ("tickString", LAST_TIME)})
_COMPLETE = frozenset({("tickPrice", kind) for kind in (66, 67, 75)}) | _OPEN | _TRADED
_OPTION_VALUES = frozenset({("tickOptionComputation", kind) for kind in (80, 81, 82, 83)})
#: Types that have an open, and types that have trades.
_WITH_OPEN, _WITHOUT_LAST = frozenset({"STK", "FUT", "CRYPTO"}), frozenset({"CASH"})


def _price(tick_type: int, price: float | None, size: Decimal | None) -> Tick:
    text = "0" if size is None else size_text(size)
    price = NO_PRICE if price is None else price
    return Tick("tickPrice", TickPrice(tickType=tick_type, price=price, size=text, attrMask=0))


def _size(tick_type: int, size: Decimal | None) -> Tick:
    text = "0" if size is None else size_text(size)
    return Tick("tickSize", TickSize(tickType=tick_type, size=text))


def _time(seconds: int) -> Tick:
    return Tick("tickString", TickString(tickType=LAST_TIME, value=str(seconds)))


def delayed_ticks(changed: Iterable[Change], unit: int) -> list[Tick]:
    """The messages that tell what changed in a delayed book.

    Args:
        changed: What `TopOfBook.apply` returned.
        unit: How many shares one unit of volume stands for.
    """
    told: list[Tick] = []
    for change in changed:
        field = change.field
        if field in _SIDES:
            price_type, size_type = _SIDES[field]
            told.append(_price(price_type, change.price, change.size))
            told.append(_size(size_type, change.size))
        elif field in _SIZES:
            told.append(_size(_SIZES[field], change.size))
        elif field in _PRICES:
            told.append(_price(_PRICES[field], change.price, None))
        elif field is Field.VOLUME and change.size is not None:
            if change.size // unit != change.before // unit or not change.size:
                told.append(_size(VOLUME, change.size // unit))
        elif field is Field.LAST_TIME:
            told.append(_time(change.number))
        elif field is Field.HALTED:
            value = float(change.number)
            told.append(Tick("tickGeneric", TickGeneric(tickType=HALTED, value=value)))
        elif field is Field.VALUED:
            told.append(computation(change.number + VALUE_OFFSET, change.greeks))
    return told


def delayed_image(book: TopOfBook, unit: int) -> list[Tick]:
    """All that a delayed book knows, in a real gateway's order."""
    told: list[Tick] = []
    sides = (
        (66, 69, book.bid, book.bid_size),
        (67, 70, book.ask, book.ask_size),
        (68, 71, book.last, book.last_size),
    )
    for price_type, size_type, price, size in sides:
        if price is not None:
            told += [_price(price_type, price, size), _size(size_type, size)]
    if book.last_time is not None:
        told.append(_time(book.last_time))
    for tick_type, price in ((72, book.high), (73, book.low)):
        if price is not None:
            told.append(_price(tick_type, price, None))
    if book.volume:
        told.append(_size(VOLUME, book.volume // unit))
    for tick_type, price in ((75, book.close), (76, book.open)):
        if price is not None:
            told.append(_price(tick_type, price, None))
    if book.halted:
        value = float(book.halted)
        told.append(Tick("tickGeneric", TickGeneric(tickType=HALTED, value=value)))
    told += [
        computation(kind + VALUE_OFFSET, greeks)
        for kind, greeks in sorted(book.values.items())
        if greeks is not None
    ]
    return told


def install_permissions(hub: Hub, permissions: Permissions, delay_s: float = DELAY_S) -> None:
    """Give a gateway its login's permissions, before its market begins."""
    hub.desks[Permissions] = permissions
    delayed = hub.desks[DelayedMarket] = DelayedMarket(hub, permissions, delay_s)
    if permissions.has_delayed:
        hub.witnesses.append(delayed.hear)


@attrs.define(eq=False)
class DelayedMarket:
    """The delayed books of a gateway, and who watches them.

    Attributes:
        hub: The gateway.
        permissions: Which instruments are delayed.
        delay_s: How late they are.
    """

    hub: Hub
    permissions: Permissions
    delay_s: float = DELAY_S
    _books: dict[int, TopOfBook] = attrs.Factory(dict)
    _lines: dict[int, list[Line]] = attrs.Factory(dict)
    _delayed: dict[int, bool] = attrs.Factory(dict)
    _waiting: deque[Event] = attrs.Factory(deque)

    def hear(self, event: Event, _changes: Sequence[Change], _now: datetime) -> None:
        """Keep an event, and tell what is due by its time: a witness of the hub's."""
        con_id = event.con_id
        delayed = self._delayed.get(con_id)
        if delayed is None:
            instrument = self.hub.engine.catalogue.by_con_id(con_id)
            level = Level.LIVE if instrument is None else self.permissions.level(instrument)
            delayed = self._delayed[con_id] = level is Level.DELAYED
        due = event.time_ns - int(self.delay_s * 1e9)
        waiting = self._waiting
        while waiting and (waiting[0].time_ns <= due or len(waiting) > MOST_EVENTS):
            self._happens(waiting.popleft())
        if delayed:
            if con_id in self._books:
                waiting.append(event)
            else:
                self._books[con_id] = self._now(con_id)

    def watch(self, line: Line) -> None:
        """Open a delayed line: its image now, then what changes."""
        instrument, con_id = line.instrument, line.instrument.con_id
        book = self._books.get(con_id)
        if book is None:
            book = self._books[con_id] = self._now(con_id)
        line.follows = False
        line.at_end.append(lambda: self._lines[con_id].remove(line))
        self.hub.watchers.watch(line)
        parameters = TickReqParams(
            minTick=str(instrument.min_tick), bboExchange="", snapshotPermissions=0
        )
        self._tell(line, [Tick("marketDataType", MarketDataType(marketDataType=line.data_type))])
        self.hub.error(line.client, line.req_id, *DELAYED_NOTICE)
        self._tell(line, [Tick("tickReqParams", parameters)])
        self._lines.setdefault(con_id, []).append(line)
        self._tell(line, delayed_image(book, line.volume_unit))

    def _happens(self, event: Event) -> None:
        changed = self._books[event.con_id].apply(event)
        if changed:
            for line in tuple(self._lines.get(event.con_id, ())):
                self._tell(line, delayed_ticks(changed, line.volume_unit))

    def _tell(self, line: Line, told: list[Tick]) -> None:
        pieces = fanout.encode(told, line.client.server_version)
        frames = fanout.frames(pieces, line.mark)
        if not line.snapshot:
            line.client.send_ticks(line, frames)
            return
        line.client.send_ticks(line, line.once(frames))
        if self._wanted(line.instrument) <= line.told:
            end = TickSnapshotEnd(reqId=line.req_id)
            line.client.send("tickSnapshotEnd", end)
            self.hub.watchers.unwatch(line)

    def _now(self, con_id: int) -> TopOfBook:
        """A second book that begins as the live one is now."""
        book = copy(self.hub.feed.book(con_id))
        book.values = dict(book.values)
        return book

    @staticmethod
    def _wanted(instrument: Instrument) -> set[object]:
        """The keys of the ticks that a snapshot waits for."""
        wanted: set[object] = set(_COMPLETE)
        if instrument.sec_type not in _WITH_OPEN:
            wanted -= _OPEN
        if instrument.sec_type in _WITHOUT_LAST:
            wanted -= _TRADED
        return wanted | _OPTION_VALUES if instrument.is_option else wanted
