"""What answers each request: the table that the docs' page of requests is made of.

Beside the handlers' own words (the first line of a handler's docstring says what it does) stands
here what can be checked: which messages an answer can consist of, which error codes it can carry,
and when a request that is right is followed by nothing, because a real gateway says nothing either.
A test sends every request at every server version that clients of today speak, and holds what comes
back to this table. Whoever changes what a request is answered with changes its row.

Any request can also be answered with 320 (a field cannot be read) and 321 (it cannot be right);
those are not repeated in the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["ANSWERS", "ANY_REQUEST", "Answer", "Kind"]

#: Codes that every request can be answered with.
ANY_REQUEST = (320, 321)


class Kind:
    """How a request is answered."""

    ANSWER = "answer"  # at once, and that is all
    STREAM = "stream"  # until it is cancelled
    CANCEL = "cancel"  # ends a stream or a query
    ORDER = "order"
    SETTING = "setting"
    REFUSED = "refused"  # as a real gateway refuses a login without the permission


@attrs.frozen
class Answer:
    """How one request is answered.

    Attributes:
        kind: One of `Kind`.
        tells: The messages it can consist of, by their names in `twsloop.wire.messages.INBOUND`.
        errors: The error codes that are its own; empty with `any_error`.
        silent: When it is right and followed by nothing; "": never.
        any_error: Orders: their codes are told in the page on orders.
    """

    kind: str
    tells: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    silent: str = ""
    any_error: bool = False


def _answer(tells: str, *errors: int, silent: str = "") -> Answer:
    return Answer(Kind.ANSWER, tuple(tells.split()), errors, silent)


def _stream(tells: str, *errors: int, silent: str = "") -> Answer:
    return Answer(Kind.STREAM, tuple(tells.split()), errors, silent)


def _cancel(*errors: int, tells: str = "", silent: str = "the stream was there") -> Answer:
    return Answer(Kind.CANCEL, tuple(tells.split()), errors, silent)


def _order(tells: str, silent: str = "") -> Answer:
    return Answer(Kind.ORDER, tuple(tells.split()), (), silent, any_error=True)


def _refused(*errors: int) -> Answer:
    return Answer(Kind.REFUSED, (), errors)


_ORDER = "openOrder orderStatus execDetails commissionReport updatePortfolio position"
_TICKS = (
    "marketDataType tickReqParams tickPrice tickSize tickString tickGeneric tickOptionComputation "
    "tickNews tickSnapshotEnd rerouteMktDataReq"
)
_UNTIL = "nothing happens in the market"
_ALWAYS = "it is right"

ANSWERS: Mapping[str, Answer] = MappingProxyType(
    {
        # session
        "startApi": Answer(Kind.SETTING, ("managedAccounts", "nextValidId"), (326,)),
        "setServerLogLevel": Answer(Kind.SETTING, silent="the level is one of 1 to 5"),
        "reqCurrentTime": _answer("currentTime"),
        "reqCurrentTimeInMillis": _answer("currentTimeInMillis"),
        "reqIds": _answer("nextValidId"),
        "reqManagedAccts": _answer("managedAccounts"),
        "reqUserInfo": _answer("userInfo"),
        "reqConfig": _answer("configResponse"),
        "updateConfig": _answer("updateConfigResponse"),
        "verifyRequest": _refused(),
        "verifyMessage": _refused(),
        "verifyAndAuthRequest": _refused(),
        "verifyAndAuthMessage": _refused(),
        "queryDisplayGroups": _answer("displayGroupList"),
        "subscribeToGroupEvents": _stream("displayGroupUpdated"),
        "updateDisplayGroup": _answer("displayGroupUpdated", 322),
        "unsubscribeFromGroupEvents": _cancel(322),
        # market data
        "reqMktData": _stream(
            _TICKS, 101, 200, 312, 313, 315, 322, 354, 478, 2187, 10089, 10090, 10167, 10168
        ),
        "cancelMktData": _cancel(300),
        "reqMarketDataType": Answer(Kind.SETTING, silent="the type is one of 1 to 4"),
        "reqMktDepth": _stream(
            "updateMktDepth updateMktDepthL2",
            *(200, 309, 316, 317, 322, 354, 2152, 10092),
            silent="the instrument has no quote",
        ),
        "cancelMktDepth": _cancel(310),
        "reqMktDepthExchanges": _answer("mktDepthExchanges"),
        "reqTickByTickData": _stream(
            "tickByTick historicalTicks historicalTicksBidAsk historicalTicksLast",
            *(200, 322, 10189, 10190),
            silent=_UNTIL,
        ),
        "cancelTickByTickData": _cancel(300),
        "reqRealTimeBars": _stream("realtimeBar", 200, 322, 420, silent=_UNTIL),
        "cancelRealTimeBars": _cancel(silent=_ALWAYS),
        "reqSmartComponents": _answer("smartComponents"),
        "reqMarketRule": _answer("marketRule", 322),
        "calculateImpliedVolatility": _answer("tickOptionComputation", 200),
        "cancelCalculateImpliedVolatility": _cancel(silent=_ALWAYS),
        "calculateOptionPrice": _answer("tickOptionComputation", 200),
        "cancelCalculateOptionPrice": _cancel(silent=_ALWAYS),
        # history
        "reqHistoricalData": _answer(
            "historicalData historicalDataEnd historicalDataUpdate historicalSchedule",
            *(162, 200, 322, 2174, 10299, 10314, 10339),
        ),
        "cancelHistoricalData": _cancel(162, 366, silent=""),
        "reqHeadTimeStamp": _answer("headTimestamp", 162, 200),
        "cancelHeadTimeStamp": _cancel(silent=_ALWAYS),
        "reqHistoricalTicks": _answer(
            "historicalTicks historicalTicksBidAsk historicalTicksLast",
            *(162, 200, 2174, 10299, 10314),
        ),
        "cancelHistoricalTicks": _cancel(silent=_ALWAYS),
        "reqHistogramData": _answer("histogramData", 162, 200),
        "cancelHistogramData": _cancel(silent=_ALWAYS),
        # contracts
        "reqContractDetails": _answer("contractData bondContractDetails contractDetailsEnd", 200),
        "cancelContractData": _cancel(silent=_ALWAYS),
        "reqMatchingSymbols": _answer("symbolSamples"),
        "reqSecDefOptParams": _answer("secDefOptParams secDefOptParamsEnd"),
        "reqFundamentalData": _refused(430),
        "cancelFundamentalData": _cancel(322, silent=""),
        # scanners
        "reqScannerParameters": _answer("scannerParameters"),
        "reqScannerSubscription": _stream("scannerData", 162, 165, 322),
        "cancelScannerSubscription": _cancel(162, 365, silent=""),
        # news
        "reqNewsProviders": _answer("newsProviders"),
        "reqHistoricalNews": _answer("historicalNews historicalNewsEnd", 200),
        "reqNewsArticle": _answer("newsArticle", 10172),
        "reqNewsBulletins": _stream("updateNewsBulletin", silent="there is no bulletin"),
        "cancelNewsBulletins": _cancel(silent=_ALWAYS),
        "reqWshMetaData": _refused(10276),
        "cancelWshMetaData": _cancel(10280, silent=""),
        "reqWshEventData": _refused(10276),
        "cancelWshEventData": _cancel(10284, silent=""),
        # orders
        "placeOrder": _order(_ORDER, silent="it is not to be transmitted"),
        "cancelOrder": _order(_ORDER, silent="the order was never transmitted"),
        "reqGlobalCancel": _order(_ORDER, silent="no order works"),
        "exerciseOptions": _order(_ORDER),
        "reqOpenOrders": _answer("openOrder orderStatus orderBound openOrderEnd"),
        "reqAllOpenOrders": _answer("openOrder orderStatus openOrderEnd"),
        "reqAutoOpenOrders": Answer(
            Kind.SETTING, ("openOrder", "orderStatus", "orderBound"), (327,), "client 0 asks"
        ),
        "reqCompletedOrders": _answer("completedOrder completedOrdersEnd"),
        "reqExecutions": _answer("execDetails commissionReport execDetailsEnd"),
        # accounts
        "reqAccountUpdates": _stream(
            "updateAccountValue updatePortfolio updateAccountTime accountDownloadEnd",
            *(2100, 2101),
            silent="it ends the subscription",
        ),
        "reqAccountSummary": _stream("accountSummary accountSummaryEnd", 322),
        "cancelAccountSummary": _cancel(silent=_ALWAYS),
        "reqPositions": _stream("position positionEnd"),
        "cancelPositions": _cancel(silent=_ALWAYS),
        "reqPositionsMulti": _stream("positionMulti positionMultiEnd"),
        "cancelPositionsMulti": _cancel(silent=_ALWAYS),
        "reqAccountUpdatesMulti": _stream("accountUpdateMulti accountUpdateMultiEnd"),
        "cancelAccountUpdatesMulti": _cancel(silent=_ALWAYS),
        "reqPnL": _stream("pnl"),
        "cancelPnL": _cancel(10185),
        "reqPnLSingle": _stream("pnlSingle", 2150, silent="nothing has that contract id"),
        "cancelPnLSingle": _cancel(10186),
        "reqFamilyCodes": _answer("familyCodes"),
        "reqSoftDollarTiers": _answer("softDollarTiers"),
        "requestFA": _answer("receiveFA", 585),
        "replaceFA": _answer("replaceFAEnd", 585, 10231, silent="the server version is below 157"),
    }
)
