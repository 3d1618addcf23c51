"""Whatever goes into an archive: what is recalled, and what may be working, stays the same."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.journal_files import NOON, began, fill, intent, rows, step
from tests.support.written import write_journal
from twsloop.clock import ManualClock
from twsloop.config import JournalParams
from twsloop.event_loop import IBKREventLoop
from twsloop.events import (
    CommissionReported,
    Fact,
    PositionsHeld,
    RiskBreached,
    RiskCheck,
    order_story,
    positions_story,
)
from twsloop.metrics import Metrics
from twsloop.storage.keeping import Keeper
from twsloop.storage.pen import Login
from twsloop.storage.queries import Wanted, query_orders
from twsloop.storage.reading import reading
from twsloop.storage.recalling import recall
from twsloop.storage.verify import verify

WORDS = ["CREATED", "PendingSubmit", "Submitted", "Filled", "Cancelled", "UNCERTAIN"]
KINDS = [*WORDS, "intent", "fill", "paid", "held", "breach", "session"]
BREACHES = "SELECT subject FROM control WHERE latched = 1"


def told(kind: str, order_id: int, number: int, time: datetime) -> Fact:
    """One fact of a kind."""
    made: Any
    if kind == "paid":
        exec_id = fill(max(number - 1, 0)).exec_id
        made = CommissionReported(time=time, exec_id=exec_id, commission=Decimal(1), currency="USD")
    elif kind == "held":
        story = positions_story(1)
        made = PositionsHeld(time=time, client_id=1, positions=(), correlation_id=story)
    elif kind == "breach":
        check = RiskCheck(name=f"limit_{order_id}", passed=False)
        made = RiskBreached(time=time, check=check, account="DU1", latched=True)
    elif kind == "session":
        made = attrs.evolve(began(number), time=time)
    else:
        simple = {"intent": intent(order_id), "fill": fill(number, order_id=order_id)}
        made = simple.get(kind) or step(order_id, status=kind)
        made = attrs.evolve(made, time=time, correlation_id=order_story(1, order_id))
    fact: Fact = made
    return fact


def known(file: Path, now: datetime) -> tuple[Any, ...]:
    """What a start reads, and what people ask for."""
    with reading(file) as journal:
        found = recall(journal, 1, ("DU1",), now)
        working = query_orders(journal, Wanted(working=True))
    orders = sorted(
        (one.order_id, one.status, one.executed, one.commission, one.created_at)
        for one in found.orders
    )
    may_work = sorted((one.order_id, one.status) for one in working)
    return orders, found.held, found.traded, may_work, set(rows(file, BREACHES))


@settings(max_examples=12)
@given(
    facts=st.lists(
        st.tuples(st.sampled_from(KINDS), st.integers(1, 4), st.integers(0, 2)), max_size=30
    ),
    days=st.lists(st.integers(1, 60), min_size=1, max_size=2),
)
def test_an_archive_takes_nothing_that_is_needed(
    tmp_path_factory: pytest.TempPathFactory,
    facts: list[tuple[str, int, int]],
    days: list[int],
) -> None:
    file = tmp_path_factory.mktemp("carried") / "journal.db"
    time, batch = NOON, list[Fact]([began()])
    for number, (kind, order_id, later) in enumerate(facts, start=1):
        time += timedelta(days=later, seconds=1)
        batch.append(told(kind, order_id, number, time))
    batch.append(told("Filled", 99, 0, time + timedelta(days=1)))
    write_journal(file, batch, login=Login("DU1", "session-1-1"))
    clock = ManualClock(time + timedelta(days=100))
    loop = IBKREventLoop(name="unused", clock=clock)
    keeper = Keeper(JournalParams(file=file), clock, loop, Metrics())
    before = known(file, clock.now())
    for day in days:
        asyncio.run(keeper.archive(NOON + timedelta(days=day)))
        found = verify(file)
        assert found.ok, found.why
        assert known(file, clock.now()) == before
