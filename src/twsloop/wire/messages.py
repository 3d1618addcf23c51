"""The message table: every message of the TWS API, both ways.

A message has a number, the same in both of its encodings (the protobuf one adds 200 on the wire),
a protobuf class, and gates:

- ``protobuf_since``: the server version from which it travels as protobuf. For requests this is
  IB's own table (``ibapi.common.PROTOBUF_MSG_IDS``). For answers IB states none: the server alone
  decides, and clients tell the encodings apart by the number. The gates here follow the release
  order of the handlers in ibapi's decoder, and agree with the messages that older releases have.
- ``since``: the server version that brought the message. 100, our oldest, stands for "always".

Number and gate are all that differs between a text and a protobuf session; the fields of the text
form are in `layouts_in` and `layouts_out`.
"""

from __future__ import annotations

import enum
import functools
import importlib
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from twsloop.errors import DependencyError

__all__ = [
    "INBOUND",
    "INBOUND_BY_NAME",
    "OUTBOUND",
    "OUTBOUND_BY_NAME",
    "PROTOBUF_OFFSET",
    "RAW_ID_SINCE",
    "Direction",
    "MessageType",
    "message_class",
]

PROTOBUF_OFFSET = 200
"""Added to the number of a message that travels as protobuf (``ibapi.common.PROTOBUF_MSG_ID``)."""

RAW_ID_SINCE = 201
"""From this server version on, a body starts with its number as four raw bytes."""


class Direction(enum.Enum):
    """Which way a message goes."""

    INBOUND = "gateway to client"
    OUTBOUND = "client to gateway"


@attrs.frozen(eq=False)
class MessageType:
    """One row of the table; rows are singletons, equal only to themselves.

    Attributes:
        name: IB's name: the callback's or the request's.
        number: Its number on the wire, without the protobuf offset.
        direction: Which way it goes; numbers are used twice, once each way.
        proto: Its protobuf class, or None for the few that never got one.
        protobuf_since: The server version from which it travels as protobuf; None for never.
        text: Whether it has a text form at all.
        since: The server version that brought it.
        callbacks: The EWrapper methods it calls, in order, the protobuf twin first.
    """

    name: str
    number: int
    direction: Direction
    proto: str | None
    protobuf_since: int | None
    text: bool
    since: int
    callbacks: tuple[str, ...] = ()

    def is_protobuf(self, server_version: int) -> bool:
        """Say whether it travels as protobuf at this server version."""
        return self.protobuf_since is not None and server_version >= self.protobuf_since


@functools.cache
def message_class(proto_name: str) -> Any:
    """Take a protobuf class from the installed ``ibapi``, importing its module at the first use.

    Args:
        proto_name: The message's name; IB keeps one message a module of that name.

    Returns:
        The class, untyped like everything of ``ibapi``: its fields exist only at run time.

    Raises:
        DependencyError: The installed ``ibapi`` has no such message: it is too old.
    """
    try:
        module = importlib.import_module(f"ibapi.protobuf.{proto_name}_pb2")
    except ImportError as error:
        raise DependencyError(
            f"the installed ibapi has no protobuf message {proto_name} ({error}); "
            "install nautilus_ibapi>=10.46.1 and protobuf>=6.32"
        ) from error
    return getattr(module, proto_name)


def _in(  # noqa: PLR0917 - the columns of the table below
    number: int,
    name: str,
    proto: str | None,
    protobuf_since: int | None,
    since: int,
    callbacks: str | None = None,
    *,
    twin: str = "",
) -> MessageType:
    """Make a row; it calls the method of its own name unless ``callbacks`` lists others.

    ``twin`` is the stem of the protobuf callback where it is not that of the first callback.
    """
    called = (name if callbacks is None else callbacks).split()
    if protobuf_since is not None:
        called.insert(0, f"{twin or called[0]}ProtoBuf")
    return MessageType(
        name=name,
        number=number,
        direction=Direction.INBOUND,
        proto=proto,
        protobuf_since=protobuf_since,
        text=protobuf_since != since,
        since=since,
        callbacks=tuple(called),
    )


