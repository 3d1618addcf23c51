"""One thing with many facts, for people: a name and a value a line, wrapped at words."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

from .output import Output, cell

__all__ = ["fitting", "print_card", "readable"]

#: Where the values begin, characters.
INDENT = 20
#: No narrower are they wrapped, whatever the terminal says.
LEAST = 20


def fitting(columns: Mapping[str, int], width: int) -> tuple[str, ...]:
    """The columns that a terminal has room for.

    Args:
        columns: Each column, with how wide the terminal must be for it, characters.
        width: How wide it is.
    """
    return tuple(name for name, least in columns.items() if width >= least)


def readable(value: Any) -> Any:
    """A list as people and tables read it: its words; anything else as it is."""
    if isinstance(value, Iterable) and not isinstance(value, (str, Mapping)):
        return " ".join(cell(one) for one in value)
    return value


def print_card(out: Output, facts: Mapping[str, Any]) -> None:
    """Print a line a fact; what is None, or empty, is left out.

    Args:
        out: Where to; it has the form of a table.
        facts: By their names.
    """
    for name, value in facts.items():
        words = cell(readable(value))
        if words:
            out.event("", _line(name.replace("_", " "), words, out.console.width))


def _line(name: str, words: str, width: int) -> str:
    return "\n".join(
        textwrap.wrap(
            words,
            max(width, INDENT + LEAST),
            initial_indent=f"{name:<{INDENT}}",
            subsequent_indent=" " * INDENT,
            break_on_hyphens=False,
        )
    )
