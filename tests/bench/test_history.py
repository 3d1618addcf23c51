"""``bench/history.py``: every row of ours gets its bars, and what it adds up is right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench import history
from bench.order_round_trip import ASYNC, OFFICIAL


def test_each_way_of_ours_gets_all_bars(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "found.json"
    monkeypatch.setattr("sys.argv", ["history.py", "--tiny", "--json", str(target)])
    assert history.main() == 0
    rows = json.loads(target.read_text(encoding="utf-8"))["rows"]
    assert [row["client"] for row in rows] == [row.name for row in history.TINY]
    assert all(row["bars"] == 1440 and row["seconds"] > 0 for row in rows)
    assert history.TINY[0].name in capsys.readouterr().out


def figures(seconds: float, peak: float, blocked: float | None) -> dict[str, Any]:
    """What a client says of a turn."""
    told = {"seconds": seconds, "cpu": seconds, "bars": 5, "peak_mb": peak, "kept_mb": 1.0}
    return {**told, "blocked": blocked, "held": blocked}


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    ours, rival = "IBKRConnection", ASYNC
    rows = history.summary(
        {
            ours: [figures(1.0, 10, 0.01), figures(3.0, 10, 0.03), figures(6.0, 10, 0.015)],
            rival: [figures(2.0, 100, 1), figures(2.0, 100, 1), figures(20.0, 20, 1)],
        }
    )
    assert (rows[0]["seconds"], rows[0]["blocked"]) == (3.0, 0.015)
    assert rows[0]["seconds_x_ib_async"] == 0.5
    assert rows[0]["peak_mb_x_ib_async"] == 0.1
    goals = history.judged(rows)
    assert [(goal["client"], goal["met"]) for goal in goals] == [(ours, True)] * 3
    rows[0] |= {"seconds_x_ib_async": 0.61, "peak_mb_x_ib_async": 0.41, "held": 0.021}
    assert not any(goal["met"] for goal in history.judged(rows))


def test_a_client_without_a_loop_has_no_time_of_one() -> None:
    rows = history.summary({OFFICIAL: [figures(1.0, 10, None)]})
    assert rows[0]["blocked"] is None
    history.show(rows)
