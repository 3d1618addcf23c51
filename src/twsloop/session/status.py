"""The session as users see it: where it is, why, since when, and what comes next."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import attrs

from .calendar import Window
from .roles import Role
from .state import State

__all__ = ["SessionStatus"]


@attrs.frozen(kw_only=True)
class SessionStatus:
    """How it stands with the session, at one moment.

    Attributes:
        state: Where it is in its life.
        reason: Why, in words.
        since: Since when it is there, UTC.
        epoch: Which session of this connection it is (or was the last), from 1; 0 before the first.
        attempt: Which attempt since a session last stood is under way or comes next; 0 if none is.
        next_attempt_at: When it comes, UTC; None if no attempt waits.
        wedged: Whether the gateway accepts connections and does not answer, several times in a row.
        id_taken: Whether the client id is in use at the gateway, as it said the last time.
        role: What the session is for.
        host: The gateway's host.
        port: The gateway's port.
        client_id: The session's client id.
        server_version: The protocol version; None without a session.
        silent_for: Seconds since the gateway's last byte; None without a session.
        window: The reset or restart that is planned for now.
        orders_known: Whether open, completed and executed orders were fetched in this session; None
            for a connection that does not follow orders.
        orders_unknown_because: Why they are not known.
    """

    state: State
    reason: str
    since: datetime
    epoch: int
    attempt: int = 0
    next_attempt_at: datetime | None = None
    wedged: bool = False
    id_taken: bool = False
    role: Role = Role.TRADE
    host: str = ""
    port: int = 0
    client_id: int = 0
    server_version: int | None = None
    silent_for: float | None = None
    window: Window | None = None
    orders_known: bool | None = None
    orders_unknown_because: str = ""

    @property
    def ready(self) -> bool:
        """Whether everything may be asked."""
        return self.state is State.READY

    def __str__(self) -> str:
        """The state and its reason."""
        return f"{self.state.name}: {self.reason}" if self.reason else self.state.name

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values, for JSON: names for enums, ISO 8601 for times."""
        return attrs.asdict(self, value_serializer=_plain)


def _plain(_owner: object, _field: object, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, State):
        return value.name
    return value.value if isinstance(value, Role) else value
