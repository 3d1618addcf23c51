"""The executions of late that a journal knows, with their kinds of contracts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import attrs
import pytest

from tests.support.journal_files import NOON, fill, intent
from twsloop.config import JournalParams
from twsloop.errors import StorageError
from twsloop.storage.latches import write_down
from twsloop.storage.reading import reading
from twsloop.storage.traded import traded


def test_executions_since_a_time_with_the_kinds_of_their_orders(tmp_path: Path) -> None:
    params = JournalParams(file=tmp_path / "journal.db")
    future = attrs.evolve(intent(2), contract={"symbol": "ES", "secType": "FUT"})
    facts = [
        intent(1),
        future,
        fill(1, time=NOON - timedelta(seconds=1)),
        fill(2),
        fill(3, order_id=2),
        fill(4, order_id=0, client_id=0),  # by hand
        fill(5, order_id=1, client_id=9),  # another client's order 1
    ]
    assert write_down(params, facts) == len(facts)
    with reading(params.file) as journal:
        found = traded(journal, NOON)
    assert [(one.exec_id[9:17], kind) for one, kind in found] == [
        ("00000002", "STK"),
        ("00000003", "FUT"),
        ("00000004", ""),
        ("00000005", ""),
    ]
    with reading(params.file) as journal:
        assert len(traded(journal, NOON - timedelta(days=8))) == 5


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError), reading(tmp_path / "none.db") as journal:
        traded(journal, NOON)
