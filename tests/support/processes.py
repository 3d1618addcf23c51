"""The command line as a real process: start it, read its lines, signal it, wait for it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parent.parent.parent

#: How long a line, or the end of a process, may take before the test fails, seconds.
PATIENCE = 60.0

#: The beginning of a program that runs in Python's development mode on a machine that may be busy:
#: how long a step of its event loop took is none of its errors; all else that asyncio says counts.
PATIENT = (
    "import logging\n"
    "logging.getLogger('asyncio').addFilter(lambda said: 'took %.3f seconds' not in said.msg)\n"
)


class Cli:
    """``python gateway_cli.py ARGUMENTS``; a context manager that never leaves it running."""

    def __init__(self, *arguments: str | Path | int, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "gateway_cli.py", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers = [
            threading.Thread(target=self._read_lines, daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read_lines(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self.process.stderr is not None
        self._errors.extend(self.process.stderr)

    @property
    def stderr(self) -> str:
        """What came on stderr so far."""
        return "".join(self._errors)

    def line(self) -> str:
        """The next line of stdout."""
        try:
            line = self._lines.get(timeout=PATIENCE)
        except queue.Empty:
            raise AssertionError(f"no line within {PATIENCE} s; stderr: {self.stderr}") from None
        assert line is not None, f"the process ended; stderr: {self.stderr}"
        return line

    def event(self) -> dict[str, Any]:
        """The next line of stdout, as JSON."""
        parsed: dict[str, Any] = json.loads(self.line())
        return parsed

    def until(self, name: str) -> dict[str, Any]:
        """Read JSON lines up to the event ``name``."""
        while (event := self.event()).get("event") != name:
            pass
        return event

    def rest(self) -> list[str]:
        """All further lines, up to the end of the process."""
        lines: list[str] = []
        while True:
            line = self._lines.get(timeout=PATIENCE)
            if line is None:
                return lines
            lines.append(line)

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def terminate(self) -> None:
        """SIGTERM."""
        self.process.terminate()

    def wait(self) -> int:
        """The exit code."""
        code = self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        return code

    def __enter__(self) -> Self:
        """The process runs already."""
        return self

    def __exit__(self, *_exc: object) -> None:
        """Leave nothing running."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE)
        for reader in self._readers:
            reader.join(PATIENCE)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()
