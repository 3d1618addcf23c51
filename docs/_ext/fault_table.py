"""The page of what goes wrong between a program and IB, and which test proves that it does no harm.

``faults.txt`` beside this file has a line for each fault: its name, what happens, what twsloop does
about it, where it is known from, and the test. The page is complete or not made: every test that is
named has to exist, every test of ``tests/faults`` has to be named, and every source has to be a
public thread (``owner/repository#number``) or words with an address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Row", "fault_table", "problems", "read_rows"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LINES = HERE / "faults.txt"
TESTS = ROOT / "tests" / "faults"

_SECTION = re.compile(r"# -+ (?P<title>.+?) -+$")
_THREAD = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)#(?P<number>\d+)")
_WORDS = re.compile(r"(?P<words>[^<>]+?) <(?P<address>https://\S+|\w+\.md)>")
_TEST = re.compile(r"tests/faults/(?P<file>test_\w+\.py)::(?P<name>test_\w+)")
_DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


class Row(NamedTuple):
    """One fault.

    Attributes:
        section: What it concerns.
        name: What it is called.
        happens: What the network or the gateway does.
        answer: What twsloop does about it.
        sources: Where it is known from, comma by comma.
        test: The test that proves it.
    """

    section: str
    name: str
    happens: str
    answer: str
    sources: str
    test: str


def read_rows(text: str | None = None) -> list[Row]:
    """The lines of the table.

    Raises:
        ValueError: A line has not five parts.
    """
    rows, section = [], ""
    content = LINES.read_text(encoding="utf-8") if text is None else text
    for number, line in enumerate(content.splitlines(), 1):
        titled = _SECTION.match(line)
        if titled is not None:
            section = titled["title"]
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 5 or not all(parts):
            msg = f"line {number} has not five parts: {line}"
            raise ValueError(msg)
        rows.append(Row(section, *parts))
    return rows


def problems(rows: list[Row]) -> list[str]:
    """What is not as the rows say."""
    return [*_of_rows(rows), *_of_tests(rows)]


def _of_rows(rows: list[Row]) -> Iterator[str]:
    for name, count in Counter(row.name for row in rows).items():
        if count > 1:
            yield f"{name}: more than one row"
    for row in rows:
        for source in _split(row.sources):
            if not (_THREAD.fullmatch(source) or _WORDS.fullmatch(source)):
                yield f"{row.name}: {source!r} is no thread, and no words with an address"


def _of_tests(rows: list[Row]) -> Iterator[str]:
    defined = {
        f"{file.name}::{name}"
        for file in sorted(TESTS.glob("test_*.py"))
        for name in _DEFINED.findall(file.read_text(encoding="utf-8"))
    }
    named = set()
    for row in rows:
        found = _TEST.fullmatch(row.test)
        test = "" if found is None else f"{found['file']}::{found['name']}"
        named.add(test)
        if test not in defined:
            yield f"{row.name}: there is no {row.test}"
    for test in sorted(defined - named):
        yield f"tests/faults/{test} proves no row"


def _split(sources: str) -> list[str]:
    return [one.strip() for one in sources.split(", ")]


def fault_table() -> str:
    """The page's tables, one for each section.

    Raises:
        ValueError: Something is not as the rows say.
    """
    rows = read_rows()
    wrong = problems(rows)
    if wrong:
        msg = "the table of faults is not true:\n" + "\n".join(wrong)
        raise ValueError(msg)
    head = ["", "| fault | what happens | what twsloop does | known from |", "|---|---|---|---|"]
    lines = [f"{len(rows)} faults."]
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            lines += ["", f"## {section[0].upper()}{section[1:]}", *head]
        sources = ", ".join(_link(one) for one in _split(row.sources))
        lines.append(f"| {row.name} | {row.happens} | {row.answer} | {sources} |")
    return "\n".join(lines) + "\n"


def _link(source: str) -> str:
    thread = _THREAD.fullmatch(source)
    if thread is not None:
        address = f"https://github.com/{thread['repository']}/issues/{thread['number']}"
        return f"[{source}]({address})"
    words = _WORDS.fullmatch(source)
    assert words is not None
    # The page includes this from a folder below.
    return f"[{words['words']}]({words['address']})"
