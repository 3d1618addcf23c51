"""Call every blocking request of ib_async or ib_insync: none may wait for ever.

They have no time-out of their own for a request, so a gateway that leaves one unanswered hangs the
program. What the answer is does not matter here; a refusal (an error with the request's id) is one.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from recorder import drive, line  # type: ignore[import-not-found]

PATIENCE_S = 5.0
HISTORY = ("", "1 D", "1 hour", "TRADES", True)


def calls(ib: Any, lib: Any, stock: Any) -> dict[str, Callable[[], Awaitable[Any]]]:
    """The requests by name; calling one begins it."""
    option = lib.Option("AAPL", "20301220", 250.0, "C", "SMART")
    option.conId = 1
    return {
        "reqCurrentTime": ib.reqCurrentTimeAsync,
        "reqAccountSummary": ib.reqAccountSummaryAsync,
        "reqPositions": ib.reqPositionsAsync,
        "reqOpenOrders": ib.reqOpenOrdersAsync,
        "reqAllOpenOrders": ib.reqAllOpenOrdersAsync,
        "reqCompletedOrders": lambda: ib.reqCompletedOrdersAsync(False),
        "reqExecutions": ib.reqExecutionsAsync,
        "reqContractDetails": lambda: ib.reqContractDetailsAsync(stock),
        "reqContractDetails of nothing": lambda: ib.reqContractDetailsAsync(
            lib.Stock("NOSUCH", "SMART")
        ),
        "reqMatchingSymbols": lambda: ib.reqMatchingSymbolsAsync("AAP"),
        "reqMarketRule": lambda: ib.reqMarketRuleAsync(26),
        "reqHistoricalData": lambda: ib.reqHistoricalDataAsync(stock, *HISTORY),
        "reqHistoricalSchedule": lambda: ib.reqHistoricalScheduleAsync(stock, 5),
        "reqHistoricalTicks": lambda: ib.reqHistoricalTicksAsync(
            stock, "20260105 15:00:00 UTC", "", 10, "TRADES", True
        ),
        "reqHeadTimeStamp": lambda: ib.reqHeadTimeStampAsync(stock, "TRADES", True, 1),
        "reqHistogramData": lambda: ib.reqHistogramDataAsync(stock, True, "1 day"),
        "reqFundamentalData": lambda: ib.reqFundamentalDataAsync(stock, "ReportSnapshot"),
        "reqScannerParameters": ib.reqScannerParametersAsync,
        "reqScannerData": lambda: ib.reqScannerDataAsync(
            lib.ScannerSubscription(
                instrument="STK", locationCode="STK.US", scanCode="TOP_PERC_GAIN"
            )
        ),
        "calculateImpliedVolatility": lambda: ib.calculateImpliedVolatilityAsync(
            option, 10.0, 250.0
        ),
        "calculateOptionPrice": lambda: ib.calculateOptionPriceAsync(option, 0.3, 250.0),
        "reqSecDefOptParams": lambda: ib.reqSecDefOptParamsAsync("AAPL", "", "STK", 265598),
        "reqNewsProviders": ib.reqNewsProvidersAsync,
        "reqNewsArticle": lambda: ib.reqNewsArticleAsync("BRFG", "BRFG$1"),
        "reqHistoricalNews": lambda: ib.reqHistoricalNewsAsync(265598, "BRFG", "", "", 5),
        "reqMktDepthExchanges": ib.reqMktDepthExchangesAsync,
        "reqSmartComponents": lambda: ib.reqSmartComponentsAsync("9c0001"),
        "requestFA": lambda: ib.requestFAAsync(1),
        "getWshMetaData": ib.getWshMetaDataAsync,
        "getWshEventData": lambda: ib.getWshEventDataAsync(lib.WshEventData(conId=265598)),
        "reqUserInfo": ib.reqUserInfoAsync,
        "reqTickers": lambda: ib.reqTickersAsync(stock),
        "whatIfOrder": lambda: ib.whatIfOrderAsync(stock, lib.MarketOrder("BUY", 1, tif="DAY")),
    }


async def call_all(plan: argparse.Namespace) -> None:
    """One after another, each with its own patience."""
    lib = importlib.import_module(plan.module)
    ib = lib.IB()
    heard: list[int] = []
    ib.errorEvent += lambda _req_id, code, _text, _contract: heard.append(code)
    await ib.connectAsync(plan.host, plan.port, clientId=plan.client_id)
    try:
        stock = lib.Stock("AAPL", "SMART", "USD")
        await ib.qualifyContractsAsync(stock)
        for name, begin in calls(ib, lib, stock).items():
            heard.clear()
            try:
                got = await asyncio.wait_for(begin(), PATIENCE_S)
            except TimeoutError:
                line("call", name=name, answered=False, codes=heard)
            else:
                line("call", name=name, answered=True, codes=heard, got=str(got)[:200])
        assert ib.isConnected()
    finally:
        ib.disconnect()


if __name__ == "__main__":
    drive(lambda plan: asyncio.run(call_all(plan)))
