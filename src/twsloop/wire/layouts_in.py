"""The text layouts of the answers, gateway to client; see `grammar` for their language.

The number of a message stands in front of its line and is not part of it. Where IB's clients read
a message by the signature of its callback, its texts are ``escaped``: from version 153 on those
clients unescape every one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import fragments as part

__all__ = ["LAYOUTS_IN"]

_OPEN_ORDER = f"""
    =34@..144 orderId
    {part.answer_contract("strike:whole")}
    {part.ORDER_START}
    order.(clientId permId outsideRth hidden discretionaryAmt:whole goodAfterTime)
    =               // shares allocation
    order.(faGroup faMethod faPercentage)
    =@..176         // allocation profile
    order.(modelCode@103.. goodTillDate rule80A percentOffset? settlingFirm
        shortSaleSlot designatedLocation exemptCode)
    =0              // auction strategy
    order.(startingPrice? stockRefPrice? delta? stockRangeLower? stockRangeUpper? displaySize?max
        blockOrder sweepToFill allOrNone minQty? ocaType)
    =0 =0 =         // e-trade only, firm quote only, NBBO price cap
    order.(parentId triggerMethod volatility? volatilityType deltaNeutralOrderType
        deltaNeutralAuxPrice?)
    when(delta_neutral: order.(deltaNeutralConId deltaNeutralSettlingFirm
        deltaNeutralClearingAccount deltaNeutralClearingIntent deltaNeutralOpenClose
        deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation))
    order.(continuousUpdate referencePriceType) {part.FIRST_TRAIL_STOP} order.trailingPercent?
    = =             // basis points and their type
    contract.comboLegsDescrip {part.LEGS} call(leg_prices) pairs(order.smartComboRoutingParams)
    {part.SCALE}
    order.(hedgeType when(hedges: hedgeParam) optOutSmartRouting clearingAccount clearingIntent
        notHeld)
    {part.DELTA_NEUTRAL_CONTRACT}
    order.(algoStrategy when(has_algo: pairs(algoParams)) solicited whatIf)
    orderState.(status
        @142..(initMarginBefore?max maintMarginBefore?max equityWithLoanBefore?max
            initMarginChange?max maintMarginChange?max equityWithLoanChange?max)
        initMarginAfter?max maintMarginAfter?max equityWithLoanAfter?max
        commissionAndFees? minCommissionAndFees? maxCommissionAndFees? commissionAndFeesCurrency
        @195..(marginCurrency
            initMarginBeforeOutsideRTH? maintMarginBeforeOutsideRTH?
            equityWithLoanBeforeOutsideRTH? initMarginChangeOutsideRTH?
            maintMarginChangeOutsideRTH? equityWithLoanChangeOutsideRTH?
            initMarginAfterOutsideRTH? maintMarginAfterOutsideRTH? equityWithLoanAfterOutsideRTH?
            suggestedSize:decimal? rejectReason
            each(orderAllocations: account position:decimal? positionDesired:decimal?
                positionAfter:decimal? desiredAllocQty:decimal? allowedAllocQty:decimal?
                isMonetary))
        warningText)
    order.(randomizeSize randomizePrice)
    @102..({part.PEG_BENCH} {part.CONDITIONS}
        order.(adjustedOrderType triggerPrice?max trailStopPrice?max lmtPriceOffset?max
            adjustedStopPrice?max adjustedStopLimitPrice?max adjustedTrailingAmount?max
            adjustableTrailingUnit))
    order.(softDollarTier.(name@106.. value@106.. displayName@106..) cashQty:whole@111..
        dontUseAutoPriceForHedge@141.. isOmsContainer@145.. discretionaryUpToLimitPrice@148..
        usePriceMgmtAlgo@151.. duration?@158.. postToAts?@160.. autoCancelParent@162..
        @170..(minTradeQty? minCompeteSize? competeAgainstBestOffset? midOffsetAtWhole?
            midOffsetAtHalf?)
        customerAccount@183.. professionalCustomer@184.. bondAccruedInterest@185..
        includeOvernight@189.. @193..(extOperator manualOrderIndicator?max) submitter@198..
        imbalanceOnly@199..)
