"""From changes of a top-of-book to IB's tick messages: the documented projection (pure).

The rules are those of a real gateway (IB Gateway 10.40, US stock, regular hours); where it was not
observed, the rule says so. ``docs/paper_projection.md`` tells them to users.

====================  ==============================================================================
change                messages, in this order
====================  ==============================================================================
bid price             tickPrice 1 (with its size), tickSize 0
bid size alone        tickSize 0
bid venue             tickString 32
offer price           tickPrice 2 (with its size), tickSize 3
offer size alone      tickSize 3
offer venue           tickString 33
time of the trade     tickString 45 (seconds since 1970)
last price            tickPrice 4 (with its size), tickSize 5
last size alone       tickSize 5
volume                tickSize 8, in ``volume_unit``; nothing if it is the same in that unit
high, low, open       tickPrice 6, 7, 14 with size 0, without a tickSize
close                 tickPrice 9 with size 0, without a tickSize
halted                tickGeneric 49
an option's worth     tickOptionComputation 10 (bid), 11 (offer), 12 (last), 13 (model)
====================  ==============================================================================

A side without a quote is price -1 with size 0. The attribute canAutoExecute (mask 1) is set on bid
and offer. The volume of US stocks is in round lots, rounded down, below server version 220, and in
shares from there on (`volume_unit`). A volume of 0 tells that a new session began (ours: what a
gateway sends then was not observed).

A price change is followed by a tickSize although tickPrice holds the size as well: so does the
real one, and client libraries derive a second tickSize from it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from ibapi.protobuf.MarketDataType_pb2 import MarketDataType
from ibapi.protobuf.TickGeneric_pb2 import TickGeneric
from ibapi.protobuf.TickOptionComputation_pb2 import TickOptionComputation
from ibapi.protobuf.TickPrice_pb2 import TickPrice
from ibapi.protobuf.TickReqParams_pb2 import TickReqParams
from ibapi.protobuf.TickSize_pb2 import TickSize
from ibapi.protobuf.TickString_pb2 import TickString

from twsloop.paper.catalogue.instruments import Instrument

from .options import Greeks
from .vocabulary import Change, Event, Field, TopOfBook

__all__ = [
    "SHARES_SINCE",
    "Plain",
    "Tick",
    "changes",
    "computation",
    "image",
    "message_of",
    "plain",
    "project",
    "request_parameters",
    "size_text",
    "snapshot_is_complete",
    "volume_unit",
]

#: The server version from which volumes of US stocks are in shares.
SHARES_SINCE = 220
#: TickAttrib mask of a quote that can be executed automatically.
CAN_AUTO_EXECUTE = 1
#: What tickPrice shows for a side without a quote.
NO_PRICE = -1.0
_NO_SIZE = "0"
LIVE = 1
#: Security types whose snapshot waits for an open; the computations that an option's waits for.
WITH_OPEN = frozenset({"STK", "FUT", "CRYPTO"})
COMPUTATIONS = (10, 11, 12, 13)
INDEX = "IND"
#: tickAttrib of tickOptionComputation: volatility of returns, not of prices.
RETURN_BASED = 0
# tickReqParams: seen on real-time US stocks; currencies show no venue code and no permission.
SNAPSHOT_PERMISSIONS = 3

_PRICE_AND_SIZE = {Field.BID: (1, 0), Field.ASK: (2, 3), Field.LAST: (4, 5)}
_SIZES = {Field.BID_SIZE: 0, Field.ASK_SIZE: 3, Field.LAST_SIZE: 5}
_PRICES = {Field.HIGH: 6, Field.LOW: 7, Field.CLOSE: 9, Field.OPEN: 14}
_STRINGS = {Field.BID_EXCHANGE: 32, Field.ASK_EXCHANGE: 33}
_QUOTE_PRICES = {1, 2}
VOLUME, LAST_TIMESTAMP, HALTED = 8, 45, 49


class Tick(NamedTuple):
    """One message: its name in `twsloop.wire.messages`, and its protobuf form without reqId."""

    name: str
    message: Any


#: A tick without its message: its name, its type and its values in their order (of tickPrice:
#: price, size, mask); or a `Tick`, of the kinds that are rare.
Plain = tuple[Any, ...]


@functools.lru_cache(maxsize=65536)
def size_text(size: Decimal) -> str:
    """A size as IB writes it: plain digits, no exponent, no point for whole numbers."""
    whole = int(size)
    return str(whole) if whole == size else f"{size.normalize():f}"


def volume_unit(instrument: Instrument, server_version: int) -> int:
    """How many shares one unit of tick 8 stands for, for a client of this server version."""
    if instrument.sec_type == "STK" and server_version < SHARES_SINCE:
        return instrument.lot
    return 1


def changes(changed: Iterable[Change], *, volume_unit: int = 1) -> list[Tick]:
    """The messages that tell what changed.

    Args:
        changed: What `TopOfBook.apply` returned.
        volume_unit: See `volume_unit`.
    """
    return [message_of(one) for one in plain(changed, volume_unit=volume_unit)]


def plain(changed: Iterable[Change], *, volume_unit: int = 1) -> list[Plain]:
    """The same, not yet as protobuf messages: what `twsloop.paper.clients.fanout` packs by hand."""
    told: list[Plain] = []
    for change in changed:
        field = change.field
        if field in _PRICE_AND_SIZE:
            price_type, size_type = _PRICE_AND_SIZE[field]
            size = _NO_SIZE if change.size is None else size_text(change.size)
            told.append(_plain_price(price_type, change.price, size))
            told.append(("tickSize", size_type, size))
        elif field in _SIZES:
            size = _NO_SIZE if change.size is None else size_text(change.size)
            told.append(("tickSize", _SIZES[field], size))
        elif field in _PRICES:
            told.append(_plain_price(_PRICES[field], change.price, _NO_SIZE))
        elif field is Field.VOLUME:
            volume = _told_volume(change, volume_unit)
            if volume is not None:
                told.append(("tickSize", VOLUME, size_text(volume)))
        elif field is Field.LAST_TIME:
            told.append(("tickString", LAST_TIMESTAMP, str(change.number)))
        elif field is Field.HALTED:
            told.append(("tickGeneric", HALTED, float(change.number)))
        elif field is Field.VALUED:
            told.append(computation(change.number, change.greeks))
        else:
            told.append(("tickString", _STRINGS[field], change.text))
    return told


def message_of(one: Plain) -> Tick:
    """The message of a plain tick."""
    name = one[0]
    if name == "tickPrice":
        _, tick_type, price, size, mask = one
        # All fields are always set: IB's decoder reads an absent size or mask as "unset".
        message = TickPrice(tickType=tick_type, price=price, size=size, attrMask=mask)
        return Tick(name, message)
    if name == "tickSize":
        return Tick(name, TickSize(tickType=one[1], size=one[2]))
    if name == "tickString":
        return Tick(name, TickString(tickType=one[1], value=one[2]))
    if name == "tickGeneric":
        return Tick(name, TickGeneric(tickType=one[1], value=one[2]))
    return Tick(*one)


def _plain_price(tick_type: int, price: float | None, size: str) -> Plain:
    if price is None:
        return "tickPrice", tick_type, NO_PRICE, size, 0
    mask = CAN_AUTO_EXECUTE if tick_type in _QUOTE_PRICES else 0
    return "tickPrice", tick_type, price, size, mask


def image(
    book: TopOfBook,
    instrument: Instrument,
    *,
    volume_unit: int = 1,
    market_data_type: int = LIVE,
    joins: bool = False,
) -> list[Tick]:
    """The messages that open a subscription: all that is known, in a real gateway's order.

    marketDataType, tickReqParams, 45, 4, 5, 8, 6, 7, 9, 14, 1, 2, 0, 3, 32, 33, and 49 while
    trading is halted. What does not exist (yet) is not sent, but that an index has no quote is
    (a price of -1).

    Args:
        book: What is known.
        instrument: Of what.
        volume_unit: See `volume_unit`.
        market_data_type: 1 live, 2 frozen.
        joins: The instrument is watched already: the quote comes first (1, 0, 2, 3).
    """
    told = [
        Tick("marketDataType", MarketDataType(marketDataType=market_data_type)),
        Tick("tickReqParams", request_parameters(instrument)),
    ]
    quote = _quoted(book, instrument, joins=joins)
    traded = _traded(book, volume_unit)
    told += quote + traded if joins else traded + quote
    for tick_type, letters in ((32, book.bid_exchange), (33, book.ask_exchange)):
        if letters:
            told.append(_string(tick_type, letters))
    if book.halted:
        value = float(book.halted)
        told.append(Tick("tickGeneric", TickGeneric(tickType=HALTED, value=value)))
    told += [computation(kind, greeks) for kind, greeks in sorted(book.values.items()) if greeks]
    return told


def _traded(book: TopOfBook, unit: int) -> list[Tick]:
    """The trades' part of an image."""
    told: list[Tick] = []
    if book.last_time is not None:
        told.append(_string(LAST_TIMESTAMP, str(book.last_time)))
    if book.last is not None:
        told.append(_price(4, book.last, book.last_size))
        told.append(_size(5, book.last_size))
    if book.volume:
        told.append(_size(VOLUME, _in_units(book.volume, unit)))
    for tick_type, price in ((6, book.high), (7, book.low), (9, book.close), (14, book.open)):
        if price is not None:
            told.append(_price(tick_type, price, None))
    return told


