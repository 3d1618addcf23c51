"""The tables of the order journal.

Every fact is one row of ``entry``: the spine. ``seq`` is the one order of everything in the file,
without a hole; ``body`` is the whole fact as JSON (`twsloop.events.to_record`), and ``hash`` chains
the row to the one before it (`twsloop.storage.chain`). The spine alone is the journal: every other
table can be made from it again.

The tables beside it have the fields that people and queries look for, each row under the ``seq`` of
its entry. What has no table of its own (a change of the session, a missed heartbeat) stands in the
spine alone, and a new kind of fact needs no new table.

* Append-only: triggers refuse UPDATE and DELETE, and an entry that is not the next one. Retention
  alone lifts them, in one transaction, and leaves an ``anchor``: the last entry that it moved away.
* ``natural_key`` is unique: what the gateway lists again (an execution, after a restart) is no new
  row. It is NULL for what is a fact of its own each time.
* ``epoch`` counts the sessions of all programs that ever wrote to the file, from 1; 0 is before the
  first. Rows of ``session`` say whose it was. ``process_epoch`` is what the facts call epoch: the
  sessions of one process.
* Money, prices and sizes are decimal text. Times are ISO 8601 in UTC with six digits of a second,
  so that text sorts as time does. What is not known is NULL.
* ``mark`` finds a time: no entry up to ``seq`` is of a later time than ``latest``. An index would
  be written with every entry, and `SINCE` needs no more: times grow with the entries, but for
  clocks that are set back, and for what had to wait until it could be written.
* ``id_floor`` is the one table that changes: the highest order id ever meant, for each client id
  and login; it can only grow, and outlives retention.
"""

from __future__ import annotations

from twsloop.database import Migration

__all__ = [
    "ADD_MARK",
    "DETAIL_TABLES",
    "MARK_EVERY",
    "MIGRATIONS",
    "PROTECTED_TABLES",
    "SINCE",
    "columns_of",
    "guards_of",
]

#: Column definitions of the tables beside the spine, without their ``seq``.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "session": (
        "epoch INTEGER NOT NULL UNIQUE",
        "client_id INTEGER NOT NULL",
        "process_epoch INTEGER NOT NULL",
        "host TEXT NOT NULL",
        "port INTEGER NOT NULL",
        "mode TEXT NOT NULL",
        "accounts TEXT NOT NULL",  # separated by commas, sorted
        "server_version INTEGER NOT NULL",
        "next_id INTEGER",
        "floor INTEGER",
        "program TEXT NOT NULL",
        "pid INTEGER NOT NULL",
    ),
    "intent": (
        "client_id INTEGER NOT NULL",
        "order_id INTEGER NOT NULL",
        "revision INTEGER NOT NULL",
        "kind TEXT NOT NULL",
        "account TEXT NOT NULL",
        "con_id INTEGER",
        "symbol TEXT NOT NULL",
        "sec_type TEXT",
        "currency TEXT",
        "action TEXT",
        "order_type TEXT",
        "quantity TEXT",
        "limit_price TEXT",
        "stop_price TEXT",
        "tif TEXT",
        "parent_id INTEGER",
        "oca_group TEXT",
        "token TEXT NOT NULL",
        "tag TEXT NOT NULL",
        "origin TEXT NOT NULL",
        "purpose TEXT NOT NULL",
        "allowed INTEGER",  # NULL if the risk gate was not asked
        "config TEXT NOT NULL",
    ),
    "order_event": (
        "client_id INTEGER NOT NULL",
        "order_id INTEGER NOT NULL",
        "perm_id INTEGER",
        "event TEXT NOT NULL",
        "source TEXT NOT NULL",
        "account TEXT",
        "symbol TEXT",
        "tag TEXT",
        "status TEXT",
        "filled TEXT",
        "remaining TEXT",
        "average_price TEXT",
        "reason TEXT",
    ),
    "execution": (
        "exec_id TEXT NOT NULL",
        "account TEXT NOT NULL",
        "client_id INTEGER NOT NULL",
        "order_id INTEGER NOT NULL",
        "perm_id INTEGER",
        "con_id INTEGER",
        "symbol TEXT NOT NULL",
        "side TEXT NOT NULL",
        "shares TEXT NOT NULL",
        "price TEXT NOT NULL",
        "exchange TEXT NOT NULL",
        "executed_at TEXT",
        "cumulative TEXT",
        "average_price TEXT",
        "corrects TEXT",
        "tag TEXT NOT NULL",
    ),
    "commission": (
        "exec_id TEXT NOT NULL",
        "order_id INTEGER",
        "commission TEXT NOT NULL",
        "currency TEXT NOT NULL",
        "realized_pnl TEXT",
    ),
    "notice": (
        "req_id INTEGER NOT NULL",
        "code INTEGER",
        "severity TEXT NOT NULL",
        "category TEXT NOT NULL",
        "ends TEXT NOT NULL",
        "text TEXT NOT NULL",
    ),
    "verdict": (
        "client_id INTEGER NOT NULL",
        "order_id INTEGER NOT NULL",
        "allowed INTEGER NOT NULL",
        "failed TEXT",  # the check that refused it
        "reason TEXT NOT NULL",
    ),
    "config": ("digest TEXT NOT NULL", "settings TEXT NOT NULL"),
    "gap": (
        "cause TEXT NOT NULL",
        "reason TEXT NOT NULL",
        "began TEXT NOT NULL",
        "ended TEXT NOT NULL",
        "process_epoch_before INTEGER NOT NULL",
        "process_epoch INTEGER NOT NULL",
        "complete INTEGER NOT NULL",
        "summary TEXT NOT NULL",
    ),
    "control": (
        "event TEXT NOT NULL",  # KillSwitch..., RiskLimitChanged, RiskBreached
        "subject TEXT NOT NULL",  # the limit or the check, by its name; "kill switch"
        "account TEXT NOT NULL",
        "old TEXT",
        "new TEXT",
        "latched INTEGER",  # of the kill switch: engaged
        "by TEXT NOT NULL",
        "reason TEXT NOT NULL",
    ),
}

