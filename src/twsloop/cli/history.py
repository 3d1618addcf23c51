"""``twsloop history``: bars and ticks of the past, of any span, printed or written to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import attrs
import click
from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import StorageError
from twsloop.wire.times import find_zone

from .connect import connected
from .exits import Exit, ForeignError
from .fields import decimal, flag, moment, text, whole
from .output import Output
from .root import Run, output_option
from .shapes import line, prints
from .showing import shown_by, shows_option

if TYPE_CHECKING:
    from twsloop.history.checks import Finding
    from twsloop.history.progress import Progress
    from twsloop.history.series import BarSeries, TickSeries

__all__ = ["When", "history"]

BAR = line(
    "bar",
    "One bar; a field that no bar of the answer has is left out of all of them.",
    time=text("when it begins, in ISO 8601; of a bar of a day or more its day"),
    open=decimal("first price"),
    high=decimal("highest price"),
    low=decimal("lowest price"),
    close=decimal("last price"),
    volume=decimal("how much was traded", null=True, missing=True),
    average=decimal("the average price, weighted by volume", null=True, missing=True),
    count=whole("how many trades", null=True, missing=True),
)
TICK = line(
    "tick",
    "One trade, quote or midpoint (--what); a field that none of them has is left out.",
    time=moment("the second in which it was"),
    price=decimal("of a trade or a midpoint", missing=True),
    size=decimal("of a trade", null=True, missing=True),
    exchange=text("where a trade was made", missing=True),
    conditions=text("IB's codes of what was special about a trade", missing=True),
    past_limit=flag("a trade beyond the day's price limits", missing=True),
    unreported=flag("a trade that does not count for the tape", missing=True),
    bid=decimal("of a quote", null=True, missing=True),
    ask=decimal("of a quote", null=True, missing=True),
    bid_size=decimal("of a quote", null=True, missing=True),
    ask_size=decimal("of a quote", null=True, missing=True),
    bid_past_low=flag("a bid below the day's low", missing=True),
    ask_past_high=flag("an offer above the day's high", missing=True),
)

#: What the files of ``--out`` are, by their ending.
FORMS = {".csv": "csv", ".json": "json", ".jsonl": "json"}
#: So many findings are told in full; of the others only how many there are.
MOST_FINDINGS = 20
#: A shorter wait is not worth a line where there is no terminal, seconds.
SHORT_WAIT = 5.0


class When(click.ParamType[date | datetime]):
    """A day, or a time with its zone: ``2026-01-05``, ``2026-01-05 09:30 US/Eastern``."""

    name = "time"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> date | datetime:
        """Read it."""
        if isinstance(value, date):
            return value
        text = str(value).strip()
        try:
            return date.fromisoformat(text)
        except ValueError:
            pass  # then it is a time
        moment, _, zone = text.rpartition(" ")
        place = find_zone(zone) if moment else None
        try:
            found = datetime.fromisoformat(moment if place is not None else text)
        except ValueError:
            self.fail(
                f"{text!r} is no day and no time: write 2026-01-05, 2026-01-05T14:30Z, or "
                "'2026-01-05 09:30 US/Eastern'.",
                param,
                ctx,
            )
        if place is not None:
            return found.replace(tzinfo=place)
        if found.tzinfo is None:
            self.fail(
                f"{text!r} has no time zone: write {text}Z for UTC, or '{text} US/Eastern'.",
                param,
                ctx,
            )
        return found


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop history AAPL --from 2026-01-05 --to 2026-01-09 --bar "1 min"
  twsloop history SPY --last "2 years" --bar "1 day" --csv > spy.csv
  twsloop history EUR.USD --last "6 hours" --bar "30 secs" --out eurusd.json
  twsloop history AAPL --last "10 mins" --ticks --out ticks.csv
"""
)
@click.argument("symbol")
@click.option("--from", "start", type=When(), help="The first day, or a time with its zone.")
@click.option("--to", "end", type=When(), help="The last day, or a time; now unless given.")
@click.option("--last", "duration", help="In place of --from: so long back (5 days, 3 M, 2 Y).")
@click.option("--bar", "bar_size", default="1 min", show_default=True, help="The bars' size.")
@click.option("--ticks", is_flag=True, help="Single ticks in place of bars.")
@shows_option
@click.option("--all-hours", is_flag=True, help="Also outside regular trading hours.")
@click.option("--check", is_flag=True, help="Compare the bars with the exchange's schedule, too.")
@click.option("--refresh", is_flag=True, help="Fetch all of it, whatever is kept.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV (as with --output csv).")
@click.option(
    "--out",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write to this file; its ending says how: .csv, .json.",
)
@output_option
@prints(BAR, TICK)
@click.pass_obj
def history(
    run: Run,
    symbol: str,
    start: date | datetime | None,
    end: date | datetime | None,
    duration: str | None,
    bar_size: str,
    ticks: bool,
    what: str | None,
    all_hours: bool,
    check: bool,
    refresh: bool,
    as_csv: bool,
    file: Path | None,
    form: str | None,
) -> None:
    """Fetch bars or ticks of the past, of any span.

    What was fetched once is kept, and not fetched again. What is odd about it (missing bars, bars
    that cannot be) is told on the standard error output, and never repaired.
    """
    if start is None and duration is None:
        raise click.UsageError("Say from when: --from, or --last.")
    if start is not None and duration is not None:
        raise click.UsageError("--from or --last: not both.")
    if as_csv and run.as_json:
        raise click.UsageError("--csv or --json: not both.")
    if ticks and check:
        raise click.UsageError("--check is for bars; ticks have no schedule.")
    wanted = to_contract(symbol)  # a typo is told before anything is connected
    form = form or ("csv" if as_csv else None)
    if file is not None and form is None:
        form = FORMS.get(file.suffix.lower()) or ("json" if run.as_json else None)
        if form is None:
            raise click.UsageError(f"--out {file}: end its name with .csv or .json.")
    if file is not None:
        _see_that_it_can_be_written(file)
    asked: dict[str, Any] = {"start": start, "end": end, "duration": duration}
    asked["what"] = what or shown_by(wanted)
    asked |= {"rth": not all_hours, "refresh": refresh}
    with _told_if_stopped():
        with connected(run) as gateway, _progress_bar(symbol) as on_progress:
            found: BarSeries | TickSeries
            if ticks:
                found = gateway.history.ticks(wanted, on_progress=on_progress, **asked).result()
            else:
                found = gateway.history.bars(
                    wanted, bar_size=bar_size, check=check, on_progress=on_progress, **asked
                ).result()
        with _stream(file) as stream:
            out = run.output(form) if stream is None else Output(form or "csv", stream)
            _print(out, (TICK if ticks else BAR).event, found)
    if not found:
        more = "" if all_hours else "; --all-hours looks outside regular trading hours, too"
        click.echo(f"{symbol}: IB has nothing in that span{more}", err=True)
    _tell(found.findings)


