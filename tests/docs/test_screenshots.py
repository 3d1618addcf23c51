"""The pictures of programs: what is drawn is what stood on the screen, at its time."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

DOCS = Path(__file__).parents[2] / "docs"
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def terminal_svg() -> ModuleType:
    path = DOCS / "_ext" / "terminal_svg.py"
    spec = importlib.util.spec_from_file_location("terminal_svg", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["terminal_svg"] = module
    spec.loader.exec_module(module)
    return module


def frame(module: ModuleType, at: float, *lines: str) -> object:
    return module.Frame(at, tuple(tuple(module.Cell(sign) for sign in line) for line in lines))


def groups(svg: str) -> list[ET.Element]:
    return ET.fromstring(svg).findall(f"{SVG}g")


def test_a_picture_has_every_line(terminal_svg: ModuleType) -> None:
    svg = terminal_svg.draw([frame(terminal_svg, 0.0, "  a < b", "", "c")], title="x & y")
    assert [text.text for group in groups(svg) for text in group] == ["a < b", "c"]
    assert "<set" not in svg


def test_a_line_is_there_once_and_seen_in_its_time(terminal_svg: ModuleType) -> None:
    frames = [
        frame(terminal_svg, 2.0, "stays", "first"),
        frame(terminal_svg, 3.0, "stays", "second"),
        frame(terminal_svg, 4.5, "stays", "third"),
    ]
    seen = {}
    for group in groups(terminal_svg.draw(frames, title="t")):
        line = group[-1].text
        told = group.find(f"{SVG}set")
        seen[line] = (
            group.get("visibility"),
            None if told is None else (told.get("to"), told.get("begin"), told.get("dur")),
        )
    assert seen == {
        "stays": (None, None),
        "first": ("hidden", ("visible", "play.begin+0.00s", "1.00s")),
        "second": ("hidden", ("visible", "play.begin+1.00s", "1.50s")),
        "third": (None, ("hidden", "play.begin", "2.50s")),
    }


def test_colours_and_weights_are_kept(terminal_svg: ModuleType) -> None:
    cell = terminal_svg.Cell
    line = (cell("a", "green", bold=True), cell("b", "ff8800"), cell("c", ground="blue"))
    svg = terminal_svg.draw([terminal_svg.Frame(0.0, (line,))], title="t")
    colours = [text.get("fill") for group in groups(svg) for text in group.iter(f"{SVG}text")]
    assert colours == ["#7ec77b", "#ff8800", terminal_svg.FOREGROUND]
    assert 'font-weight="bold"' in svg
    assert f'fill="{terminal_svg.COLOURS["blue"]}"' in svg


def test_each_picture_that_a_page_shows_is_there_and_whole() -> None:
    shown = set()
    for page in (DOCS.parent / "README.md", *DOCS.rglob("*.md")):
        for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            assert path.is_file(), f"{page.name} shows {target}, which is not there"
            shown.add(path)
    assert shown, "nothing is shown"
    for path in (DOCS / "images").glob("*.svg"):
        assert path in shown, f"nobody shows {path.name}"
        texts = [text.text or "" for text in ET.parse(path).iter(f"{SVG}text")]
        assert any("AAPL" in text for text in texts), path.name
        assert not any("Traceback" in text for text in texts), path.name