def _out(
    number: int, name: str, proto: str | None, protobuf_since: int | None, since: int
) -> MessageType:
    return MessageType(
        name=name,
        number=number,
        direction=Direction.OUTBOUND,
        proto=proto,
        protobuf_since=protobuf_since,
        text=protobuf_since != since,
        since=since,
    )


# number, name, protobuf class, protobuf since, since, and what it calls where that differs
_INBOUND = (
    _in(1, "tickPrice", "TickPrice", 206, 100, "tickPrice tickSize"),
    _in(2, "tickSize", "TickSize", 206, 100),
    _in(3, "orderStatus", "OrderStatus", 203, 100),
    _in(4, "errMsg", "ErrorMessage", 203, 100, "error"),
    _in(5, "openOrder", "OpenOrder", 203, 100),
    _in(6, "updateAccountValue", "AccountValue", 207, 100),
    _in(7, "updatePortfolio", "PortfolioValue", 207, 100),
    _in(8, "updateAccountTime", "AccountUpdateTime", 207, 100),
    _in(9, "nextValidId", "NextValidId", 213, 100),
    _in(10, "contractData", "ContractData", 205, 100, "contractDetails", twin="contractData"),
    _in(11, "execDetails", "ExecutionDetails", 201, 100, twin="executionDetails"),
    _in(12, "updateMktDepth", "MarketDepth", 206, 100, twin="updateMarketDepth"),
    _in(13, "updateMktDepthL2", "MarketDepthL2", 206, 100, twin="updateMarketDepthL2"),
    _in(14, "updateNewsBulletin", "NewsBulletin", 209, 100),
    _in(15, "managedAccounts", "ManagedAccounts", 207, 100),
    _in(16, "receiveFA", "ReceiveFA", 211, 100),
    _in(17, "historicalData", "HistoricalData", 208, 100),
    _in(18, "bondContractDetails", "ContractData", 205, 100, twin="bondContractData"),
    _in(19, "scannerParameters", "ScannerParameters", 210, 100),
    _in(20, "scannerData", "ScannerData", 210, 100, "scannerData scannerDataEnd"),
    _in(21, "tickOptionComputation", "TickOptionComputation", 206, 100),
    _in(45, "tickGeneric", "TickGeneric", 206, 100),
    _in(46, "tickString", "TickString", 206, 100),
    _in(47, "tickEFP", None, None, 100),
    _in(49, "currentTime", "CurrentTime", 213, 100),
    _in(50, "realtimeBar", "RealTimeBarTick", 208, 100, twin="realTimeBarTick"),
    _in(51, "fundamentalData", "FundamentalsData", 210, 100, twin="fundamentalsData"),
    _in(52, "contractDetailsEnd", "ContractDataEnd", 205, 100, twin="contractDataEnd"),
    _in(53, "openOrderEnd", "OpenOrdersEnd", 203, 100, twin="openOrdersEnd"),
    _in(54, "accountDownloadEnd", "AccountDataEnd", 207, 100, twin="accountDataEnd"),
    _in(55, "execDetailsEnd", "ExecutionDetailsEnd", 201, 100, twin="executionDetailsEnd"),
    _in(56, "deltaNeutralValidation", None, None, 100),
    _in(57, "tickSnapshotEnd", "TickSnapshotEnd", 206, 100),
    _in(58, "marketDataType", "MarketDataType", 206, 100, twin="updateMarketDataType"),
    _in(59, "commissionReport", "CommissionAndFeesReport", 211, 100, "commissionAndFeesReport"),
    _in(61, "position", "Position", 207, 100),
    _in(62, "positionEnd", "PositionEnd", 207, 100),
    _in(63, "accountSummary", "AccountSummary", 207, 100),
    _in(64, "accountSummaryEnd", "AccountSummaryEnd", 207, 100),
    _in(65, "verifyMessageAPI", "VerifyMessageApi", 213, 100, twin="verifyMessageApi"),
    _in(66, "verifyCompleted", "VerifyCompleted", 213, 100),
    _in(67, "displayGroupList", "DisplayGroupList", 213, 100),
    _in(68, "displayGroupUpdated", "DisplayGroupUpdated", 213, 100),
    _in(69, "verifyAndAuthMessageAPI", None, None, 100),
    _in(70, "verifyAndAuthCompleted", None, None, 100),
    _in(71, "positionMulti", "PositionMulti", 207, 103),
    _in(72, "positionMultiEnd", "PositionMultiEnd", 207, 103),
    _in(73, "accountUpdateMulti", "AccountUpdateMulti", 207, 103),
    _in(74, "accountUpdateMultiEnd", "AccountUpdateMultiEnd", 207, 103),
    _in(
        75,
        "secDefOptParams",
        "SecDefOptParameter",
        212,
        104,
        "securityDefinitionOptionParameter",
        twin="secDefOptParameter",
    ),
    _in(
        76,
        "secDefOptParamsEnd",
        "SecDefOptParameterEnd",
        212,
        104,
        "securityDefinitionOptionParameterEnd",
        twin="secDefOptParameterEnd",
    ),
    _in(77, "softDollarTiers", "SoftDollarTiers", 212, 106),
    _in(78, "familyCodes", "FamilyCodes", 212, 107),
    _in(79, "symbolSamples", "SymbolSamples", 212, 108),
    _in(80, "mktDepthExchanges", "MarketDepthExchanges", 213, 112, twin="marketDepthExchanges"),
    _in(81, "tickReqParams", "TickReqParams", 206, 114),
    _in(82, "smartComponents", "SmartComponents", 212, 114),
    _in(83, "newsArticle", "NewsArticle", 209, 116),
    _in(84, "tickNews", "TickNews", 209, 113),
    _in(85, "newsProviders", "NewsProviders", 209, 115),
    _in(86, "historicalNews", "HistoricalNews", 209, 117),
    _in(87, "historicalNewsEnd", "HistoricalNewsEnd", 209, 117),
    _in(88, "headTimestamp", "HeadTimestamp", 208, 118),
    _in(89, "histogramData", "HistogramData", 208, 119),
    _in(90, "historicalDataUpdate", "HistoricalDataUpdate", 208, 124),
    _in(
        91,
        "rerouteMktDataReq",
        "RerouteMarketDataRequest",
        211,
        125,
        twin="rerouteMarketDataRequest",
    ),
    _in(
        92,
        "rerouteMktDepthReq",
        "RerouteMarketDepthRequest",
        211,
        125,
        twin="rerouteMarketDepthRequest",
    ),
    _in(93, "marketRule", "MarketRule", 212, 126),
    _in(94, "pnl", "PnL", 210, 127),
    _in(95, "pnlSingle", "PnLSingle", 210, 127),
    _in(96, "historicalTicks", "HistoricalTicks", 208, 130),
    _in(97, "historicalTicksBidAsk", "HistoricalTicksBidAsk", 208, 130),
    _in(98, "historicalTicksLast", "HistoricalTicksLast", 208, 130),
    _in(
        99,
        "tickByTick",
        "TickByTickData",
        208,
        137,
        "tickByTickAllLast tickByTickBidAsk tickByTickMidPoint",
        twin="tickByTickData",
    ),
    _in(100, "orderBound", "OrderBound", 204, 144),
    _in(101, "completedOrder", "CompletedOrder", 204, 150),
    _in(102, "completedOrdersEnd", "CompletedOrdersEnd", 204, 150),
    _in(103, "replaceFAEnd", "ReplaceFAEnd", 211, 157),
    _in(104, "wshMetaData", "WshMetaData", 209, 161),
    _in(105, "wshEventData", "WshEventData", 209, 161),
    _in(106, "historicalSchedule", "HistoricalSchedule", 211, 165),
    _in(107, "userInfo", "UserInfo", 212, 167),
    _in(108, "historicalDataEnd", "HistoricalDataEnd", 208, 196),
    _in(109, "currentTimeInMillis", "CurrentTimeInMillis", 213, 197),
    _in(110, "configResponse", "ConfigResponse", 219, 219, "", twin="configResponse"),
    _in(
        111,
        "updateConfigResponse",
        "UpdateConfigResponse",
        221,
        221,
        "",
        twin="updateConfigResponse",
    ),
)

