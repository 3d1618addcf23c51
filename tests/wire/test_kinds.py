from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.wire.kinds import Kind, escape, kind_of, unescape
from twsloop.wire.messages import message_class


def kind(path: str, name: str | None = None, unset: str | None = None, version: int = 200) -> Kind:
    proto, field = path.split(".")
    return kind_of(message_class(proto).DESCRIPTOR.fields_by_name[field], name, unset, version)


INT, LONG = "Order.displaySize", "Order.permId"
DOUBLE, FLAG, TEXT = "Order.lmtPrice", "Order.hidden", "Order.totalQuantity"


@pytest.mark.parametrize(
    ("path", "name", "unset", "spelling"),
    [
        (INT, None, None, "0"),
        (INT, None, "", ""),
        (INT, None, "max", "2147483647"),
        (LONG, None, "max", "9223372036854775807"),
        (DOUBLE, None, None, "0.0"),
        (DOUBLE, "whole", None, "0"),
        (DOUBLE, None, "max", "1.7976931348623157E308"),
        (DOUBLE, None, "-2", "-2"),
        (FLAG, None, None, "0"),
        (TEXT, None, None, ""),
        (TEXT, "decimal", None, "0"),
        (TEXT, "decimal", "", ""),
        (TEXT, "size", None, "0"),
    ],
)
def test_unset_is_spelled_and_read_as_unset_unless_it_says_zero(
    path: str, name: str | None, unset: str | None, spelling: str
) -> None:
    found = kind(path, name, unset)
    assert found.unset == spelling
    zero = "0" if name in {"decimal", "size"} else 0
    assert found.read(spelling) == (zero if spelling in {"0", "0.0"} else None)


@pytest.mark.parametrize(
    ("path", "name", "value", "text"),
    [
        (INT, None, -7, "-7"),
        (DOUBLE, None, 100.0, "100.0"),
        (DOUBLE, None, 0.1, "0.1"),
        (DOUBLE, None, math.inf, "Infinity"),
        (DOUBLE, None, -math.inf, "-Infinity"),
        (DOUBLE, None, sys.float_info.max, "1.7976931348623157E308"),
        (DOUBLE, "whole", 100.0, "100"),
        (DOUBLE, "whole", -2.5, "-2.5"),
        (DOUBLE, "whole", 1e300, "1e+300"),
        (DOUBLE, "int", 2.9, "2"),
        (FLAG, None, True, "1"),
        (FLAG, None, False, "0"),
        (FLAG, "andor", True, "a"),
        (FLAG, "andor", False, "o"),
        (TEXT, "decimal", "0.50", "0.50"),
    ],
)
def test_values_are_written(path: str, name: str | None, value: Any, text: str) -> None:
    assert kind(path, name).write(value) == text


@pytest.mark.parametrize(
    ("path", "name", "text", "value"),
    [
        (INT, None, "100.0", 100),
        (INT, None, "-1", -1),
        (INT, None, "1.7976931348623157e+308", None),
        (LONG, None, "2147483647", 2147483647),
        (DOUBLE, None, "100", 100.0),
        (DOUBLE, None, "2147483647", 2147483647.0),
        (DOUBLE, None, "1.7976931348623157e+308", None),
        (DOUBLE, None, "Infinite", math.inf),
        (DOUBLE, None, "-Infinity", -math.inf),
        (FLAG, None, "True", True),
        (FLAG, None, "false", False),
        (FLAG, None, "", None),
        (FLAG, None, "2", True),
        (TEXT, "decimal", "2147483647", None),
        (TEXT, "decimal", "-9223372036854775808", None),
        (TEXT, "decimal", "1.7976931348623157E308", None),
        (TEXT, "decimal", "170141183460469231731687303715884105727", None),
        (TEXT, "decimal", "1000000000000", "1000000000000"),
    ],
)
def test_texts_are_read(path: str, name: str | None, text: str, value: Any) -> None:
    assert kind(path, name).read(text) == value


@pytest.mark.parametrize(
    ("path", "name", "text"),
    [
        (INT, None, "x"),
        (INT, None, "1.5"),
        (INT, None, "NaN"),
        (DOUBLE, None, "cheap"),
        (FLAG, None, "yes"),
        (FLAG, "andor", "x"),
        (FLAG, "andor", ""),
        (TEXT, "decimal", "ten"),
    ],
)
def test_what_is_no_value_of_the_type_raises(path: str, name: str | None, text: str) -> None:
    with pytest.raises((ValueError, ArithmeticError)):
        kind(path, name).read(text)


def test_a_type_that_does_not_fit_the_field_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written as 'decimal'"):
        kind(DOUBLE, "decimal")


def test_nan_survives() -> None:
    assert math.isnan(kind(DOUBLE).read(kind(DOUBLE).write(math.nan)))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_escapes_are_printable_ascii_and_read_back(text: str) -> None:
    escaped = escape(text)
    assert escaped.isascii()
    assert "\n" not in escaped
    assert unescape(escaped) == text


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_ibs_decoder_reads_our_escapes(text: str) -> None:
    assert escape(text).encode().decode("unicode-escape") == text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"M\u00fcller", "Müller"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\U0001f600", "\U0001f600"),
        (r"a lone \ud83d", "a lone �"),
        (r"C:\Program \d", r"C:\Program \d"),
        ("ends in \\", "ends in \\"),
        (r"two\nlines", "two\nlines"),
        (r"\\u0041", r"\u0041"),
        ("é as it is", "é as it is"),
    ],
)
def test_escapes_of_others_are_read(text: str, value: str) -> None:
    assert unescape(text) == value


def test_escapes_come_with_version_153() -> None:
    assert kind(TEXT, "escaped", version=152).write("é") == "é"
    assert kind(TEXT, "escaped", version=152).read(r"\u00e9") == r"\u00e9"
    assert kind(TEXT, "escaped", version=153).write("é") == r"\xe9"
    assert kind(TEXT, "escaped", version=153).read(r"\u00e9") == "é"
