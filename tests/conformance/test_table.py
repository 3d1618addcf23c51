"""The table of clients and capabilities."""

from __future__ import annotations

import ast
from datetime import date
from pathlib import Path

from tests.conformance.table import CAPABILITIES, render


def test_a_capability_needs_all_of_its_tests() -> None:
    results = [
        ("test_bars", "one-1.0-at-200", True),
        ("test_past_ticks", "one-1.0-at-200", False),
        ("test_deep_book", "one-1.0-at-200", True),
        ("test_bars", "two-2.0-at-225", True),
    ]
    _, _, head, _, one, two = render(results, date(2026, 11, 21)).splitlines()
    columns = [cell.strip() for cell in head.split("|")[1:-1]]
    cells = [
        dict(zip(columns, map(str.strip, row.split("|")[1:-1]), strict=True)) for row in (one, two)
    ]
    assert cells[0]["client"] == "one-1.0"
    assert cells[0]["server version"] == "200"
    assert (cells[0]["history"], cells[0]["depth"], cells[0]["news"]) == ("no", "yes", "")
    assert cells[1]["history"] == "yes"


def test_every_capability_has_tests() -> None:
    names = set()
    for path in Path(__file__).parent.glob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names.add(node.name)
    for capability, beginnings in CAPABILITIES.items():
        for beginning in beginnings:
            assert any(name.startswith(beginning) for name in names), (capability, beginning)
