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
from collections.abc import Callable
from pathlib import Path

from .program import PATIENCE, ROOT, environment


def on_a_terminal(
    *arguments: str,
    home: Path,
    columns: int = 120,
    stop_when: Callable[[bytes], bool] | None = None,
) -> tuple[int, str, str]:
    """Run a command on a terminal: exit code, all that it drew, its errors.

    Args:
        arguments: The command line.
        home: Its folder.
        columns: How wide the terminal is.
        stop_when: Ctrl-C is pressed once this is true of what was drawn so far.
    """
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    env = environment(home, {"TERM": "xterm"})
    del env["COLUMNS"]
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "gateway_cli.py"), *arguments],
        stdout=slave,
        stderr=subprocess.PIPE,
        cwd=home,
        env=env,
    )
    os.close(slave)
    watch = threading.Timer(PATIENCE, process.kill)
    watch.daemon = True
    watch.start()
    drawn = b""
    try:
        while True:
            try:
                more = os.read(master, 65536)
            except OSError:  # Linux: the other end is closed
                break
            if not more:
                break
            drawn += more
            if stop_when is not None and stop_when(drawn):
                process.send_signal(signal.SIGINT)
                stop_when = None
    finally:
        os.close(master)
        _, complaints = process.communicate()
        watch.cancel()
    return process.returncode, drawn.decode(), complaints.decode()
