"""Drive IB's own Python client, of 2020 (9.81) or of today (10.46): the same plan for both.

The client is used as IB's samples use it: one class of EWrapper and EClient, `run` in a thread of
its own. Every callback that the test judges becomes one JSON line, in the order of the callbacks.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from recorder import (  # type: ignore[import-not-found]
    PATIENCE_S,
    Stream,
    Trouble,
    drive,
    line,
)

try:
    from ibapi.order_cancel import OrderCancel
except ImportError:  # 9.81: cancelOrder takes the order's id and nothing else
    OrderCancel = None

NO_SUCH_PRICE = 0.0
DETAILS, SNAPSHOT, SUMMARY, EXECUTIONS, FIRST_LINE = 9001, 9002, 9003, 9004, 1000
TAGS = "NetLiquidation,TotalCashValue,BuyingPower,GrossPositionValue"


class App(EWrapper, EClient):
    """Listens to everything that the plan waits for."""

    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, wrapper=self)
        self.changed = threading.Condition()
        self.counts: dict[str, int] = {}
        self.streams: dict[int, Stream] = {}
        self.statuses: dict[int, str] = {}
        self.commissions: set[str] = set()
        self.execution_ids: dict[int, set[str]] = {}
        self.next_id = 0
        self.accounts: list[str] = []

    # ---- how the plan waits ----------------------------------------------------------------

    @contextmanager
    def heard(self, event: str) -> Iterator[None]:
        """Do something with what a callback brought, and wake the plan."""
        with self.changed:
            yield
            self.counts[event] = self.counts.get(event, 0) + 1
            self.changed.notify_all()

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; `Trouble` when it does not in time."""
        with self.changed:
            if not self.changed.wait_for(
                lambda: condition() or self.count("connectionClosed") > 0, PATIENCE_S
            ):
                raise Trouble(f"waited {PATIENCE_S} s for {what}")
            if not condition():
                raise Trouble(f"the connection closed before {what}")

    def wait_for_error(self, code: int) -> None:
        """Wait until `error` has been called with this code."""
        self.wait(f"error {code}", lambda: self.count(f"error {code}") > 0)

    def count(self, event: str) -> int:
        """How often an event was heard."""
        return self.counts.get(event, 0)

    # ---- session ---------------------------------------------------------------------------

    def error(self, reqId: int, *rest: Any) -> None:
        """9.81: code, text. 10.46: time, code, text, reject JSON."""
        stamp, code, text = (None, rest[0], rest[1]) if len(rest) == 2 else rest[:3]
        with self.heard("error"):
            line("error", reqId=reqId, code=code, text=text, time=stamp)
        with self.heard(f"error {code}"):
            pass

    def nextValidId(self, orderId: int) -> None:
        with self.heard("nextValidId"):
            self.next_id = orderId
            line("nextValidId", orderId=orderId)

    def managedAccounts(self, accountsList: str) -> None:
        with self.heard("managedAccounts"):
            self.accounts = [one for one in accountsList.split(",") if one]
            line("managedAccounts", accounts=self.accounts)

    def connectAck(self) -> None:
        line("connectAck", serverVersion=self.serverVersion())

    def connectionClosed(self) -> None:
        with self.heard("connectionClosed"):
            line("connectionClosed")

    def currentTime(self, time: int) -> None:
        with self.heard("currentTime"):
            line("currentTime", time=time)

    # ---- contracts and ticks ---------------------------------------------------------------

    def contractDetails(self, reqId: int, contractDetails: Any) -> None:
        with self.heard("contractDetails"):
            contract = contractDetails.contract
            line(
                "contractDetails",
                reqId=reqId,
                conId=contract.conId,
                symbol=contract.symbol,
                secType=contract.secType,
                exchange=contract.exchange,
                primaryExchange=contract.primaryExchange,
                currency=contract.currency,
                tradingClass=contract.tradingClass,
                localSymbol=contract.localSymbol,
                marketName=contractDetails.marketName,
                minTick=contractDetails.minTick,
                orderTypes=contractDetails.orderTypes,
                validExchanges=contractDetails.validExchanges,
                marketRuleIds=contractDetails.marketRuleIds,
                longName=contractDetails.longName,
                timeZoneId=contractDetails.timeZoneId,
                tradingHours=contractDetails.tradingHours,
                liquidHours=contractDetails.liquidHours,
            )

    def contractDetailsEnd(self, reqId: int) -> None:
        with self.heard("contractDetailsEnd"):
            line("contractDetailsEnd", reqId=reqId)

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self._tick(reqId, tickType, price)

    def tickSize(self, reqId: int, tickType: int, size: Any) -> None:
        self._tick(reqId, tickType, size)

    def tickString(self, reqId: int, tickType: int, value: str) -> None:
        self._tick(reqId, tickType, value)

    def tickGeneric(self, reqId: int, tickType: int, value: float) -> None:
        self._tick(reqId, tickType, value)

    def _tick(self, req_id: int, tick_type: int, value: Any) -> None:
        with self.heard("tick"):
            stream = self.streams.get(req_id)
            if stream is None:
                line("stray tick", reqId=req_id, tickType=tick_type)
            else:
                stream.tick(tick_type, value)

    def tickReqParams(
        self, tickerId: int, minTick: float, bboExchange: str, snapshotPermissions: int
    ) -> None:
        with self.heard("tickReqParams"):
            line("tickReqParams", reqId=tickerId, minTick=minTick, bboExchange=bboExchange)

    def marketDataType(self, reqId: int, marketDataType: int) -> None:
        with self.heard("marketDataType"):
            line("marketDataType", reqId=reqId, type=marketDataType)

    def tickSnapshotEnd(self, reqId: int) -> None:
        with self.heard("tickSnapshotEnd"):
            line("tickSnapshotEnd", reqId=reqId)

    # ---- orders ----------------------------------------------------------------------------

    def openOrder(self, orderId: int, contract: Any, order: Any, orderState: Any) -> None:
        fee = getattr(orderState, "commissionAndFees", None)
        if fee is None:
            fee = getattr(orderState, "commission", None)
        with self.heard("openOrder"):
            line(
                "openOrder",
                orderId=orderId,
                symbol=contract.symbol,
                conId=contract.conId,
                status=orderState.status,
                commission=fee,
                action=order.action,
                orderType=order.orderType,
                totalQuantity=order.totalQuantity,
                lmtPrice=order.lmtPrice,
                tif=order.tif,
                permId=order.permId,
                clientId=order.clientId,
                account=order.account,
                orderRef=order.orderRef,
                transmit=order.transmit,
            )

    def openOrderEnd(self) -> None:
        with self.heard("openOrderEnd"):
            line("openOrderEnd")

    def orderStatus(self, orderId: int, status: str, *rest: Any) -> None:
        names = ("filled", "remaining", "avgFillPrice", "permId", "parentId", "lastFillPrice")
        fields = dict(zip((*names, "clientId", "whyHeld", "mktCapPrice"), rest, strict=True))
        with self.heard("orderStatus"):
            self.statuses[orderId] = status
            line("orderStatus", orderId=orderId, status=status, **fields)

    def execDetails(self, reqId: int, contract: Any, execution: Any) -> None:
        with self.heard("execDetails"):
            self.execution_ids.setdefault(execution.orderId, set()).add(execution.execId)
            line(
                "execDetails",
                reqId=reqId,
                symbol=contract.symbol,
                conId=contract.conId,
                orderId=execution.orderId,
                clientId=execution.clientId,
                permId=execution.permId,
                execId=execution.execId,
                time=execution.time,
                account=execution.acctNumber,
                exchange=execution.exchange,
                side=execution.side,
                shares=execution.shares,
                price=execution.price,
                cumQty=execution.cumQty,
                avgPrice=execution.avgPrice,
                lastLiquidity=execution.lastLiquidity,
            )

    def execDetailsEnd(self, reqId: int) -> None:
        with self.heard("execDetailsEnd"):
            line("execDetailsEnd", reqId=reqId)

    def commissionReport(self, commissionReport: Any) -> None:
        self._commission(commissionReport, commissionReport.commission)

    def commissionAndFeesReport(self, commissionAndFeesReport: Any) -> None:
        self._commission(commissionAndFeesReport, commissionAndFeesReport.commissionAndFees)

    def _commission(self, report: Any, amount: float) -> None:
        with self.heard("commission"):
            self.commissions.add(report.execId)
            line(
                "commission",
                execId=report.execId,
                commission=amount,
                currency=report.currency,
                realizedPNL=report.realizedPNL,
            )

    # ---- account ---------------------------------------------------------------------------

    def position(self, account: str, contract: Any, position: Any, avgCost: float) -> None:
        with self.heard("position"):
            line(
                "position",
                account=account,
                symbol=contract.symbol,
                position=position,
                avgCost=avgCost,
            )

    def positionEnd(self) -> None:
        with self.heard("positionEnd"):
            line("positionEnd")

    def accountSummary(self, reqId: int, account: str, tag: str, value: str, currency: str) -> None:
        with self.heard("accountSummary"):
            line(
                "accountSummary",
                reqId=reqId,
                account=account,
                tag=tag,
                value=value,
                currency=currency,
            )

    def accountSummaryEnd(self, reqId: int) -> None:
        with self.heard("accountSummaryEnd"):
            line("accountSummaryEnd", reqId=reqId)

    def updateAccountValue(self, key: str, val: str, currency: str, accountName: str) -> None:
        with self.heard("updateAccountValue"):
            line("updateAccountValue", key=key, value=val, currency=currency, account=accountName)

    def updatePortfolio(
        self, contract: Any, position: Any, marketPrice: float, marketValue: float, *rest: Any
    ) -> None:
        with self.heard("updatePortfolio"):
            line(
                "updatePortfolio",
                symbol=contract.symbol,
                position=position,
                marketPrice=marketPrice,
                marketValue=marketValue,
                averageCost=rest[0],
                account=rest[3],
            )

    def updateAccountTime(self, timeStamp: str) -> None:
        with self.heard("updateAccountTime"):
            line("updateAccountTime", time=timeStamp)

    def accountDownloadEnd(self, accountName: str) -> None:
        with self.heard("accountDownloadEnd"):
            line("accountDownloadEnd", account=accountName)


