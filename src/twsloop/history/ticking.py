"""Ticks of any span: what is kept is read, what is missing is fetched forwards, and kept.

IB tells at most a thousand ticks at a time, and finishes the second that it tells last: so the next
request begins with the second after it, and no tick comes twice or is lost, though many share a
second. It never tells ticks of two sessions at once, and may have nothing to say at a time at which
nobody trades: then the schedule says when the next session begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import attrs
from ibapi.common import HistoricalTickBidAsk, HistoricalTickLast

from twsloop.errors import NoHistory, RequestError

from .asking import SERVICE_ERROR
from .checks import Finding, FindingKind
from .fetching import READ_AT_ONCE, RECENT_S, OnProgress, Tools, gateway_now
from .pacing import Wait
from .progress import Meter
from .questions import ticks_question
from .rows import Session, Tick, read_midpoint, read_quote, read_trade
from .series import TickSeries
from .spans import Span, Spans, moment
from .store import SeriesKey
from .words import TickKind

__all__ = ["TickFetch", "TickQuestion", "read_tick"]

#: Ticks of the last seconds may not all have come; so long they are not kept, seconds.
SETTLE_S = 60
#: How far a search for the next session goes at a time where no schedule tells it, seconds.
BLIND_S = 1800


@attrs.frozen
class TickQuestion:
    """A question about ticks.

    Attributes:
        contract: IB's Contract.
        symbol: The contract as one would type it.
        kind: What they show.
        regular: Only regular trading hours.
        ignore_size: Leave out quotes of which only a size changed.
        span: The time they are in.
        key: Under which they are kept; None where they are not.
        timeout: Seconds for each answer.
    """

    contract: Any = attrs.field(repr=False)
    symbol: str
    kind: TickKind
    regular: bool
    ignore_size: bool
    span: Span
    key: SeriesKey | None
    timeout: float

    @property
    def words(self) -> str:
        """What is asked, in words."""
        return f"ticks of {self.symbol} ({self.kind})"


def read_tick(tick: Any) -> Tick | None:
    """A tick of any kind from IB's object; None if it cannot be read."""
    if isinstance(tick, HistoricalTickLast):
        return read_trade(tick)
    if isinstance(tick, HistoricalTickBidAsk):
        return read_quote(tick)
    return read_midpoint(tick)


