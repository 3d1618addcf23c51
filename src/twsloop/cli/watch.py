"""``twsloop watch``: a whole session on one screen, live."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import click

from twsloop.clock import Clock, SystemClock
from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import TwsLoopError
from twsloop.events import Fact

from .connect import Inbox, Patience, connected, watch_session
from .fields import decimal, moment, number, table, text, whole
from .following import SESSION, Redrawn
from .output import Output, cell
from .quotes import LINE_ERROR, SHOWN_COLUMNS, TICK, tick_row
from .root import Run, output_option
from .saved import SavedSubscriptions
from .sayings import saying, style_of
from .shapes import line, prints
from .watch_view import OrderRow, Picture

if TYPE_CHECKING:
    from twsloop.account.rows import AccountProfit, PortfolioRow
    from twsloop.event_loop import Future
    from twsloop.gateway import IBGateway
    from twsloop.market_data.state import Ticker
    from twsloop.market_data.subscriptions import Subscription
    from twsloop.orders.trade import Trade
    from twsloop.orders.views import OrderView

__all__ = ["Watch", "watch"]

#: So many lines of the log are kept.
LOGGED = 200
#: So many orders are kept on the screen, the newest ones.
ORDERS = 50
#: Of so many accounts the profit is followed: each takes a line of the screen.
PROFITS = 4
#: How often the open orders of other clients are asked for, seconds.
ASK_EVERY = 5.0
#: Over how long ticks a second are counted, seconds.
LATELY = 5.0

WATCHING = line(
    "watching",
    "The session is READY, and all of it is followed from here on.",
    symbols=whole("how many quotes are followed"),
    accounts=whole("how many accounts the login has"),
)
HOLDING = line(
    "holding",
    "A position, its value or its profit changed.",
    time=moment("when the value came", null=True),
    account=text("whose it is"),
    symbol=text("the contract in short, as it can be typed again"),
    quantity=decimal("how much; negative when short, 0 when it was closed"),
    average_cost=decimal("what one unit cost, commissions included", null=True),
    market_price=decimal("what IB values a unit at", null=True),
    market_value=decimal("what IB values it at", null=True),
    unrealized=decimal("profit of what is open", null=True),
    realized=decimal("profit of what was closed since the day began", null=True),
    daily=decimal("profit since the day began", null=True),
)
WATCHED = line(
    "watched",
    "What came, at the end.",
    seconds=number("how long it was watched"),
    ticks=table(whole("how many"), "ticks by symbol"),
    facts=whole("how many lines the log had"),
)


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop --paper watch AAPL MSFT EUR.USD
  twsloop watch                             what is held, and what has open orders
  twsloop watch --saved
  twsloop --json watch SPY --seconds 5      the same as lines, for a program
"""
)
@click.argument("symbols", nargs=-1)
@click.option("--saved", is_flag=True, help="Also what `subscriptions add` saved.")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help="End after so long.")
@output_option
@prints(WATCHING, TICK, HOLDING, SESSION, LINE_ERROR, WATCHED, Fact)
@click.pass_obj
def watch(
    run: Run, symbols: tuple[str, ...], saved: bool, seconds: float | None, form: str | None
) -> None:
    """Watch a session live: quotes, orders, positions, the log, and how the connection is.

    On a terminal it is one screen that redraws itself; elsewhere a line for everything that
    happens. A lost link is made again and all of it goes on; Ctrl-C ends it.
    """
    if form == "csv":
        raise click.UsageError("What is watched are lines of many kinds: --json, not CSV.")
    wanted = list(symbols)
    if saved:
        kept = asyncio.run(SavedSubscriptions(run.config()).all())
        wanted += [row["symbol"] for row in kept]
    wanted = list(dict.fromkeys(wanted))
    for symbol in wanted:
        to_contract(symbol)  # a typo is told before anything is connected
    out = run.output(form)
    # What goes wrong stands in the log on the screen; the program's own would be drawn over it.
    drawn_over = out.live and run.config().logging.file is None
    quiet = {"logging.level": "critical"} if drawn_over else {}
    with connected(run, **quiet) as gateway:
        patience = Patience(seconds)
        chosen = wanted or _held_or_ordered(gateway)
        mode = run.config().connection.mode
        inbox: Inbox[tuple[str, Any]] | None = None if out.live else Inbox()
        with Watch(gateway, chosen, mode=mode, inbox=inbox) as watched:
            _Shown(out, watched).run(patience)
        spent = round(patience.spent, 1)
        out.event(
            WATCHED.event,
            f"watched {spent} s: {watched.total} ticks, {watched.facts} lines in the log",
            seconds=spent,
            ticks=watched.ticks,
            facts=watched.facts,
        )


