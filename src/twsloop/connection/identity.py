"""Who the session is: what the gateway tells by itself once startApi has come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .core import Core

__all__ = ["Identity"]


class Identity:
    """Hears the accounts and the next order id, without which there is no session; loop thread.

    Args:
        core: The connection.
        told: Called when either of them came.

    Attributes:
        whole: Done when an attempt at a session knows both; None before the first attempt.
    """

    def __init__(self, core: Core, told: Callable[[], None]) -> None:
        self._core = core
        self._told = told
        self._accounts = False
        self._next_id = False
        self.whole: asyncio.Future[None] | None = None
        core.add_slice(self, ("managedAccounts", "nextValidId"))

    @property
    def missing(self) -> list[str]:
        """What has not come yet, by IB's names."""
        named = (("managedAccounts", self._accounts), ("nextValidId", self._next_id))
        return [name for name, came in named if not came]

    def begin(self) -> None:
        """A new attempt: nothing has come."""
        self.whole = asyncio.get_running_loop().create_future()
        self._accounts = self._next_id = False

    def complete(self) -> None:
        """Both are known, and the session is one that waits for them."""
        if self.whole is not None and not self.whole.done():
            self.whole.set_result(None)

    def managedAccounts(self, accountsList: str) -> None:
        """EWrapper's: the accounts of this login."""
        self._core.accounts = tuple(a for a in accountsList.split(",") if a)
        self._accounts = True
        self._told()

    def nextValidId(self, orderId: int) -> None:
        """EWrapper's: the lowest order id that may be used."""
        self._core.order_ids.raise_to(orderId)
        self._next_id = True
        self._told()
