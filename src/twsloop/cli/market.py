"""``twsloop subscribe`` and ``twsloop subscriptions``: quotes, live, and which to keep."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import RequestError

from .connect import Inbox, Patience, connected, watch_session
from .fields import flag, many, moment, number, table, text, whole
from .following import SESSION, Redrawn
from .output import Output
from .quotes import LINE_ERROR, QUOTE, SHOWN_COLUMNS, TICK, TICK_COLUMNS, quote_table, tick_row
from .root import Run, SuggestingGroup, output_option
from .saved import SavedSubscriptions
from .session_words import SessionWords
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.market_data.state import Ticker

__all__ = ["subscribe", "subscriptions"]

SUBSCRIBED = line(
    "subscribed",
    "The lines are asked for; ticks follow.",
    symbols=many(text("as it was given"), "what was subscribed"),
)
SUMMARY = line(
    "summary",
    "What came, at the end.",
    seconds=number("how long it took"),
    ticks=table(whole("how many"), "ticks by symbol; only of those that had some"),
)
SAVED = line(
    "saved",
    "A symbol is saved.",
    symbol=text("as it was given"),
    new=flag("it was not saved before"),
)
SUBSCRIPTION = line(
    "subscription",
    "One saved symbol; in the order in which they were saved.",
    symbol=text("as it was given"),
    added_at=moment("when it was saved"),
)
REMOVED = line("removed", "A symbol is saved no more.", symbol=text("as it was given"))


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop subscribe AAPL MSFT EUR.USD
  twsloop --json subscribe SPY --seconds 10
  twsloop subscribe IBM BAC --output csv > quotes.csv
  twsloop --paper subscribe --saved
"""
)
@click.argument("symbols", nargs=-1)
@click.option("--saved", is_flag=True, help="Also what `subscriptions add` saved.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after so long.")
@click.option("--generic-ticks", help="IB's generic tick numbers, separated by commas.")
@click.option("--snapshot", is_flag=True, help="Only the quotes as they stand, then end.")
@output_option
@prints(SUBSCRIBED, TICK, QUOTE, SESSION, LINE_ERROR, SUMMARY)
@click.pass_obj
def subscribe(
    run: Run,
    symbols: tuple[str, ...],
    saved: bool,
    seconds: float | None,
    generic_ticks: str | None,
    snapshot: bool,
    form: str | None,
) -> None:
    """Show quotes of any number of contracts, live.

    On a terminal a table, elsewhere a line a tick. A lost link is made again and the quotes go on;
    Ctrl-C ends it.
    """
    wanted = list(symbols)
    if saved:
        kept = asyncio.run(SavedSubscriptions(run.config()).all())
        wanted += [row["symbol"] for row in kept if row["symbol"] not in wanted]
    if not wanted:
        raise click.UsageError(
            "Nothing is saved; see `twsloop subscriptions add --help`."
            if saved
            else "Name at least one symbol, or use --saved."
        )
    wanted = list(dict.fromkeys(wanted))
    for symbol in wanted:
        to_contract(symbol)  # a typo is told before anything is connected
    out = run.output(form)
    with connected(run) as gateway:
        watching = _Watching(gateway, out, wanted)
        try:
            if snapshot:
                watching.snapshot(generic_ticks)
            else:
                watching.stream(generic_ticks, Patience(seconds))
        except KeyboardInterrupt:
            pass
        finally:
            watching.summary()


