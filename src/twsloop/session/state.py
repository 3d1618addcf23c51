"""The life of a session, as one table.

Two rules. Everything that can move the session stands in this file: no other code assigns a state.
And a pair of state and event that the table does not know is an error that names both, never a
silent nothing, except for the few events in `IGNORED`, which may come late from another thread.

The docs draw their diagram from `TRANSITIONS` (see `mermaid`).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from twsloop.errors import StateError

__all__ = ["IGNORED", "TRANSITIONS", "Event", "SessionMachine", "State", "mermaid"]


class State(Enum):
    """Where a session is in its life."""

    DISCONNECTED = "DISCONNECTED"
    """No link, and none is wanted."""
    CONNECTING = "CONNECTING"
    """The TCP connection is being made."""
    HANDSHAKE = "HANDSHAKE"
    """Our hello is out; the gateway's is awaited."""
    STARTING = "STARTING"
    """startApi is out; managedAccounts and nextValidId are awaited."""
    SYNCING = "SYNCING"
    """Open, completed and executed orders are being fetched, and market data renewed."""
    READY = "READY"
    """All is known and everything may be asked."""
    DEGRADED = "DEGRADED"
    """The gateway answers, but has lost IB's servers (1100, 2110)."""
    WAITING = "WAITING"
    """The link is lost; the next attempt waits for its back-off."""


class Event(Enum):
    """What can happen to a session."""

    CONNECT = "CONNECT"
    """A connection is wanted, by the user or because a back-off has ended."""
    TCP_UP = "TCP_UP"
    """The TCP connection stands."""
    HELLO = "HELLO"
    """The gateway's hello came, with a version we speak."""
    IDENTIFIED = "IDENTIFIED"
    """managedAccounts and nextValidId have both arrived."""
    SYNCED = "SYNCED"
    """The slices have what they need."""
    SERVER_LOST = "SERVER_LOST"
    """The gateway says that it lost IB's servers."""
    SERVER_BACK = "SERVER_BACK"
    """The gateway says that it has IB's servers again (1101, 1102)."""
    FAILED = "FAILED"
    """The attempt to connect failed (refused, timed out, closed, wrong version)."""
    LINK_LOST = "LINK_LOST"
    """The link ended by itself: closed, reset, or silent past its deadline."""
    RETRY = "RETRY"
    """Another attempt was scheduled."""
    DISCONNECT = "DISCONNECT"
    """The user wants no session any more."""


_S, _E = State, Event

#: (state, event) -> the next state. The one place that moves a session.
TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (_S.DISCONNECTED, _E.CONNECT): _S.CONNECTING,
    (_S.DISCONNECTED, _E.RETRY): _S.WAITING,
    (_S.CONNECTING, _E.TCP_UP): _S.HANDSHAKE,
    (_S.CONNECTING, _E.FAILED): _S.DISCONNECTED,
    (_S.CONNECTING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.HANDSHAKE, _E.HELLO): _S.STARTING,
    (_S.HANDSHAKE, _E.FAILED): _S.DISCONNECTED,
    (_S.HANDSHAKE, _E.LINK_LOST): _S.DISCONNECTED,
    (_S.HANDSHAKE, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.STARTING, _E.IDENTIFIED): _S.SYNCING,
    (_S.STARTING, _E.FAILED): _S.DISCONNECTED,
    (_S.STARTING, _E.LINK_LOST): _S.DISCONNECTED,
    (_S.STARTING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.STARTING, _E.SERVER_LOST): _S.STARTING,
    (_S.STARTING, _E.SERVER_BACK): _S.STARTING,
    (_S.SYNCING, _E.SYNCED): _S.READY,
    (_S.SYNCING, _E.FAILED): _S.DISCONNECTED,
    (_S.SYNCING, _E.LINK_LOST): _S.DISCONNECTED,
    (_S.SYNCING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.SYNCING, _E.SERVER_LOST): _S.SYNCING,
    (_S.SYNCING, _E.SERVER_BACK): _S.SYNCING,
    (_S.READY, _E.SERVER_LOST): _S.DEGRADED,
    (_S.READY, _E.SERVER_BACK): _S.READY,
    (_S.READY, _E.LINK_LOST): _S.DISCONNECTED,
    (_S.READY, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.DEGRADED, _E.SERVER_BACK): _S.READY,
    (_S.DEGRADED, _E.SERVER_LOST): _S.DEGRADED,
    (_S.DEGRADED, _E.LINK_LOST): _S.DISCONNECTED,
    (_S.DEGRADED, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.WAITING, _E.CONNECT): _S.CONNECTING,
    (_S.WAITING, _E.DISCONNECT): _S.DISCONNECTED,
}

#: Events that may come late, from another thread or from a link already given up: they change
#: nothing, and are no error.
IGNORED: frozenset[tuple[State, Event]] = frozenset(
    {
        (_S.DISCONNECTED, _E.DISCONNECT),
        (_S.DISCONNECTED, _E.LINK_LOST),
        (_S.DISCONNECTED, _E.FAILED),
        (_S.DISCONNECTED, _E.SERVER_LOST),
        (_S.DISCONNECTED, _E.SERVER_BACK),
        (_S.WAITING, _E.LINK_LOST),
        (_S.WAITING, _E.FAILED),
        (_S.WAITING, _E.RETRY),
    }
)

#: States in which the gateway's hello has been exchanged: EClient.isConnected() is true.
CONNECTED = frozenset({_S.STARTING, _S.SYNCING, _S.READY, _S.DEGRADED})


class SessionMachine:
    """Holds the state, and moves it by the table only."""

    __slots__ = ("_state",)

    def __init__(self) -> None:
        self._state = State.DISCONNECTED

    @property
    def state(self) -> State:
        """Where the session is."""
        return self._state

    @property
    def connected(self) -> bool:
        """Whether requests may be sent: the hello has been exchanged and the link stands."""
        return self._state in CONNECTED

    def handle(self, event: Event) -> bool:
        """Move by ``event``.

        Returns:
            True if the state changed.

        Raises:
            StateError: The table does not know this event in this state.
        """
        key = (self._state, event)
        if key in IGNORED:
            return False
        try:
            after = TRANSITIONS[key]
        except KeyError:
            raise StateError("session", self._state.name, event.name) from None
        before, self._state = self._state, after
        return after is not before


def mermaid() -> str:
    """The table as a Mermaid state diagram, for the docs."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.DISCONNECTED.name}"]
    arrows: dict[tuple[State, State], list[str]] = {}
    for (before, event), after in TRANSITIONS.items():
        arrows.setdefault((before, after), []).append(event.name)
    lines += [
        f"    {before.name} --> {after.name}: {' | '.join(events)}"
        for (before, after), events in arrows.items()
    ]
    return "\n".join(lines) + "\n"
