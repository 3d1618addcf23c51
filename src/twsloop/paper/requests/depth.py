"""Market depth: reqMktDepth, cancelMktDepth, reqMktDepthExchanges, and what the streams tell.

Three forms, by where the contract is asked for:

=========  ==========================================  ============================================
form       asked for                                   told
=========  ==========================================  ============================================
SMART      a share or option at SMART with             updateMktDepthL2 with ``isSmartDepth``; who
           ``isSmartDepth``; notice 2152 first         shows a row is a venue
L2         a share at a venue in `MAKER_VENUES`        updateMktDepthL2; who shows it is a market
                                                       maker
L1         all else that has depth: other venues,      updateMktDepth: no name
           currencies, futures
=========  ==========================================  ============================================

The book is `depth.DeepBook`'s, one an instrument whatever the form. A client whose transport is
full misses steps, never the outcome: its rows are told from what it was told last.

A halt ends the streams of its instrument with 316. `reset` is the market's way to say 317.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.DepthMarketDataDescription_pb2 import DepthMarketDataDescription
from ibapi.protobuf.MarketDepth_pb2 import MarketDepth
from ibapi.protobuf.MarketDepthData_pb2 import MarketDepthData
from ibapi.protobuf.MarketDepthExchanges_pb2 import MarketDepthExchanges
from ibapi.protobuf.MarketDepthL2_pb2 import MarketDepthL2

from twsloop.clock import Timer
from twsloop.paper.catalogue import chains
from twsloop.paper.catalogue.instruments import VENUES, Instrument
from twsloop.paper.clients import permissions
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import DEPTH
from twsloop.paper.market import depth
from twsloop.paper.market.depth import DeepBook, Level, Row, Sides
from twsloop.paper.market.ticks import size_text
from twsloop.paper.market.vocabulary import Change, Event, Halt, TopOfBook

from .handling import Handler, desk, processing, seed_of, validating
from .market import find_watched

__all__ = ["HANDLERS", "MOST_INSTRUMENTS", "DepthDesk", "Form", "reset"]

#: So many instruments at a time may have depth, as a login with 100 market data lines has.
MOST_INSTRUMENTS = 3
#: Venues whose own book names its market makers; those rows are updateMktDepthL2.
MAKER_VENUES = ("NASDAQ",)
MAKERS = ("NSDQ", "CDRG", "ETMM", "GSCO", "JPMS", "MSCO", "UBSS", "VIRT")
#: Venues of a share that show their depth; the others show their top only.
DEEP_VENUES = ("ARCA", "BATS", "BEX", "BYX", "DRCTEDGE", "EDGEA", "IEX", "MEMX", "NASDAQ", "NYSE")
#: What has depth, and what of it the consolidated form exists for.
DEEP_TYPES = frozenset({"STK", "CASH", "FUT", "OPT", "FOP", "CRYPTO"})
SMART_TYPES = frozenset({"STK", "OPT"})
#: A client that reads again is told what it missed after so long, seconds.
CATCH_UP_S = 0.25
NO_AGG_GROUP, OPTION_AGG_GROUP = 2147483647, 2

NOT_SUPPORTED = "Deep market data is not supported for this combination of security type/exchange"
TOO_MANY = "Max number ({most}) of market depth requests has been reached"
UNKNOWN = "Can't find the subscribed market depth with tickerId:{req_id}"
HALTED = "Market depth data has been HALTED. Please re-subscribe."
RESET = (
    "Market depth data has been RESET. Please empty deep book contents before applying any new "
    "entries."
)


class Form(enum.Enum):
    """How rows are told (see the module)."""

    SMART = "SMART"
    L2 = "L2"
    L1 = "L1"


def form_of(instrument: Instrument, exchange: str, *, smart: bool) -> Form | None:
    """The form of a request; None: there is no such depth."""
    exchange = exchange.partition(".")[0].upper() or instrument.exchange
    if instrument.sec_type not in DEEP_TYPES:
        return None
    if exchange == "SMART":
        return Form.SMART if smart and instrument.sec_type in SMART_TYPES else None
    if instrument.sec_type != "STK":
        return Form.L1
    if exchange == "ISLAND" or exchange in MAKER_VENUES:
        return Form.L2
    return Form.L1 if exchange in DEEP_VENUES else None


def venues_of(instrument: Instrument) -> tuple[list[str], list[str]]:
    """The venues that show an instrument's depth, and those that show only their top."""
    venues = [name for name in instrument.valid_exchanges if name != "SMART"]
    if instrument.sec_type != "STK":
        return venues, []
    return (
        [name for name in venues if name in DEEP_VENUES],
        [name for name in venues if name not in DEEP_VENUES],
    )


