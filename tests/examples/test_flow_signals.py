"""The example programs run as they stand, as real programs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.program import ROOT, environment


def test_it_trades_predictions_and_ends(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(ROOT / "examples" / "flow_signals.py")],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=55,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for ticker in ("SPY", "QQQ", "AAPL"):
        assert f"{ticker} stale: it is 8" in done.stdout, "made at 09:46, and it is 10:00:57"
    proposed = re.findall(r"proposed: (BUY|SELL) (\d+) (\w+), confidence 0\.\d+", done.stdout)
    accepted = re.findall(r"accepted: order \d+: (BUY|SELL) (\d+) MKT (\w+)", done.stdout)
    assert accepted
    assert {one[2] for one in accepted} <= {one[2] for one in proposed}
    assert all(1 <= int(quantity) <= 20 for _, quantity, _ in accepted)
    filled = re.findall(r"order \d+: Filled, (\d+) (\w+) at [\d.]+, commission [\d.]+", done.stdout)
    assert [(quantity, symbol) for quantity, symbol in filled] == [one[1:] for one in accepted]
    held = re.findall(r"position: (-?\d+) (\w+) at", done.stdout)
    signed = [(f"-{count}" if side == "SELL" else count, name) for side, count, name in accepted]
    assert sorted(held) == sorted(signed)
