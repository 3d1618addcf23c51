"""The text protocol: runs the layouts, in both directions.

Theory of operation. A layout (`layouts_in`, `layouts_out`) is one line in the language of
`grammar`. Compiling it for one server version gives two lists of small functions, *writers* and
*readers*, one pair for each node of the line whose gate holds. A writer appends the texts of its
node; a reader takes as many from a cursor and sets the protobuf field. Both lists come from the
same nodes, so what is written is what is read. Compiling also checks every path against the
protobuf descriptors, so a misspelt layout cannot be used.

Compiled layouts are kept for ever: a session speaks one version, and uses few messages.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from twsloop.errors import EncodeError, ParseError

from . import grammar
from .conditions import CONDITIONS
from .kinds import Kind, kind_of
from .layouts_in import LAYOUTS_IN
from .layouts_out import LAYOUTS_OUT
from .messages import Direction, MessageType, message_class

__all__ = ["Dates", "Fixed", "has_layout", "read_fields", "write_fields"]

Descriptor = Any  # protobuf's stubs name two classes for it, of which none has the other's parts

Dates = tuple[str, str]
"""First and last date of the answer to a history request."""


class Fixed(str):
    """A text that the protocol prescribes: a version, or a field nobody uses any more.

    It says nothing of the message, and is skipped when read; tests tell it apart by its class.
    """

    __slots__ = ()


class _Texts(list[str]):
    """The fields being written."""

    __slots__ = ("dates",)

    def __init__(self, dates: Dates | None) -> None:
        super().__init__()
        self.dates = dates


@attrs.define
class _Cursor:
    """The fields being read."""

    texts: Sequence[str]
    at: int = 0
    dates: Dates | None = None

    def take(self, label: str) -> str:
        try:
            text = self.texts[self.at]
        except IndexError:
            raise ParseError(f"the message ends after {self.at} fields", field=label) from None
        self.at += 1
        return text

    def count(self, label: str) -> int:
        text = self.take(label)
        try:
            count = int(text or 0)
        except ValueError:
            raise ParseError("the count is not a number", field=label, value=text) from None
        left = len(self.texts) - self.at
        if count > left:
            raise ParseError(f"the count does not fit {left} fields left", field=label, value=text)
        return max(count, 0)  # TWS says -1 for the answer to a scanner that finds nothing


_Writer = Callable[[Any, _Texts], None]
_Reader = Callable[[Any, _Cursor], None]


@attrs.frozen
class _Compiled:
    writers: tuple[_Writer, ...]
    readers: tuple[_Reader, ...]


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
    texts = _Texts(dates)
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
    cursor = _Cursor(texts)
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

_Pair = tuple[_Writer, _Reader]


def _compile(
    nodes: tuple[grammar.Node, ...], descriptor: Descriptor, version: int, where: str
) -> _Compiled:
    pairs = [
        _COMPILERS[type(node)](node, descriptor, version, where)
        for node in nodes
        if version in node.gate
    ]
    return _Compiled(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _find(descriptor: Descriptor, path: tuple[str, ...]) -> FieldDescriptor:
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


def _owner(path: tuple[str, ...]) -> Callable[[Any], Any]:
    """What a path's last field belongs to: the message, or a sub-message of it."""
    return operator.attrgetter(".".join(path[:-1])) if len(path) > 1 else _itself


def _label(where: str, path: tuple[str, ...]) -> str:
    return where + ".".join(path)


def _cannot_write(label: str, value: Any, kind: Kind) -> EncodeError:
    return EncodeError(f"{label}: {value!r} cannot be written as {kind.name}")


def _cannot_read(label: str, text: str, kind: Kind) -> ParseError:
    return ParseError(f"this is no {kind.name}", field=label, value=text)


def _field(node: grammar.Field, descriptor: Descriptor, version: int, where: str) -> _Pair:
    kind = kind_of(_find(descriptor, node.path), node.kind, node.unset, version)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]
    unset, as_text, as_value = kind.unset, kind.write, kind.read

    def write(message: Any, texts: _Texts) -> None:
        part = owner(message)
        if not part.HasField(name):
            texts.append(unset)
            return
        value = getattr(part, name)
        try:
            texts.append(as_text(value))
        except (ValueError, ArithmeticError) as error:
            raise _cannot_write(label, value, kind) from error

    def read(message: Any, cursor: _Cursor) -> None:
        text = cursor.take(label)
        try:
            value = as_value(text)
            if value is not None:
                setattr(owner(message), name, value)
        except (ValueError, ArithmeticError) as error:
            raise _cannot_read(label, text, kind) from error

    return write, read


