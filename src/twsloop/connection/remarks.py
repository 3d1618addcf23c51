"""What the gateway says about itself and our session, and what follows for the session."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from twsloop.events import Notice
from twsloop.session.state import Event, State

from .core import CLIENT_ID_IN_USE, SERVER_BACK, SERVER_LOST, Core

__all__ = ["Remarks", "new_port"]

#: The gateway's port was changed in its settings; the new one stands in the text.
PORT_CHANGED = 1300
#: We ask faster than the gateway allows; the third time it ends the session.
TOO_MANY_MESSAGES = 100

#: What the gateway said explains the end of a link that comes at most so much later, seconds.
PARTING = 10.0

_PORT = re.compile(r"port\D*?(\d{1,5})\b", re.ASCII | re.IGNORECASE)


class Attempt(Protocol):
    """What the remarks need of the lifecycle."""

    def id_in_use(self) -> None:
        """The attempt under way has failed: the client id is taken."""
        ...

    def port_changed(self, port: int) -> None:
        """The gateway listens on another port from now on."""
        ...

    def link_useless(self, why_so: BaseException) -> None:
        """The link shall end, and the session be made anew."""
        ...


class Remarks:
    """Listens to notices for the lifecycle; loop thread only.

    Args:
        core: The connection.
        attempt: The lifecycle.
    """

    def __init__(self, core: Core, attempt: Attempt) -> None:
        self._core = core
        self._attempt = attempt
        self._lost = ""
        self._parting: tuple[float, str] | None = None
        self._rows: dict[int, Callable[[Notice], None]] = {
            CLIENT_ID_IN_USE: self._id_in_use,
            PORT_CHANGED: self._port_changed,
            TOO_MANY_MESSAGES: self._part,
            **dict.fromkeys(SERVER_LOST, self._server_lost),
            **dict.fromkeys(SERVER_BACK, self._server_back),
        }
        core.on_notice(self._notice)

    def forget(self) -> None:
        """A new session begins."""
        self._lost = ""
        self._parting = None

    def ready(self) -> None:
        """The session is READY; or it is not, as was said before."""
        if self._lost and self._core.state is State.READY:
            self._core.session_changed(Event.SERVER_LOST, self._degraded())

    def explained(self, reason: str) -> str:
        """Why the gateway closed the link, with what it said right before."""
        if self._parting is None:
            return reason
        said_at, said = self._parting
        late = self._core.clock.monotonic() - said_at > PARTING
        return reason if late else f"{reason}, after it had said: {said}"

    # ---- what is said --------------------------------------------------------------------

    def _notice(self, notice: Notice) -> None:
        if notice.code is None or notice.local or not self._core.machine.connected:
            return
        row = self._rows.get(notice.code)
        if row is not None:
            row(notice)
        elif notice.action == "reconnect":  # the policy says that this session is of no use
            self._attempt.link_useless(ConnectionAbortedError(_said(notice)))

    def _server_lost(self, notice: Notice) -> None:
        self._lost = _said(notice)
        self._core.session_changed(Event.SERVER_LOST, self._degraded())

    def _server_back(self, notice: Notice) -> None:
        self._lost = ""
        self._core.session_changed(Event.SERVER_BACK, _said(notice))

    def _id_in_use(self, _notice: Notice) -> None:
        if self._core.state is State.STARTING:
            self._attempt.id_in_use()

    def _part(self, notice: Notice) -> None:
        self._parting = (self._core.clock.monotonic(), _said(notice))

    def _port_changed(self, notice: Notice) -> None:
        self._part(notice)
        port = new_port(notice.text)
        if port is not None:
            self._attempt.port_changed(port)

    def _degraded(self) -> str:
        """Why the session is DEGRADED, and what that means."""
        text = (
            f"{self._lost}: the gateway answers, but has no link to IB's servers; quotes stand "
            "still, and orders wait inside the gateway or are refused by it"
        )
        window = self._core.calendar.window(self._core.clock.now())
        return text if window is None else f"{text}; it is {window}"


def new_port(text: str) -> int | None:
    """The port that error 1300 names; None if its text names none."""
    ports = [int(found) for found in _PORT.findall(text)]
    return next((port for port in reversed(ports) if 0 < port < 65536), None)


def _said(notice: Notice) -> str:
    return f"{notice.text.rstrip('. ')} ({notice.code})"
