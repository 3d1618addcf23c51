"""The clients that `make bench` measures beside ours run in it: tiny sizes, no figure is judged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.venvs import IB_ASYNC, IB_INSYNC, OFFICIAL_10, ForeignClient, runtime_of

BENCH = Path(__file__).parents[2] / "bench"
pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]
short = pytest.mark.conformance_short


def rows_of(tmp_path: Path, script: str, rows: str) -> dict[str, dict[str, float]]:
    file = tmp_path / "figures.json"
    command = [sys.executable, str(BENCH / f"{script}.py"), "--tiny", "--rows", rows]
    done = subprocess.run(
        [*command, "--json", str(file)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, float]] = json.loads(file.read_text(encoding="utf-8"))["rows"]
    return found


@pytest.mark.parametrize(
    ("rows", "clients"),
    [
        pytest.param("official,official-text,ib_async", (OFFICIAL_10, IB_ASYNC), marks=short),
        pytest.param("ib_insync", (IB_INSYNC,)),
    ],
)
def test_each_is_told_everything(
    tmp_path: Path, rows: str, clients: tuple[ForeignClient, ...]
) -> None:
    for client in clients:
        runtime_of(client)  # not within the time of the script
    for name, row in rows_of(tmp_path, "throughput", rows).items():
        # ib_async tells of several marks at once, and not of each size.
        assert row["heard"] > 1500, name
    assert set(rows_of(tmp_path, "connect", rows)) == set(rows.split(","))
    for row in rows_of(tmp_path, "latency", rows).values():
        assert row["1000"]["p50_us"] > 0  # type: ignore[index]
