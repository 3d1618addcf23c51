"""``twsloop kill``: it turns the switch with no program's help, and programs obey."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.desk import PATIENCE, Heard, config_for, open_paper
from twsloop.cli import run as invoke
from twsloop.events import KillSwitchActed, KillSwitchChanged
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order
from twsloop.orders.state import OrderStatus
from twsloop.storage.verify import verify

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run a command line in this process: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWSLOOP_JOURNAL_FILE", str(tmp_path / "journal.db"))
    monkeypatch.setenv("TWSLOOP_JOURNAL_ENABLED", "yes")

    def ended(*arguments: str) -> tuple[int, str, str]:
        code = invoke(arguments)
        out, errors = capfd.readouterr()
        return code, out, errors

    return ended


def test_it_works_with_no_program_running(run: Run, tmp_path: Path) -> None:
    code, _, errors = run("kill", "--status")
    assert code == 14
    assert "no such file" in errors
    code, out, _ = run("kill", "the feed is wrong")
    assert code == 0
    assert out.startswith("the kill switch is engaged, since ")
    assert out.endswith(" UTC, by cli: the feed is wrong\n")
    file = tmp_path / "journal.db"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert verify(file).ok
    assert run("kill", "--status")[0] == 21
    code, out, _ = run("kill", "again", "--json")
    told = json.loads(out)
    assert (code, told["engaged"], told["changed"]) == (0, True, False)
    assert told["reason"] == "the feed is wrong"
    code, out, _ = run("kill", "--release", "restarted")
    assert (code, out.split(",")[0]) == (0, "the kill switch is released")
    assert run("kill", "--status")[0] == 0
    assert json.loads(run("kill", "--release", "twice", "--json")[1])["changed"] is False
    assert verify(file).entries == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Say why"),
        (("  ",), 2, "Say why"),
        (("--release",), 2, "Say why: twsloop kill --release"),
        (("--status", "why"), 2, "only looks"),
        (("--status", "--release"), 2, "only looks"),
        (("--release", "why"), 14, "no such file"),
    ],
)
def test_what_it_cannot_do_is_one_sentence(
    run: Run, arguments: tuple[str, ...], code: int, words: str
) -> None:
    ended, out, errors = run("kill", *arguments)
    assert (ended, out) == (code, "")
    assert words in errors


def test_without_a_journal_nobody_would_hear(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWSLOOP_JOURNAL_ENABLED", "no")
    code, _, errors = run("kill", "why")
    assert code == 14
    assert "switched off" in errors


def test_a_file_holds_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWSLOOP_KILL_SWITCH_FILE", str(tmp_path / "STOP"))
    run("kill", "why")
    (tmp_path / "STOP").touch()
    code, _, errors = run("kill", "--release", "over")
    assert code == 1
    assert "remove it first" in errors


def test_a_program_that_runs_obeys(run: Run, tmp_path: Path) -> None:
    with open_paper() as (_, paper):
        config = config_for(
            paper,
            journal__enabled=True,
            journal__file=tmp_path / "journal.db",
            kill_switch__poll=0.05,
        )
        gateway, changed, acted = IBGateway(config), Heard(), Heard()
        gateway.observe(KillSwitchChanged, changed)
        gateway.observe(KillSwitchActed, acted)
        with gateway:
            entry = gateway.place_order("AAPL", limit_order("BUY", 10, "100"))
            assert run("kill", "now")[0] == 0
            assert changed.next().by == "cli"
            assert entry.done.result(PATIENCE) in {OrderStatus.CANCELLED, OrderStatus.NOT_SENT}
            assert acted.next().complete
        code, out, _ = run("kill", "--status")
        assert code == 21
        assert out.splitlines()[1].startswith("client 1: cancel orders: ")
        changed, gateway = Heard(), IBGateway(config)
        gateway.observe(KillSwitchChanged, changed)
        with gateway:
            assert changed.next().engaged
            assert run("kill", "--release", "fine")[0] == 0
            assert not changed.next().engaged
            trade = gateway.place_order("AAPL", market_order("BUY", 1))
            assert trade.done.result(PATIENCE) is OrderStatus.FILLED
    assert verify(tmp_path / "journal.db").ok
