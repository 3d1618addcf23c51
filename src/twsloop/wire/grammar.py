"""The little language of the layouts: one line says how a message is written, and read.

A line lists, in wire order, the fields of one message as paths into its protobuf form::

    "=6 reqId tickType price size:size attrMask@109.."

======================== =====================================================================
``path``                 one field; its type follows from the protobuf field
``path:type``            written as another type, see `kinds`
``path?`` ``path?max``   how it is spelled when unset, see `kinds`
``=text``                a constant of the protocol (a version, an obsolete field); skipped when
                         read, so it may hold anything
``@from..to``            after a field, or in front of a group ``@from..to( ... )``: only at
                         these server versions, both included; either end may be missing
``path.( ... )``         a group of fields under this path
``each(path: ...)``      a count, then the items for each element; ``.`` is the element itself
``pairs(path)``          a count, then key and value of each entry of a map
``options(path)``        a map as one field: ``key=value;key=value;``
``present(path: ...)``   ``1`` and the items if the sub-message is there, else ``0``
``when(name: ...)``      the items only under this condition, see `conditions`; it may look only
                         at fields that stand before it
``bits(path path)``      flags in one integer: the first is 1, the second 2, the third 4
``call(name)``           what no line can say; see `text`
``// words``             a comment, to the end of the line
======================== =====================================================================

This module only reads lines; `text` makes them run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

__all__ = [
    "Bits",
    "Call",
    "Constant",
    "Each",
    "Field",
    "Gate",
    "Node",
    "Options",
    "Pairs",
    "Present",
    "When",
    "read_line",
]

Path = tuple[str, ...]


@attrs.frozen
class Gate:
    """A range of server versions, both ends included."""

    low: int = 0
    high: int = 9999

    def __contains__(self, server_version: int) -> bool:
        return self.low <= server_version <= self.high

    def narrowed(self, other: Gate) -> Gate:
        """The versions that are in both."""
        return Gate(max(self.low, other.low), min(self.high, other.high))


@attrs.frozen
class Field:
    """One field; an empty path is the element of the enclosing ``each`` itself."""

    path: Path
    kind: str | None
    unset: str | None
    gate: Gate


@attrs.frozen
class Constant:
    """A text that is always the same."""

    text: str
    gate: Gate


@attrs.frozen
class Each:
    """A count and that many groups."""

    path: Path
    items: tuple[Node, ...]
    gate: Gate


@attrs.frozen
class Pairs:
    """A count and that many keys and values."""

    path: Path
    gate: Gate


@attrs.frozen
class Options:
    """A map in one field."""

    path: Path
    gate: Gate


@attrs.frozen
class Present:
    """A flag, and a group under it."""

    path: Path
    items: tuple[Node, ...]
    gate: Gate


@attrs.frozen
class When:
    """A group under a named condition."""

    condition: str
    items: tuple[Node, ...]
    gate: Gate


@attrs.frozen
class Bits:
    """Several flags in one integer."""

    paths: tuple[Path, ...]
    gate: Gate


@attrs.frozen
class Call:
    """Two functions of Python."""

    name: str
    gate: Gate


Node = Field | Constant | Each | Pairs | Options | Present | When | Bits | Call

_COMMENT = re.compile(r"//.*")
_TOKEN = re.compile(r"[^\s()]*\(|\)|[^\s()]+")
_FIELD = re.compile(
    r"(?P<path>\.|\w+(?:\.\w+)*)(?::(?P<kind>\w+))?(?P<unset>\?[-\w.]*)?(?:@(?P<gate>[\d.]+))?"
)
_GATE = re.compile(r"(\d*)\.\.(\d*)")


def read_line(line: str) -> tuple[Node, ...]:
    """Read a layout.

    Raises:
        ValueError: It is not one; the text says where.
    """
    tokens = iter(_TOKEN.findall(_COMMENT.sub("", line)))
    nodes = _items(tokens, (), Gate(), closing=False)
    return tuple(nodes)


def _items(tokens: Iterator[str], prefix: Path, gate: Gate, *, closing: bool) -> list[Node]:
    nodes: list[Node] = []
    for item in tokens:
        if item == ")":
            if not closing:
                raise ValueError("a layout has a ')' too many")
            return nodes
        if item.endswith("("):
            nodes += _group(item[:-1], tokens, prefix, gate)
        elif item.startswith("="):
            text, _, limits = item[1:].partition("@")
            nodes.append(Constant(text, _gate(limits, gate)))
        else:
            nodes.append(_field(item, prefix, gate))
    if closing:
        raise ValueError("a layout lacks a ')'")
    return nodes


def _group(word: str, tokens: Iterator[str], prefix: Path, gate: Gate) -> list[Node]:
    """Read one bracketed group; its first token is already taken."""
    if word.startswith("@"):
        return _items(tokens, prefix, _gate(word[1:], gate), closing=True)
    if word.endswith("."):
        inner = (*prefix, *word[:-1].split("."))
        return _items(tokens, inner, gate, closing=True)
    if word == "bits":
        fields = _items(tokens, prefix, gate, closing=True)
        return [Bits(tuple(node.path for node in fields if isinstance(node, Field)), gate)]
    head = next(tokens)
    if word in {"pairs", "options", "call"}:
        if next(tokens) != ")":
            raise ValueError(f"{word}({head} ...) takes one name")
        if word == "call":
            return [Call(head, gate)]
        path = (*prefix, *head.split("."))
        return [Pairs(path, gate) if word == "pairs" else Options(path, gate)]
    if not head.endswith(":"):
        raise ValueError(f"{word}({head}: a colon is missing")
    name = head[:-1]
    path = (*prefix, *name.split("."))
    if word == "when":
        return [When(name, tuple(_items(tokens, prefix, gate, closing=True)), gate)]
    if word == "each":
        return [Each(path, tuple(_items(tokens, (), gate, closing=True)), gate)]
    if word == "present":
        return [Present(path, tuple(_items(tokens, path, gate, closing=True)), gate)]
    raise ValueError(f"a layout has no group {word!r}")


def _field(token: str, prefix: Path, gate: Gate) -> Field:
    match = _FIELD.fullmatch(token)
    if match is None:
        raise ValueError(f"a layout has no field {token!r}")
    path = () if match["path"] == "." else (*prefix, *match["path"].split("."))
    unset = None if match["unset"] is None else match["unset"][1:]
    return Field(path, match["kind"], unset, _gate(match["gate"] or "", gate))


def _gate(limits: str, outer: Gate) -> Gate:
    if not limits:
        return outer
    match = _GATE.fullmatch(limits)
    if match is None:
        raise ValueError(f"a layout has no versions {limits!r}")
    return outer.narrowed(Gate(int(match[1] or 0), int(match[2] or 9999)))
