"""``bench/decode.py``: all decoders make the same calls of the same bytes; its sums are right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from twsloop.wire.hot import HOT

SCRIPT = Path(__file__).resolve().parents[2] / "bench" / "decode.py"


def test_every_kind_is_measured_in_both_protocols(tmp_path: Path) -> None:
    target = tmp_path / "decode.json"
    asked = [sys.executable, str(SCRIPT), "--rounds", "1", "--messages", "500"]
    ran = subprocess.run(
        [*asked, "--json", str(target)], check=True, capture_output=True, text=True, timeout=50
    )
    rows = json.loads(target.read_text(encoding="utf-8"))["rows"]
    callbacks = {name for names in HOT.values() for name in names} - {"tickByTickMidPoint"}
    for version in (225, 200):
        kinds = {row["kind"]: row for row in rows if row["version"] == version}
        assert set(kinds) == callbacks | {"mix"}
        assert kinds["mix"]["messages"] == 500
        assert kinds["tickPrice"]["calls"] == 2 * kinds["tickPrice"]["messages"]
    for row in rows:
        for name, ratio in row["x_official"].items():
            assert abs(ratio - row["ns"]["official"] / row["ns"][name]) < 0.1 * ratio
        assert row["kind"] in ran.stdout
