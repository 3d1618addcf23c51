"""Runs the code of a page of the docs, as its reader would type it.

The blocks of a page that are marked ``python`` run in order, in one namespace, against a paper
gateway of the page's own. What they find there:

* ``PORT``: where that gateway listens;
* ``await`` outside of a function, as in Jupyter: all such blocks of a page run in one event loop;
* an empty working directory, which is the page's own.

A block that cannot run anywhere but at a real account is marked ``python no-run``. It has to
compile all the same, and so has one for another library, which is marked with its name (``python
ib_async``) and run by the conformance tests. What a page says of a block can be proved by code that
no reader sees: a comment of Markdown that begins with ``<!-- check`` holds Python that runs at its
place, and knows the paper gateway as ``PAPER`` besides.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import logging
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import attrs

from twsloop.gateway import IBGateway
from twsloop.paper.server import PaperGateway

__all__ = ["Block", "blocks_of", "run_page"]

_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+) *python(?P<how>[ \w-]*)$")
_CHECK = "<!-- check"
#: What may stand behind ``python`` on the line that opens a block.
_NO_RUN = "no-run"
#: Libraries whose code pages show beside ours.
_OTHERS = frozenset({"ib_async", "ibapi"})


@attrs.frozen
class Block:
    """One piece of code of a page.

    Attributes:
        line: The line of the page on which the code begins, from 1.
        code: The code.
        runs: Whether it is to be run, and not only compiled.
        hidden: Whether no reader sees it.
        library: Whose code it is; empty for ours.
    """

    line: int
    code: str
    runs: bool = True
    hidden: bool = False
    library: str = ""


def blocks_of(text: str) -> list[Block]:
    """The pieces of code of a page, in order.

    Raises:
        ValueError: A block does not end, or is marked in a way that nobody knows.
    """
    found: list[Block] = []
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if line.startswith(_CHECK):
            code = _until(lines, "-->", number)
            found.append(Block(number + 1, "\n".join(code), hidden=True))
        elif line.lstrip().startswith("```"):
            opening = _FENCE.match(line)
            ticks = line.lstrip()[: len(line.lstrip()) - len(line.lstrip().lstrip("`"))]
            code = _until(lines, ticks, number)
            if opening is None:
                continue
            how = opening["how"].strip()
            if how not in {"", _NO_RUN, *_OTHERS}:
                known = ", ".join(f"python {one}" for one in (_NO_RUN, *sorted(_OTHERS)))
                msg = f"line {number}: a block is python, or one of {known}, not python {how}"
                raise ValueError(msg)
            indent = len(opening["indent"])
            text = "\n".join(row[indent:] for row in code)
            library = how if how in _OTHERS else ""
            found.append(Block(number + 1, text, runs=not how, library=library))
    return found


def _until(lines: Iterator[tuple[int, str]], end: str, began: int) -> list[str]:
    code: list[str] = []
    for _number, line in lines:
        if line.strip() == end:
            return code
        code.append(line)
    msg = f"line {began}: the block does not end"
    raise ValueError(msg)


def run_page(path: Path, paper: PaperGateway) -> dict[str, str]:
    """Run a page's blocks.

    Args:
        path: The page.
        paper: The gateway it runs against.

    Returns:
        What each block printed, by the line on which it begins.

    Raises:
        AssertionError: A callback of the page raised; whatever a block itself raises comes through,
            and its traceback names the lines of the page.
    """
    blocks = blocks_of(path.read_text(encoding="utf-8"))
    namespace: dict[str, Any] = {"__name__": "__main__", "PORT": paper.port}
    printed: dict[str, str] = {}
    failures = _Failures()
    logger = logging.getLogger("twsloop")
    logger.addHandler(failures)
    try:
        with asyncio.Runner() as cells:
            try:
                for block in blocks:
                    code = _compiled(block, path)
                    if not block.runs:
                        continue
                    namespace["PAPER"] = paper
                    if not block.hidden:
                        del namespace["PAPER"]
                    with redirect_stdout(io.StringIO()) as output:
                        _run(code, namespace, cells)
                    printed[f"{path.name}:{block.line}"] = output.getvalue()
            finally:
                for value in list(namespace.values()):
                    if isinstance(value, IBGateway):
                        value.stop()
    finally:
        logger.removeHandler(failures)
    assert not failures.told, f"callbacks of {path.name} raised: {failures.told}"
    return printed


def _compiled(block: Block, path: Path) -> Any:
    """The code, with the page's own line numbers."""
    padded = "\n" * (block.line - 1) + block.code
    return compile(padded, str(path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _run(code: Any, namespace: dict[str, Any], cells: asyncio.Runner) -> None:
    if not code.co_flags & inspect.CO_COROUTINE:
        exec(code, namespace)
        return

    async def cell() -> None:
        await eval(code, namespace)

    cells.run(cell())


class _Failures(logging.Handler):
    """Collects the exceptions that are logged, as those of callbacks are."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.told: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take note of a record that carries an exception."""
        if record.exc_info:
            self.told.append(record.getMessage())
