"""What the hot messages call, and who says so."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum
from typing import Any, Protocol

__all__ = ["CALLED", "HOT", "Calls", "Handler", "Route", "Sink"]

#: Decodes a message: given the bytes, and where its fields begin and end. True: it declines.
Handler = Callable[[bytes, int, int], bool | None]

#: The hot messages: number (without the protobuf offset) -> the EWrapper callbacks it may call.
HOT: dict[int, tuple[str, ...]] = {
    1: ("tickPrice", "tickSize"),
    2: ("tickSize",),
    12: ("updateMktDepth",),
    13: ("updateMktDepthL2",),
    21: ("tickOptionComputation",),
    45: ("tickGeneric",),
    46: ("tickString",),
    50: ("realtimeBar",),
    90: ("historicalDataUpdate",),
    99: ("tickByTickAllLast", "tickByTickBidAsk", "tickByTickMidPoint"),
}

#: All of these callbacks, each once.
CALLED: tuple[str, ...] = tuple(dict.fromkeys(name for names in HOT.values() for name in names))


class Route(IntEnum):
    """What becomes of a hot message."""

    HOT = 0
    """It is decoded here."""
    OTHER = 1
    """It is handed on whole: its protobuf twin is heard, say."""
    SKIP = 2
    """Nobody hears any callback of it: it is not decoded at all."""


def _nobody(*_args: Any) -> None:
    """Hear nothing."""


class Calls:
    """One function for each of `CALLED`; they may be replaced at any time, and may raise."""

    __slots__ = CALLED

    tickPrice: Callable[..., object]
    tickSize: Callable[..., object]
    updateMktDepth: Callable[..., object]
    updateMktDepthL2: Callable[..., object]
    tickOptionComputation: Callable[..., object]
    tickGeneric: Callable[..., object]
    tickString: Callable[..., object]
    realtimeBar: Callable[..., object]
    historicalDataUpdate: Callable[..., object]
    tickByTickAllLast: Callable[..., object]
    tickByTickBidAsk: Callable[..., object]
    tickByTickMidPoint: Callable[..., object]

    def __init__(self) -> None:
        for name in CALLED:
            setattr(self, name, _nobody)


class Sink(Protocol):
    """Who is told of decoded messages.

    Attributes:
        low: Called for request ids below `twsloop.ids.FIRST_REQUEST_ID`: those of the program.
        high: Called for the others.
        message_done: Called after each message; None for nothing to be called.
    """

    low: Calls
    high: Calls
    message_done: Callable[[], object] | None

    def failed(self, function: Callable[..., object], error: BaseException) -> None:
        """A function raised; raises it again only where it has to end the program."""
        ...
