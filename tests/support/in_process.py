"""Runs the command line within the test's own process: a command for the price of a call."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from twsloop.cli import run

__all__ = ["Said", "said"]


class Said:
    """Runs commands, and hears what they print.

    Args:
        capsys: Hears it.
        patch: Changes the environment for the test.
    """

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._patch = patch

    def environ(self, variables: Mapping[str, str]) -> None:
        """Set these variables."""
        for name, value in variables.items():
            self._patch.setenv(name, value)

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Run one command: exit code, output, errors."""
        self._capsys.readouterr()
        code = run(arguments)
        out, complaints = self._capsys.readouterr()
        return code, out, complaints


@pytest.fixture
def said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Said:
    """The command line, with a home and a folder of its own."""
    monkeypatch.chdir(tmp_path)
    made = Said(capsys, monkeypatch)
    made.environ({"HOME": str(tmp_path), "COLUMNS": "160"})
    return made
