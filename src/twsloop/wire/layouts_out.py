"""The text layouts of the requests, client to gateway; see `grammar` for their language.

The number of a message stands in front of its line and is not part of it. Where the official
client writes a number it does not know as IB's largest number and ib_async writes nothing, nothing
is written here; both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from . import fragments as part

__all__ = ["LAYOUTS_OUT"]

_PLACE_ORDER = f"""
    =45@..144 orderId
    {part.REQUEST_CONTRACT} contract.(secIdType secId)
    {part.ORDER_START}
    order.(transmit parentId blockOrder sweepToFill displaySize? triggerMethod outsideRth hidden)
    when(bag: {part.LEGS} call(leg_prices) pairs(order.smartComboRoutingParams))
    =               // shares allocation
    order.(discretionaryAmt goodAfterTime goodTillDate faGroup faMethod faPercentage)
    =@..176         // allocation profile
    order.(modelCode@103.. shortSaleSlot designatedLocation exemptCode ocaType rule80A settlingFirm
        allOrNone minQty? percentOffset?)
    =0 =0 = =0      // e-trade only, firm quote only, NBBO price cap, auction strategy
    order.(startingPrice? stockRefPrice? delta? stockRangeLower? stockRangeUpper?
        overridePercentageConstraints volatility? volatilityType? deltaNeutralOrderType
        deltaNeutralAuxPrice?)
    when(delta_neutral: order.(deltaNeutralConId deltaNeutralSettlingFirm
        deltaNeutralClearingAccount deltaNeutralClearingIntent deltaNeutralOpenClose
        deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation))
    order.(continuousUpdate referencePriceType? trailStopPrice? trailingPercent?)
    {part.REQUEST_SCALE}
    order.(scaleTable activeStartTime activeStopTime hedgeType when(hedges: hedgeParam)
        optOutSmartRouting clearingAccount clearingIntent notHeld)
    {part.DELTA_NEUTRAL_CONTRACT}
    order.(algoStrategy when(has_algo: pairs(algoParams)) algoId whatIf options(orderMiscOptions)
        solicited randomizeSize randomizePrice)
    @102..({part.PEG_BENCH} {part.CONDITIONS}
        order.(adjustedOrderType triggerPrice? lmtPriceOffset? adjustedStopPrice?
            adjustedStopLimitPrice? adjustedTrailingAmount? adjustableTrailingUnit))
    order.(extOperator@105.. softDollarTier.(name@106.. value@106..) cashQty?@111..
        @138..(mifid2DecisionMaker mifid2DecisionAlgo)
        @139..(mifid2ExecutionTrader mifid2ExecutionAlgo)
        dontUseAutoPriceForHedge@141.. isOmsContainer@145.. discretionaryUpToLimitPrice@148..
        usePriceMgmtAlgo?@151.. duration?@158.. postToAts?@160.. autoCancelParent@162..
        advancedErrorOverride@166.. manualOrderTime@169..)
    @170..(when(ibkrats: order.minTradeQty?)
        when(peg_best: order.(minCompeteSize? competeAgainstBestOffset?))
        when(mid_offsets: order.(midOffsetAtWhole? midOffsetAtHalf?)))
    order.(customerAccount@183.. professionalCustomer@184..)
    =@187..189 =@187..189       // request for quote, soon withdrawn
    order.(includeOvernight@189.. manualOrderIndicator?@192.. imbalanceOnly@199..)
