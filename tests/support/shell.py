"""Runs the commands that a page of the docs shows, as its reader would type them.

A block that is marked ``console`` holds commands (``$ twsloop positions``) and what they answer.
Each command has to end with 0, those of a block ``console exits 0 21`` with these codes; those of a
block ``console no-run`` have to be right, and are not run. What runs where:

* a command of ``twsloop`` runs in this process: it is the same code, without a start of its own;
* what serves until Ctrl-C (``twsloop paper``, ``twsloop record``) is a process of its own that has
  to say that it listens, and to end cleanly;
* ``python FILE`` is a process of its own, too;
* what sets the machine up (``git``, ``make``, ``pip`` ...) is not run here: `ELSEWHERE`.

``DIRECTORY`` is a folder of tick files.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import attrs
import click
import pytest

from twsloop.cli import run as run_command
from twsloop.cli.root import cli

from .program import PATIENCE, environment, program

__all__ = [
    "ELSEWHERE",
    "Said",
    "at_this_gateway",
    "commands_of",
    "is_slow",
    "parse_console",
    "run_console",
    "run_until_interrupted",
]

#: The usual port, as pages write it; a page's own gateway listens on another.
USUAL_PORT = "4002"
#: First words of commands that are not run with the page, and what runs them.
ELSEWHERE = {
    ".venv/bin/python": "CI, and people with an account",
    ".": "activating an environment changes a shell, nothing else",
    "cd": "a page runs in a folder of its own",
    "export": "the page's tests set it",
    "git": "a clone needs an address",
    "make": ".ci/run",
    "pip": "tests/test_packaging.py",
    "pipx": "tests/test_packaging.py",
    "python3": "tests/test_packaging.py",
}
#: Commands that serve until they are stopped.
_SERVERS = {"paper", "record"}
#: What a block of commands has whose processes take seconds to start.
_SLOW = re.compile(r"^\$ (twsloop (--json )?(paper|record) |python [\w.]+\.py)", re.MULTILINE)
#: Global options with a value.
_VALUED = {"--config", "--host", "--port", "--client-id", "--trading-mode", "--log-level"}


@attrs.frozen
class Said:
    """What a command did.

    Attributes:
        words: The command.
        code: Its exit code; None for one that is run elsewhere.
        output: What it printed.
        complaints: What it printed as errors.
    """

    words: tuple[str, ...]
    code: int | None = None
    output: str = ""
    complaints: str = ""


def commands_of(text: str) -> list[list[str]]:
    """The commands of a block: what stands behind each ``$``, without comments."""
    joined = re.sub(r" *\\\n *", " ", text)
    lines = [line[2:] for line in joined.splitlines() if line.startswith("$ ")]
    return [shlex.split(line, comments=True) for line in lines]


def at_this_gateway(text: str, port: int) -> str:
    """What is said of the usual port, said of this gateway's."""
    named = f'Config.load(overrides={{"connection.port": {port}}})'
    return text.replace("Config()", named).replace(USUAL_PORT, str(port))


def is_slow(text: str) -> bool:
    """Whether a block of commands starts processes of its own."""
    return _SLOW.search(text) is not None


def parse_console(text: str) -> None:
    """Look whether there are such commands, with such options.

    Raises:
        click.UsageError: There are not.
    """
    for words in commands_of(text):
        if words[0] != "twsloop":
            continue
        command: click.Command = cli
        rest, context = words[1:], None
        while True:
            context = command.make_context(command.name, list(rest), parent=context)
            if not isinstance(command, click.Group):
                break
            # What is behind the options of a group is its command, and that one's words.
            rest = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None, name
            command = found


def run_console(text: str, *, port: int, home: Path, exits: Sequence[int] = ()) -> list[Said]:
    """Run the commands of a block.

    Args:
        text: The block.
        port: Where the page's gateway listens.
        home: The page's folder.
        exits: The exit codes; all 0 unless given.

    Raises:
        AssertionError: A command ended as it should not.
    """
    done = []
    commands = commands_of(text)
    for words, wanted in zip(commands, exits or [0] * len(commands), strict=True):
        if "DIRECTORY" in words:
            _write_ticks(home / "DIRECTORY")
        said = _run([at_this_gateway(word, port) for word in words], home, port)
        shown = shlex.join(words)
        if said.code is not None:
            ended = f"`{shown}` ended with {said.code}: {said.complaints or said.output}"
            assert said.code == wanted, ended
        done.append(said)
    return done


