"""The table of faults is long enough, and true."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
#: So many faults at least are proved.
ROWS = 40


@pytest.fixture(scope="module")
def table() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fault_table", DOCS / "_ext" / "fault_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fault_table"] = module
    spec.loader.exec_module(module)
    return module


def test_every_fault_is_proved_and_every_proof_has_its_row(table: ModuleType) -> None:
    rows = table.read_rows()
    assert table.problems(rows) == []
    assert len(rows) >= ROWS


def test_the_page_has_a_line_for_each(table: ModuleType) -> None:
    page = table.fault_table()
    for row in table.read_rows():
        assert f"| {row.name} |" in page
    assert "[erdewit/ib_insync#256](https://github.com/erdewit/ib_insync/issues/256)" in page


def test_what_is_not_so_is_said(table: ModuleType) -> None:
    rows = table.read_rows(
        "# ---- links ----\n"
        "a | b | c | owner/name#1, somewhere | tests/faults/test_links.py::test_no\n"
        "a | b | c | words <https://example.org/x> | tests/docs/test_faults.py::test_no\n"
    )
    said = table.problems(rows)
    assert "a: more than one row" in said
    assert "a: 'somewhere' is no thread, and no words with an address" in said
    assert "a: there is no tests/faults/test_links.py::test_no" in said
    assert "a: there is no tests/docs/test_faults.py::test_no" in said
    reset = "test_a_reset_link_comes_back_with_its_quotes"
    assert f"tests/faults/test_links.py::{reset} proves no row" in said
    assert rows[0].section == "links"


@pytest.mark.parametrize("line", ["a | b | c | d", "a | | c | d | e", "a | b | c | d | e | f"])
def test_a_line_without_five_parts_is_an_error(table: ModuleType, line: str) -> None:
    with pytest.raises(ValueError, match="line 1 has not five parts"):
        table.read_rows(line)
