"""How far a long fetch is, and how long it will take (pure)."""

from __future__ import annotations

import attrs

from twsloop.session.pacing import Wait

__all__ = ["Meter", "Progress"]


@attrs.frozen
class Progress:
    """How far a fetch is.

    Attributes:
        done: How much of the span is there, seconds of the calendar.
        total: How long the span is, seconds of the calendar.
        rows: How many rows were fetched.
        requests: How many requests were answered.
        eta: How many seconds it will take still, judged by the time it took so far; None before
            the first answer.
        waiting: Why the next request has to wait; empty when it need not.
        wait: How long it has to, seconds, as far as is known.
    """

    done: int
    total: int
    rows: int
    requests: int
    eta: float | None
    waiting: str = ""
    wait: float = 0.0

    @property
    def part(self) -> float:
        """How much of it is done, 0 to 1."""
        return self.done / self.total if self.total else 1.0


class Meter:
    """Counts what a fetch has done.

    Args:
        total: How long the span is, seconds of the calendar.
        kept: How much of it was there before.
        now: When it began, in seconds that only grow.
    """

    def __init__(self, total: int, kept: int, now: float) -> None:
        self._total = total
        self._kept = kept
        self._began = now
        self._fetched = 0
        self._rows = 0
        self.requests = 0

    def answered(self, seconds: int, rows: int) -> None:
        """A request was answered: so much of the span, so many rows."""
        self._fetched += seconds
        self._rows += rows
        self.requests += 1

    def skipped(self, seconds: int) -> None:
        """So much of the span cannot be had, or has not come yet: nothing is left to do there."""
        self._kept += seconds

    def look(self, now: float, wait: Wait | None = None) -> Progress:
        """How far it is now, and what it waits for, if it does."""
        left = max(self._total - self._kept - self._fetched, 0)
        eta = (now - self._began) * left / self._fetched if self._fetched else None
        done = min(self._kept + self._fetched, self._total)
        waiting, seconds = ("", 0.0) if wait is None else (wait.reason, wait.seconds)
        return Progress(done, self._total, self._rows, self.requests, eta, waiting, seconds)
