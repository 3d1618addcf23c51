"""``twsloop trades``: today's executions, and what they come to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import click

from twsloop.contracts.symbols import ACCEPTED, to_contract

from .connect import connected
from .fields import decimal, table, whole
from .order_lines import EXECUTION, EXECUTIONS_SHOWN, execution_row
from .output import cell
from .root import Run, output_option
from .shapes import line, prints

__all__ = ["trades"]

TRADES_END = line(
    "trades_end",
    "What the executions come to.",
    executions=whole("how many there were"),
    unreported=whole("of how many the commission is not known yet"),
    commission=table(decimal("the sum"), "what they cost, by currency"),
    realized_pnl=table(decimal("the sum"), "what closing ones earned, by currency"),
)


@click.command(
    epilog=f"""Symbols: {ACCEPTED}

\b
Examples:
  twsloop trades
  twsloop trades AAPL --client-id 7
  twsloop trades --side sell --output csv > sold.csv
\b
IB tells the executions of the day (since midnight of the gateway's time zone, or of the days that
TWS keeps). What was journaled is kept for longer: twsloop journal fills."""
)
@click.argument("symbol", required=False)
@click.option("--account", default="", help="Only those of this account.")
@click.option("--client-id", "client_id", type=int, help="Only orders of this client id.")
@click.option(
    "--side", type=click.Choice(["buy", "sell"], case_sensitive=False), help="Only this side."
)
@output_option
@prints(EXECUTION, TRADES_END)
@click.pass_obj
def trades(
    run: Run,
    symbol: str | None,
    account: str,
    client_id: int | None,
    side: str | None,
    form: str | None,
) -> None:
    """List today's executions of all clients, with commissions and realized profit."""
    from ibapi.execution import ExecutionFilter  # noqa: PLC0415  (not for --help)

    wanted = ExecutionFilter()
    if symbol is not None:
        contract = to_contract(symbol)
        wanted.symbol, wanted.secType = contract.symbol, contract.secType
    wanted.acctCode = account
    wanted.clientId = client_id or 0
    wanted.side = (side or "").upper()
    with connected(run) as gateway:
        rows = [execution_row(one) for one in gateway.executions(wanted).result()]
    rows = [row for row in rows if client_id in {None, row["client_id"]}]
    out = run.output(form)
    out.rows(
        EXECUTION.event,
        EXECUTION.columns,
        rows,
        shown=EXECUTIONS_SHOWN,
        nothing="no executions today",
    )
    commission, profit = _sums(rows, "commission"), _sums(rows, "realized_pnl")
    unreported = sum(row["commission"] is None for row in rows)
    words = [f"{len(rows)} execution{'' if len(rows) == 1 else 's'}"]
    words += [f"commission {_money(commission)}"] if commission else []
    words += [f"realized {_money(profit)}"] if any(profit.values()) else []
    words += [f"{unreported} without a commission yet"] if unreported else []
    out.event(
        TRADES_END.event,
        "; ".join(words) if rows else None,
        executions=len(rows),
        unreported=unreported,
        commission=commission,
        realized_pnl=profit,
    )


def _sums(rows: Iterable[Mapping[str, Any]], column: str) -> dict[str, Decimal]:
    """The sum of a column in each currency."""
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        if row[column] is not None:
            sums[row["commission_currency"]] += row[column]
    return dict(sums)


def _money(sums: Mapping[str, Decimal]) -> str:
    return " and ".join(f"{cell(amount)} {currency}" for currency, amount in sums.items())
