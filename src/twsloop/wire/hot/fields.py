"""The hot messages as data: what each holds, in both protocols, and what it calls.

The compiled stream runs on this table: it has no other word on which field stands where. The
numbers of protobuf fields are taken from IB's own descriptors, so they are not written down here.
The decoders in Python are written out by hand, because there a table costs more than the work; that
they say the same is what the tests prove, against IB's decoder.
"""

from __future__ import annotations

import re
from enum import IntEnum
from types import MappingProxyType
from typing import Any

import attrs
from ibapi.common import BarData, TickAttrib, TickAttribBidAsk, TickAttribLast
from ibapi.const import NO_VALID_ID, UNSET_DECIMAL, UNSET_DOUBLE, UNSET_INTEGER

from .calls import HOT

__all__ = ["MESSAGES", "Form", "Kind", "Made", "Message", "NoneIf", "TextField", "Value"]

_ALWAYS = 10**6


class Kind(IntEnum):
    """What a value is."""

    INT = 1
    """A whole number of 32 bits; text may bring longer ones."""
    LONG = 2
    """A whole number of 64 bits."""
    DOUBLE = 3
    DECIMAL = 4
    STRING = 5
    BOOL = 6
    FLAGS = 7
    """A number whose bits are attributes; in protobuf each may be a field of its own."""


class NoneIf(IntEnum):
    """Which number of an option's computation means that there is none."""

    NEVER = 0
    NEGATIVE = 1
    MINUS_ONE = 2
    MINUS_TWO = 3


@attrs.frozen
class Value:
    """One value of a message.

    Attributes:
        name: As the callback has it.
        kind: What it is.
        absent: What IB's decoder gives where the protobuf message lacks it.
        path: Where the protobuf message has it: names, with dots. Flags may have several paths, in
            the order of their bits; all others, and flags in one number, have one.
        none_if: The number that means "not computed".
        before: What it is in text at versions that do not have it yet.
    """

    name: str
    kind: Kind
    absent: Any
    path: tuple[str, ...] = ()
    none_if: NoneIf = NoneIf.NEVER
    before: Any = None


@attrs.frozen
class Made:
    """An argument that is an object of IB's, made anew for each call.

    Attributes:
        of: Its class, which is called without arguments.
        attributes: In the order of the class: the attribute, the value that it gets, and which bit
            of it (-1 for the whole).
    """

    of: type
    attributes: tuple[tuple[str, str, int], ...]


@attrs.frozen
class TextField:
    """One field of the text form.

    Attributes:
        value: The name of the value that it holds; empty where it is read and not used.
        known: What a version knows of flags: 1 for the number 1 and no other, 3 for two bits; -1
            for all.
        literal: What it has to be; empty for anything.
    """

    value: str
    known: int = -1
    literal: str = ""


@attrs.frozen
class Form:
    """One callback of a message.

    Attributes:
        callback: Its name.
        arguments: Names of values, and objects made of them, in its order.
        text: The text form: names in their order. ``-`` is a number that is read and not used,
            ``=6`` a field that has to be just that, ``&3`` behind flags how much of them is known;
            ``@146..`` says in which versions the field is there.
        types: The tick types for which this form is chosen; empty for all.
        part: The protobuf field that has to be there.
        by_signature: IB's decoder reads the text by the callback's parameters: nothing may be
            empty but a text, and from version 153 on a text holds escapes.
    """

    callback: str
    arguments: tuple[str | Made, ...]
    text: str
    types: tuple[int, ...] = ()
    part: str = ""
    by_signature: bool = False

    def text_fields(self, version: int) -> list[TextField]:
        """The fields of the text form at a server version."""
        fields = []
        for token in self.text.split():
            match = _TOKEN.fullmatch(token)
            assert match is not None, token
            name, literal, known, first, last = match.groups()
            if int(first or 0) <= version <= int(last or _ALWAYS):
                fields.append(TextField(name or "", int(known or -1), literal or ""))
        return fields


_TOKEN = re.compile(r"(?:-|(\w+)|=(\w+))(?:&(\d+))?(?:@(\d*)\.\.(\d*))?")


@attrs.frozen
class Message:
    """A hot message.

    Attributes:
        number: Without the protobuf offset.
        proto: Its protobuf class.
        values: What it may hold; the first is the request id.
        forms: What it calls: the first that fits.
        tick_type: Whether the second value is a tick type.
        not_set: Nothing is told of a tick type NOT_SET.
        unheard: A text that no callback gets. It has to be readable all the same.
        size_of_price: The callback is tickPrice; tickSize follows for some types.
    """

    number: int
    proto: str
    values: tuple[Value, ...]
    forms: tuple[Form, ...]
    tick_type: bool = False
    not_set: bool = False
    unheard: str = ""
    size_of_price: bool = False

    def value(self, name: str) -> Value:
        """The value of this name."""
        return next(value for value in self.values if value.name == name)


def _of(names: str, kind: Kind, absent: Any, part: str = "") -> tuple[Value, ...]:
    """Values of one kind, by the names that protobuf has for them."""
    return tuple(Value(name, kind, absent, (part + name,)) for name in names.split())


