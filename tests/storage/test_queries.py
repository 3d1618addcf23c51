"""What a journal answers: orders, executions, history and audit, in pages, while it is written."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.written import write_journal
from twsloop.errors import StorageError
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    KillSwitchChanged,
    Notice,
    OrderIntent,
    OrderStep,
    OrderSubmitted,
    RiskCheck,
    RiskVerdict,
    SessionChanged,
)
from twsloop.storage import queries
from twsloop.storage.queries import (
    Wanted,
    entries,
    order_stories,
    query_audit_log,
    query_fills,
    query_order_history,
    query_orders,
)
from twsloop.storage.reading import reading
from twsloop.storage.replay import replay

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def ids(order_id: int, client_id: int = 1) -> dict[str, Any]:
    story = f"order-{client_id}-{order_id}"
    return {"order_id": order_id, "client_id": client_id, "correlation_id": story}


def order(
    order_id: int, begin: float, symbol: str, *, client_id: int = 1, tag: str = "", perm: int
) -> list[Fact]:
    """An order that works and is half filled within three minutes."""
    whose = ids(order_id, client_id)
    contract = {"symbol": symbol, "secType": "STK", "conId": perm + 1}
    terms = {"action": "BUY", "orderType": "LMT", "totalQuantity": "100", "lmtPrice": 189.5}
    stands = {
        "status": "CREATED", "symbol": symbol, "tag": tag, "token": f"t.{client_id}.{order_id}",
        "filled": "0", "remaining": "100", "quantity": "100", "account": "DU123", "own": True,
    }  # fmt: skip
    return [
        OrderStep(time=at(begin), source="created", changes=stands, **whose),
        OrderIntent(
            time=at(begin), epoch=1, kind="place", contract=contract, order=terms, symbol=symbol,
            tag=tag, token=f"t.{client_id}.{order_id}", account="DU123", **whose,
        ),
        OrderStep(time=at(begin + 1), source="sent", changes={"status": "PendingSubmit"}, **whose),
        OrderStep(
            time=at(begin + 2), source="orderStatus", perm_id=perm,
            changes={"status": "Submitted", "acknowledged": True}, **whose,
        ),
        OrderSubmitted(
            time=at(begin + 2), perm_id=perm, symbol=symbol, status="Submitted", **whose
        ),
        Fill(
            time=at(begin + 3), exec_id=f"{perm}.01", perm_id=perm, account="DU123", symbol=symbol,
            side="BOT", shares=Decimal(50), price=Decimal("189.5"), tag=tag, **whose,
        ),
        OrderStep(
            time=at(begin + 3), source="execDetails", perm_id=perm,
            changes={"filled": "50"}, **whose,
        ),
        CommissionReported(
            time=at(begin + 3), exec_id=f"{perm}.01", commission=Decimal("0.5"), currency="USD"
        ),
    ]  # fmt: skip


BY_HAND = [
    OrderStep(
        time=at(30 + n), perm_id=55 + n, source="openOrder",
        changes={"status": "Submitted", "symbol": symbol, "own": False}, **ids(0),
    )
    for n, symbol in enumerate(["TSLA", "NVDA"])
]  # fmt: skip
OTHERS: list[Fact] = [
    SessionChanged(time=at(-1), old="SYNCING", new="READY", correlation_id="session-1-1"),
    RiskVerdict(
        time=at(40), allowed=False,
        checks=(RiskCheck(name="max_quantity", passed=False, text="too large"),), **ids(9),
    ),
    Notice(time=at(41), req_id=3, code=399, text="held", severity="warning",
           correlation_id="order-1-3"),
    KillSwitchChanged(time=at(42), engaged=True, by="cli", reason="drill"),
]  # fmt: skip
ALL: list[Fact] = [
    *order(3, 0, "AAPL", tag="trend", perm=900),
    *order(4, 10, "AAPL 20260116 C 150", perm=901),
    *order(3, 20, "MSFT", client_id=2, tag="trend", perm=902),
    *BY_HAND,
    *OTHERS,
]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_journal(tmp_path_factory.mktemp("queries") / "journal.db", ALL)


@pytest.fixture
def journal(file: Path) -> Iterator[sqlite3.Connection]:
    with reading(file) as connection:
        yield connection


@contextmanager
def copied(told: list[Fact], folder: Path) -> Iterator[sqlite3.Connection]:
    with reading(write_journal(folder / "journal.db", told)) as connection:
        yield connection


# ---- orders --------------------------------------------------------------------------------
def test_all_entries_are_the_facts_that_were_written(journal: sqlite3.Connection) -> None:
    assert [entry.fact() for entry in entries(journal)] == ALL


def test_orders_are_what_replay_makes_of_the_facts(journal: sqlite3.Connection) -> None:
    assert query_orders(journal, Wanted()) == list(replay(ALL).orders)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"symbol": "aapl"}, [(1, 3), (1, 4)]),
        ({"symbol": "AAPL 20260116"}, [(1, 4)]),
        ({"symbol": "AAP"}, []),
        ({"symbol": "TSLA"}, [(1, 0)]),
        ({"tag": "trend"}, [(1, 3), (2, 3)]),
        ({"client_id": 2}, [(2, 3)]),
        ({"order_id": 3}, [(1, 3), (2, 3)]),
        ({"order_id": 3, "client_id": 1}, [(1, 3)]),
        ({"order_id": 0}, [(1, 0), (1, 0)]),
        ({"perm_id": 901}, [(1, 4)]),
        ({"perm_id": 56}, [(1, 0)]),
        ({"token": "t.2.3"}, [(2, 3)]),
        ({"status": "Submitted", "since": at(29)}, [(1, 0), (1, 0)]),
        ({"status": "Filled"}, []),
        ({"since": at(12), "until": at(21)}, [(1, 4), (2, 3)]),
        ({"until": at(10)}, [(1, 3)]),
        ({"limit": 2}, [(1, 0), (1, 0)]),
        ({"limit": 2, "offset": 1}, [(2, 3), (1, 0)]),
        ({"limit": 2, "offset": 4}, [(1, 3)]),
        ({"limit": 0}, []),
        ({"offset": 9}, []),
    ],
)
def test_orders_that_are_wanted(
    wanted: dict[str, Any], found: list[tuple[int, int]], journal: sqlite3.Connection
) -> None:
    orders = query_orders(journal, Wanted(**wanted))
    assert [(one.client_id, one.order_id) for one in orders] == found


def test_an_order_is_told_whole_whatever_was_asked(journal: sqlite3.Connection) -> None:
    whole = replay(ALL).find(1, 3)
    for wanted in (Wanted(since=at(3)), Wanted(tag="trend"), Wanted(perm_id=900)):
        assert query_orders(journal, wanted)[0] == whole
    assert whole is not None
    assert (whole.commission, whole.filled) == (Decimal("0.5"), Decimal(50))


def test_an_order_by_hand_keeps_its_story_when_it_gets_an_id(tmp_path: Path) -> None:
    bound = OrderStep(time=at(50), perm_id=55, changes={"status": "Filled"}, **ids(12))
    with copied([*BY_HAND, bound], tmp_path) as journal:
        (one,) = query_orders(journal, Wanted(order_id=12))
        assert (one.symbol, one.status, one.perm_id) == ("TSLA", "Filled", 55)
        assert query_orders(journal, Wanted(symbol="TSLA")) == [one]


# ---- executions ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, ["900.01", "901.01", "902.01"]),
        ({"symbol": "MSFT"}, ["902.01"]),
        ({"tag": "trend"}, ["900.01", "902.01"]),
        ({"since": at(13), "until": at(23)}, ["901.01"]),
        ({"limit": 1, "offset": 1}, ["901.01"]),
        ({"status": "Filled"}, []),
    ],
)
def test_executions_that_are_wanted(
    wanted: dict[str, Any], found: list[str], journal: sqlite3.Connection
) -> None:
    assert [one.fill.exec_id for one in query_fills(journal, Wanted(**wanted))] == found


def test_an_execution_has_its_order_and_its_commission(journal: sqlite3.Connection) -> None:
    one = query_fills(journal, Wanted(perm_id=900))[0]
    assert one.order == replay(ALL).find(1, 3)
    assert one.commission is not None
    assert one.commission.commission == Decimal("0.5")


def test_an_execution_of_an_order_that_nobody_told_of(tmp_path: Path) -> None:
    stray, paid = order(7, 0, "AAPL", perm=900)[5], order(7, 0, "AAPL", perm=900)[7]
    with copied([stray, paid], tmp_path) as journal:
        (one,) = query_fills(journal, Wanted(symbol="AAPL"))
        assert (one.fill, one.order, one.commission) == (stray, None, paid)
        assert query_fills(journal, Wanted(symbol="MSFT")) == []


# ---- history -------------------------------------------------------------------------------
def test_the_history_has_a_row_for_each_thing_that_happened(journal: sqlite3.Connection) -> None:
    rows = query_order_history(journal, Wanted(order_id=3, client_id=1))
    assert [(row.event, row.source, row.status) for row in rows] == [
        ("OrderStep", "created", "CREATED"),
        ("OrderIntent", "place", None),
        ("OrderStep", "sent", "PendingSubmit"),
        ("OrderStep", "orderStatus", "Submitted"),
        ("OrderSubmitted", "", "Submitted"),
        ("Fill", "BOT", None),
        ("OrderStep", "execDetails", None),
    ]
    assert rows[0].time == at(0)
    assert (rows[0].filled, rows[0].remaining, rows[0].average_price) == (
        *(Decimal(0), Decimal(100)),
        None,
    )
    assert {row.correlation_id for row in rows} == {"order-1-3"}


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 23),
        ({"symbol": "MSFT"}, 7),
        ({"tag": "trend"}, 14),
        ({"symbol": "NVDA"}, 1),
        ({"status": "Submitted"}, 8),
        ({"status": "Submitted", "symbol": "MSFT"}, 2),
        ({"kinds": ("Fill", "OrderIntent")}, 6),
        ({"client_id": 1}, 16),
        ({"since": at(30)}, 2),
        ({"perm_id": 902}, 7),
        ({"token": "t.1.4"}, 7),
    ],
)
def test_rows_of_the_history_that_are_wanted(
    wanted: dict[str, Any], count: int, journal: sqlite3.Connection
) -> None:
    assert len(query_order_history(journal, Wanted(**wanted))) == count


# ---- audit ---------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        (
            {},
            [
                *["OrderIntent"] * 3,
                *("SessionChanged", "RiskVerdict", "Notice", "KillSwitchChanged"),
            ],
        ),
        ({"kinds": ("Notice",)}, ["Notice"]),
        ({"kinds": ("CommissionReported",), "limit": 1}, ["CommissionReported"]),
        ({"client_id": 2}, ["OrderIntent"]),
        (
            {"client_id": 1},
            [
                *["OrderIntent"] * 2,
                *("SessionChanged", "RiskVerdict", "Notice", "KillSwitchChanged"),
            ],
        ),
        ({"order_id": 3}, ["OrderIntent", "OrderIntent", "Notice"]),
        ({"symbol": "AAPL"}, ["OrderIntent", "OrderIntent", "Notice"]),
        ({"since": at(40), "until": at(42)}, ["RiskVerdict", "Notice"]),
        ({"limit": 2}, ["Notice", "KillSwitchChanged"]),
        ({"limit": 2, "offset": 1}, ["RiskVerdict", "Notice"]),
        ({"status": "Submitted", "kinds": ("OrderSubmitted",)}, ["OrderSubmitted"] * 3),
    ],
)
def test_entries_of_the_audit_log_that_are_wanted(
    wanted: dict[str, Any], kinds: list[str], journal: sqlite3.Connection
) -> None:
    found = query_audit_log(journal, Wanted(**wanted))
    assert [entry.kind for entry in found] == kinds
    assert [entry.seq for entry in found] == sorted(entry.seq for entry in found)


# ---- stories -------------------------------------------------------------------------------
def test_the_story_of_one_order(journal: sqlite3.Connection) -> None:
    (story,) = order_stories(journal, Wanted(order_id=3, client_id=1))
    assert [moment.hop for moment in story.moments] == [
        *("call", "intent", "sent", "answer", "fill", "status", "commission"),
        *("session", "notice"),
    ]
    assert story.order == replay(ALL).find(1, 3)


# ---- the file ------------------------------------------------------------------------------
def test_a_page_cannot_be_less_than_nothing() -> None:
    with pytest.raises(ValueError, match="limit"):
        Wanted(limit=-1)
    with pytest.raises(ValueError, match="offset"):
        Wanted(offset=-1)


def test_what_is_asked_is_no_sql(journal: sqlite3.Connection) -> None:
    odd = "x' OR 1=1 --"
    for wanted in (Wanted(symbol=odd), Wanted(tag=odd), Wanted(token=odd), Wanted(kinds=(odd,))):
        assert query_order_history(journal, wanted) == []
        assert query_audit_log(journal, wanted) == []


def test_it_is_read_while_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with copied(ALL, tmp_path) as journal:
        before = query_orders(journal, Wanted())
        write_journal(file, order(5, 60, "IBM", perm=905))
        with reading(file) as later:
            assert len(query_orders(later, Wanted())) == len(before) + 1
    with pytest.raises(StorageError, match="readonly"), reading(file) as later:
        later.execute("DROP VIEW order_history")


@contextmanager
def nobody() -> Iterator[None]:
    """Rights of files count, also where the tests belong to root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_copy_is_read_where_nothing_can_be_written() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        file = write_journal(folder / "journal.db", ALL)
        file.chmod(0o444)
        folder.chmod(0o555)
        try:
            with nobody(), reading(file) as journal:
                assert query_orders(journal, Wanted()) == list(replay(ALL).orders)
            folder.chmod(0o755)
            (folder / "journal.db-wal").touch()  # somebody may be writing
            folder.chmod(0o555)
            with (
                nobody(),
                pytest.raises(StorageError, match="cannot read it"),
                reading(file) as journal,
            ):
                query_orders(journal, Wanted())
        finally:
            folder.chmod(0o755)


