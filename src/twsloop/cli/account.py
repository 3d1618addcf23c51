"""``twsloop positions`` and ``twsloop account``."""

from __future__ import annotations

import click

from .connect import connected
from .root import Run, output_option

__all__ = ["account", "positions"]

POSITION_COLUMNS = ("account", "symbol", "quantity", "average_cost", "type", "currency", "con_id")
#: How wide a terminal must be to show all columns of a position, characters.
ROOMY = 80
VALUE_COLUMNS = ("account", "tag", "value", "currency")


@click.command(
    epilog="""\b
Examples:
  twsloop positions
  twsloop positions --output csv > positions.csv
"""
)
@output_option
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
    shown = POSITION_COLUMNS if out.console.width >= ROOMY else POSITION_COLUMNS[:4]
    out.rows("position", POSITION_COLUMNS, rows, shown=shown)


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
    run.output(form).rows("account_value", VALUE_COLUMNS, rows)
