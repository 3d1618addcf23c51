"""The board of all connections, as faults of the wire see them: who is there, who comes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from weakref import WeakSet

from twsloop.paper.clients.hub import Hub
from twsloop.paper.connection import Connection

from .host import Host
from .link import Link

__all__ = ["LinkBoard"]

#: Hears of a connection.
Hear = Callable[[Connection], None]


class LinkBoard:
    """Whose links there are; makes a `Link` only where a fault wants one.

    Args:
        host: The gateway.

    Attributes:
        shut: Who keeps the gateway's door shut.
        at_arrival: Hear of each connection when it was accepted.
        at_join: Hear of each connection when its client is READY.
        at_open: Hear of the gateway's hub whenever it begins to listen.
        at_end: Hear of each connection when the gateway's half of it has ended.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._links: dict[Connection, Link] = {}
        self.shut: set[object] = set()
        self.at_arrival: list[Hear] = []
        self.at_join: list[Hear] = []
        self.at_end: list[Hear] = []
        self.at_open: list[Callable[[Hub], object]] = []

    def link(self, connection: Connection) -> Link:
        """The link of a connection; made if there is none yet."""
        found = self._links.get(connection)
        if found is None:
            self._sweep()
            found = self._links[connection] = Link(connection, self._host.clock)
        return found

    def those_of(self, clients: frozenset[int] | None) -> Iterator[Connection]:
        """The connections of these clients; None: all, those without a client yet too."""
        for connection in tuple(self._host.connections):
            if clients is None or connection.client_id in clients:
                yield connection

    def cover(
        self, clients: frozenset[int] | None, begin: Callable[[Link], None]
    ) -> Callable[[], None]:
        """Begin something on the links of these clients: those there are, and those to come.

        Where it is about all clients, a link to come begins with its first byte; else when its
        client is READY.

        Returns:
            What ends that (for links to come).
        """
        met: WeakSet[Connection] = WeakSet()

        def meet(connection: Connection) -> None:
            # Where this begins with a connection's arrival, that is there, and still to come.
            if connection not in met and (clients is None or connection.client_id in clients):
                met.add(connection)
                begin(self.link(connection))

        coming = self.at_arrival if clients is None else self.at_join
        coming.append(meet)
        for connection in self.those_of(clients):
            meet(connection)
        return lambda: coming.remove(meet)

    def opened(self, hub: Hub) -> None:
        """The gateway listens."""
        for hear in tuple(self.at_open):
            hear(hub)

    def arrived(self, connection: Connection) -> None:
        """The gateway accepted a connection."""
        for hear in tuple(self.at_arrival):
            hear(connection)

    def joined(self, connection: Connection) -> None:
        """A connection's client is READY."""
        for hear in tuple(self.at_join):
            hear(connection)

    def ended(self, connection: Connection) -> None:
        """The gateway's half of a connection has ended."""
        for hear in tuple(self.at_end):
            hear(connection)

    def cut_all(self) -> None:
        """The gateway stops: no socket stays open, dead ones neither."""
        for link in self._links.values():
            link.cut()
        self._links.clear()

    def _sweep(self) -> None:
        """Forget the links whose sockets have ended."""
        for connection in [one for one, link in self._links.items() if link.over]:
            del self._links[connection]
