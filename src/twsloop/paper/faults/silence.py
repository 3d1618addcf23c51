"""Who is told nothing though it is subscribed: single subscriptions fall silent, and go on (pure).

A subscription is silent while any reason says so (its farm is broken, another session has the
data), or for good once it is dead: the gateway lists it, and nothing comes of it until the client
ends it and asks again. When the last reason goes a market data line is told its image again, and
depth its rows (after 317); everything else goes on with what happens next.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import attrs

from twsloop.paper.catalogue.instruments import Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.clients.kinds import DEPTH, HISTORY, LINE, REAL_TIME_BARS, TICKS
from twsloop.paper.clients.session import Request
from twsloop.paper.requests.depth import retell_to

__all__ = ["KINDS", "Key", "Silence", "found_in", "silence_of"]

#: A subscription of a client: its kind and its request id.
Key = tuple[str, int]
#: Whether a subscription to an instrument is told nothing now.
Reason = Callable[[Client, Key, Instrument], bool]
#: The requests that make a subscription to one instrument, and its kind.
KINDS = {
    "reqMktData": LINE,
    "reqMktDepth": DEPTH,
    "reqTickByTickData": TICKS,
    "reqRealTimeBars": REAL_TIME_BARS,
    "reqHistoricalData": HISTORY,
}


def silence_of(hub: Hub) -> Silence:
    """The silence of a running gateway; made when the first fault needs it."""
    found: Silence | None = hub.desks.get(Silence)
    if found is None:
        found = hub.desks[Silence] = Silence(hub)
        hub.gates.requests.append(found.hear)
    return found


def found_in(hub: Hub, message: Any) -> Instrument | None:
    """The one instrument that a request names; None where it names none, or several."""
    found = hub.engine.catalogue.find(message.contract)
    return found[0] if len(found) == 1 else None


@attrs.define(eq=False)
class Silence:
    """Which subscriptions of a gateway are silent.

    Attributes:
        hub: The gateway.
    """

    hub: Hub
    _reasons: dict[object, Reason] = attrs.Factory(dict)
    _dead: WeakKeyDictionary[Client, set[Key]] = attrs.Factory(WeakKeyDictionary)

    def begin(self, token: object, reason: Reason) -> None:
        """From now on there is a reason more."""
        self._reasons[token] = reason
        self.refresh()

    def end(self, token: object) -> None:
        """Undo `begin`: who has no other reason is told again."""
        self._reasons.pop(token, None)
        self.refresh()

    def kill(self, client: Client, key: Key) -> None:
        """Let nothing come of a subscription until the client asks anew."""
        self._dead.setdefault(client, set()).add(key)

    def is_silent(self, client: Client, key: Key, instrument: Instrument) -> bool:
        """Whether a subscription is told nothing now."""
        if key in self._dead.get(client, ()):
            return True
        return any(reason(client, key, instrument) for reason in self._reasons.values())

    def refresh(self) -> None:
        """Look at all subscriptions again: something that reasons look at has changed."""
        for client in tuple(self.hub.clients.values()):
            streams = dict(client.streams())
            self._dead.get(client, set()).intersection_update(streams)
            client.muted.intersection_update(streams)  # a request that was refused made none
            for key, instrument in streams.items():
                silent = self.is_silent(client, key, instrument)
                if silent and key not in client.muted:
                    self._mute(client, key)
                elif not silent and key in client.muted:
                    self._unmute(client, key)

    def hear(self, client: Client, request: Request) -> bool:
        """A request that may make a subscription: it is silent from its first message on."""
        kind = KINDS.get(request.type.name)
        if kind is None:
            return False
        key = (kind, request.message.reqId)
        if key in dict(client.streams()):
            return False  # there is one of that id already: this one is refused
        self._dead.get(client, set()).discard(key)
        instrument = found_in(self.hub, request.message)
        if instrument is not None and self.is_silent(client, key, instrument):
            client.muted.add(key)
        else:
            client.muted.discard(key)
        return False

    def _mute(self, client: Client, key: Key) -> None:
        client.muted.add(key)
        if key[0] == LINE:
            self.hub.watchers.unfollow(client.lines[key[1]])

    def _unmute(self, client: Client, key: Key) -> None:
        client.muted.discard(key)
        kind, req_id = key
        if kind == LINE:
            line = client.lines[req_id]
            if line.follows:
                self.hub.watchers.follow(line)
        elif kind == DEPTH:
            retell_to(self.hub, client, req_id)
