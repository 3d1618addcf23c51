"""``twsloop pnl``: profit and loss as IB counts it, of accounts and of their positions."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from .connect import Inbox, Patience, connected, watch_session
from .fields import decimal, moment, text, whole
from .order_lines import SESSION
from .root import Run, output_option
from .session_words import SessionWords
from .shapes import line, prints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from twsloop.account.rows import AccountProfit
    from twsloop.gateway import IBGateway

    from .output import Output

__all__ = ["pnl"]

ACCOUNT_PNL = line(
    "account_pnl",
    "Profit and loss of one account, in its base currency.",
    time=moment("when IB said so"),
    account=text("whose"),
    daily=decimal("since the day began, by TWS's settings", null=True),
    unrealized=decimal("of what is open", null=True),
    realized=decimal("of what was closed since the day began", null=True),
)
POSITION_PNL = line(
    "position_pnl",
    "Profit and loss of one position.",
    account=text("whose"),
    symbol=text("the contract in short"),
    quantity=decimal("negative when short"),
    value=decimal("its market value", null=True),
    daily=decimal("since the day began", null=True),
    unrealized=decimal("of what is open", null=True),
    realized=decimal("of what was closed since the day began", null=True),
    con_id=whole("IB's id of the contract"),
    time=moment("when IB said so"),
)
IMPORTANT = ("symbol", "quantity", "unrealized", "daily", "value", "realized", "account")
SHOWN = POSITION_PNL.columns[:-2]


@click.command(
    epilog="""\b
Examples:
  twsloop pnl
  twsloop pnl --output csv > pnl.csv
  twsloop --json pnl --watch --seconds 3
"""
)
@click.option("--account", "only", default="", help="Only this account.")
@click.option("--watch", is_flag=True, help="The accounts' numbers as they change; Ctrl-C ends it.")
@click.option(
    "--seconds", type=click.FloatRange(0, min_open=True), help="End --watch after so long."
)
@output_option
@prints(ACCOUNT_PNL, POSITION_PNL, SESSION)
@click.pass_obj
def pnl(run: Run, only: str, watch: bool, seconds: float | None, form: str | None) -> None:
    """Show the profit and loss of the day, of each account and of each position."""
    if seconds is not None and not watch:
        raise click.UsageError("--seconds belongs to --watch.")
    out = run.output(form)
    with connected(run) as gateway:
        accounts = [one for one in gateway.accounts if only in {"", one}]
        if not accounts:
            known = ", ".join(gateway.accounts)
            raise click.BadParameter(f"the login has {known}", param_hint="--account")
        if watch:
            _follow(gateway, out, accounts, Patience(seconds))
        else:
            _once(gateway, out, accounts)


def _once(gateway: IBGateway, out: Output, accounts: Sequence[str]) -> None:
    """What it is now."""
    asked = [gateway.account.pnl(one) for one in accounts]
    held = [one for one in gateway.positions().result() if one.account in accounts]
    profits = [gateway.account.position_pnl(p.contract.conId, p.account) for p in held]
    sums = [_row(future.result()) for future in asked]
    rows = [
        {name: getattr(found, name, None) for name in POSITION_PNL.columns}
        | {"symbol": position.symbol}
        for position, found in zip(held, (future.result() for future in profits), strict=True)
    ]
    if rows:
        out.rows(POSITION_PNL.event, POSITION_PNL.columns, rows, shown=SHOWN, important=IMPORTANT)
    out.rows(ACCOUNT_PNL.event, ACCOUNT_PNL.columns, sums, shown=ACCOUNT_PNL.columns[1:])


def _row(found: AccountProfit) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ACCOUNT_PNL.columns}


def _follow(gateway: IBGateway, out: Output, accounts: Sequence[str], patience: Patience) -> None:
    """Each number as it changes, until the time is over."""
    inbox: Inbox[tuple[str, dict[str, Any]]] = Inbox()
    words = SessionWords()
    watch_session(
        gateway, inbox, lambda state, why: (SESSION.event, {"state": state, "reason": why})
    )

    def put(found: AccountProfit) -> None:
        inbox.put((ACCOUNT_PNL.event, _row(found)))

    with contextlib.ExitStack() as stack, contextlib.suppress(KeyboardInterrupt):
        for one in accounts:
            stack.enter_context(gateway.account.watch_pnl(one, on_update=put))
        stack.callback(inbox.close)
        while patience.left > 0:
            told = inbox.get(patience)
            if told is None:
                continue
            name, row = told
            if name == SESSION.event:
                out.event(name, words.of(row["state"], row["reason"]), **row)
            else:
                out.record(name, ACCOUNT_PNL.columns, row)
