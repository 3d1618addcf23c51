"""``twsloop positions`` and ``twsloop account``."""

from __future__ import annotations

import click

from .connect import connected
from .fields import decimal, text, whole
from .root import Run, output_option
from .shapes import line, prints

__all__ = ["account", "positions"]

POSITION = line(
    "position",
    "One position of one account.",
    account=text("whose it is"),
    symbol=text("the contract in short, as it can be typed again"),
    quantity=decimal("how much; negative when short"),
    average_cost=decimal("what one unit cost, commissions included", null=True),
    type=text("IB's secType: STK, OPT, FUT, CASH..."),
    currency=text("of the contract"),
    con_id=whole("IB's id of the contract"),
)
ACCOUNT_VALUE = line(
    "account_value",
    "One value of one account.",
    account=text("whose it is"),
    tag=text("IB's name of the value: NetLiquidation, BuyingPower..."),
    value=text("the value as IB writes it"),
    currency=text("of the value; empty where it has none"),
)


@click.command(
    epilog="""\b
Examples:
  twsloop positions
  twsloop positions --output csv > positions.csv
"""
)
@output_option
@prints(POSITION)
@click.pass_obj
def positions(run: Run, form: str | None) -> None:
    """List the positions of all accounts."""
    with connected(run) as gateway:
        held = gateway.positions().result()
    rows = [
        {
            "account": one.account,
            "symbol": one.symbol,
            "quantity": one.quantity,
            "average_cost": one.average_cost,
            "type": one.contract.secType,
            "currency": one.contract.currency,
            "con_id": one.contract.conId,
        }
        for one in held
    ]
    out = run.output(form)
    out.rows(
        POSITION.event,
        POSITION.columns,
        rows,
        important=("symbol", "quantity"),
        nothing="no positions",
    )


@click.command(
    epilog="""\b
Examples:
  twsloop account
  twsloop account --tag NetLiquidation --tag BuyingPower
  twsloop --json account --all
"""
)
@click.option("--tag", "tags", multiple=True, help="Only this tag of IB's; repeatable.")
@click.option("--all", "everything", is_flag=True, help="Every value of the first account.")
@output_option
@prints(ACCOUNT_VALUE)
@click.pass_obj
def account(run: Run, tags: tuple[str, ...], everything: bool, form: str | None) -> None:
    """Show the accounts' values: equity, cash, buying power, margins."""
    if tags and everything:
        raise click.UsageError("Use --tag or --all, not both.")
    with connected(run) as gateway:
        if everything:
            values = gateway.account_values().result()
            rows = [
                {"account": v.account, "tag": v.key, "value": v.value, "currency": v.currency}
                for v in values
            ]
        else:
            summary = (
                gateway.account_summary(tags) if tags else gateway.account_summary()
            ).result()
            rows = [
                {"account": r.account, "tag": r.tag, "value": r.value, "currency": r.currency}
                for r in summary
            ]
    run.output(form).rows(
        ACCOUNT_VALUE.event, ACCOUNT_VALUE.columns, rows, important=("tag", "value")
    )
