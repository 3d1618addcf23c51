"""The example programs run as they stand, as real programs, against a paper gateway."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import PATIENCE, ROOT, environment
from twsloop.paper.server import PaperGateway

#: What each program prints at its end, at least.
PRINTS = {
    "ib_style.py": r"bought 1 AAPL at [\d.]+\ncommission [\d.]+ USD\n$",
    "protected_entry.py": r"profit: (Filled [\d.]+|Cancelled)\nloss: (Filled [\d.]+|Cancelled)\n$",
    "scan_and_bars.py": r"(\w+ +\d+ bars +[\d.]+  [+-][\d.]+ %\n){5}$",
}
#: Programs that bring their own gateway, and the test that runs them.
ELSEWHERE = {"flow_signals.py": "test_flow_signals.py"}
EXAMPLES = ROOT / "examples"


@pytest.mark.docs
@pytest.mark.parametrize("name", PRINTS)
def test_it_runs_and_ends(name: str, paper_gateway: PaperGateway, tmp_path: Path) -> None:
    more = {"TWSLOOP_CONNECTION_PORT": str(paper_gateway.port)}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        cwd=tmp_path,
        env=environment(tmp_path, more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(PRINTS[name], done.stdout), done.stdout


def test_every_example_is_run_and_shown() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == PRINTS.keys() | ELSEWHERE.keys()
    page = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    assert [name for name in names if f"../examples/{name}" not in page] == []
