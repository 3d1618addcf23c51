"""The busy client of ``make soak``, for some seconds: nothing missed, nothing left open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Enough for bars, for each kind of order, and for some thousand ticks.
SECONDS = 12
#: So early, caches still fill: growth is judged by the long run.
ALLOWED_MB = 30


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_short_soak(tmp_path: Path) -> None:
    report = tmp_path / "soak.json"
    done = subprocess.run(
        [
            *(sys.executable, "bench/soak.py", "--seconds", str(SECONDS)),
            *("--growth", str(ALLOWED_MB), "--json", str(report)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(report.read_text())
    assert found["missed"] == found["untold"] == {}
    assert found["sent"]["ticks"] > 1000
    assert found["sent"]["tickByTick"] > 0
    assert found["sent"]["updateMktDepthL2"] > 0
    assert found["sent"]["historicalDataUpdate"] > 0
    assert found["orders"] >= SECONDS - 2
    assert found["fills"] == found["executions"] > 0
    assert "CPU" in done.stdout
