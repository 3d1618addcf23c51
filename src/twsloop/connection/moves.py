"""The session's way through its table: what moves it, and who is told where it is."""

from __future__ import annotations

import logging
from collections import deque
from typing import TYPE_CHECKING

from twsloop.events import SessionChanged, session_story
from twsloop.session.state import Event, SessionMachine, State
from twsloop.session.status import SessionStatus

from .standing import standing
from .telling import SessionLog

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Moves"]


class Moves:
    """Moves one connection's session, and tells the log and the observers; loop thread.

    Args:
        core: The connection.
        machine: Its session's state.
        logger: Where each change is logged.

    Attributes:
        newest: What moved the session last, and why.
        status: How it stood when that was told.
    """

    def __init__(self, core: Core, machine: SessionMachine, logger: logging.Logger) -> None:
        self._core = core
        self._machine = machine
        self._log = SessionLog(logger, core.clock)
        #: Changes of the session, the first of them being told just now.
        self._untold: deque[tuple[State, SessionStatus, int]] = deque()
        #: Whether READY is missed: a session that stood was lost, or is DEGRADED.
        self._missed = False
        self.newest: tuple[Event, str] = (Event.DISCONNECT, "not started")
        self.status = standing(core, "not started", core.clock.now())

    def move(self, event: Event, reason: str) -> bool:
        """Move the session by the table, and tell the observers; whether its state changed."""
        before = self._machine.state
        changed = self._machine.handle(event)
        if changed:
            state = self._machine.state
            self.newest = event, reason or event.name
            lost = event is Event.LINK_LOST and before in {State.READY, State.DEGRADED}
            if lost:
                self._core.metrics.counter("sessions_lost").add()
            # Whoever reads only warnings was told of the loss, or of 1100, and is told of its end.
            back = state is State.READY and self._missed
            self._missed = not back and (self._missed or lost or state is State.DEGRADED)
            level = logging.WARNING if lost or back else logging.INFO
            self.tell(before, reason or event.name, level)
        return changed

    def tell(self, before: State, reason: str, level: int = logging.INFO) -> None:
        """Tell the observers where the session is, and why.

        What one of them changes is told after all of them know what it was told.
        """
        now = standing(self._core, reason, self._core.clock.now())
        self._untold.append((before, now, level))
        if len(self._untold) > 1:
            return
        while self._untold:
            self._tell(*self._untold[0])
            self._untold.popleft()

    def _tell(self, before: State, status: SessionStatus, level: int) -> None:
        core = self._core
        self._log.tell(status, level)
        self.status = status
        core.hooks.session(status.state, status.reason)
        core.tell(
            SessionChanged(
                time=status.since,
                correlation_id=session_story(core.client_id, status.epoch),
                old=before.name,
                new=status.state.name,
                reason=status.reason,
                epoch=status.epoch,
            )
        )
