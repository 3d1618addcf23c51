"""What each command prints with ``--json``: the shapes of its lines, told beside the command.

A command says which lines it prints with `prints`; what it says is its JSON Schema, a part of
``twsloop schema`` and of the documentation, and what its tests hold its real output against. ::

    POSITION = line(
        "position",
        "One position.",
        account=text("whose it is"),
        quantity=decimal("negative when short"),
    )

    @click.command()
    @prints(POSITION)
    @click.pass_obj
    def positions(run): ...
        out.rows(POSITION.event, POSITION.columns, rows)

Numbers that must not be rounded (money, sizes) are texts of digits, times are ISO 8601 with their
zone, and what is not known is null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import attrs
import click

from twsloop.events import Fact
from twsloop.events.records import FACTS

from .fact_shapes import fact_fields, summary_of
from .fields import Field, schema_of_fields, text, whole

__all__ = [
    "COMPLAINT",
    "DIALECT",
    "VERSION",
    "Line",
    "fact_lines",
    "json_option",
    "line",
    "lines_of",
    "prints",
    "schema_of",
    "walk",
]

F = TypeVar("F", bound=Callable[..., Any])

#: Counts up when a line loses a field, or a field changes what it means; new lines and new fields
#: may come at any time.
VERSION = 1
#: The dialect of the schemas.
DIALECT = "https://json-schema.org/draft/2020-12/schema"


@attrs.frozen
class Line:
    """One kind of line.

    Attributes:
        event: Its name, which each line has as ``event``.
        meaning: What it tells, a sentence.
        fields: Its other fields, in their order.
        more: What fields of other names hold, where there may be such; else None.
    """

    event: str
    meaning: str
    fields: Mapping[str, Field] = attrs.Factory(dict)
    more: Field | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of its fields."""
        return tuple(self.fields)

    def schema(self, *, strict: bool = False) -> dict[str, Any]:
        """As a JSON Schema.

        Args:
            strict: Whether a field that is not told here is an error. Programs must not ask for it:
                new fields may come at any time.
        """
        found = schema_of_fields(self.fields, strict=strict)
        found["properties"] = {"event": {"const": self.event}, **found["properties"]}
        found["required"] = ["event", *found["required"]]
        if self.more is not None:
            found["additionalProperties"] = dict(self.more.schema)
        return {"title": self.event, "description": self.meaning, **found}


def line(event: str, meaning: str, /, **fields: Field) -> Line:
    """One kind of line, its fields in their order."""
    return Line(event, meaning, fields)


#: What a command that failed prints on the standard error output.
COMPLAINT = line(
    "error",
    "The command failed; on the standard error output.",
    error=text("the kind of error, its class"),
    exit=whole("the exit code"),
    message=text("what was wrong, and what can be done"),
)


def fact_lines(*kinds: type[Fact]) -> tuple[Line, ...]:
    """The lines of facts: each kind and all that derive from it."""
    found: dict[str, Line] = {}
    for kind in kinds:
        for one in _with_children(kind):
            found.setdefault(one.__name__, Line(one.__name__, summary_of(one), fact_fields(one)))
    return tuple(found.values())


def _with_children(kind: type[Fact]) -> Iterator[type[Fact]]:
    children = [child for child in kind.__subclasses__() if _is_ours(child)]
    if not children:
        yield kind
    for child in children:
        yield from _with_children(child)


def _is_ours(kind: type[Fact]) -> bool:
    # Not the class that attrs made it of, either: that may live on, and has no fields.
    return FACTS.get(kind.__name__) is kind


def prints(*lines: Line | type[Fact]) -> Callable[[F], F]:
    """Tell which lines a command prints; stands below its ``@click.command``.

    The command takes ``--json`` behind its name, too, where one looks for it first.

    Args:
        *lines: The lines; a class of facts stands for all that derive from it.
    """
    told: list[Line] = []
    for one in lines:
        told += [one] if isinstance(one, Line) else fact_lines(one)

    def decorate(function: F) -> F:
        function.__dict__["prints_lines"] = tuple(told)
        return json_option(function)

    return decorate


def lines_of(command: click.Command) -> tuple[Line, ...] | None:
    """What a command prints; None where it does not tell."""
    found: tuple[Line, ...] | None = getattr(command.callback, "prints_lines", None)
    return found


def schema_of(lines: Iterable[Line], *, strict: bool = False) -> dict[str, Any]:
    """What any of these lines must be.

    Args:
        lines: The lines of a command.
        strict: Whether a field that is not told is an error.
    """
    return {"anyOf": [one.schema(strict=strict) for one in lines]}


def walk(
    command: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """A command and all below it, each with the words that call it."""
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None:
                yield from walk(child, (*path, name))


def _as_json(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        ctx.obj.as_json = True


def json_option(function: F) -> F:
    """``--json`` behind a command, once."""
    if "--json" in {o for p in getattr(function, "__click_params__", ()) for o in p.opts}:
        return function
    return click.option(
        "--json",
        is_flag=True,
        expose_value=False,
        callback=_as_json,
        help="Print JSON lines, as with twsloop --json.",
    )(function)
