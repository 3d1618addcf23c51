"""What comes in of the history: answers to our own requests, handed on as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twsloop.connection.core import Core
from twsloop.ids import FIRST_REQUEST_ID

from .rows import read_schedule

__all__ = ["HistoryProcessor"]


class HistoryProcessor:
    """EWrapper's callbacks about history; bars and ticks are read by whoever asked for them.

    Args:
        core: The connection; joins answers to our own requests.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def historicalData(self, reqId: int, bar: Any) -> None:
        """One bar; a program's own call may tell very many."""
        if reqId >= FIRST_REQUEST_ID:
            self._core.answer_part(reqId, bar)

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """All bars have come."""
        self._core.answer_end(reqId)

    def historicalTicks(self, reqId: int, ticks: Sequence[Any], done: bool) -> None:
        """Midpoints."""
        self._ticks(reqId, ticks, done)

    def historicalTicksBidAsk(self, reqId: int, ticks: Sequence[Any], done: bool) -> None:
        """Quotes."""
        self._ticks(reqId, ticks, done)

    def historicalTicksLast(self, reqId: int, ticks: Sequence[Any], done: bool) -> None:
        """Trades."""
        self._ticks(reqId, ticks, done)

    def _ticks(self, req_id: int, ticks: Sequence[Any], done: bool) -> None:
        for tick in ticks:
            self._core.answer_part(req_id, tick)
        if done:
            self._core.answer_end(req_id)

    def headTimestamp(self, reqId: int, headTimestamp: str) -> None:
        """The first time with data."""
        self._whole(reqId, headTimestamp)

    def histogramData(self, reqId: int, items: Sequence[Any]) -> None:
        """Volume by price."""
        self._whole(reqId, list(items))

    def historicalSchedule(
        self,
        reqId: int,
        startDateTime: str,
        endDateTime: str,
        timeZone: str,
        sessions: Sequence[Any],
    ) -> None:
        """Trading days."""
        self._whole(reqId, read_schedule(timeZone, sessions))

    def _whole(self, req_id: int, answer: Any) -> None:
        self._core.answer_part(req_id, answer)
        self._core.answer_end(req_id)
