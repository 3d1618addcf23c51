"""What request handlers share: their form, and the two errors most of them can give."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.orders.validation import AMBIGUOUS, NO_DEFINITION, VALIDATING

__all__ = [
    "Handler",
    "desk",
    "find_one",
    "ident_of",
    "merge",
    "processing",
    "seed_of",
    "validating",
]

Desk = TypeVar("Desk")

#: Handles one request (a protobuf message) of a READY client.
Handler = Callable[[Hub, Client, Any], None]

CONFLICT = "Parameters in request conflicts with contract parameters received by contract id: "
PROCESSING = "Error processing request.-'{mark}' : cause - {cause}"


def validating(hub: Hub, client: Client, ident: int, mark: str, cause: str) -> None:
    """Tell 321: the request cannot be right."""
    hub.error(client, ident, 321, VALIDATING.format(mark=mark, cause=cause))


def processing(hub: Hub, client: Client, ident: int, mark: str, cause: str) -> None:
    """Tell 322: the request is right but cannot be done."""
    hub.error(client, ident, 322, PROCESSING.format(mark=mark, cause=cause))


def ident_of(message: Any) -> int:
    """The id that a request wants its answer under; -1 where it has none, or none was read."""
    for name in ("reqId", "orderId"):
        if message is not None and hasattr(message, name) and message.HasField(name):
            return int(getattr(message, name))
    return -1


def find_one(hub: Hub, client: Client, ident: int, contract: Any) -> Instrument | None:
    """The one instrument that a description fits; otherwise 200 is told, and None returned.

    A description that contradicts its own contract id gets 478.
    """
    found = hub.engine.catalogue.find(contract)
    if len(found) == 1:
        conflict = found[0].conflict(contract) if contract.conId else None
        if conflict is None:
            return found[0]
        hub.error(client, ident, 478, CONFLICT + conflict)
        return None
    text = AMBIGUOUS.format(symbol=contract.symbol) if found else NO_DEFINITION
    hub.error(client, ident, 200, text)
    return None


def seed_of(hub: Hub) -> int:
    """The market's seed; 0 of a market that has none, as a replay."""
    return getattr(hub.feed, "seed", None) or 0


def desk(hub: Hub, kind: type[Desk]) -> Desk:
    """What a module keeps of one running gateway: made at the first call, gone with the hub."""
    kept = hub.desks.get(kind)
    if kept is None:
        kept = hub.desks[kind] = kind()
    found: Desk = kept
    return found


def merge(tables: Iterable[Mapping[int, Handler]]) -> dict[int, Handler]:
    """One table of several.

    Raises:
        ValueError: A number stands in two of them.
    """
    merged: dict[int, Handler] = {}
    for table in tables:
        for number, handler in table.items():
            if number in merged:
                msg = f"request {number} has two handlers: {merged[number]} and {handler}"
                raise ValueError(msg)
            merged[number] = handler
    return merged
