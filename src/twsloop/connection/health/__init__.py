"""How well it goes: what is counted and timed of one connection, read by ``gw.stats()``.

Theory of operation. What happens per tick costs nothing here: bytes and messages are plain integers
of the loop thread (`twsloop.metrics.Traffic`), and callbacks are timed only after a read batch
overran (`twsloop.processors.Registry.batch_took`). What happens per order and per request is timed
by the clock's monotonic seconds, and kept in histograms. All of it is read, and put together as one
immutable tree (`Stats`), only when somebody asks.
"""

from __future__ import annotations

from .health import Health
from .stats import (
    GapStats,
    LoopStats,
    OrderStats,
    RequestStats,
    SessionStats,
    SlowCallback,
    SlowRequest,
    Stats,
)

__all__ = [
    "GapStats",
    "Health",
    "LoopStats",
    "OrderStats",
    "RequestStats",
    "SessionStats",
    "SlowCallback",
    "SlowRequest",
    "Stats",
]
