"""A protobuf openOrder, as IB's decoder reads it.

The answer to every order, and to each change of it. IB's decoder asks the message for each of the
two hundred fields that an order may have; this one looks at those that are set, which are a dozen.
Each field that is set and not named here (a combo's legs, conditions, the parameters of an algo)
makes it leave that part of the message to IB's functions, which it calls as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from ibapi.const import UNSET_INTEGER
from ibapi.contract import Contract
from ibapi.decoder_utils import decodeContract, decodeOrder, decodeOrderState
from ibapi.order import Order
from ibapi.order_state import OrderState
from ibapi.protobuf.OpenOrder_pb2 import OpenOrder
from ibapi.softdollartier import SoftDollarTier

__all__ = ["open_order"]


def _same(names: str) -> dict[str, str]:
    """Fields that IB's object calls as the message does."""
    return {name: name for name in names.split()}


#: What is taken over as it is, by its name in the message: its name in IB's object.
ORDER = frozenset(
    _same(
        "orderId action orderType lmtPrice auxPrice tif ocaGroup account openClose origin "
        "orderRef clientId permId outsideRth hidden discretionaryAmt goodAfterTime faGroup "
        "faMethod faPercentage modelCode goodTillDate rule80A percentOffset settlingFirm "
        "shortSaleSlot designatedLocation exemptCode startingPrice stockRefPrice delta "
        "stockRangeLower stockRangeUpper displaySize blockOrder sweepToFill allOrNone minQty "
        "ocaType parentId triggerMethod volatility volatilityType deltaNeutralOrderType "
        "deltaNeutralAuxPrice deltaNeutralConId deltaNeutralSettlingFirm "
        "deltaNeutralClearingAccount deltaNeutralClearingIntent deltaNeutralOpenClose "
        "deltaNeutralShortSale deltaNeutralShortSaleSlot deltaNeutralDesignatedLocation "
        "continuousUpdate referencePriceType trailStopPrice trailingPercent scaleInitLevelSize "
        "scaleSubsLevelSize scalePriceIncrement scalePriceAdjustValue scalePriceAdjustInterval "
        "scaleProfitOffset scaleAutoReset scaleInitPosition scaleInitFillQty scaleRandomPercent "
        "hedgeType optOutSmartRouting clearingAccount clearingIntent notHeld solicited whatIf "
        "randomizeSize randomizePrice referenceContractId isPeggedChangeAmountDecrease "
        "peggedChangeAmount referenceChangeAmount referenceExchangeId conditionsIgnoreRth "
        "conditionsCancelOrder adjustedOrderType triggerPrice lmtPriceOffset adjustedStopPrice "
        "adjustedStopLimitPrice adjustedTrailingAmount adjustableTrailingUnit cashQty "
        "dontUseAutoPriceForHedge isOmsContainer discretionaryUpToLimitPrice usePriceMgmtAlgo "
        "duration postToAts autoCancelParent minTradeQty minCompeteSize competeAgainstBestOffset "
        "midOffsetAtWhole midOffsetAtHalf customerAccount professionalCustomer "
        "bondAccruedInterest includeOvernight extOperator manualOrderIndicator submitter "
        "imbalanceOnly autoCancelDate refFuturesConId shareholder routeMarketableToBbo "
        "parentPermId postOnly allowPreOpen ignoreOpenAuction deactivate activeStartTime "
        "activeStopTime seekPriceImprovement whatIfType"
    )
)
CONTRACT: Mapping[str, str] = {
    **_same(
        "conId symbol secType lastTradeDateOrContractMonth strike right exchange currency "
        "localSymbol tradingClass comboLegsDescrip lastTradeDate issuerId description"
    ),
    "primaryExch": "primaryExchange",
}
STATE: Mapping[str, str] = _same("status warningText completedTime completedStatus")
#: Fields of the order that travel as text, and are numbers in IB's object.
DECIMALS = frozenset({"totalQuantity", "filledQuantity"})
#: Fields that IB's decoder passes over.
IGNORED = frozenset(
    _same(
        "transmit manualOrderTime algoId scaleTable orderMiscOptions advancedErrorOverride "
        "overridePercentageConstraints mifid2DecisionMaker mifid2DecisionAlgo "
        "mifid2ExecutionTrader mifid2ExecutionAlgo"
    )
)
#: The attributes of a new Order; those that are objects of its own are made for each.
_NEW = dict(vars(Order()))


def open_order(payload: bytes, wrapper: Any) -> None:
    """Call openOrderProtoBuf and openOrder with what is in the bytes.

    Args:
        payload: The message, without its number.
        wrapper: Whoever hears it.
    """
    message = OpenOrder()
    message.ParseFromString(payload)
    wrapper.openOrderProtoBuf(message)
    if not message.HasField("contract"):
        return
    contract = _contract(message.contract)
    if not message.HasField("order"):
        return
    order = _order(message.orderId, message.contract, message.order)
    if not message.HasField("orderState"):
        return
    wrapper.openOrder(message.orderId, contract, order, _state(message.orderState))


def _taken(message: Any, names: Mapping[str, str], into: dict[str, Any]) -> bool:
    """Take over the fields that are set; False if there is one that is not simply taken over."""
    for field, value in message.ListFields():
        name = names.get(field.name)
        if name is None:
            return False
        into[name] = value
    return True


def _contract(message: Any) -> Any:
    contract = Contract()
    return contract if _taken(message, CONTRACT, vars(contract)) else decodeContract(message)


def _state(message: Any) -> Any:
    state = OrderState()
    return state if _taken(message, STATE, vars(state)) else decodeOrderState(message)


def _order(order_id: int, contract: Any, message: Any) -> Any:
    if contract.comboLegs:
        return decodeOrder(order_id, contract, message)
    order = object.__new__(Order)
    fields = vars(order)
    fields.update(_NEW)
    fields["softDollarTier"] = SoftDollarTier()  # another one if the message has it
    fields["conditions"], fields["smartComboRoutingParams"] = [], []
    if order_id != UNSET_INTEGER:
        order.orderId = order_id
    for field, value in message.ListFields():
        name = field.name
        if name in ORDER:
            fields[name] = value
        elif name in DECIMALS:
            fields[name] = Decimal(value)
        elif name == "softDollarTier":
            fields[name] = SoftDollarTier(value.name, value.value, value.displayName)
        elif name not in IGNORED:
            return decodeOrder(order_id, contract, message)
    return order