def _quoted(book: TopOfBook, instrument: Instrument, *, joins: bool) -> list[Tick]:
    """The quote's part of an image."""
    if instrument.sec_type == INDEX:
        return [_price(1, None, None), _price(2, None, None)]
    sides = ((1, 0, book.bid, book.bid_size), (2, 3, book.ask, book.ask_size))
    prices = [_price(kind, price, size) for kind, _, price, size in sides if price is not None]
    sizes = [_size(kind, size) for _, kind, price, size in sides if price is not None]
    if joins:
        return [tick for pair in zip(prices, sizes, strict=True) for tick in pair]
    return prices + sizes


def snapshot_is_complete(book: TopOfBook, instrument: Instrument) -> bool:
    """Whether a snapshot has told all that it waits for, as Gateway 10.40 has it.

    Bid, offer, last, close and open; currencies have no last, only stocks, futures and crypto
    currencies have an open, an index's quote is none, and options wait for their computations.
    """
    needed: list[object] = [book.close]
    if instrument.sec_type != INDEX:
        needed += [book.bid, book.ask]
    if not instrument.quote_driven:
        needed.append(book.last)
    if instrument.sec_type in WITH_OPEN:
        needed.append(book.open)
    if instrument.is_option:
        needed += [book.values.get(kind) for kind in COMPUTATIONS]
    return None not in needed


