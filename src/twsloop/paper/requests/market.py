"""Requests of market data: lines, snapshots, and which kind of data a client wants."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client, Line
from twsloop.paper.clients.delayed import DelayedMarket
from twsloop.paper.clients.generic_feed import GenericFeed
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.partial import PartialLine, hidden_underlying
from twsloop.paper.clients.permissions import FROZEN_TYPES, Level, Permissions, denial
from twsloop.paper.feeds.derived import DerivedFeed
from twsloop.paper.market import generic_ticks
from twsloop.paper.market.generic_ticks import GenericTicks
from twsloop.paper.market.news import PROVIDERS, provider_codes
from twsloop.paper.market.ticks import volume_unit
from twsloop.paper.orders import combos
from twsloop.paper.orders.refusals import Refusal

from . import news
from .contracts import SECURITY_TYPES
from .handling import Handler, find_one, processing, validating

__all__ = ["HANDLERS", "find_watched"]

LIVE, FROZEN = 1, 2
MARKET_DATA_TYPES = range(1, 5)
NO_GENERIC_WHEN_DELAYED = (
    2187,
    "Generic tick data is not available when using delayed market data fallback.",
)
INCOMPLETE_OPTION = (
    "When the local symbol field is empty, please fill the following fields (right, strike, expiry)"
)


def req_mkt_data(hub: Hub, client: Client, request: Any) -> None:
    """Open a market data line, or take a snapshot."""
    req_id = request.reqId
    if req_id in client.lines or (news.TAPE, req_id) in client.subscriptions:
        processing(hub, client, req_id, "bQ", "Duplicate ticker id")
        return
    if request.contract.secType.upper() == "NEWS":
        news.open_tape(hub, client, request)
        return
    is_combo = request.contract.secType.upper() == "BAG"
    find = _find_combo if is_combo else find_watched
    instrument = find(hub, client, req_id, request.contract)
    if instrument is None:
        return
    try:
        asked = _asked(request, instrument, client.server_version)
        providers = _news(asked)
    except ValueError as error:
        validating(hub, client, req_id, "bQ", str(error))
        return
    permissions: Permissions = hub.desks[Permissions]
    level = permissions.level(instrument)
    denied = denial(instrument, level, client.market_data_type)
    if denied is not None:
        hub.error(client, req_id, *denied)
        return
    unit = volume_unit(instrument, client.server_version)
    line = Line(client, req_id, instrument, unit, request.snapshot or request.regulatorySnapshot)
    if level is Level.DELAYED:
        line.data_type = client.market_data_type
        delayed: DelayedMarket = hub.desks[DelayedMarket]
        delayed.watch(line)
        if asked is not None:
            hub.error(client, req_id, *NO_GENERIC_WHEN_DELAYED)
        return
    if client.market_data_type in FROZEN_TYPES and _is_closed(hub, instrument):
        line.data_type = FROZEN
    _open(hub, line, asked)
    if providers:
        line.at_end.append(news.watch(hub, client, req_id, (instrument,), providers))


def _asked(request: Any, instrument: Instrument, server_version: int) -> GenericTicks | None:
    """The generic ticks that a request asks for, None for none.

    Raises:
        ValueError: It may not ask for them.
    """
    text = request.genericTickList
    if not text:
        return None
    snapshot = request.snapshot or request.regulatorySnapshot
    asked = generic_ticks.read(text, instrument.sec_type, server_version)
    if snapshot and asked is not None:
        msg = "Snapshot market data subscription is not applicable to generic ticks"
        raise ValueError(msg)
    if asked is None and not snapshot:
        raise ValueError(generic_ticks.refusal(text, instrument.sec_type))
    return asked


def _open(hub: Hub, line: Line, asked: GenericTicks | None) -> None:
    """Open a line of live data, with the generic ticks asked for."""
    line.follows = asked is None or asked.defaults
    hidden = hidden_underlying(hub, line.instrument)
    if hidden is not None and line.follows:
        PartialLine(hub, line, hidden).watch()
    else:
        hub.watchers.watch(line)
    if asked is not None:
        generic = hub.desks.setdefault(GenericFeed, GenericFeed(hub))
        generic.watch(line, asked)


def _news(asked: GenericTicks | None) -> list[str]:
    """The news providers that a list of generic ticks asks for.

    Raises:
        ValueError: One of them is unknown.
    """
    if asked is None or generic_ticks.NEWS not in asked.codes:
        return []
    named = asked.parameters.get(generic_ticks.NEWS)
    if named is None:
        return list(PROVIDERS)
    try:
        return provider_codes(named)
    except ValueError as error:
        msg = f"Invalid news provider code: '{error}'"
        raise ValueError(msg) from error


def find_watched(hub: Hub, client: Client, req_id: int, contract: Any) -> Instrument | None:
    """The one instrument that a request watches; what is wrong is told, and None returned."""
    kind = contract.secType.upper()
    if kind not in SECURITY_TYPES | {""}:
        validating(hub, client, req_id, "bO", "Please enter a valid security type")
        return None
    if kind in {"OPT", "FOP"} and not (contract.conId or contract.localSymbol):
        said = (contract.lastTradeDateOrContractMonth, contract.strike, contract.right)
        if not all(said):
            validating(hub, client, req_id, "bO", INCOMPLETE_OPTION)
            return None
    hub.engine.catalogue.move_to(hub.market_now().date())
    instrument = find_one(hub, client, req_id, contract)
    if instrument is not None and instrument.sec_type == "CONTFUT":
        validating(hub, client, req_id, "bO", "Please enter a valid security type")
        return None
    return instrument


def _find_combo(hub: Hub, client: Client, req_id: int, contract: Any) -> Instrument | None:
    """The combination of a request, with a market of its legs' quotes."""
    found = combos.missing_legs(contract) or combos.resolve(contract, hub.engine.catalogue)
    if isinstance(found, Refusal):
        hub.error(client, req_id, found.code, found.text)
        return None
    combo, legs = found
    if isinstance(hub.feed, DerivedFeed):
        sides = [(leg.instrument.con_id, leg.sign, leg.ratio) for leg in legs]
        hub.feed.combine(combo, sides)
    return combo


def _is_closed(hub: Hub, instrument: Instrument) -> bool:
    return hub.engine.keeps_hours and not instrument.is_open(hub.now(), liquid=False)


def cancel_mkt_data(hub: Hub, client: Client, request: Any) -> None:
    """Close a market data line; there is no acknowledgement."""
    line = client.lines.get(request.reqId)
    if line is None and client.end_subscription(news.TAPE, request.reqId):
        return
    if line is None:
        hub.error(client, request.reqId, 300, f"Can't find EId with tickerId:{request.reqId}")
    else:
        hub.watchers.unwatch(line)


def req_market_data_type(hub: Hub, client: Client, request: Any) -> None:
    """Choose live, frozen or delayed data for what is asked from now on."""
    if request.marketDataType not in MARKET_DATA_TYPES:
        validating(hub, client, -1, "bQ", f"Invalid market data type: {request.marketDataType}")
    else:
        client.market_data_type = request.marketDataType


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        1: req_mkt_data,
        2: cancel_mkt_data,
        59: req_market_data_type,
    }
)
