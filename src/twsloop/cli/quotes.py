"""Quotes as rows and as a table: what ``subscribe`` and ``demo`` show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from .output import WIDTH, cell

if TYPE_CHECKING:
    from twsloop.market_data.state import Ticker

__all__ = ["SHOWN_COLUMNS", "TICK_COLUMNS", "quote_table", "tick_row"]

#: The columns of a tick in JSON and CSV.
TICK_COLUMNS = (
    *("time", "symbol", "changed", "bid_size", "bid", "ask", "ask_size", "last", "last_size"),
    *("volume", "open", "high", "low", "close"),
)

#: The columns of a line for people.
SHOWN_COLUMNS = (
    *("time", "symbol", "bid_size", "bid", "ask", "ask_size", "last", "last_size", "volume"),
)

#: The columns of the table: heading, and how wide the terminal must be for it, characters.
_SHOWN: dict[str, int] = {
    "symbol": 0,
    "bid size": 76,
    "bid": 0,
    "ask": 0,
    "ask size": 76,
    "last": 0,
    "size": 92,
    "change": 54,
    "volume": 92,
    "high": 122,
    "low": 122,
    "age": 122,
}


def tick_row(ticker: Ticker) -> dict[str, Any]:
    """A ticker as it is now; to be called where its tick is told."""
    return {
        "time": ticker.received_time,
        "symbol": ticker.symbol,
        "changed": " ".join(ticker.changed),
        **{column: getattr(ticker, column) for column in TICK_COLUMNS[3:]},
    }


def quote_table(tickers: Iterable[Ticker], *, caption: str = "", width: int = WIDTH) -> Table:
    """All tickers as a table; a stale one is dim, a failed one says why below.

    Args:
        tickers: What to show.
        caption: What stands below.
        width: How wide it may be, characters; a narrow one has fewer columns.
    """
    table = Table(
        caption=caption or None,
        caption_justify="left",
        header_style="bold",
    )
    shown = [column for column, least in _SHOWN.items() if width >= least]
    for column in shown:
        table.add_column(column, justify="left" if column == "symbol" else "right", no_wrap=True)
    failed: list[str] = []
    for ticker in tickers:
        if ticker.error is not None:
            failed.append(f"[red]{escape(str(ticker.error))}[/red]")
            continue
        age = ticker.age
        row = {
            "symbol": ticker.symbol,
            "bid size": cell(ticker.bid_size),
            "bid": _price(ticker.bid, ticker),
            "ask": _price(ticker.ask, ticker),
            "ask size": cell(ticker.ask_size),
            "last": _price(ticker.last, ticker),
            "size": cell(ticker.last_size),
            "change": _change(ticker),
            "volume": cell(ticker.volume),
            "high": _price(ticker.high, ticker),
            "low": _price(ticker.low, ticker),
            "age": "" if age is None else f"{age:.1f} s",
        }
        table.add_row(
            *(row[column] for column in shown),
            style="dim" if ticker.stale else None,
        )
    if failed:
        table.caption = "\n".join((*failed, caption)).rstrip()
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
