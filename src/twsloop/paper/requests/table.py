"""Which function answers which request: one table, made of the tables beside the handlers.

A number that stands in two of them refuses to import. The table has every number of
`twsloop.wire.messages.OUTBOUND`; a test keeps it so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import MappingProxyType

from twsloop.errors import ParseError
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.session import Request, Unreadable

from . import (
    account,
    advisor,
    config,
    contracts,
    depth,
    groups,
    history,
    history_ticks,
    market,
    news,
    options,
    orders,
    other,
    queries,
    real_time_bars,
    scanner,
    tick_by_tick,
)
from .handling import Handler, ident_of, merge

__all__ = ["HANDLERS", "answer", "answer_unreadable", "serve"]

logger = logging.getLogger(__name__)

#: What a gateway calls a field that it cannot read, where that was seen.
FIELD_NAMES: Mapping[str, str] = MappingProxyType({"reqId": "Client Req Id"})

HANDLERS: Mapping[int, Handler] = MappingProxyType(
    merge(
        (
            account.HANDLERS,
            advisor.HANDLERS,
            config.HANDLERS,
            contracts.HANDLERS,
            depth.HANDLERS,
            groups.HANDLERS,
            history.HANDLERS,
            history_ticks.HANDLERS,
            market.HANDLERS,
            news.HANDLERS,
            options.HANDLERS,
            orders.HANDLERS,
            queries.HANDLERS,
            other.HANDLERS,
            other.REFUSALS,
            real_time_bars.HANDLERS,
            scanner.HANDLERS,
            tick_by_tick.HANDLERS,
        )
    )
)


def answer(hub: Hub, client: Client, request: Request) -> None:
    """Answer one request. A fault of ours is logged and told as 320: the session goes on."""
    client.stats.requests += 1
    if hub.pacing is not None:
        refusal = hub.pacing.refusal(hub, client, request)
        if refusal is not None:
            hub.error(client, ident_of(request.message), *refusal)
            return
    for gate in tuple(hub.gates.requests):  # one that takes its last request leaves
        if gate(client, request):
            return
    serve(hub, client, request)


def serve(hub: Hub, client: Client, request: Request) -> None:
    """Answer a request that nothing stands in the way of any more."""
    try:
        HANDLERS[request.type.number](hub, client, request.message)
    except Exception as error:
        logger.exception("%s: %s failed", client, request.type.name)
        ident = ident_of(request.message)
        hub.error(client, ident, 320, f"Error reading request. {request.type.name}: {error}")


def answer_unreadable(hub: Hub, client: Client, unreadable: Unreadable) -> None:
    """Answer a request that could not be read, as a gateway does that keeps the connection."""
    client.stats.requests += 1
    error: ParseError = unreadable.error
    logger.warning("%s sent a request that cannot be read: %s", client, error)
    if error.field and error.value is not None:
        field = FIELD_NAMES.get(error.field, error.field)
        text = f"Unable to parse field: '{field}' for input string: '{error.value}'"
    else:
        text = str(error)
    hub.error(client, ident_of(error.partial), 320, f"Error reading request. {text}")
