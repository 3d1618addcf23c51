"""A connection in memory: the program's end is asyncio's transport, the gateway's a script."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from twsloop.clock import Clock
from twsloop.paper.tape.playback import Playback
from twsloop.paper.tape.script import Heard, Scene, read_request
from twsloop.wire import framing, handshake

from .hand_loop import HandLoop

__all__ = ["MemoryTransport", "Owner", "Peer"]

#: The script is never in a hurry: time stands still.
NO_HURRY = float("inf")


class Owner(Protocol):
    """What a peer needs of the double that it belongs to."""

    version: int
    clock: Clock

    def heard(self, heard: Heard) -> None:
        """A request left the program."""

    def where(self, line: int) -> str:
        """A line of the script."""

    def complain(self, playback: Playback) -> None:
        """The script ended the session; keep what was wrong."""


class MemoryTransport(asyncio.Transport):
    """The program's end of a connection that is none."""

    def __init__(self, loop: HandLoop, protocol: asyncio.Protocol, peer: Peer) -> None:
        super().__init__()
        self.loop = loop
        self._protocol = protocol
        self._peer = peer
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """The program says something."""
        if not self._closing:
            self._peer.hear(bytes(data))

    def say(self, data: bytes) -> None:
        """The gateway says something: the program hears it when it has finished what it does."""
        if not self._closing and data:
            self.loop.call_soon(self._protocol.data_received, data)

    def end(self, error: Exception | None = None) -> None:
        """The connection ends, at either side."""
        if not self._closing:
            self._closing = True
            self.loop.call_soon(self._protocol.connection_lost, error)

    def close(self) -> None:
        """The program ends the connection."""
        self.end()

    def abort(self) -> None:
        """The program ends the connection at once."""
        self.end()

    def is_closing(self) -> bool:
        """Whether it is over."""
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Nothing: there is no socket."""
        return default

    def get_write_buffer_size(self) -> int:
        """Nothing ever waits."""
        return 0

    def pause_reading(self) -> None:
        """Nothing comes unasked."""

    def resume_reading(self) -> None:
        """Nothing comes unasked."""


class Peer:
    """The gateway's end."""

    def __init__(self, double: Owner, scene: Scene) -> None:
        self.version = 0
        self.transport: MemoryTransport | None = None
        self.wake: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.playback: Playback | None = None
        self._scene = scene
        self._double = double
        self._hello = handshake.ServerHandshake()
        self._frames = framing.FrameReader()

    def hear(self, data: bytes) -> None:
        """Take what the program says."""
        if not self.version:
            self._hello.feed(data)
            if self._hello.hello is None:
                return
            self._greet(self._hello.hello)
            data = self._hello.rest()
        self._frames.feed(data)
        assert self.playback is not None
        for body in self._frames.frames():
            if not body:
                continue
            heard = read_request(body, self.version)
            self._double.heard(heard)
            self.playback.hear(body)
        self.turn()

    def _greet(self, hello: handshake.ClientHello) -> None:
        wanted = self._scene.version or self._double.version
        self.version = handshake.negotiate(hello, wanted)
        self.play(self._scene)
        time = self._scene.time or f"{self._double.clock.now():%Y%m%d %H:%M:%S} UTC"
        assert self.transport is not None
        self.transport.say(handshake.server_hello(self.version, time))

    def play(self, scene: Scene) -> None:
        """Go on with this scene; requests that nobody answered so far may be meant by it."""
        before = self.playback
        unanswered = before.inbox if before is not None else ()
        clock = self._double.clock
        self.playback = Playback(
            scene,
            self.version,
            where=self._double.where,
            patience=NO_HURRY,
            seconds=lambda: int(clock.now().timestamp()),
            inbox=unanswered,
        )
        if before is not None:
            self.playback.ids.client_id = before.ids.client_id

    def turn(self) -> None:
        """Say what can be said now."""
        playback, transport = self.playback, self.transport
        if playback is None or transport is None or transport.is_closing():
            return
        now = self._double.clock.monotonic()
        turn = playback.turn(now)
        self.wake = turn.wake if playback.waits_for is None else None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.wake is not None:
            self._timer = transport.loop.call_later(max(self.wake - now, 0.0), self.turn)
        for data in turn.writes:
            transport.say(data)
        if turn.hang_up is not None:
            self._double.complain(playback)
            transport.end()
