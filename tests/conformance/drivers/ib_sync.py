"""Drive ib_async, or its ancestor ib_insync: one programming interface, so one plan.

The client is used as its own notebooks use it: `IB().connect` (with its own time-out of 4 s and
everything that it fetches at the start), blocking requests, live objects, events. The events become
JSON lines, in their order.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from ib_data import DataPlan  # type: ignore[import-not-found]
from recorder import (  # type: ignore[import-not-found]
    PATIENCE_S,
    PRICES,
    SIZES,
    TICK_NAMES,
    Stream,
    Trouble,
    drive,
    line,
)

#: What a share's ticker must know before the stream counts as whole.
BASICS = {"bid", "ask", "bidSize", "askSize", "last", "lastSize", "volume", "close"}
TAGS = {"NetLiquidation", "TotalCashValue", "BuyingPower", "GrossPositionValue"}


class Plan:
    """The steps, on one `IB` object."""

    def __init__(self, plan: argparse.Namespace) -> None:
        self.plan = plan
        self.lib = importlib.import_module(plan.module)
        self.ib = self.lib.IB()
        self.streams: dict[str, Stream] = {}
        self.codes: list[int] = []
        self._listen()

    def _listen(self) -> None:
        ib = self.ib
        ib.errorEvent += self._on_error
        ib.openOrderEvent += self._on_open_order
        ib.orderStatusEvent += self._on_status
        ib.execDetailsEvent += self._on_execution
        ib.commissionReportEvent += self._on_commission
        ib.pendingTickersEvent += self._on_tickers
        ib.disconnectedEvent += self._on_disconnected
        # A listener that raises is only logged by the client; here it is a trouble on stderr.

    def _on_error(self, req_id: int, code: int, text: str, contract: Any) -> None:
        self.codes.append(code)
        line("error", reqId=req_id, code=code, text=text)

    def _on_open_order(self, trade: Any) -> None:
        line(
            "openOrder",
            orderId=trade.order.orderId,
            permId=trade.order.permId,
            symbol=trade.contract.symbol,
            action=trade.order.action,
            orderType=trade.order.orderType,
            totalQuantity=trade.order.totalQuantity,
            lmtPrice=trade.order.lmtPrice,
            tif=trade.order.tif,
            parentId=trade.order.parentId,
            ocaGroup=trade.order.ocaGroup,
            auxPrice=trade.order.auxPrice,
        )

    def _on_status(self, trade: Any) -> None:
        status = trade.orderStatus
        line(
            "orderStatus",
            orderId=status.orderId,
            status=status.status,
            filled=status.filled,
            remaining=status.remaining,
            avgFillPrice=status.avgFillPrice,
            lastFillPrice=status.lastFillPrice,
            permId=status.permId,
            clientId=status.clientId,
            whyHeld=status.whyHeld,
        )

    def _on_execution(self, trade: Any, fill: Any) -> None:
        execution = fill.execution
        line(
            "execDetails",
            orderId=execution.orderId,
            clientId=execution.clientId,
            permId=execution.permId,
            execId=execution.execId,
            symbol=fill.contract.symbol,
            conId=fill.contract.conId,
            account=execution.acctNumber,
            exchange=execution.exchange,
            side=execution.side,
            shares=execution.shares,
            price=execution.price,
            cumQty=execution.cumQty,
            avgPrice=execution.avgPrice,
            lastLiquidity=execution.lastLiquidity,
            time=execution.time.isoformat(),
        )

    def _on_commission(self, trade: Any, fill: Any, report: Any) -> None:
        line(
            "commission",
            execId=report.execId,
            commission=report.commission,
            currency=report.currency,
            realizedPNL=report.realizedPNL,
        )

    def _on_tickers(self, tickers: Any) -> None:
        for ticker in tickers:
            stream = self.streams.get(ticker.contract.symbol)
            if stream is not None:
                for tick in ticker.ticks:
                    size = TICK_NAMES.get(tick.tickType) in SIZES
                    stream.tick(tick.tickType, tick.size if size else tick.price)

    def _on_disconnected(self) -> None:
        line("connectionClosed")

    def wait(self, what: str, condition: Callable[[], bool]) -> None:
        """Let the client's loop run until the condition holds."""
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise Trouble(f"waited {PATIENCE_S} s for {what}")
            if not self.ib.isConnected():
                raise ConnectionError(f"before {what}")
            self.ib.waitOnUpdate(timeout=0.2)

    # ---- the steps -------------------------------------------------------------------------

    def start(self) -> None:
        """Connect within the client's own time-out."""
        line("step", name="start")
        began = time.monotonic()
        try:
            self.ib.connect(self.plan.host, self.plan.port, clientId=self.plan.client_id)
        except Exception as error:
            raise Trouble(f"connect raised {error!r}") from error
        seconds = time.monotonic() - began
        line("managedAccounts", accounts=self.ib.managedAccounts())
        # Not part of its start: the farm notices may come a moment later.
        self.wait("the farm notices", lambda: {2104, 2106, 2158} <= set(self.codes))
        line("started", seconds=round(seconds, 3), version=self.ib.client.serverVersion())
        line(
            "fetched",
            accountValues=len(self.ib.accountValues()),
            positions=len(self.ib.positions()),
            trades=len(self.ib.trades()),
            fills=len(self.ib.fills()),
            open=[one.order.orderId for one in self.ib.openTrades()],
            done=[one.orderStatus.status for one in self.ib.trades() if one.isDone()],
        )

    def details(self) -> None:
        """Contract details, and the qualified contract."""
        line("step", name="contract")
        stock = self.stock(self.plan.trade)
        for found in self.ib.reqContractDetails(stock):
            contract = found.contract
            line(
                "contractDetails",
                conId=contract.conId,
                symbol=contract.symbol,
                secType=contract.secType,
                exchange=contract.exchange,
                primaryExchange=contract.primaryExchange,
                currency=contract.currency,
                tradingClass=contract.tradingClass,
                localSymbol=contract.localSymbol,
                marketName=found.marketName,
                minTick=found.minTick,
                orderTypes=found.orderTypes,
                validExchanges=found.validExchanges,
                marketRuleIds=found.marketRuleIds,
                longName=found.longName,
                timeZoneId=found.timeZoneId,
                tradingHours=found.tradingHours,
                liquidHours=found.liquidHours,
                sessions=len(found.tradingSessions()),
            )
        line("contractDetailsEnd")
        qualified = self.ib.qualifyContracts(self.stock(self.plan.trade))
        line("qualified", conIds=[one.conId for one in qualified])

    def watch(self) -> None:
        """Stream several shares; then a snapshot through `reqTickers`."""
        line("step", name="stream")
        began = time.monotonic()
        contracts = [self.stock(symbol) for symbol in self.plan.symbols.split(",")]
        self.ib.qualifyContracts(*contracts)
        self.subscribe(contracts)
        streams = list(self.streams.values())
        self.wait(
            f"{self.plan.ticks} ticks, and each of {sorted(BASICS)} of every share",
            lambda: (
                sum(one.count for one in streams) >= self.plan.ticks
                and all(set(one.kinds) >= BASICS for one in streams)
            ),
        )
        seconds = time.monotonic() - began
        for contract in contracts:
            self.ib.cancelMktData(contract)
        for stream in streams:
            stream.tell()
        line("streamed", ticks=sum(one.count for one in streams), seconds=round(seconds, 3))
        line("step", name="snapshot")
        self.streams = {}
        (ticker,) = self.ib.reqTickers(self.stock_now(self.plan.trade))
        line(
            "snapshot",
            bid=ticker.bid,
            ask=ticker.ask,
            bidSize=ticker.bidSize,
            askSize=ticker.askSize,
            last=ticker.last,
            close=ticker.close,
            volume=ticker.volume,
        )
        self.bid = ticker.bid

    def subscribe(self, contracts: list[Any]) -> list[Any]:
        """Open a line on each contract; returns the live tickers."""
        self.streams = {one.symbol: Stream(one.symbol) for one in contracts}
        return [self.ib.reqMktData(contract) for contract in contracts]

    def trace(self) -> None:
        """Watch until as many prices as there shall be have come, then a little longer."""
        line("step", name="trace")
        contracts = [self.stock(symbol) for symbol in self.plan.symbols.split(",")]
        self.ib.qualifyContracts(*contracts)
        tickers = self.subscribe(contracts)
        streams = self.streams.values()

        def prices() -> int:
            return sum(one.kinds.get(name, 0) for one in streams for name in PRICES)

        self.wait("a tick", lambda: not self.plan.ticks or prices() > 0)
        line("streaming")
        self.wait("every price", lambda: prices() >= self.plan.ticks)
        self.ib.reqCurrentTime()
        for stream in streams:
            stream.tell_all()
        for one in tickers:
            line(
                "ticker",
                symbol=one.contract.symbol,
                bid=one.bid,
                bidSize=one.bidSize,
                ask=one.ask,
                askSize=one.askSize,
                last=one.last,
                lastSize=one.lastSize,
                volume=one.volume,
                high=one.high,
                low=one.low,
                open=one.open,
            )

    def trade(self, step: str, wanted: Any, contract: Any = None) -> None:
        """Place an order that fills, and wait for the last commission report."""
        line("step", name=step)
        trade = self.ib.placeOrder(contract or self.stock_now(self.plan.trade), wanted)
        self.wait(
            f"{step} to fill",
            lambda: (
                trade.orderStatus.status == "Filled"
                and bool(trade.fills)
                and all(fill.commissionReport.execId for fill in trade.fills)
            ),
        )
        self.ib.reqCurrentTime()

    def account(self) -> None:
        """Positions, summary and account values."""
        line("step", name="account")
        for one in self.ib.reqPositions():
            line(
                "position",
                account=one.account,
                symbol=one.contract.symbol,
                position=one.position,
                avgCost=one.avgCost,
            )
        line("positionEnd")
        for one in self.ib.accountSummary():
            if one.tag in TAGS and one.account != "All":
                self._value("accountSummary", one)
        line("accountSummaryEnd")
        for one in self.ib.accountValues():
            self._value("updateAccountValue", one)
        for one in self.ib.portfolio():
            line(
                "updatePortfolio",
                symbol=one.contract.symbol,
                position=one.position,
                marketPrice=one.marketPrice,
                marketValue=one.marketValue,
                averageCost=one.averageCost,
                account=one.account,
            )
        line("accountDownloadEnd")

    def _value(self, event: str, one: Any) -> None:
        line(
            event,
            account=one.account,
            tag=one.tag,
            key=one.tag,
            value=one.value,
            currency=one.currency,
        )

    def rest_and_cancel(self) -> None:
        """A limit far below the market: it rests, is moved, and is cancelled."""
        line("step", name="limit")
        price = round(self.bid * 0.5, 2)
        wanted = self.lib.LimitOrder("BUY", self.plan.quantity, price, tif="DAY")
        contract = self.stock_now(self.plan.trade)
        trade = self.ib.placeOrder(contract, wanted)
        working = ("PreSubmitted", "Submitted")
        self.wait("the limit order to rest", lambda: trade.orderStatus.status in working)
        self.ib.reqCurrentTime()
        line("step", name="open orders")
        line("openTrades", orderIds=[one.order.orderId for one in self.ib.reqAllOpenOrders()])
        line("step", name="modify")
        wanted.lmtPrice = round(price + 0.25, 2)
        self.ib.placeOrder(contract, wanted)
        self.ib.reqCurrentTime()
        line("step", name="cancel")
        self.ib.cancelOrder(wanted)
        self.wait("the cancel", lambda: 202 in self.codes)
        self.ib.reqCurrentTime()
        line("cancelled", done=trade.isDone(), status=trade.orderStatus.status)

    def leave_bracket(self) -> None:
        """Place a bracket far from the market, and leave it working."""
        line("step", name="bracket")
        prices = (round(self.bid * part, 2) for part in (0.5, 2, 0.25))
        bracket = self.ib.bracketOrder("BUY", self.plan.quantity, *prices, tif="DAY")
        contract = self.stock_now(self.plan.trade)
        trades = [self.ib.placeOrder(contract, member) for member in bracket]
        self.wait("the bracket", lambda: all(one.orderStatus.permId for one in trades))
        self.ib.reqCurrentTime()

    def again(self) -> None:
        """What is done in a second session of the same client id."""
        market = self.lib.MarketOrder
        line("step", name="what-if")
        contract = self.stock_now(self.plan.trade)
        state = self.ib.whatIfOrder(contract, market("BUY", 100, tif="DAY"))
        line(
            "whatIf",
            status=state.status,
            initMarginChange=state.initMarginChange,
            commission=state.commission,
        )
        line("step", name="cancel bracket")
        members = self.ib.openTrades()
        (parent,) = (one for one in members if not one.order.parentId)
        self.ib.cancelOrder(parent.order)
        self.wait("the end of the bracket", lambda: self.codes.count(202) == len(members))
        line("cancelled", statuses=[one.orderStatus.status for one in members])
        self.trade("big", market("BUY", self.plan.big, tif="DAY"))
        line("step", name="pair")
        pair = self.lib.Forex("EURUSD")
        self.ib.qualifyContracts(pair)
        (ticker,) = self.subscribe([pair])
        self.wait("both sides of the pair", lambda: ticker.bid > 0 and ticker.ask > 0)
        self.ib.cancelMktData(pair)
        self.streams[pair.symbol].tell()
        self.trade("buy pair", market("BUY", 20_000, tif="DAY"), pair)
        line("step", name="positions")
        for one in self.ib.reqPositions():
            line(
                "position",
                account=one.account,
                symbol=one.contract.symbol,
                position=one.position,
                avgCost=one.avgCost,
            )

    def end(self) -> None:
        """Executions of the day, completed orders, disconnect."""
        line("step", name="executions")
        for fill in self.ib.reqExecutions():
            self._on_execution(None, fill)
        for trade in self.ib.reqCompletedOrders(False):
            line("completed", permId=trade.order.permId, status=trade.orderStatus.status)
        line("step", name="end")
        self.ib.disconnect()
        line("modules", twsloop=any(name.split(".")[0] == "twsloop" for name in sys.modules))

    def stock(self, symbol: str) -> Any:
        """A US share, as people write it."""
        return self.lib.Stock(symbol, "SMART", "USD")

    def stock_now(self, symbol: str) -> Any:
        """The same, qualified."""
        contract = self.stock(symbol)
        self.ib.qualifyContracts(contract)
        return contract

    def run(self) -> None:
        """Everything, in order."""
        market = self.lib.MarketOrder
        quantity = self.plan.quantity
        try:
            self.start()
            if self.plan.trace:
                self.trace()
                return
            if self.plan.data:
                DataPlan(self).run()
                self.end()
                return
            if self.plan.again:
                self.again()
                self.end()
                return
            self.details()
            self.watch()
            self.trade("buy", market("BUY", quantity, tif="DAY"))
            self.account()
            self.rest_and_cancel()
            # Without a time in force gateways say 10349; the order must fill all the same.
            self.trade("sell", market("SELL", quantity))
            self.leave_bracket()
            self.end()
        except ConnectionError as error:
            raise Trouble(f"the connection closed: {error}") from error
        finally:
            self.ib.disconnect()


if __name__ == "__main__":
    drive(lambda plan: Plan(plan).run())
