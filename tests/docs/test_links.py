"""Where pages outside of the site lead to is there; the site itself is checked by its build."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)(?:#([^)\s]+))?\)")
PAGES = ("README.md", "CONTRIBUTING.md")
#: How long the README's first paragraph may be, lines: people decide in as many.
FIRST = 7


def anchors_of(page: Path) -> set[str]:
    """The anchors of a page's headings, as they are made of their words."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("name", PAGES)
def test_each_link_leads_somewhere(name: str) -> None:
    for target, anchor in LINK.findall((ROOT / name).read_text(encoding="utf-8")):
        path = ROOT / target
        assert path.is_file(), f"{name} links to {target}, which is not there"
        assert not anchor or anchor in anchors_of(path), f"{name}: {target} has no #{anchor}"


def test_the_readme_says_first_what_it_is_and_last_what_it_is_not() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = text.partition("\n\n")[2].partition("\n\n")[0]
    assert len(first.splitlines()) <= FIRST
    order = [text.index(part) for part in ("docs/images/demo.svg", "make demo", "```python")]
    assert order == sorted(order)
    assert "not been run against IB's own servers by its makers" in text
