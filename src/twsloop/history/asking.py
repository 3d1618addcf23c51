"""Asking the history service: no faster than IB allows, and with its errors told apart.

A request waits here until the pacer lets it leave; whoever looks (`PacedAsks.waiting`, a progress
callback) sees what waits, for how long and why. Only then the time for its answer begins. IB may
refuse a request as too fast all the same, because other programs of the same login ask, too: it is
repeated, after a pause that doubles each time.

Identical requests that are under way share one. Loop thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from twsloop.connection.core import Core
from twsloop.connection.pauses import Pauses
from twsloop.errors import NoHistory, PacingViolation, RequestError, SendQueueFull
from twsloop.event_loop import SharedWork
from twsloop.session.waiting import Pause, WaitingRequest

from .pacing import HistoryPacer, Paced, Wait

__all__ = [
    "EMPTY",
    "SERVICE_ERROR",
    "VIOLATION",
    "OnWait",
    "PacedAsks",
    "Question",
    "Waiting",
    "named_error",
]

#: The code with which the history service refuses; what it means stands in its text.
SERVICE_ERROR = 162
#: What the service says where there are no data in the time that was asked for.
EMPTY = "returned no data"
_NO_DATA = (EMPTY, "no historical market data for", "no head time stamp")
#: What the text of a violation has in it.
VIOLATION = "pacing violation"


@attrs.frozen
class Question:
    """One request to the history service.

    Attributes:
        request: What is asked, in words, for errors.
        send: Sends it, given its id.
        cancel: Cancels it, given its id; None where IB has no cancel.
        paced: What pacing has to know of it.
        timeout: Seconds for the answer from when it leaves; None as configured.
        always_cancel: It stays open at the gateway after its answer, until it is cancelled.
        gather: Makes what gathers the parts of the answer, and is the answer.
    """

    request: str
    send: Callable[[int], object]
    cancel: Callable[[int], object] | None
    paced: Paced
    timeout: float | None = None
    always_cancel: bool = False
    gather: Callable[[], Any] = list


@attrs.frozen
class Waiting:
    """A request that waits for its turn.

    Attributes:
        request: What is asked, in words.
        seconds: How long it still has to wait, as far as is known.
        reason: Why.
    """

    request: str
    seconds: float
    reason: str

    def __str__(self) -> str:
        return f"{self.request} waits {self.seconds:.0f} s: {self.reason}"


OnWait = Callable[[Wait | None], object]


def named_error(error: RequestError) -> RequestError:
    """The error that a refusal of the history service is, by its text; else the same."""
    if error.code != SERVICE_ERROR or type(error) is not RequestError:
        return error
    text = error.text.lower()
    kind = RequestError
    if VIOLATION in text:
        kind = PacingViolation
    elif any(words in text for words in _NO_DATA):
        kind = NoHistory
    return kind(
        error.text,
        code=error.code,
        req_id=error.req_id,
        request=error.request,
        category=error.category,
    )


class PacedAsks:
    """Asks, and waits for its turn before.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.pacer = HistoryPacer()
        self._waiting: dict[int, Pause] = {}
        self._number = 0
        self._pauses = Pauses(core)
        self._shared = SharedWork(core.event_loop)
        core.pacing.list_waits(self._waits)

    @property
    def waiting(self) -> tuple[Waiting, ...]:
        """What waits for its turn now, and why; from any thread."""
        now = self._core.clock.monotonic()
        return tuple(
            Waiting(one.request, max(one.until - now, 0.0), one.reason)
            for one in list(self._waiting.values())
        )

    def _waits(self) -> list[WaitingRequest]:
        return self._core.pacing.rows("history", list(self._waiting.values()))

    async def ask(self, question: Question, on_wait: OnWait | None = None) -> Any:
        """Send a request when it may leave, and gather its answer.

        Args:
            question: The request.
            on_wait: Told why it has to wait, and None when it leaves.

        Raises:
            NoHistory: There is no data.
            PacingViolation: IB refused it as too fast, as often as is configured.
            RequestError: Any other refusal.
            NotConnected: There is no session.
            ConnectionLost: It ended before the answer, or before its turn.
            SendQueueFull: Too many wait already.
        """
        return await self._shared.of(question.paced.identity, self._ask, question, on_wait)

    async def _ask(self, question: Question, on_wait: OnWait | None) -> Any:
        left = self._core.config.history.violations
        while True:
            await self.turn(question.paced, question.request, on_wait)
            try:
                answer = await self._ask_once(question)
            except RequestError as error:
                named = named_error(error)
                if isinstance(named, PacingViolation) and left > 0:
                    left -= 1
                    self.pacer.violated(self._core.clock.monotonic())
                    continue
                self.pacer.answered()
                raise named from error
            self.pacer.answered()
            return answer

    async def turn(self, paced: Paced, request: str, on_wait: OnWait | None = None) -> None:
        """Wait until a request may leave, and count it as left; `HistoryPacer.give` ends it."""
        core, pacer = self._core, self.pacer
        self._pauses.require_session(request)
        self._number += 1
        number, since = self._number, core.clock.monotonic()
        if len(self._waiting) >= core.config.pacing.queue_limit:
            msg = f"{request}: {len(self._waiting)} requests for history wait already"
            raise SendQueueFull(msg)
        try:
            while (wait := pacer.wait(core.clock.monotonic(), paced)) is not None:
                until = core.clock.monotonic() + wait.seconds
                self._waiting[number] = Pause(
                    request=request, until=until, reason=wait.reason, since=since
                )
                if on_wait is not None:
                    on_wait(wait)
                await self._pauses.sleep(wait.seconds, request)
        finally:
            if self._waiting.pop(number, None) is not None and on_wait is not None:
                on_wait(None)
        pacer.take(core.clock.monotonic(), paced)

    async def _ask_once(self, question: Question) -> Any:
        core = self._core
        asked: list[int] = []

        def send(req_id: int) -> None:
            asked.append(req_id)
            question.send(req_id)

        try:
            answer = await core.ask(
                send,
                request=question.request,
                timeout=question.timeout,
                cancel=question.cancel,
                parts=question.gather(),
            )
        finally:
            self.pacer.give()
        if question.always_cancel and question.cancel is not None and core.connected:
            for req_id in asked:
                question.cancel(req_id)
        return answer
