"""The socket side: what comes in is cut into frames, what goes out has one owner."""

from twsloop.transport.lanes import QUESTIONS, Lane, is_cancel, lane_of
from twsloop.transport.link import CLOSE_GRACE, Listener, Transport
from twsloop.transport.outbox import REQUEST_LANE_LIMIT, Outbox, Queued
from twsloop.transport.outgoing import Fate, Outgoing, Turn

__all__ = [
    "CLOSE_GRACE",
    "QUESTIONS",
    "REQUEST_LANE_LIMIT",
    "Fate",
    "Lane",
    "Listener",
    "Outbox",
    "Outgoing",
    "Queued",
    "Transport",
    "Turn",
    "is_cancel",
    "lane_of",
]
