"""A bookkeeper who knows nothing but what a gateway tells: executions, commissions, orders.

It keeps cash, positions and commissions of its own from the messages, as a client would have to,
and says what must hold of them. No code of the gateway is used for its sums.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import attrs

from twsloop.paper.accounts.account import Account

__all__ = ["Bookkeeper", "Fill"]

ZERO = Decimal(0)


@attrs.frozen
class Fill:
    """One execution as it was told."""

    exec_id: str
    account: str
    con_id: int
    order_id: int
    client_id: int
    signed: Decimal
    price: Decimal
    cumulative: Decimal


@attrs.define
class Bookkeeper:
    """What one entitled listener has heard.

    Attributes:
        instruments: By contract id.
        fills: By execution id.
        reports: Commission reports by execution id.
    """

    instruments: dict[int, Any]
    fills: dict[str, Fill] = attrs.Factory(dict)
    reports: dict[str, Any] = attrs.Factory(dict)

    def execution(self, message: Any) -> Fill | None:
        """Take an execDetails message; the fill, None for a combination's own.

        A second execution with one id fails.
        """
        one = message.execution
        assert one.execId not in self.fills, f"{one.execId} was told twice"
        if message.contract.secType == "BAG":
            return None
        assert one.side in {"BOT", "SLD"}
        size = Decimal(one.shares)
        assert size > 0
        fill = Fill(
            exec_id=one.execId,
            account=one.acctNumber,
            con_id=message.contract.conId,
            order_id=one.orderId,
            client_id=one.clientId,
            signed=size if one.side == "BOT" else -size,
            price=Decimal(repr(one.price)),
            cumulative=Decimal(one.cumQty),
        )
        self.fills[one.execId] = fill
        return fill

    def report(self, message: Any) -> None:
        """Take a commission report; it must belong to an execution, and come once."""
        assert message.execId in self.fills
        assert message.execId not in self.reports, f"{message.execId} was reported twice"
        self.reports[message.execId] = message

    def check(self, account: Account) -> None:
        """Compare an account with what was told of it, to the last digit."""
        mine = [fill for fill in self.fills.values() if fill.account == account.name]
        quantities: dict[int, Decimal] = defaultdict(Decimal)
        turned: dict[int, Decimal] = defaultdict(Decimal)
        charged: dict[int, Decimal] = defaultdict(Decimal)
        realized: dict[int, Decimal] = defaultdict(Decimal)
        for fill in mine:
            instrument = self.instruments[fill.con_id]
            report = self.reports[fill.exec_id]
            quantities[fill.con_id] += fill.signed
            turned[fill.con_id] += fill.signed * fill.price * Decimal(instrument.multiplier or 1)
            charged[fill.con_id] += Decimal(repr(report.commissionAndFees))
            if report.HasField("realizedPNL"):
                realized[fill.con_id] += Decimal(repr(report.realizedPNL))
        cash: dict[str, Decimal] = defaultdict(Decimal, {account.currency: account.start})
        for con_id, position in account.positions.items():
            instrument = self.instruments[con_id]
            assert position.quantity == quantities[con_id]
            # At cost: what is open, less what the closed part brought, is what was turned over.
            assert position.paid - position.gained == turned[con_id]
            assert position.fees + position.spent == charged[con_id]
            if not position.quantity:
                assert (position.paid, position.fees, position.settled) == (ZERO, ZERO, ZERO)
            if position.fee_currency == instrument.currency:  # reports have six digits
                kept = position.gained - position.spent
                assert abs(realized[con_id] - kept) <= len(mine) * Decimal("1e-6")
            if instrument.sec_type == "FUT":
                cash[instrument.currency] += position.gained + position.settled
            else:
                cash[instrument.currency] -= turned[con_id]
            if instrument.sec_type == "CASH":
                cash[instrument.symbol] += quantities[con_id]
            cash[position.fee_currency] -= charged[con_id]
        assert set(quantities) <= set(account.positions)
        assert {name: left for name, left in account.cash.items() if left} == {
            name: left for name, left in cash.items() if left
        }
        # The law of the account itself says the same once more.
        balance = account.balance()
        assert balance.pop(account.currency) == account.start
        assert not any(balance.values())
