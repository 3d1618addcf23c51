"""The side-by-side of three clients stays alive: two of its faults; all of them are in the docs."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "side_by_side", ROOT / "bench" / "side_by_side.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["side_by_side"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.conformance
@pytest.mark.conformance_short
@pytest.mark.timeout(120)
def test_two_faults_of_the_side_by_side(bench: ModuleType) -> None:
    wanted = [fault for fault in bench.FAULTS if fault.name in bench.SHORT]
    found = bench.play(wanted)
    assert set(found) == set(bench.SHORT)
    official, ib_async, ours = found["reset"]
    for verdict in (official, ib_async, ours):
        assert verdict.noticed.startswith("connection lost")
    assert official.after == ib_async.after == "quotes stand still"
    assert ours.after == "quotes go on"
    assert "it is Submitted" in found["10349"][2].after
    assert "told Submitted" in found["10349"][2].after


def test_the_page_has_every_fault_and_every_client(bench: ModuleType) -> None:
    rows = bench.TABLE.read_text(encoding="utf-8").splitlines()
    assert len(bench.FAULTS) == 12
    for fault in bench.FAULTS:
        (row,) = (one for one in rows if one.startswith(f"| {fault.name}: "))
        assert len(row.strip("|").split("|")) == 1 + len(bench.CLIENTS)
