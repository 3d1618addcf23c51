"""Rows as tables: `to_pandas` and `to_polars`.

Neither library is needed to import this package; each is imported when its function is called.
Columns are the contract's fields in its order, then ``extra`` ones. An option symbol becomes its
text plus ``option_root``, ``option_expiry``, ``option_right`` and ``option_strike``;
``feature_values`` becomes one column for each feature. Money becomes float unless
``decimals=True``.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from .fields import Record, plan
from .occ import OptionSymbol

__all__ = ["columns", "to_pandas", "to_polars"]

_OPTION_COLUMNS = ("option_root", "option_expiry", "option_right", "option_strike")


def _cells(row: Record) -> dict[str, Any]:
    cells: dict[str, Any] = {}
    for name, kind in plan(type(row)).items():
        value = getattr(row, name)
        if kind.name == "option":
            cells[name] = None if value is None else str(value)
            parts: tuple[Any, ...] = (None,) * 4
            if isinstance(value, OptionSymbol):
                parts = (value.root, value.expiry, value.right, value.strike)
            cells.update(zip(_OPTION_COLUMNS, parts, strict=True))
        elif kind.name == "mapping":
            # The key's own dot keeps a feature called "signal" apart from the column "signal".
            cells.update({f"{name}.{inner}": item for inner, item in (value or {}).items()})
        else:
            cells[name] = list(value) if isinstance(value, tuple) else value
    cells.update({name: item for name, item in row.extra.items() if name not in cells})
    return cells


def columns(rows: Iterable[Record], *, decimals: bool = False) -> dict[str, list[Any]]:
    """The table as plain lists, all of one length; a cell that a row does not have is None.

    Args:
        rows: Records of one class.
        decimals: Keep money as Decimal.
    """
    table: dict[str, list[Any]] = {}
    for count, row in enumerate(rows):
        for name, value in _cells(row).items():
            column = table.setdefault(name, [None] * count)
            number = float(value) if isinstance(value, Decimal) and not decimals else value
            column.append(number)
        for column in table.values():
            if len(column) == count:
                column.append(None)
    return table


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ModuleNotFoundError(
            f"to_{name}() needs {name}, which is not installed: pip install {name}", name=name
        ) from None


def to_pandas(rows: Iterable[Record], *, decimals: bool = False) -> Any:
    """A ``pandas.DataFrame``; times are ``datetime64[ns, UTC]``.

    Args:
        rows: Records of one class.
        decimals: Keep money as Decimal (an object column).

    Raises:
        ModuleNotFoundError: pandas is not installed.
    """
    pandas = _library("pandas")
    kept = list(rows)
    table = columns(kept, decimals=decimals)
    frame = pandas.DataFrame(table)
    for name, kind in _kinds(kept).items():
        if kind in {"epoch_ms", "iso"} and name in frame:
            frame[name] = pandas.to_datetime(frame[name], utc=True).astype("datetime64[ns, UTC]")
    return frame


def to_polars(rows: Iterable[Record], *, decimals: bool = False) -> Any:
    """A ``polars.DataFrame``; times are ``Datetime("us", "UTC")``.

    Args:
        rows: Records of one class.
        decimals: Keep money as Decimal.

    Raises:
        ModuleNotFoundError: polars is not installed.
    """
    polars = _library("polars")
    kept = list(rows)
    table = columns(kept, decimals=decimals)
    series = []
    for name, values in table.items():
        if _kinds(kept).get(name) in {"epoch_ms", "iso"}:
            # polars wants one zone a column; ours are all aware, so UTC loses nothing.
            kind = polars.Datetime("us", "UTC")
            series.append(polars.Series(name, values, dtype=kind, strict=False))
        else:
            series.append(polars.Series(name, values, strict=False))
    return polars.DataFrame(series)


def _kinds(rows: list[Record]) -> Mapping[str, str]:
    return {name: kind.name for name, kind in plan(type(rows[0])).items()} if rows else {}
