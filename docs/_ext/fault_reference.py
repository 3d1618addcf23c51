"""The reference of all faults of the paper gateway, from their own classes."""

from __future__ import annotations

import inspect
from collections.abc import Iterable

import attrs

from twsloop.paper.faults import FAULTS, Fault
from twsloop.paper.faults.fault import params_of
from twsloop.paper.faults.script import EVENTS
from twsloop.paper.faults.wire import WIRE_FAULTS

__all__ = ["events_table", "gateway_reference", "wire_reference"]

#: How the three tables of wire faults are headed.
HEADINGS = ("### Links", "### Handshakes", "### The door")


def wire_reference() -> str:
    """Every fault of the wire."""
    parts: list[str] = []
    for heading, table in zip(HEADINGS, WIRE_FAULTS, strict=True):
        parts += [heading, "", *_entries(table.values())]
    return "\n".join(parts)


def gateway_reference() -> str:
    """Every fault of the gateway."""
    of_wire = {name for table in WIRE_FAULTS for name in table}
    rooms: dict[str, list[type[Fault]]] = {}
    for name, kind in FAULTS.items():
        if name not in of_wire:
            rooms.setdefault(kind.__module__.rpartition(".")[2], []).append(kind)
    parts: list[str] = []
    for room, kinds in rooms.items():
        parts += [f"### {room.capitalize()}", "", *_entries(kinds)]
    return "\n".join(parts)


def events_table() -> str:
    """What a script may wait for."""
    rows = [f"| `{name}` | {meaning} |" for name, meaning in EVENTS.items()]
    return "\n".join(["| event | what happens |", "| --- | --- |", *rows, ""])


def _entries(kinds: Iterable[type[Fault]]) -> list[str]:
    lines: list[str] = []
    for kind in kinds:
        lines += [f"#### `{kind.name}`", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        params = params_of(kind)
        if params:
            lines += ["| parameter | default | meaning |", "| --- | --- | --- |"]
        for field in attrs.fields(kind):
            param = params[field.name]
            default = "" if field.default is None else f"`{_toml(field.default)}`"
            allowed = param.allowed().replace("|", "\\|")
            lines.append(f"| `{field.name}` | {default} | {param.meaning} ({allowed}) |")
        lines += ["", "```toml", *_example(kind), "```", ""]
    return lines


def _example(kind: type[Fault]) -> list[str]:
    """An entry of a script with the fault's own defaults."""
    lines = ["[[fault]]", f'fault = "{kind.name}"', "at = 30"]
    if not kind.instant:
        lines.append("lasting = 20")
    if kind.of_clients:
        lines.append("clients = [1]")
    given = {field.name: field.default for field in attrs.fields(kind) if field.default is not None}
    if given:
        inner = ", ".join(f"{name} = {_toml(value)}" for name, value in given.items())
        lines.append(f"with = {{{inner}}}")
    return lines


def _toml(value: object) -> str:
    """A value as a script says it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
