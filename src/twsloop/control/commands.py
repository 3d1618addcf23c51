"""The words of IBC's command server: what is sent, and what its answers mean (pure).

A command is a line. The server may greet with ``INFO IBC Command Server`` and a prompt (IBC's
CommandPrompt, which ends with no line break), may tell of the progress with INFO lines (unless
SuppressInfoMessages, its default), and answers with one line of ``OK ...`` or ``ERROR ...``. After
STOP and RESTART it closes the link; after other commands it waits for the next, and EXIT ends it.
(Source: IBC's CommandChannel and CommandDispatcher.)
"""

from __future__ import annotations

from enum import StrEnum

import attrs

__all__ = ["DEFAULT_PORT", "Answer", "Answers", "Command"]

#: The port that IBC's own scripts send commands to; IBC itself opens none unless told to.
DEFAULT_PORT = 7462
#: No answer of IBC is longer; a server that talks on without end is another one, characters.
LONGEST = 10_000


class Command(StrEnum):
    """What IBC's command server understands."""

    STOP = "STOP"
    """Close the program, and IBC with it."""
    RESTART = "RESTART"
    """Restart the program without a login; a gateway does so at the next full minute."""
    PAUSE = "PAUSE"
    """Close the program so that the next start needs no login."""
    ENABLEAPI = "ENABLEAPI"
    """Let TWS accept API clients; a gateway always does, and says ERROR."""
    RECONNECTDATA = "RECONNECTDATA"
    """Leave all market data farms, and connect to them again."""
    RECONNECTACCOUNT = "RECONNECTACCOUNT"
    """Leave IB's account server, and connect to it again."""
    EXIT = "EXIT"
    """End this conversation; nothing happens to the program."""


@attrs.frozen(kw_only=True)
class Answer:
    """What the server said to a command.

    Attributes:
        ok: Whether it will do it.
        text: Its words behind OK or ERROR.
        told: What it told of the progress before.
    """

    ok: bool
    text: str
    told: tuple[str, ...] = ()


@attrs.define(eq=False)
class Answers:
    """Reads what comes from a command server, bit by bit.

    Attributes:
        prompt: IBC's CommandPrompt, which may stand before a line.
    """

    prompt: str = ""
    _held: bytes = b""
    _told: list[str] = attrs.Factory(list)
    _answer: Answer | None = None
    _strange: str = ""

    def feed(self, data: bytes) -> None:
        """Take what was received."""
        self._held += data
        *lines, self._held = self._held.split(b"\n")
        for line in lines:
            self._line(line.decode("utf-8", "replace").strip())
        if len(self._held) > LONGEST:
            self._strange = self._strange or self._held[:40].decode("utf-8", "replace")
            self._held = b""

    def next_answer(self) -> Answer | None:
        """The answer that has come, if one has; each is given once."""
        answer, self._answer = self._answer, None
        return answer

    @property
    def strange(self) -> str:
        """What was heard that no command server of IBC says; empty if nothing was."""
        return self._strange

    def _line(self, line: str) -> None:
        while self.prompt and line.startswith(self.prompt.strip()):
            line = line.removeprefix(self.prompt.strip()).strip()
        word, _, text = line.partition(" ")
        if word == "INFO":
            self._told.append(text.strip())
        elif word in {"OK", "ERROR"}:
            if self._answer is None:
                told = tuple(self._told)
                self._answer = Answer(ok=word == "OK", text=text.strip(), told=told)
            self._told.clear()
        elif line:
            self._strange = self._strange or line[:80]