def _run(words: list[str], home: Path, port: int) -> Said:
    name, rest = words[0], words[1:]
    if name == "python" and rest[:1] in (["gateway_cli.py"], ["-m"]):
        rest = rest[1:]
        if rest[:1] == ["twsloop"]:
            rest = rest[1:]
        name = "twsloop"
    if name == "twsloop":
        return _serve(rest, home) if _command(rest) in _SERVERS else _ask(rest)
    if name == "python":
        more = {"TWSLOOP_CONNECTION_PORT": os.environ.get("TWSLOOP_CONNECTION_PORT", str(port))}
        ended = subprocess.run(
            [sys.executable, *rest], cwd=home, env=environment(home, more), capture_output=True,
            text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        return Said(tuple(words), ended.returncode, ended.stdout, ended.stderr)
    if name not in ELSEWHERE:
        msg = f"nobody runs {shlex.join(words)!r}: name what does in {Path(__file__).name}"
        raise ValueError(msg)
    return Said(tuple(words))


def _command(words: list[str]) -> str:
    """The command among global options."""
    rest = iter(words)
    for word in rest:
        if word in _VALUED:
            next(rest, None)
        elif not word.startswith("-"):
            return word
    return ""


def _ask(words: list[str]) -> Said:
    with (
        redirect_stdout(io.StringIO()) as output,
        redirect_stderr(io.StringIO()) as complaints,
        pytest.MonkeyPatch.context() as patch,
    ):
        if "--paper" in words:  # a gateway of its own has no place in the journal of the page's
            patch.setenv("TWSLOOP_JOURNAL_ENABLED", "no")
        code = run_command(words)
    return Said(("twsloop", *words), code, output.getvalue(), complaints.getvalue())


def _write_ticks(folder: Path) -> None:
    """The tick files of a day, as short as they may be."""
    folder.mkdir(exist_ok=True)
    rows = (
        "ts_utc,kind,exch,bid,bid_size,ask,ask_size,price,size,suspicious,"
        "nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size\n"
        "2013-10-07T14:30:00.054Z,Q,P,180.01,300,183.63,100,,,0,180.01,300,183.63,100\n"
        "2013-10-07T14:30:01Z,T,N,,,,,182,50,0,180.01,300,183.63,100\n"
    )
    for symbol in ("IBM", "BAC"):
        with gzip.open(folder / f"{symbol}_20131007_tick.csv.gz", "wt") as file:
            file.write(rows)


def _serve(words: list[str], home: Path) -> Said:
    """Start it on a free port, hear that it listens, stop it."""
    place = "--listen" if _command(words) == "record" else "--port"
    if place in words:
        at = words.index(place)
        words = [*words[:at], *words[at + 2 :]]
    command = words.index(_command(words)) + 1
    words = [*words[:command], place, "0", *words[command:]]
    # JSON lines are flushed one by one, and say where it listens.
    with program("--json", *words, home=home) as running:
        assert running.process.stdout is not None
        first = running.process.stdout.readline()
        if first:  # nothing: it ended, and says why
            assert json.loads(first)["event"] == "listening", first
            running.send(signal.SIGINT)
        code, output, complaints = running.end()
    return Said(("twsloop", *words), code, first + output, complaints)


def run_until_interrupted(code: str, *, home: Path) -> str:
    """Run a program that only Ctrl-C ends, as soon as it has printed something.

    Returns:
        What it printed.

    Raises:
        AssertionError: It ended in another way.
    """
    running = subprocess.Popen(
        [sys.executable, "-u", "-c", code], cwd=home, env=environment(home), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with running:
        assert running.stdout is not None
        first = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        try:
            output, complaints = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
    assert first, complaints
    assert "KeyboardInterrupt" in complaints, complaints
    return first + output
