"""``twsloop schema``: what the lines of ``--json`` look like, as a JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from .exits import Exit, with_exits
from .root import cli
from .shapes import COMPLAINT, DIALECT, VERSION, Line, lines_of, prints, schema_of, walk

__all__ = ["documented", "schema"]


def documented() -> Iterator[tuple[str, tuple[Line, ...]]]:
    """Every command that prints lines, by the words that call it, and those lines."""
    for path, command in walk(cli):
        lines = lines_of(command)
        if lines:
            yield " ".join(path), lines


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop schema positions                   one command's lines
  twsloop schema subscriptions list
  twsloop schema > twsloop.schema.json       all of them
""",
        Exit.DONE,
        Exit.USAGE,
    )
)
@click.argument("command", nargs=-1)
@prints()
def schema(command: tuple[str, ...]) -> None:
    """Print the JSON Schema of COMMAND's lines, or of all lines that --json prints.

    Its version counts up when a line loses a field, or when a field changes what it means. New
    lines and new fields may come at any time: ignore those that you do not know.
    """
    known = dict(documented())
    name = " ".join(command)
    if not name:
        found = _whole(known)
    elif name in known:
        found = _head(name) | schema_of(known[name])
    else:
        click.get_current_context().fail(
            f"{name!r} is no command that prints lines; those are: {', '.join(known)}"
        )
    click.echo(json.dumps(found, indent=2))


def _head(name: str = "") -> dict[str, Any]:
    of = f":{name.replace(' ', ':')}" if name else ""
    return {"$schema": DIALECT, "$id": f"urn:twsloop:lines:{VERSION}{of}"}


def _whole(known: dict[str, tuple[Line, ...]]) -> dict[str, Any]:
    """Any line of any command; those of one are ``$defs/COMMAND``, each kind is there once."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    parts: dict[str, Any] = {"error": COMPLAINT.schema()}
    for name, lines in known.items():
        parts[name] = {"anyOf": [_reference(one, kinds) for one in lines]}
    refs = [{"$ref": f"#/$defs/{name.replace(' ', '%20')}"} for name in parts]
    shapes = {
        _name_of(event, number): shape
        for event, shapes in kinds.items()
        for number, shape in enumerate(shapes)
    }
    return {**_head(), "anyOf": refs, "$defs": {**parts, **shapes}}


def _reference(one: Line, kinds: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Where a line's shape stands; it is put there if it is new."""
    shape, known = one.schema(), kinds.setdefault(one.event, [])
    if shape not in known:
        known.append(shape)
    return {"$ref": f"#/$defs/{_name_of(one.event, known.index(shape))}"}


def _name_of(event: str, number: int) -> str:
    """The name of a shape: lines of one event may have several."""
    return f"line:{event}" if not number else f"line:{event}:{number + 1}"
