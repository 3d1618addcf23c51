"""Runs the command line on a terminal of its own: a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from .program import PATIENCE, ROOT, environment


def on_a_terminal(
    *arguments: str,
    home: Path,
    columns: int = 120,
    stop_when: Callable[[bytes], bool] | None = None,
    typed: Mapping[str, str] | None = None,
    env: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run a command on a terminal: exit code, all that it drew, its errors.

    Args:
        arguments: The command line.
        home: Its folder.
        columns: How wide the terminal is.
        stop_when: Ctrl-C is pressed once this is true of what was drawn so far.
        typed: What is typed once each question has been drawn; then the errors are drawn, too.
        env: More of its environment.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    surroundings = environment(home, {"TERM": "xterm", **(env or {})})
    del surroundings["COLUMNS"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "gateway_cli.py"), *arguments],
        stdin=None if typed is None else slave,
        stdout=slave,
        stderr=subprocess.PIPE if typed is None else slave,
        cwd=home,
        env=surroundings,
    )
    os.close(slave)
    watch = threading.Timer(PATIENCE, process.kill)
    watch.daemon = True
    watch.start()
    drawn = b""
    answers = dict(typed or {})
    try:
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not more:
                break
            drawn += more
            for question in [one for one in answers if one.encode() in drawn]:
                os.write(master, answers.pop(question).encode())
            if stop_when is not None and stop_when(drawn):
                process.send_signal(signal.SIGINT)
                stop_when = None
    finally:
        os.close(master)
        _, complaints = process.communicate()
        watch.cancel()
    return process.returncode, drawn.decode(), (complaints or b"").decode()
