"""The saved subscriptions: kept in order, once each, over processes."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.program import run
from twsloop.cli.saved import SavedSubscriptions
from twsloop.clock import ManualClock
from twsloop.config import Config, StorageParams


@pytest.fixture
def store(tmp_path: Path) -> SavedSubscriptions:
    config = Config(storage=StorageParams(database=tmp_path / "folder" / "x.db"))
    return SavedSubscriptions(config, ManualClock(datetime(2026, 1, 5, tzinfo=UTC)))


async def test_in_the_order_they_came_and_once(store: SavedSubscriptions) -> None:
    assert await store.all() == []
    assert await store.add(["SPY", "AAPL"]) == ["SPY", "AAPL"]
    assert await store.add(["EUR.USD", "SPY"]) == ["EUR.USD"]
    assert [row["symbol"] for row in await store.all()] == ["SPY", "AAPL", "EUR.USD"]
    assert (await store.all())[0]["added_at"] == "2026-01-05T00:00:00+00:00"


async def test_what_was_removed_comes_back_at_the_end(store: SavedSubscriptions) -> None:
    await store.add(["SPY", "AAPL", "QQQ"])
    assert await store.remove(["SPY", "TSLA"]) == ["SPY"]
    await store.add(["SPY"])
    assert [row["symbol"] for row in await store.all()] == ["AAPL", "QQQ", "SPY"]


def test_the_commands(tmp_path: Path) -> None:
    def command(*arguments: str) -> tuple[int, str, str]:
        return run("subscriptions", *arguments, home=tmp_path)

    assert command("list", "--output", "csv") == (0, "symbol,added_at\n", "")
    assert command("add", "SPY", "EUR.USD", "SPY") == (0, "SPY saved\nEUR.USD saved\n", "")
    assert (
        command("add", "SPY", "ES 202612 CME")[1] == "SPY was saved already\nES 202612 CME saved\n"
    )
    code, out, _ = run("--json", "subscriptions", "list", home=tmp_path)
    assert code == 0
    assert [line.split('"symbol": ')[1].split(",")[0] for line in out.splitlines()] == [
        '"SPY"',
        '"EUR.USD"',
        '"ES 202612 CME"',
    ]
    assert command("remove", "SPY") == (0, "SPY removed\n", "")
    assert command("remove", "SPY") == (11, "", "twsloop: not saved: SPY\n")
    assert command("remove")[0] == 2
    assert command("remove", "--all") == (0, "EUR.USD removed\nES 202612 CME removed\n", "")
    assert command("list", "--output", "csv") == (0, "symbol,added_at\n", "")


def test_a_symbol_that_cannot_be_read_is_not_saved(tmp_path: Path) -> None:
    code, out, complaints = run("subscriptions", "add", "SPY", "???", home=tmp_path)
    assert (code, out) == (2, "")
    assert "???" in complaints
    assert run("subscriptions", "list", "--output", "csv", home=tmp_path)[1].count("\n") == 1


def test_a_database_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    env = {"TWSLOOP_STORAGE_DATABASE": str(tmp_path / "file" / "x.db")}
    code, out, complaints = run("subscriptions", "list", home=tmp_path, env=env)
    assert (code, out) == (14, "")
    assert "cannot open it" in complaints
    assert "[storage] database" in complaints


def test_subscribing_to_nothing(tmp_path: Path) -> None:
    assert run("subscribe", home=tmp_path)[0] == 2
    code, _, complaints = run("subscribe", "--saved", home=tmp_path)
    assert code == 2
    assert "subscriptions add" in complaints


def test_a_typo_in_a_sub_command(tmp_path: Path) -> None:
    code, _, complaints = run("subscriptions", "ad", home=tmp_path)
    assert code == 2
    assert "Did you mean 'add'?" in complaints
