"""The reference of the command line's JSON lines, from what the commands say they print."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from twsloop.cli.schema import documented
from twsloop.cli.shapes import COMPLAINT, Line

__all__ = ["lines_reference", "shared_reference"]

#: How JSON Schema calls a type, and how people do.
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
    "null": "null",
}
_FORMATS = {"date-time": "time", "date": "day"}


def lines_reference() -> str:
    """Every command's lines; those of several commands are named, and described once elsewhere."""
    shared = _shared()
    parts: list[str] = []
    for name, lines in documented():
        parts += [f"### twsloop {name}", ""]
        own = [one for one in lines if _key(one) not in shared]
        others = [one for one in lines if _key(one) in shared]
        for one in own:
            parts += _entry(one, "####")
        if others:
            names = ", ".join(f"[{one.event}](#{_anchor(one)})" for one in others)
            parts += [f"{'Also' if own else 'It prints'}: {names}.", ""]
    return "\n".join(parts)


def shared_reference() -> str:
    """The lines that several commands print."""
    parts = []
    found = {_key(one): one for _, lines in documented() for one in lines}
    for key in _shared():
        one = found.get(key, COMPLAINT)
        parts += [f"({_anchor(one)})=", *_entry(one, "###")]
    return "\n".join(parts)


@functools.cache
def _shared() -> tuple[str, ...]:
    """What more than one command prints, in the order in which it is met; first what all may."""
    counts = Counter(_key(one) for _, lines in documented() for one in lines)
    return (_key(COMPLAINT), *(key for key, count in counts.items() if count > 1))


def _key(one: Line) -> str:
    return json.dumps(one.schema(), sort_keys=True)


def _anchor(one: Line) -> str:
    """Lines of one name that are not the same, but for capitals, are told apart by a number."""
    alike = [key for key in _shared() if json.loads(key)["title"].lower() == one.event.lower()]
    number = alike.index(_key(one)) + 1
    name = one.event.lower().replace("_", "-")
    return f"line-{name}" if number == 1 else f"line-{name}-{number}"


def _entry(one: Line, level: str) -> list[str]:
    lines = [f"{level} `{one.event}`", "", one.meaning, ""]
    if one.fields:
        rows = _rows(one.schema()["properties"], one.schema()["required"])
        lines += ["| field | is | meaning |", "| --- | --- | --- |", *rows, ""]
    if one.more is not None:
        lines += [f"Other fields: {_escaped(str(one.more.schema['description']))}.", ""]
    return lines


def _rows(properties: Mapping[str, Any], required: Iterable[str], path: str = "") -> Iterator[str]:
    """A row for each field, and for each of its parts."""
    wanted = set(required)
    for name, schema in properties.items():
        if not path and name == "event":
            continue
        meaning = str(schema.get("description", ""))
        if name not in wanted:
            meaning += "; may be missing"
        yield f"| `{path}{name}` | {_type(schema)} | {_escaped(meaning)} |"
        inner, part = schema, name
        if isinstance(schema.get("additionalProperties"), dict):
            inner, part = schema["additionalProperties"], f"{name}.*"
        elif "items" in schema:
            inner, part = schema["items"], f"{name}[]"
        if "properties" in inner:
            yield from _rows(inner["properties"], inner["required"], f"{path}{part}.")


def _type(schema: Mapping[str, Any]) -> str:
    """What a value is, in words."""
    if "enum" in schema:
        return " or ".join("null" if word is None else f"`{word}`" for word in schema["enum"])
    kinds = schema.get("type", "anything")
    found = []
    for kind in kinds if isinstance(kinds, list) else [kinds]:
        if kind == "string" and "pattern" in schema:
            found.append("digits in a text")
        elif kind == "string" and "format" in schema:
            found.append(_FORMATS[schema["format"]])
        else:
            found.append(_WORDS.get(str(kind), str(kind)))
    return " or ".join(found)


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*").replace("$", "\\$")