def stock(symbol: str) -> Any:
    """A US share, as people write it."""
    contract = Contract()
    contract.symbol, contract.secType = symbol, "STK"
    contract.exchange, contract.currency = "SMART", "USD"
    return contract


def order(action: str, kind: str, quantity: int, price: float = NO_SUCH_PRICE) -> Any:
    """An order, as people write it."""
    made = Order()
    made.action, made.orderType, made.totalQuantity = action, kind, quantity
    made.orderRef = "conformance"
    if price:
        made.lmtPrice = price
    for name in ("eTradeOnly", "firmQuoteOnly"):
        if hasattr(made, name):  # 9.81 defaults to what gateways have refused for years
            setattr(made, name, False)
    return made


def filled(app: App, order_id: int, quantity: int) -> bool:
    """Whether the order is done and every execution of it has been charged."""
    executions = app.execution_ids.get(order_id, set())
    return (
        app.statuses.get(order_id) == "Filled"
        and bool(executions)
        and executions <= app.commissions
    )


def trade(app: App, step: str, contract: Any, wanted: Any) -> None:
    """Place an order that fills, and wait for the last commission report."""
    line("step", name=step)
    order_id = app.next_id
    app.next_id += 1
    app.placeOrder(order_id, contract, wanted)
    app.wait(f"{step} to fill", lambda: filled(app, order_id, wanted.totalQuantity))


