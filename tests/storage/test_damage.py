"""A journal of which a bit is wrong: it is read, or one clear error says that it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.storage.test_verify import make, tamper
from tests.support.journal_files import began, fill, intent, rows, step
from twsloop.errors import StorageError
from twsloop.storage.queries import (
    Wanted,
    order_stories,
    query_fills,
    query_order_history,
    query_orders,
)
from twsloop.storage.reading import reading
from twsloop.storage.schema import DETAIL_TABLES
from twsloop.storage.verify import verify

TABLES = ("entry", "id_floor", "anchor", *DETAIL_TABLES)

QUESTIONS: tuple[Callable[..., Any], ...] = (
    query_orders,
    query_fills,
    query_order_history,
    order_stories,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(
        tmp_path_factory.mktemp("whole") / "journal.db",
        [began(), intent(1), step(1, status="Submitted"), fill(1)],
        [intent(2), fill(2), step(2, status="Filled")],
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged")


def damaged(whole: Path, folder: Path, offset: int, bit: int) -> Path:
    """A copy with one bit turned."""
    content = bytearray(whole.read_bytes())
    content[offset] ^= 1 << bit
    file = folder / "journal.db"
    for beside in ("", "-wal", "-shm"):
        file.with_name(file.name + beside).unlink(missing_ok=True)
    file.write_bytes(content)
    return file


def contents(file: Path) -> list[list[Any]]:
    return [[tuple(row) for row in rows(file, f"SELECT * FROM {table}")] for table in TABLES]


@settings(max_examples=60)
@given(data=st.data())
def test_a_wrong_bit_is_found_or_changes_nothing(
    whole: Path, folder: Path, data: st.DataObject
) -> None:
    offset = data.draw(st.integers(0, whole.stat().st_size - 1))
    file = damaged(whole, folder, offset, data.draw(st.integers(0, 7)))
    try:
        found = verify(file)
    except StorageError:
        return
    if found.ok:
        assert contents(file) == contents(whole)
    for question in QUESTIONS:
        try:
            with reading(file) as journal:
                question(journal, Wanted())
        except StorageError as error:
            assert str(error)  # noqa: PT017  (it may also be read)


def test_an_error_of_sqlite_that_is_no_text_is_told_as_one(whole: Path, folder: Path) -> None:
    # SQLite quotes the schema it cannot read, and Python cannot decode the quotation.
    offset = whole.read_bytes().index(b"BEFORE DELETE ON execution") + 3
    file = damaged(whole, folder, offset, 7)
    with pytest.raises(StorageError, match="a backup may stand beside it"):
        verify(file)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE entry SET time = 'noon' WHERE seq = 4",
        "UPDATE execution SET cumulative = 'some' WHERE seq = 4",
    ],
)
def test_a_row_of_the_history_that_cannot_be_read_is_named(
    whole: Path, folder: Path, change: str
) -> None:
    file = folder / "journal.db"
    file.write_bytes(whole.read_bytes())
    tamper(file, lambda connection: connection.execute(change))
    with (
        reading(file) as journal,
        pytest.raises(StorageError, match=r"entry 4 cannot be read: .*journal verify"),
    ):
        query_order_history(journal, Wanted())
