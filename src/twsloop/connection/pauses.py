"""Waiting for one's turn, as long as the session lasts.

A question that IB allows only so often waits before it is asked. It shall not wait on when the
session it was meant for is over: whoever asked is told at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from twsloop.errors import ConnectionLost, NotConnected
from twsloop.session.waiting import Pause, WaitingRequest

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Pauses"]


class Pauses:
    """Waits that end with their session; loop thread only.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[asyncio.Future[None], str] = {}
        #: Of those that `waiting` is to name.
        self._told: dict[asyncio.Future[None], Pause] = {}
        core.on_down(self._down)
        core.pacing.list_waits(self._waits)

    def require_session(self, request: str) -> None:
        """See that something can be asked now.

        Args:
            request: What is to be asked, in words.

        Raises:
            NotConnected: There is no session.
        """
        if not self._core.connected:
            msg = f"{request}: not connected"
            raise NotConnected(msg)

    async def sleep(self, seconds: float, request: str, reason: str = "") -> None:
        """Wait before something is asked.

        Args:
            seconds: How long.
            request: What is to be asked, in words.
            reason: Why it waits, for `IBGateway.waiting`; empty where another list names it.

        Raises:
            NotConnected: There is no session.
            ConnectionLost: The session ended meanwhile.
        """
        self.require_session(request)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self._core.clock.call_later(seconds, _end, over)
        self._waiting[over] = request
        if reason:
            now = self._core.clock.monotonic()
            self._told[over] = Pause(request=request, until=now + seconds, reason=reason, since=now)
        try:
            await over
        finally:
            timer.cancel()
            del self._waiting[over]
            self._told.pop(over, None)

    def _waits(self) -> list[WaitingRequest]:
        return self._core.pacing.rows("request", list(self._told.values()))

    def _down(self) -> None:
        for over, request in self._waiting.items():
            if not over.done():
                msg = f"{request}: the link was lost before it was asked"
                over.set_exception(ConnectionLost(msg))


def _end(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
