"""What ``make soak`` does a thousand times: a client that trades is killed, and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Steps of the journal, of the socket, of what comes in, and of the start; one kill of each.
KINDS = (
    *("queued", "before_commit", "after_commit", "durable", "half_of_bytes", "after_bytes"),
    *("filled", "mid_bracket", "mid_modify", "mid_cancel", "session_begins", "any_time"),
)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork and no SIGKILL")
def test_killed_at_every_step_a_client_comes_back_and_knows_it_all(tmp_path: Path) -> None:
    state = tmp_path / "kills.json"
    done = subprocess.run(
        [
            *(sys.executable, "bench/kills/run.py", "--seed", "1", "--kills", str(len(KINDS))),
            # Half of them at a gateway of protobuf, half at one of text.
            *("--round", str(len(KINDS) // 2), "--only", ",".join(KINDS), "--state", str(state)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(state.read_text())
    assert found["kinds"] == dict.fromkeys(KINDS, 1)
    assert found["orders"] > 0
    assert found["fills"] > 0
