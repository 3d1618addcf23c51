"""Each script of `make bench` beside the other clients runs, in sizes that say nothing of speed.

The clients that nobody here wrote need environments of their own; `make bench` has them. What is
wanted here is that each script runs to its end, with a table of the rows that were asked for.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import all_clients
from bench.machine import machine

BENCH = Path(__file__).parents[2] / "bench"
pytestmark = pytest.mark.timeout(170)


def run(tmp_path: Path, script: str, *arguments: str) -> tuple[str, Any]:
    """What a script printed, and its figures."""
    file = tmp_path / "figures.json"
    command = [sys.executable, str(BENCH / f"{script}.py"), *arguments, "--json", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=160, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(file.read_text(encoding="utf-8"))


def test_throughput(tmp_path: Path) -> None:
    rows = "recv,split-text,run,live-text"
    said, found = run(tmp_path, "throughput", "--tiny", "--rows", rows)
    assert list(found["rows"]) == rows.split(",")
    assert all(one["a_second"] > 0 for one in found["rows"].values())
    assert "twsloop, live tickers and a callback, text (200), pure" in said
    # 2000 messages, of which 350 of 1000 bring two callbacks.
    assert found["rows"]["run"]["messages"] == 2000
    assert found["rows"]["run"]["callbacks"] == pytest.approx(2700, rel=0.05)
    assert found["rows"]["live-text"]["callbacks"] >= 2000


def test_blast(tmp_path: Path) -> None:
    arguments = ("--tiny", "--mode", "blast", "--rows", "bare")
    _, found = run(tmp_path, "throughput", *arguments)
    assert found["rows"]["bare"]["messages"] == 2000


def test_latency(tmp_path: Path) -> None:
    said, found = run(tmp_path, "latency", "--tiny", "--rows", "bare")
    assert found["rows"]["bare"]["1000"]["p50_us"] > 0
    assert "1,000/s" in said


def test_connect(tmp_path: Path) -> None:
    said, found = run(tmp_path, "connect", "--tiny", "--rows", "bare,live")
    assert {*found["rows"]} == {"bare", "live"}
    assert "supervised, READY" in said


def test_costs(tmp_path: Path) -> None:
    said, found = run(tmp_path, "costs", "--tiny")
    assert all(len(taken) == 2 for taken in found["costs"].values())
    assert "all of it" in said


def test_stages(tmp_path: Path) -> None:
    said, found = run(tmp_path, "stages", "--tiny")
    assert set(found["stages"]["python"]["protobuf (225)"]) == {
        "recv", "split", "decode", "call", "rest", "bare", "tickers", "live",
    }  # fmt: skip
    assert "| limit, protobuf (225) |" in said


def test_fan_out(tmp_path: Path) -> None:
    small = ("--only", "blast", "--rounds", "1", "--version", "225", "--sinks", "2")
    _, found = run(tmp_path, "fanout", *small, "--symbols", "5", "--events", "1000")
    assert found["blast"]["225"]["messages"] > 1000


def test_a_row_that_is_not_there_is_said(tmp_path: Path) -> None:
    command = [sys.executable, str(BENCH / "throughput.py"), "--tiny", "--rows", "bare,swift"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "no such row: ['swift']; there are recv, " in done.stderr


# ---- the page --------------------------------------------------------------------------------


def test_a_goal_is_met_missed_or_not_measured() -> None:
    row = {"x_ib_async": 3.5, "x_official": 6.99, "cpu_x_ib_async": 3.75}
    lines = all_clients.goals({"throughput": {"rows": {"bare": row}}}).splitlines()
    assert "| >= 3.5 x | 3.50 x | met | 3.75 x |" in lines[2]
    assert "| >= 7 x | 6.99 x | **missed** |  |" in lines[3]
    assert "not measured" in lines[4]
    late = {"x_ib_async": 0.61, "x_official": 0.4}
    said = all_clients.goals({"latency": {"rows": {"bare": {"50000": late}}}})
    assert "| <= 0.6 x | 0.61 x | **missed** |" in said
    assert "| <= 0.4 x | 0.40 x | met |" in said


def test_the_page_has_what_was_measured_and_does_not_name_the_machine() -> None:
    about = {
        "cores": 2, "processor": "Z80", "system": "Linux 6", "python": "3.11.7",
        "versions": {"uvloop": "0.23"}, "load": [0.1, 0.2, 0.3],
    }  # fmt: skip
    found = {"connect": {"rows": {"bare": {"connect_ms": 2.0, "ready_ms": 2.0}}}}
    page = all_clients.page(found, about)
    assert "2 cores of Z80, Linux 6, Python 3.11.7, uvloop 0.23; load 0.1, 0.2, 0.3" in page
    assert "| twsloop, IB's callbacks | 2.0 ms | nothing is fetched |" in page
    assert "### A connection" in page
    assert "### 100,000 bars" not in page
    assert set(machine()) == set(about)


def test_the_profile_says_what_each_decoder_takes() -> None:
    row = {"version": 225, "kind": "mix", "ns": {"official": 3821.6, "python": 994.3}}
    said = all_clients.profile({"decode": {"rows": [row]}})
    assert "| server version | messages | official, us | python, us |" in said
    assert "| 225 | mix | 3.82 | 0.99 |" in said
