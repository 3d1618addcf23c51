"""Messages for tests of the wire: random ones that a layout can carry at a server version.

`messages(row, version)` is a Hypothesis strategy. A message is built by walking the layout's own
nodes in wire order, so that it holds exactly what the text form can say: a field that text cannot
leave out is always set, a condition is asked as the reader would ask it, and no value looks like
a mark for "unset". Seeds instead of thousands of single draws keep it fast; seed 0 gives the
sparsest message, seed 1 the fullest.
"""

from __future__ import annotations

import math
import random
import struct
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from hypothesis import strategies as st

from twsloop.wire import grammar, text
from twsloop.wire.codec import REQUIRED
from twsloop.wire.conditions import CONDITIONS
from twsloop.wire.fields import find_field
from twsloop.wire.kinds import kind_of
from twsloop.wire.messages import MessageType, message_class

__all__ = ["build", "gates", "messages", "text_gates"]

OLDEST, NEWEST = 100, 225
LAST_TEXT = 200

TEXTS = ("AAPL", "a", "two words", "a=b;c", "x/y", "quote \" and ' here", "tilde~")
FOREIGN_TEXTS = (
    "é",
    "日本",
    "back\\slash",
    "\\u0041",
    "line\nbreak\tand\rmore",
    "\U0001f600",
    "\x7f",
)
FLOATS = (0.0, 1.0, -1.5, 0.01, 101.25, 1e-9, 1e15, 1e22, -123456789.125, 5e-324, 1.7e308)
TAME_FLOATS = (1.0, 0.5, 101.25, 1000000.0, 0.00005)
INTS = (0, 1, -1, 42, -7, 2**31 - 2, -(2**31))
LONGS = (0, 1, -1, 2**31 - 1, 2**31, 2**63 - 2, 1352606307)
OLD_SIZES = ("0", "1", "100", "2147483646", "-5")
SIZES = (*OLD_SIZES, "0.5", "1.24115341", "-0.25", "1000000000000", "100.0")

# Fields whose values decide what follows, or which IB's decoder reads as something else.
CHOICES: dict[str, tuple[Any, ...]] = {
    "secType": ("STK", "OPT", "BAG", "FUND", "BOND", "CASH"),
    "exchange": ("SMART", "IBKRATS", "IDEALPRO"),
    "orderType": (
        "LMT",
        "MKT",
        "PEG BENCH",
        "PEGBENCH",
        "PEG BEST",
        "PEGBEST",
        "PEG MID",
        "PEGMID",
    ),
    "competeAgainstBestOffset": (math.inf, 0.5, 0.0),
    "scalePriceIncrement": (0.0, 0.25, -1.0),
    "lastTradeDateOrContractMonth": ("20261218", "202612"),
    "minTick": ("0.01", "0.00005", "1"),
    "type": (1, 3, 4, 5, 6, 7),
    "accountsList": ("DU1234567", "DU1234567,DU1234568"),
    "shares": ("1", "100"),
    "yieldRedemptionDate": ("20261218", "20270101"),
    "faDataType": (1, 2, 3),
    "fundDistributionPolicyIndicator": ("N", "Y"),
    "fundAssetType": ("000", "001"),
    "usePriceMgmtAlgo": (0, 1),
    "routeMarketableToBbo": (0, 1),
}
TICK_BY_TICK_TYPES = (1, 2, 3, 4)


def messages(row: MessageType, version: int) -> st.SearchStrategy[Any]:
    """Any message of this row that its layout can carry at this version."""
    return st.integers(0, 2**32 - 1).map(lambda seed: build(row, version, seed))


def gates(row: MessageType) -> list[int]:
    """Every server version at which the message's form changes, the ends, and the general gates."""
    marks = {row.since, NEWEST, 153, 163, LAST_TEXT, 201, 212, 213}
    if row.protobuf_since is not None:
        marks |= {row.protobuf_since - 1, row.protobuf_since}
    for node in _walk(text._nodes(row.direction, row.name)):
        marks |= {node.gate.low, node.gate.low - 1, node.gate.high, node.gate.high + 1}
    return sorted(mark for mark in marks if row.since <= mark <= NEWEST)


def text_gates(row: MessageType) -> list[int]:
    """Those of them at which the message is text with a decimal number."""
    return [version for version in gates(row) if version <= LAST_TEXT]


def _walk(nodes: tuple[grammar.Node, ...]) -> Any:
    for node in nodes:
        yield node
        yield from _walk(getattr(node, "items", ()))


def build(row: MessageType, version: int, seed: int, *, full: bool = False) -> Any:
    """One message, always the same for the same seed.

    ``full`` sets every field, with numbers that every decoder writes in the same way.
    """
    message = message_class(row.proto or "")()
    builder = _Builder(row, version, seed, full)
    builder.fill(text._nodes(row.direction, row.name), message)
    return message


