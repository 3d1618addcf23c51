"""What a start reads of the journal: the orders that may be working, and those of late."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs

from tests.support.journal_files import NOON, began, fill, intent, step
from tests.support.written import write_journal
from twsloop.events import CommissionReported, Fact, OrderFact, order_story
from twsloop.storage.pen import Login
from twsloop.storage.reading import reading
from twsloop.storage.recalling import Recalled, recall

OURS = Login("DU1", "session-1-1")
OLD = NOON - timedelta(days=30)


def of(order_id: int, *facts: OrderFact, at: Any = OLD) -> list[Fact]:
    """Facts of one order at a time."""
    story = order_story(1, order_id)
    return [attrs.evolve(fact, time=at, correlation_id=story) for fact in facts]


def life(order_id: int, *words: str, perm_id: int | None = None, at: Any = OLD) -> list[Fact]:
    """An order that was sent; the words that followed have its permanent id."""
    told = [attrs.evolve(step(order_id, status=word), perm_id=perm_id) for word in words]
    new, sent = step(order_id, status="CREATED"), step(order_id, status="PendingSubmit")
    return of(order_id, new, intent(order_id), sent, *told, at=at)


def recalled(tmp_path: Path, *facts: Fact) -> Recalled:
    """What a process of client 1 knows, started at noon."""
    file = write_journal(tmp_path / "journal.db", [began(), *facts], login=OURS)
    with reading(file) as journal:
        return recall(journal, 1, ("DU1",), NOON)


def test_what_is_over_for_long_is_not_read(tmp_path: Path) -> None:
    """Its first words have no permanent id; a later one with it takes their place."""
    done = life(1, "Submitted", "Filled", perm_id=901)
    refused = of(2, step(2, status="CREATED"), step(2, status="REFUSED"))
    late = life(3, "Submitted", "Cancelled", perm_id=903, at=NOON - timedelta(hours=3))
    known = recalled(tmp_path, *done, *refused, *late)
    assert [one.order_id for one in known.orders] == [3]


def test_what_may_be_working_is_read_however_old(tmp_path: Path) -> None:
    known = recalled(
        tmp_path,
        *life(1, "PreSubmitted", "Submitted", perm_id=901),
        *life(2),
        *of(3, step(3, status="CREATED"), intent(3)),
        *life(4, "UNCERTAIN"),
    )
    assert [(one.order_id, one.status) for one in known.orders] == [
        (1, "Submitted"),
        (2, "PendingSubmit"),
        (3, "CREATED"),
        (4, "UNCERTAIN"),
    ]
    assert all(one.uncertain for one in known.orders[2:])


def test_an_intent_that_nothing_followed_is_read_however_old(tmp_path: Path) -> None:
    """The process died as the order left, before it wrote anything else of it."""
    known = recalled(tmp_path, *of(1, intent(1)), *life(2, "Filled", perm_id=902))
    assert [(one.order_id, one.uncertain) for one in known.orders] == [(1, True)]


def test_of_two_orders_with_one_id_the_first_may_live_although_the_second_is_over(
    tmp_path: Path,
) -> None:
    first = life(1, "Submitted", perm_id=901)
    second = life(1, "Filled", perm_id=902)
    known = recalled(tmp_path, *first, *second)
    assert 901 in {perm for one in known.orders for perm in one.perm_ids}


def test_an_old_fill_of_an_order_that_works_on_is_read_with_it(tmp_path: Path) -> None:
    traded = of(1, attrs.evolve(fill(1), perm_id=901, shares=Decimal(4)))
    known = recalled(tmp_path, *life(1, "Submitted", perm_id=901), *traded)
    (one,) = known.orders
    assert one.executed == Decimal(4)


def test_a_fact_of_a_newer_version_does_not_keep_the_others_from_being_read(
    tmp_path: Path,
) -> None:
    """A newer version needs no new schema for a new kind of fact, so the file can be opened."""
    file = write_journal(tmp_path / "journal.db", [began(), *life(1)], login=OURS)
    with contextlib.closing(sqlite3.connect(file)) as journal, journal:
        (seq,) = journal.execute("SELECT max(seq) + 1 FROM entry").fetchone()
        body = '{"event": "OrderTwisted", "order_id": 1}'
        entry = (seq, OLD.isoformat(), "OrderTwisted", 1, order_story(1, 1), None, body, "0" * 64)
        journal.execute("INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?)", entry)
    write_journal(file, [began(2), *life(2)], login=OURS)
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON)
    assert [one.order_id for one in known.orders] == [1, 2]


def session_of(file: Path, client_id: int, at: datetime, *facts: Fact) -> None:
    """A process that writes these facts."""
    login = Login("DU1", f"session-{client_id}-1")
    begin = attrs.evolve(began(), client_id=client_id, time=at, correlation_id=login.story)
    write_journal(file, [begin, *facts], login=login)


def test_what_another_client_wrote_while_we_were_there_is_no_news(tmp_path: Path) -> None:
    """A file has each execution once, by whoever was first; it may be listed for a week."""
    file = tmp_path / "journal.db"
    days = [NOON - timedelta(days=number) for number in (6, 5, 4, 3, 1)]
    ours, theirs, _, late, later = (
        attrs.evolve(fill(number), time=at, client_id=whose, order_id=9)
        for number, (at, whose) in enumerate(zip(days, (1, 7, 0, 1, 7), strict=True), 1)
    )
    session_of(file, 1, OLD)
    session_of(file, 7, OLD, ours, theirs)
    session_of(file, 1, days[2])
    session_of(file, 7, days[2], late, later)
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON, writing=False)
    # The session that asks is no sign that anybody was told before.
    session_of(file, 1, NOON)
    with reading(file) as journal:
        again = recall(journal, 1, ("DU1",), NOON)
    for one in (known, again):
        assert {exec_id for exec_id, _ in one.executed} == {ours.exec_id, theirs.exec_id}
        assert one.fills == ()


def test_what_another_client_traded_lately_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    hours = [NOON - timedelta(hours=number) for number in (3, 2, 1)]
    theirs = attrs.evolve(fill(1), time=hours[1], client_id=7, order_id=9)
    paid = CommissionReported(
        time=hours[1], exec_id=theirs.exec_id, commission=Decimal(1), currency="USD"
    )
    session_of(file, 1, hours[0])
    session_of(file, 7, hours[0], theirs, paid)
    with reading(file) as journal:
        assert recall(journal, 1, ("DU1",), NOON, writing=False).fills == ()
    session_of(file, 1, hours[2])
    with reading(file) as journal:
        known = recall(journal, 1, ("DU1",), NOON, writing=False)
    assert (known.fills, known.commissions) == ((theirs,), (paid,))


def test_another_login_with_the_same_ids_takes_no_order_away(tmp_path: Path) -> None:
    """Two gateways, one client id and one file: each login has its own order 1."""
    file = tmp_path / "journal.db"
    write_journal(file, [began(), *life(1, "UNCERTAIN"), *of(2, intent(2))], login=OURS)
    theirs = Login("U7", "session-1-2")
    other = attrs.evolve(began(), accounts=("U7",), correlation_id=theirs.story)
    done = [*life(1, "Submitted", "Filled"), *life(2, "Filled")]
    write_journal(file, [other, *done, *life(3)], login=theirs)
    with reading(file) as journal:
        ours = recall(journal, 1, ("DU1",), NOON)
        others = recall(journal, 1, ("U7",), NOON)
    assert [(one.order_id, one.uncertain) for one in ours.orders] == [(1, True), (2, True)]
    assert [(one.order_id, one.status) for one in others.orders] == [(3, "PendingSubmit")]


def test_what_was_told_before_its_session_had_begun_is_ours(tmp_path: Path) -> None:
    """IB's own start: the gateway tells of open orders before it names the accounts."""
    file, early = tmp_path / "journal.db", Login("", "session-1-0")
    write_journal(file, [began(), *life(1, "Submitted"), *life(2, "Submitted")], login=OURS)
    (known,) = of(1, attrs.evolve(step(1, status="PreSubmitted"), perm_id=901))
    (other,) = of(2, attrs.evolve(step(2, status="Submitted", account="U7"), perm_id=902))
    (stranger,) = of(3, attrs.evolve(step(3, status="Submitted"), perm_id=903))
    (named,) = of(4, attrs.evolve(step(4, status="Submitted", account="DU1"), perm_id=904))
    write_journal(file, [known, other, stranger, named, *of(5, intent(5))], login=early)
    with reading(file) as journal:
        found = recall(journal, 1, ("DU1",), NOON)
    assert [(one.order_id, one.perm_id) for one in found.orders] == [
        (1, 901),
        (2, None),
        (4, 904),
        (5, None),
    ]
