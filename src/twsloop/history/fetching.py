"""Bars of any span: what is kept is read, what is missing is fetched, piece by piece, and kept.

Theory of operation. A span is taken against what the store knows of it; each part that is missing
is fetched from its end backwards (`chunks`). After each answer the store knows more, in one
transaction. So it does not matter when a fetch breaks off: the same question goes on from there.

Three things are never kept. A bar that is not over (by the gateway's clock, which may be that of
another day if its market is made up). The last hour, unless bars came of it: a gateway with delayed
data does not have it yet, and says nothing. And what the gateway can only tell as of now, adjusted
by all dividends up to now: pieces that were fetched on different days do not fit together.

Prices are adjusted for splits, as of the day they are told. So a request reaches into what is kept
beside the part that is missing, where that takes no further one, and the two are compared. If all
differ by one factor, there was a split: everything kept is on the old scale, is forgotten and
fetched again. If only some differ, they were corrected, and the newer ones count and are kept.
Either is told as a finding.
"""

from __future__ import annotations

import asyncio
import operator
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import attrs

from twsloop.connection.core import Core
from twsloop.errors import NoHistory, RequestError
from twsloop.wire.times import read_time

from .asking import EMPTY, SERVICE_ERROR, PacedAsks
from .checks import Finding, FindingKind, check_bars, compare, session_steps
from .chunks import (
    DAY_S,
    KEPT_SMALL_S,
    Chunk,
    duration_text,
    final_until,
    labels,
    next_chunk,
    whole_from,
)
from .keeping import Keeper
from .pacing import Wait
from .progress import Meter, Progress
from .questions import bars_question, head_question
from .reading import BarReader
from .rows import Bar, Session
from .series import BarSeries
from .spans import Span, Spans, moment
from .store import SeriesKey
from .words import BarSize, Show

__all__ = [
    "READ_AT_ONCE",
    "RECENT_S",
    "BarFetch",
    "BarQuestion",
    "OnProgress",
    "Tools",
    "gateway_now",
]

OnProgress = Callable[[Progress], object]
T = TypeVar("T")

#: A span that ends this short a time ago may lack its last bars, where data is delayed, seconds.
RECENT_S = 3600
#: So many rows are read, or checked, before others have their turn on the loop thread.
READ_AT_ONCE = 500
CHECKED_AT_ONCE = 5000
#: Ratios of prices that differ less than this are one factor: prices are rounded.
#: So many bars on either side of what is missing are compared with what is told now; the outer one
#: may be cut off in the answer.
_COMPARED = 2
_SAME_FACTOR = Decimal("0.005")
_IS_FACTOR = Decimal("0.01")


@attrs.frozen
class Tools:
    """What a fetch works with.

    Attributes:
        core: The connection.
        asks: Asks the history service.
        keeper: Keeps what was fetched.
        sessions: Asks for the trading days of a contract that have a second in a span; called with
            contract, span, and whether only regular trading hours count.
    """

    core: Core
    asks: PacedAsks
    keeper: Keeper
    sessions: Callable[[Any, Span, bool], Awaitable[list[Session]]]


@attrs.frozen
class BarQuestion:
    """A question about bars.

    Attributes:
        contract: IB's Contract.
        symbol: The contract as one would type it.
        size: The bars' size.
        show: What they show.
        regular: Only regular trading hours.
        span: The time they begin in; of bars of a day or more whole days of their label.
        key: Under which they are kept; None where they are not.
        check: Compare them with the schedule.
        timeout: Seconds for each answer.
    """

    contract: Any = attrs.field(repr=False)
    symbol: str
    size: BarSize
    show: Show
    regular: bool
    span: Span
    key: SeriesKey | None
    check: bool
    timeout: float

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"bars of {self.size} of {self.symbol} ({self.show})"


async def gateway_now(core: Core) -> int:
    """The time by the gateway's clock, seconds since 1970; ours if it does not tell it."""
    try:
        (now,) = await core.ask(
            lambda _id: core.reqCurrentTime(),
            request="the gateway's time",
            key="current_time",
            share="current time",
        )
    except RequestError:
        return int(core.clock.now().timestamp())
    return int(now)


