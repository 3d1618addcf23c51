"""Time that a test moves, and both clients of the flow API as one."""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
import time as real_time
from collections.abc import Awaitable, Callable
from typing import Any

from api_client import ApiClient, AsyncApiClient, Timing
from api_client.testing import ReferenceServer

# A Wednesday, 15:00 in New York: the market is open, and two days of the week lie behind.
NOW = dt.datetime(2026, 11, 18, 20, 0, tzinfo=dt.UTC)
_TURN = 0.001  # real seconds: others must get their turn, or nobody's request ever ends
KEY = "k-3f9/Zq+7=secret"


class FlowTime:
    """A clock that only sleeping moves; both the client and the server go by it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 1000.0
        self.slept: list[float] = []
        self.chance = 0.5

    def monotonic(self) -> float:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        self._move(seconds)
        real_time.sleep(_TURN)

    async def sleep_async(self, seconds: float) -> None:
        self._move(seconds)
        await asyncio.sleep(_TURN)

    def _move(self, seconds: float) -> None:
        with self._lock:
            self._now += seconds
            self.slept.append(seconds)
        assert len(self.slept) < 5000, "something spins"

    @property
    def timing(self) -> Timing:
        return Timing(
            monotonic=self.monotonic,
            sleep=self.sleep,
            sleep_async=self.sleep_async,
            chance=lambda: self.chance,
            now=lambda: NOW,
        )


async def ask_both(
    server: ReferenceServer,
    time: FlowTime,
    sync_call: Callable[[ApiClient], Any],
    async_call: Callable[[AsyncApiClient], Awaitable[Any]],
    **options: Any,
) -> tuple[Any, Any]:
    """The outcome of one call by each client: its answer, or the exception it raised.

    The sync client blocks this loop meanwhile; the server has a thread of its own.
    """
    outcomes: list[Any] = []
    with ApiClient(server.base_url, server.key, timing=time.timing, **options) as client:
        try:
            outcomes.append(sync_call(client))
        except Exception as error:
            outcomes.append(error)
    async with AsyncApiClient(
        server.base_url, server.key, timing=time.timing, **options
    ) as async_client:
        try:
            outcomes.append(await async_call(async_client))
        except Exception as error:
            outcomes.append(error)
    return outcomes[0], outcomes[1]