def _see_that_it_can_be_written(file: Path) -> None:
    """Before anything is fetched; the file stays as it is until there is something for it."""
    folder = file.absolute().parent
    if not folder.is_dir():
        raise click.UsageError(f"--out {file}: there is no folder {folder}.")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise click.UsageError(f"--out {file}: it may not be written.")


@contextmanager
def _told_if_stopped() -> Iterator[None]:
    """A command that was stopped has not done its work: who calls it shall not take it for done."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise ForeignError(
            stop,
            Exit.FAILED,
            "stopped before all of it was fetched and printed",
            "What was fetched is kept, if [history] store says so: the same command goes on.",
        ) from None


@contextmanager
def _stream(file: Path | None) -> Iterator[TextIO | None]:
    if file is None:
        yield None
        return
    try:
        with file.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise StorageError(f"{file}: {error.strerror}") from None


def _print(out: Output, name: str, found: BarSeries | TickSeries) -> None:
    """The rows: of days their day, else the time; a column that nothing has is left out."""
    rows = [attrs.asdict(row, recurse=False) for row in found]
    for row in rows:
        day = row.pop("day", None)
        row["time"] = day.isoformat() if day is not None else _time(row["time"], out.form)
    empty = {
        column for column in (rows[0] if rows else ()) if all(row[column] is None for row in rows)
    }
    columns = tuple(column for column in (rows[0] if rows else ("time",)) if column not in empty)
    out.rows(name, columns, rows)


def _time(moment: datetime, form: str) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if form == "table" else moment.isoformat()


def _tell(findings: tuple[Finding, ...]) -> None:
    for finding in findings[:MOST_FINDINGS]:
        click.echo(f"{finding}", err=True)
    if len(findings) > MOST_FINDINGS:
        click.echo(f"and {len(findings) - MOST_FINDINGS} more findings", err=True)


@contextmanager
def _progress_bar(symbol: str) -> Iterator[Callable[[Progress], None]]:
    """A bar on a terminal: how far it is, how long it takes, and why it waits; else the last."""
    if not sys.stderr.isatty():
        yield _tell_of_waits
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[rows]} rows"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[waiting]}"),
    )
    with ProgressBar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(symbol, total=None, rows=0, waiting="")

        def show(progress: Progress) -> None:
            bar.update(
                task,
                total=progress.total,
                completed=progress.done,
                rows=progress.rows,
                waiting=_why_it_waits(progress),
            )

        yield show


def _why_it_waits(progress: Progress) -> str:
    return f"waits {progress.wait:.0f} s: {progress.waiting}" if progress.waiting else ""


def _tell_of_waits(progress: Progress) -> None:
    if progress.wait >= SHORT_WAIT:
        click.echo(_why_it_waits(progress), err=True)
