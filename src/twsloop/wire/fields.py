"""The fields of a text message, and the parts of a protobuf message that they stand for."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
from google.protobuf.descriptor import FieldDescriptor

from twsloop.errors import EncodeError, ParseError

from .kinds import Kind

__all__ = [
    "Cursor",
    "Dates",
    "Descriptor",
    "Fixed",
    "Pair",
    "Reader",
    "Texts",
    "Writer",
    "cannot_read",
    "cannot_write",
    "entries_of",
    "find_field",
    "joined",
    "label_of",
    "owner_of",
    "split_options",
]

Descriptor = Any  # protobuf's stubs name two classes for it, of which none has the other's parts

Dates = tuple[str, str]
"""First and last date of the answer to a history request."""


class Fixed(str):
    """A text that the protocol prescribes: a version, or a field nobody uses any more.

    It says nothing of the message, and is skipped when read; tests tell it apart by its class.
    """

    __slots__ = ()


class Texts(list[str]):
    """The fields being written."""

    __slots__ = ("dates",)

    def __init__(self, dates: Dates | None) -> None:
        super().__init__()
        self.dates = dates


@attrs.define
class Cursor:
    """The fields being read."""

    texts: Sequence[str]
    at: int = 0
    dates: Dates | None = None

    def take(self, label: str) -> str:
        """The next text.

        Raises:
            ParseError: There is none.
        """
        try:
            text = self.texts[self.at]
        except IndexError:
            raise ParseError(f"the message ends after {self.at} fields", field=label) from None
        self.at += 1
        return text

    def count(self, label: str) -> int:
        """The next text as the count of what follows.

        Raises:
            ParseError: It is none, or more than what is left.
        """
        text = self.take(label)
        try:
            count = int(text or 0)
        except ValueError:
            raise ParseError("the count is not a number", field=label, value=text) from None
        left = len(self.texts) - self.at
        if count > left:
            raise ParseError(f"the count does not fit {left} fields left", field=label, value=text)
        return max(count, 0)  # TWS says -1 for the answer to a scanner that finds nothing


#: Appends the texts of its part of a layout.
Writer = Callable[[Any, Texts], None]
#: Takes as many, and sets what they say.
Reader = Callable[[Any, Cursor], None]
Pair = tuple[Writer, Reader]


def find_field(descriptor: Descriptor, path: tuple[str, ...]) -> FieldDescriptor:
    """Find the field at the end of a path; ValueError if there is none."""
    for name in path[:-1]:
        descriptor = _step(descriptor, name).message_type
    return _step(descriptor, path[-1])


def _step(descriptor: Descriptor, name: str) -> FieldDescriptor:
    field: FieldDescriptor | None = None
    if descriptor is not None:
        field = descriptor.fields_by_name.get(name)
    if field is None:
        raise ValueError(f"{getattr(descriptor, 'name', 'a plain value')} has no field {name!r}")
    return field


def _itself(message: Any) -> Any:
    return message


def owner_of(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """What a path's last field belongs to: the message, or a sub-message of it."""
    return operator.attrgetter(".".join(path[:-1])) if len(path) > 1 else _itself


def label_of(where: str, path: tuple[str, ...]) -> str:
    """What a field is called in errors."""
    return where + ".".join(path)


def cannot_write(label: str, value: Any, kind: Kind) -> EncodeError:
    """The error of a value that has no text."""
    return EncodeError(f"{label}: {value!r} cannot be written as {kind.name}")


def cannot_read(label: str, text: str, kind: Kind) -> ParseError:
    """The error of a text that means no value."""
    return ParseError(f"this is no {kind.name}", field=label, value=text)


def entries_of(mapping: Mapping[str, str]) -> list[tuple[str, str]]:
    """The entries of a map, in one order."""
    # A protobuf map has no order of its own; sorted, the same message always gives the same text.
    return sorted(mapping.items())


def joined(entries: list[tuple[str, str]]) -> str:
    """Options as one text."""
    return "".join(f"{key}={value};" for key, value in entries)


def split_options(text: str, mapping: Any) -> None:
    """Options of one text, into a map."""
    for entry in filter(None, text.split(";")):
        key, _, value = entry.partition("=")
        mapping[key] = value
