"""Questions that wait for one of IB's places for account summaries.

IB keeps two at a time and refuses a third (322, IBKR Campus chapter 14). A question waits here
until one of ours is free. IB may refuse it all the same, because a program's own call, or another
program of the login, holds a place: it is asked again, a few times at most, after a pause that
doubles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twsloop.connection.pauses import Pauses
from twsloop.errors import ConnectionLost, RequestError
from twsloop.event_loop import Future
from twsloop.session.waiting import WaitingRequest

from .plans import SUMMARIES, Plans

if TYPE_CHECKING:
    from twsloop.connection.core import Core
    from twsloop.connection.streams import StreamPlan

__all__ = ["SummaryPlaces"]

#: IB's refusal of a third summary, and words of its text: the code means other things, too.
REFUSED, REFUSED_WORDS = 322, "maximum number of account summary"
#: How often a question is asked again, and the first pause before, seconds.
MOST_AGAIN, FIRST_PAUSE_S = 3, 2.0


class SummaryPlaces:
    """Who waits for a place; loop thread only, but for what says otherwise.

    Args:
        core: The connection.
        plans: Who holds the places.
    """

    def __init__(self, core: Core, plans: Plans) -> None:
        self._core = core
        self._plans = plans
        self._pauses = Pauses(core)
        #: Whose turn it is not yet: each with what it asks, since when, and why it waits.
        self._turns: dict[Future[None], tuple[str, float]] = {}
        self._pausing: dict[object, tuple[str, float]] = {}
        core.pacing.list_waits(self._waits)

    async def image(self, plan: StreamPlan, limit: float | None) -> Any:
        """The answer to a question, when there is a place for it.

        Raises:
            SlotsExhausted: Streams hold all of them.
            RequestError: IB refuses it, or its answer does not come.
            ConnectionLost: The session ended.
        """
        pause = FIRST_PAUSE_S
        for again in range(MOST_AGAIN + 1):
            await self._turn(plan)
            try:
                return await self._core.streams.image(plan, limit)
            except RequestError as error:
                text, paced = error.text.lower(), self._core.pacing.enabled
                refused = error.code == REFUSED and REFUSED_WORDS in text
                if not (refused and paced) or again == MOST_AGAIN:
                    raise
            await self._pause(plan.request, pause)
            pause *= 2
        raise AssertionError  # the last round returns or raises

    async def _turn(self, plan: StreamPlan) -> None:
        streams, since = self._core.streams, self._core.clock.monotonic()
        while streams.keyed(plan.key) is None and self._plans.summaries >= SUMMARIES:
            if self._plans.followed >= SUMMARIES:
                raise self._plans.full("this question")
            turn: Future[None] = streams.waiter()
            self._turns[turn] = plan.request, since
            await turn

    async def _pause(self, request: str, seconds: float) -> None:
        token, now = object(), self._core.clock.monotonic()
        self._core.metrics.counter("asked_again").add()
        self._pausing[token] = request, now
        try:
            await self._pauses.sleep(seconds, request)
        finally:
            del self._pausing[token]

    def freed(self) -> None:
        """A place is free: whose turn is it?"""
        turns, self._turns = self._turns, {}
        for turn in turns:
            turn.set_result(None)

    def down(self) -> None:
        """The session ended."""
        turns, self._turns = self._turns, {}
        for turn, (request, _) in turns.items():
            msg = f"{request}: the link was lost before its turn"
            turn.set_exception(ConnectionLost(msg))

    def _waits(self) -> list[WaitingRequest]:
        full = f"IB keeps {SUMMARIES} account summaries at a time, and both are taken"
        refused = "IB refused it, as both of its summaries are taken (322): a pause"
        rows = [(*one, full) for one in list(self._turns.values())]
        rows += [(*one, refused) for one in list(self._pausing.values())]
        return [
            WaitingRequest(
                request=request, lane="place", reason=reason, expected=None, position=place,
                **self._core.pacing.since(since),
            )
            for place, (request, since, reason) in enumerate(rows)
        ]  # fmt: skip
