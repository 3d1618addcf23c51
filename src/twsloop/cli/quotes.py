"""Quotes as rows and as a table: what ``subscribe`` and ``demo`` show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from .output import cell

if TYPE_CHECKING:
    from twsloop.market_data.state import Ticker

__all__ = ["TICK_COLUMNS", "quote_table", "tick_row"]

#: The columns of a tick in JSON and CSV.
TICK_COLUMNS = (
    *("time", "symbol", "changed", "bid_size", "bid", "ask", "ask_size", "last", "last_size"),
    *("volume", "open", "high", "low", "close"),
)

_SHOWN = (
    *("symbol", "bid size", "bid", "ask", "ask size", "last", "size", "change", "volume"),
    *("high", "low", "age"),
)


def tick_row(ticker: Ticker) -> dict[str, Any]:
    """A ticker as it is now; to be called where its tick is told."""
    return {
        "time": ticker.received_time,
        "symbol": ticker.symbol,
        "changed": " ".join(ticker.changed),
        **{column: getattr(ticker, column) for column in TICK_COLUMNS[3:]},
    }


def quote_table(tickers: Iterable[Ticker], *, title: str = "", caption: str = "") -> Table:
    """All tickers as a table; a stale one is dim, a failed one says why."""
    table = Table(
        title=title or None,
        title_justify="left",
        caption=caption or None,
        caption_justify="left",
        header_style="bold",
    )
    for column in _SHOWN:
        table.add_column(column, justify="left" if column == "symbol" else "right", no_wrap=True)
    for ticker in tickers:
        if ticker.error is not None:
            table.add_row(ticker.symbol, f"[red]{escape(str(ticker.error))}[/red]")
            continue
        age = ticker.age
        table.add_row(
            ticker.symbol,
            cell(ticker.bid_size),
            _price(ticker.bid, ticker),
            _price(ticker.ask, ticker),
            cell(ticker.ask_size),
            _price(ticker.last, ticker),
            cell(ticker.last_size),
            _change(ticker),
            cell(ticker.volume),
            _price(ticker.high, ticker),
            _price(ticker.low, ticker),
            "" if age is None else f"{age:.1f} s",
            style="dim" if ticker.stale else None,
        )
    return table


def _price(price: float | None, ticker: Ticker) -> str:
    """A price with the decimals of the contract's increment."""
    if price is None:
        return ""
    step = ticker.min_tick
    if not step:
        return cell(price)
    decimals = max(len(f"{step:.8f}".rstrip("0").partition(".")[2]), 2)
    return f"{price:.{decimals}f}"


def _change(ticker: Ticker) -> str:
    """The last price (or the middle, for what has no trades) against the close before."""
    price = ticker.last if ticker.last is not None else ticker.midpoint
    if price is None or not ticker.close:
        return ""
    change = (price / ticker.close - 1) * 100
    colour = "green" if change > 0 else "red" if change < 0 else "white"
    return f"[{colour}]{change:+.2f}%[/{colour}]"
