"""What goes out about history: each question returns a Future of a typed answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from ibapi.contract import Contract

from twsloop.connection.core import Core
from twsloop.connection.streams import Stream
from twsloop.errors import (
    HistoryError,
    NoHistory,
    RequestError,
    RequestTimeout,
    UnknownContract,
)
from twsloop.event_loop import Future
from twsloop.processors import Where
from twsloop.wire.identity import contract_key
from twsloop.wire.times import find_zone, read_time

from .asking import PacedAsks, Waiting
from .chunks import DAY_S
from .fetching import BarFetch, BarQuestion, OnProgress, Tools
from .keeping import Keeper
from .live import LiveBarsOpener
from .live_state import BarUpdate
from .own_calls import OwnCalls
from .pacing import Paced
from .processor import HistoryProcessor
from .questions import head_question, histogram_question, schedule_question
from .rows import PriceVolume, Schedule, Session, read_histogram
from .series import BarSeries, TickSeries
from .spans import Span, moment
from .store import SeriesKey
from .ticking import TickFetch, TickQuestion
from .when import Duration, When, length_of, needs_zone, span_of
from .words import BarSize, bar_size_of, show_of, tick_kind_of

__all__ = ["History"]

Details = Callable[[Contract, float | None], Awaitable[Sequence[Any]]]

_PERIOD_UNITS = ("second", "day", "week", "month", "year")
#: A day more on each side of a schedule: its days are those of the exchange's zone.
_SCHEDULE_SLACK_DAYS = 2
_MOST_DAYS = 365


async def _no_details(_contract: Contract, _limit: float | None) -> Sequence[Any]:
    """Nobody was handed over who knows contracts."""
    return ()


class History:
    """The history slice: bars and ticks of the past, and bars that are kept up to date.

    Args:
        core: The connection.
        to_contract: Reads a symbol as people type it.
        label: Writes a contract as people type it.
        details: Asks for a contract's details, within so many seconds: its id, under which history
            is kept, and its zone, in which days are meant. Without it history is kept by the
            contract's fields, and days of bars shorter than a day cannot be asked for.
    """

    def __init__(
        self,
        core: Core,
        *,
        to_contract: Callable[[str | Contract], Contract],
        label: Callable[[Contract], str],
        details: Details = _no_details,
    ) -> None:
        self._core = core
        self._to_contract = to_contract
        self._label = label
        self._details = details
        self._asks = PacedAsks(core)
        self._keeper = Keeper(core)
        self._tools = Tools(core, self._asks, self._keeper, self._sessions)
        self._live = LiveBarsOpener(core, self._asks)
        #: One fetch of a series at a time: the next one finds what it kept.
        self._turns: dict[SeriesKey, asyncio.Lock] = {}
        OwnCalls(core, self._asks.pacer)
        core.add_slice(HistoryProcessor(core))
        core.on_down(self._turns.clear)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """Which requests wait for their turn now, how long, and why; from any thread."""
        return self._asks.waiting

    def pace(self, family: Hashable) -> float:
        """Take a turn among the requests for small bars: IB counts real-time bars among them.

        Args:
            family: Equal for requests of one contract, exchange and kind of data.

        Returns:
            0 if it may leave now, and is counted; else after how many seconds to ask again.
        """
        now, paced = self._core.clock.monotonic(), Paced(object(), family)
        wait = self._asks.pacer.wait(now, paced)
        if wait is not None:
            return wait.seconds
        self._asks.pacer.heard(now, paced)
        return 0.0

    # ---- bars and ticks ------------------------------------------------------------------

    def bars(  # noqa: PLR0913  (all but the first are optional keywords)
        self,
        contract: Contract | str,
        *,
        start: When | None = None,
        end: When | None = None,
        duration: Duration | None = None,
        bar_size: BarSize | timedelta | str = "1 min",
        what: str = "TRADES",
        rth: bool = True,
        check: bool = False,
        refresh: bool = False,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> Future[BarSeries]:
        """Bars of any span; from any thread.

        What is kept is read; what is missing is fetched, in as many requests as it takes and no
        faster than IB allows, and kept. A call that breaks off (a lost link, a cancel) keeps what
        it had: the same call again goes on from there.

        Args:
            contract: IB's Contract, or a symbol as people type it.
            start: Where it begins: a time with its zone, or a day (where the contract trades).
            end: Where it ends: a time, or a day, which belongs to it; now unless given.
            duration: How long before the end it begins, in place of ``start``: a timedelta, or
                ``"5 days"``, ``"3 M"``; by the calendar.
            bar_size: IB's, in any spelling (``"1 min"``, ``"5m"`` is none: it could be a month).
            what: What the bars show: IB's whatToShow.
            rth: Only regular trading hours.
            check: Compare the bars with the exchange's schedule, too: `BarSeries.findings`.
            refresh: Forget what is kept of this series, and fetch all of the span.
            on_progress: Called with a `Progress` after each answer and at each wait, on the loop
                thread.
            timeout: Seconds for each answer from when its request leaves; ``[history]
                answer_timeout`` unless given.

        Returns:
            A Future of the bars. It fails with NoHistory where there was trading, but no data.

        Raises:
            HistoryError: The question cannot be meant, or IB cannot answer it.
            SymbolError: The symbol cannot be read.
        """
        size, show = bar_size_of(bar_size), show_of(what)
        wanted = self._to_contract(contract)
        if wanted.secType == "CONTFUT" and end is not None:
            msg = "the history of a continuous future always ends now: leave end out"
            raise HistoryError(msg)
        self._read_span(start, end, duration, size, UTC)  # what is wrong is told at once

        async def fetch() -> BarSeries:
            zone_needed = needs_zone(start, end, size)
            contract_id, zone = await self._identify(wanted, zone_needed, timeout)
            span = self._read_span(start, end, duration, size, zone)
            kept = not show.ends_now and wanted.secType != "CONTFUT"
            question = BarQuestion(
                contract=wanted,
                symbol=self._label(wanted),
                size=size,
                show=show,
                regular=rth,
                span=span,
                key=self._key(wanted, contract_id, str(show), size.text, rth) if kept else None,
                check=check,
                timeout=self._timeout(timeout),
            )
            async with self._turn(question.key):
                if refresh:
                    await self._keeper.forget(question.key)
                return await BarFetch(self._tools, question, on_progress).run()

        return self._core.event_loop.submit(fetch)

    def ticks(  # noqa: PLR0913  (all but the first are optional keywords)
        self,
        contract: Contract | str,
        *,
        start: When | None = None,
        end: When | None = None,
        duration: Duration | None = None,
        what: str = "TRADES",
        rth: bool = True,
        ignore_size: bool = False,
        refresh: bool = False,
        on_progress: OnProgress | None = None,
        timeout: float | None = None,
    ) -> Future[TickSeries]:
        """Ticks of any span; from any thread. They are kept as bars are (see `bars`).

        Args:
            contract: IB's Contract, or a symbol as people type it.
            start: Where it begins: a time with its zone, or a day (where the contract trades).
            end: Where it ends: a time, or a day, which belongs to it; now unless given.
            duration: How long before the end it begins, in place of ``start``.
            what: TRADES, BID_ASK, MIDPOINT; AGGTRADES of crypto currencies.
            rth: Only regular trading hours.
            ignore_size: Of BID_ASK, leave out ticks of which only a size changed.
            refresh: Forget what is kept of this series, and fetch all of the span.
            on_progress: Called with a `Progress` after each answer and at each wait, on the loop
                thread.
            timeout: Seconds for each answer from when its request leaves.

        Returns:
            A Future of the ticks. It fails with NoHistory where there was trading, but no tick.

        Raises:
            HistoryError: The question cannot be meant.
            SymbolError: The symbol cannot be read.
        """
        kind = tick_kind_of(what)
        wanted = self._to_contract(contract)
        self._read_span(start, end, duration, None, UTC)

        async def fetch() -> TickSeries:
            zone_needed = needs_zone(start, end, None)
            contract_id, zone = await self._identify(wanted, zone_needed, timeout)
            name = f"{kind} without sizes" if ignore_size else str(kind)
            question = TickQuestion(
                contract=wanted,
                symbol=self._label(wanted),
                kind=kind,
                regular=rth,
                ignore_size=ignore_size,
                span=self._read_span(start, end, duration, None, zone),
                key=self._key(wanted, contract_id, name, "tick", rth),
                timeout=self._timeout(timeout),
            )
            async with self._turn(question.key):
                if refresh:
                    await self._keeper.forget(question.key)
                return await TickFetch(self._tools, question, on_progress).run()

        return self._core.event_loop.submit(fetch)

    def live_bars(
        self,
        contract: Contract | str,
        on_update: Callable[[BarUpdate], object] | None = None,
        *,
        bar_size: BarSize | timedelta | str = "1 min",
        duration: Duration = timedelta(days=1),
        what: str = "TRADES",
        rth: bool = True,
        where: Where = None,
    ) -> Stream[BarUpdate]:
        """Bars up to now, and then as they come; from any thread.

        First all bars of the duration are told, then the one under way every few seconds
        (`BarUpdate`). ``stream.state.bars`` has them all. After a lost link, or when the gateway
        ends it (10182), it is asked for anew, and goes on without a bar missing or told twice.

        Args:
            contract: IB's Contract, or a symbol as people type it.
            on_update: Called with each `BarUpdate`.
            bar_size: IB's, in any spelling.
            duration: How far back it begins: a timedelta, or as in ``"2 D"``.
            what: TRADES, MIDPOINT, BID or ASK.
            rth: Only regular trading hours.
            where: Where the callback runs: None for the loop thread; an executor; an asyncio loop.

        Raises:
            HistoryError: IB has no such live bars.
            SymbolError: The symbol cannot be read.
            LoopNotRunning: Before ``start()`` or ``connect()``.
        """
        wanted = self._to_contract(contract)
        return self._live.open(
            wanted,
            self._label(wanted),
            size=bar_size_of(bar_size),
            show=show_of(what),
            regular=rth,
            duration=length_of(duration, self._core.clock.now()),
            on_update=on_update,
            where=where,
        )

    # ---- single questions ----------------------------------------------------------------

    def head_timestamp(
        self, contract: Contract | str, what: str = "TRADES", *, timeout: float | None = None
    ) -> Future[datetime]:
        """The first time with data, UTC (of regular trading hours); from any thread.

        Args:
            contract: IB's Contract, or a symbol as people type it.
            what: IB's whatToShow.
            timeout: Seconds for the answer.

        Returns:
            A Future of the time. It fails with NoHistory where there is no data at all.
        """
        wanted, show = self._to_contract(contract), show_of(what)

        async def ask() -> datetime:
            symbol = self._label(wanted)
            question = head_question(self._core, wanted, show, symbol=symbol, timeout=timeout)
            (text,) = await self._asks.ask(question)
            head = read_time(text)
            if head is None:
                msg = f"the gateway told {text!r}, which is no time"
                raise NoHistory(msg, request=question.request)
            return head

        return self._core.event_loop.submit(ask)

    def histogram(
        self,
        contract: Contract | str,
        period: str = "1 week",
        *,
        rth: bool = True,
        timeout: float | None = None,
    ) -> Future[list[PriceVolume]]:
        """How much was traded at each price in a period up to now; from any thread.

        Args:
            contract: IB's Contract, or a symbol as people type it.
            period: A number and seconds, days, weeks, months or years: ``3 days``.
            rth: Only regular trading hours.
            timeout: Seconds for the answer.

        Returns:
            A Future of the rows, prices ascending.

        Raises:
            HistoryError: The period cannot be read.
        """
        wanted = self._to_contract(contract)
        number, _, unit = period.strip().lower().partition(" ")
        if not number.isdecimal() or unit.strip().removesuffix("s") not in _PERIOD_UNITS:
            msg = f"{period!r} is no period: write a number and {', '.join(_PERIOD_UNITS)}s"
            raise HistoryError(msg)

        async def ask() -> list[PriceVolume]:
            question = histogram_question(
                self._core,
                wanted,
                period.strip(),
                regular=rth,
                symbol=self._label(wanted),
                timeout=timeout,
            )
            (items,) = await self._asks.ask(question)
            return read_histogram(items)

        return self._core.event_loop.submit(ask)

    def schedule(
        self,
        contract: Contract | str,
        *,
        days: int = 30,
        end: datetime | None = None,
        rth: bool = True,
        timeout: float | None = None,
    ) -> Future[Schedule]:
        """The trading days up to a time: when each opened and closed; from any thread.

        Args:
            contract: IB's Contract, or a symbol as people type it.
            days: How many trading days, 1 to 365.
            end: The time, with its zone; now unless given.
            rth: The regular session of each day; else all of its trading.
            timeout: Seconds for the answer.

        Raises:
            HistoryError: The days are not 1 to 365, or the time has no zone.
        """
        wanted = self._to_contract(contract)
        if not 1 <= days <= _MOST_DAYS:
            msg = f"a schedule tells 1 to {_MOST_DAYS} days, not {days}"
            raise HistoryError(msg)
        if end is not None:
            span_of(None, end, timedelta(days=1), size=None, now=end)  # it has a zone
        return self._core.event_loop.submit(self._ask_schedule, wanted, end, days, rth, timeout)

    # ---- on the loop thread --------------------------------------------------------------

    async def _ask_schedule(
        self,
        contract: Contract,
        end: datetime | None,
        days: int,
        regular: bool,
        patience: float | None,
    ) -> Schedule:
        question = schedule_question(
            self._core,
            contract,
            end,
            days,
            regular=regular,
            symbol=self._label(contract),
            timeout=patience,
        )
        (schedule,) = await self._asks.ask(question)
        assert isinstance(schedule, Schedule)
        return schedule

    async def _sessions(self, contract: Contract, span: Span, regular: bool) -> list[Session]:
        """The trading days that have a second in a span; a year of them at a time."""
        found: dict[datetime, Session] = {}
        end = span.end
        while end > span.start:
            days = min((end - span.start) // DAY_S + 1 + _SCHEDULE_SLACK_DAYS, _MOST_DAYS)
            try:
                schedule = await self._ask_schedule(contract, moment(end), days, regular, None)
            except NoHistory:
                break  # no session at all before that time
            found |= {session.start: session for session in schedule.sessions}
            # Trading days are never more than days of the calendar.
            end -= (days - _SCHEDULE_SLACK_DAYS) * DAY_S
        first, last = moment(span.start), moment(span.end)
        return [
            one
            for one in (found[start] for start in sorted(found))
            if one.start < last and one.end > first
        ]

    async def _identify(
        self, contract: Contract, zone_needed: bool, limit: float | None
    ) -> tuple[int, tzinfo]:
        """A contract's id, 0 if it is not known, and the zone it trades in."""
        if contract.conId and not zone_needed:
            return contract.conId, UTC
        found: Sequence[Any] = ()
        if contract.secType != "BAG":  # IB has no details of a combo, but it has bars
            try:
                found = await self._details(contract, limit)
            except (UnknownContract, RequestTimeout):
                raise  # the history service would not know it, or say nothing either
            except RequestError:
                if zone_needed:
                    raise
        zone = find_zone(found[0].timeZoneId) if len(found) == 1 else None
        if zone_needed and zone is None:
            msg = (
                f"where {self._label(contract)} trades is not known, so a day is not: give times "
                "with their zone, datetime(..., tzinfo=...)"
            )
            raise HistoryError(msg)
        return (found[0].contract.conId if len(found) == 1 else 0), zone or UTC

    def _key(
        self, contract: Contract, contract_id: int, show: str, size: str, regular: bool
    ) -> SeriesKey:
        """Under what a series is kept: symbols may mean another contract some day, ids never."""
        name = f"{contract_id}@{contract.exchange}" if contract_id else repr(contract_key(contract))
        return SeriesKey(self._keeper.source, name, show, size, regular)

    def _read_span(
        self,
        start: When | None,
        end: When | None,
        duration: Duration | None,
        size: BarSize | None,
        zone: tzinfo,
    ) -> Span:
        now = self._core.clock.now()
        return span_of(start, end, duration, size=size, now=now, zone=zone)

    def _timeout(self, timeout: float | None) -> float:
        return self._core.config.history.answer_timeout if timeout is None else timeout

    def _turn(self, key: SeriesKey | None) -> asyncio.Lock:
        if key is None:
            return asyncio.Lock()
        return self._turns.setdefault(key, asyncio.Lock())
