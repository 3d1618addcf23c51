"""Rows as DataFrames of pandas or polars, which need not be installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs

from twsloop.errors import HistoryError

from .rows import Bar

__all__ = ["columns", "to_pandas", "to_polars"]


def columns(rows: Sequence[Any], *, exact: bool = False) -> dict[str, list[Any]]:
    """The rows by column, in order; of days ``day`` stands in the place of ``time``.

    Args:
        rows: Of one class.
        exact: Keep Decimals instead of floats.
    """
    if not rows:
        return {field.name: [] for field in attrs.fields(Bar) if field.name != "day"}
    names = [field.name for field in attrs.fields(type(rows[0]))]
    dated = getattr(rows[0], "day", None) is not None
    if "day" in names:
        names.remove("day")
    if dated:
        names[0] = "day"
    return {name: [_value(getattr(row, name), exact) for row in rows] for name in names}


def _value(value: Any, exact: bool) -> Any:
    return float(value) if isinstance(value, Decimal) and not exact else value


def to_pandas(rows: Sequence[Any], *, exact: bool = False) -> Any:
    """A pandas DataFrame with the time, or the day, as its index.

    Raises:
        HistoryError: pandas is not installed.
    """
    pandas = _library("pandas")
    told = columns(rows, exact=exact)
    index = "day" if "day" in told else "time"
    frame = pandas.DataFrame(told)
    frame[index] = pandas.to_datetime(frame[index], utc=index == "time")
    return frame.set_index(index)


def to_polars(rows: Sequence[Any], *, exact: bool = False) -> Any:
    """A polars DataFrame.

    Raises:
        HistoryError: polars is not installed.
    """
    polars = _library("polars")
    return polars.DataFrame(columns(rows, exact=exact), infer_schema_length=None)


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        msg = f"{name} is not installed: pip install 'twsloop[frames]', or use the rows themselves"
        raise HistoryError(msg) from None
