"""``bench/order_round_trip.py``: every row of ours goes round, and what it adds up is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import order_round_trip


def test_each_way_of_ours_places_orders_and_is_told_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "found.json"
    monkeypatch.setattr("sys.argv", ["order_round_trip.py", "--tiny", "--json", str(target)])
    assert order_round_trip.main() == 0
    rows = json.loads(target.read_text(encoding="utf-8"))["rows"]
    assert [row["client"] for row in rows] == [row.name for row in order_round_trip.OURS]
    assert all(row["orders"] == 3 and row["p50_us"] > 0 for row in rows)
    assert all(row.name in capsys.readouterr().out for row in order_round_trip.OURS[:1])


def test_a_ratio_is_the_median_of_the_ratios_of_the_rounds() -> None:
    ours, rival = "gw.place_order", order_round_trip.ASYNC
    rows = order_round_trip.summary(
        {
            ours: {"taken": [[10.0], [30.0], [60.0]], "cpu": [1.0, 2.0, 3.0]},
            rival: {"taken": [[20.0], [20.0], [200.0]], "cpu": [5.0, 5.0, 5.0]},
        }
    )
    assert [row["x_ib_async"] for row in rows] == [0.5, 1.0]
    assert [row["p50_us"] for row in rows] == [30.0, 20.0]
    goals = order_round_trip.judged(rows)
    assert [(goal["client"], goal["met"]) for goal in goals] == [(ours, True)]
    rows[0]["x_ib_async"] = 0.66
    assert not order_round_trip.judged(rows)[0]["met"]
