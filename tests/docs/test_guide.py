"""What the docs show is run: every page, block by block, against a paper gateway of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.guide import Block, blocks_of, run_page
from tests.support.shell import is_slow
from twsloop.paper.server import PaperGateway
from twsloop.testing import MakePaperGateway

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
GUIDE = sorted((DOCS / "guide").glob("*.md"))
#: Pages that tests of their own run, and which.
ELSEWHERE = {DOCS / "flow_client.md": "tests/cli/test_flow_docs.py"}


def all_pages() -> list[Path]:
    """The pages that hold something to run."""
    made = {DOCS / name for name in ("_build", "generated")}
    found = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
    return [
        page
        for page in found
        if not made.intersection(page.parents)
        and page not in ELSEWHERE
        and blocks_of(page.read_text(encoding="utf-8"))
    ]


#: A page that starts processes may take longer.
SLOW = [pytest.mark.docs, pytest.mark.timeout(180)]


def marked(page: Path) -> Any:
    """The page as a parameter; one whose blocks start processes is left to `make docs`."""
    slow = any(
        (block.runs and is_slow(block.code)) if block.language == "console" else block.how
        for block in blocks_of(page.read_text(encoding="utf-8"))
    )
    name = page.relative_to(ROOT).as_posix()
    return pytest.param(page, id=name, marks=SLOW if slow else [])


PAGES = [marked(page) for page in all_pages()]
#: Pages of the guide that are about no part of IB's API.
ABOUT_OURSELVES = {"index", "callbacks", "journal", "notebooks"}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_runs_as_it_stands(
    page: Path,
    make_paper_gateway: MakePaperGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paper = make_paper_gateway()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TWSLOOP_CONNECTION_PORT", str(paper.port))
    monkeypatch.setenv("TWSLOOP_JOURNAL_ENABLED", "yes")
    run_page(page, paper)


@pytest.mark.parametrize(
    "page", [page for page in GUIDE if page.stem not in ABOUT_OURSELVES], ids=lambda page: page.stem
)
def test_a_part_of_the_api_is_shown_in_both_styles(page: Path) -> None:
    blocks = [one for one in blocks_of(page.read_text(encoding="utf-8")) if not one.hidden]
    code = "\n".join(one.code for one in blocks)
    assert "(IBGateway):" in code, "a subclass with IB's own callbacks"
    assert ".result(" in code or ".items(" in code, "in a thread"
    assert "await " in code or "async for" in code, "in a coroutine, and in a notebook"


# ---- the runner itself --------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


def test_blocks_are_found_with_their_lines_and_marks() -> None:
    text = (
        "# Title\n```python\na = 1\n```\nwords\n```console\n$ python\n```\n"
        "```python no-run\nb = 2\n```\n<!-- check\nassert a\n-->\n- item\n\n  ```python\n"
        "  if a:\n      c = 3\n  ```\n````\n```python\nshown\n```\n````\n"
        "```python ib_async\nib = IB()\n```\n"
    )
    assert blocks_of(text) == [
        Block(3, "a = 1"),
        Block(7, "$ python", language="console"),
        Block(10, "b = 2", runs=False),
        Block(13, "assert a", hidden=True),
        Block(18, "if a:\n    c = 3"),
        Block(27, "ib = IB()", runs=False, library="ib_async"),
    ]


@pytest.mark.parametrize("text", ["```python\na = 1\n", "```python norun\na\n```\n"])
def test_a_block_that_nobody_would_run_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        blocks_of(text)


def test_a_page_talks_to_its_gateway_in_both_ways(
    paper_gateway: PaperGateway, tmp_path: Path
) -> None:
    page = write(
        tmp_path,
        "```python\nfrom twsloop import Config, IBGateway\n\n"
        'gw = IBGateway(Config.load(overrides={"connection.port": PORT}))\ngw.start()\n'
        "print(gw.positions().result(timeout=5))\n```\n\n"
        "```python\nprint(await gw.positions())\n```\n\n"
        "<!-- check\nassert gw.accounts == (PAPER.accounts[0],)\n-->\n",
    )
    printed = run_page(page, paper_gateway)
    assert list(printed.values()) == ["[]\n", "[]\n", ""]


def test_the_traceback_names_the_line_of_the_page(
    paper_gateway: PaperGateway, tmp_path: Path
) -> None:
    page = write(tmp_path, "words\n\n```python\nx = 1\n1 / 0\n```\n")
    with pytest.raises(ZeroDivisionError) as caught:
        run_page(page, paper_gateway)
    last = caught.traceback[-1]
    assert (last.path, last.lineno) == (page, 4)  # counted from 0


def test_code_that_does_not_run_has_to_compile(paper_gateway: PaperGateway, tmp_path: Path) -> None:
    run_page(write(tmp_path, "```python no-run\nanything(at_all)\n```\n"), paper_gateway)
    with pytest.raises(SyntaxError):
        run_page(write(tmp_path, "```python no-run\nif\n```\n"), paper_gateway)


def test_only_the_hidden_blocks_know_the_paper_gateway(
    paper_gateway: PaperGateway, tmp_path: Path
) -> None:
    text = "<!-- check\nassert PAPER.port == PORT\n-->\n\n```python\nprint(PAPER)\n```\n"
    with pytest.raises(NameError):
        run_page(write(tmp_path, text), paper_gateway)


def test_a_callback_that_raises_fails_the_page(paper_gateway: PaperGateway, tmp_path: Path) -> None:
    page = write(
        tmp_path,
        "```python\nimport threading\n\nfrom twsloop import Config, IBGateway\n\n"
        "called = threading.Event()\n\n"
        "def show(ticker):\n    called.set()\n    raise RuntimeError(ticker.symbol)\n\n"
        'with IBGateway(Config.load(overrides={"connection.port": PORT})) as gw:\n'
        '    gw.subscribe("AAPL", on_tick=show)\n    assert called.wait(10)\n```\n',
    )
    with pytest.raises(AssertionError, match="show raised RuntimeError: AAPL"):
        run_page(page, paper_gateway)
