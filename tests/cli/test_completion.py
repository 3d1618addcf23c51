"""Completion in a real bash; of zsh and fish the scripts, which click makes the same way."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import PATIENCE, ROOT, environment

#: Asks bash what it would complete, as it does when the key is pressed.
ASKS = """
. ./complete.bash
COMP_WORDS=({words}) COMP_CWORD={at}
_twsloop_completion twsloop
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose PATH has the command."""
    folder = tmp_path_factory.mktemp("completion")
    command = folder / "bin" / "twsloop"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{ROOT}/gateway_cli.py" "$@"\n')
    command.chmod(0o755)
    return folder


def run(home: Path, *words: str, **more: str) -> str:
    path = f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        words, env=environment(home, {"PATH": path, **more}), cwd=home,
        capture_output=True, text=True, check=True, timeout=PATIENCE,
    )  # fmt: skip
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("twsloop", "canc"), {"cancel", "cancel-all"}),
        (("twsloop", "journal", "ver"), {"verify"}),
        (("twsloop", "buy", "AAPL", "100", "--ti"), {"--tif", "--timeout"}),
        (("twsloop", "paper", "--hours", "al"), {"always"}),
        (("twsloop", "--trading-mode", "p"), {"paper"}),
    ],
)
def test_bash_completes(home: Path, typed: tuple[str, ...], found: set[str]) -> None:
    script = home / "complete.bash"
    script.write_text(run(home, "twsloop", _TWSLOOP_COMPLETE="bash_source"))
    asked = ASKS.format(words=" ".join(typed), at=len(typed) - 1)
    assert set(run(home, "bash", "-c", asked).split()) == found


@pytest.mark.parametrize(
    ("shell", "names"),
    [("zsh", "#compdef twsloop"), ("fish", "complete --no-files --command twsloop")],
)
def test_other_shells_get_their_script(home: Path, shell: str, names: str) -> None:
    assert names in run(home, "twsloop", _TWSLOOP_COMPLETE=f"{shell}_source")
