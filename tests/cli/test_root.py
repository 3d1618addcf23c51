"""The root command: help, typos, global options, errors and their exit codes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import check_lines
from tests.support.program import PATIENCE, environment, run
from tests.support.terminal import on_a_terminal
from twsloop import errors
from twsloop.cli import run as run_here
from twsloop.cli.exits import MEANINGS, Exit, describe_exits, exit_of
from twsloop.cli.root import COMMANDS
from twsloop.config import SECTIONS
from twsloop.paper.server import PaperGateway


def test_help_names_every_command_and_every_exit_code(tmp_path: Path) -> None:
    code, out, complaints = run("--help", home=tmp_path)
    assert (code, complaints) == (0, "")
    for name in COMMANDS:
        assert re.search(rf"^  {name}\s", out, re.MULTILINE), name
    for number in Exit:
        assert f"{number.value:>3}  {MEANINGS[number]}" in out
    for option in (
        *("--config", "--host", "--port", "--client-id", "--trading-mode", "--json"),
        *("--log-level", "--paper", "--env-file"),
    ):
        assert option in out


def test_the_package_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "twsloop", "--help"],
        env=environment(tmp_path), cwd=tmp_path,
        capture_output=True, text=True, check=False, timeout=PATIENCE,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("--help", home=tmp_path)[1]


@pytest.mark.parametrize("name", [*COMMANDS, "subscriptions add", "subscriptions list"])
def test_every_command_has_help_with_an_example(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here([*name.split(), "--help"]) == 0
    out = capsys.readouterr().out
    assert re.search(r"^ +twsloop .*\b" + name.split(maxsplit=1)[0], out, re.MULTILINE), out


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("paper", [0, 1, 2, 3, 15]),
        ("record", [0, 1, 2, 3, 4, 15]),
        ("transcript", [0, 1, 2, 15]),
    ],
)
def test_what_serves_and_reads_tapes_names_its_own_exit_codes(
    name: str, codes: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here([name, "--help"]) == 0
    lines = capsys.readouterr().out.partition("Exit codes:\n")[2].splitlines()
    assert lines == [f"    {code:>3}  {MEANINGS[Exit(code)]}" for code in codes]


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("subscrieb", "Did you mean 'subscribe'"),
        ("pos", "Did you mean 'positions'?"),
        ("papr", "Did you mean 'paper'?"),
        ("xyzzy", "There is no command 'xyzzy'.\n"),
    ],
)
def test_a_typo_gets_a_suggestion(typed: str, hint: str, tmp_path: Path) -> None:
    code, out, complaints = run(typed, home=tmp_path)
    assert (code, out) == (2, "")
    assert hint in complaints


def test_a_typo_in_an_option(tmp_path: Path) -> None:
    code, _, complaints = run("--jsno", "paper", home=tmp_path)
    assert code == 2
    assert "--json" in complaints


@pytest.mark.parametrize("option", ["--log-level", "--client-id", "--paper"])
def test_a_global_option_behind_the_command(option: str, tmp_path: Path) -> None:
    code, out, complaints = run("positions", option, home=tmp_path)
    assert (code, out) == (2, "")
    assert f"{option} stands before the command" in complaints


def test_options_that_contradict_each_other(tmp_path: Path) -> None:
    assert run("--paper", "--port", "5", "check", home=tmp_path)[0] == 2
    code, _, complaints = run("--paper", "--trading-mode", "live", "check", home=tmp_path)
    assert code == 2
    assert "--paper starts a paper gateway" in complaints


# ---------------------------------------------------------------------------------- settings
def test_a_config_file_here_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[conection]\nport = 1\n")
    code, _, complaints = run("paper", home=tmp_path)
    assert code == 3
    assert complaints == (
        "twsloop: config.ini [conection]: there is no such section; did you mean 'connection'? "
        f"(allowed: {', '.join(SECTIONS)})\n"
    )


def test_the_config_file_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.ini").write_text("[nonsense]\n")
    (tmp_path / "good.ini").write_text("[paper]\nport = 70000\n")
    code, _, complaints = run("--config", "good.ini", "paper", home=tmp_path)
    assert code == 3
    assert "good.ini [paper] port = 70000: the value is too high" in complaints
    code, _, complaints = run("--config", "missing.ini", "paper", home=tmp_path)
    assert code == 3
    assert "missing.ini: the configuration file cannot be read" in complaints


def test_the_environment_and_the_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TWSLOOP_PAPER_PORT=80000\n")
    code, _, complaints = run("--env-file", ".env", "paper", home=tmp_path)
    assert code == 3
    assert ".env TWSLOOP_PAPER_PORT [paper] port = 80000" in complaints
    env = {"TWSLOOP_PAPER_PORT": "90000"}
    code, _, complaints = run("paper", home=tmp_path, env=env)
    assert "environment TWSLOOP_PAPER_PORT [paper] port = 90000" in complaints


def test_errors_as_json(tmp_path: Path) -> None:
    code, out, complaints = run("--json", "paper", "--port", "70000", home=tmp_path)
    assert (code, out) == (3, "")
    complaint = json.loads(complaints)
    assert complaint["event"] == "error"
    assert complaint["error"] == "ConfigError"
    assert complaint["exit"] == 3
    assert "port = 70000" in complaint["message"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--json", "positons"), "UsageError"),
        (("buy", "AAPL", "100", "--limt", "5", "--json"), "NoSuchOption"),
        (("--json", "buy", "AAPL"), "MissingParameter"),
        (("--json", "cancel-all"), "UsageError"),
    ],
)
def test_what_cannot_be_read_is_told_as_json_too(
    arguments: tuple[str, ...], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_here(arguments) == 2
    said = capsys.readouterr()
    (complaint,) = check_lines("buy", said.err)
    assert said.out == ""
    assert (complaint["event"], complaint["error"], complaint["exit"]) == ("error", error, 2)
    assert complaint["message"]


# ---------------------------------------------------------------------------------- colours
@pytest.mark.parametrize(("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colours_unless_it_wants_none(
    env: dict[str, str], coloured: bool, tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    arguments = ("--port", str(paper_gateway.port), "subscribe", "AAPL", "--snapshot")
    code, drawn, _ = on_a_terminal(*arguments, home=tmp_path, env=env)
    assert code == 0
    assert bool(re.search(r"\x1b\[(\d+;)*3[0-7]m", drawn)) is coloured


def test_what_is_piped_has_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["errors", "pacing"]) == 0
    assert "\x1b" not in "".join(capsys.readouterr())


# ---------------------------------------------------------------------------------- the table
def test_the_table_of_exit_codes_is_whole() -> None:
    assert set(MEANINGS) == set(Exit)
    assert len(describe_exits().splitlines()) == len(Exit)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), Exit.CONFIG),
        (errors.TcpFailed("x"), Exit.REFUSED),
        (errors.TcpTimeout("x"), Exit.REFUSED),
        (errors.HandshakeTimeout("x"), Exit.SILENT),
        (errors.ClientIdInUse("x"), Exit.CLIENT_ID),
        (errors.HandshakeClosed("x"), Exit.NO_SESSION),
        (errors.ReadyTimeout("x"), Exit.NO_SESSION),
        (errors.ServerVersionError("x"), Exit.NO_SESSION),
        (errors.LiveTradingBlocked("x"), Exit.BLOCKED),
        (errors.ConnectionLost("x"), Exit.LOST),
        (errors.RequestTimeout("x"), Exit.NO_ANSWER),
        (errors.RequestError("x"), Exit.REQUEST),
        (errors.SymbolError("x"), Exit.USAGE),
        (errors.ContractError("x"), Exit.REQUEST),
        (errors.OrdersRefused("x"), Exit.ORDER),
        (errors.StorageError("x"), Exit.STORAGE),
        (errors.FeedError("x"), Exit.PAPER),
        (TimeoutError("x"), Exit.NO_ANSWER),
        (errors.DependencyError("x"), Exit.FAILED),
    ],
)
def test_which_error_ends_with_which_code(error: Exception, code: Exit) -> None:
    assert exit_of(error) is code


# ------------------------------------------------------------------- three ways to be alone
def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        code, out, complaints = run("--port", str(port), "check", home=tmp_path)
    assert (code, out) == (4, "")
    assert f"twsloop: 127.0.0.1:{port}: " in complaints
    assert "refused" in complaints
    assert "--paper" in complaints


def test_somebody_listens_and_says_nothing(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        env = {"TWSLOOP_CONNECTION_HANDSHAKE_TIMEOUT": "0.3"}
        port = silent.getsockname()[1]
        code, out, complaints = run("--port", str(port), "check", home=tmp_path, env=env)
    assert (code, out) == (5, "")
    assert "said no hello within 0.3 s" in complaints
