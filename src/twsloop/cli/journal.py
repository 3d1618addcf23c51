"""``twsloop journal``: what the order journal knows, also while a program writes it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from twsloop.clock import SystemClock
from twsloop.errors import StorageError

from .exits import Exit, with_exits
from .history import When
from .output import cell
from .root import Run, SuggestingGroup, output_option

if TYPE_CHECKING:
    import sqlite3

    from twsloop.events import Fill
    from twsloop.storage.order_state import OrderState
    from twsloop.storage.queries import OrderHistoryRow, PaidFill, Wanted
    from twsloop.storage.rows import Entry

__all__ = ["file_option", "journal", "opened", "order_row"]

F = TypeVar("F", bound=Callable[..., Any])

#: So many rows a table shows unless --limit says otherwise; scripts get all.
SHOWN = 50

ORDER_COLUMNS = (
    *("order_id", "client_id", "perm_id", "account", "symbol", "action", "order_type"),
    *("quantity", "filled", "remaining", "average_price", "limit_price", "stop_price", "tif"),
    *("status", "ib_status", "uncertain", "reason", "error_code", "commission", "realized_pnl"),
    *("parent_id", "tag", "token", "origin", "purpose", "revision", "epoch"),
    *("created_at", "sent_at", "answered_at", "ended_at", "updated_at"),
)
ORDERS_SHOWN = (*("when", "id", "client", "symbol", "order", "state", "filled", "average", "tag"),)
FILL_COLUMNS = (
    *("time", "order_id", "client_id", "perm_id", "account", "symbol", "side", "shares", "price"),
    *("exchange", "exec_id", "corrects", "commission", "commission_currency", "realized_pnl"),
    *("tag", "order_status"),
)
FILLS_SHOWN = (
    *("when", "id", "client", "symbol", "side", "shares", "price", "exchange", "cost", "pnl"),
    "tag",
)
EVENTS_SHOWN = ("when", "id", "client", "kind", "source", "status", "filled", "reason")
ENTRY_COLUMNS = ("seq", "time", "kind", "epoch", "correlation_id", "text", "hash")
ENTRIES_SHOWN = ("seq", "when", "kind", "correlation_id", "text")

_AGO = re.compile(r"(\d+)\s*(s|m|min|h|d|w)")
_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}


class Moment(When):
    """A time, a day (of UTC), or how long ago.

    Args:
        end: A day is meant with all of its hours.
    """

    def __init__(self, *, end: bool = False) -> None:
        self._end = end

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it."""
        ago = _AGO.fullmatch(str(value).strip())
        if ago is not None:
            try:
                return SystemClock().now() - int(ago[1]) * _UNITS[ago[2]]
            except OverflowError:
                self.fail(f"{value!r} is before all times.", param, ctx)
        found: date | datetime = super().convert(value, param, ctx)
        if isinstance(found, datetime):
            return found
        midnight = datetime(found.year, found.month, found.day, tzinfo=UTC)
        return midnight + timedelta(days=1) if self._end else midnight


def file_option(function: F) -> F:
    """``--file``: another journal than that of the settings."""
    return click.option(
        "--file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read this journal, or copy of one.  [default: [journal] file]",
    )(function)


def _filters(function: F) -> F:
    """What the commands that list rows have in common."""
    for option in reversed(
        (
            click.option("--since", type=Moment(), help="From then on: 2h, 2026-01-05, a time."),
            click.option("--until", type=Moment(end=True), help="Before then; a day as a whole."),
            click.option("--symbol", help="The contract in short, or the beginning of its words."),
            click.option("--client", "client_id", type=int, help="Orders of this client id."),
            click.option("--order", "order_id", type=int, help="The order with this id."),
            click.option("--perm-id", type=int, help="The order with this permanent id."),
            click.option("--tag", help="Orders with this reference of yours."),
            click.option("--status", help="Orders with this status."),
            click.option(
                "--limit",
                type=click.IntRange(0),
                help=f"The newest so many; 0 for all.  [default: {SHOWN} in a table, else all]",
            ),
            click.option(
                "--offset", type=click.IntRange(0), default=0, help="Leave out so many of these."
            ),
            file_option,
            output_option,
            click.pass_obj,
        )
    ):
        function = option(function)
    return function


@contextmanager
def opened(run: Run, file: Path | None) -> Iterator[sqlite3.Connection]:
    """The journal, to be read."""
    from twsloop.storage.reading import reading  # noqa: PLC0415  (not for --help)

    path = run.config().journal.file if file is None else file
    if not path.exists():
        remedy = "the first program that connects makes it" if file is None else "name a journal"
        raise StorageError("there is no journal", path=str(path), remedy=remedy)
    with reading(path) as connection:
        yield connection


