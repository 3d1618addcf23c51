"""The page of threats: each claim names a test, and that test exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "threats.md"
#: What the page has to speak of.
LAYERS = (
    *("Intent before bytes", "The journal", "Order ids and identity", "The session's gate"),
    *("The lease of the client id", "The probe of the link", "The risk gate", "The sockets"),
    *("The gates of live trading", "Reconciliation", "The kill switch"),
    "Keys, passwords, account numbers",
)
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def sections() -> dict[str, str]:
    """The page by its headings."""
    parts = re.split(r"^## (.+)\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names_in(file: Path) -> set[str]:
    """The names of the tests in a file."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_the_page_speaks_of_every_layer() -> None:
    assert set(LAYERS) <= set(sections())


@pytest.mark.parametrize("layer", LAYERS)
def test_each_claim_is_shown_and_each_limit_is_told(layer: str) -> None:
    text = sections()[layer]
    rows = [line for line in text.splitlines() if line.startswith("| ")][2:]
    assert rows
    for row in rows:
        claim, shown = (cell.strip() for cell in row.strip("|").split(" | "))
        assert claim
        assert TEST.search(shown), f"{claim}: no test shows it"
    assert "**Not:**" in text


def test_each_test_that_is_named_exists() -> None:
    named = TEST.findall(PAGE.read_text(encoding="utf-8"))
    missing = [
        f"{file}::{name}"
        for file, name in named
        if not (ROOT / file).is_file() or name not in names_in(ROOT / file)
    ]
    assert missing == []
