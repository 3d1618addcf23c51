"""The OpenAPI file as the server reads it: its paths, and the parameters they take."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

import attrs

__all__ = ["BadParameter", "Operation", "document", "operations"]


class BadParameter(ValueError):
    """A parameter that the contract does not allow."""


def document() -> dict[str, Any]:
    """The OpenAPI document of the contract."""
    text = resources.files("api_client").joinpath("openapi.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@attrs.frozen
class Operation:
    """One path: its rate class, and its parameters by name (with their schemas)."""

    path: str
    rate: str
    parameters: Mapping[str, Mapping[str, Any]]

    def read(self, query: Mapping[str, str]) -> dict[str, Any]:
        """The query's values in their types; absent ones get their default, or None.

        Raises:
            BadParameter: Unknown, missing, or of another form.
        """
        for name in query:
            if name not in self.parameters:
                raise BadParameter(f"unknown parameter {name}")
        values: dict[str, Any] = {}
        for name, parameter in self.parameters.items():
            text = query.get(name)
            if text is not None:
                values[name] = _value(name, text, parameter["schema"])
            elif parameter["required"]:
                raise BadParameter(f"missing parameter {name}")
            else:
                values[name] = parameter["schema"].get("default")
        return values


def operations() -> dict[str, Operation]:
    """All operations of the contract, by path."""
    whole = document()
    shared = whole["components"]["parameters"]
    found = {}
    for path, item in whole["paths"].items():
        get = item["get"]
        listed = [
            shared[one["$ref"].rpartition("/")[2]] if "$ref" in one else one
            for one in get["parameters"]
        ]
        found[path] = Operation(path, get["x-rate-class"], {one["name"]: one for one in listed})
    return found


def _value(name: str, text: str, schema: Mapping[str, Any]) -> Any:
    try:
        match schema["type"]:
            case "boolean":
                value: Any = {"true": True, "false": False}[text.lower()]
            case "integer":
                value = int(text)
            case "number":
                value = float(text)
            case _:
                value = text
        match schema.get("format"):
            case "date":
                value = dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a date
            case "iso-8601":
                value = dt.datetime.fromisoformat(text)
    except (KeyError, ValueError):
        kind = schema.get("format", schema["type"])
        raise BadParameter(f"{name} is not of type {kind}") from None
    if not _allowed(value, text, schema):
        raise BadParameter(f"{name} is out of range")
    return value


def _allowed(value: Any, text: str, schema: Mapping[str, Any]) -> bool:
    if schema["type"] in {"integer", "number"}:
        return (
            math.isfinite(value)
            and value >= schema.get("minimum", -math.inf)
            and value > schema.get("exclusiveMinimum", -math.inf)
        )
    return len(text) >= schema.get("minLength", 0) and bool(
        re.search(schema.get("pattern", ""), text)
    )
