"""What ``make soak`` does a thousand times: a client that trades is killed, and comes back."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.kills.kinds import KINDS
from bench.kills.rights import impossible

ROOT = Path(__file__).parents[2]
#: Steps of the journal, of the socket, of what comes in, of the start, and of what a journal needs;
#: one kill of each at least.
NAMES = (
    *("mid_archive", "queued", "before_commit", "after_commit", "durable", "half_of_bytes"),
    *("after_bytes", "filled", "mid_bracket", "mid_modify", "mid_cancel", "session_begins"),
    *("any_time", "mid_migration", "mid_copy", "ids_reset", "forked", "read_only_file"),
    *("mid_slate", "slate_left"),
)
#: Kinds that are seldom possible come more than once.
MORE = 4


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork and no SIGKILL")
def test_killed_at_every_step_a_client_comes_back_and_knows_it_all(tmp_path: Path) -> None:
    state = tmp_path / "kills.json"
    names = [name for name in NAMES if not impossible(KINDS[name].before)]
    kills = len(names) + MORE
    done = subprocess.run(
        [
            *(sys.executable, "bench/kills/run.py", "--seed", "1", "--kills", str(kills)),
            # Half of them at a gateway of protobuf, half at one of text.
            *("--round", str(kills // 2), "--only", ",".join(names), "--state", str(state)),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(state.read_text())
    assert set(found["kinds"]) == set(names)
    assert sum(found["kinds"].values()) == kills
    assert found["orders"] > 0
    assert found["fills"] > 0
