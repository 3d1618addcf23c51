"""The text protocol: runs the layouts, in both directions.

Theory of operation. A layout (`layouts_in`, `layouts_out`) is one line in the language of
`grammar`. Compiling it for one server version gives two lists of small functions, *writers* and
*readers*, one pair for each node of the line whose gate holds. A writer appends the texts of its
node; a reader takes as many from a cursor and sets the protobuf field. Both lists come from the
same nodes, so what is written is what is read. Compiling also checks every path against the
protobuf descriptors, so a misspelt layout cannot be used. What no line can say stands in `calls`.

Compiled layouts are kept for ever: a session speaks one version, and uses few messages.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from twsloop.errors import ParseError

from . import grammar
from .calls import CALLS
from .conditions import CONDITIONS
from .fields import (
    Cursor,
    Dates,
    Descriptor,
    Fixed,
    Pair,
    Reader,
    Texts,
    Writer,
    cannot_read,
    cannot_write,
    entries_of,
    find_field,
    joined,
    label_of,
    owner_of,
    split_options,
)
from .kinds import kind_of
from .layouts_in import LAYOUTS_IN
from .layouts_out import LAYOUTS_OUT
from .messages import Direction, MessageType, message_class

__all__ = ["Dates", "Fixed", "has_layout", "read_fields", "write_fields"]


@attrs.frozen
class _Compiled:
    writers: tuple[Writer, ...]
    readers: tuple[Reader, ...]


def has_layout(message_type: MessageType) -> bool:
    """Say whether the text form of this message is known."""
    return message_type.name in _lines(message_type.direction)


def write_fields(
    message_type: MessageType,
    message: Message,
    server_version: int,
    dates: Dates | None = None,
) -> list[str]:
    """Write a message as its text fields, without its number.

    Args:
        message_type: Which message.
        message: Its protobuf form.
        server_version: Decides which fields there are.
        dates: First and last date, for ``historicalData`` below version 196.

    Raises:
        EncodeError: The message has no text form, or a value none.
    """
    texts = Texts(dates)
    for write in _compiled(message_type, server_version).writers:
        write(message, texts)
    return texts


def read_fields(
    message_type: MessageType, texts: Sequence[str], server_version: int
) -> tuple[Any, int, Dates | None]:
    """Read text fields into the protobuf form of the message.

    Returns:
        The message, how many fields were left over, and the dates of a ``historicalData``.

    Raises:
        ParseError: A field cannot be read, or one is missing; it names the field, and has what was
            read before it (`ParseError.partial`).
    """
    compiled = _compiled(message_type, server_version)
    message = message_class(message_type.proto or "")()
    cursor = Cursor(texts)
    try:
        for read in compiled.readers:
            read(message, cursor)
    except ParseError as error:
        error.partial = message
        raise
    return message, len(texts) - cursor.at, cursor.dates


def _lines(direction: Direction) -> Mapping[str, str]:
    return LAYOUTS_IN if direction is Direction.INBOUND else LAYOUTS_OUT


@functools.cache
def _nodes(direction: Direction, name: str) -> tuple[grammar.Node, ...]:
    return grammar.read_line(_lines(direction)[name])


@functools.cache
def _compiled(message_type: MessageType, server_version: int) -> _Compiled:
    nodes = _nodes(message_type.direction, message_type.name)
    descriptor = message_class(message_type.proto or "").DESCRIPTOR
    return _compile(nodes, descriptor, server_version, "")


# ---- compiling: one function per node, each giving a writer and a reader


def _compile(
    nodes: tuple[grammar.Node, ...], descriptor: Descriptor, version: int, where: str
) -> _Compiled:
    pairs = [
        _COMPILERS[type(node)](node, descriptor, version, where)
        for node in nodes
        if version in node.gate
    ]
    return _Compiled(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _field(node: grammar.Field, descriptor: Descriptor, version: int, where: str) -> Pair:
    kind = kind_of(find_field(descriptor, node.path), node.kind, node.unset, version)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]
    unset, as_text, as_value = kind.unset, kind.write, kind.read

    def write(message: Any, texts: Texts) -> None:
        part = owner(message)
        if not part.HasField(name):
            texts.append(unset)
            return
        value = getattr(part, name)
        try:
            texts.append(as_text(value))
        except (ValueError, ArithmeticError) as error:
            raise cannot_write(label, value, kind) from error

    def read(message: Any, cursor: Cursor) -> None:
        text = cursor.take(label)
        try:
            value = as_value(text)
            if value is not None:
                setattr(owner(message), name, value)
        except (ValueError, ArithmeticError) as error:
            raise cannot_read(label, text, kind) from error

    return write, read


def _constant(node: grammar.Constant, _descriptor: Descriptor, _version: int, where: str) -> Pair:
    fixed, label = Fixed(node.text), where + "(constant)"

    def write(_message: Any, texts: Texts) -> None:
        texts.append(fixed)

    def read(_message: Any, cursor: Cursor) -> None:
        cursor.take(label)

    return write, read


def _each(node: grammar.Each, descriptor: Descriptor, version: int, where: str) -> Pair:
    field = find_field(descriptor, node.path)
    if field.message_type is None:
        return _each_value(node, field, version, where)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]
    inner = _compile(node.items, field.message_type, version, label + ".")

    def write(message: Any, texts: Texts) -> None:
        elements = getattr(owner(message), name)
        texts.append(str(len(elements)))
        for element in elements:
            for write_item in inner.writers:
                write_item(element, texts)

    def read(message: Any, cursor: Cursor) -> None:
        elements = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            element = elements.add()
            for read_item in inner.readers:
                read_item(element, cursor)

    return write, read


def _each_value(node: grammar.Each, field: FieldDescriptor, version: int, where: str) -> Pair:
    (item,) = node.items
    if not isinstance(item, grammar.Field) or item.path:
        raise ValueError(f"{field.full_name} has plain values: its item is '.'")
    kind = kind_of(field, item.kind, item.unset, version)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]
    # An element cannot be unset: an empty text is an empty string, and no number at all.
    nothing = "" if kind.name in {"text", "escaped"} else None

    def write(message: Any, texts: Texts) -> None:
        values = getattr(owner(message), name)
        texts.append(str(len(values)))
        texts.extend(kind.write(value) for value in values)

    def read(message: Any, cursor: Cursor) -> None:
        values = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            text = cursor.take(label)
            try:
                value = kind.read(text)
                values.append(nothing if value is None else value)
            except (ValueError, TypeError, ArithmeticError) as error:
                raise cannot_read(label, text, kind) from error

    return write, read


def _pairs(node: grammar.Pairs, descriptor: Descriptor, _version: int, where: str) -> Pair:
    find_field(descriptor, node.path)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]

    def write(message: Any, texts: Texts) -> None:
        mapping = getattr(owner(message), name)
        texts.append(str(len(mapping)))
        for entry in entries_of(mapping):
            texts.extend(entry)

    def read(message: Any, cursor: Cursor) -> None:
        mapping = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            key = cursor.take(label)
            mapping[key] = cursor.take(label)

    return write, read


def _options(node: grammar.Options, descriptor: Descriptor, _version: int, where: str) -> Pair:
    find_field(descriptor, node.path)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]

    def write(message: Any, texts: Texts) -> None:
        texts.append(joined(entries_of(getattr(owner(message), name))))

    def read(message: Any, cursor: Cursor) -> None:
        text = cursor.take(label)
        if text:
            split_options(text, getattr(owner(message), name))

    return write, read


def _present(node: grammar.Present, descriptor: Descriptor, version: int, where: str) -> Pair:
    find_field(descriptor, node.path)
    label, owner, name = label_of(where, node.path), owner_of(node.path), node.path[-1]
    inner = _compile(node.items, descriptor, version, where)

    def write(message: Any, texts: Texts) -> None:
        if not owner(message).HasField(name):
            texts.append("0")
            return
        texts.append("1")
        for write_item in inner.writers:
            write_item(message, texts)

    def read(message: Any, cursor: Cursor) -> None:
        text = cursor.take(label)
        if text in {"", "0", "false", "False"}:
            return
        if text not in {"1", "true", "True"}:
            raise ParseError("this is no flag", field=label, value=text)
        getattr(owner(message), name).SetInParent()
        for read_item in inner.readers:
            read_item(message, cursor)

    return write, read


def _when(node: grammar.When, descriptor: Descriptor, version: int, where: str) -> Pair:
    holds = CONDITIONS.get(node.condition)
    if holds is None:
        raise ValueError(f"there is no condition {node.condition!r}")
    inner = _compile(node.items, descriptor, version, where)

    def write(message: Any, texts: Texts) -> None:
        if holds(message):
            for write_item in inner.writers:
                write_item(message, texts)

    def read(message: Any, cursor: Cursor) -> None:
        if holds(message):
            for read_item in inner.readers:
                read_item(message, cursor)

    return write, read


def _bits(node: grammar.Bits, descriptor: Descriptor, _version: int, where: str) -> Pair:
    for path in node.paths:
        find_field(descriptor, path)
    label = label_of(where, node.paths[0])
    flags = [(1 << bit, owner_of(path), path[-1]) for bit, path in enumerate(node.paths)]

    def write(message: Any, texts: Texts) -> None:
        texts.append(str(sum(bit for bit, owner, name in flags if getattr(owner(message), name))))

    def read(message: Any, cursor: Cursor) -> None:
        text = cursor.take(label)
        try:
            mask = int(text or 0)
        except ValueError:
            raise ParseError("this is no mask", field=label, value=text) from None
        for bit, owner, name in flags:
            setattr(owner(message), name, bool(mask & bit))

    return write, read


def _call(node: grammar.Call, _descriptor: Descriptor, _version: int, _where: str) -> Pair:
    return CALLS[node.name]


_COMPILERS: Mapping[type, Callable[..., Pair]] = MappingProxyType(
    {
        grammar.Field: _field,
        grammar.Constant: _constant,
        grammar.Each: _each,
        grammar.Pairs: _pairs,
        grammar.Options: _options,
        grammar.Present: _present,
        grammar.When: _when,
        grammar.Bits: _bits,
        grammar.Call: _call,
    }
)
