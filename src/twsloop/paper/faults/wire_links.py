"""Faults of a link: it dies, it ends, it is slow, it cuts and mixes what the gateway says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import ClassVar

import attrs

from . import frames
from .fault import End, Fault, Stage
from .link import Link
from .params import choice, count, many, number
from .shaping import Bursts, Cut, Delay, Drip, Lane, Repeat, Shaper, Stop

__all__ = [
    "LINK_FAULTS",
    "BlockBursts",
    "Close",
    "CutWrites",
    "DelayBytes",
    "Duplicate",
    "Garbage",
    "Ghost",
    "HalfOpen",
    "Oversized",
    "Reset",
    "SlowDrip",
    "Truncated",
    "into",
    "out",
    "shaped",
]

#: What IB's own client reads at a time, bytes: it loses what ends exactly there.
BLOCK = 4096


# ---- ends --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class HalfOpen(Fault):
    """The link is dead, and nobody was told: it stays open, and nothing comes through any more.

    What the gateway would say waits; what the client says fills the buffers of both systems. When
    it ends all of it arrives late, as on a line that comes back. Connections that are made
    meanwhile are healthy; but the client's id stays taken, as long as the gateway does not notice.
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
    """The connection is reset (RST), as by a device on the way: what was on its way is lost."""

    name: ClassVar[str] = "reset"
    instant: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for connection in stage.links.those_of(stage.clients):
            stage.links.link(connection).break_off(reset=True)


@attrs.frozen(kw_only=True)
class Close(Fault):
    """The connection ends in good order (FIN), as by a proxy on the way: what was said arrives."""

    name: ClassVar[str] = "close"
    instant: ClassVar[bool] = True

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for connection in stage.links.those_of(stage.clients):
            stage.links.link(connection).break_off(reset=False)


@attrs.frozen(kw_only=True)
class Ghost(Fault):
    """A session outlives its link: its client id stays taken, and whoever wants it gets 326.

    It ends no link itself: the client does, or another fault (`reset`, `close`).
    """

    name: ClassVar[str] = "ghost"

    seconds: float = number(30.0, "How long after its link has ended the session ends, too.")

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        links: list[Link] = []

        def meet(link: Link) -> None:
            links[:] = [one for one in links if not one.over]
            links.append(link)
            link.linger(stage, self.seconds)

        stop = stage.links.cover(stage.clients, meet)

        def end() -> None:
            stop()
            for link in links:
                link.forget(stage)

        return end


# ---- times and places --------------------------------------------------------------------------


def out(link: Link) -> Lane:
    """What the gateway says."""
    return link.out


def into(link: Link) -> Lane:
    """What the client says."""
    return link.into


def shaped(
    stage: Stage,
    make: Callable[[Link], Shaper],
    lane: Callable[[Link], Lane] = out,
    *,
    after_hello: bool = False,
) -> End:
    """Let a shaper work on each link that the fault hits, as long as it lasts.

    Args:
        stage: Of the fault.
        make: Makes the shaper of a link.
        lane: Which direction.
        after_hello: It leaves the gateway's hello alone.
    """
    working: list[tuple[Link, Shaper]] = []

    def begin(link: Link) -> None:
        if not stage.over:
            shaper = make(link)
            working[:] = [one for one in working if not one[0].over]
            working.append((link, shaper))
            link.shape(lane(link), shaper)

    def meet(link: Link) -> None:
        if after_hello:
            link.after_hello(lambda: begin(link))
        else:
            begin(link)

    stop = stage.links.cover(stage.clients, meet)

    def end() -> None:
        stop()
        for link, shaper in working:
            link.unshape(lane(link), shaper)

    return end


@attrs.frozen(kw_only=True)
class DelayBytes(Fault):
    """The line is long: everything comes late, in its order."""

    name: ClassVar[str] = "delay"

    seconds: float = number(0.1, "How late, each way.", high=86_400)
    jitter: float = number(0.0, "Up to so much later, at random.", high=86_400)
    direction: str = choice(
        "both", "What is late: what the client says, what it hears, or both.",
        ("both", "read", "write"),
    )  # fmt: skip

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def make(_: Link) -> Shaper:
            return Delay(self.seconds, self.jitter, stage.chance)

        lanes = {"both": (out, into), "write": (out,), "read": (into,)}[self.direction]
        ends = [shaped(stage, make, lane) for lane in lanes]

        def end() -> None:
            for one in ends:
                one()

        return end


