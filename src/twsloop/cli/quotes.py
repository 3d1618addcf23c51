"""Quotes as rows and as a table: what ``subscribe`` and ``demo`` show."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.box import HEAVY_HEAD
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .fields import Field, decimal, moment, number, text
from .output import WIDTH, cell
from .shapes import Line, line

if TYPE_CHECKING:
    from twsloop.market_data.state import Ticker

__all__ = [
    "LINE_ERROR",
    "QUOTE",
    "SHOWN_COLUMNS",
    "TICK",
    "TICK_COLUMNS",
    "quote_table",
    "tick_row",
]

_QUOTE: dict[str, Field] = {
    "time": moment("when the last tick came", null=True),
    "symbol": text("the contract, as it was given"),
    "changed": text("which fields the tick set, separated by blanks"),
    "bid_size": decimal("size of the best bid", null=True),
    "bid": number("best bid", null=True),
    "ask": number("best ask", null=True),
    "ask_size": decimal("size of the best ask", null=True),
    "last": number("last price", null=True),
    "last_size": decimal("size of the last trade", null=True),
    "volume": decimal("traded today", null=True),
    "open": number("first price of the day", null=True),
    "high": number("highest price of the day", null=True),
    "low": number("lowest price of the day", null=True),
    "close": number("last price of the day before", null=True),
}
TICK = Line("tick", "A quote as it is after a tick.", _QUOTE)
QUOTE = Line("quote", "A quote as it stands.", _QUOTE)
LINE_ERROR = line(
    "line_error",
    "One symbol has no quotes, or none any more; the others go on.",
    symbol=text("the contract, as it was given"),
    message=text("why"),
)

#: The columns of a tick in JSON and CSV.
TICK_COLUMNS = TICK.columns

#: The columns of a line for people.
SHOWN_COLUMNS = (
    *("time", "symbol", "bid_size", "bid", "ask", "ask_size", "last", "last_size", "volume"),
)

#: The columns of the table, and how wide each is at least, characters: so that one does not come
#: and go with every digit.
_SHOWN: dict[str, int] = {
    "symbol": 7,
    "bid size": 8,
    "bid": 7,
    "ask": 7,
    "ask size": 8,
    "last": 7,
    "size": 5,
    "change": 7,
    "volume": 9,
    "high": 7,
    "low": 7,
    "age": 6,
}
#: In this order they are shown as far as there is room.
_IMPORTANT = (
    *("symbol", "bid", "ask", "last", "change", "bid size", "ask size", "volume", "size"),
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


def quote_table(
    tickers: Iterable[Ticker],
    *,
    caption: str = "",
    width: int = WIDTH,
    framed: bool = True,
    ended: bool = False,
) -> Table:
    """All tickers as a table; a stale one is dim, a failed one says why below.

    Args:
        tickers: What to show.
        caption: What stands below.
        width: How wide it may be, characters; a narrow one has fewer columns.
        framed: Whether it has lines of its own.
        ended: Whether they are snapshots, complete: of these none is dim for having ended.
    """
    table = Table(
        box=HEAVY_HEAD if framed else None,
        pad_edge=framed,
        caption=caption or None,
        caption_justify="left",
        header_style="bold",
    )
    rows: list[tuple[dict[str, str], bool]] = []
    failed: list[str] = []
    for ticker in tickers:
        if ticker.error is not None:
            failed.append(f"[red]{escape(str(ticker.error))}[/red]")
        else:
            rows.append((_cells(ticker), ticker.stale))
    shown = _fitting([cells for cells, _ in rows], width, 3 if framed else 2)
    for column in shown:
        table.add_column(column, justify="left" if column == "symbol" else "right", no_wrap=True)
    for cells, stale in rows:
        table.add_row(
            *(cells[column] for column in shown), style="dim" if stale and not ended else None
        )
    if failed:
        table.caption = "\n".join((*failed, caption)).rstrip()
    return table


def _cells(ticker: Ticker) -> dict[str, str]:
    """What stands in each column, as rich reads it."""
    age = ticker.age
    return {
        "symbol": escape(ticker.symbol),
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


def _fitting(rows: list[dict[str, str]], width: int, beside: int) -> list[str]:
    """The most important columns that there is room for, each whole, in their order."""
    chosen: set[str] = set()
    left = width
    for column in _IMPORTANT:
        cells = (Text.from_markup(row[column]).cell_len for row in rows)
        left -= max(_SHOWN[column], *cells, 0) + beside
        if left < 0 and chosen:
            break
        chosen.add(column)
    return [column for column in _SHOWN if column in chosen]


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
    # What is less than half of the last place is neither a gain nor a loss.
    change = round((price / ticker.close - 1) * 100, 2)
    if not change:
        return "0.00%"
    colour = "green" if change > 0 else "red"
    return f"[{colour}]{change:+.2f}%[/{colour}]"
