"""Finding a time without an index of it, and journals that were written before there were marks."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.journal_files import LOGIN, NOON, began, fill, intent, rows, step
from twsloop.database import APPLICATION_ID, Database
from twsloop.events import Fact, OrderSubmitted
from twsloop.storage import pen as pen_module
from twsloop.storage.archive import last_to_move, move
from twsloop.storage.chain import START, link
from twsloop.storage.jsonl import export_lines, import_lines
from twsloop.storage.latches import count_intents
from twsloop.storage.pen import INSERT_ENTRY, Gathered, Login, Pen
from twsloop.storage.queries import Wanted, query_audit_log, query_order_history
from twsloop.storage.reading import reading
from twsloop.storage.recalling import recall
from twsloop.storage.rows import body_of, details_of, key_of, story_of, time_of
from twsloop.storage.schema import MIGRATIONS, SINCE
from twsloop.storage.verify import verify

#: A mark each so many entries, where a test shall not write thousands.
FEW = 3


def minutes(count: int) -> datetime:
    return NOON + timedelta(minutes=count)


@contextlib.contextmanager
def opened(file: Path, schema: int) -> Iterator[sqlite3.Connection]:
    """A file whose schema is of a version; new if it is not there."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA synchronous = OFF")
        if not connection.execute("PRAGMA user_version").fetchone()[0]:
            connection.execute("BEGIN")
            for migration in MIGRATIONS[:schema]:
                for statement in migration.statements:
                    connection.execute(statement)
            connection.execute("COMMIT")
            connection.execute(f"PRAGMA user_version = {schema}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        yield connection


def as_before(file: Path, facts: Iterable[Fact]) -> None:
    """A journal as a program wrote it that knew the first schema."""
    before, entries, details = START, [], Gathered()
    for seq, fact in enumerate(facts, start=1):
        story = story_of(fact, LOGIN.story)
        head = (seq, time_of(fact), type(fact).__name__, 1, story, key_of(fact))
        body = body_of(fact)
        before = link(before, head, body)
        entries.append((*head, body, before))
        details.add(seq, details_of(fact, 1))
    with opened(file, 1) as connection:
        connection.execute("BEGIN")
        connection.executemany(INSERT_ENTRY, entries)
        details.insert(connection)
        connection.execute("INSERT INTO id_floor VALUES (1, 'DU1', 5000)")
        connection.execute("COMMIT")


def written(file: Path, batches: Iterable[Sequence[Fact]]) -> None:
    """A journal as it is written now, with a mark each few entries."""
    with opened(file, len(MIGRATIONS)) as connection, patch.object(pen_module, "MARK_EVERY", FEW):
        pen = Pen(file)
        pen.opened(connection)
        for batch in batches:
            pen.write(connection, [(fact, LOGIN) for fact in batch])


def told(file: Path, since: datetime) -> list[object]:
    """What is asked of a file by time."""
    with reading(file) as journal:
        return [
            query_order_history(journal, Wanted(since=since)),
            query_audit_log(journal, Wanted(since=since, until=since + timedelta(hours=1))),
            last_to_move(journal, since),
            recall(journal, 1, ("DU1",), since + timedelta(days=2)),
            count_intents(file, 1, since),
        ]


def test_a_journal_of_the_first_schema_is_opened_and_tells_the_same(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    facts: list[Fact] = [began()]
    for number in range(1, 550):
        at = minutes(number if number < 500 else number - 250)  # the clock is set back
        facts.append(attrs.evolve(intent(number), time=at))
        facts.append(attrs.evolve(step(number, status="Submitted"), time=at))
    as_before(file, facts)
    assert verify(file).ok
    times = [minutes(at) for at in (-5, 240, 300, 498, 2000)]
    before = [told(file, since) for since in times]

    async def open_it() -> None:
        async with Database(file, migrations=MIGRATIONS, section="journal"):
            pass

    asyncio.run(open_it())
    assert rows(file, "PRAGMA user_version") == [(len(MIGRATIONS),)]
    assert [seq for seq, _ in rows(file, "SELECT * FROM mark")] == [1000]
    assert verify(file).ok
    assert [told(file, since) for since in times] == before
    with opened(file, 2) as connection:
        pen = Pen(file)
        pen.opened(connection)
        pen.write(connection, [(step(n, status="Filled"), LOGIN) for n in range(1, 950)])
    assert verify(file).ok
    assert rows(file, "SELECT max(seq) FROM mark") == [(1099 + 949,)]


@settings(max_examples=25)
@given(
    batches=st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=7), max_size=6),
    since=st.integers(-1, 51),
    schema_1=st.booleans(),
)
def test_whatever_the_clock_did_all_since_a_time_is_found(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]], since: int, schema_1: bool
) -> None:
    file = tmp_path_factory.mktemp("marks") / "journal.db"
    facts = [[attrs.evolve(step(1), time=minutes(at)) for at in batch] for batch in batches]
    if schema_1:
        as_before(file, [fact for batch in facts for fact in batch])
    else:
        written(file, facts)
    times = [at for batch in batches for at in batch]
    with reading(file) as journal:
        found = query_order_history(journal, Wanted(since=minutes(since)))
        late = time_of(attrs.evolve(step(1), time=minutes(since)))
        (bound,) = journal.execute(f"SELECT {SINCE.format('?')}", (late,)).fetchone()
    expected = [seq for seq, at in enumerate(times, start=1) if at >= since]
    assert [row.seq for row in found] == expected
    # It is of use, too: nothing before it is read.
    if not schema_1 and since == 51 and len(times) >= FEW + 7:
        assert bound > 0
    assert verify(file).ok