@click.group(
    cls=SuggestingGroup,
    epilog=with_exits(
        """\b
Examples:
  twsloop journal orders --since 1d
  twsloop journal fills --symbol AAPL --output csv
  twsloop journal audit --kind RiskVerdict --limit 20
  twsloop journal verify
  twsloop journal export > journal.jsonl
""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.STORAGE,
    ),
)
def journal() -> None:
    """What the order journal knows: orders, executions, decisions.

    It needs no gateway, and disturbs no program that writes the journal meanwhile. Times are UTC.
    """


class _Listing:
    """One list of rows: the page that is asked for, and a word if there is more."""

    def __init__(self, run: Run, form: str | None, filters: dict[str, Any]) -> None:
        self._run, self.out = run, run.output(form)
        self.file: Path | None = filters.pop("file")
        limit = filters.pop("limit")
        self._limit = (SHOWN if self.out.form == "table" else 0) if limit is None else limit
        self._filters = filters

    def wanted(self, **more: Any) -> Wanted:
        """What to ask for: one row more than is shown."""
        from twsloop.storage.queries import Wanted  # noqa: PLC0415

        return Wanted(**self._filters, **more, limit=self._limit + 1 if self._limit else None)

    def show(
        self,
        name: str,
        columns: tuple[str, ...],
        rows: list[dict[str, Any]],
        shown: tuple[str, ...],
    ) -> None:
        """Print them, the newest so many."""
        more = bool(self._limit) and len(rows) > self._limit
        rows = rows[-self._limit :] if more else rows
        self.out.rows(name, columns, rows, shown=shown)
        if more and self.out.form == "table":
            click.echo(f"(the newest {self._limit}; --limit 0 shows all)", err=True)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal orders
  twsloop journal orders --open
  twsloop --json journal orders --tag meanrev --since 2026-01-05
"""
)
@click.option("--open", "working", is_flag=True, help="Only those that may still be working.")
@_filters
def orders(run: Run, working: bool, form: str | None, **filters: Any) -> None:
    """Orders as they stand, as far as the journal knows.

    UNCERTAIN are also those that were about to leave when the program ended: what became of them
    the gateway knows.
    """
    from twsloop.storage.queries import query_orders  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    wanted = listing.wanted()
    with opened(run, listing.file) as connection:
        found = query_orders(
            connection, attrs.evolve(wanted, limit=None, offset=0) if working else wanted
        )
    if working:
        found = wanted.page([order for order in found if order.may_be_working])
    listing.show("journal_order", ORDER_COLUMNS, [order_row(one) for one in found], ORDERS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal fills --since 1d
  twsloop journal fills --symbol AAPL --output csv > fills.csv
"""
)
@_filters
def fills(run: Run, form: str | None, **filters: Any) -> None:
    """Executions, each in its latest version, with what it cost."""
    from twsloop.storage.queries import query_fills  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    with opened(run, listing.file) as connection:
        found = query_fills(connection, listing.wanted())
    listing.show("journal_fill", FILL_COLUMNS, [_fill_row(one) for one in found], FILLS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal events --order 17
  twsloop journal events --kind OrderIntent --since 2h
"""
)
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be given several times.")
@_filters
def events(run: Run, kinds: tuple[str, ...], form: str | None, **filters: Any) -> None:
    """What happened to orders, row by row: the view order_history.

    `twsloop trace ORDER` tells the story of one.
    """
    from twsloop.storage.queries import OrderHistoryRow, query_order_history  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    wanted = listing.wanted(kinds=_known(kinds))
    with opened(run, listing.file) as connection:
        found = query_order_history(connection, wanted)
    # A JSON line has an event of its own.
    names = [field.name for field in attrs.fields(OrderHistoryRow)]
    columns = tuple("kind" if name == "event" else name for name in names)
    listing.show("journal_event", columns, [_event_row(one) for one in found], EVENTS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal audit --since 1d
  twsloop journal audit --kind KillSwitchChanged --kind RiskLimitChanged
  twsloop --json journal audit --kind RiskVerdict | jq .fact
"""
)
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be given several times.")
@_filters
def audit(run: Run, kinds: tuple[str, ...], form: str | None, **filters: Any) -> None:
    """What was decided, and what went wrong: intents, verdicts, limits, sessions, notices.

    Without --kind it leaves out what happens to orders in masses (`twsloop journal events`).
    """
    from twsloop.storage.queries import query_audit_log  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    wanted = listing.wanted(kinds=_known(kinds))
    with opened(run, listing.file) as connection:
        found = query_audit_log(connection, wanted)
    columns = (*ENTRY_COLUMNS, "fact") if listing.out.form == "json" else ENTRY_COLUMNS
    listing.show("journal_entry", columns, [_entry_row(one) for one in found], ENTRIES_SHOWN)


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of facts as they are spelt; what is none is told before the file is read."""
    from twsloop.events.records import FACTS  # noqa: PLC0415

    spelt = {name.casefold(): name for name in FACTS}
    unknown = [kind for kind in kinds if kind.casefold() not in spelt]
    if unknown:
        msg = f"There is no kind {unknown[0]!r}. There are: {', '.join(sorted(FACTS))}."
        raise click.UsageError(msg)
    return tuple(spelt[kind.casefold()] for kind in kinds)


# ---- the whole file ----------------------------------------------------------------------
@journal.command(
    epilog="""\b
Examples:
  twsloop journal export journal.jsonl
  twsloop journal export | gzip > journal.jsonl.gz
"""
)
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False), required=False)
@click.option("--force", is_flag=True, help="Write over a file that is there already.")
@file_option
@click.pass_obj
def export(run: Run, target: Path | None, force: bool, file: Path | None) -> None:
    """Write all of it as JSON lines, with the hashes; `journal import` makes a journal of them.

    Without TARGET the lines are printed. TARGET can be read by its owner alone.
    """
    from twsloop.storage.jsonl import export_lines  # noqa: PLC0415

    if target is not None and not force and target.exists():
        raise StorageError(
            "the file is there already", path=str(target), remedy="--force writes over it"
        )
    with opened(run, file) as connection:
        if target is None:
            for line in export_lines(connection):
                sys.stdout.write(line)
            return
        try:
            target.touch(mode=0o600)
            target.chmod(0o600)
            with target.open("w", encoding="utf-8") as stream:
                stream.writelines(export_lines(connection))
        except OSError as error:
            reason = error.strerror or str(error)
            raise StorageError(f"it cannot be written: {reason}", path=str(target)) from error
    run.output().event("exported", f"exported to {target}", file=target)


