"""A reader as strict as rust-ibapi, which cannot run here: it takes no word that it does not know.

Its rules are of ``protocol.md`` B.4 (required fields, enumerations, decimals) and H.2 (the fields
that IB's own decoder reads wrongly when they are absent). The table of messages is its own, so that
ours may be wrong.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from google.protobuf.unknown_fields import UnknownFieldSet

__all__ = ["StrictReader"]


def _words(text: str) -> frozenset[Any]:
    return frozenset(text.split())


PROTOBUF_OFFSET = 200
NUMBERS = """
    1 TickPrice 2 TickSize 3 OrderStatus 4 ErrorMessage 5 OpenOrder 6 AccountValue
    7 PortfolioValue 8 AccountUpdateTime 9 NextValidId 10 ContractData 11 ExecutionDetails
    14 NewsBulletin 15 ManagedAccounts 17 HistoricalData 45 TickGeneric 46 TickString
    49 CurrentTime 52 ContractDataEnd 53 OpenOrdersEnd 54 AccountDataEnd 55 ExecutionDetailsEnd
    57 TickSnapshotEnd 58 MarketDataType 59 CommissionAndFeesReport 61 Position 62 PositionEnd
    63 AccountSummary 64 AccountSummaryEnd 67 DisplayGroupList 71 PositionMulti 72 PositionMultiEnd
    73 AccountUpdateMulti 74 AccountUpdateMultiEnd 75 SecDefOptParameter 76 SecDefOptParameterEnd
    77 SoftDollarTiers 78 FamilyCodes 79 SymbolSamples 80 MarketDepthExchanges 81 TickReqParams
    82 SmartComponents 85 NewsProviders 88 HeadTimestamp 93 MarketRule 94 PnL 95 PnLSingle
    101 CompletedOrder 102 CompletedOrdersEnd 106 HistoricalSchedule 107 UserInfo
    108 HistoricalDataEnd 109 CurrentTimeInMillis
