"""Ids of a recorded session, and those of the client that plays it again.

Clients choose their own request ids and order ids, and many count on from what the gateway told
them. So that a script serves a client that counts differently, what a request of the script calls
``reqId=1`` is bound to the id of the live request that matched it; from then on every message of
the script that speaks of 1 is told of the live one. Orders and the client id likewise.

Request ids and order ids are two name spaces (a client may use 5 for both); an error bears either,
and means the order where there is one of that id.
"""

from __future__ import annotations

from typing import Any

import attrs

__all__ = ["IdMap", "id_paths"]

#: The fields that hold an id, of any message, with the name space they belong to.
_PATHS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("reqId",), "request"),
    (("orderId",), "order"),
    (("parentId",), "order"),
    (("clientId",), "client"),
    (("order", "orderId"), "order"),
    (("order", "parentId"), "order"),
    (("order", "clientId"), "client"),
    (("execution", "orderId"), "order"),
    (("execution", "clientId"), "client"),
    (("executionFilter", "clientId"), "client"),
    (("attachedOrders", "slOrderId"), "order"),
    (("attachedOrders", "ptOrderId"), "order"),
)


def id_paths(descriptor: Any) -> tuple[tuple[tuple[str, ...], str], ...]:
    """The fields of a message class that hold an id of the session."""
    found = _KNOWN.get(descriptor.full_name)
    if found is None:
        found = tuple((path, space) for path, space in _PATHS if _has(descriptor, path))
        if descriptor.name == "ErrorMessage":
            found = ((("id",), "either"),)
        _KNOWN[descriptor.full_name] = found
    return found


_PARTS = frozenset({"order", "execution"})
_KNOWN: dict[str, tuple[tuple[tuple[str, ...], str], ...]] = {}


def _has(descriptor: Any, path: tuple[str, ...]) -> bool:
    for name in path:
        field = descriptor.fields_by_name.get(name) if descriptor is not None else None
        if field is None:
            return False
        descriptor = field.message_type
    return True


def _get(message: Any, path: tuple[str, ...]) -> int | None:
    for name in path[:-1]:
        if not message.HasField(name):
            return None
        message = getattr(message, name)
    return getattr(message, path[-1]) if message.HasField(path[-1]) else None


def _set(message: Any, path: tuple[str, ...], value: int) -> None:
    for name in path[:-1]:
        message = getattr(message, name)
    setattr(message, path[-1], value)


@attrs.define
class IdMap:
    """What the ids of a script are in the live session.

    Attributes:
        trivial: No id differs so far: messages need not be looked at.
        client_id: The live client's, once it is known.
    """

    trivial: bool = True
    client_id: int | None = None
    _spaces: dict[str, dict[int, int]] = attrs.Factory(
        lambda: {"request": {}, "order": {}, "client": {}}
    )

    def live(self, space: str, scripted: int) -> int | None:
        """The live id of a scripted one; None if it is not bound."""
        return self._spaces[space].get(scripted)

    def fits(self, scripted: Any, live: Any, *, opens: bool) -> bool:
        """Whether the ids of two requests can be the same.

        Args:
            scripted: The request of the script.
            live: The client's.
            opens: It begins something: its ids may be bound anew. Otherwise (a cancel) they have to
                be what they were bound to.
        """
        for path, space in id_paths(scripted.DESCRIPTOR):
            wanted, given = _get(scripted, path), _get(live, path)
            if wanted is None or space == "client":
                continue
            if given is None:
                return False
            bound = self._spaces[space].get(wanted)
            if bound is not None and bound != given and not (opens and space == "request"):
                return False
        return True

    def bind(self, scripted: Any, live: Any) -> None:
        """A live request matched a scripted one: its ids are known from here on."""
        for path, space in id_paths(scripted.DESCRIPTOR):
            wanted, given = _get(scripted, path), _get(live, path)
            # 0 is no id: the parent of an order without one.
            if wanted is not None and given is not None and (wanted or space == "client"):
                self._spaces[space][wanted] = given
                self.trivial = self.trivial and wanted == given

    def complete(self, message: Any) -> None:
        """Set the client id where a message that a person wrote leaves it out: it is the live one.

        Clients take reports of another client id's orders for what they are, and ignore them.
        """
        if self.client_id is None:
            return
        for path, space in id_paths(message.DESCRIPTOR):
            if space != "client" or (path[0] in _PARTS and not message.HasField(path[0])):
                continue
            if _get(message, path) is None:
                _set(message, path, self.client_id)

    def apply(self, message: Any) -> Any:
        """A message of the script with live ids; itself where no id differs."""
        if self.trivial:
            return message
        changes = []
        for path, space in id_paths(message.DESCRIPTOR):
            scripted = _get(message, path)
            if scripted is None:
                continue
            live = self._of_error(scripted) if space == "either" else self.live(space, scripted)
            if live is not None and live != scripted:
                changes.append((path, live))
        if not changes:
            return message
        copy = type(message)()
        copy.CopyFrom(message)
        for path, live in changes:
            _set(copy, path, live)
        return copy

    def _of_error(self, scripted: int) -> int | None:
        order = self.live("order", scripted)
        return self.live("request", scripted) if order is None else order
