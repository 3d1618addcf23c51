"""A journal that has old days: somebody else traded then, and all of it is over."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from twsloop.database import Database
from twsloop.events import (
    CommissionReported,
    Fact,
    Fill,
    OrderFilled,
    OrderIntent,
    SessionBegan,
    session_story,
)
from twsloop.storage.chain import START, link
from twsloop.storage.pen import INSERT_ENTRY, Gathered
from twsloop.storage.rows import body_of, details_of, key_of, story_of, time_of
from twsloop.storage.schema import MIGRATIONS

__all__ = ["has_left_slate", "has_old_days", "is_new", "look", "write_old_days"]

#: Who it was, and with which account.
CLIENT_ID, ACCOUNT = 99, "DU9999999"
#: How many days there are, and how many orders on each; the last is long ago.
DAYS, ORDERS = 40, 8
LAST = timedelta(days=60)


def write_old_days(file: Path) -> None:
    """Make the journal, as a program made it that knew the first schema alone."""
    today = datetime.now(UTC).replace(hour=15, minute=0, second=0, microsecond=0)
    first, before, entries, details = today - LAST - timedelta(days=DAYS), START, [], Gathered()
    facts = [(day, fact) for day in range(DAYS) for fact in _day(day, first + timedelta(days=day))]
    story = session_story(CLIENT_ID, 1)
    for seq, (day, fact) in enumerate(facts, start=1):
        head = (
            *(seq, time_of(fact), type(fact).__name__),
            *(day + 1, story_of(fact, story), key_of(fact)),
        )
        body = body_of(fact)
        before = link(before, head, body)
        entries.append((*head, body, before))
        details.add(seq, details_of(fact, day + 1))
    database = Database(file, migrations=MIGRATIONS[:1], private=True, section="journal")
    with contextlib.closing(database.connect()) as connection:
        connection.execute("BEGIN")
        connection.executemany(INSERT_ENTRY, entries)
        details.insert(connection)
        connection.execute(
            "INSERT INTO id_floor VALUES (?, ?, ?)", (CLIENT_ID, ACCOUNT, DAYS * ORDERS)
        )
        connection.execute("COMMIT")


def _day(day: int, time: datetime) -> Iterator[Fact]:
    yield SessionBegan(
        time=time,
        host="127.0.0.1",
        port=4002,
        client_id=CLIENT_ID,
        epoch=1,
        mode="paper",
        accounts=(ACCOUNT,),
    )
    for order_id in range(day * ORDERS + 1, (day + 1) * ORDERS + 1):
        exec_id = f"0000e0d5.{order_id:08x}.01.01"
        yield OrderIntent(
            time=time,
            order_id=order_id,
            client_id=CLIENT_ID,
            epoch=1,
            kind="place",
            contract={"symbol": "AAPL", "secType": "STK"},
            order={"action": "BUY", "totalQuantity": "10", "orderType": "MKT"},
            token=f"old{order_id}",
        )
        yield Fill(
            time=time,
            exec_id=exec_id,
            order_id=order_id,
            client_id=CLIENT_ID,
            account=ACCOUNT,
            side="BOT",
            shares=Decimal(10),
            price=Decimal("189.5"),
            executed_at=time,
        )
        yield CommissionReported(time=time, exec_id=exec_id, commission=Decimal(1))
        yield OrderFilled(
            time=time,
            order_id=order_id,
            client_id=CLIENT_ID,
            perm_id=10**9 + order_id,
            account=ACCOUNT,
            status="Filled",
            filled=Decimal(10),
        )


def look(file: Path, sql: str) -> list[Any]:
    """What a query finds, without mending or taking in what a kill has left: the client does."""
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as c:
        return c.execute(sql).fetchall()


def has_old_days(file: Path) -> bool:
    """Whether something is left of them in the journal."""
    if is_new(file):
        return False
    ((first,),) = look(file, "SELECT min(time) FROM entry")
    return first is not None and datetime.fromisoformat(first) < datetime.now(UTC) - LAST


def is_new(file: Path) -> bool:
    """Whether its schema is still to be made, or to be changed."""
    if not file.exists() or not file.stat().st_size:
        return True
    ((version,),) = look(file, "PRAGMA user_version")
    return bool(version < len(MIGRATIONS))


def has_left_slate(file: Path) -> bool:
    """Whether somebody who was killed has left a slate beside it."""
    slates = file.parent.glob(f"{file.name}.slate-*")
    return any(not Path("/proc", each.name.split("-")[1]).exists() for each in slates)
