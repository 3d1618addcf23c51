"""Which journal, and which of its rows: what the commands that read it have in common."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from twsloop.clock import SystemClock
from twsloop.errors import StorageError

from .history import When
from .root import Run, json_option, output_option

if TYPE_CHECKING:
    import sqlite3

__all__ = ["SHOWN", "Moment", "file_option", "filter_options", "journal_file", "opened"]

F = TypeVar("F", bound=Callable[..., Any])

#: So many rows a table shows unless --limit says otherwise; scripts get all.
SHOWN = 50

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


class _Status(click.ParamType[str]):
    """IB's word for an order's status, or ours; in any case of letters."""

    name = "status"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Read it."""
        from twsloop.orders.state import OrderStatus  # noqa: PLC0415  (not for --help)

        spelt = {status.casefold(): str(status) for status in OrderStatus}
        word = str(value).strip().casefold()
        if word not in spelt:
            close = difflib.get_close_matches(word, spelt, n=1, cutoff=0.6)
            hint = f" Did you mean {spelt[close[0]]!r}?" if close else ""
            known = ", ".join(spelt.values())
            self.fail(f"There is no status {value!r}.{hint} There are: {known}.", param, ctx)
        return spelt[word]


def file_option(function: F) -> F:
    """``--file``: another journal than that of the settings."""
    return click.option(
        "--file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read this journal, or copy of one.  [default: [journal] file]",
    )(function)


def filter_options(function: F) -> F:
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
            click.option("--status", type=_Status(), help="Orders with this status."),
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
            json_option,
            click.pass_obj,
        )
    ):
        function = option(function)
    return function


def journal_file(run: Run, file: Path | None) -> Path:
    """The journal that is meant, which is there.

    Raises:
        StorageError: It is not.
    """
    path = run.config().journal.file if file is None else file
    if not path.exists():
        remedy = "the first program that connects makes it" if file is None else "name a journal"
        raise StorageError("there is no journal", path=str(path), remedy=remedy)
    return path


@contextmanager
def opened(run: Run, file: Path | None) -> Iterator[sqlite3.Connection]:
    """The journal, to be read."""
    from twsloop.storage.reading import reading  # noqa: PLC0415  (not for --help)

    with reading(journal_file(run, file)) as connection:
        yield connection
