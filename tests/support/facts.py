"""Any fact at all, for Hypothesis: each field by its annotation."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

import attrs
from hypothesis import strategies as st

from twsloop.events import Fact
from twsloop.events.records import FACTS

__all__ = ["facts", "of_kind", "plain", "times"]

#: The earliest time.
BEGAN = datetime(1990, 1, 1, tzinfo=UTC)
#: Texts that a database can keep: no halves of surrogate pairs.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
times = st.integers(0, 4_000_000_000_000_000).map(lambda us: BEGAN + timedelta(microseconds=us))
decimals = st.decimals(min_value=-(10**9), max_value=10**9, places=4)
numbers = st.integers(-(2**31), 2**31 - 1)
#: What `Any` of a mapping may be: the plain values that JSON has, money as text.
plain = st.one_of(st.none(), st.booleans(), numbers, texts, decimals.map(lambda d: format(d, "f")))

_SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: numbers,
    bool: st.booleans(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    Decimal: decimals,
    datetime: times,
    Any: plain,
}


def _of(hint: Any) -> st.SearchStrategy[Any]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        return st.one_of(*(st.none() if one is type(None) else _of(one) for one in arguments))
    if origin is tuple:
        return st.lists(_of(arguments[0]), max_size=2).map(tuple)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(texts, _of(arguments[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return st.sampled_from(hint)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    return of_kind(hint)


def of_kind(kind: type[Any], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Any object of an attrs class; ``fixed`` says what some of its fields are."""
    hints = typing.get_type_hints(kind)
    parts = {field.name: _of(hints[field.name]) for field in attrs.fields(kind)}
    return st.builds(kind, **parts | fixed)


def facts() -> st.SearchStrategy[Fact]:
    """Any fact of any kind."""
    return st.sampled_from(sorted(FACTS)).flatmap(lambda name: of_kind(FACTS[name]))
