"""A gateway that plays a script: a tape that was recorded, or a transcript that was written.

To every client that connects it answers as the script says, in the order of the script, at its pace
(`playback` has the rules). It decides nothing else: there is no market and no account behind it.

The scene of a client is the next one of the script, the first again after the last. Of several
recorded sessions, a client that starts with the id of one gets that one, if it is of the server
version that was announced already. The version of a tape is that of its recording; a client that
does not speak it is refused, with a log line that says so.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from twsloop.clock import Clock
from twsloop.embedded import serves_here
from twsloop.errors import TapeError
from twsloop.paper.serving import Serving, close_door
from twsloop.wire import handshake
from twsloop.wire.tape import looks_like_tape, read_tape

from .playback import FLAT_OUT, Playback
from .player_connection import STOPPING, PlayerConnection
from .script import Scene, Script, scenes_of_tape
from .tape_file import read_lines
from .transcript import read_transcript
from .wording import describe

__all__ = ["FLAT_OUT", "ScriptedGateway", "load_script"]

logger = logging.getLogger(__name__)

#: How long the client may take to do its part, unless told otherwise, seconds.
PATIENCE = 10.0


def load_script(source: Script | Path | str) -> Script:
    """A script from what a person has: a tape or a transcript, which the first line tells.

    Args:
        source: A file, or (with a line break in it) a transcript itself.

    Raises:
        TapeError: It cannot be read; the error names the line.
    """
    if isinstance(source, Script):
        return source
    if isinstance(source, str) and "\n" in source:
        return read_transcript(source)
    path = Path(source)
    lines = list(read_lines(path))
    if lines and looks_like_tape(lines[0]):
        tape = read_tape(lines, str(path))
        if tape.truncated:
            logger.warning("%s: the last line is broken, and left out", path)
        return scenes_of_tape(tape)
    return read_transcript("".join(lines), str(path))


class ScriptedGateway(Serving):
    """A gateway that plays a script to every client that connects.

    Args:
        script: A tape or transcript: its file, or a transcript itself.
        host: The address to listen on.
        port: The port; 0 picks a free one.
        strict: The client has to send exactly the recorded messages, in their order; otherwise its
            ids and its order may differ.
        speed: How much faster than recorded; `FLAT_OUT` for no waits at all.
        patience: How long the client may take to do its part, seconds.
        session: Play only this scene, counted from 1.
        max_version: The newest version to speak, where the script names none.
        clock: Where time comes from.
        loop_factory: Makes the loop of `start`.
        observer: Told ``(event, sentence)`` of sessions, on the gateway's loop: ``joined``,
            ``problem``, ``refused``, ``session_end``.

    Attributes:
        problems: How clients deviated from the script, in sentences.

    Raises:
        TapeError: The script cannot be read, or has no such session.
    """

    def __init__(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        script: Script | Path | str,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        strict: bool = False,
        speed: float = 1.0,
        patience: float = PATIENCE,
        session: int | None = None,
        max_version: int = handshake.MAX_CLIENT_VERSION,
        clock: Clock | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
        observer: Callable[[str, str], object] | None = None,
    ) -> None:
        super().__init__(
            "twsloop-script", host=host, port=port, clock=clock, loop_factory=loop_factory
        )
        self._observer = observer
        self.script = load_script(script)
        self.max_version = max_version
        self.problems: list[str] = []
        self.connections: set[PlayerConnection] = set()
        self._strict = strict
        self._speed = speed
        self._patience = patience
        self._scenes = self.script.scenes
        if session is not None:
            if not 1 <= session <= len(self._scenes):
                raise TapeError(
                    f"there is no session {session}: it has {len(self._scenes)}",
                    file=self.script.name,
                )
            self._scenes = (self._scenes[session - 1],)
        self._next = 0
        self._over = self._finished = 0
        self._changed = threading.Condition()
        #: Done when it was stopped; what a command waits for.
        self.finished: concurrent.futures.Future[None] = concurrent.futures.Future()

    @property
    def played(self) -> int:
        """How many scenes are over: their client left, or was sent away."""
        return self._over

    def wait_played(self, count: int = 1, timeout: float = 10.0) -> None:
        """Wait until so many scenes are over, from any thread but the gateway's.

        On the gateway's own loop: ``await asyncio.to_thread(gateway.wait_played, 2)``.

        Raises:
            TimeoutError: They were not in time.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._over >= count, timeout):
                msg = f"{self._over} of {count} sessions were over within {timeout:g} s"
                raise TimeoutError(msg)

    def wait_script(self, timeout: float = 10.0) -> None:
        """Wait until a client has done its part to the end of its scene (it may stay connected).

        Raises:
            TimeoutError: None did in time; the text says what is waited for.
        """
        with self._changed:
            if self._changed.wait_for(lambda: self._finished > 0, timeout):
                return
        waits = {
            f"{self.script.where(step.line)} waits for {describe(step.kind, step.message)}"
            for connection in tuple(self.connections)
            if (step := connection.waits_for) is not None
        }
        told = "; ".join([*self.problems, *sorted(waits)]) or "no client came"
        msg = f"the script was not over within {timeout:g} s: {told}"
        raise TimeoutError(msg)

    def scene_finished(self) -> None:
        """A client has done its part to the end of its scene."""
        with self._changed:
            self._finished += 1
            self._changed.notify_all()

    # ---- scenes (on the gateway's loop) ----------------------------------------------------

    def next_scene(self) -> Scene:
        """The scene of the client that comes now."""
        scene = self._scenes[self._next % len(self._scenes)]
        self._next += 1
        return scene

    def scene_of(self, client_id: int, instead_of: Scene) -> Scene | None:
        """A scene of the same version that was recorded with this client id."""
        for scene in self._scenes:
            if scene.client_id == client_id and scene.version == instead_of.version:
                return scene
        return None

    def play(self, scene: Scene, version: int, *, again: bool = False) -> Playback:
        """Begin a scene; ``again`` for a client that is known already."""
        if not again:
            self._tell("joined", f"a client joined: server version {version}")
        return Playback(
            scene,
            version,
            where=self.script.where,
            strict=self._strict,
            speed=self._speed,
            patience=self._patience,
            seconds=lambda: int(self.clock.now().timestamp()),
        )

    def scene_over(self, playback: Playback) -> None:
        """A client left, or was sent away."""
        for problem in playback.problems:
            logger.warning("%s", problem)
            self._tell("problem", problem)
        if playback.unanswered:
            names = ", ".join(dict.fromkeys(playback.unanswered))
            logger.info("%s has no answer to %s", self.script.name, names)
        with self._changed:
            self.problems += playback.problems
            self._over += 1
            self._changed.notify_all()
        self._tell("session_end", f"a client left: {self._over} sessions played")

    def _tell(self, event: str, text: str) -> None:
        if self._observer is not None:
            self._observer(event, text)

    def refused(self, problem: str) -> None:
        """A client could not be served at all."""
        with self._changed:
            self.problems.append(problem)
        self._tell("refused", problem)

    # ---- on the running loop ---------------------------------------------------------------

    async def open(self) -> None:
        """Begin to listen, on the running loop.

        Raises:
            ListenError: The port cannot be opened.
        """
        if self._server is not None:
            return
        serves_here(self)
        loop = asyncio.get_running_loop()
        made = loop.create_server(lambda: PlayerConnection(self), self.host, self.port)
        self._listens(await self._listen(made))

    async def close(self) -> None:
        """End all connections. Idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        await close_door(server)
        for connection in tuple(self.connections):
            connection.close(STOPPING)
        while self.connections:
            await asyncio.sleep(0)
            for connection in tuple(self.connections):
                if connection.buffered():
                    connection.abort()
        with contextlib.suppress(concurrent.futures.InvalidStateError):
            self.finished.set_result(None)
