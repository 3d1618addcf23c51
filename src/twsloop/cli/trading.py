"""``twsloop buy``, ``sell`` and ``bracket``: orders, followed to their ends."""

from __future__ import annotations

from typing import Any

import click

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import InvalidOrder

from .asking import yes_option
from .connect import connected
from .exits import Exit, with_exits
from .order_lines import FOLLOWED, OrderWatch, see_through
from .order_options import (
    SIDES,
    ask_if_live,
    build_order,
    common_fields,
    common_options,
    order_in_words,
    order_options,
    placed_options,
)
from .root import Run
from .shapes import prints

__all__ = ["bracket", "buy", "sell"]

#: How these commands end, when they got as far as an order.
ENDS = (Exit.DONE, Exit.FAILED, Exit.USAGE, Exit.BLOCKED, Exit.ORDER, Exit.ORDER_OPEN)
_EPILOG = """Symbols: {accepted}

\b
Examples:
  twsloop {side} AAPL 100                    at the market
  twsloop {side} EUR.USD 20000 --limit {price}
  twsloop --json {side} SPY 10 --limit {far} --tif GTC --timeout 0 --tag swing
  twsloop {side} AAPL 100 --trail 2% --timeout 0
\b
In live mode it asks first; --yes says it beforehand."""


@click.command(
    epilog=with_exits(_EPILOG.format(side="buy", accepted=ACCEPTED, price="1.05", far="100"), *ENDS)
)
@click.argument("symbol")
@click.argument("quantity")
@order_options
@placed_options
@yes_option
@prints(*FOLLOWED)
@click.pass_obj
def buy(run: Run, /, **options: Any) -> None:
    """Buy, and say what becomes of the order."""
    _trade(run, "BUY", **options)


@click.command(
    epilog=with_exits(
        _EPILOG.format(side="sell", accepted=ACCEPTED, price="1.25", far="900"), *ENDS
    )
)
@click.argument("symbol")
@click.argument("quantity")
@order_options
@placed_options
@yes_option
@prints(*FOLLOWED)
@click.pass_obj
def sell(run: Run, /, **options: Any) -> None:
    """Sell, and say what becomes of the order."""
    _trade(run, "SELL", **options)


def _trade(
    run: Run,
    action: str,
    *,
    symbol: str,
    quantity: str,
    tif: str,
    account: str | None,
    outside_rth: bool,
    tag: str,
    timeout: float,
    yes: bool,
    **prices: Any,
) -> None:
    contract = to_contract(symbol)
    fields = common_fields(tif, account, outside_rth)
    order = build_order(action, quantity, **prices, **fields)
    ask_if_live(run, order_in_words(symbol, order), yes=yes)
    out = run.output()
    with connected(run) as gateway:
        watch = OrderWatch(gateway, out)
        trade = gateway.orders.place(contract, order, tag=tag)
        code = see_through(watch, out, [trade], timeout)
    if code:
        click.get_current_context().exit(code)


@click.command(
    epilog=with_exits(
        f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop bracket buy AAPL 100 --take-profit 900 --stop-loss 50
  twsloop bracket sell SPY 10 --entry 900 --take-profit 100 --stop-loss 950 --timeout 0
\b
The two closing orders wait until the entry fills, and one cancels the other. The command follows
the entry; the closing orders go on working. In live mode it asks first.""",
        *ENDS,
    )
)
@click.argument("side", type=SIDES)
@click.argument("symbol")
@click.argument("quantity")
@click.option("--entry", help="Limit price of the entry; at the market unless given.")
@click.option("--take-profit", required=True, help="Limit price that takes the profit.")
@click.option("--stop-loss", required=True, help="Trigger of the stop that limits the loss.")
@common_options
@placed_options
@yes_option
@prints(*FOLLOWED)
@click.pass_obj
def bracket(
    run: Run,
    /,
    side: str,
    symbol: str,
    quantity: str,
    tif: str,
    account: str | None,
    outside_rth: bool,
    tag: str,
    timeout: float,
    yes: bool,
    **prices: Any,
) -> None:
    """Enter a position together with its profit taker and its stop."""
    from twsloop.orders import builders  # noqa: PLC0415  (it loads ibapi)

    contract = to_contract(symbol)
    fields = common_fields(tif, account, outside_rth)
    try:
        orders = builders.bracket(side.upper(), quantity, **prices, **fields)
    except InvalidOrder as error:
        raise click.UsageError(str(error)) from error
    ask_if_live(run, "; ".join(order_in_words(symbol, one) for one in orders), yes=yes)
    out = run.output()
    with connected(run) as gateway:
        watch = OrderWatch(gateway, out)
        trades = gateway.orders.bracket(contract, orders, tag=tag)
        code = see_through(watch, out, trades, timeout, until=trades[:1])
    if code:
        click.get_current_context().exit(code)
