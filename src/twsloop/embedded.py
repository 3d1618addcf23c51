"""Which gateways run within this process: what is traded at them is play, and not to be kept.

A program's tests trade at a `PaperGateway` of their own, which forgets everything when it stops.
Its orders have no place in the journal of the program's real ones: they would count there, and the
next session would look for them. So a gateway that is embedded says so here, and the client looks
before it connects. Each is held weakly, and asked whether it listens: a port that it has left may
be anybody's.
"""

from __future__ import annotations

from typing import Protocol
from weakref import WeakSet

__all__ = ["Listening", "is_embedded", "serves_here"]

#: How programs name this machine.
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


class Listening(Protocol):
    """A gateway of this process."""

    @property
    def port(self) -> int:
        """Where it listens."""
        ...

    @property
    def running(self) -> bool:
        """Whether it does."""
        ...


_GATEWAYS: WeakSet[Listening] = WeakSet()


def serves_here(gateway: Listening) -> None:
    """A gateway of this process is about to listen."""
    _GATEWAYS.add(gateway)


def is_embedded(host: str, port: int) -> bool:
    """Whether a gateway of this process listens there, now; from any thread."""
    return host.strip().lower() in _HERE and any(
        gateway.running and gateway.port == port for gateway in tuple(_GATEWAYS)
    )