def _greek(name: str, none_if: NoneIf) -> Value:
    return Value(name, Kind.DOUBLE, None, (name,), none_if)


_REQ_ID = Value("reqId", Kind.INT, NO_VALID_ID, ("reqId",))
_TICK_TYPE = Value("tickType", Kind.INT, UNSET_INTEGER, ("tickType",))
_BAR = "historicalDataBar."
_DEPTH = "marketDepthData."
_LAST, _BID_ASK, _MID = "historicalTickLast", "historicalTickBidAsk", "historicalTickMidPoint"

_TICK_ATTRIB = Made(
    TickAttrib, (("canAutoExecute", "mask", 0), ("pastLimit", "mask", 1), ("preOpen", "mask", 2))
)
_ATTRIB_LAST = Made(TickAttribLast, (("pastLimit", "last", 0), ("unreported", "last", 1)))
_ATTRIB_BID_ASK = Made(TickAttribBidAsk, (("bidPastLow", "quote", 0), ("askPastHigh", "quote", 1)))
_BAR_DATA = Made(
    BarData,
    tuple(
        (name, name, -1)
        for name in ("date", "open", "high", "low", "close", "volume", "wap", "barCount")
    ),
)

_PRICE = Message(
    1,
    "TickPrice",
    (
        _REQ_ID,
        _TICK_TYPE,
        *_of("price", Kind.DOUBLE, UNSET_DOUBLE),
        *_of("size", Kind.DECIMAL, UNSET_DECIMAL),
        # IB's own decoder takes an absent mask for all bits at once: see `wire.ticks`.
        Value("mask", Kind.FLAGS, 0, ("attrMask",)),
    ),
    (
        Form(
            "tickPrice",
            ("reqId", "tickType", "price", _TICK_ATTRIB),
            "- reqId tickType price size mask&1@..108 mask&3@109..131 mask@132..",
        ),
    ),
    tick_type=True,
    size_of_price=True,
)

_SIZE = Message(
    2,
    "TickSize",
    (_REQ_ID, _TICK_TYPE, *_of("size", Kind.DECIMAL, UNSET_DECIMAL)),
    (Form("tickSize", ("reqId", "tickType", "size"), "- reqId tickType size"),),
    tick_type=True,
    not_set=True,
)

_NUMBER = Message(
    45,
    "TickGeneric",
    (_REQ_ID, _TICK_TYPE, *_of("value", Kind.DOUBLE, UNSET_DOUBLE)),
    (
        Form(
            "tickGeneric",
            ("reqId", "tickType", "value"),
            "- reqId tickType value",
            by_signature=True,
        ),
    ),
    tick_type=True,
    not_set=True,
)

_STRING = Message(
    46,
    "TickString",
    (_REQ_ID, _TICK_TYPE, *_of("value", Kind.STRING, "")),
    (
        Form(
            "tickString",
            ("reqId", "tickType", "value"),
            "- reqId tickType value",
            by_signature=True,
        ),
    ),
    tick_type=True,
    not_set=True,
)

_LINE = Message(
    12,
    "MarketDepth",
    (
        _REQ_ID,
        *_of("position operation side", Kind.INT, UNSET_INTEGER, _DEPTH),
        *_of("price", Kind.DOUBLE, UNSET_DOUBLE, _DEPTH),
        *_of("size", Kind.DECIMAL, UNSET_DECIMAL, _DEPTH),
        # Of the deep book alone, but the class is the same.
        *_of("marketMaker", Kind.STRING, "", _DEPTH),
        *_of("isSmartDepth", Kind.BOOL, False, _DEPTH),
    ),
    (
        Form(
            "updateMktDepth",
            ("reqId", "position", "operation", "side", "price", "size"),
            "- reqId position operation side price size",
            part="marketDepthData",
        ),
    ),
    unheard="marketMaker",
)

_DEEP_LINE = Message(
    13,
    "MarketDepthL2",
    (
        _REQ_ID,
        *_of("position", Kind.INT, 0, _DEPTH),
        *_of("marketMaker", Kind.STRING, "", _DEPTH),
        *_of("operation side", Kind.INT, UNSET_INTEGER, _DEPTH),
        *_of("price", Kind.DOUBLE, UNSET_DOUBLE, _DEPTH),
        *_of("size", Kind.DECIMAL, UNSET_DECIMAL, _DEPTH),
        Value("isSmartDepth", Kind.BOOL, False, (_DEPTH + "isSmartDepth",), before=False),
    ),
    (
        Form(
            "updateMktDepthL2",
            (
                "reqId", "position", "marketMaker", "operation", "side", "price", "size",
                "isSmartDepth",
            ),
            "- reqId position marketMaker operation side price size isSmartDepth@146..",
            part="marketDepthData",
        ),
    ),
)  # fmt: skip

