"""How urgent a message is: the lanes of the Outbox, by the number of what is sent."""

from __future__ import annotations

from enum import IntEnum

from twsloop.wire.messages import OUTBOUND

__all__ = ["QUESTIONS", "Lane", "is_cancel", "lane_of"]


class Lane(IntEnum):
    """How urgent a message is; lower leaves first."""

    SESSION = 0
    CANCEL = 1
    ORDER = 2
    REQUEST = 3
    HISTORY = 4

    @property
    def words(self) -> str:
        """What goes by it, in words."""
        return _WORDS[self]


_WORDS = {
    Lane.SESSION: "the session",
    Lane.CANCEL: "cancels",
    Lane.ORDER: "orders",
    Lane.REQUEST: "requests",
    Lane.HISTORY: "history",
}


#: Message numbers (client to gateway) whose lane is not REQUEST; numbers as in protocol.md A.5.
_LANES: dict[int, Lane] = {
    71: Lane.SESSION,  # startApi
    # reqCurrentTime, the heartbeat's question: an answer that is late because the question stood
    # in the pacing queue would look like death. One at a time is under way, whoever asks.
    49: Lane.SESSION,
    4: Lane.CANCEL,  # cancelOrder
    58: Lane.CANCEL,  # reqGlobalCancel
    3: Lane.ORDER,  # placeOrder
    21: Lane.ORDER,  # exerciseOptions
    20: Lane.HISTORY,  # reqHistoricalData, and its cancel behind it
    25: Lane.HISTORY,
    87: Lane.HISTORY,  # reqHeadTimeStamp
    90: Lane.HISTORY,
    88: Lane.HISTORY,  # reqHistogramData
    89: Lane.HISTORY,
    96: Lane.HISTORY,  # reqHistoricalTicks
    107: Lane.HISTORY,
}

#: What a session asks of its orders before it is READY: reqExecutions, reqAllOpenOrders,
#: reqCompletedOrders. Then they go with the orders, whose part of the rate requests cannot use up.
QUESTIONS = frozenset({7, 16, 99})


def lane_of(number: int) -> Lane:
    """The lane of an outbound message, by its number."""
    return _LANES.get(number, Lane.REQUEST)


def is_cancel(number: int) -> bool:
    """Whether an outbound message only ends something, by its number."""
    row = OUTBOUND.get(number)
    return row is not None and row.name.startswith(("cancel", "unsubscribe"))
