"""Contracts: builders for IB's own ``Contract``, and symbols as people type them."""

from __future__ import annotations

from .builders import combo, crypto, forex, future, index, option, stock
from .symbols import holding_name, parse_symbol, symbol_of, to_contract

__all__ = [
    "combo",
    "crypto",
    "forex",
    "future",
    "holding_name",
    "index",
    "option",
    "parse_symbol",
    "stock",
    "symbol_of",
    "to_contract",
]
