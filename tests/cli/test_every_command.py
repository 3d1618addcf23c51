"""What holds for every command: help, an example that works, and lines that are as they say."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Collection, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
import pytest

from api_client.testing import ReferenceServer, ServerOptions
from tests.support.commands import Stopping, check_lines, events_of
from tests.support.flow import NOW
from twsloop.cli import run as run_here
from twsloop.cli.root import COMMANDS, GROUPS, cli
from twsloop.cli.shapes import lines_of, walk
from twsloop.config import Config
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.recorder import Recorder

#: Every command that does something itself, by the words that call it.
LEAVES = {
    " ".join(path): command for path, command in walk(cli) if not isinstance(command, click.Group)
}


def examples_of(command: click.Command) -> list[str]:
    """The examples of a command's help: without comments, pipes and files."""
    told = re.sub(r" *\\\n *", " ", command.epilog or "")
    found = re.findall(r"^  +(twsloop\b.+)$", told, re.MULTILINE)
    return [re.split(r"  +| \| | > ", one)[0].strip() for one in found]


def test_the_commands_are_found_by_looking() -> None:
    assert len(LEAVES) > 40
    assert {name.split()[0] for name in LEAVES} == set(COMMANDS)
    assert sum(len(names) for names in GROUPS.values()) == len(COMMANDS)


@pytest.mark.parametrize("name", LEAVES)
def test_it_says_what_it_does_and_shows_how(name: str) -> None:
    command = LEAVES[name]
    assert command.help
    assert command.get_short_help_str(200).endswith(".")
    examples = [one for one in examples_of(command) if name in one]
    assert examples, "no example in its help"
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help, f"{option.opts} says nothing"


@pytest.mark.parametrize("name", LEAVES)
def test_it_tells_its_lines(name: str) -> None:
    lines = lines_of(LEAVES[name])
    assert lines is not None
    for one in lines:
        assert one.meaning.endswith("."), one
        for field in [*one.fields.values(), *([one.more] if one.more else [])]:
            assert field.schema["description"]


def test_help_is_no_wider_than_its_examples() -> None:
    for name, command in LEAVES.items():
        context = click.Context(command, info_name=name, terminal_width=80)
        for line in command.get_help(context).splitlines():
            assert len(line) <= 104, (name, line)


# ---------------------------------------------------------------------------------- examples
#: What ends by Ctrl-C: here after so many lines.
STREAMS = {
    "subscribe": 3, "watch": 3, "depth": 3, "bars": 1, "paper": 1, "record": 1, "replay": 1,
}  # fmt: skip
#: Examples that do not end with 0 here, by how they begin.
EXITS: dict[str, set[int]] = {
    "kill --status": {21},  # the example before engages it
    "protection": {0, 19},  # nothing protects what the examples bought
    "close-day": {0, 19},
    "reconcile": {0, 22},
    "trace 1847362910": {12},  # a permanent id of somebody else's order
    "start": {23}, "stop": {23}, "restart": {23}, "status": {0, 23}, "ibc": {23},  # no gateway here
    "doctor": {0, 1, 23},
    "buy": {0, 13}, "sell": {0, 13}, "bracket": {0, 13}, "close": {0, 13},  # it may rest
}  # fmt: skip
#: What prints a text, or lines of a form of their own, when no file is named.
PRINT_THEMSELVES = {"transcript", "journal export"}
#: Examples that take a while, by how they begin; each is run by the tests named here.
ELSEWHERE = {"demo": "tests/cli/test_demo.py", "paper --feed": "tests/cli/test_paper.py"}
TICKS = """\
ts_utc,kind,exch,price,size,suspicious,nbbo_bid,nbbo_bid_size,nbbo_ask,nbbo_ask_size
2013-10-07T13:30:01.000Z,T,N,180.01,100,0,180,1,180.02,2
"""
FAULTS = '[[fault]]\nfault = "half_open"\nat = 3600\n'


