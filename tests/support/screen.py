"""A terminal as its user sees it: a program in a pseudo-terminal, and what stands on the screen.

pyte reads what the program writes as a terminal does, so that a test looks at the lines on the
screen, not at the commands that drew them.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pyte

from twsloop.clock import SystemClock

from .program import PATIENCE, ROOT, environment

__all__ = ["Screen", "on_screen"]

#: Begins the program as a shell does, so that Ctrl-C and a new size reach it: by the terminal.
_AT_THE_TERMINAL = (
    *(sys.executable, "-I", "-S", "-c"),
    """import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])""",
)


class Screen:
    """A program on a terminal of its own.

    Args:
        arguments: The command line.
        home: Its folder.
        columns: How wide the terminal is, characters.
        lines: How high it is, lines.
        env: More for its environment.
    """

    def __init__(
        self,
        *arguments: str,
        home: Path,
        columns: int = 120,
        lines: int = 40,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._master, slave = pty.openpty()
        self._size(slave, columns, lines)
        settings = environment(home, {"TERM": "xterm-256color", **(env or {})})
        del settings["COLUMNS"]
        self.written = b""
        self.process = subprocess.Popen(
            [*_AT_THE_TERMINAL, sys.executable, str(ROOT / "gateway_cli.py"), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=subprocess.PIPE,
            cwd=home,
            env=settings,
            start_new_session=True,
        )
        os.close(slave)

    @staticmethod
    def _size(descriptor: int, columns: int, lines: int) -> None:
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    @property
    def text(self) -> str:
        """What stands on the screen now."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def cursor_shown(self) -> bool:
        """Whether the cursor can be seen."""
        return not self._screen.cursor.hidden

    @property
    def widest(self) -> int:
        """How long the longest line is, characters."""
        return max(len(line) for line in self.text.splitlines())

    def resize(self, columns: int, lines: int) -> None:
        """Drag the window's corner."""
        self._screen.resize(lines, columns)
        self._size(self._master, columns, lines)  # the system tells the program (SIGWINCH)

    def press(self, key: str) -> None:
        """Press a key; ``\\x03`` is Ctrl-C."""
        os.write(self._master, key.encode())

    def until(self, seen: Callable[[str], bool]) -> str:
        """Read until the screen is so; what stands on it then."""
        for _ in self._reading():
            if seen(self.text):
                return self.text
        msg = f"it ended, or nothing came of it; the screen:\n{self.text}\n{self._complaints()}"
        raise AssertionError(msg)

    def end(self) -> tuple[int, str]:
        """Wait for its end: the exit code and its complaints."""
        for _ in self._reading():
            pass
        complaints = self._complaints()
        return self.process.wait(PATIENCE), complaints

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.kill()
        self._complaints()
        os.close(self._master)

    def _complaints(self) -> str:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        _, said = self.process.communicate(timeout=PATIENCE)
        return (said or b"").decode()

    def _reading(self) -> Iterator[None]:
        """Once at first, then after each piece that was drawn; ends with the program, or late."""
        clock = SystemClock()
        late = clock.monotonic() + PATIENCE
        yield
        while (left := late - clock.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                return
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # Linux: the other end is closed
                return
            if not piece:
                return
            self.written += piece
            self._stream.feed(piece)
            yield


@contextmanager
def on_screen(
    *arguments: str,
    home: Path,
    columns: int = 120,
    lines: int = 40,
    env: Mapping[str, str] | None = None,
) -> Iterator[Screen]:
    """A command on a terminal, inside the block."""
    screen = Screen(*arguments, home=home, columns=columns, lines=lines, env=env)
    try:
        yield screen
    finally:
        screen.close()
