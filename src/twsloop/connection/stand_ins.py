"""The clock and the loop thread of a connection, and what takes their place in a test."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

import attrs

from twsloop.clock import Clock, SystemClock
from twsloop.event_loop import IBKREventLoop

__all__ = ["STAND_INS", "StandIns", "clock_and_loop"]


@attrs.frozen
class StandIns:
    """What takes the place of a connection's clock and loop thread in a test.

    Attributes:
        clock: Used where the program names no other.
        event_loop: Makes the loop; called as `IBKREventLoop` is.
        still: Whether time stands still between two steps: nothing is paced by it then, and
            nobody looks how the loop thread keeps up with it.
    """

    clock: Clock
    event_loop: Callable[..., IBKREventLoop]
    still: bool = True


#: Of the connections that are made in this context; set by `twsloop.testing.GatewayDouble`, because
#: a program's own class may pass on no argument of ours.
STAND_INS: ContextVar[StandIns | None] = ContextVar("twsloop_stand_ins", default=None)


def clock_and_loop() -> StandIns:
    """What a connection that is made here uses: the stand-ins, or the real ones."""
    return STAND_INS.get() or StandIns(SystemClock(), IBKREventLoop, still=False)
