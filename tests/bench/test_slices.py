"""The benchmark of the slices runs; what it measures is no matter of a test."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[2] / "bench"


@pytest.mark.parametrize("version", [225, 200])
def test_it_measures_every_row(version: int, tmp_path: Path) -> None:
    out = tmp_path / "slices.json"
    command = [sys.executable, str(BENCH / "slices.py"), "--tiny", "--version", str(version)]
    done = subprocess.run(
        [*command, "--out", str(out)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(out.read_text())["rows"]
    assert "python" in [row["wire"] for row in rows], done.stdout
    for row in rows:
        assert len(row) == 6
        assert all(value > 0 for name, value in row.items() if name != "wire")
