"""What a program could not write is read back: once, under its session, and never too late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import attrs
import pytest

from tests.support.journal_files import NOON, began, fill, intent, rows, step
from tests.support.written import write_journal
from twsloop.config import JournalParams
from twsloop.errors import StorageError
from twsloop.events import (
    Fact,
    JournalTrouble,
    KillSwitchChanged,
    PositionsHeld,
    SessionBegan,
    order_story,
    positions_story,
    session_story,
)
from twsloop.storage.leftovers import Restored, read_left, restore
from twsloop.storage.pen import Login
from twsloop.storage.queries import Wanted, query_orders
from twsloop.storage.reading import reading
from twsloop.storage.recalling import recall
from twsloop.storage.trouble import leave_behind
from twsloop.storage.verify import verify

F = TypeVar("F", bound=Fact)
OURS = Login("DU1", session_story(1, 1))
EPOCHS = "SELECT kind, epoch FROM entry ORDER BY seq"


def at(seconds: float, fact: F) -> F:
    return attrs.evolve(fact, time=NOON + timedelta(seconds=seconds))


def session(seconds: float, epoch: int, pid: int = 1) -> SessionBegan:
    story = session_story(1, epoch)
    return at(seconds, attrs.evolve(began(epoch), pid=pid, correlation_id=story))


def life(order_id: int, seconds: float, *words: str) -> list[Fact]:
    """An order from its intent to these words, a second each."""
    story = order_story(1, order_id)
    told: list[Any] = [step(order_id, status="CREATED"), intent(order_id)]
    told += [step(order_id, status=word) for word in words]
    return [
        at(seconds + number, attrs.evolve(fact, correlation_id=story))
        for number, fact in enumerate(told)
    ]


def left(file: Path, facts: list[Fact]) -> list[Fact]:
    """They, through the file that a program leaves behind."""
    made = leave_behind(facts, file, "now")
    assert made is not None
    return read_left(made.read_text().splitlines(), str(made))


def test_what_was_left_goes_under_its_session_once(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    write_journal(file, [session(0, 1), *life(1, 1, "Submitted")], login=OURS)
    trouble = at(10, JournalTrouble(time=NOON, over=False, reason="full"))
    facts = left(file, [trouble, *life(2, 11, "Submitted"), at(20, fill(2, order_id=2))])
    write_journal(file, [session(60, 1, pid=2)], login=OURS)
    params = JournalParams(file=file)
    before = rows(file)
    expected = Restored(facts=5, new=5)
    assert restore(params, facts, dry_run=True) == expected
    assert rows(file) == before
    assert restore(params, facts) == expected
    assert restore(params, facts) == Restored(facts=5, known=5)
    assert [epoch for _, epoch in rows(file, EPOCHS)] == [1, 1, 1, 1, 2, 1, 1, 1, 1, 1]
    assert verify(file).ok
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON + timedelta(minutes=2))
    assert [(one.order_id, one.status) for one in known.orders] == [
        (1, "Submitted"),
        (2, "Submitted"),
    ]
    assert rows(file, "SELECT highest FROM id_floor") == [(2,)]


def test_a_session_that_was_never_written_is_begun(tmp_path: Path) -> None:
    """The journal could not be opened from the start."""
    file = tmp_path / "journal.db"
    write_journal(file, [session(0, 1), *life(1, 1, "Submitted")], login=OURS)
    facts = left(file, [session(30, 1, pid=9), *life(2, 31, "Submitted")])
    params = JournalParams(file=file)
    assert restore(params, facts[:2]) == Restored(facts=2, new=2)  # it was cut off, say
    assert restore(params, facts) == Restored(facts=4, new=2, known=2)
    assert rows(file, EPOCHS)[4:] == [
        ("SessionBegan", 2),
        ("OrderStep", 2),
        ("OrderIntent", 2),
        ("OrderStep", 2),
    ]
    assert verify(file).ok


def test_a_journal_that_was_lost_is_made_of_it(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    facts = left(file, [session(30, 1), *life(2, 31, "Submitted")])
    params = JournalParams(file=file)
    assert restore(params, facts, dry_run=True) == Restored(facts=4, new=4)
    assert not file.exists()
    assert restore(params, facts) == Restored(facts=4, new=4)
    assert verify(file).ok


def test_no_old_word_is_put_upon_a_later_one(tmp_path: Path) -> None:
    """A later session has heard how it went on; what it wrote stays how the order stands."""
    file, story = tmp_path / "journal.db", positions_story(1)
    switch = KillSwitchChanged(time=NOON, engaged=False, by="user")
    held = PositionsHeld(time=NOON, correlation_id=story, client_id=1, positions=())
    write_journal(file, [session(0, 1), *life(1, 1, "Submitted")], login=OURS)
    late = [
        *life(1, 10, "Submitted")[2:],
        at(12, fill(1)),
        at(13, switch),
        at(14, held),
        *life(2, 15, "Submitted"),
    ]
    facts = left(file, late)
    done = at(61, attrs.evolve(step(1, status="Filled"), correlation_id=order_story(1, 1)))
    engaged = at(62, attrs.evolve(switch, engaged=True))
    write_journal(file, [session(60, 2), done, engaged, at(63, held)], login=OURS)
    assert restore(JournalParams(file=file), facts) == Restored(facts=7, new=4, passed_over=3)
    with reading(file) as journal:
        first, second = query_orders(journal, Wanted())
        known = recall(journal, 1, ("DU1",), NOON + timedelta(minutes=2))
    assert (first.status, second.status, len(first.fills)) == ("Filled", "Submitted", 1)
    assert known.held == at(63, held)
    kinds = [kind for _, kind in rows(file)]
    assert kinds.count("KillSwitchChanged") == kinds.count("PositionsHeld") == 1


def test_the_same_word_twice_is_two(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    write_journal(file, [session(0, 1)], login=OURS)
    one = attrs.evolve(at(5, step(1, status="Submitted")), correlation_id=order_story(1, 1))
    params = JournalParams(file=file)
    facts = left(file, [at(4, intent(1)), one, one, at(6, fill(1)), at(6, fill(1))])
    assert restore(params, facts) == Restored(facts=5, new=4, known=1)
    assert restore(params, facts) == Restored(facts=5, known=5)


@pytest.mark.parametrize("line", ["no json", '{"event": "Twisted"}', "[1]", '{"event": 3}'])
def test_what_is_no_fact_is_said_with_its_line(line: str) -> None:
    with pytest.raises(StorageError, match=r"line 2 is no fact: .*; name a file that a program"):
        read_left(["", line], "x.jsonl")
