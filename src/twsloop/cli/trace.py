"""``twsloop trace ORDER``: the story of one order, out of the journal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from twsloop.errors import OrderError

from .exits import Exit, with_exits
from .journal_options import file_option, opened
from .journal_rows import ORDER_COLUMNS, order_row
from .journal_shapes import LATENCIES, MOMENT, TRACED
from .output import Output, cell
from .root import Run
from .shapes import prints

if TYPE_CHECKING:
    import sqlite3

    from twsloop.storage.timeline import Moment, Story

__all__ = ["span_words", "trace"]

#: From so many seconds on a span is told in minutes.
LONG = 999.5
MOMENTS_SHOWN = ("time", "took", "hop", "what")


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop trace 17                       by its order id
  twsloop trace 17 --client 3 --all      every order that had this id
  twsloop trace 1847362910               by its permanent id
  twsloop trace meanrev                  by your reference, or by our token
  twsloop trace 17 --json | jq -r .text
""",
        Exit.DONE,
        Exit.USAGE,
        Exit.CONFIG,
        Exit.ORDER,
        Exit.STORAGE,
    ),
)
@click.argument("order")
@click.option("--client", "client_id", type=int, help="The client id that placed it.")
@click.option("--all", "everything", is_flag=True, help="All orders that match; else the newest.")
@file_option
@prints(TRACED, MOMENT, LATENCIES)
@click.pass_obj
def trace(run: Run, order: str, client_id: int | None, everything: bool, file: Path | None) -> None:
    """Tell the story of one order: call, verdict, intent, frame, answers, fills, commissions.

    It is read from the journal, and needs no gateway. Times are UTC, by this machine's clock;
    "took" is since the line before.
    """
    out = run.output()
    with opened(run, file) as journal:
        found = _find(journal, order, client_id)
        if not found:
            whose = "" if client_id is None else f" of client id {client_id}"
            msg = f"the journal knows no order {order}{whose}"
            raise OrderError(f"{msg}: no order id, permanent id, reference or token is {order!r}")
    for story in found if everything else found[-1:]:
        _tell(out, story)
    if len(found) > 1 and not everything and out.form == "table":
        click.echo(f"({len(found)} orders match, this is the newest; --all tells all)", err=True)


def _find(journal: sqlite3.Connection, order: str, client_id: int | None) -> list[Story]:
    """The orders that are meant, by the first kind of name that fits one."""
    from twsloop.storage.queries import Wanted, order_stories  # noqa: PLC0415

    names: list[dict[str, Any]] = [{"token": order}, {"tag": order}]
    if order.isdecimal() and order.isascii() and len(order) < len(str(2**63)):
        names = [{"order_id": int(order)}, {"perm_id": int(order)}, *names]
    for name in names:
        wanted = Wanted(client_id=client_id, **name)
        found = order_stories(journal, wanted)
        if found:
            return found
    return []


def _tell(out: Output, story: Story) -> None:
    row = order_row(story.order)
    title = _title(row)
    fields = {column: row.get(column) for column in ORDER_COLUMNS}
    out.event("order", f"{title}\n", **fields)
    if out.form == "json":
        for moment in story.moments:
            out.event("moment", hop=moment.hop, text=moment.text, time=moment.time,
                      took=moment.took, since=moment.since, seq=moment.seq)  # fmt: skip
    else:
        rows = [_moment_row(moment) for moment in story.moments]
        out.rows("moment", MOMENTS_SHOWN, rows, important=("what", "time", "hop"))
    latencies = story.latencies
    words = ", ".join(f"{name} {span_words(took)}" for name, took in latencies.items())
    out.event("latencies", words and f"{words}\n", **latencies)


def _title(row: dict[str, Any]) -> str:
    perm = f", permanent id {row['perm_id']}" if row["perm_id"] else ""
    day = f"{row['created_at']:%Y-%m-%d} UTC"
    terms = (
        *(row["action"], cell(row["quantity"]), row["symbol"], row["order_type"]),
        *(cell(row["limit_price"]), cell(row["stop_price"]), row["tif"]),
    )
    parts = [" ".join(str(term) for term in terms if term), row["state"]]
    if row["filled"]:
        price = f" at {cell(row['average'])}" if row["average"] is not None else ""
        parts.append(f"{cell(row['filled'])} filled{price}")
    if row["commission"] is not None:
        parts.append(f"commission {cell(row['commission'])}")
    if row["reason"]:
        parts.append(row["reason"])
    which = f"order {row['order_id']} of client {row['client_id']}{perm}, {day}"
    return f"{which}: {', '.join(part for part in parts if part)}"


def _moment_row(moment: Moment) -> dict[str, str]:
    return {
        "time": f"{moment.time:%H:%M:%S.%f}",
        "took": "" if moment.took is None else span_words(moment.took),
        "hop": moment.hop,
        "what": moment.text,
    }


def span_words(seconds: float) -> str:
    """A span of time with three digits: ``150 us``, ``1.52 ms``, ``40.1 s``, ``42:00``."""
    sign, size = "-" if seconds < 0 else "", abs(seconds)
    if size < 0.001:
        return f"{sign}{size * 1e6:.0f} us"
    if round(size, 3) < 1:
        return f"{sign}{size * 1e3:.3g} ms"
    if size < LONG:
        return f"{sign}{size:.3g} s"
    minutes, rest = divmod(round(size), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours}:{minutes:02}:{rest:02}" if hours else f"{sign}{minutes}:{rest:02}"
