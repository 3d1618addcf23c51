"""Runs the code of a page of the docs, as its reader would type it.

The blocks of a page that are marked ``python`` run in order, in one namespace, against a paper
gateway of the page's own. What they find there:

* ``PORT``: where that gateway listens;
* ``await`` outside of a function, as in Jupyter: all such blocks of a page run in one event loop;
* an empty working directory, which is the page's own.

Where a page writes the usual port, 4002, or ``Config()``, which means it, that gateway's is meant.

=================== ============================================================================
``python no-run``   cannot run anywhere but at a real account; it has to compile all the same
``python ib_async`` another library's: the conformance tests run it
``python forever``  a program that only Ctrl-C ends: it runs as one, until it has printed something
``python tests``    a test module: pytest runs it, in a process of its own
``python NAME.py``  a program that the reader saves: it is written into the page's folder, where a
``toml NAME.toml``  command of the page finds it; so are settings
``ini NAME.ini``
``console``         commands, see `tests.support.shell`; ``console exits 0 21`` says how they
                    end, ``console no-run`` that they only have to be right
=================== ============================================================================

What a page says of a block can be proved by code that no reader sees: a comment of Markdown that
begins with ``<!-- check`` holds Python that runs at its place, and knows the paper gateway as
``PAPER`` and what the commands of the last ``console`` block did as ``SAID`` besides.
"""

from __future__ import annotations

import ast
import asyncio
import inspect
import io
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import attrs

from twsloop.gateway import IBGateway
from twsloop.paper.server import PaperGateway

from .program import PATIENCE
from .shell import Said, at_this_gateway, parse_console, run_console, run_until_interrupted

__all__ = ["Block", "blocks_of", "run_page"]

_FENCE = re.compile(
    r"^(?P<indent> *)(?P<ticks>```+) *(?P<language>python|console|toml|ini)(?P<how>[ .\w-]*)$"
)
_CHECK = "<!-- check"
#: What may stand behind the language on the line that opens a block.
_NO_RUN, _FOREVER, _TESTS = "no-run", "forever", "tests"
#: The exit codes of a block of commands.
_EXITS = re.compile(r"exits((?: \d+)+)")
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
        language: ``python``, ``console``, or that of a file of settings.
        how: How it is run, where that is not the usual way.
        file: The name under which the reader saves it; empty if it is not for a file.
    """

    line: int
    code: str
    runs: bool = True
    hidden: bool = False
    library: str = ""
    language: str = "python"
    how: str = ""
    file: str = ""


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
            block = _block(number, opening, code)
            if block is not None:
                found.append(block)
    return found


def _block(number: int, opening: re.Match[str], code: list[str]) -> Block | None:
    """One block; None for settings that are only shown."""
    language, how = opening["language"], opening["how"].strip()
    known = {
        "python": {"", _NO_RUN, _FOREVER, _TESTS, *_OTHERS},
        "console": {"", _NO_RUN},
    }.get(language, {""})
    file = how if language != "console" and how.endswith((".py", ".toml", ".ini")) else ""
    exits = language == "console" and _EXITS.fullmatch(how) is not None
    if not (how in known or file or exits):
        words = ", ".join(f"{language} {one}" for one in sorted(known - {""}))
        msg = f"line {number}: a block is {language}, or one of {words}, not {language} {how}"
        raise ValueError(msg)
    if language in {"toml", "ini"} and not file:
        return None
    indent = len(opening["indent"])
    library = how if how in _OTHERS else ""
    return Block(
        number + 1,
        "\n".join(row[indent:] for row in code),
        runs=how != _NO_RUN and not library,
        library=library,
        language=language,
        how="" if file or library or how == _NO_RUN else how,
        file=file,
    )


def _until(lines: Iterator[tuple[int, str]], end: str, began: int) -> list[str]:
    code: list[str] = []
    for _number, line in lines:
        if line.strip() == end:
            return code
        code.append(line)
    msg = f"line {began}: the block does not end"
    raise ValueError(msg)


def run_page(path: Path, paper: PaperGateway) -> dict[str, str]:
    """Run a page's blocks, in the folder that is the working directory now.

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
                said: list[Said] = []
                for block in blocks:
                    name = f"{path.name}:{block.line}"
                    if block.language == "console" and not block.runs:
                        parse_console(block.code)
                        continue
                    if block.language == "console":
                        codes = [int(word) for word in block.how.split()[1:]]
                        said = run_console(
                            block.code, port=paper.port, home=Path.cwd(), exits=codes
                        )
                        printed[name] = "".join(one.output for one in said)
                        continue
                    if block.file:
                        Path(block.file).write_text(at_this_gateway(block.code, paper.port))
                        continue
                    code = _compiled(block, path, paper.port)
                    if not block.runs:
                        continue
                    if block.how:
                        printed[name] = _alone(at_this_gateway(block.code, paper.port), block.how)
                        continue
                    seen = {"PAPER": paper, "SAID": said} if block.hidden else {}
                    namespace.update(seen)
                    with redirect_stdout(io.StringIO()) as output:
                        _run(code, namespace, cells)
                    printed[name] = output.getvalue()
                    for hidden in seen:
                        del namespace[hidden]
            finally:
                for value in list(namespace.values()):
                    if isinstance(value, IBGateway):
                        value.stop()
    finally:
        logger.removeHandler(failures)
    assert not failures.told, f"callbacks of {path.name} raised: {failures.told}"
    return printed


def _alone(code: str, how: str) -> str:
    """Run a block in a process of its own; what it printed."""
    if how == _FOREVER:
        return run_until_interrupted(code, home=Path.cwd())
    Path("test_page.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_page.py"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _compiled(block: Block, path: Path, port: int) -> Any:
    """The code, with the page's own line numbers."""
    padded = "\n" * (block.line - 1) + at_this_gateway(block.code, port)
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