class _Watching:
    """One run of ``subscribe``."""

    def __init__(self, gateway: IBGateway, out: Output, symbols: list[str]) -> None:
        self._gateway = gateway
        self._out = out
        self._symbols = symbols
        self._inbox: Inbox[tuple[str, dict[str, Any]]] = Inbox()
        self._ticks: Counter[str] = Counter()
        self._errors: dict[str, Exception] = {}
        self._patience = Patience(None)
        self._state = "READY"
        self._words = SessionWords()
        #: How many quotes a snapshot has; None where ticks are followed.
        self._quotes: int | None = None
        watch_session(
            gateway, self._inbox, lambda s, reason: ("session", {"state": s, "reason": reason})
        )

    # ---- on the loop thread
    def _tick(self, ticker: Ticker) -> None:
        self._ticks[ticker.symbol] += 1
        if not self._out.live:
            self._inbox.put(("tick", tick_row(ticker)))

    def _failed(self, symbol: str, error: Exception) -> None:
        self._errors[symbol] = error
        self._inbox.put(("error", {"symbol": symbol, "message": str(error)}))

    # ---- in the main thread
    def stream(self, generic_ticks: str | None, patience: Patience) -> None:
        """Print until the time is over, or every line has failed."""
        with (
            self._gateway.subscribe(
                self._symbols, self._tick, on_error=self._failed, generic_ticks=generic_ticks
            ) as subscription,
            # Before the lines are cancelled: a tick that waits for us would hold that up.
            contextlib.closing(self._inbox),
            Redrawn(self._out, lambda: self._table(subscription), patience) as drawn,
        ):
            self._out.event(SUBSCRIBED.event, symbols=self._symbols)
            while patience.left > 0 and subscription.active:
                self._print(self._inbox.get(patience))
                drawn.look()
        for item in self._inbox.drain():
            self._print(item)
        if self._errors and len(self._errors) == len(self._symbols):
            raise next(iter(self._errors.values()))

    def snapshot(self, generic_ticks: str | None) -> None:
        """Print one row a symbol."""
        self._quotes = 0
        subscription = self._gateway.subscribe(
            self._symbols, on_error=self._failed, generic_ticks=generic_ticks, snapshot=True
        )
        tickers = subscription.done.result()
        self._quotes = sum(ticker.error is None for ticker in tickers.values())
        if self._out.form == "table":
            width = self._out.console.width
            self._out.console.print(quote_table(tickers.values(), width=width, ended=True))
        else:
            for ticker in tickers.values():
                self._out.record(QUOTE.event, TICK_COLUMNS, tick_row(ticker))
        if self._errors:
            raise next(iter(self._errors.values()))

    def _print(self, item: tuple[str, dict[str, Any]] | None) -> None:
        if item is None:
            return
        name, row = item
        if name == "tick":
            self._out.record(TICK.event, TICK_COLUMNS, row, shown=SHOWN_COLUMNS)
        elif name == "session":
            self._state = row["state"]
            words = self._words.of(row["state"], row["reason"])
            self._out.event(SESSION.event, None if self._out.live else words, **row)
        else:
            words = None if self._out.live else f"{row['symbol']}: {row['message']}"
            self._out.event(LINE_ERROR.event, words, **row)

    def _table(self, tickers: Iterable[Ticker]) -> Table:
        caption = ""
        if self._out.live:
            total, seconds = sum(self._ticks.values()), self._patience.spent
            caption = f"{self._state}   {total} ticks in {seconds:.0f} s   Ctrl-C ends it"
        return quote_table(tickers, caption=caption, width=self._out.console.width)

    def summary(self) -> None:
        """Say what came."""
        seconds = round(self._patience.spent, 1)
        total = sum(self._ticks.values())
        words = f"{total} ticks of {len(self._ticks)} symbols in {seconds} s"
        if self._quotes is not None:
            words = f"{self._quotes} of {len(self._symbols)} quotes in {seconds} s"
        self._out.event(
            SUMMARY.event,
            words,
            seconds=seconds,
            ticks=dict(self._ticks),
        )


# ---------------------------------------------------------------------------------- saved
@click.group(
    cls=SuggestingGroup,
    epilog="""\b
Examples:
  twsloop subscriptions add AAPL MSFT EUR.USD
  twsloop subscribe --saved
""",
)
def subscriptions() -> None:
    """Symbols to keep, for `subscribe --saved`."""


@subscriptions.command(
    epilog="""\b
Example:
  twsloop subscriptions add AAPL EUR.USD "ES 202612 CME"
"""
)
@click.argument("symbols", nargs=-1, required=True)
@prints(SAVED)
@click.pass_obj
def add(run: Run, symbols: tuple[str, ...]) -> None:
    """Save symbols behind the others."""
    for symbol in symbols:
        to_contract(symbol)
    added = asyncio.run(SavedSubscriptions(run.config()).add(symbols))
    out = run.output()
    for symbol in dict.fromkeys(symbols):
        new = symbol in added
        words = f"{symbol} {'saved' if new else 'was saved already'}"
        out.event(SAVED.event, words, symbol=symbol, new=new)


@subscriptions.command(
    name="list",
    epilog="""\b
Example:
  twsloop --json subscriptions list
""",
)
@output_option
@prints(SUBSCRIPTION)
@click.pass_obj
def list_(run: Run, form: str | None) -> None:
    """Show what is saved, in order."""
    rows = asyncio.run(SavedSubscriptions(run.config()).all())
    run.output(form).rows(SUBSCRIPTION.event, SUBSCRIPTION.columns, rows)


@subscriptions.command(
    epilog="""\b
Examples:
  twsloop subscriptions remove AAPL
  twsloop subscriptions remove --all
"""
)
@click.argument("symbols", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Forget all of them.")
@prints(REMOVED)
@click.pass_obj
def remove(run: Run, symbols: tuple[str, ...], everything: bool) -> None:
    """Forget symbols."""
    if everything == bool(symbols):
        raise click.UsageError("Name symbols, or use --all.")
    store = SavedSubscriptions(run.config())
    if everything:
        symbols = tuple(row["symbol"] for row in asyncio.run(store.all()))
    removed = asyncio.run(store.remove(symbols))
    out = run.output()
    for symbol in removed:
        out.event(REMOVED.event, f"{symbol} removed", symbol=symbol)
    missing = [symbol for symbol in symbols if symbol not in removed]
    if missing:
        raise RequestError(f"not saved: {', '.join(missing)}")