def watch(app: App, plan: argparse.Namespace) -> None:
    """Stream several shares until enough ticks of each kind have come; then one snapshot."""
    line("step", name="stream")
    began = time.monotonic()
    symbols = plan.symbols.split(",")
    for number, symbol in enumerate(symbols, FIRST_LINE):
        app.streams[number] = Stream(symbol)
        app.reqMktData(number, stock(symbol), "", False, False, [])
    streams = [app.streams[FIRST_LINE + number] for number in range(len(symbols))]
    basics = {"bid", "ask", "bidSize", "askSize", "last", "lastSize", "volume", "close"}
    app.wait(
        f"{plan.ticks} ticks, and each of {sorted(basics)} of every share",
        lambda: (
            sum(one.count for one in streams) >= plan.ticks
            and all(basics <= set(one.kinds) for one in streams)
        ),
    )
    seconds = time.monotonic() - began
    for number in range(FIRST_LINE, FIRST_LINE + len(symbols)):
        app.cancelMktData(number)
    for stream in streams:
        stream.tell()
    line("streamed", ticks=sum(one.count for one in streams), seconds=round(seconds, 3))
    line("step", name="snapshot")
    app.streams[SNAPSHOT] = Stream(plan.trade)
    app.reqMktData(SNAPSHOT, stock(plan.trade), "", True, False, [])
    app.wait("tickSnapshotEnd", lambda: app.count("tickSnapshotEnd") > 0)
    app.streams[SNAPSHOT].tell()


