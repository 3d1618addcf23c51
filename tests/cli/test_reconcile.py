"""``twsloop reconcile``, against a paper gateway: what is shown, what is written, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.support.desk import PATIENCE
from tests.support.journal_room import Room, resting
from tests.support.journal_room import room as room  # noqa: PLC0414  (the fixture)
from tests.support.program import run
from twsloop.cli.root import cli
from twsloop.errors import ConfigError
from twsloop.orders.builders import market_order
from twsloop.orders.state import OrderStatus


def events_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def reconcile(room: Room, home: Path, *more: str) -> tuple[int, list[dict[str, Any]]]:
    code, out, complaints = run(
        *("--port", str(room.paper.port)),
        *("reconcile", *more, "--json"),
        home=home,
        env={
            "TWSLOOP_JOURNAL_FILE": str(room.file),
            "TWSLOOP_RECONCILE_MISSING": "ask",
            "TWSLOOP_PACING_ENABLED": "no",
        },
    )
    assert complaints == ""
    return code, events_of(out)


@pytest.mark.parametrize("room", [pytest.param((225, None), id="protobuf")], indirect=True)
def test_reconcile(room: Room, tmp_path: Path) -> None:
    home = tmp_path
    with room.process() as gateway:
        bought = gateway.place_order("AAPL", market_order("BUY", 10))
        assert bought.settled.result(PATIENCE) is OrderStatus.FILLED
        lost = resting(gateway).order_id
    assert reconcile(room, home, "--dry-run")[0] == 0
    room.paper.faults.nightly_restart(away=0.0, orders="lost")
    before = room.file.read_bytes()

    code, (row, question, end) = reconcile(room, home, "--dry-run")
    assert (code, end["event"], end["agrees"]) == (22, "reconcile_end", False)
    assert (row["event"], row["kind"], row["about"], row["order_id"]) == (
        *("difference", "missing", "order"),
        lost,
    )
    assert (question["event"], question["order_id"]) == ("question", lost)
    assert room.file.read_bytes() == before

    code, (_, question, end) = reconcile(room, home)
    assert (code, question["order_id"], end["questions"]) == (22, lost, 1)
    assert room.file.read_bytes() != before

    code, (row, end) = reconcile(room, home, "--accept", "seen in TWS")
    assert (code, row["kind"], end["questions"]) == (22, "uncertain", 0)


def test_without_a_journal_there_is_nothing_to_compare(tmp_path: Path) -> None:
    code, out, complaints = run("--port", "1", "reconcile", "--dry-run", home=tmp_path)
    assert (code, out) == (14, "")
    assert "journal.db" in complaints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["reconcile", "--dry-run", "--accept", "x"], "leave --dry-run away"),
        (["--paper", "reconcile"], "a gateway that no journal knows"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: list[str], words: str) -> None:
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 2
    assert words in shown.output


def test_a_journal_that_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWSLOOP_JOURNAL_ENABLED", "no")
    shown = CliRunner().invoke(cli, ["reconcile"])
    assert isinstance(shown.exception, ConfigError)
    assert "[journal] enabled" in str(shown.exception)