@attrs.frozen(kw_only=True)
class SlowDrip(Fault):
    """What the gateway says comes a few bytes at a time."""

    name: ClassVar[str] = "slow_drip"

    size: int = count(1, "How many bytes at a time.", low=1, unit="bytes")
    interval: float = number(0.01, "How far apart.", low=1e-6, high=86_400)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return shaped(stage, lambda _: Drip(self.size, self.interval))


@attrs.frozen(kw_only=True)
class CutWrites(Fault):
    """Every write of the gateway comes in pieces, cut anywhere: in a length, in a number."""

    name: ClassVar[str] = "cut"

    places: tuple[int, ...] = many(
        (), "After how many bytes; at random unless given.", of="count", low=1
    )
    most: int = count(16, "At random: the longest piece.", low=1, unit="bytes")
    gap: float = number(0.001, "How long after each other the pieces leave.", high=3600)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return shaped(stage, lambda _: Cut(self.places, self.most, self.gap, stage.chance))


@attrs.frozen(kw_only=True)
class BlockBursts(Fault):
    """What the gateway says comes in bursts of exactly some multiple of 4096 bytes.

    Each is filled up with a message that asks for nothing (verifyMessageAPI), and followed by
    silence: IB's own client reads 4096 bytes at a time, and loses a burst that ends exactly there.
    """

    name: ClassVar[str] = "bursts"

    block: int = count(BLOCK, "What their length is a multiple of.", low=256, unit="bytes")
    quiet: float = number(1.5, "How long nothing follows.", high=3600)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""

        def make(link: Link) -> Bursts:
            def pad(size: int) -> bytes:
                return frames.filler(link.connection.server_version, size)

            def again(quiet: float) -> None:
                stage.later(quiet, link.nudge)

            return Bursts(pad, self.block, self.quiet, again)

        # The hello is left alone: filled up it would be no hello.
        return shaped(stage, make, after_hello=True)


# ---- what nobody would say ---------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Duplicate(Fault):
    """Every message of the gateway comes more than once."""

    name: ClassVar[str] = "duplicate"

    copies: int = count(1, "How often more.", low=1, high=1000)

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return shaped(stage, lambda _: Repeat(self.copies), after_hello=True)


@attrs.frozen(kw_only=True)
class Garbage(Fault):
    """The gateway says something that means nothing."""

    name: ClassVar[str] = "garbage"
    instant: ClassVar[bool] = True

    kind: str = choice(
        "message",
        "A message whose number nobody knows; or a frame of random bytes; or random bytes without "
        "a frame, after which nothing can be read any more.",
        ("message", "frame", "bytes"),
    )
    size: int = count(32, "How much of it.", low=1, high=1 << 20, unit="bytes")

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for connection in stage.links.those_of(stage.clients):
            noise = stage.chance.randbytes(self.size)
            if self.kind == "message":
                noise = frames.unknown(connection.server_version, "x" * self.size)
            elif self.kind == "frame":
                noise = len(noise).to_bytes(4, "big") + noise
            connection.write(noise)


@attrs.frozen(kw_only=True)
class Oversized(Fault):
    """The gateway announces a message that is longer than any may be."""

    name: ClassVar[str] = "oversized"
    instant: ClassVar[bool] = True

    length: int = count(2**31 - 1, "How long.", low=1, high=2**32 - 1, unit="bytes")

    def begin(self, stage: Stage) -> None:
        """Let it happen."""
        for connection in stage.links.those_of(stage.clients):
            connection.write(self.length.to_bytes(4, "big"))


@attrs.frozen(kw_only=True)
class Truncated(Fault):
    """The next message of the gateway breaks off, and nothing follows until this ends."""

    name: ClassVar[str] = "truncated"

    keep: int = count(6, "How many bytes of it come; its length takes four.", low=1, unit="bytes")

    def begin(self, stage: Stage) -> End:
        """Let it happen."""
        return shaped(stage, lambda _: Stop(self.keep))


LINK_FAULTS: Mapping[str, type[Fault]] = MappingProxyType(
    {
        "half_open": HalfOpen,
        "reset": Reset,
        "close": Close,
        "ghost": Ghost,
        "delay": DelayBytes,
        "slow_drip": SlowDrip,
        "cut": CutWrites,
        "bursts": BlockBursts,
        "duplicate": Duplicate,
        "garbage": Garbage,
        "oversized": Oversized,
        "truncated": Truncated,
    }
)
