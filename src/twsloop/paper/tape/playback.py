"""One client's way through a scene: what it may be told now, and what it has to say first (pure).

Theory of operation. `Playback` walks through the steps with one finger. What the client sends goes
into an inbox; at an `Expect` the finger waits until the inbox has a message that fits, so a client
that asks earlier than the recorded one did, or in another order, is served all the same. Messages
of the gateway that stand before the finger's next `Expect` go out one after the other, at the pace
of the recording (times a speed), counted from when the client did its part.

Two modes:

- **lenient** (the usual one): a request fits if the same answer is an answer to it
  (`script.agrees`); its ids may be others, and what is told is told of those (`idmap`). Requests
  that the script does not have are answered as an account that has nothing would (`reflexes`), or
  left and named at the end.
- **strict**: the client has to send exactly the recorded messages, in their order, ids included.

A client that does not send what is waited for *deviates*: `Playback.problems` says at which line,
what was waited for and what came instead, and after `patience` the connection is ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from twsloop.errors import ParseError
from twsloop.wire import codec, framing
from twsloop.wire.messages import Direction, MessageType

from .idmap import IdMap, id_paths
from .reflexes import reflex
from .script import (
    Cut,
    Expect,
    Hangup,
    Heard,
    Raw,
    Say,
    Scene,
    agrees,
    differences,
    read_request,
)
from .wording import describe

__all__ = ["FLAT_OUT", "Playback", "Turn"]

#: The speed at which nothing is waited for.
FLAT_OUT = float("inf")
#: Asked by clients to see whether the gateway lives, whenever they like.
HEARTBEAT = "reqCurrentTime"
#: Requests that end something: their ids have to be those that they end.
_ENDS = ("cancel", "unsubscribe", "update")
#: So much is sent before the transport may say that it is full.
WRITES_A_TURN = 1000
#: So many requests are named in a complaint.
NAMED = 8
#: And so many fields of one that is almost right.
DIFFERENCES = 4


@attrs.define
class Turn:
    """What is to be done now.

    Attributes:
        writes: What to send, in order; each piece in a write of its own.
        hang_up: Why the connection is to be ended after that, or None.
        wake: When to ask again at the latest, None for: when the client says something.
    """

    writes: list[bytes] = attrs.Factory(list)
    hang_up: str | None = None
    wake: float | None = None


class Playback:
    """Plays one scene to one client.

    Args:
        scene: What is played.
        version: The server version that was announced.
        where: Names a line of the script, for messages.
        strict: See the module.
        speed: How much faster than recorded; `FLAT_OUT` for no waits at all.
        patience: How long the client may take to send what is waited for, seconds.
        seconds: The time now, for answers to the heartbeat question.
        inbox: What the client has said already, and nobody answered.

    Attributes:
        problems: How the client deviated, in sentences.
        finished: The end of the scene was reached.
    """

    def __init__(
        self,
        scene: Scene,
        version: int,
        *,
        where: Callable[[int], str],
        strict: bool = False,
        speed: float = 1.0,
        patience: float = 10.0,
        seconds: Callable[[], int] = lambda: 0,
        inbox: Sequence[Heard] = (),
    ) -> None:
        self.scene = scene
        self.version = version
        self.problems: list[str] = []
        self.finished = False
        self.ids = IdMap()
        self._where = where
        self._strict = strict
        self._speed = speed
        self._patience = patience
        self._seconds = seconds
        self._at = 0
        self._inbox: list[Heard] = list(inbox)
        #: How often each request is still waited for.
        self._wanted = Counter(
            step.kind.name
            for step in scene.steps
            if isinstance(step, Expect) and step.kind is not None
        )
        self._answers: list[bytes] = []
        self._pace: float | None = None
        self._waiting: float | None = None
        self._complained = False
        self._cut: int | None = None

    @property
    def waits_for(self) -> Expect | None:
        """What the client has to send before anything else happens."""
        step = self._step()
        return step if isinstance(step, Expect) else None

    def hear(self, body: bytes) -> None:
        """Take a message of the client."""
        heard = read_request(body, self.version)
        if heard.name == "startApi" and heard.message is not None:
            self.ids.client_id = heard.message.clientId
        if not self._strict and heard.message is not None and not self._expects(heard.name):
            answers = reflex(heard.name, heard.message, self._seconds())
            if answers is not None:
                self._answers += [self._frame(kind, message) for kind, message in answers]
                return
        self._inbox.append(heard)

    def turn(self, now: float) -> Turn:
        """Go on as far as possible.

        Args:
            now: A time that only grows, seconds.
        """
        turn = Turn(self._answers)
        self._answers = []
        if self._pace is None:
            self._pace = now
        while turn.hang_up is None:
            if len(turn.writes) >= WRITES_A_TURN:
                turn.wake = now
                break
            step = self._step()
            if step is None:
                self._finish(turn, now)
                break
            if isinstance(step, Expect):
                if not self._met(step, now, turn):
                    break
                if step.kind is not None:
                    self._wanted[step.kind.name] -= 1
            elif isinstance(step, Cut):
                self._cut = step.at
            else:
                due = self._pace + step.delay / self._speed
                if due > now and not (isinstance(step, Hangup) and step.by == "client"):
                    turn.wake = due
                    break
                self._pace = max(self._pace, min(due, now))
                self._do(step, turn)
            self._at += 1
        return turn

    def leave(self) -> None:
        """The client ended the connection: what is missing is a problem."""
        if self.finished:
            return
        self.finished = True
        missing = [s for s in self.scene.steps[self._at :] if isinstance(s, Expect)]
        if missing and not self._complained:
            self._complain(missing[0], "the client left")

    # ---- steps -----------------------------------------------------------------------------

    def _step(self) -> Any:
        steps = self.scene.steps
        return steps[self._at] if self._at < len(steps) else None

    def _do(self, step: Say | Raw | Hangup, turn: Turn) -> None:
        if isinstance(step, Hangup):
            if step.by == "server":
                turn.hang_up = "the script ends the connection here"
            return
        data = step.data if isinstance(step, Raw) else self._frame_of(step)
        cut, self._cut = self._cut, None
        if cut is None:
            turn.writes.append(data)
        else:
            # An empty piece stands for "and now a pause", so that two writes stay two.
            turn.writes += [data[:cut], b"", data[cut:]]

    def _frame_of(self, step: Say) -> bytes:
        if step.body is None:
            assert step.kind is not None
            message = type(step.message)()
            message.CopyFrom(step.message)
            message = self.ids.apply(message)
            self.ids.complete(message)
            return self._frame(step.kind, message)
        if self.ids.trivial or step.kind is None:
            return framing.frame(step.body)
        try:
            decoded = codec.decode(Direction.INBOUND, step.body, self.version)
        except ParseError:
            return framing.frame(step.body)  # what we cannot read is told as it was
        changed = self.ids.apply(decoded.message)
        if changed is decoded.message:
            return framing.frame(step.body)
        body = codec.encode(decoded.type, changed, self.version, dates=decoded.dates)
        return framing.frame(body)

    def _frame(self, kind: MessageType, message: Any) -> bytes:
        return framing.frame(codec.encode(kind, message, self.version))

    # ---- the client's part -----------------------------------------------------------------

    def _met(self, step: Expect, now: float, turn: Turn) -> bool:
        """Whether the client has done its part; False if it is waited for."""
        place = self._place_of(step)
        if place is None and self._may_skip(step, now):
            self._waiting = None
            return True
        if place is None:
            self._wait(step, now, turn)
            return False
        heard = self._inbox.pop(place)
        if step.message is not None and heard.message is not None:
            self.ids.bind(step.message, heard.message)
        self._waiting = None
        self._pace = now
        return True

    def _place_of(self, step: Expect) -> int | None:
        for place, heard in enumerate(self._inbox[:1] if self._strict else self._inbox):
            if agrees(step, heard, exactly=self._strict) and self._ids_fit(step, heard):
                return place
        return None

    def _ids_fit(self, step: Expect, heard: Heard) -> bool:
        if step.kind is None or step.message is None or heard.message is None:
            return True
        if self._strict and step.whole:
            return _ids(step.message) == _ids(heard.message)
        opens = not step.kind.name.startswith(_ENDS)
        return self.ids.fits(step.message, heard.message, opens=opens)

    def _may_skip(self, step: Expect, now: float) -> bool:
        """A heartbeat of the recording that this client does not need."""
        if self._strict or step.kind is None or step.kind.name != HEARTBEAT:
            return False
        if self._waiting is not None and now >= self._waiting + self._patience:
            return True
        following = next(
            (s for s in self.scene.steps[self._at + 1 :] if isinstance(s, Expect)), None
        )
        return following is not None and self._place_of(following) is not None

    def _expects(self, name: str) -> bool:
        return self._wanted[name] > 0

    def _wait(self, step: Expect, now: float, turn: Turn) -> None:
        if self._waiting is None:
            self._waiting = now
        if self._strict and self._inbox and not self._complained:
            self._complain(step, f"the client sent {self._what_came(step)}")
        deadline = self._waiting + self._patience
        if now < deadline:
            turn.wake = deadline
            return
        if not self._complained:
            came = f"it sent {self._what_came(step)}" if self._inbox else "it sent nothing"
            self._complain(step, f"within {self._patience:g} s {came}")
        turn.hang_up = self.problems[-1]

    def _finish(self, turn: Turn, now: float) -> None:
        """The end of the scene: what comes now belongs to nothing."""
        self.finished = True
        if not self._inbox:
            self._waiting = None
            return
        if self._strict and not self._complained:
            self._complained = True
            self.problems.append(f"after the script's end the client sent {self._what_came()}")
        if self._waiting is None:
            self._waiting = now
        deadline = self._waiting + self._patience
        if now < deadline:
            turn.wake = deadline
            return
        turn.hang_up = f"the script has ended, and the client sent {self._what_came()}"

    @property
    def inbox(self) -> tuple[Heard, ...]:
        """What the client said, and the script has not taken."""
        return tuple(self._inbox)

    @property
    def unanswered(self) -> tuple[str, ...]:
        """The names of requests that the script did not have."""
        return tuple(heard.name for heard in self._inbox)

    # ---- words -----------------------------------------------------------------------------

    def _complain(self, step: Expect, came: str) -> None:
        self._complained = True
        wanted = describe(step.kind, step.message, brief=True)
        self.problems.append(f"{self._where(step.line)} waits for {wanted}; {came}")

    def _what_came(self, step: Expect | None = None) -> str:
        shown = []
        for heard in self._inbox[:NAMED]:
            words = describe(heard.kind, heard.message, brief=True)
            if step is not None and heard.kind is not None and heard.kind is step.kind:
                other = differences(step, heard, exactly=self._strict)[:DIFFERENCES]
                words = f"{heard.name} with {', '.join(other)}" if other else words
            shown.append(words)
        more = len(self._inbox) - len(shown)
        return "; ".join(shown) + (f"; and {more} more" if more else "")


def _ids(message: Any) -> list[int]:
    """All ids in a request."""
    found = []
    for path, _ in id_paths(message.DESCRIPTOR):
        part = message
        for name in path:
            part = getattr(part, name)
        found.append(part)
    return found