def _constant(node: grammar.Constant, _descriptor: Descriptor, _version: int, where: str) -> _Pair:
    fixed, label = Fixed(node.text), where + "(constant)"

    def write(_message: Any, texts: _Texts) -> None:
        texts.append(fixed)

    def read(_message: Any, cursor: _Cursor) -> None:
        cursor.take(label)

    return write, read


def _each(node: grammar.Each, descriptor: Descriptor, version: int, where: str) -> _Pair:
    field = _find(descriptor, node.path)
    if field.message_type is None:
        return _each_value(node, field, version, where)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]
    inner = _compile(node.items, field.message_type, version, label + ".")

    def write(message: Any, texts: _Texts) -> None:
        elements = getattr(owner(message), name)
        texts.append(str(len(elements)))
        for element in elements:
            for write_item in inner.writers:
                write_item(element, texts)

    def read(message: Any, cursor: _Cursor) -> None:
        elements = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            element = elements.add()
            for read_item in inner.readers:
                read_item(element, cursor)

    return write, read


def _each_value(node: grammar.Each, field: FieldDescriptor, version: int, where: str) -> _Pair:
    (item,) = node.items
    if not isinstance(item, grammar.Field) or item.path:
        raise ValueError(f"{field.full_name} has plain values: its item is '.'")
    kind = kind_of(field, item.kind, item.unset, version)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]
    # An element cannot be unset: an empty text is an empty string, and no number at all.
    nothing = "" if kind.name in {"text", "escaped"} else None

    def write(message: Any, texts: _Texts) -> None:
        values = getattr(owner(message), name)
        texts.append(str(len(values)))
        texts.extend(kind.write(value) for value in values)

    def read(message: Any, cursor: _Cursor) -> None:
        values = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            text = cursor.take(label)
            try:
                value = kind.read(text)
                values.append(nothing if value is None else value)
            except (ValueError, TypeError, ArithmeticError) as error:
                raise _cannot_read(label, text, kind) from error

    return write, read


def _entries(mapping: Mapping[str, str]) -> list[tuple[str, str]]:
    # A protobuf map has no order of its own; sorted, the same message always gives the same text.
    return sorted(mapping.items())


def _joined(entries: list[tuple[str, str]]) -> str:
    return "".join(f"{key}={value};" for key, value in entries)


def _split_options(text: str, mapping: Any) -> None:
    for entry in filter(None, text.split(";")):
        key, _, value = entry.partition("=")
        mapping[key] = value


def _pairs(node: grammar.Pairs, descriptor: Descriptor, _version: int, where: str) -> _Pair:
    _find(descriptor, node.path)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]

    def write(message: Any, texts: _Texts) -> None:
        mapping = getattr(owner(message), name)
        texts.append(str(len(mapping)))
        for entry in _entries(mapping):
            texts.extend(entry)

    def read(message: Any, cursor: _Cursor) -> None:
        mapping = getattr(owner(message), name)
        for _ in range(cursor.count(label)):
            key = cursor.take(label)
            mapping[key] = cursor.take(label)

    return write, read


def _options(node: grammar.Options, descriptor: Descriptor, _version: int, where: str) -> _Pair:
    _find(descriptor, node.path)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]

    def write(message: Any, texts: _Texts) -> None:
        texts.append(_joined(_entries(getattr(owner(message), name))))

    def read(message: Any, cursor: _Cursor) -> None:
        text = cursor.take(label)
        if text:
            _split_options(text, getattr(owner(message), name))

    return write, read


def _present(node: grammar.Present, descriptor: Descriptor, version: int, where: str) -> _Pair:
    _find(descriptor, node.path)
    label, owner, name = _label(where, node.path), _owner(node.path), node.path[-1]
    inner = _compile(node.items, descriptor, version, where)

    def write(message: Any, texts: _Texts) -> None:
        if not owner(message).HasField(name):
            texts.append("0")
            return
        texts.append("1")
        for write_item in inner.writers:
            write_item(message, texts)

    def read(message: Any, cursor: _Cursor) -> None:
        text = cursor.take(label)
        if text in {"", "0", "false", "False"}:
            return
        if text not in {"1", "true", "True"}:
            raise ParseError("this is no flag", field=label, value=text)
        getattr(owner(message), name).SetInParent()
        for read_item in inner.readers:
            read_item(message, cursor)

    return write, read


