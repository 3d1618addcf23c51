"""The kinds of subscriptions that follow one instrument, by the names of `Client.subscriptions`."""

from __future__ import annotations

__all__ = ["DEPTH", "HISTORY", "LINE", "REAL_TIME_BARS", "TICKS"]

#: Market data lines; they stand in `Client.lines`.
LINE = "line"
DEPTH, TICKS = "depth", "ticks"
REAL_TIME_BARS, HISTORY = "realTimeBars", "history"
