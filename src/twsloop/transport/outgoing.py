"""One message on its way out, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Protocol

import attrs

from twsloop.session.pacing import Wait
from twsloop.wire.framing import LENGTH_SIZE

from .lanes import Lane

__all__ = ["Fate", "Outgoing", "Turn", "Unique"]

#: Whether an id is used for one request only, and never again.
Unique = Callable[[int], bool]


class Fate(Enum):
    """What became of a message."""

    QUEUED = "queued"
    """It waits in its lane."""
    SENT = "sent"
    """It was handed to the socket: whether it arrived, only the gateway can say."""
    NOT_SENT = "not sent"
    """It never left, and never will."""


class Turn(Protocol):
    """A rule that one message has to wait for, beside the rate of all; called under a lock."""

    def wait(self, now: float) -> Wait | None:
        """Why, and how long, it has to wait; None if it may leave now."""
        ...

    def leave(self, now: float) -> None:
        """It leaves: count it."""
        ...


@attrs.define(eq=False)
class Outgoing:
    """One message on its way out.

    Attributes:
        data: The frame, length included.
        lane: Its lane.
        order_id: The order it carries, for a placeOrder.
        cancels: It only ends something: a full lane takes it, too.
        on_fate: Told once, on the loop thread, when it left or was dropped.
        number: Its message number, without the protobuf offset; 0 where nobody has to know.
        request: What it asks, in words; empty where only its name is known.
        turn: The rule of its own that it has to wait for.
        fate: What became of it.
        since: When it was queued, in the clock's monotonic seconds.
        key: The number of the request it is, or ends, and its id.
        serial: The how manieth it was to enter the lanes; 0 if it does not wait in one.
        indexed: Whether its cancel can find it.
    """

    data: bytes
    lane: Lane
    order_id: int | None = None
    cancels: bool = False
    on_fate: Callable[[Fate], object] | None = None
    number: int = 0
    request: str = ""
    turn: Turn | None = None
    fate: Fate = Fate.QUEUED
    since: float = 0.0
    key: tuple[int, int] | None = None
    serial: int = 0
    indexed: bool = False

    @property
    def body(self) -> bytes:
        """The message without its length."""
        return self.data[LENGTH_SIZE:]