def _held_or_ordered(gateway: IBGateway) -> list[str]:
    """The symbols of what is held, and of what has open orders."""
    held = [position.symbol for position in gateway.positions().result() if position.quantity]
    ordered = [trade.symbol for trade in gateway.trades() if trade.active]
    return list(dict.fromkeys((*held, *ordered)))


class Watch:
    """Follows all of a session; `picture` is how it stands. A context manager.

    Args:
        gateway: The session.
        symbols: Whose quotes are followed.
        mode: The kind of account, as configured: paper or live.
        inbox: Gets everything that happens as (what, item), for whoever prints lines; None where
            only pictures are wanted.
        clock: Says what time it is.

    Attributes:
        ticks: How many came, by symbol.
        facts: How many lines the log had.
        failed: What ended the session for good.
    """

    def __init__(
        self,
        gateway: IBGateway,
        symbols: Sequence[str],
        *,
        mode: str = "paper",
        inbox: Inbox[tuple[str, Any]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._gateway = gateway
        self._mode = mode
        self._symbols = list(symbols)
        self._clock: Clock = clock or SystemClock()
        self._told = inbox is not None
        self.inbox: Inbox[tuple[str, Any]] = Inbox() if inbox is None else inbox
        self.ticks: dict[str, int] = {}
        self.facts = 0
        self._log: deque[tuple[str, str]] = deque(maxlen=LOGGED)
        self._profits: dict[str, AccountProfit] = {}
        self._samples: deque[tuple[float, int]] = deque([(self._clock.monotonic(), 0)])
        self._others: tuple[OrderView, ...] = ()
        self._asked: Future[list[OrderView]] | None = None
        self._due = 0.0
        self._subscription: Subscription | None = None
        self._portfolio: Iterable[PortfolioRow] = ()
        self._open = ExitStack()

    @property
    def total(self) -> int:
        """How many ticks came."""
        return sum(self.ticks.values())

    def __enter__(self) -> Self:
        """Begin to follow."""
        gateway, opened = self._gateway, self._open
        for notice in gateway.errors.recent:  # what it said while the session was made
            self._log.append((saying(notice) or "", style_of(notice)))
        opened.callback(gateway.observe(Fact, self._fact))
        watch_session(
            gateway, self.inbox, lambda s, reason: ("session", {"state": s, "reason": reason})
        )
        if self._symbols:
            self._subscription = opened.enter_context(
                gateway.subscribe(self._symbols, self._tick, on_error=self._failed)
            )
        self._portfolio = opened.enter_context(
            gateway.account.watch_portfolio(on_update=lambda row: self._tell("holding", row))
        )
        for account in gateway.accounts[:PROFITS]:
            opened.enter_context(gateway.account.watch_pnl(account, on_update=self._profit))
        # Before the streams end: what waits for us would hold that up.
        opened.callback(self.inbox.close)
        self._tell("watching", {"symbols": len(self._symbols), "accounts": len(gateway.accounts)})
        return self

    def __exit__(self, *_exc: object) -> None:
        """Follow it no more."""
        self._open.close()

    # ---- on the loop thread
    def _tick(self, ticker: Ticker) -> None:
        self.ticks[ticker.symbol] = self.ticks.get(ticker.symbol, 0) + 1
        if self._told:
            self._tell("tick", tick_row(ticker))

    def _failed(self, symbol: str, error: Exception) -> None:
        self._tell("error", {"symbol": symbol, "message": str(error)})

    def _fact(self, fact: Fact) -> None:
        words = saying(fact)
        if words is not None:
            self.facts += 1
            self._log.append((words, style_of(fact)))
        self._tell("fact", (fact, words))

    def _profit(self, profit: AccountProfit) -> None:
        self._profits[profit.account] = profit

    def _tell(self, what: str, item: Any) -> None:
        if self._told:
            self.inbox.put((what, item))

    # ---- in the main thread
    def ask_again(self) -> None:
        """Ask for the open orders of all clients, if it is time to: nobody tells us of others'."""
        now = self._clock.monotonic()
        if self._asked is None and now >= self._due and self._gateway.session.ready:
            self._asked = self._gateway.open_orders()
            self._due = now + ASK_EVERY
        elif self._asked is not None and self._asked.done():
            asked, self._asked = self._asked, None
            with contextlib.suppress(TwsLoopError, TimeoutError):  # then what was told last
                self._others = tuple(asked.result())

    # ---- in any thread
    def picture(self) -> Picture:
        """How it stands now."""
        gateway, switch = self._gateway, self._gateway.kill_switch
        tickers = self._subscription.tickers.values() if self._subscription is not None else ()
        return Picture(
            now=self._clock.now(),
            mode=self._mode,
            status=gateway.session,
            accounts=tuple(gateway.accounts),
            profits=tuple(self._profits[name] for name in sorted(self._profits)),
            stats=gateway.stats(),
            ticks=self.total,
            rate=self._rate(),
            killed=(switch.reason or "engaged") if switch.engaged else "",
            tickers=tuple(tickers),
            positions=tuple(self._portfolio),
            orders=_newest(gateway.trades(), self._others),
            log=tuple(self._log),
        )

    def _rate(self) -> float:
        """Ticks a second, lately."""
        now, total = self._clock.monotonic(), self.total
        samples = self._samples
        samples.append((now, total))
        while len(samples) > 2 and now - samples[1][0] >= LATELY:
            samples.popleft()
        since, before = samples[0]
        return (total - before) / (now - since) if now > since else 0.0


def _newest(trades: Iterable[Trade], others: Iterable[OrderView]) -> tuple[OrderRow, ...]:
    """Open orders first, then those that are over; the newest of each first."""
    ours = [OrderRow.of(trade, active=trade.active) for trade in trades]
    known = {(row.client_id, row.order_id) for row in ours}
    theirs = [OrderRow.of(view, active=True) for view in others]
    rows = [*ours, *(row for row in theirs if (row.client_id, row.order_id) not in known)]
    rows.sort(key=lambda row: (not row.active, -row.order_id))
    return tuple(rows[:ORDERS])


class _Shown:
    """How what is watched reaches the user."""

    def __init__(self, out: Output, watched: Watch) -> None:
        self._out = out
        self._watched = watched

    def run(self, patience: Patience) -> None:
        """Show it until the time is over, Ctrl-C is pressed, or the session is lost for good."""
        drawn = Redrawn(self._out, self._watched.picture, patience, screen=True)
        with contextlib.suppress(KeyboardInterrupt), drawn:
            while patience.left > 0:
                told = self._watched.inbox.get(patience)
                if not self._out.live:
                    if told is not None:
                        self._print(*told)
                    continue
                self._watched.ask_again()
                drawn.look()

    def _print(self, what: str, item: Any) -> None:
        out = self._out
        if what == "tick":
            out.record(TICK.event, TICK.columns, item, shown=SHOWN_COLUMNS)
        elif what == "holding":
            row = {name: getattr(item, name) for name in HOLDING.columns}
            out.event(HOLDING.event, _holding(item), **row)
        elif what == "session":
            out.event(SESSION.event, None, **item)  # people read of it as a fact
        elif what == "error":
            out.event(LINE_ERROR.event, f"{item['symbol']}: {item['message']}", **item)
        elif what == "watching":
            out.event(WATCHING.event, None, **item)
        else:
            fact, words = item
            if out.form == "json" or words is not None:
                out.fact(fact, words or "")


def _holding(row: PortfolioRow) -> str:
    value = "" if row.market_value is None else f", worth {cell(row.market_value)}"
    profit = "" if row.unrealized is None else f", unrealized {cell(row.unrealized)}"
    return f"{row.symbol}  held {cell(row.quantity)}{value}{profit}"