@attrs.define(eq=False)
class Stream:
    """One subscription.

    Attributes:
        client: Whose it is.
        req_id: The client's id for it.
        form: How its rows are told.
        smart: The flag it was asked with, which its cancel must repeat.
        rows: How many a side.
        makers: Who shows rows, for `Level.shown_by`.
        told: What the client has.
    """

    client: Client
    req_id: int
    form: Form
    smart: bool
    rows: int
    makers: Sequence[str]
    told: Sides = depth.NOTHING

    def tell(self, sides: Sides) -> None:
        """Bring the client from what it has to this."""
        shown = (self._shown(sides[depth.ASKS]), self._shown(sides[depth.BIDS]))
        for row in depth.operations(self.told, shown):
            self.client.send(*self._message(row))
        self.told = shown

    def _shown(self, levels: tuple[Level, ...]) -> tuple[Level, ...]:
        levels = levels[: self.rows]
        if self.form is Form.L1:  # who shows a row is not told, so a change of it is none
            return tuple(level._replace(shown_by=0) for level in levels)
        return levels

    def _message(self, row: Row) -> tuple[str, Any]:
        level = row.level
        deleted = row.operation == depth.DELETE
        data = MarketDepthData(
            position=row.position,
            operation=row.operation,
            side=row.side,
            price=0.0 if deleted else level.price,
            size="0" if deleted else size_text(level.size),
        )
        if self.form is Form.L1:
            return "updateMktDepth", MarketDepth(reqId=self.req_id, marketDepthData=data)
        data.marketMaker = self.makers[level.shown_by % len(self.makers)]
        data.isSmartDepth = self.form is Form.SMART
        return "updateMktDepthL2", MarketDepthL2(reqId=self.req_id, marketDepthData=data)


@attrs.define(eq=False)
class Watched:
    """An instrument whose depth somebody watches."""

    hub: Hub
    book: DeepBook
    venues: Sequence[str]
    streams: list[Stream] = attrs.Factory(list)
    late: Timer | None = None

    def hear(self, event: Event, _changed: Sequence[Change], _now: datetime) -> None:
        """The quote may have changed: tell every stream."""
        if isinstance(event, Halt):
            if event.halted:
                self._halt()
            return
        self._tell()

    def _tell(self) -> None:
        sides = self.sides()
        behind = False
        for stream in self.streams:
            if stream.client.conflating:
                behind = True
            else:
                stream.tell(sides)
        if behind and self.late is None:
            self.late = self.hub.clock.call_later(CATCH_UP_S, self._catch_up)

    def sides(self) -> Sides:
        """The book now; who shows the first rows is who the quote names."""
        top = self.hub.feed.book(self.book.instrument.con_id)
        asks, bids = self.book.sides(top)
        return (
            self._first_shown_by(asks, _venue(top, depth.ASKS)),
            self._first_shown_by(bids, _venue(top, depth.BIDS)),
        )

    def _first_shown_by(self, levels: tuple[Level, ...], venue: str) -> tuple[Level, ...]:
        if not levels:
            return levels
        at = self.venues.index(venue) if venue in self.venues else 0
        return (levels[0]._replace(shown_by=at), *levels[1:])

    def _catch_up(self) -> None:
        self.late = None
        self._tell()
        for stream in self.streams:
            stream.client.flush()

    def _halt(self) -> None:
        for stream in tuple(self.streams):
            self.hub.error(stream.client, stream.req_id, 316, HALTED)
            stream.client.end_subscription(DEPTH, stream.req_id)


def _venue(top: TopOfBook, side: int) -> str:
    letters = top.ask_exchange if side == depth.ASKS else top.bid_exchange
    return VENUES.get(letters[:1], "")


@attrs.define
class DepthDesk:
    """The depth streams of a running gateway.

    Attributes:
        most: How many instruments at a time may have depth, all clients together.
        watched: The instruments that somebody watches, by contract id.
    """

    most: int = MOST_INSTRUMENTS
    watched: dict[int, Watched] = attrs.Factory(dict)

    def open(self, hub: Hub, instrument: Instrument, stream: Stream) -> None:
        """Begin a stream with all its rows."""
        watched = self.watched.get(instrument.con_id)
        if watched is None:
            seed = seed_of(hub)
            deep, _ = venues_of(instrument)
            watched = Watched(hub, DeepBook(instrument, seed), deep or [instrument.exchange])
            self.watched[instrument.con_id] = watched
            hub.watchers.listen(instrument.con_id, watched.hear)
        watched.streams.append(stream)
        stream.client.subscribe(
            (DEPTH, stream.req_id), lambda: self._close(watched, stream), instrument
        )
        stream.tell(watched.sides())

    def _close(self, watched: Watched, stream: Stream) -> None:
        watched.streams.remove(stream)
        if not watched.streams:
            con_id = watched.book.instrument.con_id
            watched.hub.watchers.unlisten(con_id, watched.hear)
            if watched.late is not None:
                watched.late.cancel()
            del self.watched[con_id]

    def find(self, client: Client, req_id: int) -> Stream | None:
        """A client's stream of that id."""
        for watched in self.watched.values():
            for stream in watched.streams:
                if stream.client is client and stream.req_id == req_id:
                    return stream
        return None


