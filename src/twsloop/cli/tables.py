"""Values as people read them, and tables that fit.

Half a price is another price. So a table that is too wide loses columns whole, those first that
say nothing and then the least important, and names them below; texts are wrapped between their
words. Only a table that is too wide with a single column is folded within a word.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

__all__ = ["cell", "fitted", "plain", "table_of"]

#: A text of several words is given so much at least before a column is left out, characters.
PROSE = 14
#: A word of a text (a token, a path) that is longer than this may be broken, characters.
LONG = 20
#: What a column needs beside its content: a space at each side, and the line behind it.
SIDES = 3
#: How far the rest of a line that was too long is moved in.
HANGING = 4


def plain(value: Any) -> Any:
    """A value as a JSON type: decimals and times become texts, unset stays null.

    JSON has no infinite number and none that is no number: what is not known is null, too.
    """
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        return None
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def cell(value: Any) -> str:
    """A value as people read it; unset is empty."""
    if value is None or (isinstance(value, (float, Decimal)) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (float, Decimal)) and not value:
        return "0"  # no -0
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Decimal):
        return format(value.normalize() if value == value.to_integral_value() else value, "f")
    if isinstance(value, datetime):
        return value.strftime("%H:%M:%S")
    return str(plain(value))


def fitted(text: str, width: int) -> str:
    """A text whose lines are no longer than this, broken between words; the rest is moved in."""
    found: list[str] = []
    for line in text.split("\n"):
        if cell_len(line) <= width:
            found.append(line)
            continue
        start = len(line) - len(line.lstrip())
        indent = " " * (start + HANGING if start + HANGING < width // 2 else 0)
        found += textwrap.wrap(
            line,
            max(width, 1),
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(found)


def table_of(
    columns: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    *,
    title: str | None = None,
    width: int | None = None,
    important: Sequence[str] = (),
) -> RenderableType:
    """A rich table; numbers stand on the right, and what had no room is named below.

    Args:
        columns: What it shows, from left to right.
        rows: Its rows.
        title: What stands above it.
        width: How wide it may be, characters; None: as wide as it is.
        important: The columns that are left out last, the most important first; the others follow
            as they stand.
    """
    rows = list(rows)
    texts = {column: [cell(row.get(column)) for row in rows] for column in columns}
    least = {column: _least(_heading(column), texts[column]) for column in columns}
    whole = {column: _whole((_heading(column), *texts[column])) for column in columns}
    ranked = [*(c for c in important if c in least), *(c for c in columns if c not in important)]
    ranked.sort(key=lambda column: bool(rows) and not any(texts[column]))  # those that say nothing
    while width is not None and len(ranked) > 1 and _total(least, ranked) > width:
        ranked.pop()
    widths = {} if width is None else _spread(least, whole, ranked, width)
    left_out = [_heading(c) for c in columns if c not in ranked]
    table = Table(
        title=title,
        title_justify="left",
        header_style="bold",
    )
    for column in columns:
        if column in ranked:
            numeric = any(_is_number(row.get(column)) for row in rows)
            table.add_column(
                _heading(column),
                justify="right" if numeric else "left",
                overflow="fold",
                width=widths.get(column),
            )
    for number in range(len(rows)):
        # Escaped: a text with brackets in it is a text, and no command to rich.
        table.add_row(*(escape(texts[c][number]) for c in columns if c in ranked))
    if not left_out:
        return table
    return Group(table, Text(f"no room for: {', '.join(left_out)}", style="dim"))


def _heading(column: str) -> str:
    return column.replace("_", " ")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


def _least(heading: str, cells: Sequence[str]) -> int:
    """How narrow a column may be without a broken word, or a text of one word a line."""
    words = [word for one in (heading, *cells) for word in one.split()]
    longest = max((min(cell_len(word), _unbroken(word)) for word in words), default=1)
    return max(longest, min(_whole(cells), PROSE))


def _unbroken(word: str) -> int:
    """How much of a word must stand in one line: all of a number."""
    return LONG if word.strip("-.,0123456789") else cell_len(word)


def _whole(cells: Iterable[str]) -> int:
    """How wide a column is where nothing has to be wrapped."""
    return max((cell_len(line) for one in cells for line in one.split("\n")), default=0)


def _spread(
    least: Mapping[str, int], whole: Mapping[str, int], chosen: Sequence[str], width: int
) -> dict[str, int]:
    """How wide each column gets: no less than it must, and the room that is left to those in need.

    Rich would take room from the widest, whatever is in it.
    """
    room = width - _total(least, chosen)
    if room < 0:  # a single column that is too wide: rich folds it
        return {}
    found = {}
    for column in sorted(chosen, key=lambda one: whole[one] - least[one]):
        more = min(max(whole[column] - least[column], 0), room)
        found[column] = least[column] + more
        room -= more
    return found


def _total(least: Mapping[str, int], chosen: Sequence[str]) -> int:
    return sum(least[column] + SIDES for column in chosen) + 1