"""
_WORDS = NUMBERS.split()
NAMES: Mapping[int, str] = {
    int(number): name for number, name in zip(_WORDS[::2], _WORDS[1::2], strict=True)
}

#: What must be there, by message (and by part of a message).
REQUIRED: Mapping[str, str] = {
    "TickPrice": "reqId tickType price size attrMask",
    "TickSize": "reqId tickType size",
    "TickString": "reqId tickType value",
    "TickGeneric": "reqId tickType value",
    "TickReqParams": "reqId minTick bboExchange snapshotPermissions",
    "MarketDataType": "reqId marketDataType",
    "OrderStatus": "orderId status filled remaining avgFillPrice permId parentId lastFillPrice "
    "clientId",
    "OpenOrder": "orderId contract order orderState",
    "CompletedOrder": "contract order orderState",
    "OrderState": "status",
    "Order": "clientId permId action totalQuantity orderType tif account",
    "Contract": "conId symbol secType currency",
    "ContractDetails": "minTick orderTypes validExchanges marketRuleIds timeZoneId tradingHours "
    "liquidHours longName minSize sizeIncrement suggestedSizeIncrement",
    "ContractData": "reqId contract contractDetails",
    "ExecutionDetails": "reqId contract execution",
    "Execution": "orderId execId time acctNumber exchange side shares price permId clientId cumQty "
    "avgPrice lastLiquidity",
    "CommissionAndFeesReport": "execId commissionAndFees currency",
    "ErrorMessage": "id errorTime errorCode errorMsg",
    "NextValidId": "orderId",
    "ManagedAccounts": "accountsList",
    "CurrentTime": "currentTime",
    "CurrentTimeInMillis": "currentTimeInMillis",
    "Position": "account contract position avgCost",
    "PositionMulti": "reqId account contract position avgCost",
    "PortfolioValue": "contract position marketPrice marketValue averageCost unrealizedPNL "
    "realizedPNL accountName",
    "AccountValue": "key value accountName",
    "AccountUpdateTime": "timeStamp",
    "AccountDataEnd": "accountName",
    "AccountSummary": "reqId account tag value",
    "AccountUpdateMulti": "reqId account key value",
    "PnL": "reqId dailyPnL",
    "PnLSingle": "reqId position",
    "ComboLeg": "conId ratio action exchange",
}
#: Strings that are numbers, wherever they stand.
DECIMALS = _words(
    "size filled remaining shares cumQty totalQuantity filledQuantity position minTick minSize "
    "sizeIncrement suggestedSizeIncrement suggestedSize lastPricePrecision lastSizePrecision"
)
STATUSES = _words(
    "ApiPending PendingSubmit PreSubmitted Submitted PendingCancel PreCancelled ApiCancelled "
    "Cancelled Filled Inactive WarnState"
)
WORDS: Mapping[str, frozenset[Any]] = {
    "OrderStatus.status": STATUSES,
    "OrderState.status": STATUSES,
    "Execution.side": frozenset({"BOT", "SLD"}),
    "Execution.lastLiquidity": frozenset({0, 1, 2, 3}),
    "Order.action": frozenset({"BUY", "SELL", "SSHORT", "SLONG"}),
    "Order.tif": _words("DAY GTC IOC GTD OPG FOK DTC AUC"),
    "Order.ocaType": frozenset({0, 1, 2, 3}),
    "ComboLeg.action": frozenset({"BUY", "SELL", "SSHORT"}),
    "Contract.right": frozenset({"C", "P"}),
    "Contract.secType": _words(
        "STK OPT FUT IND FOP CASH BAG WAR BOND CMDTY NEWS FUND CRYPTO CFD CONTFUT"
    ),
    "MarketDataType.marketDataType": frozenset({1, 2, 3, 4}),
    "TickPrice.attrMask": frozenset(range(8)),
    "TickPrice.tickType": frozenset({1, 2, 4, 6, 7, 9, 14, 37, 50, 51, 52, 57, *range(66, 80)}),
    "TickSize.tickType": frozenset({0, 3, 5, 8, 27, 28, 29, 30, 34, 36, 69, 70, 71, 74}),
    "TickString.tickType": frozenset({32, 33, 45, 48, 84, 88}),
}
DATE = r"\d{8}"
TIME = DATE + r" \d\d:\d\d:\d\d"
SESSION = DATE + r":(CLOSED|\d{4}-" + DATE + r":\d{4})"
#: Texts that are times; a group named ``zone`` must be in the zone database.
TIMES: Mapping[str, str] = {
    "Execution.time": TIME + r" (?P<zone>\S+)",
    "OrderState.completedTime": TIME + r" (?P<zone>\S+)",
    "Order.autoCancelDate": TIME + r" (?P<zone>\S+)",
    "AccountUpdateTime.timeStamp": r"\d\d:\d\d",
    "ContractDetails.timeZoneId": r"(?P<zone>\S+)",
    "ContractDetails.tradingHours": rf"{SESSION}(;{SESSION})*",
    "ContractDetails.liquidHours": rf"{SESSION}(;{SESSION})*",
    # Contract details also say the time: IB's own decoder cuts it off there.
    "Contract.lastTradeDateOrContractMonth": rf"({DATE}( \d\d:\d\d:\d\d [A-Za-z_/]+)?)?",
    "ContractDetails.realExpirationDate": rf"({DATE})?",
}
#: Above this a number means "unset", which protobuf says by leaving the field out.
UNSET_FROM = 1e30
#: The exception: profit and loss of a flat position is the largest double on real gateways, too.
MAY_BE_UNSET = frozenset({"PnL", "PnLSingle"})
#: Errors without an id that end nothing; any other would fail all requests in flight.
HARMLESS = frozenset({1101, 1102, 2100, *range(2103, 2109), 2119, 2158})


class StrictReader:
    """Reads bodies; the first that breaks a rule is an AssertionError that says which.

    Attributes:
        read: The messages in order, as ``(name, message)``.
    """

    def __init__(self, now: float) -> None:
        self.read: list[tuple[str, Any]] = []
        self._now = now
        self._executions: set[str] = set()
        self._open: dict[int, str] = {}

    def body(self, body: bytes) -> str:
        """Judge one body; returns the message's name."""
        assert len(body) >= 4, f"too short for an id: {body!r}"
        number = int.from_bytes(body[:4], "big") - PROTOBUF_OFFSET
        assert number > 0, f"a text frame at 225: {body[:60]!r}"
        assert number in NAMES, f"unknown message {number}"
        name = NAMES[number]
        message = getattr(importlib.import_module(f"ibapi.protobuf.{name}_pb2"), name)()
        assert message.ParseFromString(body[4:]) == len(body) - 4
        assert len(UnknownFieldSet(message)) == 0, name
        for problem in self._problems(name, message):
            raise AssertionError(f"{problem} in {name}:\n{message}")
        self._follow(name, message)
        self.read.append((name, message))
        return name

    def of(self, name: str) -> list[Any]:
        """The messages of one name."""
        return [message for one, message in self.read if one == name]

    # ---- one message -----------------------------------------------------------------------

    def _problems(self, name: str, message: Any) -> Iterator[str]:
        for field in REQUIRED.get(name, "").split():
            if not message.HasField(field):
                yield f"{name}.{field} is missing"
        if "reqId" in message.DESCRIPTOR.fields_by_name and not message.HasField("reqId"):
            yield f"{name}.reqId is missing"
        for field, value in message.ListFields():
            where = f"{name}.{field.name}"
            parts = value if field.is_repeated else (value,)
            if field.message_type is not None:
                if field.message_type.GetOptions().map_entry:
                    continue
                for part in parts:
                    yield from self._problems(part.DESCRIPTOR.name, part)
            else:
                for part in parts:
                    yield from self._problems_of_value(name, where, field.name, part)

    def _problems_of_value(self, name: str, where: str, field: str, value: Any) -> Iterator[str]:
        if isinstance(value, float) and abs(value) >= UNSET_FROM and name not in MAY_BE_UNSET:
            yield f"{where} is {value}: leave it out"
        if isinstance(value, str) and field in DECIMALS and not _is_decimal(value):
            yield f"{where} is no decimal: {value!r}"
        if where in WORDS and value not in WORDS[where]:
            yield f"{where} is an unknown word: {value!r}"
        if where in TIMES:
            found = re.fullmatch(TIMES[where], value)
            if found is None:
                yield f"{where} is no time: {value!r}"
            elif "zone" in found.groupdict():
                ZoneInfo(found["zone"])

    # ---- one after another -----------------------------------------------------------------

    def _follow(self, name: str, message: Any) -> None:
        """The rules about the order of messages, and about now."""
        if name == "ExecutionDetails":
            self._executions.add(message.execution.execId)
        elif name == "CommissionAndFeesReport":
            assert message.execId in self._executions, f"a report before its execution: {message}"
        elif name == "ErrorMessage":
            assert abs(message.errorTime / 1000 - self._now) < 600, f"not now: {message}"
            assert message.id != -1 or message.errorCode in HARMLESS, f"ends everything: {message}"
        elif name == "CurrentTime":
            assert abs(message.currentTime - self._now) < 600, f"not now: {message}"
        elif name == "CurrentTimeInMillis":
            assert abs(message.currentTimeInMillis / 1000 - self._now) < 600, f"not now: {message}"
        if name == "OpenOrder" and not message.order.whatIf:
            self._open[message.orderId] = message.orderState.status
        elif name == "OrderStatus":
            before = self._open.pop(message.orderId, None)
            assert before in (None, message.status), f"{before} was announced: {message}"

    def finish(self) -> None:
        """Nothing may be left open: every openOrder had its orderStatus."""
        assert not self._open, f"openOrder without orderStatus: {self._open}"


def _is_decimal(text: str) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    return value.is_finite() and abs(value) < Decimal(UNSET_FROM)
