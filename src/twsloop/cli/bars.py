"""``twsloop bars``: bars as they are made."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
from rich.console import Group, RenderableType

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.events import GapEnded, GapStarted, StreamClosed, StreamStarted

from .connect import Patience, connected
from .fields import decimal, flag, moment, number, text, whole
from .following import SESSION, Following
from .output import Output, table_of
from .root import Run, output_option
from .shapes import line, prints
from .showing import TRADES, shown_by, shows_option

if TYPE_CHECKING:
    from twsloop.connection.stream import Stream
    from twsloop.gateway import IBGateway

__all__ = ["bars"]

BAR = line(
    "bar",
    "One bar that is over.",
    symbol=text("the contract, as it was given"),
    time=moment("when it began; of a bar of a day or more midnight UTC of its day"),
    open=number("first price"),
    high=number("highest price"),
    low=number("lowest price"),
    close=number("last price"),
    volume=decimal("how much was traded", null=True),
    average=decimal("the average price, weighted by volume", null=True),
    count=whole("how many trades", null=True),
    interrupted=flag("something may be missing in it"),
)
BARS_END = line(
    "bars_end",
    "What came, at the end.",
    symbol=text("the contract, as it was given"),
    bars=whole("how many bars"),
    seconds=number("how long it was followed"),
)
IMPORTANT = ("time", "close", "high", "low", "open", "volume", "count")
#: IB's own bars in real time, which need no history.
REAL_TIME = "5 secs"
#: So many bars of before come first where --last does not say how many.
EARLIER = 20
#: So many bars are kept for the table of a terminal.
KEPT = 500
#: A quotient has no end: of the average price so many places are told.
PLACES = 8
#: What a line for people says of a bar.
SAID = ("time", "symbol", "open", "high", "low", "close", "volume", "count")
#: The lines of the terminal that are no bars: the table's frame and heading, the caption.
FRAME = 7

Opened = Callable[[Callable[[Any], None]], "Stream[Any]"]


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop bars AAPL                                IB's bars of five seconds
  twsloop bars SPY --bar "1 min" --last "30 mins"  those of the last half hour, then the new ones
  twsloop bars AAPL --ticks 50 --seconds 60        a bar for 50 trades
  twsloop --json bars EUR.USD --what MIDPOINT --count 3
"""
)
@click.argument("symbol")
@click.option("--bar", "bar_size", help=f"The bars' size.  [default: {REAL_TIME}]")
@click.option(
    "--last",
    "duration",
    help=f"Begin so long back (30 mins, 1 D).  [default: {EARLIER} bars; not of {REAL_TIME}]",
)
@click.option("--ticks", type=click.IntRange(1), help="A bar for so many trades, instead.")
@click.option("--volume", type=click.IntRange(1), help="A bar whenever so much was traded.")
@shows_option
@click.option("--rth", is_flag=True, help="Only within regular trading hours.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after so long.")
@click.option("--count", type=click.IntRange(1), help="End after so many bars.")
@output_option
@prints(BAR, SESSION, BARS_END, GapStarted, GapEnded, StreamStarted, StreamClosed)
@click.pass_obj
def bars(
    run: Run,
    symbol: str,
    bar_size: str | None,
    duration: str | None,
    ticks: int | None,
    volume: int | None,
    what: str | None,
    rth: bool,
    seconds: float | None,
    count: int | None,
    form: str | None,
) -> None:
    """Print the bars of SYMBOL as they are made.

    On a terminal a table with the bar under way, elsewhere a line a bar that is over. A lost link
    is made again and the bars go on; Ctrl-C ends it.
    """
    contract = to_contract(symbol)  # a typo is told before anything is connected
    if sum(one is not None for one in (bar_size, ticks, volume)) > 1:
        raise click.UsageError("--bar, --ticks or --volume: only one of them.")
    local = ticks is not None or volume is not None
    what = what or shown_by(contract)
    if local and (duration is not None or rth or what.upper() != TRADES):
        raise click.UsageError(
            "--ticks and --volume sum up trades as they come: no --last, --rth, --what; no pairs."
        )
    size = bar_size or REAL_TIME
    if duration is not None and not local and _is_real_time(size):
        raise click.UsageError(
            f"Bars of {REAL_TIME} come as they are made: --last needs a longer --bar."
        )
    out = run.output(form)
    with connected(run) as gateway:
        if local:
            opened = _counted(gateway, symbol, ticks, volume)
        elif _is_real_time(size):
            opened = _real_time(gateway, symbol, what, rth)
        else:
            opened = _live(gateway, symbol, size, duration, what, rth)
        _follow(gateway, out, symbol, opened, Patience(seconds), count)


