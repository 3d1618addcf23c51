"""Waiting for one's turn, as long as the session lasts.

A question that IB allows only so often waits before it is asked. It shall not wait on when the
session it was meant for is over: whoever asked is told at once.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from twsloop.errors import ConnectionLost, NotConnected

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
        core.on_down(self._down)

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

    async def sleep(self, seconds: float, request: str) -> None:
        """Wait before something is asked.

        Args:
            seconds: How long.
            request: What is to be asked, in words.

        Raises:
            NotConnected: There is no session.
            ConnectionLost: The session ended meanwhile.
        """
        self.require_session(request)
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self._core.clock.call_later(seconds, _end, over)
        self._waiting[over] = request
        try:
            await over
        finally:
            timer.cancel()
            del self._waiting[over]

    def _down(self) -> None:
        for over, request in self._waiting.items():
            if not over.done():
                msg = f"{request}: the link was lost before it was asked"
                over.set_exception(ConnectionLost(msg))


def _end(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
