"""The session's status, put together: what a change of state fixed, and what moves on its own."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from twsloop.session.state import State
from twsloop.session.status import SessionStatus

if TYPE_CHECKING:
    from .core import Core

__all__ = ["as_of_now", "standing"]


def standing(core: Core, reason: str, since: datetime) -> SessionStatus:
    """What is true from a change of state on (loop thread)."""
    retrying, connected = core.retrying, core.machine.connected
    host, port = core.address
    return SessionStatus(
        state=core.state,
        reason=reason,
        since=since,
        epoch=core.epoch,
        attempt=0 if retrying is None else retrying.number,
        next_attempt_at=core.next_attempt_at if core.state is State.WAITING else None,
        wedged=retrying is not None and retrying.wedged,
        id_taken=retrying is not None and retrying.id_taken,
        role=core.role,
        host=host,
        port=port,
        client_id=core.client_id,
        server_version=core.server_version if connected else None,
    )


def as_of_now(core: Core, status: SessionStatus) -> SessionStatus:
    """The same with what changes without a change of state (any thread)."""
    heard_at = core.heard_at
    known, because = core.orders_known() if core.orders_known is not None else (None, "")
    return attrs.evolve(
        status,
        silent_for=None if heard_at is None else max(core.clock.monotonic() - heard_at, 0.0),
        window=core.calendar.window(core.clock.now()),
        orders_known=known,
        orders_unknown_because=because,
    )
