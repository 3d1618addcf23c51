r"""How one value is written as text, and read: the types of the text protocol.

A field's type follows from its protobuf type; a layout names another only where TWS departs from
it. A type also says how *unset* is spelled, because the text protocol cannot leave a field out:

======== ==================== ================================== ==============================
type     protobuf type        written                            when unset
======== ==================== ================================== ==============================
int      int32, int64, double ``100`` (a double loses its        ``0``
                              fraction: clients use ``int()``)
float    double               ``0.0`` ``101.5`` ``Infinity``     ``0.0``
whole    double               ``0`` ``101.5``: no fraction       ``0``
                              where there is none
flag     bool                 ``1`` ``0``                        ``0``
andor    bool                 ``a`` (and) or ``o`` (or)          ``o``
text     string               as it is                           (empty)
escaped  string               from version 153 on in ASCII, with (empty)
                              ``\uXXXX`` for all else
decimal  string               as it is; below version 163        ``0``
                              without a fraction that is zero
size     string               as it is; below version 163 cut to ``0``
                              an integer, as clients of that
                              time read it with ``int()``
======== ==================== ================================== ==============================

``field?`` means: empty when unset. ``field?max``: the largest number of its type when unset, which
is IB's own mark for "no value". ``field?-1``: that number when unset.

Reading is tolerant: every spelling of unset that any client or server uses is accepted for every
number (`UNSET_NUMBERS`), and leaves the protobuf field unset. A spelling that says *zero* (``0``)
sets the field to zero.
"""

from __future__ import annotations

import functools
import math
import re
import sys
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import attrs
from google.protobuf.descriptor import FieldDescriptor

__all__ = [
    "ASCII_ESCAPES_SINCE",
    "FRACTIONAL_SIZES_SINCE",
    "UNSET_NUMBERS",
    "Kind",
    "escape",
    "kind_of",
    "unescape",
]

ASCII_ESCAPES_SINCE = 153
"""From this server version on some texts travel in ASCII with escapes (ENCODE_MSG_ASCII7)."""

FRACTIONAL_SIZES_SINCE = 163
"""From this server version on a size may have a fraction (FRACTIONAL_SIZE_SUPPORT)."""

MAX_INT = "2147483647"
MAX_LONG = "9223372036854775807"
MAX_DOUBLE = "1.7976931348623157E308"

UNSET_DECIMAL = "170141183460469231731687303715884105727"
"""2**127 - 1: what IB's client writes for a decimal it does not know (quantity beside cashQty)."""

UNSET_NUMBERS = frozenset(
    {"", MAX_INT, MAX_LONG, "-9223372036854775808", MAX_DOUBLE, UNSET_DECIMAL}
)
"""Spellings of "no value"; any spelling of the largest double counts too."""

_INTEGER_TYPES = {FieldDescriptor.TYPE_INT32: MAX_INT, FieldDescriptor.TYPE_INT64: MAX_LONG}
_DEFAULT_TYPE = {
    FieldDescriptor.TYPE_INT32: "int",
    FieldDescriptor.TYPE_INT64: "int",
    FieldDescriptor.TYPE_DOUBLE: "float",
    FieldDescriptor.TYPE_BOOL: "flag",
    FieldDescriptor.TYPE_STRING: "text",
}
_WORDS_FOR_INFINITY = {
    "Infinity": math.inf,
    "Infinite": math.inf,  # ib_insync and ib_async write it so
    "-Infinity": -math.inf,
}


@attrs.frozen
class Kind:
    """One type, for one protobuf field at one server version.

    Attributes:
        name: The type's name, for error texts.
        unset: What is written for an unset field.
        write: Value to text.
        read: Text to value, or None for unset; ValueError or ArithmeticError when it is neither.
    """

    name: str
    unset: str
    write: Callable[[Any], str]
    read: Callable[[str], Any]


def kind_of(
    field: FieldDescriptor, name: str | None, unset: str | None, server_version: int
) -> Kind:
    """Find the type of a field.

    Args:
        field: The protobuf field.
        name: The type named in the layout, or None for the protobuf field's own.
        unset: The spelling of unset named in the layout, or None for the type's own.
        server_version: Some types changed over time.

    Raises:
        ValueError: The layout names a type that does not fit the field.
    """
    name = name or _DEFAULT_TYPE[field.type]
    make = _KINDS.get((name, field.type))
    if make is None:
        raise ValueError(f"{field.full_name} cannot be written as {name!r}")
    kind = make(server_version)
    if unset is None:
        return kind
    if unset == "max":
        unset = _INTEGER_TYPES.get(field.type, MAX_DOUBLE)
    if unset == "":
        return attrs.evolve(kind, unset="")
    return attrs.evolve(kind, unset=unset, read=_reading_as_unset(kind.read, kind.read(unset)))


def _reading_as_unset(read: Callable[[str], Any], mark: Any) -> Callable[[str], Any]:
    if mark is None:
        return read

    def read_or_unset(text: str) -> Any:
        value = read(text)
        return None if value == mark else value

    return read_or_unset


# ---- numbers


def _read_int(text: str) -> int | None:
    if text in UNSET_NUMBERS:
        return None
    try:
        return int(text)
    except ValueError:
        number = float(text)  # "100.0": ib_async writes what the user gave it
        if number == sys.float_info.max:
            return None
        if not number.is_integer():
            raise
        return int(number)


def _read_long(text: str) -> int | None:
    # Here 2147483647 is a number like any other (a permId may be).
    return int(text) if text == MAX_INT else _read_int(text)


