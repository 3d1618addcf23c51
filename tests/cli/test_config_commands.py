"""``config``: a file of settings, what is in force and where it stands, and what is wrong."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from tests.support.commands import Ask, asking, check_lines
from twsloop.cli.config import _shown
from twsloop.config import SECTIONS, Config, options_of
from twsloop.config.options import Option


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Commands run in a folder of their own, without anybody's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TWSLOOP_JOURNAL_ENABLED", raising=False)
    return asking(monkeypatch, capsys)


# ---------------------------------------------------------------------------------- init
def test_a_file_is_written_once_and_is_right(ask: Ask) -> None:
    code, out, complaints = ask("config", "init")
    assert (code, complaints) == (0, "")
    assert out.startswith("config.ini is written; see ")
    assert Config.load("config.ini", environ={}) == Config()
    code, out, complaints = ask("config", "init")
    assert (code, out) == (2, "")
    assert "--force writes over it" in complaints
    assert ask("config", "init", "--force")[0] == 0
    assert ask("config", "check")[0] == 0


def test_global_options_stand_in_it(ask: Ask) -> None:
    asked = ("--port", "7497", "--client-id", "7", "--json", "config", "init", "tws.ini")
    code, out, _ = ask(*asked)
    assert code == 0
    (written,) = check_lines("config init", out)
    assert written["file"] == "tws.ini"
    assert written["settings"] == ["connection.client_id", "connection.port"]
    made = Config.load("tws.ini", environ={}).connection
    assert (made.port, made.client_id) == (7497, 7)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--port", "99999", "config", "init"), 3, "port = 99999: the value is too high"),
        (("config", "init", "no/folder/x.ini"), 14, "cannot be written: No such file"),
        (("config", "intit"), 2, "Did you mean 'init'?"),
    ],
)
def test_a_file_that_cannot_be_written(
    ask: Ask, arguments: tuple[str, ...], code: int, text: str
) -> None:
    ended, out, complaints = ask(*arguments)
    assert (ended, out) == (code, "")
    assert text in complaints
    assert not Path("config.ini").exists()


# ---------------------------------------------------------------------------------- show
def test_every_setting_and_where_it_stands(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("config.ini").write_text(
        "[connection]\nport = 7497\nclient_id = 3\n[errors]\n10349 = order_live: keep, info\n"
    )
    Path("more.env").write_text("TWSLOOP_HEARTBEAT_SILENCE=12\n")
    monkeypatch.setenv("TWSLOOP_RISK_MAX_OPEN_ORDERS", "5")
    given = ("--env-file", "more.env", "--client-id", "9", "--json")
    code, out, complaints = ask(*given, "config", "show")
    assert (code, complaints) == (0, "")
    rows = {(row["section"], row["key"]): row for row in check_lines("config show", out)}
    known = {(section, key) for section, kind in SECTIONS.items() for key in options_of(kind)}
    assert set(rows) == known | {("errors", "10349")}
    assert {name: row["source"] for name, row in rows.items() if row["source"] != "default"} == {
        ("connection", "port"): "config.ini",
        ("connection", "client_id"): "command line",
        ("heartbeat", "silence"): "more.env TWSLOOP_HEARTBEAT_SILENCE",
        ("risk", "max_open_orders"): "environment TWSLOOP_RISK_MAX_OPEN_ORDERS",
        ("errors", "10349"): "config.ini",
    }
    assert rows["connection", "client_id"]["value"] == "9"
    assert rows["connection", "client_id"]["default"] == "1"
    assert rows["connection", "port"]["default"] == "4002"
    code, out, _ = ask(*given[:-1], "config", "show", "--changed", "--output", "csv")
    assert len(list(csv.DictReader(io.StringIO(out)))) == 5


def test_one_section_fits_a_narrow_terminal(ask: Ask) -> None:
    code, out, _ = ask("config", "show", "heartbeat", columns=60)
    assert code == 0
    assert "silence" in out
    assert "client_id" not in out
    assert max(map(len, out.splitlines())) <= 60


def test_nothing_is_set(ask: Ask) -> None:
    assert ask("config", "show", "connection", "--changed")[:2] == (
        0,
        "nothing is set: all of it has its default\n",
    )


def test_a_section_that_is_none_and_a_file_that_is_wrong(ask: Ask) -> None:
    code, _, complaints = ask("config", "show", "conection")
    assert code == 2
    assert "there is no section 'conection'. Did you mean 'connection'?" in complaints
    Path("config.ini").write_text("[connection]\nport = x\n")
    code, out, complaints = ask("config", "show")
    assert (code, out) == (3, "")
    assert "config.ini [connection] port = x" in complaints


def test_a_secret_is_never_shown() -> None:
    secret = Option(kind="str", meaning="", secret=True, unset="none")
    assert _shown(secret, "correct-horse") == "***"
    assert _shown(secret, None) is None
    assert _shown(Option(kind="str", meaning=""), "seen") == "seen"


# ---------------------------------------------------------------------------------- check
def test_all_that_is_wrong_is_told(ask: Ask) -> None:
    Path("config.ini").write_text("[connection]\nport = 99999\nhots = 3\n[reconnect]\ncap = x\n")
    code, out, _ = ask("--json", "config", "check")
    assert code == 3
    *problems, end = check_lines("config check", out)
    assert [problem["key"] for problem in problems] == ["hots", "port", "cap"]
    assert {problem["file"] for problem in problems} == {"config.ini"}
    assert (end["problems"], end["ready"], end["files"]) == (3, False, ["config.ini"])
    code, out, _ = ask("config", "check")
    assert code == 3
    assert "did you mean 'host'?" in out
    assert "3 things are wrong" in out


@pytest.mark.parametrize(
    ("text", "code", "orders"),
    [
        ("[connection]\nmode = paper\n", 0, "sent"),
        ("[orders]\nenabled = no\n", 0, "simulated"),
        ("[connection]\nmode = live\n", 8, "blocked"),
    ],
)
def test_what_becomes_of_orders(ask: Ask, text: str, code: int, orders: str) -> None:
    Path("config.ini").write_text(text)
    ended, out, _ = ask("--json", "config", "check")
    (end,) = check_lines("config check", out)
    assert (ended, end["orders"], end["ready"]) == (code, orders, code == 0)
    assert bool(end["closed_gates"]) == (orders == "blocked")
    assert f"orders are {orders}" in ask("config", "check")[1]


def test_live_with_every_gate_open_is_ready(ask: Ask) -> None:
    Path("override").touch()
    Path("config.ini").write_text(
        "[connection]\nmode = live\n[orders]\nenabled = yes\n"
        "[live]\noverride_file = override\naccount_prefix = U123\n"
    )
    code, out, _ = ask("config", "check")
    assert code == 0
    assert "mode live; orders are sent" in out
