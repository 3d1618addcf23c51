"""Requests about instruments and their market: contract details, symbols, rules, market data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ContractDescription_pb2 import ContractDescription
from ibapi.protobuf.MarketRule_pb2 import MarketRule
from ibapi.protobuf.PriceIncrement_pb2 import PriceIncrement
from ibapi.protobuf.SmartComponent_pb2 import SmartComponent
from ibapi.protobuf.SmartComponents_pb2 import SmartComponents
from ibapi.protobuf.SymbolSamples_pb2 import SymbolSamples

from .client import Client, Line
from .handling import Handler, processing, validating
from .hub import Hub
from .instruments import MARKET_RULES, VENUES, Instrument
from .ticks import volume_unit
from .validation import AMBIGUOUS, NO_DEFINITION

__all__ = ["HANDLERS"]

#: How many answers reqMatchingSymbols gives, as the real one.
MATCHES = 16
MARKET_DATA_TYPES = range(1, 5)


def _find_one(hub: Hub, client: Client, req_id: int, contract: Any) -> Instrument | None:
    found = hub.engine.catalogue.find(contract)
    if len(found) == 1:
        return found[0]
    text = AMBIGUOUS.format(symbol=contract.symbol) if found else NO_DEFINITION
    hub.error(client, req_id, 200, text)
    return None


def req_mkt_data(hub: Hub, client: Client, request: Any) -> None:
    """Open a market data line, or take a snapshot."""
    req_id = request.reqId
    snapshot = request.snapshot or request.regulatorySnapshot
    if req_id in client.lines:
        processing(hub, client, req_id, "bQ", "Duplicate ticker id")
        return
    if snapshot and request.genericTickList:
        cause = "Snapshot market data subscription is not applicable to generic ticks"
        validating(hub, client, req_id, "bQ", cause)
        return
    instrument = _find_one(hub, client, req_id, request.contract)
    if instrument is not None:
        unit = volume_unit(instrument, client.server_version)
        hub.watch(Line(client, req_id, instrument, unit, snapshot))


def cancel_mkt_data(hub: Hub, client: Client, request: Any) -> None:
    """Close a market data line; there is no acknowledgement."""
    line = client.lines.get(request.reqId)
    if line is None:
        hub.error(client, request.reqId, 300, f"Can't find EId with tickerId:{request.reqId}")
    else:
        hub.unwatch(line)


def req_market_data_type(hub: Hub, client: Client, request: Any) -> None:
    """Choose live, frozen or delayed: live is used whenever there is any, and here is always."""
    if request.marketDataType not in MARKET_DATA_TYPES:
        validating(hub, client, -1, "bQ", f"Invalid market data type: {request.marketDataType}")


def req_contract_details(hub: Hub, client: Client, request: Any) -> None:
    """All contracts that fit a description."""
    found = hub.engine.catalogue.find(request.contract)
    if not found:
        hub.error(client, request.reqId, 200, NO_DEFINITION)
        return
    now = hub.now()
    for instrument in found:
        contract = instrument.contract(exchange=request.contract.exchange or None)
        message = ContractData(
            reqId=request.reqId, contract=contract, contractDetails=instrument.details(now)
        )
        client.send("contractData", message)
    client.send("contractDetailsEnd", ContractDataEnd(reqId=request.reqId))


def req_matching_symbols(hub: Hub, client: Client, request: Any) -> None:
    """Instruments whose symbol begins with a pattern, or whose name has it."""
    pattern = request.pattern.strip().upper()
    known = [one for one in hub.engine.catalogue.all() if one.sec_type == "STK"]
    by_symbol = [one for one in known if pattern and one.symbol.startswith(pattern)]
    by_name = [
        one
        for one in known
        if len(pattern) > 1 and one not in by_symbol and pattern in one.long_name.upper()
    ]
    answer = SymbolSamples(reqId=request.reqId)
    for one in (by_symbol + by_name)[:MATCHES]:
        contract = one.contract()
        contract.description = one.long_name
        answer.contractDescriptions.append(ContractDescription(contract=contract))
    client.send("symbolSamples", answer)


def req_market_rule(hub: Hub, client: Client, request: Any) -> None:
    """The price increments of a market rule."""
    rule = MARKET_RULES.get(request.marketRuleId)
    if rule is None:
        validating(hub, client, -1, "bN", f"Invalid market rule id: {request.marketRuleId}")
        return
    answer = MarketRule(
        marketRuleId=request.marketRuleId,
        priceIncrements=[
            PriceIncrement(lowEdge=float(edge), increment=float(step)) for edge, step in rule
        ],
    )
    client.send("marketRule", answer)


def req_smart_components(_hub: Hub, client: Client, request: Any) -> None:
    """The venues behind the letters of ticks 32 and 33."""
    answer = SmartComponents(reqId=request.reqId)
    for bit, (letter, exchange) in enumerate(VENUES.items()):
        component = SmartComponent(bitNumber=bit, exchange=exchange, exchangeLetter=letter)
        answer.smartComponents.append(component)
    client.send("smartComponents", answer)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        1: req_mkt_data,
        2: cancel_mkt_data,
        9: req_contract_details,
        59: req_market_data_type,
        81: req_matching_symbols,
        83: req_smart_components,
        91: req_market_rule,
    }
)
