"""One client of a scripted gateway: bytes between its socket and its scene.

`playback` says what the client may be told; here it is written, with the pauses that a cut message
needs, and no faster than the client reads.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import Protocol, cast

from twsloop.clock import Clock, Timer
from twsloop.errors import FramingError, HandshakeError, ParseError
from twsloop.wire import codec, handshake
from twsloop.wire.framing import FrameReader
from twsloop.wire.messages import Direction

from .playback import Playback, Turn
from .script import Expect, Scene, Script

__all__ = ["STOPPING", "Director", "PlayerConnection"]

logger = logging.getLogger(__name__)

#: The pause between the two pieces of a message that is cut, so that they arrive as two; seconds.
CUT_PAUSE = 0.02
#: How long a connection that is being closed may take to send what waits, seconds.
CLOSE_PATIENCE = 2.0
#: A connection that has not finished its hello by then is closed, seconds.
HELLO_PATIENCE = 30.0
#: Why connections are closed at the gateway's end; the one reason that is no trouble.
STOPPING = "the gateway stops"


class Director(Protocol):
    """What a connection needs of the gateway that accepted it."""

    @property
    def clock(self) -> Clock:
        """Where time comes from."""

    @property
    def script(self) -> Script:
        """What is played."""

    @property
    def max_version(self) -> int:
        """The newest version to speak, where the script names none."""

    @property
    def connections(self) -> set[PlayerConnection]:
        """Those that stand."""

    def next_scene(self) -> Scene:
        """The scene of the client that comes now."""

    def scene_of(self, client_id: int, instead_of: Scene) -> Scene | None:
        """A scene of the same version that was recorded with this client id."""

    def play(self, scene: Scene, version: int, *, again: bool = False) -> Playback:
        """Begin a scene; ``again`` for a client that is known already."""

    def scene_finished(self) -> None:
        """A client has done its part to the end of its scene."""

    def scene_over(self, playback: Playback) -> None:
        """A client left, or was sent away."""

    def refused(self, problem: str) -> None:
        """A client could not be served at all."""


class PlayerConnection(asyncio.Protocol):
    """One client and its scene."""

    def __init__(self, gateway: Director) -> None:
        self._gateway = gateway
        self._transport: asyncio.Transport | None = None
        self._hello = handshake.ServerHandshake()
        self._greeted = False
        self._frames = FrameReader()
        self._scene: Scene | None = None
        self._playback: Playback | None = None
        self._began = False
        self._timer: Timer | None = None
        self._pieces: list[bytes] = []
        self._between_pieces: asyncio.TimerHandle | None = None
        self._full = False
        self._finished = False
        self._peer = "?"

    # ---- asyncio.Protocol ------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client connected."""
        # uvloop's transport does what asyncio.Transport says, but is not a subclass of it.
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        self._peer = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else str(peer)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._gateway.connections.add(self)
        clock = self._gateway.clock
        self._timer = clock.call_later(HELLO_PATIENCE, self.close, "no hello within its deadline")

    def data_received(self, data: bytes) -> None:
        """The client said something."""
        if not self._greeted:
            try:
                self._hello.feed(data)
                if self._hello.hello is None:
                    return
                self._greet(self._hello.hello)
            except HandshakeError as error:
                self.close(str(error))
                return
            data = self._hello.rest()
        self._frames.feed(data)
        try:
            for body in self._frames.frames():
                if body:  # a frame without content says nothing
                    self._hear(body)
        except FramingError as error:
            self.close(str(error))
            return
        self._turn()

    def pause_writing(self) -> None:
        """The transport is full."""
        self._full = True

    def resume_writing(self) -> None:
        """It has room again."""
        self._full = False
        self._turn()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection ended."""
        self._stop_timers()
        self._gateway.connections.discard(self)
        playback, self._playback = self._playback, None
        if playback is not None:
            playback.leave()
            self._gateway.scene_over(playback)

    # ---- inside ----------------------------------------------------------------------------

    def _greet(self, hello: handshake.ClientHello) -> None:
        """Answer the hello with the version of the scene.

        Raises:
            HandshakeError: The client does not speak it.
        """
        gateway = self._gateway
        scene = gateway.next_scene()
        version = scene.version
        if version is None:
            version = handshake.negotiate(hello, gateway.max_version)
        elif not hello.min_version <= version <= hello.max_version:
            raise HandshakeError(
                f"{gateway.script.name} is of server version {version}, and this client speaks "
                f"{hello.min_version} to {hello.max_version}: record it with this client, or "
                "turn it into a transcript without a version"
            )
        self._greeted = True
        self._scene = scene
        self._playback = gateway.play(scene, version)
        time = scene.time or f"{gateway.clock.now():%Y%m%d %H:%M:%S} UTC"
        assert self._transport is not None
        self._transport.write(handshake.server_hello(version, time))
        if self._timer is not None:
            self._timer.cancel()

    def _hear(self, body: bytes) -> None:
        assert self._playback is not None
        if not self._began:
            self._began = True
            self._choose_by_client_id(body)
        self._playback.hear(body)

    def _choose_by_client_id(self, body: bytes) -> None:
        """The first message names the client id: another scene may be this one's."""
        assert self._playback is not None
        assert self._scene is not None
        try:
            start = codec.decode(Direction.OUTBOUND, body, self._playback.version)
        except ParseError:
            return
        if start.type.name != "startApi" or start.message.clientId == self._scene.client_id:
            return
        better = self._gateway.scene_of(start.message.clientId, self._scene)
        if better is not None:
            self._scene = better
            self._playback = self._gateway.play(better, self._playback.version, again=True)

    def _turn(self) -> None:
        """Send what is to be sent now."""
        playback, transport = self._playback, self._transport
        if playback is None or transport is None or transport.is_closing() or self._full:
            return
        if self._between_pieces is not None:
            return  # it goes on when the second piece has left
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        turn = playback.turn(self._gateway.clock.monotonic())
        if playback.finished and not self._finished:
            self._finished = True
            self._gateway.scene_finished()
        self._pieces = _joined(turn.writes)
        self._write(turn)

    def _write(self, turn: Turn) -> None:
        """Send the pieces, each by itself, with a pause between them."""
        self._between_pieces = None
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._pieces:
            transport.write(self._pieces.pop(0))
        if self._pieces:
            # Real time: two writes at once would arrive as one.
            loop = asyncio.get_running_loop()
            self._between_pieces = loop.call_later(CUT_PAUSE, self._write, turn)
        elif turn.hang_up is not None:
            self.close(turn.hang_up)
        elif turn.wake is not None:
            wait = max(turn.wake - self._gateway.clock.monotonic(), 0.0)
            self._timer = self._gateway.clock.call_later(wait, self._turn)

    def close(self, reason: str) -> None:
        """Send what waits, and end the connection."""
        level = logging.WARNING if self._is_trouble(reason) else logging.INFO
        logger.log(level, "connection from %s closed: %s", self._peer, reason)
        if not self._greeted and reason != STOPPING:
            self._gateway.refused(f"connection from {self._peer} closed: {reason}")
        self._stop_timers()
        if self._transport is not None and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(CLOSE_PATIENCE, self._transport.abort)

    def _is_trouble(self, reason: str) -> bool:
        return (not self._greeted and reason != STOPPING) or (
            self._playback is not None and reason in self._playback.problems
        )

    @property
    def waits_for(self) -> Expect | None:
        """What the client has to say before anything else happens."""
        return self._playback.waits_for if self._playback is not None else None

    def buffered(self) -> int:
        """How many bytes wait to be sent."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    def abort(self) -> None:
        """End the connection at once."""
        self._stop_timers()
        if self._transport is not None:
            self._transport.abort()

    def _stop_timers(self) -> None:
        for timer in (self._timer, self._between_pieces):
            if timer is not None:
                timer.cancel()
        self._timer = self._between_pieces = None


def _joined(writes: list[bytes]) -> list[bytes]:
    """Few writes of many; an empty one is where a pause has to be."""
    pieces: list[list[bytes]] = [[]]
    for data in writes:
        if data:
            pieces[-1].append(data)
        else:
            pieces.append([])
    return [b"".join(parts) for parts in pieces if parts]