class World:
    """A gateway, and a folder with what the examples speak of."""

    def __init__(self, gateway: PaperGateway) -> None:
        self._port = str(gateway.port)

    def prepare(self) -> None:
        """Buy, and leave orders, among them one with the id that examples name."""
        self.run("buy", "AAPL", "100", "--tag", "meanrev")
        self.run("subscriptions", "add", "AAPL")
        for client in (1, 3):
            with IBGateway(Config.load(overrides={"connection.client_id": client})) as gateway:
                while gateway.next_order_id() < 16:
                    pass
                placed = gateway.place_order("SPY", limit_order("BUY", 10, 1))
                assert placed.order_id == 17
        with Recorder(Path("session.tape"), "127.0.0.1", int(self._port)) as recorder:
            self.run("--port", str(recorder.port), "positions")
        self.run("transcript", "session.tape", "a.txt")
        self.run("journal", "backup", "backup.db")
        self.run("journal", "export", "journal.jsonl")
        Path("bad_day.toml").write_text(FAULTS)
        Path("ticks").mkdir()
        Path("ticks/IBM_20131007_tick.csv").write_text(TICKS)
        Path("journal.db.unwritten-20260105T143000.jsonl").touch()

    def run(self, *words: str, codes: Collection[int] = (0,), lines: int | None = None) -> str:
        """Run a command line here.

        Raises:
            AssertionError: It ended otherwise.
        """
        out, complaints = Stopping(lines), io.StringIO()
        with redirect_stdout(out), redirect_stderr(complaints):
            try:
                code = run_here(words)
            except KeyboardInterrupt:  # as `twsloop.cli.main` does
                code = 0
        assert code in codes, f"{words} ended with {code}: {complaints.getvalue()}"
        assert "Traceback" not in complaints.getvalue()
        return out.getvalue()

    def example(self, text: str) -> None:
        """Run an example; where it may, it prints JSON lines, and they are as documented."""
        words = self._meant(shlex.split(text)[1:])
        at = next(n for n, w in enumerate(words) if w in COMMANDS)
        before, rest = words[:at], words[at:]
        name = next(name for name in known_names(rest) if name in LEAVES)
        if "--output" not in rest and "--csv" not in rest and "--json" not in words:
            before = ["--json", *before]
        if name == "close":
            self.run("buy", "AAPL", "100")  # what an example before it closed
        said = " ".join(rest)
        codes = next((codes for start, codes in EXITS.items() if said.startswith(start)), {0})
        printed = self.run(*before, *rest, codes=codes, lines=STREAMS.get(rest[0]))
        told = lines_of(LEAVES[name])
        if "--json" in (*before, *rest) and told and name not in PRINT_THEMSELVES:
            check_lines(name, printed)

    def _meant(self, words: list[str]) -> list[str]:
        """What the reader's own words mean here."""
        meant = [self._port if word in {"4002", "7497"} else word for word in words]
        meant = [word.replace("127.0.0.1:7497", f"127.0.0.1:{self._port}") for word in meant]
        meant = ["backup.db" if word == "/mnt/usb/journal.db" else word for word in meant]
        if "record" in meant:
            meant = [word for word in meant if word not in {"--listen", "7777", "0"}]
            meant = ["new.tape" if word == "session.tape" else word for word in meant]
            meant += ["--listen", "0", "--force", "--upstream", f"127.0.0.1:{self._port}"]
        if "transcript" in meant:
            meant += ["--force"]
        if {"export", "backup"} & {*meant} and len(meant) > 2:
            meant += ["--force"]
        resting = {"--limit", "--entry"} & {*meant} and {"buy", "sell", "bracket"} & {*meant}
        if resting and "what-if" not in meant:
            meant += ["--timeout", "0"]
        if "cancel-all" in meant or "close" in meant:  # there is no terminal to ask on
            meant += ["--yes"]
        if "SEQ:HASH" in meant:
            (noted,) = events_of(self.run("--json", "journal", "verify"))
            meant[meant.index("SEQ:HASH")] = f"{noted['newest']}:{noted['hash']}"
        return meant


def known_names(words: list[str]) -> Iterator[str]:
    """The names a command may have: its longest first."""
    for count in range(min(len(words), 2), 0, -1):
        yield " ".join(words[:count])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Where the examples run: nobody's settings, and a home of their own."""
    home = tmp_path_factory.mktemp("examples")
    options = ServerOptions(keys=("key",), now=lambda: NOW, limits={"standard": 0, "heavy": 0})
    with (
        pytest.MonkeyPatch.context() as patch,
        PaperGateway(speed=20) as gateway,  # bars are long in coming
        ReferenceServer(options=options) as service,
    ):
        patch.chdir(home)
        patch.setenv("HOME", str(home))
        patch.setenv("COLUMNS", "120")
        patch.setenv("TWSLOOP_CONNECTION_PORT", str(gateway.port))
        patch.setenv("TWSLOOP_PAPER_PORT", "0")
        patch.setenv("TWSLOOP_JOURNAL_ENABLED", "yes")
        patch.setenv("API_BASE_URL", service.base_url)
        patch.setenv("API_KEY", "key")
        made = World(gateway)
        made.prepare()
        yield made


@pytest.mark.parametrize("name", LEAVES)
def test_its_examples_work(name: str, world: World) -> None:
    for text in examples_of(LEAVES[name]):
        said = text.removeprefix("twsloop ").removeprefix("--paper ")
        if (
            not any(said.startswith(start) for start in ELSEWHERE)
            and text != "twsloop --port 4002 demo"
        ):
            world.example(text)
