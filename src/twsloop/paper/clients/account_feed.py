"""What is told of accounts without being asked again: positions, account values, profit and loss.

Images come at once; afterwards only what changed: positions and portfolio rows when a fill changed
them, account values with a fill and every three minutes, profit and loss every second (reference
``domain.md`` e).

A summary that asks for the ledger has the form of Gateway 10.40: the account's rows twice, the
ledger, the end, the ledger again, and the end again. One that does not has its rows and its end
once, as recorded from a server of version 173.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from ibapi.protobuf.AccountDataEnd_pb2 import AccountDataEnd
from ibapi.protobuf.AccountSummary_pb2 import AccountSummary
from ibapi.protobuf.AccountSummaryEnd_pb2 import AccountSummaryEnd
from ibapi.protobuf.AccountUpdateMulti_pb2 import AccountUpdateMulti
from ibapi.protobuf.AccountUpdateMultiEnd_pb2 import AccountUpdateMultiEnd
from ibapi.protobuf.AccountUpdateTime_pb2 import AccountUpdateTime
from ibapi.protobuf.AccountValue_pb2 import AccountValue
from ibapi.protobuf.PnL_pb2 import PnL
from ibapi.protobuf.PnLSingle_pb2 import PnLSingle
from ibapi.protobuf.Position_pb2 import Position as PositionMessage
from ibapi.protobuf.PositionEnd_pb2 import PositionEnd
from ibapi.protobuf.PositionMulti_pb2 import PositionMulti
from ibapi.protobuf.PositionMultiEnd_pb2 import PositionMultiEnd

from twsloop.paper.accounts.account import Account, Position
from twsloop.paper.accounts.values import (
    Row,
    Snapshot,
    account_rows,
    clock_text,
    ledger_rows,
    portfolio_value,
    position_contract,
    summary_ledger,
    summary_rows,
    take_snapshot,
)
from twsloop.paper.decimals import plain

from .client import Client

if TYPE_CHECKING:
    from .hub import Hub

__all__ = [
    "UPDATES",
    "account_image",
    "account_multi_image",
    "is_known",
    "position_image",
    "position_multi_image",
    "summary_image",
    "tell_account_changes",
    "tell_pnl",
    "tell_pnl_of_account",
    "tell_pnl_single",
    "tell_position",
]

ZERO = Decimal(0)
#: The subscription of reqAccountUpdates among `Client.told`.
UPDATES = "updates"


def snapshot(hub: Hub, account: str) -> Snapshot:
    """An account's figures now."""
    hub.engine.valuation.roll(hub.accounts[account], hub.now())
    return take_snapshot(hub.accounts[account], hub.engine.valuation)


# ---- positions ---------------------------------------------------------------------------------


def _position(account: Account, position: Position) -> PositionMessage:
    return PositionMessage(
        account=account.name,
        contract=position_contract(position),
        position=plain(position.quantity),
        avgCost=float(round(position.average_cost, 8)),
    )


def _position_multi(req_id: int, account: Account, position: Position, model: str) -> PositionMulti:
    return PositionMulti(
        reqId=req_id,
        account=account.name,
        contract=position_contract(position),
        position=plain(position.quantity),
        avgCost=float(round(position.average_cost, 8)),
        modelCode=model,
    )


def position_image(hub: Hub, client: Client) -> None:
    """All positions of all accounts, and the end."""
    for account in hub.accounts.values():
        for position in account.held():
            client.send("position", _position(account, position))
    client.send("positionEnd", PositionEnd())


def position_multi_image(hub: Hub, client: Client, req_id: int) -> None:
    """The positions of one account, and the end."""
    name, model = client.position_multi[req_id]
    account = hub.accounts[name]
    for position in account.held():
        client.send("positionMulti", _position_multi(req_id, account, position, model))
    client.send("positionMultiEnd", PositionMultiEnd(reqId=req_id))