def _when(node: grammar.When, descriptor: Descriptor, version: int, where: str) -> _Pair:
    holds = CONDITIONS.get(node.condition)
    if holds is None:
        raise ValueError(f"there is no condition {node.condition!r}")
    inner = _compile(node.items, descriptor, version, where)

    def write(message: Any, texts: _Texts) -> None:
        if holds(message):
            for write_item in inner.writers:
                write_item(message, texts)

    def read(message: Any, cursor: _Cursor) -> None:
        if holds(message):
            for read_item in inner.readers:
                read_item(message, cursor)

    return write, read


def _bits(node: grammar.Bits, descriptor: Descriptor, _version: int, where: str) -> _Pair:
    for path in node.paths:
        _find(descriptor, path)
    label = _label(where, node.paths[0])
    flags = [(1 << bit, _owner(path), path[-1]) for bit, path in enumerate(node.paths)]

    def write(message: Any, texts: _Texts) -> None:
        texts.append(str(sum(bit for bit, owner, name in flags if getattr(owner(message), name))))

    def read(message: Any, cursor: _Cursor) -> None:
        text = cursor.take(label)
        try:
            mask = int(text or 0)
        except ValueError:
            raise ParseError("this is no mask", field=label, value=text) from None
        for bit, owner, name in flags:
            setattr(owner(message), name, bool(mask & bit))

    return write, read


def _call(node: grammar.Call, _descriptor: Descriptor, _version: int, _where: str) -> _Pair:
    return _CALLS[node.name]


_COMPILERS: Mapping[type, Callable[..., _Pair]] = MappingProxyType(
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


# ---- what no line can say


def _write_leg_prices(message: Any, texts: _Texts) -> None:
    """In text the prices of combo legs are a list of their own, empty when no leg has one."""
    legs = message.contract.comboLegs
    if not any(leg.HasField("perLegPrice") for leg in legs):
        texts.append("0")
        return
    texts.append(str(len(legs)))
    texts.extend(repr(leg.perLegPrice) if leg.HasField("perLegPrice") else "" for leg in legs)


def _read_leg_prices(message: Any, cursor: _Cursor) -> None:
    label = "contract.comboLegs.perLegPrice"
    legs = message.contract.comboLegs
    count = cursor.count(label)
    if count > len(legs):
        raise ParseError(f"{len(legs)} legs cannot have {count} prices", field=label)
    field = _find(message.DESCRIPTOR, ("contract", "comboLegs"))
    kind = kind_of(_find(field.message_type, ("perLegPrice",)), None, "", 0)
    for leg in legs[:count]:
        text = cursor.take(label)
        try:
            value = kind.read(text)
        except ValueError as error:
            raise _cannot_read(label, text, kind) from error
        if value is not None:
            leg.perLegPrice = value


def _write_fundamentals_options(message: Any, texts: _Texts) -> None:
    """Alone among all requests this one counts its options, and then writes them in one field."""
    entries = _entries(message.fundamentalsDataOptions)
    texts.append(str(len(entries)))
    texts.append(_joined(entries))


def _read_fundamentals_options(message: Any, cursor: _Cursor) -> None:
    cursor.take("fundamentalsDataOptions")
    _split_options(cursor.take("fundamentalsDataOptions"), message.fundamentalsDataOptions)


def _write_dates(_message: Any, texts: _Texts) -> None:
    """Below version 196 the first and last date of a history stand in its bars' message."""
    texts.extend(texts.dates or ("", ""))


def _read_dates(_message: Any, cursor: _Cursor) -> None:
    cursor.dates = (cursor.take("startDateStr"), cursor.take("endDateStr"))


_CALLS: Mapping[str, _Pair] = MappingProxyType(
    {
        "leg_prices": (_write_leg_prices, _read_leg_prices),
        "fundamentals_options": (_write_fundamentals_options, _read_fundamentals_options),
        "dates": (_write_dates, _read_dates),
    }
)