class _Rescaled(Exception):
    """What is kept is on another scale than what is told now."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)


class BarFetch:
    """One question about bars, being answered.

    Args:
        tools: What it works with.
        question: What is asked.
        on_progress: Told after each answer, and whenever a request has to wait.
    """

    def __init__(
        self, tools: Tools, question: BarQuestion, on_progress: OnProgress | None = None
    ) -> None:
        self._tools = tools
        self._question = question
        self._on_progress = on_progress
        self._findings: list[Finding] = []
        self._bars: dict[int, Bar] = {}
        self._kept: dict[int, Bar] = {}
        self._now = int(tools.core.clock.now().timestamp())
        self._clock_read = False
        self._head: int | None = None
        self._meter = Meter(question.span.seconds, 0, 0.0)

    async def run(self) -> BarSeries:
        """Answer it.

        Raises:
            NoHistory: There is no bar, although there was trading.
            RequestError: The gateway refused a request; what came before is kept.
        """
        question = self._question
        try:
            await self._fetch()
        except _Rescaled as rescaled:
            await self._tools.keeper.forget(question.key)
            self._findings += rescaled.findings
            await self._fetch()
        bars = [self._bars[second] for second in sorted(self._bars)]
        if not bars and await self._traded():
            msg = f"the gateway has no data of {question.span}"
            raise NoHistory(msg, code=SERVICE_ERROR, request=question.words)
        for start in range(0, len(bars), CHECKED_AT_ONCE):
            piece = bars[start : start + CHECKED_AT_ONCE]
            self._findings += check_bars(piece, question.size, question.show)
            await asyncio.sleep(0)
        if question.check:
            sessions = await self._sessions()
            until, found = moment(self._now), self._findings
            for _ in session_steps(bars, question.size, sessions, until, found):
                await asyncio.sleep(0)
        return BarSeries(
            contract=question.contract,
            symbol=question.symbol,
            size=question.size,
            show=question.show,
            regular=question.regular,
            start=moment(question.span.start),
            end=moment(question.span.end),
            rows=tuple(bars),
            requests=self._meter.requests,
            findings=tuple(sorted(self._findings, key=lambda finding: finding.start)),
        )

    async def _sessions(self) -> list[Session]:
        """The trading days of the span, so far; cut to it, where bars go by times."""
        question, span = self._question, self._question.span
        until = min(span.end, max(self._now, span.start + 1))
        if question.size.intraday:
            wanted = Span(span.start, until)
            found = await self._tools.sessions(question.contract, wanted, question.regular)
            first, last = moment(wanted.start), moment(wanted.end)
            return [
                attrs.evolve(one, start=max(one.start, first), end=min(one.end, last))
                for one in found
            ]
        wanted = Span(span.start - DAY_S, until + DAY_S)
        found = await self._tools.sessions(question.contract, wanted, question.regular)
        return [one for one in found if span.start <= labels(one.day, one.day).start < span.end]

    async def _traded(self) -> bool:
        """Whether there was trading in the span, as far as the gateway's schedule knows."""
        try:
            return bool(await self._sessions())
        except RequestError:
            return True

    # ---- fetching ------------------------------------------------------------------------

    async def _fetch(self) -> None:
        tools, question = self._tools, self._question
        span = question.span
        known, kept = await tools.keeper.bars(question.key, span, dated=not question.size.intraday)
        self._kept = {bar.second: bar for bar in kept}
        self._bars = dict(self._kept)
        self._meter = Meter(span.seconds, known.seconds, tools.core.clock.monotonic())
        missing = Spans([span]).without(known)
        if missing and not self._clock_read:  # else nobody needs to be asked anything
            self._clock_read, self._now = True, await gateway_now(tools.core)
        missing = self._within_reach(missing)
        if question.show.ends_now or question.contract.secType == "CONTFUT":
            await self._fetch_at_once()
            return
        for gap in reversed(list(missing)):
            left: Span | None = gap
            while left is not None:
                left = await self._fetch_last(left, first=left is gap)

    def _within_reach(self, missing: Spans) -> Spans:
        """What is missing and can be had: small bars are kept for six months only."""
        oldest = self._now - KEPT_SMALL_S
        if not self._question.size.small or not missing or next(iter(missing)).start >= oldest:
            return missing
        lost = missing.without([Span(oldest, max(oldest + 1, self._question.span.end))])
        first = next(iter(lost))
        text = f"IB keeps bars of {self._question.size} for six months only"
        self._meter.skipped(lost.seconds)
        self._find(FindingKind.NOT_KEPT, Span(first.start, list(lost)[-1].end), 0, text)
        return missing.without(lost)

    async def _fetch_last(self, gap: Span, *, first: bool) -> Span | None:
        """Fetch the last part of a gap; what is left of it.

        Args:
            gap: What is missing.
            first: Nothing of it was fetched before, so what is after it was kept before, too.
        """
        question = self._question
        chunk, compared = await self._chunk(gap, first=first)
        told, seconds = await self._ask_or_nothing(chunk)
        whole = whole_from(question.size, chunk, seconds)
        since = max(gap.start, min(whole, gap.end - 1))
        if not told and await self._before_all(gap.end):
            since = gap.start
        # Bars at either end of an answer may be cut off.
        await self._compare(_between(told, seconds, whole, compared))
        part = Span(since, gap.end)
        bars = _between(told, seconds, part.start, part.end)
        times = _between(seconds, seconds, part.start, part.end)
        self._bars.update(zip(times, bars, strict=True))
        self._meter.answered(part.seconds, len(bars))
        await self._keep(part, told, seconds)
        self._tell()
        return Span(gap.start, since) if since > gap.start else None

    async def _chunk(self, gap: Span, *, first: bool) -> tuple[Chunk, int]:
        """The request for the last part of a gap, and until when its answer may be compared."""
        question, size = self._question, self._question.size
        plain = next_chunk(size, gap, self._now)
        kept = await self._tools.keeper.beside(
            question.key, gap, _COMPARED, dated=not size.intraday
        )
        beside = [bar for bar in kept if first or bar.second < gap.start]
        if not beside:
            return plain, gap.end
        start = min(beside[0].second, gap.start)
        last = max(beside[-1].second + size.seconds, gap.end)
        wider = [(Span(start, last), max(plain.sure, gap.start))]
        if plain.sure > gap.start:  # it is the first of several: it may get on a little less
            wider.append((Span(gap.start, last), (plain.sure + gap.end) // 2))
        for span, enough in wider:
            chunk = next_chunk(size, span, self._now)
            if chunk.sure <= enough:
                self._kept |= {bar.second: bar for bar in beside}
                return chunk, span.end
        return plain, gap.end  # what is kept is too far away

    async def _fetch_at_once(self) -> None:
        """What ends now is fetched by one request, and not kept."""
        question = self._question
        span = question.span
        reach = max(self._now - span.start, 1) + question.size.seconds
        chunk = Chunk(None, duration_text(question.size, reach), span.start)
        told, seconds = await self._ask_or_nothing(chunk)
        times = _between(seconds, seconds, span.start, span.end)
        bars = _between(told, seconds, span.start, span.end)
        self._bars = dict(zip(times, bars, strict=True))
        self._meter.answered(span.seconds, len(self._bars))
        self._tell()

    async def _keep(self, part: Span, told: Sequence[Bar], seconds: Sequence[int]) -> None:
        """Keep what is over of a part."""
        question = self._question
        until = min(part.end, final_until(question.size, self._now))
        if question.size.intraday and part.end > self._now - RECENT_S:
            last = seconds[-1] + question.size.seconds if told else part.start
            until = min(until, last)
        if until > part.start:
            span = Span(part.start, until)
            bars = _between(told, seconds, span.start, span.end)
            await self._tools.keeper.keep_bars(question.key, span, bars)

    async def _compare(self, told: Sequence[Bar]) -> None:
        """Compare what is kept with what is told of the same times now."""
        size, asked = self._question.size, self._question.span
        again = [bar for bar in told if bar.second in self._kept] if self._kept else []
        found = compare([self._kept[bar.second] for bar in again], again, size)
        if not found:
            return
        if _one_factor([(self._kept[bar.second].close, bar.close) for bar in again]):
            raise _Rescaled(found)
        self._findings += found
        self._bars |= {bar.second: bar for bar in again if asked.start <= bar.second < asked.end}
        corrected = {finding.start for finding in found}
        for bar in again:
            if bar.time in corrected:
                one = Span(bar.second, bar.second + 1)
                await self._tools.keeper.keep_bars(self._question.key, one, [bar])

    async def _before_all(self, end: int) -> bool:
        """Whether there is no data before a time at all; asked once, when an answer was empty."""
        question, core = self._question, self._tools.core
        if self._head is None:
            self._head = 0
            try:
                request = head_question(
                    core, question.contract, question.show, symbol=question.symbol
                )
                (text,) = await self._tools.asks.ask(request)
            except RequestError:
                return False  # it is not known, so all of the span is asked for
            head = read_time(text)
            self._head = 0 if head is None else int(head.timestamp())
        return 0 < end <= self._head // DAY_S * DAY_S

    # ---- one request ---------------------------------------------------------------------

    async def _ask_or_nothing(self, chunk: Chunk) -> tuple[list[Bar], list[int]]:
        """The bars of one request, and their seconds; none where there are none in that time.

        Raises:
            NoHistory: There never are any: currencies have no trades.
        """
        try:
            return await self._ask(chunk)
        except NoHistory as error:
            if EMPTY not in error.text.lower():
                raise
            return [], []

    async def _ask(self, chunk: Chunk) -> tuple[list[Bar], list[int]]:
        """The bars of one request, in order, and when each begins."""
        question = self._question
        request = bars_question(
            self._tools.core,
            question.contract,
            chunk,
            question.size,
            question.show,
            regular=question.regular,
            words=question.words,
            timeout=question.timeout,
        )
        reader: BarReader = await self._tools.asks.ask(request, self._tell)
        found, seconds = reader.bars, reader.seconds  # another one may have asked the same
        if reader.unread:
            end = self._now if chunk.end is None else chunk.end
            span = Span(min(chunk.sure, end - 1), end)
            text = f"{reader.unread} bars cannot be read"
            self._find(FindingKind.UNREADABLE, span, reader.unread, text)
        if not all(map(operator.lt, seconds, seconds[1:])):
            self._findings += [
                finding
                for finding in check_bars(found, question.size, question.show)
                if finding.kind in {FindingKind.DOUBLE, FindingKind.DISORDER}
            ]
            found, seconds = sorted(found, key=lambda bar: bar.time), sorted(seconds)
        return found, seconds

    def _find(self, kind: FindingKind, span: Span, count: int, text: str) -> None:
        self._findings.append(Finding(kind, moment(span.start), moment(span.end), count, text))

    def _tell(self, wait: Wait | None = None) -> None:
        if self._on_progress is not None:
            now = self._tools.core.clock.monotonic()
            self._on_progress(self._meter.look(now, wait))


def _between(told: Sequence[T], seconds: Sequence[int], start: int, end: int) -> Sequence[T]:
    """Those of ``told``, which begin at these seconds, that do so from one second to another."""
    return told[bisect_left(seconds, start) : bisect_left(seconds, end)]


def _one_factor(pairs: Sequence[tuple[Decimal, Decimal]]) -> bool:
    """Whether all of the second prices are the first ones times one factor, which is not 1."""
    if any(not before or not now for before, now in pairs):
        return False
    factors = [now / before for before, now in pairs]
    spread = max(factors) - min(factors)
    return spread <= _SAME_FACTOR * min(factors) and all(
        abs(factor - 1) > _IS_FACTOR for factor in factors
    )