def _read_float(text: str) -> float | None:
    if text == "":
        return None
    number = _WORDS_FOR_INFINITY.get(text)
    if number is None:
        number = float(text)
    return None if number == sys.float_info.max else number


def _write_float(value: float) -> str:
    if math.isfinite(value):
        return repr(value) if abs(value) != sys.float_info.max else MAX_DOUBLE
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _write_whole(value: float) -> str:
    # Above 2**53 a double has no fraction any more, and many digits that mean nothing.
    if value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return _write_float(value)


def _write_truncated(value: float) -> str:
    return str(int(value))


def _read_flag(text: str) -> bool | None:
    if text == "":
        return None
    if text in {"true", "True"}:
        return True
    if text in {"false", "False"}:
        return False
    return int(text) != 0


def _read_andor(text: str) -> bool:
    if text not in {"a", "o"}:
        raise ValueError(text)
    return text == "a"


# ---- decimals, which protobuf carries as strings


def _read_decimal(text: str) -> str | None:
    if text.isdecimal() and text.isascii() and len(text) < len(MAX_INT):
        return text  # by far the most
    if text in UNSET_NUMBERS:
        return None
    if Decimal(text) == _MAX_DOUBLE_DECIMAL:
        return None
    return text


_MAX_DOUBLE_DECIMAL = Decimal(MAX_DOUBLE)


def _write_decimal(text: str) -> str:
    if text and not text.isdecimal():
        Decimal(text)  # refuse what no client could read
    return text


def _write_old_decimal(text: str) -> str:
    if text == "" or (text.isdecimal() and text.isascii()):
        return text
    number = Decimal(text)
    return f"{number:.0f}" if number == number.to_integral_value() else f"{number:f}"


def _write_old_size(text: str) -> str:
    if text == "" or (text.isdecimal() and text.isascii()):
        return text
    return str(int(Decimal(text)))


# ---- texts

_ESCAPED = re.compile(r"[^\x20-\x5b\x5d-\x7e]")
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[\\'\"abfnrtv])")
_SHORT = {"\\": "\\", "'": "'", '"': '"'} | dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
_NAMED = {"\\": r"\\", "\n": r"\n", "\r": r"\r", "\t": r"\t"}


def escape(text: str) -> str:
    r"""Write a text in printable ASCII, as Python's ``unicode-escape`` does."""
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        char = match[0]
        if char in _NAMED:
            return _NAMED[char]
        code = ord(char)
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _ESCAPED.sub(replace, text)


def unescape(text: str) -> str:
    r"""Read escapes back; what is no escape stays as it is.

    TWS writes characters above U+FFFF as two escapes (a surrogate pair); they become one character.
    """
    if "\\" not in text:
        return text

    def replace(match: re.Match[str]) -> str:
        code = match[1]
        return _SHORT[code] if code in _SHORT else chr(int(code[1:], 16))

    joined = _ESCAPE.sub(replace, text)
    if any("\ud800" <= char <= "\udfff" for char in joined):
        joined = joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return joined


def _same(text: str) -> str:
    return text


def _read_text(text: str) -> str | None:
    return text or None


def _read_escaped(text: str) -> str | None:
    return unescape(text) or None


# ---- the table


def _decimal_kind(server_version: int) -> Kind:
    old = server_version < FRACTIONAL_SIZES_SINCE
    return Kind("decimal", "0", _write_old_decimal if old else _write_decimal, _read_decimal)


def _size_kind(server_version: int) -> Kind:
    old = server_version < FRACTIONAL_SIZES_SINCE
    return Kind("size", "0", _write_old_size if old else _write_decimal, _read_decimal)


def _escaped_kind(server_version: int) -> Kind:
    if server_version < ASCII_ESCAPES_SINCE:
        return _TEXT
    return Kind("escaped", "", escape, _read_escaped)


def _at_any_version(kind: Kind) -> Callable[[int], Kind]:
    return lambda _server_version: kind


_TEXT = Kind("text", "", _same, _read_text)

_KINDS: dict[tuple[str, int], Callable[[int], Kind]] = {
    ("int", FieldDescriptor.TYPE_INT32): _at_any_version(Kind("int", "0", str, _read_int)),
    ("int", FieldDescriptor.TYPE_INT64): _at_any_version(Kind("int", "0", str, _read_long)),
    ("int", FieldDescriptor.TYPE_DOUBLE): _at_any_version(
        Kind("int", "0", _write_truncated, _read_float)
    ),
    ("float", FieldDescriptor.TYPE_DOUBLE): _at_any_version(
        Kind("float", "0.0", _write_float, _read_float)
    ),
    ("whole", FieldDescriptor.TYPE_DOUBLE): _at_any_version(
        Kind("float", "0", _write_whole, _read_float)
    ),
    ("flag", FieldDescriptor.TYPE_BOOL): _at_any_version(
        Kind("flag", "0", lambda value: "1" if value else "0", _read_flag)
    ),
    ("andor", FieldDescriptor.TYPE_BOOL): _at_any_version(
        Kind("and/or", "o", lambda value: "a" if value else "o", _read_andor)
    ),
    ("text", FieldDescriptor.TYPE_STRING): _at_any_version(_TEXT),
    ("escaped", FieldDescriptor.TYPE_STRING): functools.cache(_escaped_kind),
    ("decimal", FieldDescriptor.TYPE_STRING): functools.cache(_decimal_kind),
    ("size", FieldDescriptor.TYPE_STRING): functools.cache(_size_kind),
}