"""

_COMPLETED_ORDER = f"""
    {part.answer_contract("strike:whole")}
    {part.ORDER_START}
    order.(permId outsideRth hidden discretionaryAmt:whole goodAfterTime
        faGroup faMethod faPercentage)
    =@..176         // allocation profile
    order.(modelCode goodTillDate rule80A percentOffset? settlingFirm
        shortSaleSlot designatedLocation exemptCode
        startingPrice? stockRefPrice? delta? stockRangeLower? stockRangeUpper? displaySize?max
        sweepToFill allOrNone minQty? ocaType triggerMethod
        volatility? volatilityType deltaNeutralOrderType deltaNeutralAuxPrice?)
    when(delta_neutral: order.(deltaNeutralConId deltaNeutralShortSale deltaNeutralShortSaleSlot
        deltaNeutralDesignatedLocation))
    order.(continuousUpdate referencePriceType) {part.FIRST_TRAIL_STOP} order.trailingPercent?
    contract.comboLegsDescrip {part.LEGS} call(leg_prices) pairs(order.smartComboRoutingParams)
    {part.SCALE}
    order.(hedgeType when(hedges: hedgeParam) clearingAccount clearingIntent notHeld)
    {part.DELTA_NEUTRAL_CONTRACT}
    order.(algoStrategy when(has_algo: pairs(algoParams)) solicited)
    orderState.status order.(randomizeSize randomizePrice)
    {part.PEG_BENCH} {part.CONDITIONS}
    order.(trailStopPrice?max lmtPriceOffset?max cashQty:whole dontUseAutoPriceForHedge
        isOmsContainer autoCancelDate filledQuantity:decimal? refFuturesConId?max autoCancelParent
        shareholder imbalanceOnly routeMarketableToBbo parentPermId?max)
    orderState.(completedTime completedStatus)
    order.(
        @170..(minTradeQty? minCompeteSize? competeAgainstBestOffset? midOffsetAtWhole?
            midOffsetAtHalf?)
        customerAccount@183.. professionalCustomer@184.. submitter@198..)
"""

_CONTRACT_DATA = """
    =8@..163 reqId
    contract.(symbol secType lastTradeDateOrContractMonth lastTradeDate@182.. strike:whole right
        exchange currency localSymbol)
    contractDetails.marketName contract.(tradingClass conId) contractDetails.minTick
    =1@110..163     // market data size multiplier
    contract.multiplier:whole?
    contractDetails.(orderTypes validExchanges priceMagnifier underConId longName:escaped)
    contract.primaryExch
    contractDetails.(contractMonth industry category subcategory timeZoneId tradingHours
        liquidHours evRule evMultiplier:int? pairs(secIdList)
        aggGroup?max@121.. @122..(underSymbol underSecType) marketRuleIds@126..
        realExpirationDate@134.. stockType@152..
        suggestedSizeIncrement:decimal?@163..163
        @164..(minSize:decimal? sizeIncrement:decimal? suggestedSizeIncrement:decimal?)
        @179..(when(fund: fundName fundFamily fundType fundFrontLoad fundBackLoad
            fundBackLoadTimeInterval fundManagementFee fundClosed fundClosedForNewInvestors
            fundClosedForNewMoney fundNotifyAmount fundMinimumInitialPurchase
            fundMinimumSubsequentPurchase fundBlueSkyStates fundBlueSkyTerritories
            fundDistributionPolicyIndicator fundAssetType))
        @186..(each(ineligibilityReasonList: id description)))
"""

_BOND_CONTRACT_DATA = """
    =6@..163 reqId
    contract.(symbol secType) contractDetails.(cusip coupon:whole)
    contract.lastTradeDateOrContractMonth
    contractDetails.(issueDate ratings bondType couponType convertible callable puttable descAppend)
    contract.(exchange currency) contractDetails.marketName contract.(tradingClass conId)
    contractDetails.minTick
    =1@110..163     // market data size multiplier
    contractDetails.(orderTypes validExchanges nextOptionDate nextOptionType nextOptionPartial
        bondNotes longName @188..(timeZoneId tradingHours liquidHours) evRule evMultiplier:int?
        pairs(secIdList) aggGroup?max@121.. marketRuleIds@126..
        @164..(minSize:decimal? sizeIncrement:decimal? suggestedSizeIncrement:decimal?))
