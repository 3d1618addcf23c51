"""IB's own Python client as an application: every callback that the tests judge is a JSON line."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from recorder import PATIENCE_S, Stream, Trouble, line  # type: ignore[import-not-found]


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

    @staticmethod
    def silent() -> Stream:
        """A stream for a line whose ticks are not looked at."""
        return Stream("")

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
        """Until 10.30: code, text, ...; since then: time, code, text, ..."""
        stamp, code, text = (None, *rest[:2]) if isinstance(rest[1], str) else rest[:3]
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
                parentId=order.parentId,
                ocaGroup=order.ocaGroup,
                auxPrice=order.auxPrice,
                whatIf=order.whatIf,
                initMarginChange=orderState.initMarginChange,
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

    def completedOrder(self, contract: Any, order: Any, orderState: Any) -> None:
        with self.heard("completedOrder"):
            line(
                "completedOrder",
                symbol=contract.symbol,
                permId=order.permId,
                action=order.action,
                orderType=order.orderType,
                status=orderState.status,
                completedStatus=orderState.completedStatus,
            )

    def completedOrdersEnd(self) -> None:
        with self.heard("completedOrdersEnd"):
            line("completedOrdersEnd")

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


def currency_pair() -> Any:
    """EUR.USD, as people write it."""
    contract = Contract()
    contract.symbol, contract.secType = "EUR", "CASH"
    contract.exchange, contract.currency = "IDEALPRO", "USD"
    return contract


def order(action: str, kind: str, quantity: int, **fields: Any) -> Any:
    """An order, as people write it."""
    made = Order()
    made.action, made.orderType, made.totalQuantity = action, kind, quantity
    made.orderRef = "conformance"
    for name in ("eTradeOnly", "firmQuoteOnly"):
        if hasattr(made, name):  # 9.81 defaults to what gateways have refused for years
            setattr(made, name, False)
    for name, value in fields.items():
        setattr(made, name, value)
    return made