class _Builder:
    def __init__(self, row: MessageType, version: int, seed: int, full: bool) -> None:
        self.row, self.version, self.seed, self.full = row, version, seed, full
        self.random = random.Random(seed)
        self.required = set(REQUIRED.get(row.proto or "", ()))

    def maybe(self) -> bool:
        return self.full or {0: False, 1: True}.get(self.seed, self.random.random() < 0.6)

    def size(self) -> int:
        return {0: 0, 1: 3}.get(self.seed, self.random.randrange(4))

    def fill(self, nodes: tuple[grammar.Node, ...], message: Any) -> None:
        seen: set[tuple[str, ...]] = set()
        self._fill(nodes, message, seen)

    def _fill(self, nodes: Any, message: Any, seen: set[tuple[str, ...]]) -> None:
        for node in nodes:
            if self.version not in node.gate:
                continue
            if isinstance(node, grammar.Field):
                if node.path not in seen:
                    seen.add(node.path)
                    self._field(node, message)
            elif isinstance(node, grammar.Each):
                self._each(node, message)
            elif isinstance(node, grammar.Pairs | grammar.Options):
                mapping = _get(message, node.path)
                for number in range(self.size()):
                    mapping[f"key{number}"] = self.random.choice(("", "1", "some value", "x:y,z"))
            elif isinstance(node, grammar.Present):
                if self.maybe():
                    _get(message, node.path).SetInParent()
                    self._fill(node.items, message, seen)
            elif isinstance(node, grammar.When):
                if CONDITIONS[node.condition](message):
                    self._fill(node.items, message, seen)
            elif isinstance(node, grammar.Bits):
                for path in node.paths:
                    setattr(_get(message, path[:-1]), path[-1], self.maybe())
            elif isinstance(node, grammar.Call):
                self._call(node.name, message)

    def _field(self, node: grammar.Field, message: Any) -> None:
        field = find_field(message.DESCRIPTOR, node.path)
        kind = kind_of(field, node.kind, node.unset, self.version)
        may_be_unset = kind.read(kind.unset) is None and ".".join(node.path) not in self.required
        if may_be_unset and not self.maybe():
            return
        value = self.value(field, kind.name, node)
        if node.unset not in {None, "", "max"} and value == float(node.unset or 0):
            value += 1
        setattr(_get(message, node.path[:-1]), node.path[-1], value)

    def _each(self, node: grammar.Each, message: Any) -> None:
        elements = _get(message, node.path)
        field = find_field(message.DESCRIPTOR, node.path)
        for _ in range(self.size()):
            if field.message_type is None:
                elements.append(self.value(field, "text", node))
            else:
                self.fill(node.items, elements.add())

    def _call(self, name: str, message: Any) -> None:
        if name == "leg_prices":
            for leg in message.contract.comboLegs:
                if self.maybe():
                    leg.perLegPrice = self.random.choice(TAME_FLOATS)
        elif name == "fundamentals_options" and self.maybe():
            message.fundamentalsDataOptions["key"] = "value"

    def value(self, field: FieldDescriptor, kind: str, node: Any) -> Any:
        if field.name == "tickType" and self.row.name == "tickByTick":
            return self.random.choice(TICK_BY_TICK_TYPES)
        if field.name in CHOICES:
            return self.random.choice(CHOICES[field.name])
        if field.type == FieldDescriptor.TYPE_INT32:
            return self.random.choice((*INTS, self.random.randrange(-(2**31), 2**31 - 1)))
        if field.type == FieldDescriptor.TYPE_INT64:
            return self.random.choice((*LONGS, self.random.randrange(2**40)))
        if field.type == FieldDescriptor.TYPE_BOOL:
            return self.random.random() < 0.5
        if field.type == FieldDescriptor.TYPE_DOUBLE:
            return self._double(node)
        if kind in {"decimal", "size"}:
            return self.random.choice(OLD_SIZES if self.version < 163 else SIZES)
        if kind == "escaped" or self.random.random() < 0.1:
            return self.random.choice((*TEXTS, *FOREIGN_TEXTS))
        return self.random.choice(TEXTS)

    def _double(self, node: Any) -> float:
        if getattr(node, "kind", None) == "int":
            return float(self.random.choice((0, 1, 10, 250)))
        if self.full:
            return self.random.choice(TAME_FLOATS)
        if self.random.random() < 0.5:
            return self.random.choice(FLOATS)
        bits = self.random.getrandbits(64)
        (number,) = struct.unpack("<d", struct.pack("<Q", bits))
        usable = math.isfinite(number) and number not in {0.0, 1.7976931348623157e308}
        return float(number) if usable else 0.5


def _get(message: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        message = getattr(message, name)
    return message