"""

LAYOUTS_OUT: Mapping[str, str] = MappingProxyType(
    {
        # session
        "startApi": "=2 clientId optionalCapabilities",
        "setServerLogLevel": "=1 logLevel",
        "reqCurrentTime": "=1",
        "reqCurrentTimeInMillis": "",
        "reqIds": "=1 numIds",
        "reqManagedAccts": "=1",
        "verifyRequest": "=1 apiName apiVersion",
        "verifyMessage": "=1 apiData",
        "queryDisplayGroups": "=1 reqId",
        "subscribeToGroupEvents": "=1 reqId groupId",
        "updateDisplayGroup": "=1 reqId contractInfo",
        "unsubscribeFromGroupEvents": "=1 reqId",
        # market data
        "reqMktData": f"""=11 reqId {part.REQUEST_CONTRACT} {part.SHORT_LEGS}
            {part.DELTA_NEUTRAL_CONTRACT} genericTickList snapshot regulatorySnapshot@114..
            options(marketDataOptions)""",
        "cancelMktData": "=2 reqId",
        "reqMarketDataType": "=1 marketDataType",
        "reqMktDepth": f"""=5 reqId
            contract.({part.CONTRACT_START} strike? right multiplier:whole?
                exchange primaryExch@149.. currency localSymbol tradingClass)
            numRows isSmartDepth@146.. options(marketDepthOptions)""",
        "cancelMktDepth": "=1 reqId isSmartDepth@146..",
        "reqRealTimeBars": f"""=3 reqId {part.REQUEST_CONTRACT} barSize whatToShow useRTH
            options(realTimeBarsOptions)""",
        "cancelRealTimeBars": "=1 reqId",
        "reqTickByTickData": f"""reqId {part.REQUEST_CONTRACT} tickType
            @140..(numberOfTicks ignoreSize)""",
        "cancelTickByTickData": "reqId",
        "reqMktDepthExchanges": "",
        "reqSmartComponents": "reqId bboExchange",
        "calculateImpliedVolatility": f"""=3 reqId {part.REQUEST_CONTRACT} optionPrice underPrice
            options(impliedVolatilityOptions)""",
        "cancelCalculateImpliedVolatility": "=1 reqId",
        "calculateOptionPrice": f"""=3 reqId {part.REQUEST_CONTRACT} volatility underPrice
            options(optionPriceOptions)""",
        "cancelCalculateOptionPrice": "=1 reqId",
        # orders
        "placeOrder": _PLACE_ORDER,
        "cancelOrder": """=1@..191 orderId orderCancel.manualOrderCancelTime@169..
            =@187..189 =@187..189 =@187..189
            orderCancel.(@192..(extOperator manualOrderIndicator?))""",
        "reqGlobalCancel": "=1@..191 orderCancel.(@192..(extOperator manualOrderIndicator?))",
        "reqOpenOrders": "=1",
        "reqAllOpenOrders": "=1",
        "reqAutoOpenOrders": "=1 autoBind",
        "reqCompletedOrders": "apiOnly",
        "reqExecutions": """=3 reqId
            executionFilter.(clientId acctCode time symbol secType exchange side
                @200..(lastNDays?max each(specificDates: .)))""",
        "exerciseOptions": f"""=2 orderId
            contract.({part.CONTRACT_START} strike? right multiplier:whole?
                exchange currency localSymbol tradingClass)
            exerciseAction exerciseQuantity account override manualOrderTime@180..
            customerAccount@183.. professionalCustomer@184..""",
        # account
        "reqAccountUpdates": "=2 subscribe acctCode",
        "reqAccountSummary": "=1 reqId group tags",
        "cancelAccountSummary": "=1 reqId",
        "reqPositions": "=1",
        "cancelPositions": "=1",
        "reqPositionsMulti": "=1 reqId account modelCode",
        "cancelPositionsMulti": "=1 reqId",
        "reqAccountUpdatesMulti": "=1 reqId account modelCode ledgerAndNLV",
        "cancelAccountUpdatesMulti": "=1 reqId",
        "reqPnL": "reqId account modelCode",
        "cancelPnL": "reqId",
        "reqPnLSingle": "reqId account modelCode conId",
        "cancelPnLSingle": "reqId",
        "reqFamilyCodes": "",
        "reqSoftDollarTiers": "reqId",
        "requestFA": "=1 faDataType",
        "replaceFA": "=1 faDataType xml reqId@157..",
        "reqUserInfo": "reqId",
        # contracts
        "reqContractDetails": f"""=8 reqId {part.REQUEST_CONTRACT}
            contract.(includeExpired secIdType secId issuerId@176..)""",
        "reqMatchingSymbols": "reqId pattern",
        "reqSecDefOptParams": """reqId underlyingSymbol futFopExchange underlyingSecType
            underlyingConId""",
        "reqMarketRule": "marketRuleId",
        "reqScannerParameters": "=1",
        "reqScannerSubscription": """=4@..142 reqId
            scannerSubscription.(numberOfRows? instrument locationCode scanCode
                abovePrice? belowPrice? aboveVolume? marketCapAbove? marketCapBelow?
                moodyRatingAbove moodyRatingBelow spRatingAbove spRatingBelow
                maturityDateAbove maturityDateBelow couponRateAbove? couponRateBelow?
                excludeConvertible averageOptionVolumeAbove? scannerSettingPairs stockTypeFilter
                @143..(options(scannerSubscriptionFilterOptions))
                options(scannerSubscriptionOptions))""",
        "cancelScannerSubscription": "=1 reqId",
        "reqFundamentalData": """=2 reqId
            contract.(conId symbol secType exchange primaryExch currency localSymbol)
            reportType call(fundamentals_options)""",
        "cancelFundamentalData": "=1 reqId",
        "reqWshMetaData": "reqId",
        "cancelWshMetaData": "reqId",
        "reqWshEventData": """reqId conId?max
            @171..(filter fillWatchlist fillPortfolio fillCompetitors)
            @173..(startDate endDate totalLimit?max)""",
        "cancelWshEventData": "reqId",
        # history
        "reqHistoricalData": f"""=6@..123 reqId {part.REQUEST_CONTRACT} contract.includeExpired
            endDateTime barSizeSetting duration useRTH whatToShow formatDate
            {part.SHORT_LEGS} keepUpToDate@124.. options(chartOptions)""",
        "cancelHistoricalData": "=1 reqId",
        "reqHeadTimeStamp": f"""reqId {part.REQUEST_CONTRACT} contract.includeExpired
            useRTH whatToShow formatDate""",
        "cancelHeadTimeStamp": "reqId",
        "reqHistoricalTicks": f"""reqId {part.REQUEST_CONTRACT} contract.includeExpired
            startDateTime endDateTime numberOfTicks whatToShow useRTH ignoreSize
            options(miscOptions)""",
        "reqHistogramData": f"""reqId {part.REQUEST_CONTRACT} contract.includeExpired
            useRTH timePeriod""",
        "cancelHistogramData": "reqId",
        # news
        "reqNewsProviders": "",
        "reqNewsArticle": "reqId providerCode articleId @128..(options(newsArticleOptions))",
        "reqHistoricalNews": """reqId conId providerCodes startDateTime endDateTime totalResults
            @128..(options(historicalNewsOptions))""",
        "reqNewsBulletins": "=1 allMessages",
        "cancelNewsBulletins": "=1",
    }
)
