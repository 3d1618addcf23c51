"""The fields of a JSON line: what each may be, as a JSON Schema, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = [
    "Field",
    "anything",
    "day",
    "decimal",
    "flag",
    "many",
    "moment",
    "number",
    "record",
    "schema_of_fields",
    "table",
    "text",
    "whole",
]

#: Digits, as `twsloop.cli.output.plain` writes a decimal.
_DIGITS = r"^-?\d+(\.\d+)?$"


@attrs.frozen
class Field:
    """One field.

    Attributes:
        schema: Its JSON Schema, with what it means as its description.
        missing: Whether a line may come without it.
    """

    schema: Mapping[str, Any]
    missing: bool = False


def _field(kind: dict[str, Any], meaning: str, null: bool, missing: bool) -> Field:
    if null:
        kind = {**kind, "type": [kind["type"], "null"]}
        if "enum" in kind:
            kind["enum"] = [*kind["enum"], None]
    return Field({"description": meaning, **kind}, missing)


def text(meaning: str, *words: str, null: bool = False, missing: bool = False) -> Field:
    """A text; one of these words if there are any."""
    kind: dict[str, Any] = {"type": "string"}
    if words:
        kind["enum"] = [*words]
    return _field(kind, meaning, null, missing)


def decimal(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """An amount that must not be rounded: a text of digits."""
    return _field({"type": "string", "pattern": _DIGITS}, meaning, null, missing)


def number(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """A number that may have been rounded already."""
    return _field({"type": "number"}, meaning, null, missing)


def whole(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """A whole number: an id, a count."""
    return _field({"type": "integer"}, meaning, null, missing)


def flag(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """True or false."""
    return _field({"type": "boolean"}, meaning, null, missing)


def moment(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """A time in ISO 8601 with its zone."""
    return _field({"type": "string", "format": "date-time"}, meaning, null, missing)


def day(meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """A day in ISO 8601."""
    return _field({"type": "string", "format": "date"}, meaning, null, missing)


def many(of: Field, meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """A list."""
    return _field({"type": "array", "items": dict(of.schema)}, meaning, null, missing)


def record(
    meaning: str, fields: Mapping[str, Field], *, null: bool = False, missing: bool = False
) -> Field:
    """An object with fields of its own."""
    return _field(schema_of_fields(fields), meaning, null, missing)


def table(of: Field, meaning: str, *, null: bool = False, missing: bool = False) -> Field:
    """An object whose names are data: each value is of this kind."""
    kind = {"type": "object", "additionalProperties": dict(of.schema)}
    return _field(kind, meaning, null, missing)


def anything(meaning: str, *, missing: bool = False) -> Field:
    """Whatever somebody else says."""
    return Field({"description": meaning}, missing)


def schema_of_fields(fields: Mapping[str, Field], *, strict: bool = False) -> dict[str, Any]:
    """The JSON Schema of an object with these fields.

    Args:
        fields: They, by name.
        strict: Whether another field is an error.
    """
    found: dict[str, Any] = {
        "type": "object",
        "properties": {name: dict(one.schema) for name, one in fields.items()},
        "required": [name for name, one in fields.items() if not one.missing],
    }
    if strict:
        found["additionalProperties"] = False
    return found
