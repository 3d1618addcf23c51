"""Contracts: builders for IB's own ``Contract``, symbols as people type them, and what is listed.

`twsloop.contracts.requests.Contracts` asks the gateway (``gw.contracts``); what it answers with,
and the filters it takes, are here.
"""

from __future__ import annotations

from .builders import combo, crypto, forex, future, index, option, stock
from .chains import Between, Nearest, OptionChain, Within
from .hours import Session, TradingHours
from .rules import MarketRule, PriceStep
from .state import DepthExchange, ListedFuture, Resolution, SmartVenue, SymbolMatch
from .symbols import holding_name, parse_symbol, symbol_of, to_contract

__all__ = [
    "Between",
    "DepthExchange",
    "ListedFuture",
    "MarketRule",
    "Nearest",
    "OptionChain",
    "PriceStep",
    "Resolution",
    "Session",
    "SmartVenue",
    "SymbolMatch",
    "TradingHours",
    "Within",
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