#: The tables beside the spine, in the order in which they are written.
DETAIL_TABLES: tuple[str, ...] = tuple(_COLUMNS)

#: The tables that triggers protect: rows come, and never change or go.
PROTECTED_TABLES: tuple[str, ...] = ("entry", *DETAIL_TABLES, "anchor", "mark")

#: There is a mark after so many entries, at the earliest.
MARK_EVERY = 1000
#: The number of an entry before all that are of a time, or later; ``{}`` for the time's parameter.
SINCE = "(SELECT ifnull(max(seq), 0) FROM mark WHERE latest < {})"
#: Marks the newest entry, the one parameter.
ADD_MARK = """
INSERT INTO mark SELECT ?, max(
    ifnull((SELECT latest FROM mark ORDER BY seq DESC LIMIT 1), ''),
    (SELECT max(time) FROM entry WHERE seq > (SELECT ifnull(max(seq), 0) FROM mark))
)
"""


def columns_of(table: str) -> tuple[str, ...]:
    """The columns of a table beside the spine, ``seq`` first."""
    return ("seq", *(definition.split()[0] for definition in _COLUMNS[table]))


def guards_of(table: str) -> dict[str, str]:
    """The triggers that keep a table append-only: name to statement."""
    return {
        f"{table}_{what.lower()}": (
            f"CREATE TRIGGER {table}_{what.lower()} BEFORE {what} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the journal is append-only: {table}'); END"
        )
        for what in ("UPDATE", "DELETE")
    }


_SPINE = (
    """
    CREATE TABLE entry (
        seq INTEGER PRIMARY KEY NOT NULL CHECK (seq > 0),
        time TEXT NOT NULL,
        kind TEXT NOT NULL,
        epoch INTEGER NOT NULL CHECK (epoch >= 0),
        correlation_id TEXT NOT NULL,
        natural_key TEXT,
        body TEXT NOT NULL,
        hash TEXT NOT NULL CHECK (length(hash) = 64)
    ) STRICT
    """,
    "CREATE INDEX entry_by_story ON entry (correlation_id, seq)",
    "CREATE INDEX entry_by_time ON entry (time)",
    "CREATE UNIQUE INDEX entry_by_key ON entry (natural_key) WHERE natural_key IS NOT NULL",
    # Without it, INSERT OR REPLACE would be a way around the other guards.
    """
    CREATE TRIGGER entry_insert BEFORE INSERT ON entry
    WHEN NEW.seq <= (SELECT max(seq) FROM entry)
    BEGIN SELECT RAISE(ABORT, 'the journal is append-only: entry'); END
    """,
    """
    CREATE TABLE anchor (
        seq INTEGER PRIMARY KEY NOT NULL,
        hash TEXT NOT NULL CHECK (length(hash) = 64),
        epoch INTEGER NOT NULL,
        archive TEXT NOT NULL,
        made_at TEXT NOT NULL
    ) STRICT
    """,
    """
    CREATE TABLE id_floor (
        client_id INTEGER NOT NULL,
        accounts TEXT NOT NULL,
        highest INTEGER NOT NULL,
        PRIMARY KEY (client_id, accounts)
    ) STRICT, WITHOUT ROWID
    """,
    """
    CREATE TRIGGER id_floor_update BEFORE UPDATE ON id_floor
    WHEN NEW.highest < OLD.highest
    BEGIN SELECT RAISE(ABORT, 'an order id floor never sinks'); END
    """,
    """
    CREATE TRIGGER id_floor_delete BEFORE DELETE ON id_floor
    BEGIN SELECT RAISE(ABORT, 'an order id floor never goes'); END
    """,
)