_GREEKS = Message(
    21,
    "TickOptionComputation",
    (
        _REQ_ID,
        _TICK_TYPE,
        Value("tickAttrib", Kind.INT, UNSET_INTEGER, ("tickAttrib",), before=None),
        _greek("impliedVol", NoneIf.NEGATIVE),
        _greek("delta", NoneIf.MINUS_TWO),
        _greek("optPrice", NoneIf.MINUS_ONE),
        _greek("pvDividend", NoneIf.MINUS_ONE),
        _greek("gamma", NoneIf.MINUS_TWO),
        _greek("vega", NoneIf.MINUS_TWO),
        _greek("theta", NoneIf.MINUS_TWO),
        _greek("undPrice", NoneIf.MINUS_ONE),
    ),
    (
        Form(
            "tickOptionComputation",
            (
                "reqId", "tickType", "tickAttrib", "impliedVol", "delta", "optPrice", "pvDividend",
                "gamma", "vega", "theta", "undPrice",
            ),
            # Its own version 6 has all of them; older ones, which no server sends, are declined.
            "=6@..155 reqId tickType tickAttrib@156.. impliedVol delta optPrice pvDividend gamma "
            "vega theta undPrice",
        ),
    ),
)  # fmt: skip

_REAL_TIME_BAR = Message(
    50,
    "RealTimeBarTick",
    (
        _REQ_ID,
        *_of("time", Kind.LONG, 0),
        *_of("open high low close", Kind.DOUBLE, 0.0),
        *_of("volume", Kind.DECIMAL, UNSET_DECIMAL),
        Value("wap", Kind.DECIMAL, UNSET_DECIMAL, ("WAP",)),
        *_of("count", Kind.INT, 0),
    ),
    (
        Form(
            "realtimeBar",
            ("reqId", "time", "open", "high", "low", "close", "volume", "wap", "count"),
            "- reqId time open high low close volume wap count",
        ),
    ),
)

_UPDATE = Message(
    90,
    "HistoricalDataUpdate",
    (
        _REQ_ID,
        *_of("date", Kind.STRING, "", _BAR),
        *_of("open high low close", Kind.DOUBLE, 0.0, _BAR),
        *_of("volume", Kind.DECIMAL, UNSET_DECIMAL, _BAR),
        Value("wap", Kind.DECIMAL, UNSET_DECIMAL, (_BAR + "WAP",)),
        *_of("barCount", Kind.INT, 0, _BAR),
    ),
    (
        Form(
            "historicalDataUpdate",
            ("reqId", _BAR_DATA),
            "reqId barCount date open close high low wap volume",
            part="historicalDataBar",
        ),
    ),
)

_TICK_BY_TICK = Message(
    99,
    "TickByTickData",
    (
        _REQ_ID,
        attrs.evolve(_TICK_TYPE, absent=0),
        Value("time", Kind.LONG, 0, (f"{_LAST}.time", f"{_BID_ASK}.time", f"{_MID}.time")),
        Value("price", Kind.DOUBLE, 0.0, (f"{_LAST}.price", f"{_MID}.price")),
        Value("size", Kind.DECIMAL, UNSET_DECIMAL, (f"{_LAST}.size", f"{_MID}.size")),
        Value(
            "last",
            Kind.FLAGS,
            0,
            (f"{_LAST}.tickAttribLast.pastLimit", f"{_LAST}.tickAttribLast.unreported"),
        ),
        *_of("exchange specialConditions", Kind.STRING, "", _LAST + "."),
        *_of("priceBid priceAsk", Kind.DOUBLE, 0.0, _BID_ASK + "."),
        *_of("sizeBid sizeAsk", Kind.DECIMAL, UNSET_DECIMAL, _BID_ASK + "."),
        Value(
            "quote",
            Kind.FLAGS,
            0,
            (
                f"{_BID_ASK}.tickAttribBidAsk.bidPastLow",
                f"{_BID_ASK}.tickAttribBidAsk.askPastHigh",
            ),
        ),
    ),
    (
        Form(
            "tickByTickAllLast",
            (
                "reqId", "tickType", "time", "price", "size", _ATTRIB_LAST, "exchange",
                "specialConditions",
            ),
            "reqId tickType time price size last exchange specialConditions",
            types=(1, 2),
            part=_LAST,
        ),
        Form(
            "tickByTickBidAsk",
            ("reqId", "time", "priceBid", "priceAsk", "sizeBid", "sizeAsk", _ATTRIB_BID_ASK),
            "reqId tickType time priceBid priceAsk sizeBid sizeAsk quote",
            types=(3,),
            part=_BID_ASK,
        ),
        Form(
            "tickByTickMidPoint",
            ("reqId", "time", "price"),
            "reqId tickType time price",
            types=(4,),
            part=_MID,
        ),
    ),
    tick_type=True,
)  # fmt: skip

#: The hot messages, by number: those of `HOT`.
MESSAGES: MappingProxyType[int, Message] = MappingProxyType(
    {
        message.number: message
        for message in (
            _PRICE, _SIZE, _LINE, _DEEP_LINE, _GREEKS, _NUMBER, _STRING, _REAL_TIME_BAR, _UPDATE,
            _TICK_BY_TICK,
        )
    }
)  # fmt: skip

assert tuple(MESSAGES) == tuple(HOT)
