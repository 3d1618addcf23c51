"""IB's own client writes the requests: its text, read by us, is its own protobuf message."""

from __future__ import annotations

import random
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ibapi import order_condition
from ibapi.const import UNSET_INTEGER
from ibapi.contract import ComboLeg, Contract, DeltaNeutralContract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order, OrderComboLeg
from ibapi.order_cancel import OrderCancel
from ibapi.scanner import ScannerSubscription
from ibapi.softdollartier import SoftDollarTier
from ibapi.tag_value import TagValue

from tests.support import official, protos
from twsloop.wire import text
from twsloop.wire.codec import decode, encode
from twsloop.wire.messages import OUTBOUND, OUTBOUND_BY_NAME, Direction, MessageType

NEWEST = 225


def stock(**fields: Any) -> Contract:
    contract = Contract()
    fields = {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"} | fields
    for name, value in fields.items():
        setattr(contract, name, value)
    return contract


def option() -> Contract:
    return stock(
        secType="OPT",
        conId=495512572,
        lastTradeDateOrContractMonth="20261218",
        strike=187.5,
        right="C",
        multiplier="100",
        primaryExchange="ISLAND",
        localSymbol="AAPL  261218C00187500",
        tradingClass="AAPL",
        includeExpired=True,
        secIdType="ISIN",
        secId="US0378331005",
    )


def spread() -> Contract:
    legs = []
    for con_id, action in ((1, "BUY"), (2, "SELL")):
        leg = ComboLeg()
        leg.conId, leg.ratio, leg.action, leg.exchange = con_id, 1, action, "SMART"
        legs.append(leg)
    neutral = DeltaNeutralContract()
    neutral.conId, neutral.delta, neutral.price = 3, 0.5, 101.25
    return stock(secType="BAG", comboLegs=legs, deltaNeutralContract=neutral)


def executions() -> ExecutionFilter:
    wanted = ExecutionFilter()
    wanted.clientId, wanted.acctCode, wanted.symbol = 7, "DU1234567", "AAPL"
    wanted.time, wanted.secType, wanted.exchange, wanted.side = "20261120", "STK", "SMART", "BUY"
    return wanted


def recent_executions() -> ExecutionFilter:
    wanted = executions()
    wanted.lastNDays, wanted.specificDates = 3, [20261118, 20261119]
    return wanted


def scanner() -> ScannerSubscription:
    wanted = ScannerSubscription()
    wanted.instrument, wanted.locationCode, wanted.scanCode = "STK", "STK.US", "TOP_PERC_GAIN"
    wanted.numberOfRows, wanted.abovePrice, wanted.aboveVolume = 10, 5.5, 100000
    return wanted


def cancel(**fields: Any) -> OrderCancel:
    order_cancel = OrderCancel()
    for name, value in fields.items():
        setattr(order_cancel, name, value)
    return order_cancel


def start_api(client: Any) -> None:
    client.clientId = 7
    client.setOptionalCapabilities("capability")
    client.startApi()


# name -> the official call; a tuple gives the version from which it may be made in this form
CALLS: dict[str, list[Callable[[Any], object] | tuple[int, Callable[[Any], object]]]] = {
    "startApi": [start_api],
    "setServerLogLevel": [lambda c: c.setServerLogLevel(3)],
    "reqCurrentTime": [lambda c: c.reqCurrentTime()],
    "reqCurrentTimeInMillis": [lambda c: c.reqCurrentTimeInMillis()],
    "reqIds": [lambda c: c.reqIds(1)],
    "reqManagedAccts": [lambda c: c.reqManagedAccts()],
    "queryDisplayGroups": [lambda c: c.queryDisplayGroups(1)],
    "subscribeToGroupEvents": [lambda c: c.subscribeToGroupEvents(1, 2)],
    "updateDisplayGroup": [lambda c: c.updateDisplayGroup(1, "8314@SMART")],
    "unsubscribeFromGroupEvents": [lambda c: c.unsubscribeFromGroupEvents(1)],
    "reqMktData": [
        lambda c: c.reqMktData(1, stock(), "233,236", False, False, []),
        lambda c: c.reqMktData(1, option(), "", True, False, []),
        lambda c: c.reqMktData(1, spread(), "", False, False, []),
        (114, lambda c: c.reqMktData(1, stock(), "", True, True, [])),
    ],
    "cancelMktData": [lambda c: c.cancelMktData(1)],
    "reqMarketDataType": [lambda c: c.reqMarketDataType(3)],
    "reqMktDepth": [
        lambda c: c.reqMktDepth(1, stock(), 5, False, []),
        (149, lambda c: c.reqMktDepth(1, option(), 5, True, [])),
    ],
    "cancelMktDepth": [
        lambda c: c.cancelMktDepth(1, False),
        (146, lambda c: c.cancelMktDepth(1, True)),
    ],
    "reqMktDepthExchanges": [lambda c: c.reqMktDepthExchanges()],
    "reqSmartComponents": [lambda c: c.reqSmartComponents(1, "9c0001")],
    "reqRealTimeBars": [lambda c: c.reqRealTimeBars(1, option(), 5, "TRADES", True, [])],
    "cancelRealTimeBars": [lambda c: c.cancelRealTimeBars(1)],
    "reqTickByTickData": [
        (140, lambda c: c.reqTickByTickData(1, option(), "AllLast", 0, False)),
        (140, lambda c: c.reqTickByTickData(1, stock(), "BidAsk", 10, True)),
    ],
    "cancelTickByTickData": [lambda c: c.cancelTickByTickData(1)],
    "calculateImpliedVolatility": [
        lambda c: c.calculateImpliedVolatility(1, option(), 5.5, 101.5, [])
    ],
    "cancelCalculateImpliedVolatility": [lambda c: c.cancelCalculateImpliedVolatility(1)],
    "calculateOptionPrice": [lambda c: c.calculateOptionPrice(1, option(), 0.25, 101.5, [])],
    "cancelCalculateOptionPrice": [lambda c: c.cancelCalculateOptionPrice(1)],
    "cancelOrder": [
        lambda c: c.cancelOrder(12, cancel()),
        (169, lambda c: c.cancelOrder(12, cancel(manualOrderCancelTime="20261120 10:00:00"))),
        (192, lambda c: c.cancelOrder(12, cancel(extOperator="me", manualOrderIndicator=1))),
    ],
    "reqGlobalCancel": [
        lambda c: c.reqGlobalCancel(cancel()),
        (192, lambda c: c.reqGlobalCancel(cancel(extOperator="me", manualOrderIndicator=1))),
    ],
    "reqOpenOrders": [lambda c: c.reqOpenOrders()],
    "reqAllOpenOrders": [lambda c: c.reqAllOpenOrders()],
    "reqAutoOpenOrders": [lambda c: c.reqAutoOpenOrders(True)],
    "reqCompletedOrders": [lambda c: c.reqCompletedOrders(True)],
    "reqExecutions": [
        lambda c: c.reqExecutions(1, executions()),
        lambda c: c.reqExecutions(1, ExecutionFilter()),
        (200, lambda c: c.reqExecutions(1, recent_executions())),
    ],
    "exerciseOptions": [
        lambda c: c.exerciseOptions(1, option_to_exercise(), 1, 10, "DU1", 0, "", "", False),
        (
            184,
            lambda c: c.exerciseOptions(
                1, option_to_exercise(), 2, 10, "DU1", 1, "20261120 10:00:00", "C1", True
            ),
        ),
    ],
    "reqAccountUpdates": [lambda c: c.reqAccountUpdates(True, "DU1234567")],
    "reqAccountSummary": [lambda c: c.reqAccountSummary(1, "All", "NetLiquidation,Leverage-S")],
    "cancelAccountSummary": [lambda c: c.cancelAccountSummary(1)],
    "reqPositions": [lambda c: c.reqPositions()],
    "cancelPositions": [lambda c: c.cancelPositions()],
    "reqPositionsMulti": [lambda c: c.reqPositionsMulti(1, "DU1234567", "model")],
    "cancelPositionsMulti": [lambda c: c.cancelPositionsMulti(1)],
    "reqAccountUpdatesMulti": [lambda c: c.reqAccountUpdatesMulti(1, "DU1234567", "", True)],
    "cancelAccountUpdatesMulti": [lambda c: c.cancelAccountUpdatesMulti(1)],
    "reqPnL": [lambda c: c.reqPnL(1, "DU1234567", "")],
    "cancelPnL": [lambda c: c.cancelPnL(1)],
    "reqPnLSingle": [lambda c: c.reqPnLSingle(1, "DU1234567", "", 265598)],
    "cancelPnLSingle": [lambda c: c.cancelPnLSingle(1)],
    "reqFamilyCodes": [lambda c: c.reqFamilyCodes()],
    "reqSoftDollarTiers": [lambda c: c.reqSoftDollarTiers(1)],
    "requestFA": [lambda c: c.requestFA(1)],
    "replaceFA": [(157, lambda c: c.replaceFA(1, 1, "<xml/>"))],
    "reqUserInfo": [lambda c: c.reqUserInfo(1)],
    "reqContractDetails": [
        lambda c: c.reqContractDetails(1, stock()),
        lambda c: c.reqContractDetails(1, option()),
        (176, lambda c: c.reqContractDetails(1, stock(issuerId="e1453318"))),
    ],
    "reqMatchingSymbols": [lambda c: c.reqMatchingSymbols(1, "AAP")],
    "reqSecDefOptParams": [lambda c: c.reqSecDefOptParams(1, "AAPL", "", "STK", 265598)],
    "reqMarketRule": [lambda c: c.reqMarketRule(26)],
    "reqScannerParameters": [lambda c: c.reqScannerParameters()],
    "reqScannerSubscription": [
        lambda c: c.reqScannerSubscription(1, ScannerSubscription(), [], None),
        (143, lambda c: c.reqScannerSubscription(1, scanner(), [], [TagValue("above", "1")])),
    ],
    "cancelScannerSubscription": [lambda c: c.cancelScannerSubscription(1)],
    "reqFundamentalData": [
        lambda c: c.reqFundamentalData(1, stock(conId=265598), "ReportSnapshot", []),
        lambda c: c.reqFundamentalData(1, stock(), "ReportRatios", [TagValue("a", "b")]),
    ],
    "cancelFundamentalData": [lambda c: c.cancelFundamentalData(1)],
    "reqHistoricalData": [
        lambda c: c.reqHistoricalData(
            1, option(), "20261120 10:00:00", "1 D", "1 min", "TRADES", 1, 1, False, []
        ),
        lambda c: c.reqHistoricalData(1, bag(), "", "1 D", "1 min", "MIDPOINT", 0, 2, False, []),
        (
            124,
            lambda c: c.reqHistoricalData(1, stock(), "", "1 D", "1 min", "TRADES", 1, 1, True, []),
        ),
    ],
    "cancelHistoricalData": [lambda c: c.cancelHistoricalData(1)],
    "reqHeadTimeStamp": [lambda c: c.reqHeadTimeStamp(1, option(), "TRADES", 1, 1)],
    "cancelHeadTimeStamp": [lambda c: c.cancelHeadTimeStamp(1)],
    "reqHistoricalTicks": [
        lambda c: c.reqHistoricalTicks(
            1, option(), "20261120 10:00:00", "", 100, "BID_ASK", 1, True, []
        )
    ],
    "reqHistogramData": [lambda c: c.reqHistogramData(1, option(), True, "3 days")],
    "cancelHistogramData": [lambda c: c.cancelHistogramData(1)],
    "reqNewsProviders": [lambda c: c.reqNewsProviders()],
    "reqNewsArticle": [lambda c: c.reqNewsArticle(1, "BRFG", "BRFG$04507322", [])],
    "reqHistoricalNews": [
        lambda c: c.reqHistoricalNews(1, 8314, "BRFG+DJNL", "", "2026-11-20 10:00:00.0", 10, [])
    ],
    "reqNewsBulletins": [lambda c: c.reqNewsBulletins(True)],
    "cancelNewsBulletins": [lambda c: c.cancelNewsBulletins()],
    "reqWshMetaData": [lambda c: c.reqWshMetaData(1)],
    "cancelWshMetaData": [lambda c: c.cancelWshMetaData(1)],
    "cancelWshEventData": [lambda c: c.cancelWshEventData(1)],
    "placeOrder": [(111, lambda c: c.placeOrder(12, stock(), market_order()))],
}

# Needs a start with "extra auth", or an object of its own; their layouts are short, and the round
# trip of test_text covers them.
NOT_CALLED = {"verifyRequest", "verifyMessage", "reqWshEventData"}


def option_to_exercise() -> Contract:
    contract = option()
    contract.primaryExchange = contract.secIdType = contract.secId = ""
    contract.includeExpired = False
    return contract


def bag() -> Contract:
    contract = spread()
    contract.deltaNeutralContract = None
    return contract


def market_order() -> Order:
    order = Order()
    order.action, order.orderType, order.totalQuantity = "BUY", "MKT", Decimal(100)
    return order


ROWS = [row for row in OUTBOUND.values() if text.has_layout(row) and row.name not in NOT_CALLED]


def test_every_request_with_a_layout_is_called() -> None:
    assert {row.name for row in ROWS} == set(CALLS)


# Text sends these only under a condition, or never; protobuf always says 0.
ZERO_SAYS_NOTHING = {
    "clientId",
    "permId",
    "deltaNeutralConId",
    "deltaNeutralShortSaleSlot",
    "referenceContractId",
    "peggedChangeAmount",
    "referenceChangeAmount",
    "adjustableTrailingUnit",
}


def essence(message: Any) -> dict[str, Any]:
    """What a message says: no empty texts, no flags that are down, no empty sub-messages."""
    said: dict[str, Any] = {}
    for field, value in message.ListFields():
        if field.message_type is not None and hasattr(value, "items"):
            said[field.name] = sorted(value.items())
        elif field.message_type is not None and hasattr(value, "__len__"):
            said[field.name] = [essence(item) for item in value]
        elif field.message_type is not None:
            inner = essence(value)
            if inner:
                said[field.name] = inner
        elif hasattr(value, "append"):
            said[field.name] = list(value)
        elif value == "" or value is False or (value == 0 and field.name in ZERO_SAYS_NOTHING):
            continue
        else:
            said[field.name] = value
    return said


def usual_only(said: dict[str, Any], row: MessageType, version: int) -> Any:
    """Leave out what this request's text has no place for at this version."""
    fields = carried(text._nodes(row.direction, row.name), version)
    return keep(said, fields)


def carried(nodes: Any, version: int) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if version in node.gate:
            names |= set(getattr(node, "path", ()))
            names |= carried(getattr(node, "items", ()), version)
    return names | {"comboLegs", "fundamentalsDataOptions", "perLegPrice"}


def keep(said: Any, names: set[str]) -> Any:
    if isinstance(said, list):
        return [keep(item, names) for item in said]
    if not isinstance(said, dict):
        return said
    kept = {name: keep(value, names) for name, value in said.items() if name in names}
    return {name: value for name, value in kept.items() if value != {}}


def read(bodies: list[bytes], version: int) -> Any:
    (body,) = bodies
    decoded = decode(Direction.OUTBOUND, body, version)
    assert decoded.leftover == 0, f"{decoded.type.name} at {version}: {decoded.leftover} left"
    return decoded.message


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_official_text_is_the_official_protobuf(row: MessageType) -> None:
    for call in CALLS[row.name]:
        since, send = call if isinstance(call, tuple) else (row.since, call)
        # From 216 on the client itself adds parameters of its own to requests.
        newest = essence(read(official.requests(send, NEWEST), NEWEST))
        for version in protos.gates(row):
            if not since <= version:
                continue
            got = essence(read(official.requests(send, version), version))
            if row.is_protobuf(version):
                assert got == newest, version
            else:
                assert got == usual_only(newest, row, version), version


# ---- placeOrder has a hundred fields: random orders

PRICES = (0.0, 101.25, -0.5, 1e-8)
COUNTS = (0, 1, 100, UNSET_INTEGER)
PLAIN = {
    "tif": ("DAY", "GTC"),
    "ocaGroup": ("group",),
    "account": ("DU1234567",),
    "openClose": ("O", "C"),
    "origin": (0, 1),
    "orderRef": ("my order",),
    "transmit": (True, False),
    "parentId": (0, 11),
    "blockOrder": (True,),
    "sweepToFill": (True,),
    "displaySize": (0, 10, UNSET_INTEGER),
    "triggerMethod": (0, 2),
    "outsideRth": (True,),
    "hidden": (True,),
    "discretionaryAmt": (0, 0.25),
    "goodAfterTime": ("20261120 10:00:00 US/Eastern",),
    "goodTillDate": ("20261121 10:00:00 US/Eastern",),
    "faGroup": ("G",),
    "faMethod": ("NetLiq",),
    "faPercentage": ("10",),
    "shortSaleSlot": (0, 1, 2),
    "designatedLocation": ("XYZ",),
    "exemptCode": (-1, 3),
    "ocaType": (0, 1),
    "rule80A": ("I",),
    "settlingFirm": ("FIRM",),
    "allOrNone": (True,),
    "minQty": COUNTS,
    "percentOffset": PRICES,
    "startingPrice": PRICES,
    "stockRefPrice": PRICES,
    "delta": PRICES,
    "stockRangeLower": PRICES,
    "stockRangeUpper": PRICES,
    "overridePercentageConstraints": (True,),
    "volatility": PRICES,
    "volatilityType": (1, 2, UNSET_INTEGER),
    "deltaNeutralAuxPrice": PRICES,
    "continuousUpdate": (True,),
    "referencePriceType": (1, 2, UNSET_INTEGER),
    "trailStopPrice": PRICES,
    "trailingPercent": PRICES,
    "scaleInitLevelSize": COUNTS,
    "scaleSubsLevelSize": COUNTS,
    "scaleTable": ("table",),
    "activeStartTime": ("20261120 10:00:00",),
    "activeStopTime": ("20261120 11:00:00",),
    "optOutSmartRouting": (True,),
    "clearingAccount": ("CLEAR",),
    "clearingIntent": ("IB", "Away"),
    "notHeld": (True,),
    "algoId": ("algo",),
    "whatIf": (True,),
    "solicited": (True,),
    "randomizeSize": (True,),
    "randomizePrice": (True,),
    "lmtPrice": PRICES,
    "auxPrice": PRICES,
}
SINCE = {
    102: {
        "adjustedOrderType": ("STP",),
        "triggerPrice": PRICES,
        "lmtPriceOffset": PRICES,
        "adjustedStopPrice": PRICES,
        "adjustedStopLimitPrice": PRICES,
        "adjustedTrailingAmount": PRICES,
        "adjustableTrailingUnit": (0, 1),
    },
    103: {"modelCode": ("model",)},
    105: {"extOperator": ("operator",)},
    106: {"softDollarTier": (SoftDollarTier("tier", "value", ""),)},
    111: {"cashQty": PRICES},
    138: {"mifid2DecisionMaker": ("maker",), "mifid2DecisionAlgo": ("algo",)},
    139: {"mifid2ExecutionTrader": ("trader",), "mifid2ExecutionAlgo": ("algo",)},
    141: {"dontUseAutoPriceForHedge": (True,)},
    145: {"isOmsContainer": (True,)},
    148: {"discretionaryUpToLimitPrice": (True,)},
    151: {"usePriceMgmtAlgo": (True, False)},
    158: {"duration": (60,)},
    160: {"postToAts": (1,)},
    162: {"autoCancelParent": (True,)},
    166: {"advancedErrorOverride": ("8229",)},
    169: {"manualOrderTime": ("20261120 10:00:00",)},
    183: {"customerAccount": ("C1",)},
    184: {"professionalCustomer": (True,)},
    189: {"includeOvernight": (True,)},
    192: {"manualOrderIndicator": (1,)},
    199: {"imbalanceOnly": (True,)},
}


def some_order(seed: int, version: int) -> tuple[Contract, Order]:
    """An order that the official client accepts at this version, and sends whole in text."""
    dice = random.Random(seed)

    def maybe(names: Any) -> None:
        for name, values in names.items():
            if dice.random() < 0.4:
                setattr(order, name, dice.choice(values))

    contract = dice.choice((stock, option, spread, lambda: stock(exchange="IBKRATS")))()
    contract.includeExpired = False
    order = Order()
    order.action = dice.choice(("BUY", "SELL"))
    order.orderType = dice.choice(("MKT", "LMT", "STP", "TRAIL"))
    quantities = [Decimal(100), Decimal(1000000)]
    if version >= 163:
        quantities += [Decimal("0.5"), order.totalQuantity]  # the last one means unset
    order.totalQuantity = dice.choice(quantities)
    if version < 111:
        order.cashQty = 0.0  # its own default makes the official client refuse the order
    maybe(PLAIN)
    for since, names in SINCE.items():
        if version >= since:
            maybe(names)
    if dice.random() < 0.3:
        order.deltaNeutralOrderType = "LMT"
        maybe({"deltaNeutralConId": (5,), "deltaNeutralOpenClose": ("O",)})
        maybe({"deltaNeutralShortSale": (True,), "deltaNeutralShortSaleSlot": (0, 1)})
        maybe({"deltaNeutralSettlingFirm": ("F",), "deltaNeutralDesignatedLocation": ("L",)})
    if dice.random() < 0.3:
        order.scalePriceIncrement = 0.25
        maybe({"scalePriceAdjustValue": PRICES, "scalePriceAdjustInterval": COUNTS})
        maybe({"scaleProfitOffset": PRICES, "scaleAutoReset": (True,), "scaleInitPosition": COUNTS})
        maybe({"scaleInitFillQty": COUNTS, "scaleRandomPercent": (True,)})
    if dice.random() < 0.3:
        order.hedgeType, order.hedgeParam = "B", "beta=1"
    if dice.random() < 0.3:
        order.algoStrategy = "Adaptive"
        order.algoParams = [TagValue("adaptivePriority", "Normal"), TagValue("b", "")]
    if contract.secType == "BAG":
        order.smartComboRoutingParams = [TagValue("NonGuaranteed", "1")]
        if dice.random() < 0.5:
            order.orderComboLegs = [OrderComboLeg(), OrderComboLeg()]
            order.orderComboLegs[0].price = 1.25
    if version >= 102:
        order.conditions = [dice.choice(CONDITIONS)() for _ in range(dice.randrange(3))]
        if order.conditions:
            maybe({"conditionsIgnoreRth": (True,), "conditionsCancelOrder": (True,)})
        if dice.random() < 0.2:
            order.orderType = "PEG BENCH"
            order.referenceContractId, order.peggedChangeAmount = 7, 0.5
            order.referenceChangeAmount, order.referenceExchangeId = 0.25, "ISLAND"
            order.isPeggedChangeAmountDecrease = True
    if version >= 170 and order.orderType != "PEG BENCH":
        pegged(order, contract, dice)
    return contract, order


def pegged(order: Order, contract: Contract, dice: random.Random) -> None:
    if contract.exchange == "IBKRATS":
        order.minTradeQty = 10
    kind = dice.choice(("", "", "PEG BEST", "PEG BEST to mid", "PEG MID"))
    if not kind:
        return
    order.orderType = kind[:8].strip()
    if kind.startswith("PEG BEST"):
        order.minCompeteSize, order.competeAgainstBestOffset = 5, 0.25
    if kind == "PEG BEST to mid":
        order.competeAgainstBestOffset = float("inf")
    if kind != "PEG BEST":
        order.midOffsetAtWhole, order.midOffsetAtHalf = 0.01, 0.005


def condition(kind: int, **fields: Any) -> Callable[[], Any]:
    def make() -> Any:
        made = order_condition.Create(kind)
        for name, value in fields.items():
            setattr(made, name, value)
        return made

    return make


_OF = order_condition.OrderCondition
CONDITIONS = (
    condition(_OF.Price, conId=1, exchange="SMART", price=101.5, isMore=True, triggerMethod=2),
    condition(_OF.Time, time="20261120 10:00:00", isMore=False, isConjunctionConnection=False),
    condition(_OF.Margin, percent=30, isMore=True),
    condition(_OF.Execution, secType="STK", exchange="SMART", symbol="AAPL"),
    condition(_OF.Volume, conId=1, exchange="SMART", volume=1000, isMore=True),
    condition(_OF.PercentChange, conId=1, exchange="SMART", changePercent=2.5, isMore=True),
)

PLACE_ORDER = OUTBOUND_BY_NAME["placeOrder"]


@settings(max_examples=max(10, settings().max_examples // 2))
@given(seed=st.integers(0, 2**32 - 1))
@example(seed=1)
def test_any_official_order_is_the_same_in_text_and_in_protobuf(seed: int) -> None:
    for version in protos.text_gates(PLACE_ORDER):
        contract, order = some_order(seed, version)

        def place(client: Any, contract: Contract = contract, order: Order = order) -> None:
            client.placeOrder(12, contract, order)

        got = read(official.requests(place, version), version)
        want = read(official.requests(place, NEWEST), NEWEST)
        assert essence(got) == usual_only(essence(want), PLACE_ORDER, version), version
        # What we write reads the same, so a client of ours may send it as well.
        again = decode(Direction.OUTBOUND, encode(PLACE_ORDER, got, version), version)
        assert again.message == got
        assert again.leftover == 0