@given(st.integers(0, 25), st.integers(0, 25), st.sampled_from([None, 1, 2]), st.booleans())
def test_pages_put_together_are_all_rows(
    file: Path, size: int, start: int, client: int | None, audit: bool
) -> None:
    with reading(file) as journal:
        query: Any = query_audit_log if audit else query_order_history
        rows = query(journal, Wanted(client_id=client))
        end = max(len(rows) - start, 0)
        page = query(journal, Wanted(client_id=client, limit=size, offset=start))
        assert page == rows[max(end - size, 0) : end]


WORDS = ["CREATED", "PendingSubmit", "Submitted", "Filled", "Cancelled", "UNCERTAIN", "intent"]


@settings(max_examples=40)
@given(
    told=st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from(WORDS), st.sampled_from([None, 901, 902])),
        max_size=24,
    ),
    limit=st.none() | st.integers(0, 4),
    offset=st.integers(0, 3),
    working=st.booleans(),
)
def test_a_page_of_orders_is_that_of_all_of_them(
    tmp_path_factory: pytest.TempPathFactory,
    told: list[tuple[int, str, int | None]],
    limit: int | None,
    offset: int,
    working: bool,
) -> None:
    """However few stories are read at first."""
    facts: list[Fact] = []
    for number, (order_id, word, perm) in enumerate(told):
        same = {"time": at(number), **ids(order_id)}
        if word == "intent":
            if order_id:
                facts.append(OrderIntent(epoch=1, kind="place", contract={}, order={}, **same))
        else:
            # One that was placed by hand has no id but its permanent one.
            known = perm or (None if order_id else 901)
            facts.append(OrderStep(perm_id=known, changes={"status": word}, **same))
    few = functools.partial(_a_tenth, queries._told_last)
    with (
        copied(facts, tmp_path_factory.mktemp("pages")) as journal,
        patch.object(queries, "_told_last", few),
    ):
        wanted = Wanted(limit=limit, offset=offset, working=working)
        all_of_them = [one for one in replay(facts).orders if one.may_be_working or not working]
        assert query_orders(journal, wanted) == wanted.page(all_of_them)


def _a_tenth(look: Callable[[sqlite3.Connection, int], int], file: Any, count: int) -> int:
    return look(file, max(count // 30, 1))
