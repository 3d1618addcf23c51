"""A listening port that can be shut for a while, and opened again, there or elsewhere.

While it is shut, connections are refused, and the port stays ours: a socket is bound to it that
does not listen. So nobody else is given it meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from twsloop.errors import ListenError

from .serving import close_door

__all__ = ["Door"]

logger = logging.getLogger(__name__)


class Door:
    """The door of one server, on its loop.

    What is asked of it happens soon, in the order it was asked: `settled` waits for that.

    Args:
        server: Listens now.
        make: Makes a server that will listen on a port.
        opened: Told of each that listens.

    Attributes:
        server: Listens now, or did last.
    """

    def __init__(
        self,
        server: asyncio.Server,
        make: Callable[[int], Awaitable[asyncio.Server]],
        opened: Callable[[asyncio.Server], None],
    ) -> None:
        self.server = server
        self._make = make
        self._opened = opened
        self._address: Any = server.sockets[0].getsockname()
        self._family = server.sockets[0].family
        self._shut = False
        self._keeper: socket.socket | None = None
        self._work: asyncio.Task[None] | None = None
        self._works: set[asyncio.Task[None]] = set()

    def shut(self) -> None:
        """Refuse connections soon."""
        self._then(self._close)

    def open(self, port: int | None = None) -> None:
        """Listen again soon; on another port if one is given."""
        self._then(lambda: self._listen(port))

    async def settled(self) -> None:
        """Wait until what was asked of it has happened."""
        if self._work is not None:
            await self._work

    async def end(self) -> None:
        """Forget what was asked of it, and the port."""
        self._work = None
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)
        self._let_go()

    # ---- inside ----------------------------------------------------------------------------

    def _then(self, step: Callable[[], Awaitable[None]]) -> None:
        before = self._work

        async def run() -> None:
            if before is not None:
                await before
            await step()

        self._work = asyncio.get_running_loop().create_task(run())
        self._works.add(self._work)
        self._work.add_done_callback(self._works.discard)

    async def _close(self) -> None:
        if self._shut:
            return
        self._shut = True
        await close_door(self.server)
        keeper = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            keeper.bind(self._address)
        except OSError as error:
            keeper.close()
            logger.warning("the port %s is not kept while it is shut: %s", self._address, error)
        else:
            self._keeper = keeper
        logger.info("connections are refused on %s", self._address)

    async def _listen(self, port: int | None) -> None:
        here = self._address[1]
        if not self._shut:
            if port in {None, here}:
                return
            await self._close()
        self._let_go()
        try:
            server = await self._make(here if port is None else port)
        except ListenError as error:
            logger.error("%s: connections stay refused", error)
            return
        self.server = server
        self._address = server.sockets[0].getsockname()
        self._shut = False
        self._opened(server)
        await server.start_serving()
        logger.info("connections are accepted on %s", self._address)

    def _let_go(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.close()
