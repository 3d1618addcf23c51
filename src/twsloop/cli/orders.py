"""``twsloop buy``, ``sell``, ``cancel`` and ``orders``."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import InvalidOrder, OrderError
from twsloop.events import CommissionReported, Fact, Fill, OrderEvent

from .connect import Inbox, Patience, connected, watch_session
from .exits import Exit
from .facts import sentence
from .output import Output, cell
from .root import Run, output_option

if TYPE_CHECKING:
    from twsloop.orders.trade import Trade

__all__ = ["Following", "buy", "cancel", "orders", "sell"]

#: How long an order is followed unless --timeout says otherwise, seconds.
PATIENCE = 60.0
#: How long an order may take until it leaves, when it is to be followed no longer, seconds: it is
#: written into the journal first, and the link is proven alive.
LEAVES = 15.0

ORDER_COLUMNS = (
    *("order_id", "client_id", "perm_id", "account", "symbol", "action", "order_type"),
    *("quantity", "filled", "remaining", "average_price", "limit_price", "stop_price", "tif"),
    *("status", "why_held"),
)
ORDERS_SHOWN = (
    *("order_id", "client_id", "symbol", "action", "order_type", "quantity", "filled"),
    *("limit_price", "stop_price", "tif", "status"),
)
FILLS_SHOWN = ("time", "order_id", "symbol", "side", "shares", "price", "exchange", "commission")
FILL_COLUMNS = (
    *("time", "order_id", "client_id", "account", "symbol", "side", "shares", "price"),
    *("exchange", "exec_id", "commission", "commission_currency", "realized_pnl"),
)

Decorated = Callable[..., Any]


class Following:
    """Prints what happens to orders, until they are final and paid for."""

    def __init__(self, gateway: Any, out: Output) -> None:
        self._out = out
        self._inbox: Inbox[Fact | tuple[str, str]] = Inbox()
        for kind in (OrderEvent, Fill, CommissionReported):
            gateway.observe(kind, self._inbox.put)
        watch_session(gateway, self._inbox, lambda state, reason: (state, reason))

    def follow(self, trades: list[Trade], patience: Patience) -> None:
        """Print until every order is settled, or the time is over."""
        ids = {trade.order_id for trade in trades}
        settled = [trade.settled for trade in trades]
        while patience.left > 0 and not all(one.done() for one in settled):
            self._print(self._inbox.get(patience), ids)
        for fact in self._inbox.drain():
            self._print(fact, ids)

    def until_left(self, trade: Trade) -> None:
        """Print until an order has left, or never will: a process that ends takes it back."""
        patience = Patience(LEAVES)
        while trade.status == "CREATED" and patience.left > 0:
            self._print(self._inbox.get(patience), {trade.order_id})
        if trade.status == "CREATED":
            trade.cancel().result()  # it has not left, so this is its end

    def _print(self, item: Fact | tuple[str, str] | None, ids: set[int]) -> None:
        if isinstance(item, tuple):
            state, reason = item
            self._out.event("session", f"session {state}: {reason}", state=state, reason=reason)
        elif item is not None and getattr(item, "order_id", None) in ids:
            self._out.fact(item, sentence(item))


def _order_options(function: Decorated) -> Decorated:
    """What ``buy`` and ``sell`` have in common."""
    for decorate in reversed(
        (
            click.argument("symbol"),
            click.argument("quantity"),
            click.option("--limit", help="A limit order at this price."),
            click.option("--stop", help="A stop order; with --limit a stop-limit order."),
            click.option(
                "--tif",
                type=click.Choice(["DAY", "GTC", "IOC", "FOK", "OPG"], case_sensitive=False),
                default="DAY",
                show_default=True,
                help="Time in force.",
            ),
            click.option("--account", help="The account, if the login has several."),
            click.option("--outside-rth", is_flag=True, help="Also outside regular hours."),
            click.option(
                "--timeout",
                type=click.FloatRange(0),
                default=PATIENCE,
                show_default=True,
                help="Follow the order so long, in seconds; it stays open after that.",
            ),
            click.pass_obj,
        )
    ):
        function = decorate(function)
    return function


_EPILOG = """\b
Symbols: {accepted}
\b
Examples:
  twsloop {side} AAPL 100                    at the market
  twsloop {side} EUR.USD 20000 --limit 1.05
  twsloop --json {side} SPY 10 --limit 500 --tif GTC --timeout 0
\b
The exit code is 0 for a filled order, 12 for one that was refused, rejected or cancelled, 13 for
one that is still open after --timeout."""


@click.command(epilog=_EPILOG.format(side="buy", accepted=ACCEPTED))
@_order_options
def buy(run: Run, **options: Any) -> None:
    """Buy, and say what becomes of the order."""
    _trade(run, "BUY", **options)


@click.command(epilog=_EPILOG.format(side="sell", accepted=ACCEPTED))
@_order_options
def sell(run: Run, **options: Any) -> None:
    """Sell, and say what becomes of the order."""
    _trade(run, "SELL", **options)


def _trade(
    run: Run,
    action: str,
    *,
    symbol: str,
    quantity: str,
    limit: str | None,
    stop: str | None,
    tif: str,
    account: str | None,
    outside_rth: bool,
    timeout: float,
) -> None:
    contract = to_contract(symbol)
    more = {"tif": tif.upper(), "account": account or "", "outsideRth": outside_rth}
    order = _build(action, quantity, limit, stop, more)
    out = run.output()
    with connected(run) as gateway:
        following = Following(gateway, out)
        trade = gateway.place_order(contract, order)
        stopped = False
        try:
            following.follow([trade], Patience(timeout))
        except KeyboardInterrupt:
            stopped = True
        following.until_left(trade)
        code = _tell_end(out, trade)
        if trade.active:
            number = trade.order_id
            out.event("still_open", f"(twsloop cancel {number} cancels it)", order_id=number)
        if stopped:
            return  # a stop was asked for, and is no failure
    if code:
        click.get_current_context().exit(code)


def _build(
    action: str, quantity: str, limit: str | None, stop: str | None, more: dict[str, Any]
) -> Any:
    """IB's Order for the options."""
    # Here, because building an order loads ibapi, which `--help` does not need.
    from twsloop.orders.builders import (  # noqa: PLC0415
        limit_order,
        market_order,
        stop_limit_order,
        stop_order,
    )

    if not more["account"]:
        del more["account"]
    try:
        if limit is not None and stop is not None:
            return stop_limit_order(action, quantity, stop, limit, **more)
        if limit is not None:
            return limit_order(action, quantity, limit, **more)
        if stop is not None:
            return stop_order(action, quantity, stop, **more)
        return market_order(action, quantity, **more)
    except InvalidOrder as error:
        raise click.UsageError(str(error)) from error


