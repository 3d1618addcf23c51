"""Runs the command line as a process of its own, as users do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
#: How long a command may take before the test gives up, seconds.
PATIENCE = 40.0


def environment(home: Path, more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: nobody's settings, and a home of its own."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TWSLOOP_")}
    return {
        **kept,
        "HOME": str(home),
        "COLUMNS": "120",
        "PYTHONWARNINGS": "error",
        "TWSLOOP_STORAGE_DATABASE": str(home / "twsloop.db"),
        **(more or {}),
    }


class Program:
    """A running command."""

    def __init__(self, *arguments: str, home: Path, env: Mapping[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "gateway_cli.py"), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=home,
            env=environment(home, env),
        )
        # A command that hangs ends the test, not the test run.
        self._watch = threading.Timer(PATIENCE, self.process.kill)
        self._watch.daemon = True
        self._watch.start()

    def line(self) -> str:
        """The next line of its standard output."""
        assert self.process.stdout is not None
        text = self.process.stdout.readline()
        if not text:
            assert self.process.stderr is not None
            msg = f"it ended ({self.process.wait()}): {self.process.stderr.read()}"
            raise AssertionError(msg)
        return text.rstrip("\n")

    def event(self) -> dict[str, Any]:
        """The next line of its standard output, as JSON."""
        read: dict[str, Any] = json.loads(self.line())
        return read

    def until(self, name: str) -> dict[str, Any]:
        """The next event of that name; those before it are skipped."""
        while (event := self.event())["event"] != name:
            pass
        return event

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, the rest of its output, its errors."""
        out, err = self.process.communicate()
        self._watch.cancel()
        return self.process.returncode, out, err

    def close(self) -> None:
        """End it in any case."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        self._watch.cancel()


@contextmanager
def program(*arguments: str, home: Path, env: Mapping[str, str] | None = None) -> Iterator[Program]:
    """A command that runs inside the block."""
    running = Program(*arguments, home=home, env=env)
    try:
        yield running
    finally:
        running.close()


def run(*arguments: str, home: Path, env: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a command to its end: exit code, output, errors."""
    with program(*arguments, home=home, env=env) as running:
        return running.end()


@contextmanager
def paper_process(*arguments: str, home: Path) -> Iterator[int]:
    """A paper gateway in a process of its own; its port."""
    with program("--json", "paper", "--port", "0", *arguments, home=home) as running:
        yield int(running.event()["port"])
        running.send(signal.SIGTERM)
        code, _, errors = running.end()
        assert (code, errors) == (0, "")