def reset(hub: Hub, con_id: int | None = None) -> None:
    """Tell 317 and all rows anew, for one instrument or for all: a venue's book was rebuilt."""
    for watched in desk(hub, DepthDesk).watched.values():
        if con_id is None or watched.book.instrument.con_id == con_id:
            for stream in watched.streams:
                _retell(watched, stream)
                stream.client.flush()


def _retell(watched: Watched, stream: Stream) -> None:
    """Tell one stream 317 and all rows anew."""
    watched.hub.error(stream.client, stream.req_id, 317, RESET)
    stream.told = depth.NOTHING
    stream.tell(watched.sides())


def retell_to(hub: Hub, client: Client, req_id: int) -> None:
    """Tell a client 317 and all rows of one of its streams anew."""
    for watched in desk(hub, DepthDesk).watched.values():
        for stream in watched.streams:
            if stream.client is client and stream.req_id == req_id:
                _retell(watched, stream)


def req_mkt_depth(hub: Hub, client: Client, request: Any) -> None:
    """The rows of the deep book, then what changes of them; 2152 first where it is SMART's."""
    req_id, contract, smart = request.reqId, request.contract, request.isSmartDepth
    if (DEPTH, req_id) in client.subscriptions:
        processing(hub, client, req_id, "bQ", "Duplicate ticker id")
        return
    if request.numRows < 1:
        cause = f"Invalid number of market depth rows: {request.numRows}"
        validating(hub, client, req_id, "bQ", cause)
        return
    instrument = find_watched(hub, client, req_id, contract)
    if instrument is None:
        return
    if desk(hub, permissions.Permissions).level(instrument) is not permissions.Level.LIVE:
        hub.error(client, req_id, 354, permissions.NOT_SUBSCRIBED)
        return
    form = form_of(instrument, contract.exchange, smart=smart)
    if form is None:
        hub.error(client, req_id, 10092, NOT_SUPPORTED)
        return
    streams = desk(hub, DepthDesk)
    if instrument.con_id not in streams.watched and len(streams.watched) >= streams.most:
        hub.error(client, req_id, 309, TOO_MANY.format(most=streams.most))
        return
    deep, top_only = venues_of(instrument)
    if form is Form.SMART:
        text = f"Exchanges - Depth: {'; '.join(deep)}; "
        if top_only:
            text += f"Top: {'; '.join(top_only)}; "
        hub.error(client, req_id, 2152, text)
    makers = MAKERS if form is Form.L2 else (deep or [instrument.exchange])
    rows = min(request.numRows, depth.LEVELS)
    streams.open(hub, instrument, Stream(client, req_id, form, smart, rows, makers))


def cancel_mkt_depth(hub: Hub, client: Client, request: Any) -> None:
    """End a stream; nothing is told. SMART depth must be cancelled as SMART depth, else 310."""
    stream = desk(hub, DepthDesk).find(client, request.reqId)
    if stream is None or stream.smart != request.isSmartDepth:
        hub.error(client, request.reqId, 310, UNKNOWN.format(req_id=request.reqId))
    else:
        client.end_subscription(DEPTH, request.reqId)


def req_mkt_depth_exchanges(hub: Hub, client: Client, _request: Any) -> None:
    """Every venue that has depth, by security type, and whether its rows have names (Deep2)."""
    rows: dict[tuple[str, str], DepthMarketDataDescription] = {}
    for instrument in hub.engine.catalogue.all():
        if instrument.sec_type not in DEEP_TYPES:
            continue
        venues = venues_of(instrument)[0]
        # Programs of before 2023 look for NASDAQ under the name that it had.
        for venue in (*venues, "ISLAND") if "NASDAQ" in venues else venues:
            form = form_of(instrument, venue, smart=False)
            rows[instrument.sec_type, venue] = DepthMarketDataDescription(
                exchange=venue,
                secType=instrument.sec_type,
                listingExch="",
                serviceDataType="Deep2" if form is Form.L2 else "Deep",
                aggGroup=instrument.agg_group or NO_AGG_GROUP,
            )
    if hub.engine.catalogue.chains is not None:
        for venue in chains.EXCHANGES[1:]:  # all but SMART
            rows["OPT", venue] = DepthMarketDataDescription(
                exchange=venue,
                secType="OPT",
                listingExch="",
                serviceDataType="Deep",
                aggGroup=OPTION_AGG_GROUP,
            )
    told = [rows[key] for key in sorted(rows)]
    client.send("mktDepthExchanges", MarketDepthExchanges(depthMarketDataDescriptions=told))


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        10: req_mkt_depth,
        11: cancel_mkt_depth,
        82: req_mkt_depth_exchanges,
    }
)
