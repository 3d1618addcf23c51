"""What faults need from outside: a gateway, and chance."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from twsloop.clock import Clock
from twsloop.paper.clients.hub import Hub
from twsloop.paper.connection import Connection
from twsloop.paper.exchange.engine import Engine

__all__ = ["Chance", "Host"]


class Chance(Protocol):
    """Where chance comes from: a seeded ``random.Random``, as far as faults need it."""

    def random(self) -> float:
        """A number from 0 up to 1, 1 not included."""

    def randint(self, low: int, high: int, /) -> int:
        """A whole number from ``low`` to ``high``, both included."""

    def randbytes(self, count: int, /) -> bytes:
        """So many bytes."""


class Host(Protocol):
    """The gateway, as far as faults need it; everything on its loop."""

    clock: Clock
    port: int
    #: For how many connections there is room, by whom that was said; beside its own limit.
    rooms: dict[object, int]

    @property
    def hub(self) -> Hub:
        """The parts behind the sockets."""

    @property
    def engine(self) -> Engine:
        """Orders and accounts."""

    @property
    def running(self) -> bool:
        """Whether it listens."""

    @property
    def connections(self) -> Collection[Connection]:
        """All that were accepted and have not ended."""

    def shut_door(self) -> None:
        """Refuse new connections from soon on, until `open_door`."""

    def open_door(self, port: int | None = None) -> None:
        """Listen again soon, on another port if one is given."""

    def free_port(self) -> int:
        """The number of a port that nobody listens on."""

    def jump(self, seconds: float) -> None:
        """Set the gateway's calendar forward, or back."""