#: Few: each costs every intent a page that is written before its order leaves.
_INDEXES = (
    "CREATE INDEX intent_by_order ON intent (client_id, order_id)",
    "CREATE INDEX order_event_by_order ON order_event (client_id, order_id)",
    "CREATE INDEX order_event_by_perm_id ON order_event (perm_id) WHERE perm_id IS NOT NULL",
    "CREATE INDEX execution_by_exec_id ON execution (exec_id)",
    "CREATE INDEX execution_by_order ON execution (client_id, order_id)",
    "CREATE INDEX commission_by_exec_id ON commission (exec_id)",
)

#: What happened to orders, keyed by epoch, client id, order id and permanent id.
_ORDER_HISTORY = """
CREATE VIEW order_history AS
SELECT e.seq, e.time, e.epoch, o.client_id, o.order_id, o.perm_id, o.event, o.source,
       o.account, o.symbol, o.tag, o.status, o.filled, o.remaining, o.average_price, o.reason,
       e.correlation_id
FROM order_event o JOIN entry e ON e.seq = o.seq
UNION ALL
SELECT e.seq, e.time, e.epoch, i.client_id, i.order_id, NULL, 'OrderIntent', i.kind,
       i.account, i.symbol, i.tag, NULL, NULL, NULL, NULL, i.purpose, e.correlation_id
FROM intent i JOIN entry e ON e.seq = i.seq
UNION ALL
SELECT e.seq, e.time, e.epoch, x.client_id, x.order_id, x.perm_id, 'Fill', x.side,
       x.account, x.symbol, x.tag, NULL, x.cumulative, NULL, x.average_price, '',
       e.correlation_id
FROM execution x JOIN entry e ON e.seq = x.seq
"""


def _tables() -> tuple[str, ...]:
    made = []
    for table, columns in _COLUMNS.items():
        key = "seq INTEGER PRIMARY KEY NOT NULL REFERENCES entry (seq)"
        made.append(f"CREATE TABLE {table} ({', '.join((key, *columns))}) STRICT")
    return tuple(made)


def _guards() -> tuple[str, ...]:
    tables = ("entry", *DETAIL_TABLES, "anchor")
    return tuple(sql for table in tables for sql in guards_of(table).values())


#: Every step of the journal's schema so far.
MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "the order journal",
        (*_SPINE, *_tables(), *_INDEXES, _ORDER_HISTORY, *_guards()),
    ),
    Migration(
        2,
        "fewer pages for each entry",
        (
            "DROP INDEX entry_by_time",
            # The number of an entry stands behind what an index is made of, anyway.
            "DROP INDEX entry_by_story",
            "CREATE INDEX entry_by_story ON entry (correlation_id)",
            # People ask for a permanent id seldom, and can wait for a look at all orders' words.
            "DROP INDEX order_event_by_perm_id",
            """
            CREATE TABLE mark (
                seq INTEGER PRIMARY KEY NOT NULL REFERENCES entry (seq),
                latest TEXT NOT NULL
            ) STRICT
            """,
            """
            INSERT INTO mark SELECT seq, latest FROM (
                SELECT seq, max(time) OVER (ORDER BY seq) AS latest FROM entry
            ) WHERE seq % 1000 = 0
            """,
            *guards_of("mark").values(),
        ),
    ),
)
