"""The page of all requests, from the paper gateway's own tables and its handlers' words."""

from __future__ import annotations

import inspect
from typing import Any

from twsloop.paper.requests.answers import ANSWERS, ANY_REQUEST, Answer
from twsloop.paper.requests.other import Refused
from twsloop.paper.requests.table import HANDLERS
from twsloop.wire.messages import OUTBOUND

__all__ = ["requests_table"]


def requests_table() -> str:
    """One row for each request of IB's client."""
    lines = [
        "| number | request | since | protobuf since | how | what happens | told | codes |",
        "|--:|---|--:|--:|---|---|---|---|",
    ]
    for number, kind in sorted(OUTBOUND.items()):
        row = ANSWERS[kind.name]
        since = "always" if kind.since <= 100 else str(kind.since)
        protobuf = "never" if kind.protobuf_since is None else str(kind.protobuf_since)
        cells = (
            str(number),
            f"`{kind.name}`",
            since,
            protobuf,
            row.kind,
            _words(HANDLERS[number], row),
            ", ".join(f"`{name}`" for name in row.tells),
            _codes(row, HANDLERS[number]),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _words(handler: Any, row: Answer) -> str:
    """The first paragraph of what the handler says of itself, and when nothing follows."""
    if isinstance(handler, Refused):
        text = f'Error {handler.code}: "{handler.text}".'
    else:
        text = " ".join((inspect.getdoc(handler) or "").partition("\n\n")[0].split())
    if row.silent and "nothing is told" not in text:
        text += f" Nothing is told when {row.silent}."
    return (
        text.replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("*", "\\*")
        .replace("_", "\\_")
        .replace("``", "`")
    )


def _codes(row: Answer, handler: Any) -> str:
    if row.any_error:
        return "those of orders"
    codes = {*row.errors, *([handler.code] if isinstance(handler, Refused) else [])}
    return ", ".join(map(str, sorted(codes - set(ANY_REQUEST))))
