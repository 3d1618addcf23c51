"""Messages as people read and write them: ``reqMktData reqId=1 contract.symbol=AAPL``.

A message is its name and its set fields, each by its path::

    a.b=value              a field inside a part
    a[0].b=value           of a list, counted from 0
    a{key}=value           of a map
    a={}                   a part that is there, and has nothing in it

A value is a word, or a text in double quotes with JSON's escapes; which of numbers, truth values
and texts it is follows from the field. What is not set is not written. `describe` writes, `assign`
reads; a field or message that does not exist is named, with what might have been meant.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from twsloop.wire.messages import INBOUND, OUTBOUND, Direction, MessageType, message_class

__all__ = [
    "NAMES",
    "NOTHING",
    "BadWord",
    "assign",
    "close_to",
    "describe",
    "fields_of",
    "kind_named",
    "known_fields",
    "read_value",
    "split_words",
]

#: A line of a log shows so much of a message.
LONGEST = 200

_BARE = re.compile(r"[^\s\"#=]+")
_WORD = re.compile(r'((?:[^\s"=]|\{[^}]*\})+)=("(?:[^"\\]|\\.)*"|[^\s"#]*)(?=\s|$|#)')
_SEGMENT = re.compile(r"(\w+)(?:\[(\d+)\]|\{([^}]*)\})?")
#: The value of a part that is there, and has nothing in it.
EMPTY = "{}"
#: Values that say no more than their absence.
NOTHING = frozenset({"", "0", "false", '""', EMPTY})
#: No list of the protocol is longer; a larger index is a slip.
LONGEST_LIST = 10_000


class BadWord(ValueError):
    """Why a message cannot be read from its words."""


def _aliases(direction: Direction) -> Mapping[str, MessageType]:
    """Messages by IB's name, and by the names of the callbacks that they alone call."""
    table = INBOUND if direction is Direction.INBOUND else OUTBOUND
    found: dict[str, MessageType] = {}
    shared: set[str] = set()
    for kind in table.values():
        for name in kind.callbacks:
            if name.endswith("ProtoBuf"):
                continue
            if name in found:
                shared.add(name)
            found[name] = kind
    for name in shared:
        del found[name]
    found.update((kind.name, kind) for kind in table.values())
    return MappingProxyType(found)


#: By direction: what a message may be called.
NAMES: Mapping[Direction, Mapping[str, MessageType]] = MappingProxyType(
    {direction: _aliases(direction) for direction in Direction}
)


def close_to(name: str, known: Iterator[str] | Mapping[str, Any]) -> str:
    """What might have been meant, as the end of a sentence."""
    by_small = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), by_small, n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(by_small[one] for one in close)}?" if close else ""


def kind_named(direction: Direction, name: str) -> MessageType:
    """The message of a name.

    Raises:
        BadWord: There is none in this direction.
    """
    kind = NAMES[direction].get(name)
    if kind is not None:
        return kind
    other = Direction.INBOUND if direction is Direction.OUTBOUND else Direction.OUTBOUND
    if name in NAMES[other]:
        who = "client" if direction is Direction.INBOUND else "server"
        msg = f"{name} is a message of the {who}"
        raise BadWord(msg)
    msg = f"there is no message {name!r}{close_to(name, NAMES[direction])}"
    raise BadWord(msg)


# ---- reading -------------------------------------------------------------------------------


