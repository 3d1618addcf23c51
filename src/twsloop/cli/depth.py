"""``twsloop depth``: the order book of a contract, live."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.events import GapEnded, GapStarted, StreamClosed, StreamStarted

from .connect import Patience, connected
from .fields import decimal, flag, many, moment, number, record, text, whole
from .following import SESSION, Following
from .output import Output, cell
from .root import Run, output_option
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.market_data.depth import Depth, DepthLevel, DepthRow

__all__ = ["depth", "depth_table"]

_ROW = record(
    "a row of the book",
    {
        "price": number("its price"),
        "size": decimal("how much is offered there"),
        "market_maker": text("whose it is; in a SMART book the exchange", null=True),
    },
)
DEPTH = line(
    "depth",
    "The order book as it is after a change.",
    time=moment("when the change came"),
    symbol=text("the contract, as it was given"),
    reset=flag("the gateway has emptied it: rows follow"),
    bids=many(_ROW, "who buys, the best first"),
    asks=many(_ROW, "who sells, the best first"),
)
DEPTH_END = line(
    "depth_end",
    "What came, at the end.",
    symbol=text("the contract, as it was given"),
    changes=whole("how many changes of the book"),
    seconds=number("how long it was followed"),
)
#: The columns of CSV: a line a row of the book.
COLUMNS = ("time", "symbol", "side", "position", "price", "size", "market_maker")
#: So many rows of each side a line for people has.
SAID = 3


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop depth AAPL
  twsloop depth EUR.USD --rows 5 --seconds 10
  twsloop --json depth AAPL@NASDAQ --count 100
\b
IB allows three books at a time to most accounts."""
)
@click.argument("symbol")
@click.option(
    "--rows", type=click.IntRange(1, 60), default=10, show_default=True, help="Of each side."
)
@click.option(
    "--smart/--no-smart",
    default=None,
    help="Join the books of all exchanges.  [default: if it is routed by SMART]",
)
@click.option("--levels", is_flag=True, help="Add up what stands at one price.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after so long.")
@click.option("--count", type=click.IntRange(1), help="End after so many changes.")
@output_option
@prints(DEPTH, SESSION, DEPTH_END, GapStarted, GapEnded, StreamStarted, StreamClosed)
@click.pass_obj
def depth(
    run: Run,
    symbol: str,
    rows: int,
    smart: bool | None,
    levels: bool,
    seconds: float | None,
    count: int | None,
    form: str | None,
) -> None:
    """Show the order book of SYMBOL, live.

    On a terminal a table, elsewhere a line a change. A lost link is made again and the book goes
    on; Ctrl-C ends it.
    """
    to_contract(symbol)  # a typo is told before anything is connected
    out = run.output(form)
    with connected(run) as gateway:
        shown = _Shown(out, symbol, levels=levels)
        patience = Patience(seconds)
        following: Following[Depth] = Following(
            gateway,
            out,
            shown.show,
            lambda: shown.table(f"{following.state}   {following.count} changes   Ctrl-C ends it"),
            most=count,
        )
        stream = gateway.market_data.depth(symbol, rows, smart=smart, on_update=following.put)
        try:
            following.run(stream, patience)
        finally:
            spent = round(patience.spent, 1)
            out.event(
                DEPTH_END.event,
                f"{following.count} changes of the book of {symbol} in {spent} s",
                symbol=symbol,
                changes=following.count,
                seconds=spent,
            )


class _Shown:
    """The book as it was told last, and how it is printed."""

    def __init__(self, out: Output, symbol: str, *, levels: bool) -> None:
        self._out = out
        self._symbol = symbol
        self._levels = levels
        self._book: Depth | None = None
        self._said = ""

    def show(self, book: Depth) -> None:
        """Print one change."""
        self._book = book
        if self._out.live:
            return
        if self._out.form == "csv":
            for row in self._rows(book):
                self._out.record(DEPTH.event, COLUMNS, row)
            return
        bids, asks = self._sides(book)
        words = f"{book.time:%H:%M:%S}  {self._symbol}  {_in_words(bids, asks)}"
        text = words if _in_words(bids, asks) != self._said else None
        self._said = _in_words(bids, asks)
        self._out.event(
            DEPTH.event,
            text,
            time=book.time,
            symbol=self._symbol,
            reset=book.reset,
            bids=[_record(row) for row in bids],
            asks=[_record(row) for row in asks],
        )

    def table(self, caption: str) -> Table:
        """The book as a table."""
        bids, asks = self._sides(self._book) if self._book is not None else ((), ())
        return depth_table(self._symbol, bids, asks, caption=caption, width=self._out.console.width)

    def _sides(self, book: Depth) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        if not self._levels:
            return book.bids, book.asks
        from twsloop.market_data.depth import Side  # noqa: PLC0415  (its package loads ibapi)

        return book.levels(Side.BID), book.levels(Side.ASK)

    def _rows(self, book: Depth) -> list[dict[str, Any]]:
        return [
            {"time": book.time, "symbol": self._symbol, "side": side, "position": position}
            | _record(row)
            for side, rows in zip(("bid", "ask"), self._sides(book), strict=True)
            for position, row in enumerate(rows)
        ]


def _maker(row: DepthRow | DepthLevel) -> str:
    makers = getattr(row, "market_makers", None)
    return str(row.market_maker) if makers is None else " ".join(makers)  # type: ignore[union-attr]


def _record(row: DepthRow | DepthLevel) -> dict[str, Any]:
    return {"price": row.price, "size": row.size, "market_maker": _maker(row) or None}


def _in_words(bids: tuple[Any, ...], asks: tuple[Any, ...]) -> str:
    """The best rows of each side: ``300 at 270.70, 100 at 270.69 | 270.72 by 100``."""
    left = ", ".join(f"{cell(row.size)} at {cell(row.price)}" for row in reversed(bids[:SAID]))
    right = ", ".join(f"{cell(row.size)} at {cell(row.price)}" for row in asks[:SAID])
    return f"{left or 'no bids'} | {right or 'no asks'}"


def depth_table(
    symbol: str,
    bids: tuple[Any, ...],
    asks: tuple[Any, ...],
    *,
    caption: str = "",
    width: int = 80,
) -> Table:
    """A book as a table: bids on the left, asks on the right, the best rows on top.

    Args:
        symbol: What stands above it.
        bids: Rows or levels that buy.
        asks: Rows or levels that sell.
        caption: What stands below.
        width: How wide it may be, characters; a narrow one does not say whose the rows are.
    """
    whose = width >= 60 and any(_maker(row) for row in (*bids, *asks))
    table = Table(
        title=escape(symbol),
        title_justify="left",
        caption=caption or None,
        caption_justify="left",
        header_style="bold",
    )
    for heading in (*(["whose"] if whose else []), "bid size", "bid"):
        table.add_column(heading, justify="right", style="green", no_wrap=True)
    for heading in ("ask", "ask size", *(["whose"] if whose else [])):
        side = "right" if heading == "ask size" else "left"
        table.add_column(heading, justify=side, style="red", no_wrap=True)  # type: ignore[arg-type]
    for bid, ask in zip_longest(bids, asks):
        left = ["", ""] if bid is None else [cell(bid.size), cell(bid.price)]
        right = ["", ""] if ask is None else [cell(ask.price), cell(ask.size)]
        if whose:
            left.insert(0, "" if bid is None else escape(_maker(bid)))
            right.append("" if ask is None else escape(_maker(ask)))
        table.add_row(*left, *right)
    return table