def trace(app: App, plan: argparse.Namespace) -> None:
    """Watch until as many ticks as there shall be have come, then a little longer."""
    line("step", name="trace")
    for number, symbol in enumerate(plan.symbols.split(","), FIRST_LINE):
        app.streams[number] = Stream(symbol)
        app.reqMktData(number, stock(symbol), "", False, False, [])
    streams = tuple(app.streams.values())
    end = time.monotonic() + 2 * PATIENCE_S
    with app.changed:
        # IB's reader loses what it has read when a burst ends on a multiple of 4096 bytes and
        # nothing follows within a second; so something follows.
        while not app.changed.wait_for(
            lambda: sum(one.count for one in streams) >= plan.ticks, timeout=0.3
        ):
            if time.monotonic() > end:
                line("trouble", text=f"{[one.count for one in streams]} of {plan.ticks} ticks came")
                break
            app.reqCurrentTime()
    settle(app)
    for stream in streams:
        stream.tell_all()


def rest_and_cancel(app: App, plan: argparse.Namespace) -> None:
    """A limit far below the market: it rests, is moved, and is cancelled."""
    line("step", name="limit")
    price = round(app.streams[SNAPSHOT].latest["bid"] * 0.5, 2)
    order_id = app.next_id
    app.next_id += 1
    wanted = order("BUY", "LMT", plan.quantity, price)
    wanted.tif = "DAY"
    before = app.count("orderStatus")
    app.placeOrder(order_id, stock(plan.trade), wanted)
    app.wait("the limit order to rest", lambda: app.count("orderStatus") >= before + 1)
    settle(app)
    line("step", name="open orders")
    app.reqOpenOrders()
    app.wait("openOrderEnd", lambda: app.count("openOrderEnd") > 0)
    line("step", name="modify")
    wanted.lmtPrice = round(price + 0.25, 2)
    before = app.count("orderStatus")
    app.placeOrder(order_id, stock(plan.trade), wanted)
    app.wait("the change of the limit", lambda: app.count("orderStatus") >= before + 1)
    settle(app)
    line("step", name="cancel")
    if OrderCancel is None:
        app.cancelOrder(order_id)
    else:
        app.cancelOrder(order_id, OrderCancel())
    app.wait_for_error(202)


def settle(app: App) -> None:
    """Wait until the gateway has answered everything asked so far."""
    before = app.count("currentTime")
    app.reqCurrentTime()
    app.wait("currentTime", lambda: app.count("currentTime") > before)


def look_at_account(app: App) -> None:
    """Positions, summary and account values, each to its end marker."""
    line("step", name="account")
    app.reqPositions()
    app.wait("positionEnd", lambda: app.count("positionEnd") > 0)
    app.cancelPositions()
    app.reqAccountSummary(SUMMARY, "All", TAGS)
    app.wait("accountSummaryEnd", lambda: app.count("accountSummaryEnd") > 0)
    app.cancelAccountSummary(SUMMARY)
    app.reqAccountUpdates(True, app.accounts[0])
    app.wait("accountDownloadEnd", lambda: app.count("accountDownloadEnd") > 0)
    app.reqAccountUpdates(False, app.accounts[0])


def run_steps(app: App, plan: argparse.Namespace) -> None:
    """What is done between the start and the end."""
    line("step", name="contract")
    app.reqContractDetails(DETAILS, stock(plan.trade))
    app.wait("contractDetailsEnd", lambda: app.count("contractDetailsEnd") > 0)
    watch(app, plan)
    trade(app, "buy", stock(plan.trade), order("BUY", "MKT", plan.quantity))
    settle(app)
    look_at_account(app)
    rest_and_cancel(app, plan)
    settle(app)
    trade(app, "sell", stock(plan.trade), order("SELL", "MKT", plan.quantity))
    settle(app)
    line("step", name="executions")
    app.reqExecutions(EXECUTIONS, ExecutionFilter())
    app.wait("execDetailsEnd", lambda: app.count("execDetailsEnd") > 0)
    settle(app)


def run_plan(plan: argparse.Namespace) -> None:
    """Everything, in order."""
    app = App()
    began = time.monotonic()
    line("step", name="start")
    app.connect(plan.host, plan.port, plan.client_id)
    reader = threading.Thread(target=app.run, name="run")
    reader.start()
    try:
        app.wait("managedAccounts", lambda: app.count("managedAccounts") > 0)
        app.wait("nextValidId", lambda: app.count("nextValidId") > 0)
        for notice in (2104, 2106, 2158):
            app.wait_for_error(notice)
        line("started", seconds=round(time.monotonic() - began, 3), version=app.serverVersion())
        if plan.trace:
            trace(app, plan)
        else:
            run_steps(app, plan)
        line("step", name="end")
    finally:
        app.disconnect()
        reader.join(PATIENCE_S)
    if reader.is_alive():
        raise Trouble("run() did not return after disconnect()")
    line("modules", twsloop=any(name.split(".")[0] == "twsloop" for name in sys.modules))


if __name__ == "__main__":
    drive(run_plan)
