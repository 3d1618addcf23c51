"""What IB's order callbacks carry, in our own terms: Decimal money, aware times, None for unset."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

from twsloop.events import CommissionReported, Fill, order_story
from twsloop.events.execution_ids import correction_of, execution_base, versions_of
from twsloop.wire.times import read_time
from twsloop.wire.values import decimal_or_none

from .reference import split_reference

__all__ = [
    "correction_of",
    "execution_base",
    "prices_of",
    "read_commission",
    "read_execution",
    "read_reject",
    "size",
    "versions_of",
]

#: Order types that have no limit price, or no stop price: the gateway's echo says 0.0 there.
_NO_LIMIT = frozenset({"MKT", "STP", "MIT", "MOC", "MTL", "TRAIL"})
_NO_STOP = frozenset({"MKT", "LMT", "MOC", "LOC", "MTL"})


def prices_of(order: Any) -> tuple[Decimal | None, Decimal | None]:
    """The limit price and the stop price of an ibapi Order; None where its type has none."""
    limit, stop = decimal_or_none(order.lmtPrice), decimal_or_none(order.auxPrice)
    return (
        None if not limit and order.orderType in _NO_LIMIT else limit,
        None if not stop and order.orderType in _NO_STOP else stop,
    )


def size(value: Any) -> Decimal:
    """A size of IB's; 0 for unset."""
    return decimal_or_none(value) or Decimal(0)


def read_execution(
    contract: Any, execution: Any, *, symbol: str, now: datetime, corrects: str | None = None
) -> Fill:
    """IB's Execution as a fact."""
    return Fill(
        time=now,
        correlation_id=order_story(execution.clientId, execution.orderId),
        tag=split_reference(execution.orderRef)[0],
        exec_id=execution.execId,
        order_id=execution.orderId,
        client_id=execution.clientId,
        perm_id=execution.permId or None,
        account=execution.acctNumber,
        con_id=contract.conId or None,
        symbol=symbol,
        side=execution.side,
        shares=size(execution.shares),
        price=decimal_or_none(execution.price) or Decimal(0),
        exchange=execution.exchange,
        executed_at=read_time(execution.time),
        cumulative=size(execution.cumQty) or None,
        average_price=decimal_or_none(execution.avgPrice),
        corrects=corrects,
    )


def read_commission(
    report: Any, realized: Decimal | None, *, order_id: int | None, now: datetime
) -> CommissionReported:
    """IB's CommissionAndFeesReport as a fact; the realized result as its sender meant it."""
    return CommissionReported(
        time=now,
        exec_id=report.execId,
        commission=decimal_or_none(report.commissionAndFees) or Decimal(0),
        currency=report.currency,
        realized_pnl=realized,
        order_id=order_id,
    )


def read_reject(text: str) -> Any:
    """IB's JSON about a rejected order: parsed, or the text where it is no JSON; None for empty."""
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text