@journal.command(
    name="import",
    epilog="""\b
Examples:
  twsloop journal import journal.jsonl copy.db
  gunzip -c journal.jsonl.gz | twsloop journal import - copy.db
""",
)
@click.argument("source", type=click.Path(path_type=Path, allow_dash=True, dir_okay=False))
@click.argument("target", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def import_(run: Run, source: Path, target: Path) -> None:
    """Make the journal TARGET out of the lines of SOURCE; - is the standard input.

    TARGET is new, or has no entries. Lines that were changed, cut off or left out are found by
    their hashes, and nothing is taken of them.
    """
    from twsloop.storage.jsonl import import_lines  # noqa: PLC0415

    try:
        with click.open_file(str(source), encoding="utf-8") as stream:
            count = asyncio.run(import_lines(stream, target, source=str(source)))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StorageError(f"it cannot be read: {reason}", path=str(source)) from error
    words = f"imported {count} entries into {target}"
    run.output().event("imported", words, file=target, entries=count)


# ---- rows --------------------------------------------------------------------------------
def order_row(order: OrderState) -> dict[str, Any]:
    """An order as a row: its fields, IB's terms, and what people see."""
    from twsloop.storage.words import order_words  # noqa: PLC0415

    row = {name: getattr(order, name, None) for name in ORDER_COLUMNS}
    terms, average = order.order, order.average_price
    return (
        row
        | _ids(order)
        | {
            "action": terms.get("action"),
            "order_type": terms.get("orderType"),
            "limit_price": _decimal(terms.get("lmtPrice")),
            "stop_price": _decimal(terms.get("auxPrice")),
            "tif": terms.get("tif"),
            "when": _when(order.created_at),
            "order": order_words(terms),
            "state": "UNCERTAIN" if order.uncertain else order.status,
            "average": None if average is None else round(average, 6).normalize(),
        }
    )


def _fill_row(one: PaidFill) -> dict[str, Any]:
    fill, paid = one.fill, one.commission
    row = {name: getattr(fill, name, None) for name in FILL_COLUMNS}
    time = fill.executed_at or fill.time
    cost = f"{cell(paid.commission)} {paid.currency}" if paid else None
    pnl = paid.realized_pnl if paid else None
    return (
        row
        | _ids(fill)
        | {
            "time": time,
            "cost": cost,
            "pnl": pnl,
            "when": _when(time),
            "commission": paid.commission if paid else None,
            "commission_currency": paid.currency if paid else None,
            "realized_pnl": pnl,
            "order_status": one.order.status if one.order else None,
        }
    )


def _event_row(row: OrderHistoryRow) -> dict[str, Any]:
    return {**attrs.asdict(row), **_ids(row), "kind": row.event, "when": _when(row.time)}


def _entry_row(entry: Entry) -> dict[str, Any]:
    from twsloop.events import to_record  # noqa: PLC0415
    from twsloop.storage.queries import fact_of  # noqa: PLC0415
    from twsloop.storage.words import words_of  # noqa: PLC0415

    fact = fact_of(entry)
    row = {name: getattr(entry, name, None) for name in ENTRY_COLUMNS}
    return row | {"text": words_of(fact), "fact": to_record(fact), "when": _when(fact.time)}


def _ids(row: OrderState | Fill | OrderHistoryRow) -> dict[str, int]:
    """The ids under names that leave room for the other columns."""
    return {"id": row.order_id, "client": row.client_id}


def _when(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _decimal(value: Any) -> Decimal | None:
    """A price of IB's Order; 0 is none."""
    return Decimal(str(value)) if value else None
