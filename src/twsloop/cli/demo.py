"""``twsloop demo``: everything at once, in about twenty seconds, and nothing of it faked.

It watches `SYMBOLS`, buys at the market, waits for the fill and its commission, reads the position
and the account, and then says what really happened. If anything of that did not, it says what, and
ends with exit code 1.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs
import click
from rich.console import Group
from rich.text import Text

from twsloop.events import CommissionReported, Fact, Fill, OrderEvent

from .account import ACCOUNT_VALUE, POSITION
from .connect import Inbox, Patience, connected
from .exits import Exit
from .facts import sentence
from .fields import flag, many, number, table, text, whole
from .following import Redrawn
from .output import Output, cell
from .quotes import quote_table
from .root import Run
from .shapes import Line, line, prints

if TYPE_CHECKING:
    from twsloop.gateway import IBGateway
    from twsloop.market_data.subscriptions import Subscription
    from twsloop.orders.trade import Trade

__all__ = ["demo"]

SYMBOLS = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "SPY", "QQQ", "EUR.USD")
#: What the demo promises to show, at least.
TICKERS = 8
BOUGHT, QUANTITY = "AAPL", Decimal(100)
#: When the order leaves, as a part of the whole time.
ORDER_AT = 0.35
#: How long a fill, a commission and an answer may take, seconds.
PATIENCE = 15.0
#: How often the table is printed where it cannot be redrawn, seconds.
REPRINT = 5.0

CONNECTED = line(
    "connected",
    "The session is there.",
    host=text("the gateway's machine"),
    port=whole("its port"),
    server_version=whole("the protocol version that was agreed on"),
    accounts=many(text("its number"), "the accounts of the login"),
)
QUOTE = line(
    "quote",
    "A ticker at the end of the stream.",
    symbol=text("the contract in short"),
    ticks=whole("how many changes came"),
    bid=number("the best bid", null=True),
    ask=number("the best ask", null=True),
    last=number("the last trade", null=True),
)
#: The columns of a position that people look at.
HELD_COLUMNS = ("account", "symbol", "quantity", "average_cost")
HELD = Line(
    POSITION.event,
    POSITION.meaning,
    {name: field for name, field in POSITION.fields.items() if name in HELD_COLUMNS},
)
SUMMARY = line(
    "summary",
    "What really happened.",
    ok=flag("whether all of it did"),
    ticks=whole("how many changes came in all"),
    checks=table(flag("whether it happened"), "everything that was to happen, in words"),
)
STOPPED = line("stopped", "Ctrl-C, before the end.")


@click.command(
    epilog="""\b
Examples:
  twsloop --paper demo          with a paper gateway of our own: no account, no login
  twsloop --port 4002 demo      on the paper account of a running IB Gateway
