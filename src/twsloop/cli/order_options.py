"""The options that describe an order: those of ``buy``, ``sell``, ``bracket`` and ``what-if``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from twsloop.errors import InvalidOrder

from .asking import confirm
from .order_lines import PATIENCE

if TYPE_CHECKING:
    from ibapi.order import Order

    from .root import Run

__all__ = [
    "SIDES",
    "ask_if_live",
    "build_order",
    "common_fields",
    "common_options",
    "order_in_words",
    "order_options",
    "placed_options",
]

F = TypeVar("F", bound=Callable[..., Any])

SIDES = click.Choice(["buy", "sell"], case_sensitive=False)


def _all(function: F, *decorators: Callable[[F], F]) -> F:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def order_options(function: F) -> F:
    """What an order is, with one price of each kind."""
    return _all(
        function,
        click.option("--limit", help="A limit order at this price."),
        click.option("--stop", help="A stop order; with --limit a stop-limit order."),
        click.option(
            "--trail",
            metavar="AMOUNT|PERCENT%",
            help="A stop that trails the market by so much (1.50, or 2%); --stop: where it begins.",
        ),
        common_options,
    )


def common_options(function: F) -> F:
    """What all orders have."""
    return _all(
        function,
        click.option(
            "--tif",
            type=click.Choice(["DAY", "GTC", "IOC", "FOK", "OPG"], case_sensitive=False),
            default="DAY",
            show_default=True,
            help="Time in force.",
        ),
        click.option("--account", help="The account, if the login has several."),
        click.option("--outside-rth", is_flag=True, help="Also outside regular hours."),
    )


def placed_options(function: F) -> F:
    """What belongs to an order that is placed and followed."""
    return _all(
        function,
        click.option("--tag", default="", help="Your own reference (IB's orderRef), kept with it."),
        click.option(
            "--timeout",
            type=click.FloatRange(0),
            default=PATIENCE,
            show_default=True,
            help="Follow the order so long, in seconds; it stays open after that.",
        ),
    )


def common_fields(tif: str, account: str | None, outside_rth: bool) -> dict[str, Any]:
    """What `common_options` say, by IB's names."""
    fields: dict[str, Any] = {"tif": tif.upper(), "outsideRth": outside_rth}
    return {**fields, "account": account} if account else fields


def build_order(
    action: str,
    quantity: Any,
    *,
    limit: str | None,
    stop: str | None,
    trail: str | None,
    **fields: Any,
) -> Order:
    """IB's Order for the options.

    Raises:
        UsageError: It can be none.
    """
    # Here, because building an order loads ibapi, which `--help` does not need.
    from twsloop.orders import builders  # noqa: PLC0415

    try:
        if trail is not None:
            if limit is not None:
                raise click.UsageError("--trail or --limit: not both.")
            return builders.trailing_stop(
                action, quantity, stop_price=stop, **_distance(trail), **fields
            )
        if limit is not None and stop is not None:
            return builders.stop_limit_order(action, quantity, stop, limit, **fields)
        if limit is not None:
            return builders.limit_order(action, quantity, limit, **fields)
        if stop is not None:
            return builders.stop_order(action, quantity, stop, **fields)
        return builders.market_order(action, quantity, **fields)
    except InvalidOrder as error:
        raise click.UsageError(str(error)) from error


def _distance(trail: str) -> dict[str, str]:
    number = trail.strip()
    return {"percent": number[:-1]} if number.endswith("%") else {"amount": number}


def ask_if_live(run: Run, what: str, *, yes: bool) -> None:
    """In live mode ask before an order is placed; on paper, and where orders are disabled, go on.

    Args:
        run: The global options.
        what: The orders, in words: ``BUY 100 AAPL MKT``.
        yes: It was said on the command line already.

    Raises:
        Declined: The answer was not yes.
        UsageError: There is nobody to ask.
    """
    config = run.config()
    if config.connection.mode == "live" and config.orders.enabled:
        confirm(f"LIVE, with real money: {what}?", yes=yes)


def order_in_words(symbol: str, order: Order) -> str:
    """An order in short: ``BUY 100 AAPL LMT 189.5``."""
    from twsloop.wire.showing import order_words  # noqa: PLC0415  (it loads ibapi)

    side, size, *rest = order_words(order).strip("<>").split(" ")
    return " ".join((side, size, symbol, *rest))