# ---------------------------------------------------------------------------------- sources
def _is_real_time(size: str) -> bool:
    """Whether IB makes such bars in real time.

    Raises:
        HistoryError: It has none of that size.
    """
    from twsloop.history.words import bar_size_of  # noqa: PLC0415  (its package loads ibapi)

    return bar_size_of(size).text == REAL_TIME


def _real_time(gateway: IBGateway, symbol: str, what: str, rth: bool) -> Opened:
    def opened(told: Callable[[Any], None]) -> Stream[Any]:
        return gateway.market_data.realtime_bars(symbol, what, rth=rth, on_update=told)

    return opened


def _counted(gateway: IBGateway, symbol: str, ticks: int | None, volume: int | None) -> Opened:
    def opened(told: Callable[[Any], None]) -> Stream[Any]:
        return gateway.market_data.local_bars(symbol, ticks=ticks, volume=volume, on_update=told)

    return opened


def _live(
    gateway: IBGateway, symbol: str, size: str, duration: str | None, what: str, rth: bool
) -> Opened:
    """History up to now, then what comes; only what is over is told."""
    from twsloop.history.words import bar_size_of  # noqa: PLC0415  (its package loads ibapi)

    back = EARLIER * bar_size_of(size).length if duration is None else duration

    def opened(told: Callable[[Any], None]) -> Stream[Any]:
        return gateway.history.live_bars(
            symbol,
            lambda update: told(update.bar) if update.over else None,
            bar_size=size,
            duration=back,
            what=what,
            rth=rth,
        )

    return opened


# ---------------------------------------------------------------------------------- printing
def _follow(
    gateway: IBGateway,
    out: Output,
    symbol: str,
    opened: Opened,
    patience: Patience,
    count: int | None,
) -> None:
    """Print bars until the time is over."""
    newest: deque[dict[str, Any]] = deque(maxlen=KEPT)

    def show(bar: Any) -> None:
        row = _row(symbol, bar) | ({"time": _when(bar)} if out.form == "table" else {})
        newest.append(row)
        if not out.live:
            out.record(BAR.event, BAR.columns, row, shown=SAID)

    following: Following[Any] = Following(
        gateway, out, show, lambda: _table(out, newest, stream, following), most=count
    )
    stream = opened(following.put)
    try:
        following.run(stream, patience)
    finally:
        spent = round(patience.spent, 1)
        out.event(
            BARS_END.event,
            f"{following.count} bars of {symbol} in {spent} s",
            symbol=symbol,
            bars=following.count,
            seconds=spent,
        )


def _when(bar: Any) -> str:
    """When a bar began, for people: of a bar of a day or more its day."""
    day = getattr(bar, "day", None)
    return f"{bar.time:%Y-%m-%d %H:%M:%S}" if day is None else f"{day}"


def _row(symbol: str, bar: Any) -> dict[str, Any]:
    """A bar of any source as a row; prices stay what the source has, numbers."""
    row: dict[str, Any] = {name: getattr(bar, name, None) for name in BAR.columns}
    row["symbol"] = symbol
    row |= {name: float(row[name]) for name in ("open", "high", "low", "close")}
    if row["average"] is not None:
        row["average"] = round(row["average"], PLACES).normalize()
    return row | {"interrupted": bool(row["interrupted"])}


def _table(
    out: Output, newest: deque[dict[str, Any]], stream: Stream[Any], following: Following[Any]
) -> RenderableType:
    """The newest bars that fit the terminal, and below them the one under way."""
    rows = list(newest)
    under_way = getattr(stream.state, "current", None)
    if under_way is not None:
        rows.append(_row("...", under_way) | {"time": _when(under_way)})
    room = max(out.console.height - FRAME, 1)
    table = table_of(BAR.columns[:-1], rows[-room:], width=out.console.width, important=IMPORTANT)
    return Group(table, f"{following.state}   {following.count} bars   Ctrl-C ends it")
