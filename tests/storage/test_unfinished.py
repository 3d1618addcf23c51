"""Where a comparison began that was never reported."""

from __future__ import annotations

from pathlib import Path

import attrs

from tests.support.journal_files import NOON, began, fill, step
from tests.support.written import write_journal
from twsloop.events import ComparisonBegan, Fact, GapReport, reconcile_story
from twsloop.storage.pen import Login
from twsloop.storage.reading import reading
from twsloop.storage.recalling import recall
from twsloop.storage.unfinished import unfinished

OURS = Login("DU1", "session-1-1")
MARK = ComparisonBegan(time=NOON, client_id=1, cause="start", correlation_id=reconcile_story(1))
REPORT = GapReport(
    time=NOON, cause="start", reason="", began=NOON, ended=NOON, epoch_before=0, epoch=1, took=0.1
)
HEARD = attrs.evolve(fill(1), correlation_id="order-1-1")


def mark_of(tmp_path: Path, *facts: Fact, client_id: int = 1) -> int | None:
    """Which of the facts, counted from 1, the next process goes back to."""
    session = attrs.evolve(began(), correlation_id=OURS.story)
    file = write_journal(tmp_path / "journal.db", [session, *facts], login=OURS)
    with reading(file) as journal:
        found = unfinished(journal, client_id, {1})
    return None if found is None else found.seq - 1


def test_what_was_heard_behind_the_mark_was_not_reported(tmp_path: Path) -> None:
    assert mark_of(tmp_path, MARK, HEARD) == 1


def test_a_report_ends_all_that_began_before_it(tmp_path: Path) -> None:
    again = attrs.evolve(MARK, cause="link")
    assert mark_of(tmp_path, MARK, HEARD, again, REPORT, attrs.evolve(fill(2), order_id=1)) is None


def test_of_two_that_were_not_reported_the_first_counts(tmp_path: Path) -> None:
    again = attrs.evolve(MARK, cause="link")
    assert mark_of(tmp_path, REPORT, MARK, HEARD, again) == 2


def test_the_end_of_a_session_behind_which_nothing_came_is_none(tmp_path: Path) -> None:
    assert mark_of(tmp_path, HEARD, attrs.evolve(MARK, cause="link")) is None


def test_that_of_another_client_is_none(tmp_path: Path) -> None:
    assert mark_of(tmp_path, MARK, HEARD, client_id=2) is None


def test_the_next_process_goes_back_to_how_things_stood(tmp_path: Path) -> None:
    def told(number: int, **changes: object) -> Fact:
        return attrs.evolve(step(number, **changes), correlation_id=f"order-1-{number}")

    facts = [
        told(1, status="Submitted", filled="0"),
        MARK,
        told(1, status="Filled", filled="10"),
        HEARD,
        told(2, status="Submitted"),
    ]
    session = attrs.evolve(began(), correlation_id=OURS.story)
    file = write_journal(tmp_path / "journal.db", [session, *facts], login=OURS)
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON, writing=False)
    assert [(one.order_id, one.status) for one in known.before] == [(1, "Submitted")]
    assert [one.order_id for one in known.appeared] == [2]
    assert [one.exec_id for one in known.unreported] == [HEARD.exec_id]
    assert [(one.order_id, one.status) for one in known.orders] == [(1, "Filled"), (2, "Submitted")]
