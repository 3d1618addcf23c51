"""Requests about contracts: details, symbols, option chains, market rules, smart components.

An answer that is long (all options of an underlying are thousands) is sent in pieces, a turn of
the loop each, so that nobody else waits for it; cancelContractData ends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.protobuf.ContractData_pb2 import ContractData
from ibapi.protobuf.ContractDataEnd_pb2 import ContractDataEnd
from ibapi.protobuf.ContractDescription_pb2 import ContractDescription
from ibapi.protobuf.MarketRule_pb2 import MarketRule
from ibapi.protobuf.PriceIncrement_pb2 import PriceIncrement
from ibapi.protobuf.SecDefOptParameter_pb2 import SecDefOptParameter
from ibapi.protobuf.SecDefOptParameterEnd_pb2 import SecDefOptParameterEnd
from ibapi.protobuf.SmartComponent_pb2 import SmartComponent
from ibapi.protobuf.SmartComponents_pb2 import SmartComponents
from ibapi.protobuf.SymbolSamples_pb2 import SymbolSamples

from twsloop.paper.catalogue.instruments import MARKET_RULES, VENUES, Instrument
from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.paper.orders.validation import NO_DEFINITION

from .handling import Handler, desk, processing, validating

__all__ = ["HANDLERS", "SECURITY_TYPES"]

#: How many answers reqMatchingSymbols gives, as the real one.
MATCHES = 16
#: So many details are sent in one turn of the loop.
DETAILS_A_TURN = 200
#: All that IB knows; not all of them are listed here.
SECURITY_TYPES = frozenset(
    (
        *("BAG", "BILL", "BOND", "CASH", "CFD", "CMDTY", "CONTFUT", "CRYPTO", "FOP", "FUND"),
        *("FUT", "FUT+CONTFUT", "IND", "IOPT", "NEWS", "OPT", "STK", "WAR"),
    )
)
#: What IB lists on a share with options, and on one without.
DERIVATIVES, NO_OPTIONS = ("CFD", "OPT", "IOPT", "WAR", "BAG"), ("CFD",)


@attrs.define
class _Lookups:
    """The contract details that are being sent.

    Attributes:
        running: What is left of each, by client and request id.
    """

    running: dict[tuple[int, int], Iterator[Instrument]] = attrs.Factory(dict)


def req_contract_details(hub: Hub, client: Client, request: Any) -> None:
    """All contracts that fit a description."""
    wanted = request.contract
    if wanted.secType and wanted.secType.upper() not in SECURITY_TYPES:
        validating(hub, client, request.reqId, "bO", "Please enter a valid security type")
        return
    hub.engine.catalogue.move_to(hub.market_now().date())
    found = hub.engine.catalogue.find(wanted)
    if not found:
        hub.error(client, request.reqId, 200, NO_DEFINITION)
        return
    rest = iter(found)
    exchange = wanted.exchange.upper() or None
    if len(found) <= DETAILS_A_TURN:
        for instrument in rest:
            _tell_details(hub, client, request.reqId, instrument, exchange)
        client.send("contractDetailsEnd", ContractDataEnd(reqId=request.reqId))
        return
    key = (id(client), request.reqId)
    desk(hub, _Lookups).running[key] = rest
    _tell_more(hub, client, request.reqId, rest, exchange)


def _tell_more(
    hub: Hub, client: Client, req_id: int, rest: Iterator[Instrument], exchange: str | None
) -> None:
    """Send the next piece of a long answer, and ask for the one after it."""
    running, key = desk(hub, _Lookups).running, (id(client), req_id)
    if running.get(key) is not rest:
        return  # cancelled, or asked anew
    if client.closed or hub.clients.get(client.client_id) is not client:
        del running[key]
        return
    for _ in range(DETAILS_A_TURN):
        instrument = next(rest, None)
        if instrument is None:
            del running[key]
            client.send("contractDetailsEnd", ContractDataEnd(reqId=req_id))
            break
        _tell_details(hub, client, req_id, instrument, exchange)
    else:
        loop = asyncio.get_running_loop()
        loop.call_soon(_tell_more, hub, client, req_id, rest, exchange)
    client.flush()


def _tell_details(
    hub: Hub, client: Client, req_id: int, instrument: Instrument, exchange: str | None
) -> None:
    message = ContractData(
        reqId=req_id,
        contract=instrument.detailed_contract(exchange),
        contractDetails=instrument.details(hub.now()),
    )
    is_bond = instrument.sec_type == "BOND"
    client.send("bondContractDetails" if is_bond else "contractData", message)


def cancel_contract_data(hub: Hub, client: Client, request: Any) -> None:
    """Send no more of a long answer."""
    desk(hub, _Lookups).running.pop((id(client), request.reqId), None)


def req_matching_symbols(hub: Hub, client: Client, request: Any) -> None:
    """Instruments whose symbol begins with a pattern, or whose name has it; the best fit first."""
    if not request.pattern.strip():
        validating(hub, client, request.reqId, "ce", "Pattern must not be empty")
        return
    if not (request.pattern.isascii() and request.pattern.isprintable()):
        validating(hub, client, request.reqId, "ce", f"Invalid pattern: '{request.pattern}'")
        return
    pattern = " ".join(request.pattern.upper().split())
    catalogue = hub.engine.catalogue
    known = [one for one in catalogue.all() if one.sec_type == "STK"]
    known += [one for one in catalogue.others if one.sec_type == "IND"]
    same = [one for one in known if one.symbol == pattern]
    begin = [one for one in known if one.symbol.startswith(pattern) and one not in same]
    by_name = [
        one
        for one in known
        if len(pattern) > 1 and one not in same + begin and pattern in one.long_name.upper()
    ]
    answer = SymbolSamples(reqId=request.reqId)
    for one in (same + begin + by_name)[:MATCHES]:
        contract = one.contract()
        contract.primaryExch = one.primary_exchange or one.exchange
        contract.description = one.long_name
        kinds = DERIVATIVES if catalogue.options_on(one.con_id) else NO_OPTIONS
        description = ContractDescription(contract=contract, derivativeSecTypes=kinds)
        answer.contractDescriptions.append(description)
    client.send("symbolSamples", answer)


def req_sec_def_opt_params(hub: Hub, client: Client, request: Any) -> None:
    """The option chains on an underlying: one answer for each exchange and trading class."""
    if request.underlyingConId <= 0:
        validating(hub, client, request.reqId, "bW", "Invalid contract id")
        return
    catalogue = hub.engine.catalogue
    catalogue.move_to(hub.market_now().date())
    underlying = catalogue.by_con_id(request.underlyingConId)
    asked = (request.underlyingSymbol.upper(), request.underlyingSecType.upper())
    fits = underlying is not None and asked == (underlying.symbol, underlying.sec_type)
    # A future's options are on futures' exchanges; none are listed here.
    if fits and not request.futFopExchange:
        for chain in catalogue.options_on(request.underlyingConId):
            expirations = [f"{day:%Y%m%d}" for day in chain.expiries]
            for exchange in chain.exchanges:
                answer = SecDefOptParameter(
                    reqId=request.reqId,
                    exchange=exchange,
                    underlyingConId=request.underlyingConId,
                    tradingClass=chain.line.trading_class,
                    multiplier=chain.multiplier,
                    expirations=expirations,
                    strikes=chain.strikes,
                )
                client.send("secDefOptParams", answer)
    client.send("secDefOptParamsEnd", SecDefOptParameterEnd(reqId=request.reqId))


def req_market_rule(hub: Hub, client: Client, request: Any) -> None:
    """The price increments of a market rule."""
    rule = MARKET_RULES.get(request.marketRuleId)
    if rule is None:
        cause = f"Market rule with id = {request.marketRuleId} is missing"
        processing(hub, client, -1, "cd", cause)
        return
    answer = MarketRule(
        marketRuleId=request.marketRuleId,
        priceIncrements=[
            PriceIncrement(lowEdge=float(edge), increment=float(step)) for edge, step in rule
        ],
    )
    client.send("marketRule", answer)


def req_smart_components(hub: Hub, client: Client, request: Any) -> None:
    """The venues behind the letters of ticks 32 and 33, by the code that tickReqParams told."""
    codes = {one.bbo_exchange for one in hub.engine.catalogue.all()} - {""}
    if request.bboExchange not in codes:
        cause = "Invalid BBO exchange/security type code"
        validating(hub, client, request.reqId, "cb", cause)
        return
    answer = SmartComponents(reqId=request.reqId)
    for bit, (letter, exchange) in enumerate(VENUES.items()):
        component = SmartComponent(bitNumber=bit, exchange=exchange, exchangeLetter=letter)
        answer.smartComponents.append(component)
    client.send("smartComponents", answer)


HANDLERS: Mapping[int, Handler] = MappingProxyType(
    {
        9: req_contract_details,
        78: req_sec_def_opt_params,
        81: req_matching_symbols,
        83: req_smart_components,
        91: req_market_rule,
        106: cancel_contract_data,
    }
)
