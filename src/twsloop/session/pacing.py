"""How fast messages may leave: never more than a rate within any one second.

IB allows half as many requests a second as the login has market data lines: 50 for the usual 100.
Over it the gateway delays, or answers error 100 and ends the session at the third.
"""

from __future__ import annotations

from collections import deque

__all__ = ["Pacer"]

#: The span that IB counts requests in, seconds.
WINDOW = 1.0


class Pacer:
    """A sliding window: remembers when the last ``rate`` messages left.

    Args:
        rate: Messages within any one second; 0 for no limit.
    """

    __slots__ = ("_rate", "_sent")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._sent: deque[float] = deque(maxlen=rate or None)

    def wait(self, now: float) -> float:
        """Seconds until one more message may leave; 0 if it may leave now."""
        if not self._rate or len(self._sent) < self._rate:
            return 0.0
        return max(self._sent[0] + WINDOW - now, 0.0)

    def spend(self, now: float) -> None:
        """One message leaves."""
        if self._rate:
            self._sent.append(now)

    def reset(self) -> None:
        """Forget: a new session starts with a clean count."""
        self._sent.clear()
