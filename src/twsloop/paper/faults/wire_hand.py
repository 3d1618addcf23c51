"""The faults of the wire as methods."""

from __future__ import annotations

from collections.abc import Iterable

from .hand import FaultHand, FaultHandle, Whom
from .wire_door import ClockJump, IdInUse, Lose, MaxClients, Refuse, Strike
from .wire_handshake import (
    BadHello,
    CloseInHandshake,
    CoalesceHello,
    HelloVersion,
    SplitHello,
    Wedge,
)
from .wire_links import (
    BLOCK,
    BlockBursts,
    Close,
    CutWrites,
    DelayBytes,
    Duplicate,
    Garbage,
    Ghost,
    HalfOpen,
    Oversized,
    Reset,
    SlowDrip,
    Truncated,
)

__all__ = ["WireHand"]


class WireHand(FaultHand):
    """Lets a network, or a gateway that hangs, do something to bytes and connections.

    Every method takes what its fault takes (the classes of `wire_links`, `wire_handshake` and
    `wire_door` say what each means), and besides, where that makes sense, ``client`` (whom it hits:
    an id, several, or None for all) and ``lasting`` (how long, seconds; None: until it is ended).
    """

    # ---- links -----------------------------------------------------------------------------

    def half_open(
        self, client: Whom = None, *, direction: str = "both", lasting: float | None = None
    ) -> FaultHandle:
        """Let links die without a word: they stay open, and nothing comes through."""
        return self.begin(HalfOpen(direction=direction), client, lasting=lasting)

    def reset(self, client: Whom = None) -> FaultHandle:
        """Reset connections (RST)."""
        return self.begin(Reset(), client)

    def close(self, client: Whom = None) -> FaultHandle:
        """End connections in good order (FIN)."""
        return self.begin(Close(), client)

    def ghost(
        self, client: Whom = None, *, seconds: float = 30.0, lasting: float | None = None
    ) -> FaultHandle:
        """Let sessions outlive their links by so many seconds: their ids stay taken."""
        return self.begin(Ghost(seconds=seconds), client, lasting=lasting)

    def delay(
        self,
        client: Whom = None,
        *,
        seconds: float = 0.1,
        jitter: float = 0.0,
        direction: str = "both",
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let everything come late."""
        fault = DelayBytes(seconds=seconds, jitter=jitter, direction=direction)
        return self.begin(fault, client, lasting=lasting)

    def slow_drip(
        self,
        client: Whom = None,
        *,
        size: int = 1,
        interval: float = 0.01,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let what the gateway says come a few bytes at a time."""
        return self.begin(SlowDrip(size=size, interval=interval), client, lasting=lasting)

    def cut(
        self,
        client: Whom = None,
        *,
        places: Iterable[int] = (),
        most: int = 16,
        gap: float = 0.001,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Cut every write of the gateway, at given places or at random."""
        return self.begin(
            CutWrites(places=tuple(places), most=most, gap=gap), client, lasting=lasting
        )

    def bursts(
        self,
        client: Whom = None,
        *,
        block: int = BLOCK,
        quiet: float = 1.5,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let the gateway speak in bursts of exactly some multiple of 4096 bytes."""
        return self.begin(BlockBursts(block=block, quiet=quiet), client, lasting=lasting)

    def duplicate(
        self, client: Whom = None, *, copies: int = 1, lasting: float | None = None
    ) -> FaultHandle:
        """Let every message of the gateway come more than once."""
        return self.begin(Duplicate(copies=copies), client, lasting=lasting)

    def garbage(self, client: Whom = None, *, kind: str = "message", size: int = 32) -> FaultHandle:
        """Say something that means nothing."""
        return self.begin(Garbage(kind=kind, size=size), client)

    def oversized(self, client: Whom = None, *, length: int = 2**31 - 1) -> FaultHandle:
        """Announce a message that is longer than any may be."""
        return self.begin(Oversized(length=length), client)

    def truncated(
        self, client: Whom = None, *, keep: int = 6, lasting: float | None = None
    ) -> FaultHandle:
        """Break off the next message, and say nothing more."""
        return self.begin(Truncated(keep=keep), client, lasting=lasting)

    # ---- the handshake ---------------------------------------------------------------------

    def wedge(
        self, *, stage: str = "connect", connections: int = 0, lasting: float | None = None
    ) -> FaultHandle:
        """Accept connections, and never answer them."""
        return self.begin(Wedge(stage=stage, connections=connections), lasting=lasting)

    def close_in_handshake(
        self,
        *,
        stage: str = "hello",
        how: str = "close",
        connections: int = 0,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Accept connections, and end them before they are sessions."""
        fault = CloseInHandshake(stage=stage, how=how, connections=connections)
        return self.begin(fault, lasting=lasting)

    def split_hello(
        self,
        *,
        places: Iterable[int] = (2, 7),
        gap: float = 0.01,
        connections: int = 0,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Send the hello in pieces."""
        fault = SplitHello(places=tuple(places), gap=gap, connections=connections)
        return self.begin(fault, lasting=lasting)

    def coalesce_hello(
        self, *, notices: int = 3, connections: int = 0, lasting: float | None = None
    ) -> FaultHandle:
        """Send the hello and notices as one write."""
        fault = CoalesceHello(notices=notices, connections=connections)
        return self.begin(fault, lasting=lasting)

    def hello_version(
        self, *, version: int = 99, connections: int = 0, lasting: float | None = None
    ) -> FaultHandle:
        """Name another server version in the hello than is spoken."""
        return self.begin(HelloVersion(version=version, connections=connections), lasting=lasting)

    def bad_hello(
        self,
        *,
        kind: str = "words",
        words: str = "HTTP/1.1 400 Bad Request",
        connections: int = 0,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Send a hello that is none."""
        fault = BadHello(kind=kind, words=words, connections=connections)
        return self.begin(fault, lasting=lasting)

    # ---- the door --------------------------------------------------------------------------

    def refuse(self, *, lasting: float | None = None) -> FaultHandle:
        """Refuse new connections."""
        return self.begin(Refuse(), lasting=lasting)

    def id_in_use(self, client: Whom = None, *, lasting: float | None = None) -> FaultHandle:
        """Answer whoever wants these client ids with 326."""
        return self.begin(IdInUse(), client, lasting=lasting)

    def max_clients(self, *, most: int = 0, lasting: float | None = None) -> FaultHandle:
        """Have room for fewer connections."""
        return self.begin(MaxClients(most=most), lasting=lasting)

    def strike(
        self, client: Whom = None, *, first: int = 1, last: int = 3, limit: int = 50
    ) -> FaultHandle:
        """Tell clients that they send too fast (100); the third strike ends their sessions."""
        return self.begin(Strike(first=first, last=last, limit=limit), client)

    def lose(
        self,
        client: Whom = None,
        *,
        message: str = "placeOrder",
        most: int = 0,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Lose messages of one name, of the clients or of the gateway."""
        return self.begin(Lose(message=message, most=most), client, lasting=lasting)

    def clock_jump(self, *, seconds: float = 3600.0) -> FaultHandle:
        """Set the gateway's calendar forward, or back."""
        return self.begin(ClockJump(seconds=seconds))
