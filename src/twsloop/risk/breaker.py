"""The circuit breaker: too many rejects or errors within a time stop new orders. Pure."""

from __future__ import annotations

from collections import deque
from typing import Literal

from twsloop.config.sections import RiskParams

__all__ = ["Breaker", "Trouble"]

Trouble = Literal["reject", "error"]


class Breaker:
    """Counts rejects and errors, and opens when there are too many.

    It is open for ``breaker_pause`` after each of them that makes too many within
    ``breaker_window``, those included that come while it is open: so a tighter one is open whenever
    a laxer one is. Somebody who closes it lets it count anew.
    """

    def __init__(self) -> None:
        self._seen: dict[Trouble, deque[float]] = {"reject": deque(), "error": deque()}
        self._since: float | None = None
        self._reason = ""

    def note(self, kind: Trouble, at: float, params: RiskParams) -> str:
        """Something went wrong.

        Args:
            kind: What.
            at: Monotonic seconds.
            params: The limits in force.

        Returns:
            Why it opens, in words, if it does now; empty otherwise.
        """
        was_open = self.is_open(at, params)
        seen, since = self._seen[kind], at - params.breaker_window
        seen.append(at)
        while seen and seen[0] <= since:
            seen.popleft()
        limit = params.breaker_rejects if kind == "reject" else params.breaker_errors
        if limit is None or len(seen) < limit:
            return ""
        self._since = at
        self._reason = f"{len(seen)} {kind}s within {params.breaker_window:g} s"
        return "" if was_open else self._reason

    def is_open(self, at: float, params: RiskParams) -> str:
        """Why it is open, in words; empty if it is not."""
        if self._since is None:
            return ""
        if params.breaker_pause and at - self._since >= params.breaker_pause:
            return ""
        return self._reason

    def close(self) -> None:
        """Close it, and count anew."""
        self._since, self._reason = None, ""
        for seen in self._seen.values():
            seen.clear()