class TickFetch:
    """One question about ticks, being answered.

    Args:
        tools: What it works with.
        question: What is asked.
        on_progress: Told after each answer, and whenever a request has to wait.
    """

    def __init__(
        self, tools: Tools, question: TickQuestion, on_progress: OnProgress | None = None
    ) -> None:
        self._tools = tools
        self._question = question
        self._on_progress = on_progress
        self._findings: list[Finding] = []
        self._sessions: list[Session] | None = None
        self._no_schedule: RequestError | None = None
        self._meter = Meter(question.span.seconds, 0, 0.0)
        self._now = int(tools.core.clock.now().timestamp())

    async def run(self) -> TickSeries:
        """Answer it.

        Raises:
            NoHistory: There is no tick, although there was trading.
            RequestError: The gateway refused a request; what came before is kept.
        """
        tools, question = self._tools, self._question
        span = question.span
        known, kept = await tools.keeper.ticks(question.key, span)
        self._meter = Meter(span.seconds, known.seconds, tools.core.clock.monotonic())
        by_second: dict[int, list[Tick]] = {}
        _sort_in(by_second, kept)
        missing = Spans([span]).without(known)
        if missing:  # else nobody needs to be asked anything
            self._now = await gateway_now(tools.core)
        for gap in missing:
            left: Span | None = gap
            while left is not None and left.start <= self._now:
                ticks, left = await self._fetch_first(left)
                _sort_in(by_second, ticks)
            if left is not None:
                self._meter.skipped(left.seconds)
                self._tell()
        rows = tuple(tick for second in sorted(by_second) for tick in by_second[second])
        if not rows and await self._traded():
            found = "; ".join(f"{one.count} ticks came that {one.text}" for one in self._findings)
            msg = f"the gateway has no ticks of {span}" + (f" ({found})" if found else "")
            raise NoHistory(msg, code=SERVICE_ERROR, request=question.words)
        return TickSeries(
            contract=question.contract,
            symbol=question.symbol,
            kind=question.kind,
            regular=question.regular,
            start=moment(span.start),
            end=moment(span.end),
            rows=rows,
            requests=self._meter.requests,
            findings=tuple(self._findings),
        )

    async def _fetch_first(self, gap: Span) -> tuple[list[Tick], Span | None]:
        """Fetch the first ticks of a gap; they, and what is left of it."""
        question = self._question
        request = ticks_question(
            self._tools.core,
            question.contract,
            gap.start,
            question.kind,
            regular=question.regular,
            ignore_size=question.ignore_size,
            words=question.words,
            timeout=question.timeout,
        )
        answer = await self._tools.asks.ask(request, self._tell)
        ticks, last = await self._read(answer)
        sure = True
        if last is None:  # nothing from there on: in this session, or at all
            until, sure = await self._next_session(gap)
        else:
            until = min(last + 1, gap.end)
        inside = [tick for tick in ticks if gap.start <= tick.time.timestamp() < gap.end]
        part = Span(gap.start, max(until, gap.start + 1))
        final = min(part.end, self._now - (SETTLE_S if inside else RECENT_S))
        if final > part.start and sure:
            kept = [tick for tick in inside if tick.time.timestamp() < final]
            span = Span(part.start, final)
            await self._tools.keeper.keep_ticks(question.key, span, kept)
        self._meter.answered(part.seconds, len(inside))
        self._tell()
        return inside, Span(part.end, gap.end) if part.end < gap.end else None

    async def _read(self, answer: Sequence[Any]) -> tuple[list[Tick], int | None]:
        """The ticks of an answer, and the last second that it tells."""
        found: list[Tick] = []
        last: int | None = None
        unread = 0
        for number, one in enumerate(answer, 1):
            tick = read_tick(one)
            if tick is None:
                unread += 1
            else:
                found.append(tick)
                second = int(tick.time.timestamp())
                last = second if last is None else max(last, second)
            if number % READ_AT_ONCE == 0:
                await asyncio.sleep(0)
        if unread:
            at = moment(self._question.span.start if last is None else last)
            found_odd = Finding(FindingKind.UNREADABLE, at, at, unread, "cannot be read")
            self._findings.append(found_odd)
        return found, last

    async def _next_session(self, gap: Span) -> tuple[int, bool]:
        """Where the next session in a gap begins, its end if there is none; and if that is known.

        Where there is no schedule, a session may begin at any time: so that none is missed, it is
        asked for again and again, and what lies between is not taken for empty.
        """
        try:
            sessions = await self._of_schedule()
        except RequestError:
            return min(gap.start + BLIND_S, gap.end), False
        starts = [int(session.start.timestamp()) for session in sessions]
        return min((start for start in starts if start > gap.start), default=gap.end), True

    async def _traded(self) -> bool:
        try:
            return bool(await self._of_schedule())
        except RequestError:
            return True

    async def _of_schedule(self) -> list[Session]:
        """The sessions of the span, so far; asked once, and refused once."""
        if self._no_schedule is not None:
            raise self._no_schedule
        if self._sessions is None:
            question = self._question
            until = min(question.span.end, max(self._now, question.span.start + 1))
            wanted = Span(question.span.start, until)
            try:
                self._sessions = await self._tools.sessions(
                    question.contract, wanted, question.regular
                )
            except RequestError as error:
                self._no_schedule = error
                raise
        return self._sessions

    def _tell(self, wait: Wait | None = None) -> None:
        if self._on_progress is not None:
            now = self._tools.core.clock.monotonic()
            self._on_progress(self._meter.look(now, wait))


def _sort_in(by_second: dict[int, list[Tick]], ticks: Sequence[Tick]) -> None:
    for tick in ticks:
        by_second.setdefault(int(tick.time.timestamp()), []).append(tick)
