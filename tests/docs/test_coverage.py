"""The table of what serves IB's requests and callbacks is complete, and true."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def table() -> ModuleType:
    path = DOCS / "_ext" / "coverage_table.py"
    spec = importlib.util.spec_from_file_location("coverage_table", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_table"] = module
    spec.loader.exec_module(module)
    return module


def test_every_name_of_ibs_is_served_and_proved(table: ModuleType) -> None:
    assert table.problems(table.read_rows()) == []


@pytest.mark.parametrize("kind", [EClient, EWrapper])
def test_no_cell_is_empty(table: ModuleType, kind: type) -> None:
    lines = table.coverage_table(kind).splitlines()
    assert len(lines) > 90
    assert all(cell.strip() for line in lines for cell in line.strip("|").split("|"))


def test_every_twin_belongs_to_a_row(table: ModuleType) -> None:
    for kind in (EClient, EWrapper):
        names = set(table._names(kind))
        twins = {name for name in vars(kind) if name.endswith("ProtoBuf")}
        assert twins == {twin for name in names if (twin := table.twin_of(kind, name))} | {
            name for name in names if name.endswith("ProtoBuf")
        }


def test_what_is_not_so_is_said(table: ModuleType) -> None:
    rows = table.read_rows(
        "# words\n\n"
        "reqPositions, reqPositions | gw.account.positions | tests/docs/test_coverage.py::test_no\n"
        "reqNothing | gw.account.nothing | nowhere\n"
    )
    said = table.problems(rows)
    assert "reqPositions: more than one row" in said
    assert "reqPositions: there is no tests/docs/test_coverage.py::test_no" in said
    assert "reqNothing: IB has no such name" in said
    assert "reqNothing: gw.account.nothing is not there" in said
    assert "reqNothing: 'nowhere' names no test" in said
    assert "placeOrder: no row" in said


@pytest.mark.parametrize("line", ["a | b", "a | | c", "a | b | c | d"])
def test_a_line_without_three_parts_is_an_error(table: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match="line 1 has not three parts"):
        table.read_rows(line)
