"""The store as a fetch uses it: opened when first needed, and done without when it is broken.

The file is a convenience. If it cannot be opened, read or written, one warning says so and what to
do, and everything is fetched. It is closed when the loop ends. Loop thread only.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TypeVar

from twsloop.clock import ManualClock
from twsloop.connection.core import Core
from twsloop.errors import StorageError

from .rows import Bar, Tick
from .spans import Span, Spans
from .store import SeriesKey, Store

__all__ = ["Keeper"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Keeper:
    """What is kept, if anything is.

    Args:
        core: The connection; its settings name the file.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._store: Store | None = None
        self._turn = asyncio.Lock()
        self.broken = False

    @property
    def source(self) -> str:
        """The name under which this gateway's data is kept; it does not give accounts away."""
        core = self._core
        if core.config.history.source:
            return core.config.history.source
        connection = core.config.connection
        who = f"{connection.host}:{connection.port}:{','.join(sorted(core.accounts))}"
        return hashlib.sha256(who.encode()).hexdigest()[:16]

    async def bars(
        self, key: SeriesKey | None, span: Span, *, dated: bool
    ) -> tuple[Spans, list[Bar]]:
        """Which parts of a span are known, and their bars; nothing without a store."""

        async def read(store: Store, key: SeriesKey) -> tuple[Spans, list[Bar]]:
            known = (await store.known(key)).within(span)
            return known, await store.bars(key, span, dated=dated) if known else []

        return await self._use(key, read, (Spans(), []))

    async def beside(
        self, key: SeriesKey | None, span: Span, count: int, *, dated: bool
    ) -> list[Bar]:
        """The last bars before a span and the first ones after it; nothing without a store."""
        return await self._use(
            key, lambda store, key: store.beside(key, span, count, dated=dated), []
        )

    async def ticks(self, key: SeriesKey | None, span: Span) -> tuple[Spans, list[Tick]]:
        """Which parts of a span are known, and their ticks; nothing without a store."""

        async def read(store: Store, key: SeriesKey) -> tuple[Spans, list[Tick]]:
            known = (await store.known(key)).within(span)
            return known, await store.ticks(key, span) if known else []

        return await self._use(key, read, (Spans(), []))

    async def keep_bars(self, key: SeriesKey | None, span: Span, bars: Iterable[Bar]) -> None:
        """Keep a span: all bars that begin in it."""
        await self._use(key, lambda store, key: store.keep_bars(key, span, bars), None)

    async def keep_ticks(self, key: SeriesKey | None, span: Span, ticks: Sequence[Tick]) -> None:
        """Keep a span: all ticks in it."""
        await self._use(key, lambda store, key: store.keep_ticks(key, span, ticks), None)

    async def forget(self, key: SeriesKey | None) -> None:
        """Keep nothing of a series any more."""
        await self._use(key, lambda store, key: store.forget(key), None)

    async def _use(
        self,
        key: SeriesKey | None,
        work: Callable[[Store, SeriesKey], Awaitable[T]],
        instead: T,
    ) -> T:
        store = await self._opened() if key is not None else None
        if store is None or key is None:
            return instead
        try:
            return await work(store, key)
        except StorageError as error:
            self._give_up(error)
            return instead

    async def _opened(self) -> Store | None:
        params = self._core.config.history
        # Where time is moved by hand, nothing is worth keeping for the next run.
        if not params.store or self.broken or isinstance(self._core.clock, ManualClock):
            return None
        async with self._turn:
            if self._store is None and not self.broken:
                store = Store(params.store_file)
                try:
                    await store.open()
                except StorageError as error:
                    self._give_up(error)
                    return None
                self._store = store
                self._core.event_loop.at_stop(self._close)
            return self._store

    async def _close(self) -> None:
        store, self._store = self._store, None
        self._turn = asyncio.Lock()  # the next one may have another loop
        if store is not None:
            await store.close()

    def _give_up(self, error: StorageError) -> None:
        self.broken = True
        logger.warning("history is not kept, and fetched each time: %s", error)
