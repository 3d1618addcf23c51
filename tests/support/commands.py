"""Runs command lines in this process, and holds what they print against what they tell of it."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from twsloop.cli import run as run_here
from twsloop.cli.schema import documented
from twsloop.cli.shapes import COMPLAINT, schema_of

__all__ = ["Ask", "asking", "check_lines", "events_of"]

#: Runs a command line: exit code, output, complaints.
Ask = Callable[..., tuple[int, str, str]]


def asking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *before: str
) -> Ask:
    """What runs a command line here, with these global options before it."""

    def ask(*arguments: str, columns: int = 200) -> tuple[int, str, str]:
        monkeypatch.setenv("COLUMNS", str(columns))
        capsys.readouterr()
        code = run_here([*before, *arguments])
        said = capsys.readouterr()
        return code, said.out, said.err

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
