"""Bars that are kept up to date: a stream that outlives what ends them at IB.

IB ends such bars by itself: when the gateway loses its historical data farm (10182, and kin), and
with the link. That is the business of all streams: after 10182 the same bars are asked for again at
once, and if that ends the same way, after a pause that doubles, or as soon as the gateway says that
it has its farm again (2106; see `twsloop.connection.care`). So it is where there is nothing to tell
at the moment, or IB was asked too fast. Each time they reach back to the bar that was under way, so
`LiveBars` can join them; where that was too short (a computer that slept does not know for how
long), once more, as far back as the answer shows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import attrs

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed, Stream, StreamPlan
from twsloop.errors import HistoryError, PacingViolation, RequestError
from twsloop.events import Ends, Notice
from twsloop.processors import Where
from twsloop.session.farms import FarmKind
from twsloop.wire.identity import contract_key

from .asking import PacedAsks, named_error
from .chunks import MOST_OF_SECONDS, duration_text
from .live_state import BarUpdate, LiveBars
from .pacing import Paced
from .questions import EPOCH
from .rows import Bar, read_bar
from .words import BarSize, Show

__all__ = ["LiveBarsOpener"]

#: So much further back than the bar under way an answer reaches after an interruption, seconds.
OVERLAP_S = 60
#: The bar under way is told so often, seconds.
UPDATES_S = 5.0
CALLBACKS = ("historicalData", "historicalDataEnd", "historicalDataUpdate")


@attrs.define(eq=False)
class _Following:
    """What belongs to one feed.

    Attributes:
        bars: Put together.
        show: What they show.
        reach: How far the first answer reaches back.
        answer: The bars of an answer that is not whole yet.
        lacking: How far back an answer did not reach, seconds; 0 where it did.
        counted: Whether it counts as open.
    """

    show: Show
    reach: timedelta
    bars: LiveBars = attrs.Factory(LiveBars)
    answer: list[Bar] = attrs.Factory(list)
    lacking: int = 0
    counted: bool = False


class LiveBarsOpener:
    """Opens streams of bars, and hears their callbacks.

    Args:
        core: The connection.
        asks: Whose pacing they share.
    """

    def __init__(self, core: Core, asks: PacedAsks) -> None:
        self._core = core
        self._pacer = asks.pacer
        self._following: dict[LiveBars, _Following] = {}

    def open(
        self,
        contract: Any,
        symbol: str,
        *,
        size: BarSize,
        show: Show,
        regular: bool,
        duration: timedelta,
        on_update: Callable[[BarUpdate], object] | None,
        where: Where,
    ) -> Stream[BarUpdate]:
        """Open a stream; see `History.live_bars`."""
        if not show.live:
            live = ", ".join(one for one in Show if one.live)
            msg = f"IB keeps no bars of {show} up to date; it does so with {live}"
            raise HistoryError(msg)
        if duration <= timedelta():
            msg = f"a duration is longer than nothing, not {duration}"
            raise HistoryError(msg)
        duration_text(size, int(duration.total_seconds()))  # refuses what no request can reach
        core, what = self._core, contract_key(contract)
        same = ("live bars", what, size.text, show, regular, duration)
        paced = Paced(same, (what, str(show)), small=size.small)

        def send(req_id: int) -> None:
            """When it may leave: now, or after a pause, if it is still wanted then."""
            feed = core.streams.feed(req_id)
            if feed is None:
                return
            now = core.clock.monotonic()
            wait = self._pacer.wait(now, paced)
            if wait is not None:
                feed.wait(wait.seconds, wait.reason)
                core.clock.call_later(wait.seconds, send, req_id)
                return
            following = self._following[feed.state]
            if following.counted:
                self._pacer.give()
            following.counted = True
            self._pacer.take(now, paced)
            following.answer.clear()
            core.reqHistoricalData(
                req_id,
                contract,
                "",
                duration_text(size, self._reach(feed, following, size)),
                size.text,
                str(show),
                int(regular),
                EPOCH,
                True,
                [],
            )
            if feed.waits:
                feed.left()

        plan = StreamPlan(
            request=f"live bars of {size} of {symbol} ({show})",
            send=send,
            cancel=core.cancelHistoricalData,
            key=same,
            listener=self,
            callbacks=CALLBACKS,
            state=functools.partial(self._follow, show, duration),
            release=self._release,
            on_notice=self._ended,
            has_image=True,
            contract=contract,
            farms=(FarmKind.HISTORICAL,),
            rhythm=UPDATES_S,
            answers=True,
        )
        return core.streams.open(plan, on_update, where)

    def _follow(self, show: Show, duration: timedelta) -> LiveBars:
        following = _Following(show, duration)
        self._following[following.bars] = following
        return following.bars

    def _reach(self, feed: Feed[BarUpdate], following: _Following, size: BarSize) -> int:
        """How far back to ask: to the bar that was under way when the last one came."""
        if feed.received is None:
            return int(following.reach.total_seconds())
        silent = max(self._core.clock.monotonic() - feed.received, following.lacking)
        reach = int(silent) + 2 * size.seconds + OVERLAP_S
        # What is further back than one request may reach is lost, and told as a hole.
        return min(reach, MOST_OF_SECONDS) if size.seconds == 1 else reach

    def _release(self, feed: Feed[BarUpdate]) -> None:
        following = self._following.pop(feed.state)
        if following.counted:
            self._pacer.give()

    # ---- IB's callbacks ------------------------------------------------------------------

    def historicalData(self, reqId: int, bar: Any) -> None:
        """A bar of the answer."""
        feed = self._core.streams.feed(reqId, "historicalData")
        following = self._following.get(feed.state) if feed is not None else None
        read = read_bar(bar, following.show) if following is not None else None
        if following is not None and read is not None:
            following.answer.append(read)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """The answer is whole."""
        feed = self._core.streams.feed(reqId, "historicalDataEnd")
        following = self._following.get(feed.state) if feed is not None else None
        if feed is None or following is None:
            return
        told, following.answer = following.answer, []
        before = following.bars.current
        if told and before is not None and not following.lacking:
            first, last = min(bar.time for bar in told), max(bar.time for bar in told)
            if first > before.time:
                following.lacking = int((last - before.time).total_seconds())
                feed.restart("the answer did not reach back to what was known")
                return
        following.lacking = 0
        if told and before is None:
            # Seconds and days of trading reach back further than those of the calendar.
            first = max(bar.time for bar in told) - following.reach
            told = [bar for bar in told if bar.time >= first]
        self._put(feed, following.bars.answer(told))
        feed.imaged()

    def historicalDataUpdate(self, reqId: int, bar: Any) -> None:
        """The bar under way."""
        feed = self._core.streams.feed(reqId, "historicalDataUpdate")
        following = self._following.get(feed.state) if feed is not None else None
        read = read_bar(bar, following.show) if following is not None else None
        if feed is None or following is None or read is None:
            return
        if feed.whole:
            self._put(feed, following.bars.update(read))
        else:  # it is newer than all that the answer is about to tell
            following.answer.append(read)

    def _put(self, feed: Feed[BarUpdate], updates: list[BarUpdate]) -> None:
        for update in updates:
            feed.put(update)

    # ---- what ends them ------------------------------------------------------------------

    def _ended(self, feed: Feed[BarUpdate], notice: Notice) -> bool:
        """A notice about a feed: ask again if that makes sense."""
        if notice.ends is not Ends.REQUEST:
            return False
        named = named_error(
            RequestError(
                notice.text,
                code=notice.code,
                req_id=notice.req_id,
                request=feed.request,
                category=notice.category,
            )
        )
        if isinstance(named, PacingViolation):
            self._pacer.violated(self._core.clock.monotonic())
            feed.again(notice.text, at_once=False)  # the pacer has not allowed for others
        elif self._core.streams.care.ended(feed.life, notice):
            feed.notice = notice
        else:
            feed.fail(named)
        return True