# number, name, protobuf class, protobuf since, since
_OUTBOUND = (
    _out(1, "reqMktData", "MarketDataRequest", 206, 100),
    _out(2, "cancelMktData", "CancelMarketData", 206, 100),
    _out(3, "placeOrder", "PlaceOrderRequest", 203, 100),
    _out(4, "cancelOrder", "CancelOrderRequest", 203, 100),
    _out(5, "reqOpenOrders", "OpenOrdersRequest", 204, 100),
    _out(6, "reqAccountUpdates", "AccountDataRequest", 207, 100),
    _out(7, "reqExecutions", "ExecutionRequest", 201, 100),
    _out(8, "reqIds", "IdsRequest", 213, 100),
    _out(9, "reqContractDetails", "ContractDataRequest", 205, 100),
    _out(10, "reqMktDepth", "MarketDepthRequest", 206, 100),
    _out(11, "cancelMktDepth", "CancelMarketDepth", 206, 100),
    _out(12, "reqNewsBulletins", "NewsBulletinsRequest", 209, 100),
    _out(13, "cancelNewsBulletins", "CancelNewsBulletins", 209, 100),
    _out(14, "setServerLogLevel", "SetServerLogLevelRequest", 213, 100),
    _out(15, "reqAutoOpenOrders", "AutoOpenOrdersRequest", 204, 100),
    _out(16, "reqAllOpenOrders", "AllOpenOrdersRequest", 204, 100),
    _out(17, "reqManagedAccts", "ManagedAccountsRequest", 207, 100),
    _out(18, "requestFA", "FARequest", 211, 100),
    _out(19, "replaceFA", "FAReplace", 211, 100),
    _out(20, "reqHistoricalData", "HistoricalDataRequest", 208, 100),
    _out(21, "exerciseOptions", "ExerciseOptionsRequest", 211, 100),
    _out(22, "reqScannerSubscription", "ScannerSubscriptionRequest", 210, 100),
    _out(23, "cancelScannerSubscription", "CancelScannerSubscription", 210, 100),
    _out(24, "reqScannerParameters", "ScannerParametersRequest", 210, 100),
    _out(25, "cancelHistoricalData", "CancelHistoricalData", 208, 100),
    _out(49, "reqCurrentTime", "CurrentTimeRequest", 213, 100),
    _out(50, "reqRealTimeBars", "RealTimeBarsRequest", 208, 100),
    _out(51, "cancelRealTimeBars", "CancelRealTimeBars", 208, 100),
    _out(52, "reqFundamentalData", "FundamentalsDataRequest", 210, 100),
    _out(53, "cancelFundamentalData", "CancelFundamentalsData", 210, 100),
    _out(54, "calculateImpliedVolatility", "CalculateImpliedVolatilityRequest", 211, 100),
    _out(55, "calculateOptionPrice", "CalculateOptionPriceRequest", 211, 100),
    _out(56, "cancelCalculateImpliedVolatility", "CancelCalculateImpliedVolatility", 211, 100),
    _out(57, "cancelCalculateOptionPrice", "CancelCalculateOptionPrice", 211, 100),
    _out(58, "reqGlobalCancel", "GlobalCancelRequest", 203, 100),
    _out(59, "reqMarketDataType", "MarketDataTypeRequest", 206, 100),
    _out(61, "reqPositions", "PositionsRequest", 207, 100),
    _out(62, "reqAccountSummary", "AccountSummaryRequest", 207, 100),
    _out(63, "cancelAccountSummary", "CancelAccountSummary", 207, 100),
    _out(64, "cancelPositions", "CancelPositions", 207, 100),
    _out(65, "verifyRequest", "VerifyRequest", 213, 100),
    _out(66, "verifyMessage", "VerifyMessageRequest", 213, 100),
    _out(67, "queryDisplayGroups", "QueryDisplayGroupsRequest", 213, 100),
    _out(68, "subscribeToGroupEvents", "SubscribeToGroupEventsRequest", 213, 100),
    _out(69, "updateDisplayGroup", "UpdateDisplayGroupRequest", 213, 100),
    _out(70, "unsubscribeFromGroupEvents", "UnsubscribeFromGroupEventsRequest", 213, 100),
    _out(71, "startApi", "StartApiRequest", 213, 100),
    _out(72, "verifyAndAuthRequest", None, None, 100),
    _out(73, "verifyAndAuthMessage", None, None, 100),
    _out(74, "reqPositionsMulti", "PositionsMultiRequest", 207, 103),
    _out(75, "cancelPositionsMulti", "CancelPositionsMulti", 207, 103),
    _out(76, "reqAccountUpdatesMulti", "AccountUpdatesMultiRequest", 207, 103),
    _out(77, "cancelAccountUpdatesMulti", "CancelAccountUpdatesMulti", 207, 103),
    _out(78, "reqSecDefOptParams", "SecDefOptParamsRequest", 212, 104),
    _out(79, "reqSoftDollarTiers", "SoftDollarTiersRequest", 212, 106),
    _out(80, "reqFamilyCodes", "FamilyCodesRequest", 212, 107),
    _out(81, "reqMatchingSymbols", "MatchingSymbolsRequest", 212, 108),
    _out(82, "reqMktDepthExchanges", "MarketDepthExchangesRequest", 213, 112),
    _out(83, "reqSmartComponents", "SmartComponentsRequest", 212, 114),
    _out(84, "reqNewsArticle", "NewsArticleRequest", 209, 116),
    _out(85, "reqNewsProviders", "NewsProvidersRequest", 209, 115),
    _out(86, "reqHistoricalNews", "HistoricalNewsRequest", 209, 117),
    _out(87, "reqHeadTimeStamp", "HeadTimestampRequest", 208, 118),
    _out(88, "reqHistogramData", "HistogramDataRequest", 208, 119),
    _out(89, "cancelHistogramData", "CancelHistogramData", 208, 119),
    _out(90, "cancelHeadTimeStamp", "CancelHeadTimestamp", 208, 123),
    _out(91, "reqMarketRule", "MarketRuleRequest", 212, 126),
    _out(92, "reqPnL", "PnLRequest", 210, 127),
    _out(93, "cancelPnL", "CancelPnL", 210, 127),
    _out(94, "reqPnLSingle", "PnLSingleRequest", 210, 127),
    _out(95, "cancelPnLSingle", "CancelPnLSingle", 210, 127),
    _out(96, "reqHistoricalTicks", "HistoricalTicksRequest", 208, 130),
    _out(97, "reqTickByTickData", "TickByTickRequest", 208, 137),
    _out(98, "cancelTickByTickData", "CancelTickByTick", 208, 137),
    _out(99, "reqCompletedOrders", "CompletedOrdersRequest", 204, 150),
    _out(100, "reqWshMetaData", "WshMetaDataRequest", 209, 161),
    _out(101, "cancelWshMetaData", "CancelWshMetaData", 209, 161),
    _out(102, "reqWshEventData", "WshEventDataRequest", 209, 161),
    _out(103, "cancelWshEventData", "CancelWshEventData", 209, 161),
    _out(104, "reqUserInfo", "UserInfoRequest", 212, 167),
    _out(105, "reqCurrentTimeInMillis", "CurrentTimeInMillisRequest", 213, 197),
    _out(106, "cancelContractData", "CancelContractData", 215, 215),
    _out(107, "cancelHistoricalTicks", "CancelHistoricalTicks", 215, 215),
    _out(108, "reqConfig", "ConfigRequest", 219, 219),
    _out(109, "updateConfig", "UpdateConfigRequest", 221, 221),
)


def _by_number(rows: Iterable[MessageType]) -> Mapping[int, MessageType]:
    table: dict[int, MessageType] = {}
    for row in rows:
        if row.number in table:
            raise ValueError(f"message {row.number} stands twice in the table")
        table[row.number] = row
    return MappingProxyType(table)


def _by_name(rows: Iterable[MessageType]) -> Mapping[str, MessageType]:
    table: dict[str, MessageType] = {}
    for row in rows:
        if row.name in table:
            raise ValueError(f"message {row.name} stands twice in the table")
        table[row.name] = row
    return MappingProxyType(table)


INBOUND: Mapping[int, MessageType] = _by_number(_INBOUND)
"""Gateway to client, by number."""

OUTBOUND: Mapping[int, MessageType] = _by_number(_OUTBOUND)
"""Client to gateway, by number."""

INBOUND_BY_NAME: Mapping[str, MessageType] = _by_name(_INBOUND)
"""Gateway to client, by IB's name of it."""

OUTBOUND_BY_NAME: Mapping[str, MessageType] = _by_name(_OUTBOUND)
"""Client to gateway, by IB's name of it."""
