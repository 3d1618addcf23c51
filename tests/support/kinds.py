"""Every kind of subscription: how it is opened, and what the gateway answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from twsloop import stock

from .caring import Market

__all__ = ["KINDS", "Kind"]

#: A moment of a trading day, epoch seconds.
MOMENT = 1_767_623_400
ACCOUNT = "DU1234567"


def _contract(symbol: str = "AAPL") -> dict[str, Any]:
    return {"conId": 265598, "symbol": symbol, "secType": "STK", "currency": "USD"}


@attrs.frozen
class Kind:
    """One kind of subscription.

    Attributes:
        request: IB's name of what asks for it.
        open: Follows it.
        answers: What the gateway says, in order: IB's name of each message, and its fields.
        empty: The double answers it by itself, with nothing.
    """

    request: str
    open: Callable[[Market], Any]
    answers: tuple[tuple[str, Mapping[str, Any]], ...]
    empty: bool = False

    def requests(self, at: Market) -> list[Any]:
        """What asked for it until now, the oldest first."""
        return at.double.sent_of(self.request)

    def answer(self, at: Market, req_id: int | None = None) -> None:
        """Say what answers the newest request, or what would answer another."""
        named = self.requests(at)[-1].reqId if req_id is None else req_id
        for name, fields in self.answers:
            said = dict(fields)
            if "articleId" in said:  # a headline is told once
                said["articleId"] += str(named)
            at.double.say(name, reqId=named, **said)


def _live_bars(at: Market) -> Any:
    contract = stock("AAPL")
    contract.conId = 265598
    return at.app.history.live_bars(contract)


_BAR = {
    "date": str(MOMENT),
    "open": 1.0,
    "high": 1.0,
    "low": 1.0,
    "close": 1.0,
    "volume": "1",
    "WAP": "1",
    "barCount": 1,
}
_ROW = {"position": 0, "operation": 0, "side": 1, "price": 10.0, "size": "5"}
_TRADE = {"time": MOMENT, "price": 10.0, "size": "1"}

KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "quotes": Kind(
            "reqMktData",
            lambda at: at.app.subscribe("AAPL"),
            (("tickPrice", {"tickType": 1, "price": 10.0, "size": 100}),),
        ),
        "depth": Kind(
            "reqMktDepth",
            lambda at: at.app.market_data.depth("AAPL", smart=False),
            (("updateMktDepth", {"marketDepthData": _ROW}),),
        ),
        "smart depth": Kind(
            "reqMktDepth",
            lambda at: at.app.market_data.depth("AAPL"),
            (("updateMktDepthL2", {"marketDepthData": {**_ROW, "marketMaker": "NSDQ"}}),),
        ),
        "tick by tick": Kind(
            "reqTickByTickData",
            lambda at: at.app.market_data.ticks("AAPL"),
            (("tickByTick", {"tickType": 1, "historicalTickLast": _TRADE}),),
        ),
        "real-time bars": Kind(
            "reqRealTimeBars",
            lambda at: at.app.market_data.realtime_bars("AAPL"),
            (("realtimeBar", {"time": MOMENT, "open": 1, "high": 1, "low": 1, "close": 1}),),
        ),
        "live bars": Kind(
            "reqHistoricalData",
            _live_bars,
            (
                ("historicalData", {"historicalDataBars": [_BAR]}),
                ("historicalDataEnd", {"startDateStr": "", "endDateStr": ""}),
            ),
        ),
        "news": Kind(
            "reqMktData",
            lambda at: at.app.news.follow("AAPL"),
            (
                (
                    "tickNews",
                    {
                        "timestamp": MOMENT * 1000,
                        "providerCode": "BRFG",
                        "articleId": "BRFG$",
                        "headline": "What happened",
                    },
                ),
            ),
        ),
        "scan": Kind(
            "reqScannerSubscription",
            lambda at: at.app.scanner.follow("TOP_PERC_GAIN"),
            (("scannerData", {"scannerDataElement": [{"rank": 0, "contract": _contract()}]}),),
        ),
        "summary": Kind(
            "reqAccountSummary",
            lambda at: at.app.account.watch_summary(),
            (
                (
                    "accountSummary",
                    {"account": ACCOUNT, "tag": "NetLiquidation", "value": "1", "currency": "USD"},
                ),
                ("accountSummaryEnd", {}),
            ),
            empty=True,
        ),
        "profit": Kind(
            "reqPnL",
            lambda at: at.app.account.watch_pnl(),
            (("pnl", {"dailyPnL": 1.0, "unrealizedPnL": 1.0, "realizedPnL": 1.0}),),
        ),
        "position profit": Kind(
            "reqPnLSingle",
            lambda at: at.app.account.watch_position_pnl(265598),
            (("pnlSingle", {"position": "1", "dailyPnL": 1.0, "value": 1.0}),),
        ),
        "model positions": Kind(
            "reqPositionsMulti",
            lambda at: at.app.account.watch_model_positions(),
            (
                (
                    "positionMulti",
                    {"account": ACCOUNT, "contract": _contract(), "position": "1", "avgCost": 1.0},
                ),
                ("positionMultiEnd", {}),
            ),
            empty=True,
        ),
        "model values": Kind(
            "reqAccountUpdatesMulti",
            lambda at: at.app.account.watch_model_values(),
            (
                (
                    "accountUpdateMulti",
                    {"account": ACCOUNT, "key": "Cash", "value": "1", "currency": "USD"},
                ),
                ("accountUpdateMultiEnd", {}),
            ),
            empty=True,
        ),
        "display group": Kind(
            "subscribeToGroupEvents",
            lambda at: at.app.system.display_group(1),
            (("displayGroupUpdated", {"contractInfo": "265598@SMART"}),),
        ),
    }
)
