"""Facts as JSON: their fields, read off their classes, annotations and docstrings."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs

from twsloop.events import Fact

from .fields import Field, anything, decimal, flag, many, moment, number, record, table, text, whole

__all__ = ["fact_fields", "row_fields", "summary_of"]

#: The kinds of plain values.
_PLAIN: dict[Any, Any] = {
    bool: flag,
    int: whole,
    float: number,
    str: text,
    Decimal: decimal,
    datetime: moment,
}
_MEANT = re.compile(r"^ {4}(\w+): (.+?)(?=^ {4}\w+: |^\S|\Z)", re.MULTILINE | re.DOTALL)


def summary_of(kind: type[Any]) -> str:
    """The first sentence of a class's docstring."""
    return _in_words(inspect.getdoc(kind) or "").partition("\n")[0]


def fact_fields(kind: type[Fact]) -> dict[str, Field]:
    """The fields of a fact as `twsloop.events.to_record` writes them."""
    return _fields(kind)


def row_fields(kind: type[Any], columns: Sequence[str], **others: Field) -> dict[str, Field]:
    """The fields of a line that is made of an object of ours.

    Args:
        kind: Its class, one of attrs.
        columns: The names, in their order.
        **others: What these are that the class does not have, or has otherwise.
    """
    known = _fields(kind) | others
    return {name: known[name] for name in columns}


def _fields(kind: type[Any]) -> dict[str, Field]:
    hints = typing.get_type_hints(kind)
    meanings = _meanings(kind)
    return {
        field.name: _field_of(hints[field.name], meanings.get(field.name, ""))
        for field in attrs.fields(kind)
    }


def _meanings(kind: type[Any]) -> dict[str, str]:
    """What the docstrings of a class and of those before it say of each attribute."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        _, _, told = (inspect.cleandoc(one.__doc__) if one.__doc__ else "").partition(
            "Attributes:\n"
        )
        found |= {name: " ".join(_in_words(words).split()) for name, words in _MEANT.findall(told)}
    return found


def _in_words(text_of_it: str) -> str:
    return text_of_it.replace("``", "")


def _field_of(hint: Any, meaning: str, *, null: bool = False) -> Field:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _field_of(inner, meaning, null=True)
    if hint in _PLAIN:
        made: Field = _PLAIN[hint](meaning, null=null)
        return made
    if origin is tuple:
        return many(_field_of(arguments[0], ""), meaning, null=null)
    if origin is typing.Literal:
        return text(meaning, *arguments, null=null)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return table(_field_of(arguments[1], ""), meaning, null=null)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return text(meaning, *(str(word.value) for word in hint), null=null)
    if attrs.has(hint):
        inner_fields = _fields(hint)
        if issubclass(hint, Fact):
            inner_fields = {"event": text("the kind of fact"), **inner_fields}
        return record(meaning, inner_fields, null=null)
    return anything(meaning)
