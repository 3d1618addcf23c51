"""``docs/flow_client.md``: what stands there works as it is written."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api_client.testing import ReferenceServer, ServerOptions
from tests.support.flow import KEY, NOW
from tests.support.program import ROOT, environment
from tests.support.program import run as run_process
from twsloop.cli import run
from twsloop.paper.server import PaperGateway

PAGE = (ROOT / "docs" / "flow_client.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ twsloop (.*\bflow .*)$", PAGE, re.MULTILINE)
PROGRAMS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def server() -> Iterator[ReferenceServer]:
    options = ServerOptions(keys=(KEY,), now=lambda: NOW, limits={"standard": 0, "heavy": 0})
    with ReferenceServer(options=options) as running:
        yield running


def test_one_terminal_and_another(tmp_path: Path) -> None:
    """The reference server in one, ``twsloop flow trades SLV --limit 5`` in another."""
    served = subprocess.Popen(
        [sys.executable, "-m", "api_client.testing", "--port", "0"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with served:
        try:
            assert served.stdout is not None
            lines = [served.stdout.readline().strip() for _ in range(2)]
            exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
            code, out, complaints = run_process(
                *("flow", "trades", "SLV", "--limit", "5"), home=tmp_path, env=exported
            )
            assert (code, complaints) == (0, "")
            assert "SLV: 5 trades" in out
            # The same lines in a .env file do as well.
            (tmp_path / ".env").write_text("\n".join(lines))
            code, out, complaints = run_process("flow", "tickers", home=tmp_path)
            assert (code, complaints) == (0, "")
            assert "SLV" in out
        finally:
            served.send_signal(signal.SIGTERM)
    assert served.returncode == 0


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command(
    line: str,
    server: ReferenceServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_BASE_URL", server.base_url)
    monkeypatch.setenv("API_KEY", KEY)
    words = shlex.split(re.split(r" [|>] ", line)[0])
    assert run(words) == 0
    out, complaints = capsys.readouterr()
    assert complaints == ""
    assert out


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_each_program(number: int, server: ReferenceServer, tmp_path: Path) -> None:
    text = PROGRAMS[number]
    if "async def latest" in text:
        text += "\nimport asyncio\n\nasyncio.run(latest())\n"
    (tmp_path / "program.py").write_text(text)
    with PaperGateway() as paper:
        (tmp_path / "config.ini").write_text(f"[connection]\nport = {paper.port}\n")
        done = subprocess.run(
            [sys.executable, "-W", "error", "program.py"],
            cwd=tmp_path,
            env=environment(tmp_path, {"API_BASE_URL": server.base_url, "API_KEY": KEY}),
            input="\n",
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr


def test_there_is_something_to_try() -> None:
    assert len(COMMANDS) >= 9
    assert len(PROGRAMS) == 4
