"""IB's objects for tests of orders, as its decoder would make them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibapi.commission_and_fees_report import CommissionAndFeesReport
from ibapi.contract import Contract
from ibapi.execution import Execution
from ibapi.order import Order
from ibapi.order_state import OrderState

from twsloop.contracts import stock

__all__ = ["commission", "execution", "order_state", "with_fields"]


def with_fields(target: Any, **fields: Any) -> Any:
    """``target`` with fields set, each of which it must have."""
    for name, value in fields.items():
        assert hasattr(target, name), name
        setattr(target, name, value)
    return target


def execution(
    exec_id: str,
    shares: Any,
    price: float,
    *,
    order_id: int = 1,
    client_id: int = 0,
    perm_id: int = 900,
    **fields: Any,
) -> Execution:
    """An Execution of an order of ours."""
    return with_fields(
        Execution(),
        execId=exec_id,
        shares=Decimal(str(shares)),
        price=price,
        side="BOT",
        time="20260928 09:32:25 US/Eastern",
        acctNumber="DU1",
        exchange="ARCA",
        orderId=order_id,
        clientId=client_id,
        permId=perm_id,
        cumQty=Decimal(str(shares)),
        avgPrice=price,
        **fields,
    )


def commission(exec_id: str, amount: float, **fields: Any) -> CommissionAndFeesReport:
    """What an execution cost."""
    return with_fields(
        CommissionAndFeesReport(),
        execId=exec_id,
        commissionAndFees=amount,
        currency="USD",
        **fields,
    )


def order_state(status: str) -> OrderState:
    """An OrderState that says only this."""
    return with_fields(OrderState(), status=status)


def filled_contract() -> Contract:
    """A stock as the gateway echoes it, with its id."""
    return with_fields(stock("AAPL"), conId=265598, localSymbol="AAPL", tradingClass="NMS")


def echo(order: Order, *, order_id: int = 1, client_id: int = 0, perm_id: int = 900) -> Order:
    """An order as the gateway echoes it."""
    made = Order()
    vars(made).update(vars(order))
    return with_fields(made, orderId=order_id, clientId=client_id, permId=perm_id)
