"""``bench/order_stages.py``: it times each stage, and leaves the functions as they were."""

from __future__ import annotations

import pytest

from bench import order_stages


def test_every_stage_of_an_order_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order_stages, "WARM_UP", 2)
    before = [getattr(kind, method) for kind, method, _ in order_stages.NOTED]
    found = order_stages.measure(3)
    assert [getattr(kind, method) for kind, method, _ in order_stages.NOTED] == before
    assert len(found) == len(order_stages.STAGES) + 1
    assert all(took > 0 for _, took in found)
    assert order_stages.table(found).count("\n") == len(found) + 2
