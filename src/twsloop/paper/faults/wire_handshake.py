"""Faults of the handshake: what new connections meet, before or while they become sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from twsloop.paper.connection import Connection
from twsloop.wire import handshake
from twsloop.wire.framing import frame

from . import frames
from .fault import End, Fault, Stage
from .link import Link
from .params import choice, count, many, number, text
from .shaping import FRAMES, Cut, Piece, Rewrite

__all__ = [
    "HANDSHAKE_FAULTS",
    "BadHello",
    "CloseInHandshake",
    "CoalesceHello",
    "HelloVersion",
    "SplitHello",
    "Wedge",
]


def arrivals(stage: Stage, meet: Callable[[Link], None], most: int = 0) -> End:
    """Begin something on the links that come, so many of them; 0: as long as the fault lasts."""
    met = 0

    def arrive(connection: Connection) -> None:
        nonlocal met
        met += 1
        meet(stage.links.link(connection))
        if met == most:
            stage.finished()

    stage.links.at_arrival.append(arrive)
    return lambda: stage.links.at_arrival.remove(arrive)


def _connections() -> int:
    made: int = count(0, "How many connections meet it; 0: all, as long as it lasts.")
    return made


@attrs.frozen(kw_only=True)
class Wedge(Fault):
    """The gateway accepts connections and never answers them; running sessions go on.

    A connection that met it stays silent, also when new ones are answered again.
    """

    name: ClassVar[str] = "wedge"
    of_clients: ClassVar[bool] = False

    stage: str = choice(
        "connect",
        "How far a connection gets: its hello is not answered; or it is, and its startApi is not "
        "read; or that is read, so that its client id is taken, and not answered.",
        ("connect", "hello", "start"),
    )
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def wedge(link: Link) -> None:
            if self.stage != "start":
                link.stop_reading(stage)
            link.stop_writing(stage)

        def meet(link: Link) -> None:
            if self.stage == "connect":
                wedge(link)
            else:
                link.after_hello(lambda: wedge(link))

        return arrivals(stage, meet, self.connections)


@attrs.frozen(kw_only=True)
class CloseInHandshake(Fault):
    """The gateway accepts connections, and ends them before they are sessions."""

    name: ClassVar[str] = "close_in_handshake"
    of_clients: ClassVar[bool] = False

    stage: str = choice(
        "hello",
        "When: at once; or when the client has said hello; or after the gateway's hello; or when "
        "startApi has come.",
        ("connect", "hello", "answered", "start"),
    )
    how: str = choice("close", "In good order (FIN), or with a reset (RST).", ("close", "reset"))
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def meet(link: Link) -> None:
            connection = link.connection

            def end() -> None:
                if self.how == "reset":
                    connection.reset("reset in the handshake")
                else:
                    connection.close("closed in the handshake")

            if self.stage == "connect":
                end()
            elif self.stage == "hello":
                link.shape(link.into, _Tripwire(end))
            elif self.stage == "answered":
                link.after_hello(end)
            else:
                link.after_hello(lambda: link.shape(link.into, _Tripwire(end)))

        return arrivals(stage, meet, self.connections)


@attrs.define(eq=False)
class _Tripwire:
    """Does something when bytes come, which are lost."""

    then: Callable[[], None]
    rank: int = FRAMES

    def shape(self, pieces: object, now: float) -> Iterator[Piece]:
        """None of them."""
        del pieces, now
        self.then()
        yield from ()


@attrs.frozen(kw_only=True)
class SplitHello(Fault):
    """The gateway's hello comes in pieces: IB's own client waits for ever then."""

    name: ClassVar[str] = "split_hello"
    of_clients: ClassVar[bool] = False

    places: tuple[int, ...] = many((2, 7), "After how many bytes.", of="count", low=1, high=64)
    gap: float = number(0.01, "How long after each other the pieces leave.", high=3600)
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def meet(link: Link) -> None:
            shaper = Cut(self.places, 1, self.gap, stage.chance)
            link.shape(link.out, shaper)
            # What waits keeps its times: only what comes after it is whole again.
            link.after_hello(lambda: link.out.retire(shaper))

        return arrivals(stage, meet, self.connections)


@attrs.frozen(kw_only=True)
class CoalesceHello(Fault):
    """The gateway's hello and notices come as one write, before startApi was heard.

    IB's own client loses what comes with the hello.
    """

    name: ClassVar[str] = "coalesce_hello"
    of_clients: ClassVar[bool] = False

    notices: int = count(3, "How many notices (2104) come with it.", low=1, high=10_000)
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def meet(link: Link) -> None:
            def rewrite(hello: bytes) -> bytes:
                version, now = link.connection.server_version, stage.host.hub.now()
                text = "Market data farm connection is OK:usfarm"
                return hello + frames.notice(version, 2104, text, now) * self.notices

            link.shape(link.out, Rewrite(rewrite))

        return arrivals(stage, meet, self.connections)


@attrs.frozen(kw_only=True)
class HelloVersion(Fault):
    """The gateway's hello names another server version than it speaks: an old one, or a new one."""

    name: ClassVar[str] = "hello_version"
    of_clients: ClassVar[bool] = False

    version: int = count(99, "Which.", high=999_999)
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def meet(link: Link) -> None:
            said = f"{stage.host.hub.now():%Y%m%d %H:%M:%S} UTC"
            link.shape(link.out, Rewrite(lambda _: handshake.server_hello(self.version, said)))

        return arrivals(stage, meet, self.connections)


@attrs.frozen(kw_only=True)
class BadHello(Fault):
    """The gateway's hello is none."""

    name: ClassVar[str] = "bad_hello"
    of_clients: ClassVar[bool] = False

    kind: str = choice(
        "words",
        "A frame of words; an empty frame; one field in place of two; bytes without a frame; or a "
        "length that no frame may have.",
        ("words", "empty", "one_field", "unframed", "oversized"),
    )
    words: str = text("HTTP/1.1 400 Bad Request", "What it says, where it says anything.")
    connections: int = _connections()

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        words = self.words.encode()
        said = {
            "words": frame(words + b"\0" + words + b"\0"),
            "empty": frame(b""),
            "one_field": frame(words + b"\0"),
            "unframed": words,
            "oversized": b"\x7f\xff\xff\xff",
        }[self.kind]
        return arrivals(
            stage, lambda link: link.shape(link.out, Rewrite(lambda _: said)), self.connections
        )


HANDSHAKE_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "wedge": Wedge,
        "close_in_handshake": CloseInHandshake,
        "split_hello": SplitHello,
        "coalesce_hello": CoalesceHello,
        "hello_version": HelloVersion,
        "bad_hello": BadHello,
    }
)
