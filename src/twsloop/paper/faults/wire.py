"""Faults of the wire: what a network, or a gateway that hangs, does to bytes and connections."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from twsloop.paper.connection import Connection

from .fault import End, Fault, Stage
from .link import Link
from .params import choice

__all__ = ["WIRE_FAULTS", "HalfOpen", "Reset", "Wedge"]


@attrs.frozen(kw_only=True)
class HalfOpen(Fault):
    """The link is dead, and nobody was told: it stays open, and nothing comes through any more.

    What the gateway would say waits; what the client says fills the buffers of both systems. When
    it ends all of it arrives late, as on a line that comes back. Connections that are made
    meanwhile are healthy.
    """

    name: ClassVar[str] = "half_open"

    direction: str = choice(
        "both",
        "What stops: the gateway reads nothing, or writes nothing, or both.",
        ("both", "read", "write"),
    )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        links = [stage.links.link(one) for one in stage.links.those_of(stage.clients)]
        for link in links:
            if self.direction != "write":
                link.stop_reading(stage)
            if self.direction != "read":
                link.stop_writing(stage)

        def end() -> None:
            for link in links:
                link.read_again(stage)
                link.write_again(stage)

        return end


@attrs.frozen(kw_only=True)
class Reset(Fault):
    """The connection is reset (RST): what was on its way in either direction is lost."""

    name: ClassVar[str] = "reset"
    instant: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for connection in stage.links.those_of(stage.clients):
            connection.reset("reset on demand")


@attrs.frozen(kw_only=True)
class Wedge(Fault):
    """The gateway accepts connections and never answers them; running sessions go on.

    A connection that met it stays silent, also when new ones are answered again.
    """

    name: ClassVar[str] = "wedge"

    stage: str = choice(
        "connect",
        "How far a connection gets: its hello is not answered; or its startApi is not read; or it "
        "is read, so that the client id is taken, and not answered.",
        ("connect", "hello", "start"),
    )

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def meet(connection: Connection) -> None:
            link = stage.links.link(connection)
            if self.stage == "connect":
                link.stop_reading(stage)
            else:
                link.after_hello(lambda: self._wedge(link, stage))

        stage.links.at_arrival.append(meet)
        return lambda: stage.links.at_arrival.remove(meet)

    def _wedge(self, link: Link, stage: Stage) -> None:
        if self.stage == "hello":
            link.stop_reading(stage)
        link.stop_writing(stage)


WIRE_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {one.name: one for one in (HalfOpen, Reset, Wedge)}
)
