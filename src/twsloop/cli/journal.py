"""``twsloop journal``: what the order journal knows, also while a program writes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from .exits import Exit, with_exits
from .journal_files import backup, export, import_, restore, verify
from .journal_options import SHOWN, filter_options, opened
from .journal_rows import (
    ENTRIES_SHOWN,
    ENTRY_COLUMNS,
    EVENTS_SHOWN,
    FILL_COLUMNS,
    FILLS_SHOWN,
    ORDER_COLUMNS,
    ORDERS_SHOWN,
    entry_row,
    event_row,
    fill_row,
    order_row,
)
from .journal_shapes import ENTRY, EVENT, FILL, ORDER
from .root import Run, SuggestingGroup
from .shapes import prints

if TYPE_CHECKING:
    from twsloop.storage.queries import Wanted

__all__ = ["journal"]

#: What a narrow terminal shows of any of the lists, the most important first.
IMPORTANT = (
    *("id", "symbol", "order", "state", "kind", "side", "shares", "price", "status", "text"),
    *("filled", "when"),
)


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
        self.out.rows(name, columns, rows, shown=shown, important=IMPORTANT)
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
@filter_options
@prints(ORDER)
def orders(run: Run, working: bool, form: str | None, **filters: Any) -> None:
    """Orders as they stand, as far as the journal knows.

    UNCERTAIN are also those that were about to leave when the program ended: what became of them
    the gateway knows.
    """
    from twsloop.storage.queries import query_orders  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    with opened(run, listing.file) as connection:
        found = query_orders(connection, listing.wanted(working=working))
    listing.show("journal_order", ORDER_COLUMNS, [order_row(one) for one in found], ORDERS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal fills --since 1d
  twsloop journal fills --symbol AAPL --output csv > fills.csv
"""
)
@filter_options
@prints(FILL)
def fills(run: Run, form: str | None, **filters: Any) -> None:
    """Executions, each in its latest version, with what it cost."""
    from twsloop.storage.queries import query_fills  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    with opened(run, listing.file) as connection:
        found = query_fills(connection, listing.wanted())
    listing.show("journal_fill", FILL_COLUMNS, [fill_row(one) for one in found], FILLS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal events --order 17
  twsloop journal events --kind OrderIntent --since 2h
"""
)
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be given several times.")
@filter_options
@prints(EVENT)
def events(run: Run, kinds: tuple[str, ...], form: str | None, **filters: Any) -> None:
    """What happened to orders, row by row.

    These are the rows of the view order_history; `twsloop trace ORDER` tells the story of one.
    """
    from twsloop.storage.queries import OrderHistoryRow, query_order_history  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    wanted = listing.wanted(kinds=_known(kinds))
    with opened(run, listing.file) as connection:
        found = query_order_history(connection, wanted)
    # A JSON line has an event of its own.
    names = [field.name for field in attrs.fields(OrderHistoryRow)]
    columns = tuple("kind" if name == "event" else name for name in names)
    listing.show("journal_event", columns, [event_row(one) for one in found], EVENTS_SHOWN)


@journal.command(
    epilog="""\b
Examples:
  twsloop journal audit --since 1d
  twsloop journal audit --kind KillSwitchChanged --kind RiskLimitChanged
  twsloop --json journal audit --kind RiskVerdict | jq .fact
"""
)
@click.option("--kind", "kinds", multiple=True, help="Only this kind; may be given several times.")
@filter_options
@prints(ENTRY)
def audit(run: Run, kinds: tuple[str, ...], form: str | None, **filters: Any) -> None:
    """What was decided, and what went wrong.

    That is intents, verdicts, limits, the kill switch, sessions, gaps, notices, settings.
    Without --kind it leaves out what happens to orders in masses (`twsloop journal events`).
    """
    from twsloop.storage.queries import query_audit_log  # noqa: PLC0415

    listing = _Listing(run, form, filters)
    wanted = listing.wanted(kinds=_known(kinds))
    with opened(run, listing.file) as connection:
        found = query_audit_log(connection, wanted)
    columns = (*ENTRY_COLUMNS, "fact") if listing.out.form == "json" else ENTRY_COLUMNS
    listing.show("journal_entry", columns, [entry_row(one) for one in found], ENTRIES_SHOWN)


def _known(kinds: tuple[str, ...]) -> tuple[str, ...]:
    """The kinds of facts as they are spelt; what is none is told before the file is read."""
    from twsloop.events.records import FACTS  # noqa: PLC0415

    spelt = {name.casefold(): name for name in FACTS}
    unknown = [kind for kind in kinds if kind.casefold() not in spelt]
    if unknown:
        msg = f"There is no kind {unknown[0]!r}. There are: {', '.join(sorted(FACTS))}."
        raise click.UsageError(msg)
    return tuple(spelt[kind.casefold()] for kind in kinds)


for _command in (verify, export, import_, restore, backup):
    journal.add_command(_command)