def split_words(text: str) -> list[tuple[str, str]]:
    """Cut ``a=1 b="two words"`` into names and values.

    Raises:
        BadWord: Something in it is no ``name=value``.
    """
    found, at = [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        if text[at] == "#":
            break
        match = _WORD.match(text, at)
        if match is None:
            word = text[at:].split(maxsplit=1)[0]
            hint = "a quote is not closed" if '"' in word else "it has to be name=value"
            msg = f"cannot read {word!r}: {hint}"
            raise BadWord(msg)
        found.append((match[1], match[2]))
        at = match.end()
    return found


def read_value(text: str) -> str:
    """A value without its quotes.

    Raises:
        BadWord: The quoted text has an escape that JSON does not know.
    """
    if not text.startswith('"'):
        return text
    try:
        value = json.loads(text, strict=False)
    except ValueError as error:
        msg = f"cannot read the text {text}: {error}"
        raise BadWord(msg) from error
    return str(value)


def assign(message: Any, path: str, text: str) -> None:
    """Set a field of a message.

    Args:
        message: The protobuf message; changed.
        path: The field, as in the module's docstring.
        text: Its value, without quotes.

    Raises:
        BadWord: There is no such field, or it cannot have that value.
    """
    segments = path.split(".") if "{" not in path else _split_path(path)
    for place, segment in enumerate(segments):
        match = _SEGMENT.fullmatch(segment)
        if match is None:
            msg = f"cannot read the field {path!r}"
            raise BadWord(msg)
        field = message.DESCRIPTOR.fields_by_name.get(match[1])
        if field is None:
            known = message.DESCRIPTOR.fields_by_name
            inside = f" of {'.'.join(segments[:place])}" if place else ""
            hint = close_to(match[1], known) or f"; there are {', '.join(sorted(known))}"
            msg = f"there is no field {match[1]!r}{inside}{hint}"
            raise BadWord(msg)
        last = place == len(segments) - 1
        inner = _step_into(message, field, match, path, text if last else None)
        if inner is None:
            return
        message = inner
    if text == EMPTY:
        return
    msg = f"{path} has parts: name one, such as {path}.{next(iter(message.DESCRIPTOR.fields)).name}"
    raise BadWord(msg)


def _split_path(path: str) -> list[str]:
    return re.findall(r"\w+(?:\[\d+\]|\{[^}]*\})?|[^.]+", path)


def _step_into(message: Any, field: Any, match: re.Match[str], path: str, text: str | None) -> Any:
    """Go one segment down; None where the value was set."""
    name, index, key = match[1], match[2], match[3]
    is_part = field.type == FieldDescriptor.TYPE_MESSAGE
    if is_part and field.message_type.GetOptions().map_entry:
        if key is None or text is None:
            msg = f"{name} is a map: write {name}{{key}}=value"
            raise BadWord(msg)
        getattr(message, name)[key] = text
        return None
    if key is not None:
        msg = f"{name} is no map"
        raise BadWord(msg)
    if not field.is_repeated:
        if index is not None:
            msg = f"{name} is no list"
            raise BadWord(msg)
        if is_part:
            part = getattr(message, name)
            part.SetInParent()
            return part
        if text is None:
            msg = f"{name} has no parts"
            raise BadWord(msg)
        setattr(message, name, _scalar(field, path, text))
        return None
    values = getattr(message, name)
    if index is None or int(index) > min(len(values), LONGEST_LIST):
        msg = f"{name} is a list: write {name}[{len(values)}] for its next element"
        raise BadWord(msg)
    place = int(index)
    if is_part:
        return values[place] if place < len(values) else values.add()
    if text is None:
        msg = f"{name} has no parts"
        raise BadWord(msg)
    if place < len(values):
        values[place] = _scalar(field, path, text)
    else:
        values.append(_scalar(field, path, text))
    return None


_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def _scalar(field: Any, path: str, text: str) -> Any:
    kind = field.type
    try:
        if kind in {FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64}:
            number = int(text)
            bits = 31 if kind == FieldDescriptor.TYPE_INT32 else 63
            if not -(2**bits) <= number < 2**bits:
                raise ValueError(text)
            return number
        if kind == FieldDescriptor.TYPE_DOUBLE:
            return float(text)
        if kind == FieldDescriptor.TYPE_BOOL:
            return _TRUTH[text.lower()]
    except (ValueError, KeyError) as error:
        what = {
            FieldDescriptor.TYPE_DOUBLE: "a number",
            FieldDescriptor.TYPE_BOOL: "true or false",
        }.get(kind, "a whole number")
        msg = f"{path} has to be {what}, not {text!r}"
        raise BadWord(msg) from error
    return text


# ---- writing -------------------------------------------------------------------------------


def describe(
    kind: MessageType | None, message: Any, *, limit: int | None = LONGEST, brief: bool = False
) -> str:
    """A message in words.

    Args:
        kind: Its row in the message table, None if it cannot be read.
        message: Its protobuf form, or None.
        limit: A longer text is cut there; None for never.
        brief: Leave out what is set to nothing inside of parts: 0, false, an empty text or part.
    """
    if kind is None:
        return "a message that cannot be read"
    words = [kind.name]
    if message is not None:
        told = fields_of(message)
        words += [
            f"{path}={value}" for path, value in told if not (brief and _is_noise(path, value))
        ]
    text = " ".join(words)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 4]} ..."


def _is_noise(path: str, value: str) -> bool:
    """Whether a part's field is set to nothing; a message's own fields always mean something."""
    return value == EMPTY or ("." in path and value in NOTHING)


def fields_of(message: Any) -> Iterator[tuple[str, str]]:
    """The set fields of a message: path and value, as they are written."""
    return _fields(message, "")


def _fields(message: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        path = f"{prefix}{field.name}"
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                for key in sorted(value):
                    yield f"{path}{{{key}}}", quote(value[key])
            elif field.is_repeated:
                for index, part in enumerate(value):
                    yield from _part(part, f"{path}[{index}]")
            else:
                yield from _part(value, path)
        elif field.is_repeated:
            for index, one in enumerate(value):
                yield f"{path}[{index}]", _text(one)
        else:
            yield path, _text(value)


def _part(part: Any, path: str) -> Iterator[tuple[str, str]]:
    if not part.ListFields():
        yield path, EMPTY
    else:
        yield from _fields(part, f"{path}.")


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        whole = math.isfinite(value) and value.is_integer() and abs(value) < 2**53
        # -0.0 is another number than 0
        return str(int(value)) if whole and (value or math.copysign(1, value) > 0) else repr(value)
    return str(value) if isinstance(value, int) else quote(str(value))


def known_fields(kind: MessageType) -> Iterator[tuple[str, str]]:
    """Every field that a message can have: how it is written, and what its value is."""
    if kind.proto is not None:
        yield from _known_fields(message_class(kind.proto).DESCRIPTOR, "", ())


def _known_fields(
    descriptor: Any, prefix: str, above: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    for field in descriptor.fields:
        path = f"{prefix}{field.name}"
        if field.type != FieldDescriptor.TYPE_MESSAGE:
            yield f"{path}[0]" if field.is_repeated else path, _TYPES.get(field.type, "text")
        elif field.message_type.GetOptions().map_entry:
            yield f"{path}{{key}}", "text"
        elif field.message_type.full_name not in above:
            path = f"{path}[0]." if field.is_repeated else f"{path}."
            inner = (*above, descriptor.full_name)
            yield from _known_fields(field.message_type, path, inner)


_TYPES = {
    FieldDescriptor.TYPE_INT32: "whole number",
    FieldDescriptor.TYPE_INT64: "whole number",
    FieldDescriptor.TYPE_DOUBLE: "number",
    FieldDescriptor.TYPE_BOOL: "true or false",
}


def quote(text: str) -> str:
    """A text as a value: bare where it is one plain word, else in quotes."""
    if _BARE.fullmatch(text) and text.isprintable():
        return text
    return json.dumps(text, ensure_ascii=not text.isprintable())