def project(
    events: Iterable[Event],
    book: Callable[[int], TopOfBook],
    *,
    volume_unit: Callable[[int], int] = lambda _con_id: 1,
) -> Iterator[tuple[int, Tick]]:
    """The whole projection: what a subscriber from the first event on is told of each instrument.

    Args:
        events: What happens, in order.
        book: The book of a contract id (`Feed.book`); it is advanced.
        volume_unit: The unit of tick 8 for a contract id.

    Yields:
        Contract id and message.
    """
    for event in events:
        unit = volume_unit(event.con_id)
        for tick in changes(book(event.con_id).apply(event), volume_unit=unit):
            yield event.con_id, tick


def request_parameters(instrument: Instrument) -> Any:
    """The tickReqParams of an instrument."""
    venues = instrument.bbo_exchange
    return TickReqParams(
        minTick=str(instrument.min_tick),
        bboExchange=venues,
        snapshotPermissions=SNAPSHOT_PERMISSIONS if venues else 0,
    )


def computation(tick_type: int, greeks: Greeks | None) -> Tick:
    """A tickOptionComputation; a value that does not exist is left out (text: -1 or -2)."""
    message = TickOptionComputation(tickType=tick_type, tickAttrib=RETURN_BASED)
    if greeks is not None:
        for name, value in (
            ("impliedVol", greeks.volatility),
            ("delta", greeks.delta),
            ("optPrice", greeks.price),
            ("pvDividend", greeks.dividends),
            ("gamma", greeks.gamma),
            ("vega", greeks.vega),
            ("theta", greeks.theta),
            ("undPrice", greeks.underlying),
        ):
            if value is not None:
                setattr(message, name, value)
    return Tick("tickOptionComputation", message)


def _price(tick_type: int, price: float | None, size: Decimal | None) -> Tick:
    text = _NO_SIZE if size is None else size_text(size)
    return message_of(_plain_price(tick_type, price, text))


def _size(tick_type: int, size: Decimal | None) -> Tick:
    return message_of(("tickSize", tick_type, _NO_SIZE if size is None else size_text(size)))


def _string(tick_type: int, value: str) -> Tick:
    return Tick("tickString", TickString(tickType=tick_type, value=value))


def _in_units(volume: Decimal, unit: int) -> Decimal:
    return volume if unit == 1 else Decimal(volume // unit)


def _told_volume(change: Change, unit: int) -> Decimal | None:
    """The volume to tell; None where it is the same in that unit."""
    assert change.size is not None
    now = _in_units(change.size, unit)
    if unit != 1 and change.size and now == _in_units(change.before, unit):
        return None
    return now
