"""The messages a gateway makes of its facts: orders, executions, errors as protobuf.

Pure: facts in, ``ibapi.protobuf`` messages out. The echoed values of a fresh order are those
captured from a Gateway 10.40 (reference ``domain.md`` c, "Echo values"): a client sees more in
``openOrder`` than it sent.

Traps that every line here respects (``protocol.md`` H.2 and B.4): an error's id is always set, an
unset number is absent (never an empty string or 0), and the status words and ``BOT``/``SLD`` are
IB's own spelling, because strict clients refuse others.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from ibapi.protobuf.CommissionAndFeesReport_pb2 import CommissionAndFeesReport
from ibapi.protobuf.CompletedOrder_pb2 import CompletedOrder
from ibapi.protobuf.ErrorMessage_pb2 import ErrorMessage
from ibapi.protobuf.Execution_pb2 import Execution as ExecutionMessage
from ibapi.protobuf.ExecutionDetails_pb2 import ExecutionDetails
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.protobuf.OrderState_pb2 import OrderState
from ibapi.protobuf.OrderStatus_pb2 import OrderStatus

from twsloop.paper.decimals import plain

from . import schedule
from .order import Execution, PaperOrder, Status
from .order_types import Peg

__all__ = [
    "LIVE_REQUEST",
    "auto_cancel_date",
    "commission_report",
    "completed_order",
    "echo_order",
    "error",
    "execution_details",
    "open_order",
    "order_status",
    "stamp",
]

#: The request id of executions that nobody asked for.
LIVE_REQUEST = -1
#: What an order says of its owner.
SHAREHOLDER = "Not an insider or substantial shareholder"
#: What the first report of a stop has, and later ones have not.
FIRST_REPORT_TYPES = frozenset({"STP", "TRAIL"})
MIN_COMPETE_SIZE = 100
COMPETE_OFFSET = 0.02


def stamp(moment: datetime, zone: str) -> str:
    """A time as 10.40 writes it: ``20260928 09:32:25 US/Eastern``."""
    return f"{moment.astimezone(ZoneInfo(zone)):%Y%m%d %H:%M:%S} {zone}"


def auto_cancel_date(today: date) -> str:
    """When a GTC order ends by itself: the last day of the next quarter, at the close."""
    return f"{schedule.auto_cancel_day(today):%Y%m%d} 16:00:00 US/Eastern"


def echo_order(order: PaperOrder, user: str, now: datetime) -> None:
    """Fill in what the gateway adds to an order: `PaperOrder.request` becomes its echo."""
    echo = order.request
    echo.clientId = order.client_id
    echo.orderId = order.order_id
    echo.permId = order.perm_id
    echo.account = order.account
    echo.totalQuantity = plain(order.total)
    echo.orderType = order.order_type
    echo.tif = order.tif
    _prices(order, echo)
    echo.ocaType = order.oca_type
    echo.ocaGroup = order.oca_group
    echo.volatilityType = 0
    echo.referencePriceType = 0
    echo.deltaNeutralOrderType = "None"
    if not echo.adjustedOrderType:
        echo.adjustedOrderType = "None"
    echo.clearingIntent = "IB"
    echo.dontUseAutoPriceForHedge = True
    echo.filledQuantity = plain(order.filled)
    echo.shareholder = SHAREHOLDER
    echo.submitter = user
    if not echo.HasField("usePriceMgmtAlgo"):
        echo.usePriceMgmtAlgo = int(order.order_type in {"LMT", "STP LMT"})
    if order.tif == "GTC":
        echo.autoCancelDate = auto_cancel_date(now.date())
    if order.parent is not None:
        echo.parentId = order.parent.order_id
        echo.parentPermId = order.parent.perm_id
    echo.ClearField("transmit")


def _prices(order: PaperOrder, echo: Any) -> None:
    """The price fields as they are now: triggers trail, a remainder gets a limit."""
    kind = order.kind
    echo.lmtPrice = float(order.limit_price or 0)
    if kind.trails or kind.peg is not Peg.NONE:
        echo.auxPrice = float(order.amount or 0)
    else:
        echo.auxPrice = float(order.stop_price or 0)
    if kind.trails and order.percent is not None:
        echo.trailingPercent = float(order.percent)
    if kind.trails and order.limit_offset is not None:
        echo.lmtPriceOffset = float(order.limit_offset)
    if order.stop_price is not None:
        echo.trailStopPrice = float(order.stop_price)
    elif order.order_type == "LMT" and order.limit_price is not None:
        echo.trailStopPrice = float(order.limit_price + 1)


def open_order(order: PaperOrder, *, commission: bool = False) -> OpenOrder:
    """An openOrder message of the order as it stands.

    Args:
        order: The order.
        commission: Also tell its commission and fees (the second of the Filled pair does).
    """
    state = OrderState(status=order.status.value)
    if commission:
        state.commissionAndFees = float(order.commission)
        state.commissionAndFeesCurrency = order.commission_currency
    if order.status is Status.FILLED:
        _complete(order, state)
    message = OpenOrder(orderId=order.order_id, contract=order.contract, orderState=state)
    message.order.CopyFrom(order.request)
    _prices(order, message.order)
    message.order.filledQuantity = plain(order.filled)
    if order.reports <= 1 and order.order_type in FIRST_REPORT_TYPES:
        # As captured: the first report of these has the desk's defaults, and no end date yet.
        message.order.minCompeteSize = MIN_COMPETE_SIZE
        message.order.competeAgainstBestOffset = COMPETE_OFFSET
        message.order.ClearField("autoCancelDate")
    return message


def completed_order(order: PaperOrder) -> CompletedOrder:
    """A completedOrder message."""
    state = OrderState(status=order.status.value)
    _complete(order, state)
    message = CompletedOrder(contract=order.contract, order=order.request, orderState=state)
    message.order.filledQuantity = plain(order.filled)
    return message


def _complete(order: PaperOrder, state: OrderState) -> None:
    if order.completed_at is not None:
        state.completedTime = stamp(order.completed_at, order.instrument.time_zone)
    state.completedStatus = order.completed_status


def order_status(order: PaperOrder) -> OrderStatus:
    """An orderStatus message of the order as it stands."""
    return OrderStatus(
        orderId=order.order_id,
        status=order.status.value,
        filled=plain(order.filled),
        remaining=plain(order.remaining),
        avgFillPrice=float(order.average),
        permId=order.perm_id,
        parentId=order.parent.order_id if order.parent else 0,
        lastFillPrice=float(order.last_price or 0),
        clientId=order.client_id,
        whyHeld=order.why_held,
        mktCapPrice=0.0,
    )


def execution_details(fill: Execution, req_id: int = LIVE_REQUEST) -> ExecutionDetails:
    """An execDetails message; ``req_id`` is -1 for what nobody asked for."""
    order = fill.order
    request: Any = order.request
    return ExecutionDetails(
        reqId=req_id,
        # All recordings show the venue here as well, not the exchange that the order named.
        contract=(
            order.contract if fill.is_summary else fill.instrument.contract(exchange=fill.exchange)
        ),
        execution=ExecutionMessage(
            orderId=order.order_id,
            execId=fill.exec_id,
            time=stamp(fill.time, fill.instrument.time_zone),
            acctNumber=order.account,
            exchange=fill.exchange,
            side="BOT" if fill.is_buy else "SLD",
            shares=plain(fill.quantity),
            price=float(fill.price),
            permId=order.perm_id,
            clientId=order.client_id,
            isLiquidation=False,
            cumQty=plain(fill.cumulative),
            avgPrice=float(fill.average),
            orderRef=request.orderRef,
            modelCode=request.modelCode,
            lastLiquidity=2,
            isPriceRevisionPending=False,
            submitter=request.submitter,
        ),
    )


def commission_report(fill: Execution) -> CommissionAndFeesReport:
    """The commission report of one execution; no realizedPNL where it closed nothing."""
    report = CommissionAndFeesReport(
        execId=fill.exec_id,
        commissionAndFees=float(fill.commission),
        currency=fill.commission_currency,
    )
    if fill.realized is not None:
        report.realizedPNL = float(round(fill.realized, 6))
    return report


def error(ident: int, code: int, text: str, now: datetime) -> ErrorMessage:
    """An error message; ``ident`` is a request id, an order id, or -1."""
    return ErrorMessage(
        id=ident,
        errorTime=int(now.timestamp() * 1000),
        errorCode=code,
        errorMsg=text,
    )
