"""Quotes: from a line that is open and fresh, else by snapshots, some at a time.

All on the loop thread. A snapshot is a line that ends by itself; whoever asks for the same contract
meanwhile waits for the same one. What was wanted comes long before IB's own end of it, which for a
currency pair takes 11 seconds: so a waiter leaves as soon as it has enough, and the line goes on to
its end alone, unless its place is needed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from ibapi.contract import Contract

from twsloop.clock import Timer
from twsloop.connection.core import Core
from twsloop.connection.pauses import Pauses
from twsloop.connection.streams import SERVED
from twsloop.errors import NotConnected, RequestError, RequestTimeout, SlotsExhausted
from twsloop.event_loop import SharedWork
from twsloop.session.waiting import WaitingRequest
from twsloop.wire.identity import contract_key

from .desk import LineDesk
from .lines import Line
from .quotes import Quote, QuoteSource, has_all_there_is, has_enough, is_old, quote_of
from .slots import REFUSALS, Pool
from .state import Ticker

__all__ = ["Quoting"]

#: So many snapshots are under way at a time.
BATCH = 50
#: What else belongs to a snapshot comes in one burst with what was waited for, seconds.
GRACE = 0.25
#: Where it says that there is no bid, or no ask, it may say otherwise a moment later, seconds.
GRACE_ONE_SIDED = 1.0
#: A line that is open for so long has shown all that there is, seconds.
IMAGE = 3.0
#: IB allows one regulatory snapshot in so many seconds (domain.md b).
REGULATORY_PAUSE = 1.0


class _Waiter:
    """Holds one snapshot until it has brought enough, or ended."""

    def __init__(self, core: Core, symbol: str, line: Line) -> None:
        self.symbol = symbol
        self.line = line
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.complete = False
        self.error: Exception | None = None
        self.tellers = (self._ticked,)
        self.failures: tuple[Any, ...] = ()
        self._clock = core.clock
        self._grace: Timer | None = None

    def line_over(self, line: Line, error: Exception | None) -> list[str]:
        """The snapshot ended: nobody else is to be told."""
        del line
        self.complete = error is None
        self.error = error
        self._finish()
        return []

    def quote(self) -> Quote:
        """What it brought."""
        ticker = self.line.ticker
        if self.error is not None and not self._partly:
            source = self._source
            return Quote(
                symbol=self.symbol, contract=ticker.contract, source=source, error=self.error
            )
        return quote_of(ticker, self.symbol, source=self._source, complete=self.complete)

    @property
    def one_too_many(self) -> bool:
        """Whether IB had no place for it, although the ledger had: it may have one later."""
        error = self.error
        return (
            isinstance(error, RequestError)
            and not isinstance(error, SlotsExhausted)
            and REFUSALS.get(error.code or 0) is Pool.LINES
        )

    def stop(self) -> None:
        """Wait no more."""
        if self._grace is not None:
            self._grace.cancel()
        self.over.cancel()

    @property
    def _partly(self) -> bool:
        """Whether only the deadline was missed: what has come is an answer."""
        return isinstance(self.error, RequestTimeout) and self.line.ticker.received is not None

    @property
    def _source(self) -> QuoteSource:
        return QuoteSource.REGULATORY if self.line.regulatory else QuoteSource.SNAPSHOT

    def look(self) -> None:
        """See whether it has brought enough: who joins late may hear no further tick."""
        ticker = self.line.ticker
        if self._grace is None and has_all_there_is(ticker):
            seconds = GRACE if has_enough(ticker) else GRACE_ONE_SIDED
            self._grace = self._clock.call_later(seconds, self._enough)

    def _ticked(self, _ticker: Ticker) -> None:
        self.look()

    def _enough(self) -> None:
        self.complete = True
        self._finish()

    def _finish(self) -> None:
        if not self.over.done():
            self.over.set_result(None)


class Quoting:
    """Answers questions for quotes.

    Args:
        core: The connection.
        desk: The lines.
    """

    def __init__(self, core: Core, desk: LineDesk) -> None:
        self._core = core
        self._desk = desk
        self._pauses = Pauses(core)
        self._shared = SharedWork(core.event_loop)
        self._regulatory_free_at = 0.0
        #: Snapshots that somebody waits for.
        self._under_way: set[_Waiter] = set()
        #: Those who wait for one of these to make room.
        self._queue: set[asyncio.Future[None]] = set()
        #: What waits for that, by who asks: the contracts' symbols, and since when.
        self._missing: dict[object, tuple[Iterable[tuple[str, Any]], float]] = {}
        core.pacing.list_waits(self._waits)

    async def one(
        self, symbol: str, contract: Contract, max_age: float | None, seconds: float | None
    ) -> Quote:
        """The quote of one contract.

        Raises:
            TwsLoopError: There is none: IB's error, or ours.
        """
        found = await self.many({symbol: contract}, max_age, seconds)
        quote = found[symbol]
        if quote.error is not None:
            raise quote.error
        return quote

    async def many(
        self, wanted: Mapping[str, Contract], max_age: float | None, seconds: float | None
    ) -> dict[str, Quote]:
        """The quotes of several, by symbol; one that cannot be had has its error set."""
        found: dict[str, Quote] = {}
        missing: deque[tuple[str, Contract]] = deque()
        for symbol, contract in wanted.items():
            ticker = self._live(contract, max_age)
            if ticker is None:
                missing.append((symbol, contract))
            else:
                found[symbol] = quote_of(ticker, symbol, source=QuoteSource.LINE)
        if missing:
            self._require_session(f"quote of {missing[0][0]}")
            await self._snapshots(missing, self._deadline(seconds), found)
        return {symbol: found[symbol] for symbol in wanted}

    async def regulatory(self, symbol: str, contract: Contract, seconds: float | None) -> Quote:
        """A regulatory snapshot, when it is its turn; who asks for the same meanwhile shares it.

        Raises:
            TwsLoopError: There is none: IB's error, or ours.
        """
        key = contract_key(contract)
        found = await self._shared.of(key, self._regulatory, symbol, contract, seconds)
        return attrs.evolve(found, symbol=symbol)

    async def _regulatory(self, symbol: str, contract: Contract, seconds: float | None) -> Quote:
        request = f"regulatory snapshot of {symbol}"
        self._require_session(request)
        clock = self._core.clock
        now = clock.monotonic()
        wait, self._regulatory_free_at = (
            self._regulatory_free_at - now,
            max(self._regulatory_free_at, now) + REGULATORY_PAUSE,
        )
        if wait > 0:
            await self._pauses.sleep(wait, request, "one regulatory snapshot a second")
        line = self._desk.line(contract, snapshot=True, timeout=self._deadline(seconds))
        line.regulatory = True
        waiter = _Waiter(self._core, symbol, line)
        self._desk.hold(line, waiter)
        try:
            await waiter.over
        finally:
            self._leave(waiter)
        quote = waiter.quote()
        if quote.error is not None:
            raise quote.error
        return quote

    def live(self, contract: Contract) -> Ticker | None:
        """The ticker of a contract that is watched, whatever its age; None if none is."""
        return self._live(contract, None)

    async def ticker_of(self, contract: Contract) -> Ticker | None:
        """The live ticker of a contract, or a snapshot's; None if there is none.

        While a session begins it is waited for.
        """
        while True:
            live = self._live(contract, None)
            if live is not None:
                return live
            if not self._may_start(contract):
                name = contract.localSymbol or contract.symbol
                self._missing[token := object()] = ((name, contract),), self._core.clock.monotonic()
                try:
                    while not self._may_start(contract):
                        await self._somebody_leaves()
                finally:
                    del self._missing[token]
            waiter = self._start("", contract, self._deadline(None))
            try:
                await waiter.over
            finally:
                self._leave(waiter)
            if not waiter.line.displaced:
                ticker = waiter.line.ticker
                return None if ticker.received is None else ticker

    # ---- inside --------------------------------------------------------------------------

    def _deadline(self, seconds: float | None) -> float:
        return self._core.config.connection.request_timeout if seconds is None else seconds

    def _require_session(self, request: str) -> None:
        if self._core.state not in SERVED:
            msg = f"{request}: not connected"
            raise NotConnected(msg)

    def _live(self, contract: Contract, max_age: float | None) -> Ticker | None:
        """The ticker of an open line that may answer, if there is one."""
        now = self._core.clock.monotonic()
        for line in self._desk.ledger.of(contract_key(contract)):
            ticker = line.ticker
            if line.snapshot or line.req_id is None or ticker.stale or ticker.age is None:
                continue
            if is_old(ticker) or (max_age is not None and ticker.age > max_age):
                continue
            # While the image is still coming in, a part of it would be an answer too few.
            if has_enough(ticker) or now - line.asked_at >= IMAGE:
                return ticker
        return None

    async def _snapshots(
        self, missing: deque[tuple[str, Contract]], seconds: float, found: dict[str, Quote]
    ) -> None:
        """Take snapshots of all that is missing, as many at a time as there is room for."""
        under_way: dict[asyncio.Future[None], _Waiter] = {}
        self._missing[token := object()] = missing, self._core.clock.monotonic()
        try:
            while missing or under_way:
                while missing and self._may_start(missing[0][1]):
                    waiter = self._start(*missing.popleft(), seconds)
                    under_way[waiter.over] = waiter
                if under_way:
                    await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
                else:
                    await self._somebody_leaves()
                for over in [over for over in under_way if over.done()]:
                    waiter = under_way.pop(over)
                    self._leave(waiter)
                    contract = waiter.line.ticker.contract
                    later = bool(self._under_way) or self._desk.has_room(contract)
                    if waiter.line.displaced or (waiter.one_too_many and later):
                        missing.append((waiter.symbol, contract))
                    else:
                        found[waiter.symbol] = waiter.quote()
        finally:
            del self._missing[token]
            for waiter in under_way.values():
                self._leave(waiter)

    def _waits(self) -> list[WaitingRequest]:
        """Snapshots that there is no place for yet; from any thread."""
        reason = f"{len(self._under_way)} snapshots are under way, and all places are taken"
        found: list[WaitingRequest] = []
        for missing, since in list(self._missing.values()):
            found += [
                WaitingRequest(
                    request=f"quote of {symbol}",
                    lane="place",
                    reason=reason,
                    expected=None,
                    position=len(found) + place,
                    **self._core.pacing.since(since),
                )
                for place, (symbol, _) in enumerate(list(missing))
            ]
        return found

    def _may_start(self, contract: Contract) -> bool:
        # With nothing under way a refusal is the answer: nothing of ours will make room.
        busy = len(self._under_way)
        return not busy or (busy < BATCH and self._desk.has_room(contract))

    async def _somebody_leaves(self) -> None:
        """Wait until a snapshot has its answer; each takes seconds at most."""
        left = asyncio.get_running_loop().create_future()
        self._queue.add(left)
        try:
            await left
        finally:
            self._queue.discard(left)

    def _start(self, symbol: str, contract: Contract, seconds: float) -> _Waiter:
        """Hold the snapshot that is under way for a contract, or a new one."""
        key = ("snapshot", contract_key(contract), seconds)
        line = self._desk.ledger.find(key)
        if line is None:
            line = self._desk.line(contract, key=key, snapshot=True, timeout=seconds)
        waiter = _Waiter(self._core, symbol, line)
        self._under_way.add(waiter)
        self._desk.hold(line, waiter)
        waiter.look()
        return waiter

    def _leave(self, waiter: _Waiter) -> None:
        self._under_way.discard(waiter)
        self._desk.release(waiter.line, waiter, answered=waiter.complete)
        waiter.stop()
        for left in self._queue:
            if not left.done():
                left.set_result(None)