def tell_position(hub: Hub, account_name: str, con_id: int) -> None:
    """A position changed: tell everyone who watches it."""
    account = hub.accounts[account_name]
    position = account.positions[con_id]
    figures: Snapshot | None = None
    for client in hub.clients.values():
        if client.watches_positions:
            client.send("position", _position(account, position))
        for req_id, (name, model) in client.position_multi.items():
            if name == account_name:
                client.send("positionMulti", _position_multi(req_id, account, position, model))
        if client.account_updates == account_name:
            figures = figures or snapshot(hub, account_name)
            portfolio = portfolio_value(account, position, figures.marks)
            client.send("updatePortfolio", portfolio)
            _tell_changed_rows(hub, client, figures)
        for req_id, (name, _model, _only) in client.account_multi.items():
            if name == account_name:
                _tell_account_multi(hub, client, req_id)


# ---- account updates ---------------------------------------------------------------------------


def account_image(hub: Hub, client: Client) -> None:
    """All values and the portfolio of the account the client is subscribed to, and the end."""
    name = client.account_updates
    assert name is not None
    figures = snapshot(hub, name)
    client.told.pop(UPDATES, None)
    _tell_rows(client, name, _new(client, UPDATES, name, account_rows(figures)))
    time = AccountUpdateTime(timeStamp=clock_text(hub.now()))
    for position in figures.account.held():
        portfolio = portfolio_value(figures.account, position, figures.marks)
        client.send("updatePortfolio", portfolio)
        client.send("updateAccountTime", time)
    client.send("updateAccountTime", time)
    client.send("accountDownloadEnd", AccountDataEnd(accountName=name))


def _new(client: Client, subscription: object, account: str, rows: Iterable[Row]) -> list[Row]:
    """The rows that a subscription has not been told yet in this form; now it has."""
    told = client.told.setdefault(subscription, {})
    fresh = []
    for row in rows:
        place = (account, row.key, row.currency)
        if told.get(place) != row.value:
            told[place] = row.value
            fresh.append(row)
    return fresh


def _tell_rows(client: Client, account: str, rows: list[Row]) -> None:
    for row in rows:
        client.send(
            "updateAccountValue",
            AccountValue(key=row.key, value=row.value, currency=row.currency, accountName=account),
        )


def _tell_changed_rows(hub: Hub, client: Client, figures: Snapshot) -> None:
    account = figures.account.name
    changed = _new(client, UPDATES, account, account_rows(figures))
    if changed:
        _tell_rows(client, account, changed)
        time = AccountUpdateTime(timeStamp=clock_text(hub.now()))
        client.send("updateAccountTime", time)


def tell_account_changes(hub: Hub, client: Client) -> None:
    """Every three minutes: what changed in the values and the portfolio, and the summaries."""
    name = client.account_updates
    if name is not None:
        figures = snapshot(hub, name)
        for position in figures.account.held():
            portfolio = portfolio_value(figures.account, position, figures.marks)
            client.send("updatePortfolio", portfolio)
        _tell_changed_rows(hub, client, figures)
    for req_id in client.summaries:
        _tell_summary(hub, client, req_id)
    for req_id in client.account_multi:
        _tell_account_multi(hub, client, req_id)


def account_multi_image(hub: Hub, client: Client, req_id: int) -> None:
    """All values of one account under a request id, and the end."""
    client.told.pop(("multi", req_id), None)
    _tell_account_multi(hub, client, req_id)
    client.send("accountUpdateMultiEnd", AccountUpdateMultiEnd(reqId=req_id))


def _tell_account_multi(hub: Hub, client: Client, req_id: int) -> None:
    name, model, only_ledger = client.account_multi[req_id]
    figures = snapshot(hub, name)
    rows: list[Row] = account_rows(figures)
    if only_ledger:
        ledger = {row.key for row in ledger_rows(figures)}
        rows = [row for row in rows if row.key in ledger or row.key == "NetLiquidation"]
    for row in _new(client, ("multi", req_id), name, rows):
        client.send(
            "accountUpdateMulti",
            AccountUpdateMulti(
                reqId=req_id,
                account=name,
                modelCode=model,
                key=row.key,
                value=row.value,
                currency=row.currency,
            ),
        )


