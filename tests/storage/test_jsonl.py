"""A journal as lines, and back: the same journal, or one clear error and nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.facts import facts
from tests.support.journal_files import began, fill, intent, step
from tests.support.written import write_journal
from twsloop.errors import StorageError
from twsloop.events import Fact
from twsloop.storage.jsonl import export_lines, import_lines
from twsloop.storage.queries import Wanted, entries, query_orders
from twsloop.storage.reading import reading

FACTS: list[Fact] = [
    began(),
    intent(7),
    step(7, status="Submitted", tag="ø\ud83d", filled="0"),
    fill(1, order_id=7),
    step(7, status="Filled", filled="10"),
]


def lines_of(file: Path) -> list[str]:
    with reading(file) as journal:
        return list(export_lines(journal))


def back(lines: list[str], target: Path, source: str = "x.jsonl") -> int:
    return asyncio.run(import_lines(lines, target, source=source))


def tables(file: Path) -> dict[str, list[Any]]:
    """All that a file has in it."""
    with closing(sqlite3.connect(file)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            name: connection.execute(f"SELECT * FROM {name} ORDER BY 1, 2").fetchall()
            for (name,) in names
        }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write_journal(tmp_path / "journal.db", FACTS)


def test_what_is_imported_is_the_same_journal(file: Path, tmp_path: Path) -> None:
    lines = lines_of(file)
    copy = tmp_path / "copy.db"
    assert back(lines, copy) == len(FACTS)
    assert tables(copy) == tables(file)
    assert lines_of(copy) == lines
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_line_is_an_entry_that_other_programs_can_read(file: Path) -> None:
    header, first, *_ = map(json.loads, lines_of(file))
    assert header == {
        "format": "twsloop-journal",
        "version": 1,
        "entries": 5,
        "anchors": [],
        "floors": [{"client_id": 1, "accounts": "DU123", "highest": 7}],
    }
    assert (first["seq"], first["kind"], first["epoch"]) == (1, "SessionBegan", 1)
    assert first["fact"]["event"] == "SessionBegan"
    assert len(first["hash"]) == 64


@given(st.lists(facts(), max_size=8))
@settings(max_examples=15)
def test_whatever_is_in_it_it_is_the_same_and_tells_the_same_orders(told: list[Fact]) -> None:
    with TemporaryDirectory() as folder:
        file = write_journal(Path(folder) / "journal.db", told)
        copy = Path(folder) / "copy.db"
        back(lines_of(file), copy)
        assert tables(copy) == tables(file)
        with reading(file) as one, reading(copy) as other:
            assert query_orders(other, Wanted()) == query_orders(one, Wanted())
            assert list(entries(other)) == list(entries(one))


def test_a_journal_whose_old_days_were_moved_away_goes_on_from_its_anchor(tmp_path: Path) -> None:
    whole = lines_of(write_journal(tmp_path / "whole.db", FACTS))
    moved = json.loads(whole[2])
    anchor = {
        "seq": moved["seq"], "hash": moved["hash"], "epoch": 1, "archive": "old.db",
        "made_at": moved["time"],
    }  # fmt: skip
    header = {**json.loads(whole[0]), "entries": 3, "anchors": [anchor]}
    lines = [json.dumps(header), *whole[3:]]
    copy = tmp_path / "copy.db"
    assert back(lines, copy) == 3
    assert tables(copy)["anchor"] == [tuple(anchor.values())]
    assert [json.loads(line) for line in lines_of(copy)] == [json.loads(line) for line in lines]


Edit = Callable[[list[dict[str, Any]]], object]


def drop(place: int) -> Edit:
    return lambda records: records.pop(place)


def put(place: int, name: str, value: Any) -> Edit:
    return lambda records: records[place].update({name: value})


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (drop(0), "line 1: it is no export of a journal"),
        (drop(2), "line 3: entry 2 is missing: this is 3"),
        (drop(-1), "line 5: it ends after 4 of 5 entries"),
        (lambda records: records.insert(2, records[2]), "line 4: entry 3 is missing: this is 2"),
        (put(0, "version", 2), "line 1: its version is 2; this twsloop knows 1; update twsloop"),
        (put(0, "entries", 4), "line 6: it ends after 5 of 4 entries"),
        (put(0, "floors", None), "line 1: its floors cannot be read"),
        (put(0, "floors", [{"client_id": 1}]), "line 1: its floors cannot be read"),
        (put(0, "anchors", [{"seq": 1}]), "line 1: its anchors cannot be read"),
        (put(2, "epoch", 5), "line 3: the hash of entry 2 is wrong: it, or one before"),
        (put(2, "hash", "0" * 64), "line 3: the hash of entry 2 is wrong"),
        (put(2, "epoch", True), "line 3: it is no entry"),
        (put(2, "more", 1), "line 3: it is no entry"),
        (lambda records: records[2].pop("natural_key"), "line 3: it is no entry"),
        (
            lambda records: records[2]["fact"].update(epoch=9),
            "line 3: the hash of entry 2 is wrong",
        ),
        (lambda records: records[2]["fact"].update(more=9), "line 3: OrderIntent has no 'more'"),
        (put(2, "kind", "Fill"), "line 3: its kind or its time is not that of its fact"),
        (put(2, "time", "2026"), "line 3: its kind or its time is not that of its fact"),
    ],
)
def test_what_was_changed_is_not_taken(
    edit: Edit, problem: str, file: Path, tmp_path: Path
) -> None:
    records = [json.loads(line) for line in lines_of(file)]
    edit(records)
    copy = tmp_path / "copy.db"
    with pytest.raises(StorageError) as refused:
        back([json.dumps(record) for record in records], copy)
    assert str(refused.value).startswith(f"x.jsonl: {problem}")
    assert sorted(tmp_path.glob("copy*")) == []


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "line 0: it is no export of a journal"),
        (["\n", "{"], "line 2: it is no JSON: "),
        (["[]"], "line 1: it is no JSON object"),
        (["{}"], "line 1: it is no export of a journal"),
    ],
)
def test_what_is_no_export_is_not_taken(lines: list[str], problem: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=f"x.jsonl: {problem}"):
        back(lines, tmp_path / "copy.db")


def test_a_journal_that_has_entries_is_left_alone(file: Path) -> None:
    lines, before = lines_of(file), tables(file)
    with pytest.raises(StorageError, match="it has entries already; import into a new file"):
        back(lines, file)
    assert tables(file) == before


def test_an_empty_journal_is_filled_and_stays_empty_if_that_fails(tmp_path: Path) -> None:
    lines = lines_of(write_journal(tmp_path / "journal.db", FACTS))
    empty = write_journal(tmp_path / "empty.db")
    with pytest.raises(StorageError, match="it ends after 4 of 5 entries"):
        back(lines[:-1], empty)
    assert tables(empty)["entry"] == tables(empty)["id_floor"] == []
    assert back(lines, empty) == 5


def test_a_broken_entry_is_not_exported_as_if_it_were_whole(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("DROP TRIGGER entry_update")
        connection.execute("UPDATE entry SET body = '{' WHERE seq = 3")
        connection.commit()
    with pytest.raises(StorageError, match=r"entry 3 is no JSON: .*; twsloop journal verify"):
        lines_of(file)
