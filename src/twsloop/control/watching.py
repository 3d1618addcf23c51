"""A session of our own that looks at a gateway: it reads, and places nothing.

It has the client ids from ``[control] client_id`` on for itself (`IDS` of them), takes the role
``data``, and keeps neither journal nor history. `Watch` makes it in the background, again and again
until the gateway is there, and says what it saw.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Self

import attrs

from twsloop.config import Config
from twsloop.errors import ClientIdLeased, TwsLoopError
from twsloop.events import FarmChanged, Notice
from twsloop.gateway import IBGateway
from twsloop.session.state import State

from .readiness import Seen

__all__ = ["IDS", "Watch", "looking"]

#: So many client ids are ours, so that several looks may be taken at once.
IDS = 8
#: How often a gateway that is starting is tried, seconds: it may stand at its login for minutes,
#: and each try that is accepted and not answered leaves a dead connection inside it.
STARTING_WAIT = 10.0
#: How long the thread of a session that is given up may take, before it is told again, seconds.
STOP_AGAIN = 0.2


def looking(config: Config, *, number: int = 0) -> Config:
    """The settings of a session that only looks.

    Args:
        config: The user's.
        number: Which of our client ids, from 0.
    """
    return attrs.evolve(
        config,
        connection=attrs.evolve(config.connection, client_id=config.control.client_id + number),
        session=attrs.evolve(config.session, role="data"),
        journal=attrs.evolve(config.journal, enabled=False),
        history=attrs.evolve(config.history, store=False),
    )


class Watch:
    """A session in the background; a context manager.

    Args:
        config: The user's settings.
        starting: Whether the gateway is just being started: then it is tried steadily. Else the
            user's own ``[reconnect]`` says how, and when it counts as wedged.
    """

    def __init__(self, config: Config, *, starting: bool) -> None:
        reconnect = attrs.evolve(config.reconnect, enabled=True, first_connect=True, max_attempts=0)
        if starting:
            reconnect = attrs.evolve(
                reconnect,
                first_delay=min(reconnect.first_delay, STARTING_WAIT),
                cap=STARTING_WAIT,
                wedge_delay=STARTING_WAIT,
            )
        self._config = attrs.evolve(config, reconnect=reconnect)
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._codes: set[int] = set()
        self._failed = ""
        self._closing = False
        self._gateway = self._make(0)
        self._thread = threading.Thread(target=self._connect, name="twsloop-watch", daemon=True)

    def _make(self, number: int) -> IBGateway:
        gateway = IBGateway(looking(self._config, number=number))
        gateway.on_session(self._session)
        gateway.observe(FarmChanged, lambda _: self._changed.set())
        gateway.observe(Notice, self._notice)
        return gateway

    # ---- what it saw -----------------------------------------------------------------------

    def seen(self) -> Seen:
        """What it saw so far; any thread."""
        gateway = self._gateway
        status = gateway.session
        with self._lock:
            codes, failed = frozenset(self._codes), self._failed
        return Seen(
            state=status.state.name,
            reason=status.reason,
            ready=status.ready,
            sessions=gateway.stats().session.sessions,
            wedged=status.wedged,
            farms=gateway.system.farms,
            accounts=gateway.accounts,
            server_version=status.server_version,
            codes=codes,
            failed=failed,
        )

    def wait(self, seconds: float) -> None:
        """Wait until something happens, at most so long."""
        if self._changed.wait(seconds):
            self._changed.clear()

    # ---- its life --------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Look no more; nothing of it is left."""
        self._closing = True
        while self._thread.is_alive():
            with suppress(TwsLoopError):
                self._gateway.stop()
            self._thread.join(STOP_AGAIN)
        self._gateway.stop()

    def _connect(self) -> None:
        failed = ""
        for number in range(IDS):
            if number:
                self._gateway = self._make(number)
            if self._closing:
                return
            try:
                self._gateway.start()
            except ClientIdLeased as error:
                failed = str(error)  # another look of ours is going on
                continue
            except TwsLoopError as error:
                failed = str(error)
            else:
                failed = ""
            break
        with self._lock:
            self._failed = failed
        self._changed.set()

    def _session(self, _state: State, _reason: str) -> None:
        self._changed.set()

    def _notice(self, notice: Notice) -> None:
        with self._lock:
            if notice.code is not None:
                self._codes.add(notice.code)
        self._changed.set()