def test_marks_go_with_their_entries_and_come_back_with_an_import(tmp_path: Path) -> None:
    file, copy = tmp_path / "journal.db", tmp_path / "copy.db"
    done = [
        attrs.evolve(fact, time=minutes(at))
        for at in range(8)
        for fact in (intent(at + 1), step(at + 1, status="Filled"))
    ]
    written(file, [[began()], *[[fact] for fact in done]])
    marks = rows(file, "SELECT seq, latest FROM mark")
    assert [seq for seq, _ in marks] == [3, 6, 9, 12, 15]
    with reading(file) as journal, patch.object(pen_module, "MARK_EVERY", FEW):
        lines = list(export_lines(journal))
        asyncio.run(import_lines(lines, copy))
    assert verify(copy).ok
    assert rows(copy, "SELECT max(seq) FROM mark") == [(17,)]
    archive = tmp_path / "archive.db"
    with opened(file, 2) as connection:
        connection.execute("VACUUM INTO ?", (str(archive),))
        moved = move(connection, archive, minutes(4), NOON)
    assert moved.through == 9
    assert rows(file, "SELECT seq, latest FROM mark") == marks[3:]
    assert verify(file).ok
    with pytest.raises(sqlite3.IntegrityError, match="append-only: mark"), opened(file, 2) as f:
        f.execute("DELETE FROM mark")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("UPDATE mark SET latest = '2026' WHERE seq = 3", "mark 3 says that no entry up to it is"),
        ("INSERT INTO mark VALUES (99, '2027')", "mark has a row without an entry"),
    ],
)
def test_a_mark_that_would_hide_entries_is_found(tmp_path: Path, sql: str, why: str) -> None:
    file = tmp_path / "journal.db"
    written(file, [[began()], [step(1)], [step(2)], [step(3)]])
    assert verify(file).ok
    with opened(file, 2) as connection:
        for name in ("mark_update", "mark_delete"):
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
        for statement in MIGRATIONS[1].statements:
            if statement.startswith("CREATE TRIGGER mark"):
                connection.execute(statement)
    found = verify(file)
    assert not found.ok
    assert found.why.startswith(why)


@pytest.mark.parametrize("odd", [{"symbol": "a\ud800b"}, {"perm_id": 2**70}])
def test_what_sqlite_cannot_store_keeps_no_other_fact_out(
    tmp_path: Path, odd: dict[str, object]
) -> None:
    file = tmp_path / "journal.db"
    made = OrderSubmitted(time=NOON, order_id=1, client_id=1, **odd)  # type: ignore[arg-type]
    written(file, [[began(), fill(1), made, step(2)], [fill(1), step(3)]])
    found = verify(file)
    assert (found.ok, found.entries) == (True, 5), found.why
    ((symbol, perm_id),) = rows(
        file, "SELECT symbol, perm_id FROM order_event WHERE event = 'OrderSubmitted'"
    )
    assert (symbol, perm_id) == ("a\\ud800b" if "symbol" in odd else "", None)


@pytest.mark.parametrize("name", ["exec_id", "correlation_id"])
def test_a_key_or_a_story_that_is_no_text_keeps_no_other_fact_out(
    tmp_path: Path, name: str
) -> None:
    file = tmp_path / "journal.db"
    odd, other = fill(2, **{name: "a\ud800b"}), fill(3, **{name: "a\ud801b"})
    # Again in the same batch, and in a later one: it is known by its key all the same.
    written(file, [[began(), odd, fill(1), odd, other], [odd, step(3)]])
    found = verify(file)
    assert (found.ok, found.entries) == (True, 5), found.why
    stored = rows(file, "SELECT natural_key, correlation_id FROM entry WHERE kind = 'Fill'")
    assert sum("a\\ud800b" in f"{key}{story}" for key, story in stored) == 1


def test_accounts_that_are_no_text_keep_no_fact_out(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with opened(file, len(MIGRATIONS)) as connection:
        pen = Pen(file)
        pen.opened(connection)
        login = Login("DU\ud800", "session-1-1")
        assert pen.write(connection, [(step(1), login), (fill(1), login)]).rows == 2
    assert rows(file, "SELECT accounts, highest FROM id_floor") == [("DU\\ud800", 1)]


@settings(max_examples=15)
@given(whose=st.lists(st.integers(0, 2), max_size=12))
def test_several_pens_make_one_chain(
    tmp_path_factory: pytest.TempPathFactory, whose: list[int]
) -> None:
    file = tmp_path_factory.mktemp("pens") / "journal.db"
    with contextlib.ExitStack() as stack:
        pens = []
        for _ in range(3):
            pens.append((Pen(file), stack.enter_context(opened(file, len(MIGRATIONS)))))
            pens[-1][0].opened(pens[-1][1])
        for number, who in enumerate(whose, start=1):
            pen, connection = pens[who]
            new = pen.write(connection, [(fill(number), LOGIN), (step(number), LOGIN)])
            assert new.rows == 2
    assert verify(file).ok
    assert rows(file, "SELECT count(*) FROM entry") == [(2 * len(whose),)]
