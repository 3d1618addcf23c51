"""Runs command lines in this process, and holds what they print against what they tell of it."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from twsloop.cli import run as run_here
from twsloop.cli.schema import documented
from twsloop.cli.shapes import COMPLAINT, schema_of

__all__ = ["Ask", "Stopping", "asking", "check_lines", "events_of"]

#: Runs a command line: exit code, output, complaints.
Ask = Callable[..., tuple[int, str, str]]


class Stopping(io.StringIO):
    """An output at which Ctrl-C is pressed once so many lines are written."""

    def __init__(self, lines: int | None) -> None:
        super().__init__()
        self._left = lines

    def write(self, text: str) -> int:
        """Take it down."""
        count = super().write(text)
        if self._left is not None:
            self._left -= text.count("\n")
            if self._left <= 0:
                self._left = None
                raise KeyboardInterrupt
        return count


def asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *before: str
) -> Ask:
    """What runs a command line here, with these global options before it.

    ``columns`` is the width of its paper; after ``stop_after`` lines Ctrl-C is pressed.
    """

    def ask(
        *arguments: str, columns: int = 200, stop_after: int | None = None
    ) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        with redirect_stdout(Stopping(stop_after)) as out:
            code = run_here([*before, *arguments])
        return code, out.getvalue(), capsys.readouterr().err

    return ask


def events_of(out: str) -> list[dict[str, Any]]:
    """JSON lines, read."""
    return [json.loads(line) for line in out.splitlines()]


@functools.cache
def _checks() -> dict[str, Any]:
    checker = jsonschema.FormatChecker()
    return {
        name: jsonschema.Draft202012Validator(
            schema_of([*lines, COMPLAINT], strict=True), format_checker=checker
        )
        for name, lines in documented()
    }


def check_lines(command: str, out: str) -> Sequence[dict[str, Any]]:
    """The JSON lines of a command, each as it is documented.

    Raises:
        AssertionError: One is not.
    """
    assert command in _checks(), f"{command!r} does not tell what it prints"
    found = events_of(out)
    for event in found:
        wrong = jsonschema.exceptions.best_match(_checks()[command].iter_errors(event))
        if wrong is not None:
            near = [
                str(error.message)
                for error in wrong.context or [wrong]
                if error.validator != "const"
            ]
            raise AssertionError(f"twsloop {command}: {event} is not as documented: {near}")
    return found