def _tell_end(out: Output, trade: Trade) -> Exit:
    """The last line about an order, and the exit code that says the same."""
    status = str(trade.status)
    if trade.active:
        code, words = Exit.ORDER_OPEN, f"order {trade.order_id} is still open [{status}]"
    elif status in {"Filled", "SIMULATED"}:
        code, words = Exit.DONE, f"order {trade.order_id} is done [{status}]"
    else:
        code, words = Exit.ORDER, f"order {trade.order_id} did not fill [{status}]"
    if trade.reason:
        words += f": {trade.reason}"
    if status == "SIMULATED":
        price = cell(trade.simulated_price) or "no price"
        words += f" (orders are disabled; it would have filled at {price})"
    if trade.commission is not None:
        words += f"; commission {cell(trade.commission)}"
    out.event(
        "order_end",
        words,
        order_id=trade.order_id,
        perm_id=trade.perm_id,
        status=status,
        filled=trade.filled,
        remaining=trade.remaining,
        average_price=trade.average_price,
        commission=trade.commission,
        reason=trade.reason or None,
        error_code=trade.error_code,
    )
    return code


@click.command(
    epilog="""\b
Examples:
  twsloop cancel 17
  twsloop cancel --all
\b
Only orders of our own client id can be cancelled, so use the --client-id that placed them."""
)
@click.argument("order_ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Every open order of our client id.")
@click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=PATIENCE,
    show_default=True,
    help="Wait so long for the end, in seconds.",
)
@click.pass_obj
def cancel(run: Run, order_ids: tuple[int, ...], everything: bool, timeout: float) -> None:
    """Cancel orders by their order id, and say what becomes of them."""
    if everything == bool(order_ids):
        raise click.UsageError("Name order ids, or use --all.")
    out = run.output()
    with connected(run) as gateway:
        known = {trade.order_id: trade for trade in gateway.trades() if trade.active}
        missing = [number for number in order_ids if number not in known]
        if missing:
            msg = (
                f"no open order {', '.join(map(str, missing))} of client id {gateway.clientId}; "
                f"there are: {', '.join(map(str, known)) or 'none'}"
            )
            raise OrderError(msg)
        chosen = list(known.values()) if everything else [known[n] for n in order_ids]
        following = Following(gateway, out)
        for trade in chosen:
            trade.cancel()
        following.follow(chosen, Patience(timeout))
        ends = [_tell_end(out, trade) for trade in chosen]
        if not chosen:
            out.event("nothing_open", "no open orders")
    # Cancelled is what was asked for. Filled meanwhile is an end as well.
    if Exit.ORDER_OPEN in ends:
        click.get_current_context().exit(Exit.ORDER_OPEN)


@click.command(
    epilog="""\b
Examples:
  twsloop orders
  twsloop orders --fills --output csv
"""
)
@click.option("--fills", is_flag=True, help="Today's executions, with their commissions, instead.")
@output_option
@click.pass_obj
def orders(run: Run, fills: bool, form: str | None) -> None:
    """List the open orders of all clients."""
    out = run.output(form)
    with connected(run) as gateway:
        if fills:
            rows = [_fill_row(one) for one in gateway.executions().result()]
        else:
            rows = [_order_row(one) for one in gateway.open_orders().result()]
    if fills:
        out.rows("fill", FILL_COLUMNS, rows, shown=FILLS_SHOWN)
    else:
        out.rows("open_order", ORDER_COLUMNS, rows, shown=ORDERS_SHOWN)


def _order_row(view: Any) -> dict[str, Any]:
    """An OrderView as a row."""
    row = {name: getattr(view, name, None) for name in ORDER_COLUMNS}
    order = view.order
    return row | {
        "status": str(view.status),
        "action": order.action,
        "order_type": order.orderType,
        "limit_price": _price(order.lmtPrice),
        "stop_price": _price(order.auxPrice),
        "tif": order.tif,
        "why_held": view.why_held or None,
    }


def _price(price: float) -> Decimal | None:
    """A price of IB's Order; 0 and its unset maximum are none."""
    return None if not price or price > 1e300 else Decimal(str(price)).normalize()


def _fill_row(booked: Any) -> dict[str, Any]:
    """A BookedFill as a row."""
    fill, paid = booked.fill, booked.commission
    row = {name: getattr(fill, name, None) for name in FILL_COLUMNS}
    return row | {
        "time": fill.executed_at or fill.time,
        "commission": paid.commission if paid else None,
        "commission_currency": paid.currency if paid else None,
        "realized_pnl": paid.realized_pnl if paid else None,
    }