"""

_TICK_BY_TICK = """
    reqId tickType
    when(is_last: historicalTickLast.(time price size:size
        bits(tickAttribLast.pastLimit tickAttribLast.unreported) exchange specialConditions))
    when(is_bid_ask: historicalTickBidAsk.(time priceBid priceAsk sizeBid:size sizeAsk:size
        bits(tickAttribBidAsk.bidPastLow tickAttribBidAsk.askPastHigh)))
    when(is_mid_point: historicalTickMidPoint.(time price))
"""

_EXECUTION = f"""
    =10@..135 reqId execution.orderId
    {part.HELD_CONTRACT}
    execution.(execId time acctNumber exchange side shares:decimal price permId clientId
        isLiquidation cumQty:decimal avgPrice orderRef evRule evMultiplier? modelCode@103..
        lastLiquidity@136.. isPriceRevisionPending@178.. submitter@198..)
"""

LAYOUTS_IN: Mapping[str, str] = MappingProxyType(
    {
        # market data
        "tickPrice": "=6 reqId tickType price size:size attrMask",
        "tickSize": "=6 reqId tickType size:size",
        "tickOptionComputation": """=6@..155 reqId tickType tickAttrib@156.. impliedVol?-1 delta?-2
            optPrice?-1 pvDividend?-1 gamma?-2 vega?-2 theta?-2 undPrice?-1""",
        "tickGeneric": "=6 reqId tickType value",
        "tickString": "=6 reqId tickType value:escaped",
        "tickSnapshotEnd": "=1 reqId",
        "tickReqParams": "reqId minTick bboExchange snapshotPermissions",
        "marketDataType": "=1 reqId marketDataType",
        "updateMktDepth": """=1 reqId
            marketDepthData.(position operation side price size:size)""",
        "updateMktDepthL2": """=1 reqId
            marketDepthData.(position marketMaker operation side price size:size
                isSmartDepth@146..)""",
        "tickByTick": _TICK_BY_TICK,
        "tickNews": "reqId timestamp providerCode articleId headline extraData",
        "smartComponents": "reqId each(smartComponents: bitNumber exchange exchangeLetter)",
        "mktDepthExchanges": """each(depthMarketDataDescriptions: exchange secType
            @120..(listingExch serviceDataType aggGroup?max)
            =0@..119)           // whether it is level 2""",
        "rerouteMktDataReq": "reqId conId exchange",
        "rerouteMktDepthReq": "reqId conId exchange",
        "realtimeBar": "=3 reqId time open high low close volume:size WAP:decimal count",
        # orders
        "orderStatus": """=6@..130 orderId status filled:decimal remaining:decimal
            avgFillPrice:whole permId parentId lastFillPrice:whole clientId whyHeld
            mktCapPrice:whole@131..""",
        "openOrder": _OPEN_ORDER,
        "openOrderEnd": "=1",
        "completedOrder": _COMPLETED_ORDER,
        "completedOrdersEnd": "",
        "execDetails": _EXECUTION,
        "execDetailsEnd": "=1 reqId",
        "orderBound": "permId clientId orderId",
        "commissionReport": """=1 execId commissionAndFees currency realizedPNL?max bondYield?max
            yieldRedemptionDate""",
        # account
        "updateAccountValue": "=2 key:escaped value:escaped currency:escaped accountName:escaped",
        "updatePortfolio": f"""=8
            contract.({part.CONTRACT_START} strike right multiplier:whole?
                primaryExch currency localSymbol tradingClass)
            position:decimal marketPrice marketValue averageCost unrealizedPNL realizedPNL
            accountName""",
        "updateAccountTime": "=1 timeStamp:escaped",
        "accountDownloadEnd": "=1 accountName:escaped",
        "position": f"=3 account {part.HELD_CONTRACT} position:decimal avgCost",
        "positionEnd": "=1",
        "positionMulti": f"""=1 reqId account {part.HELD_CONTRACT} position:decimal avgCost
            modelCode""",
        "positionMultiEnd": "=1 reqId",
        "accountSummary": "=1 reqId account:escaped tag:escaped value:escaped currency:escaped",
        "accountSummaryEnd": "=1 reqId",
        "accountUpdateMulti": """=1 reqId account:escaped modelCode:escaped key:escaped
            value:escaped currency:escaped""",
        "accountUpdateMultiEnd": "=1 reqId",
        "pnl": "reqId dailyPnL?max unrealizedPnL?max@129.. realizedPnL?max@135..",
        "pnlSingle": """reqId position:size dailyPnL?max unrealizedPnL?max@129..
            realizedPnL?max@135.. value?max""",
        "familyCodes": "each(familyCodes: accountId familyCode)",
        "softDollarTiers": "reqId each(softDollarTiers: name value displayName)",
        "receiveFA": "=1 faDataType xml:escaped",
        "replaceFAEnd": "reqId text",
        "userInfo": "reqId whiteBrandingId",
        # contracts
        "contractData": _CONTRACT_DATA,
        "bondContractDetails": _BOND_CONTRACT_DATA,
        "contractDetailsEnd": "=1 reqId",
        "symbolSamples": """reqId each(contractDescriptions:
            contract.(conId symbol secType primaryExch currency)
            each(derivativeSecTypes: .)
            @176..(contract.(description issuerId)))""",
        "secDefOptParams": """reqId exchange underlyingConId tradingClass multiplier
            each(expirations: .) each(strikes: .:whole)""",
        "secDefOptParamsEnd": "reqId",
        "marketRule": "marketRuleId each(priceIncrements: lowEdge:whole increment:whole)",
        "scannerData": f"""=3 reqId each(scannerDataElement: rank
            contract.({part.CONTRACT_START} strike:whole right exchange currency localSymbol)
            marketName contract.tradingClass distance benchmark projection comboKey)""",
        "scannerParameters": "=1 xml:escaped",
        "fundamentalData": "=1 reqId data:escaped",
        "wshMetaData": "reqId dataJson",
        "wshEventData": "reqId dataJson",
        # history
        "historicalData": """=3@..123 reqId @..195(call(dates))
            each(historicalDataBars: date open high low close volume:size WAP:decimal
                =false@..123 barCount)""",
        "historicalDataEnd": "reqId startDateStr endDateStr",
        "historicalDataUpdate": """reqId
            historicalDataBar.(barCount date open close high low WAP:decimal volume:size)""",
        "headTimestamp": "reqId headTimestamp",
        "historicalTicks": "reqId each(historicalTicks: time =0 price size:size) isDone",
        "historicalTicksBidAsk": """reqId each(historicalTicksBidAsk: time
            bits(tickAttribBidAsk.askPastHigh tickAttribBidAsk.bidPastLow)
            priceBid priceAsk sizeBid:size sizeAsk:size) isDone""",
        "historicalTicksLast": """reqId each(historicalTicksLast: time
            bits(tickAttribLast.pastLimit tickAttribLast.unreported)
            price size:size exchange specialConditions) isDone""",
        "historicalSchedule": """reqId startDateTime endDateTime timeZone
            each(historicalSessions: startDateTime endDateTime refDate)""",
        "histogramData": "reqId each(histogramDataEntries: price size:size)",
        # news
        "newsProviders": "each(newsProviders: providerCode providerName)",
        "newsArticle": "reqId articleType articleText",
        "historicalNews": "reqId time providerCode articleId headline",
        "historicalNewsEnd": "reqId hasMore",
        "updateNewsBulletin": """=1 newsMsgId newsMsgType newsMessage:escaped
            originatingExch:escaped""",
        # session
        "errMsg": """=2@..193 id errorCode errorMsg:escaped advancedOrderRejectJson:escaped@166..
            errorTime@194..""",
        "nextValidId": "=1 orderId",
        "managedAccounts": "=1 accountsList:escaped",
        "currentTime": "=1 currentTime",
        "currentTimeInMillis": "currentTimeInMillis",
        "verifyMessageAPI": "=1 apiData:escaped",
        "verifyCompleted": "=1 isSuccessful errorText:escaped",
        "displayGroupList": "=1 reqId groups:escaped",
        "displayGroupUpdated": "=1 reqId contractInfo:escaped",
    }
)