def summary_image(hub: Hub, client: Client, req_id: int) -> None:
    """The rows of an account summary, and the end, in the form of the module's docstring."""
    client.told.pop(("summary", req_id), None)
    rows, ledger = _summary(hub, client, req_id)
    for account, row in rows + ledger:
        _new(client, ("summary", req_id), account, [row])
    end = AccountSummaryEnd(reqId=req_id)
    for batch in (rows, rows, ledger) if ledger else (rows,):
        _tell_summary_rows(client, req_id, batch)
    client.send("accountSummaryEnd", end)
    if ledger:
        _tell_summary_rows(client, req_id, ledger)
        client.send("accountSummaryEnd", end)


def _summary(
    hub: Hub, client: Client, req_id: int
) -> tuple[list[tuple[str, Row]], list[tuple[str, Row]]]:
    """An account summary now: the accounts' rows, and the rows of the one ledger of all."""
    names, tags = client.summaries[req_id]
    figures = [snapshot(hub, name) for name in names]
    rows = [item for one in figures for item in summary_rows(one, tags)]
    base = figures[0].account.currency
    rates = [hub.engine.valuation.rate(one.account.currency, base) for one in figures]
    return rows, [("All", row) for row in summary_ledger(figures, rates, tags)]


def _tell_summary_rows(client: Client, req_id: int, rows: list[tuple[str, Row]]) -> None:
    for account, row in rows:
        client.send(
            "accountSummary",
            AccountSummary(
                reqId=req_id,
                account=account,
                tag=row.key,
                value=row.value,
                currency=row.currency,
            ),
        )


def _tell_summary(hub: Hub, client: Client, req_id: int) -> None:
    rows, ledger = _summary(hub, client, req_id)
    changed = [
        (account, row)
        for account, row in rows + ledger
        if _new(client, ("summary", req_id), account, [row])
    ]
    _tell_summary_rows(client, req_id, changed)


# ---- profit and loss ---------------------------------------------------------------------------


def tell_pnl(hub: Hub, client: Client) -> None:
    """Every second: all profit and loss subscriptions of a client."""
    for req_id in client.pnl:
        tell_pnl_of_account(hub, client, req_id)
    for req_id in client.pnl_single:
        tell_pnl_single(hub, client, req_id)


def tell_pnl_of_account(hub: Hub, client: Client, req_id: int) -> None:
    """One account's profit and loss."""
    account = hub.accounts[client.pnl[req_id]]
    valuation = hub.engine.valuation
    valuation.roll(account, hub.now())
    daily, unrealized, realized = account.profits(valuation.marks_now(account))
    client.send(
        "pnl",
        PnL(
            reqId=req_id,
            dailyPnL=float(round(daily, 4)),
            unrealizedPnL=float(round(unrealized, 4)),
            realizedPnL=float(round(realized, 4)),
        ),
    )


def is_known(hub: Hub, account: str, con_id: int) -> bool:
    """Whether there is anything to say of a contract id: it is listed, or was held."""
    return con_id in hub.engine.catalogue or con_id in hub.accounts[account].positions


def tell_pnl_single(hub: Hub, client: Client, req_id: int) -> None:
    """One position's profit and loss; a flat one has no unrealized profit and no value.

    Of an unknown contract id nothing is told.
    """
    name, con_id = client.pnl_single[req_id]
    if not is_known(hub, name, con_id):
        return
    account = hub.accounts[name]
    hub.engine.valuation.roll(account, hub.now())
    position = account.positions.get(con_id)
    message = PnLSingle(reqId=req_id, position="0", dailyPnL=0.0, realizedPnL=0.0)
    if position is not None:
        marks = hub.engine.valuation.marks_of(account)
        message.dailyPnL = float(round(account.daily(position, marks), 4))
        message.realizedPnL = float(round(position.realized_today, 4))
        message.position = plain(position.quantity)
        if position.quantity:
            message.unrealizedPnL = float(round(account.unrealized(position, marks), 4))
            value = position.quantity * account.mark(position, marks)
            message.value = float(round(value, 4))
    client.send("pnlSingle", message)