\b
It exits with 0 only if all of it really happened. It refuses to run on a live account.
"""
)
@click.option(
    "--seconds",
    type=click.FloatRange(2, 3600),
    default=20,
    show_default=True,
    help="How long to stream.",
)
@prints(
    *(CONNECTED, OrderEvent, Fill, CommissionReported, QUOTE, HELD, ACCOUNT_VALUE, SUMMARY, STOPPED)
)
@click.pass_obj
def demo(run: Run, seconds: float) -> None:
    """Stream quotes, buy 100 AAPL, show the fill, its commission, the position and the account."""
    out = run.output()
    with connected(run) as gateway:
        if not all(account.startswith("D") for account in gateway.accounts):
            raise click.ClickException(
                "the demo buys shares: it runs on paper accounts only (D...)"
            )
        shown = _Demo(gateway, out)
        try:
            shown.play(seconds)
        except KeyboardInterrupt:
            out.event("stopped", "stopped before the end")
            return
        missing = shown.summary()
    if missing:
        raise click.exceptions.Exit(Exit.FAILED)


@attrs.define(eq=False)
class _Demo:
    """One run of the demo: what it saw."""

    gateway: IBGateway
    out: Output
    inbox: Inbox[Fact] = attrs.Factory(Inbox)
    ticks: Counter[str] = attrs.Factory(Counter)
    facts: list[Fact] = attrs.Factory(list)
    checks: dict[str, bool] = attrs.Factory(dict)
    trade: Trade | None = None

    # ---- the play ------------------------------------------------------------------------

    def play(self, seconds: float) -> None:
        """Stream, trade, ask."""
        gateway = self.gateway
        before = self._position()
        self.out.event(
            "connected",
            f"connected to {gateway.host}:{gateway.port}, server version "
            f"{gateway.serverVersion()}, account {', '.join(gateway.accounts)}",
            host=gateway.host,
            port=gateway.port,
            server_version=gateway.serverVersion(),
            accounts=gateway.accounts,
        )
        for kind in (OrderEvent, Fill, CommissionReported):
            gateway.observe(kind, self.inbox.put)
        with gateway.subscribe(SYMBOLS, self._tick) as subscription:
            self._stream(subscription, seconds)
            self._check_quotes(subscription)
            self._check_order()
            if self.out.form == "json":
                for ticker in subscription:
                    quote = {name: getattr(ticker, name) for name in ("bid", "ask", "last")}
                    self.out.event(
                        "quote", symbol=ticker.symbol, ticks=self.ticks[ticker.symbol], **quote
                    )
        self._check_position(before)
        self._check_account()

    def _tick(self, ticker: Any) -> None:
        self.ticks[ticker.symbol] += 1

    def _stream(self, subscription: Subscription, seconds: float) -> None:
        """Show the quotes for so long, and place the order on the way."""
        patience = Patience(seconds)
        printed = 0.0
        with Redrawn(self.out, lambda: self._screen(subscription, patience), patience) as drawn:
            while patience.left > 0:
                drawn.look()
                self._note(self.inbox.get(patience))
                if self.trade is None and patience.spent >= seconds * ORDER_AT:
                    self._place()
                due = patience.spent - printed >= min(REPRINT, seconds / 3)
                if due and self.out.form == "table" and not self.out.live:
                    printed = patience.spent
                    self.out.console.print(self._quotes(subscription, patience))
        # What was started is waited for, also on a slow machine.
        assert self.trade is not None
        settled, late = self.trade.settled, Patience(PATIENCE)
        while not settled.done() and late.left > 0:
            self._note(self.inbox.get(late))
        for fact in self.inbox.drain():
            self._note(fact)

    def _place(self) -> None:
        # Here, because building an order loads ibapi.
        from twsloop.orders.builders import market_order  # noqa: PLC0415

        self.trade = self.gateway.place_order(BOUGHT, market_order("BUY", QUANTITY))

    def _note(self, fact: Fact | None) -> None:
        if fact is None or self.trade is None:
            return
        if getattr(fact, "order_id", None) == self.trade.order_id:
            self.facts.append(fact)
            if not self.out.live:
                self.out.fact(fact, sentence(fact))

    def _quotes(self, subscription: Subscription, patience: Patience) -> Any:
        total = sum(self.ticks.values())
        caption = f"{total} ticks in {patience.spent:.0f} s"
        return quote_table(subscription, caption=caption, width=self.out.console.width)

    def _screen(self, subscription: Subscription, patience: Patience) -> Any:
        lines = [Text(sentence(fact)) for fact in self.facts]
        return Group(self._quotes(subscription, patience), *lines)

    # ---- what really happened ------------------------------------------------------------

    def _check_quotes(self, subscription: Subscription) -> None:
        whole = [
            ticker.symbol
            for ticker in subscription
            if ticker.bid is not None
            and ticker.ask is not None
            and not ticker.stale
            and self.ticks[ticker.symbol] > 1
        ]
        self.checks[f"{len(whole)} tickers streamed"] = len(whole) >= TICKERS

    def _check_order(self) -> None:
        trade = self.trade
        assert trade is not None
        status = str(trade.status)
        price = cell(trade.average_price)
        self.checks[f"order {trade.order_id} {status} at {price}"] = status == "Filled"
        shares = sum((fill.shares for fill in trade.fills), Decimal(0))
        self.checks[f"{cell(shares)} shares by {len(trade.fills)} fill(s)"] = shares == QUANTITY
        paid = trade.commission
        reported = len(trade.commissions) == len(trade.fills) and paid is not None
        self.checks[f"commission {cell(paid) or 'missing'}"] = reported

    def _position(self) -> Decimal:
        return sum(
            (p.quantity for p in self.gateway.positions().result(PATIENCE) if p.symbol == BOUGHT),
            Decimal(0),
        )

    def _check_position(self, before: Decimal) -> None:
        held = self.gateway.positions().result(PATIENCE)
        now = sum((p.quantity for p in held if p.symbol == BOUGHT), Decimal(0))
        rows = [
            {
                "account": p.account,
                "symbol": p.symbol,
                "quantity": p.quantity,
                "average_cost": p.average_cost,
            }
            for p in held
        ]
        self.out.rows(HELD.event, HELD_COLUMNS, rows, title="positions")
        self.checks[f"position {BOUGHT} {cell(before)} -> {cell(now)}"] = now - before == QUANTITY

    def _check_account(self) -> None:
        summary = self.gateway.account_summary().result(PATIENCE)
        rows = [
            {"account": r.account, "tag": r.tag, "value": r.value, "currency": r.currency}
            for r in summary
        ]
        self.out.rows(ACCOUNT_VALUE.event, ACCOUNT_VALUE.columns, rows, title="account")
        equity = [r.amount for r in summary if r.tag == "NetLiquidation"]
        invested = [r.amount for r in summary if r.tag == "GrossPositionValue"]
        told = bool(equity and equity[0] and invested and invested[0])
        self.checks[f"account: net liquidation {cell(equity[0]) if equity else '?'}"] = told

    def summary(self) -> list[str]:
        """Say what happened; what did not."""
        missing = [what for what, happened in self.checks.items() if not happened]
        total = sum(self.ticks.values())
        lines = [f"  {'ok ' if happened else 'NOT'}  {w}" for w, happened in self.checks.items()]
        verdict = "all of it happened" if not missing else f"{len(missing)} thing(s) did not happen"
        self.out.event(
            "summary",
            "\n".join(("", f"{total} ticks; {verdict}", *lines)),
            ok=not missing,
            ticks=total,
            checks=self.checks,
        )
        return missing
