"""``twsloop orders``, ``cancel`` and ``cancel-all``: what is open, and ending it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from twsloop.errors import OrderError

from .asking import confirm, must_be_answerable, yes_option
from .connect import Patience, connected
from .exits import Exit, with_exits
from .fields import decimal, flag, text, whole
from .order_lines import (
    EXECUTION,
    EXECUTIONS_SHOWN,
    FOLLOWED,
    PATIENCE,
    OrderWatch,
    execution_row,
    price_of,
    tell_end,
)
from .root import Run, output_option
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.orders.views import OrderView

__all__ = ["cancel", "cancel_all", "orders"]

OPEN_ORDER = line(
    "open_order",
    "One open order, of any client.",
    order_id=whole("its id within its client id; 0 or below for one made by hand"),
    client_id=whole("whose it is"),
    perm_id=whole("IB's permanent id, once known", null=True),
    account=text("the account it is for"),
    symbol=text("the contract in short"),
    action=text("BUY or SELL"),
    order_type=text("IB's word: MKT, LMT, STP..."),
    quantity=decimal("the whole size; null for an order by cash", null=True),
    filled=decimal("how much of it is filled"),
    remaining=decimal("how much of it is open"),
    average_price=decimal("of what is filled", null=True),
    limit_price=decimal("the limit, where it has one", null=True),
    stop_price=decimal("the trigger, or the distance of a trailing stop", null=True),
    tif=text("its time in force: DAY, GTC..."),
    status=text("where it is: PreSubmitted, Submitted..."),
    why_held=text("what it waits for", null=True),
    tag=text("your own reference of it"),
)
ORDERS_SHOWN = (
    *("order_id", "client_id", "symbol", "action", "order_type", "quantity", "filled"),
    *("limit_price", "stop_price", "tif", "status", "tag"),
)
IMPORTANT = (
    *("order_id", "symbol", "action", "quantity", "status", "order_type", "limit_price"),
    *("filled", "stop_price", "tif"),
)
NOTHING_OPEN = line("nothing_open", "There was no open order to cancel.")
CANCELLED_ALL = line(
    "cancel_all_end",
    "What became of all open orders.",
    complete=flag("whether nothing is open any more"),
    cancelled=whole("how many are cancelled, or never left"),
    filled=whole("how many filled before the cancel reached them"),
    ended=whole("how many ended otherwise"),
    open=whole("of how many the gateway has not said the end in time"),
)


@click.command(
    epilog="""\b
Examples:
  twsloop orders
  twsloop orders --output csv > orders.csv
  twsloop orders --fills                     as twsloop trades
"""
)
@click.option("--fills", is_flag=True, help="Today's executions, with their commissions, instead.")
@output_option
@prints(OPEN_ORDER, EXECUTION)
@click.pass_obj
def orders(run: Run, fills: bool, form: str | None) -> None:
    """List the open orders of all clients."""
    out = run.output(form)
    with connected(run) as gateway:
        if fills:
            rows = [execution_row(one) for one in gateway.executions().result()]
        else:
            rows = [_order_row(one) for one in gateway.open_orders().result()]
    if fills:
        out.rows(
            EXECUTION.event,
            EXECUTION.columns,
            rows,
            shown=EXECUTIONS_SHOWN,
            nothing="no executions today",
        )
    else:
        out.rows(
            OPEN_ORDER.event,
            OPEN_ORDER.columns,
            rows,
            shown=ORDERS_SHOWN,
            important=IMPORTANT,
            nothing="no open orders",
        )


def _order_row(view: OrderView) -> dict[str, Any]:
    """An OrderView as a row."""
    row = {name: getattr(view, name, None) for name in OPEN_ORDER.columns}
    order = view.order
    return row | {
        "status": str(view.status),
        "action": order.action,
        "order_type": order.orderType,
        "limit_price": price_of(order.lmtPrice),
        "stop_price": price_of(order.auxPrice),
        "tif": order.tif,
        "why_held": view.why_held or None,
    }


_timeout = click.option(
    "--timeout",
    type=click.FloatRange(0),
    default=PATIENCE,
    show_default=True,
    help="Wait so long for the end, in seconds.",
)


@click.command(
    epilog=with_exits(
        """\b
Examples:
  twsloop cancel 17
  twsloop cancel --all
\b
Only orders of our own client id can be cancelled, so use the --client-id that placed them;
twsloop cancel-all cancels those of all clients.""",
        Exit.DONE,
        Exit.USAGE,
        Exit.ORDER,
        Exit.ORDER_OPEN,
    )
)
@click.argument("order_ids", nargs=-1, type=int)
@click.option("--all", "everything", is_flag=True, help="Every open order of our client id.")
@_timeout
@prints(*FOLLOWED, NOTHING_OPEN)
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
        watch = OrderWatch(gateway, out)
        for trade in chosen:
            trade.cancel()
        watch.follow(chosen, Patience(timeout))
        ends = [tell_end(out, trade) for trade in chosen]
        if not chosen:
            out.event(NOTHING_OPEN.event, "no open orders")
    # Cancelled is what was asked for. Filled meanwhile is an end as well.
    if Exit.ORDER_OPEN in ends:
        click.get_current_context().exit(Exit.ORDER_OPEN)


@click.command(
    "cancel-all",
    epilog=with_exits(
        """\b
Examples:
  twsloop cancel-all                         shows how many, and asks
  twsloop --json cancel-all --yes
\b
twsloop cancel --all cancels those of our own client id alone. An order that protects a position is
an order, too: twsloop protection tells what would be left without one.""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.ORDER_OPEN,
    ),
)
@yes_option
@_timeout
@prints(*FOLLOWED, NOTHING_OPEN, CANCELLED_ALL)
@click.pass_obj
def cancel_all(run: Run, yes: bool, timeout: float) -> None:
    """Cancel every open order of every client, and those placed by hand; it asks first."""
    must_be_answerable("Cancel all open orders?", yes=yes)
    out = run.output()
    with connected(run) as gateway:
        count = len(gateway.open_orders().result())
        if not count:
            out.event(NOTHING_OPEN.event, "no open orders")
            return
        which = "the one open order" if count == 1 else f"all {count} open orders"
        confirm(f"Cancel {which} of all clients?", yes=yes)
        watch = OrderWatch(gateway, out)
        report = gateway.orders.cancel_all(timeout=timeout).result()
        ends = (*report.cancelled, *report.filled, *report.ended, *report.live)
        watch.follow(ends, Patience(0))
        for trade in ends:
            tell_end(out, trade)
    counts = {
        "cancelled": len(report.cancelled),
        "filled": len(report.filled),
        "ended": len(report.ended),
        "open": len(report.live),
    }
    words = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    out.event(CANCELLED_ALL.event, words, complete=report.complete, **counts)
    if not report.complete:
        click.get_current_context().exit(Exit.ORDER_OPEN)
