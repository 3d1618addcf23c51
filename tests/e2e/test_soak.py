"""What ``make soak`` does, for some seconds: nothing missed, nothing left open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Enough for bars, for each kind of order, and for some thousand ticks.
SECONDS = 6
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
    assert found["orders"] >= SECONDS // 2
    assert found["fills"] == found["executions"] > 0
    assert "CPU" in done.stdout


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_short_run_of_random_faults_and_going_on_with_it(tmp_path: Path) -> None:
    state = tmp_path / "faults.json"

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                *(sys.executable, "bench/faults/run.py", "--state", str(state)),
                # None of these loses the link: ticks one by one are asked for every 15 s only.
                *("--only", "shuffled_reports,delay,cut,farm_down,order_warning"),
                *("--interval", "0.05", *options),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )

    done = run("--seed", "1", "--faults", "8")
    assert done.returncode == 0, done.stdout + done.stderr
    first = json.loads(state.read_text())
    assert (first["seed"], first["done"]) == (1, 8)
    assert first["fills"] > 0
    # All streams were heard in the first part; bars take five seconds to come, each time.
    done = run("--resume", "--faults", "12", "--streams", "quotes,depth")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from fault 8 to 12" in done.stdout
    second = json.loads(state.read_text())
    assert sum(second["kinds"].values()) == second["done"] == 12
