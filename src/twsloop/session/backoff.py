"""How long to wait before the next attempt: growing, capped, and never in step with others."""

from __future__ import annotations

import attrs

__all__ = ["Backoff"]


@attrs.frozen
class Backoff:
    """Capped exponential back-off with jitter.

    Attributes:
        first: The wait before the first further attempt, seconds.
        factor: How much longer each next wait is.
        cap: The longest wait, seconds.
        jitter: The share of each wait that chance may take away, 0 to 1.
    """

    first: float = 0.5
    factor: float = 2.0
    cap: float = 60.0
    jitter: float = 0.2

    def delay(self, attempt: int, chance: float) -> float:
        """The wait before the attempt after ``attempt`` failed ones.

        Args:
            attempt: How many attempts have failed in a row, from 1.
            chance: A random number, 0 <= chance < 1.
        """
        # Past this many doublings the cap rules; the bound keeps the power from overflowing.
        exponent = min(max(attempt - 1, 0), 64)
        full = min(self.first * self.factor**exponent, self.cap)
        return full * (1.0 - self.jitter * chance)
