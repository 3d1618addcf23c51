"""``twsloop close``: what closes positions, or a part of one."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from twsloop.contracts.symbols import ACCEPTED, to_contract
from twsloop.errors import OrderError, SymbolError

from .asking import confirm, must_be_answerable, yes_option
from .connect import connected
from .exits import Exit, with_exits
from .fields import text
from .order_lines import FOLLOWED, OrderWatch, see_through, worst
from .order_options import build_order, common_fields, placed_options
from .output import cell
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from ibapi.contract import Contract

    from twsloop.account.rows import Position
    from twsloop.gateway import IBGateway

    from .output import Output

__all__ = ["close"]

NOTHING_HELD = line("nothing_held", "There was no position to close.")
NOT_CLOSED = line(
    "not_closed",
    "No order was placed for a position.",
    account=text("whose it is"),
    symbol=text("the contract in short"),
    reason=text("why"),
)


@click.command(
    epilog=with_exits(
        f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop close AAPL                         all of it at the market; it asks first
  twsloop close AAPL 50 --limit 900 --yes --timeout 0
  twsloop close AAPL --cancel-open --yes     end its stop and profit taker first
  twsloop close --all --yes
\b
What open orders close already is not closed twice, and a position is never turned round.""",
        Exit.DONE,
        Exit.FAILED,
        Exit.USAGE,
        Exit.ORDER,
        Exit.ORDER_OPEN,
    )
)
@click.argument("symbol", required=False)
@click.argument("quantity", required=False)
@click.option("--all", "everything", is_flag=True, help="Every position.")
@click.option("--limit", help="At this price or better; at the market unless given.")
@click.option("--account", default="", help="Only this account's position.")
@click.option("--cancel-open", is_flag=True, help="Cancel our own orders that close it first.")
@click.option("--outside-rth", is_flag=True, help="Also outside regular hours.")
@placed_options
@yes_option
@prints(*FOLLOWED, NOTHING_HELD, NOT_CLOSED)
@click.pass_obj
def close(
    run: Run,
    symbol: str | None,
    quantity: str | None,
    everything: bool,
    limit: str | None,
    account: str,
    cancel_open: bool,
    outside_rth: bool,
    tag: str,
    timeout: float,
    yes: bool,
) -> None:
    """Close the position in SYMBOL, or QUANTITY of it, or all positions; it asks first."""
    if everything == (symbol is not None):
        raise click.UsageError("Name a symbol, or use --all.")
    if everything and limit is not None:
        raise click.UsageError("--limit is the price of one contract: name a symbol.")
    wanted = None if symbol is None else to_contract(symbol)
    fields = common_fields("DAY", None, outside_rth)
    make = _maker(limit, fields)
    if quantity is not None:
        make("SELL", quantity)  # what cannot be one is told before anything is connected
    must_be_answerable(f"Close {symbol or 'all positions'}?", yes=yes)
    out = run.output()
    with connected(run) as gateway:
        held = [one for one in gateway.positions().result() if account in {"", one.account}]
        chosen = held if wanted is None else _that_fit(wanted, held)
        if not chosen and wanted is None:
            out.event(NOTHING_HELD.event, "no positions")
            return
        confirm(_question(chosen, symbol, quantity, limit), yes=yes)
        how: dict[str, Any] = {"order": make, "cancel_open": cancel_open, "tag": tag}
        watch = OrderWatch(gateway, out)
        if wanted is not None:
            trade = gateway.orders.close_position(wanted, quantity, account=account, **how).result()
            code = see_through(watch, out, [trade], timeout)
        else:
            code = _close_each(gateway, out, watch, chosen, how, timeout)
    if code:
        click.get_current_context().exit(code)


def _maker(limit: str | None, fields: dict[str, Any]) -> Callable[[str, Any], Any]:
    def make(action: str, quantity: Decimal | str) -> Any:
        return build_order(action, quantity, limit=limit, stop=None, trail=None, **fields)

    return make


def _that_fit(wanted: Contract, held: Sequence[Position]) -> list[Position]:
    from twsloop.orders.closing import fits  # noqa: PLC0415  (it loads ibapi)

    return [one for one in held if fits(wanted, one.contract)]


def _named(one: Position) -> Contract:
    """What is held, by its id, routed as its symbol would be if it was typed.

    A position names no exchange at all (a currency pair), or that of the listing.
    """
    from ibapi.contract import Contract  # noqa: PLC0415  (not for --help)

    contract = Contract()
    contract.conId = one.contract.conId
    with contextlib.suppress(SymbolError):
        contract.exchange = to_contract(one.symbol).exchange
    return contract


def _question(
    chosen: Sequence[Position], symbol: str | None, quantity: str | None, limit: str | None
) -> str:
    """What is about to be closed, as a question."""
    price = "at the market" if limit is None else f"at {limit} or better"
    if len(chosen) == 1:
        (one,) = chosen
        part = f"{quantity} of " if quantity is not None else ""
        return f"Close {part}{cell(one.quantity)} {one.symbol} of {one.account} {price}?"
    if symbol is not None:
        return f"Close {symbol} {price}?"
    each = ", ".join(f"{cell(one.quantity)} {one.symbol}" for one in chosen)
    return f"Close {len(chosen)} positions {price} ({each})?"


def _close_each(
    gateway: IBGateway,
    out: Output,
    watch: OrderWatch,
    chosen: Sequence[Position],
    how: dict[str, Any],
    timeout: float,
) -> Exit:
    """Close positions one after the other, and follow all of their orders."""
    trades, failed = [], False
    for one in chosen:
        try:
            asked = gateway.orders.close_position(_named(one), account=one.account, **how)
            trades.append(asked.result())
        except OrderError as error:
            failed = True
            out.event(
                NOT_CLOSED.event,
                f"{one.symbol} of {one.account} is not closed: {error}",
                account=one.account,
                symbol=one.symbol,
                reason=str(error),
            )
    code = see_through(watch, out, trades, timeout)
    return worst((code, Exit.ORDER if failed else Exit.DONE))
