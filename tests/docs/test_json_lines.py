"""The reference of the JSON lines names every command's, and every name leads somewhere."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from twsloop.cli.schema import documented

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    path = DOCS / "_ext" / "json_lines.py"
    spec = importlib.util.spec_from_file_location("json_lines", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_commands_lines_are_described(reference: ModuleType) -> None:
    page = reference.lines_reference()
    assert re.findall(r"^### twsloop (.+)$", page, re.MULTILINE) == [n for n, _ in documented()]
    told = {f"`{one.event}`" for _, lines in documented() for one in lines}
    both = page + reference.shared_reference()
    assert {name for name in told if name not in both} == set()


def test_what_several_commands_print_is_described_once(reference: ModuleType) -> None:
    targets = re.findall(r"^\((line-.+)\)=$", reference.shared_reference(), re.MULTILINE)
    assert len(targets) == len(set(targets))
    assert "line-error" in targets
    named = set(re.findall(r"\(#(line-[^)]+)\)", reference.lines_reference()))
    assert named == set(targets) - {"line-error"}


def test_parts_of_a_field_have_rows_of_their_own(reference: ModuleType) -> None:
    page = reference.lines_reference()
    assert "| `initial.after` | digits in a text or null | as it would be |" in page
    assert "| `acted[].client_id` | whole number | its client id |" in page
    assert "| `texts[].pattern`" not in page
