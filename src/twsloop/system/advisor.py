"""What an advisor sets: groups of accounts, and aliases; IB's XML as rows and back (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import IntEnum
from xml.etree import ElementTree as ET

import attrs

from twsloop.wire.documents import read_document
from twsloop.wire.values import decimal_or_none

__all__ = ["FaData", "FaGroup", "FaMember", "read_aliases", "read_fa_groups", "write_fa_groups"]

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'


class FaData(IntEnum):
    """IB's kinds of an advisor's data; profiles (2) are gone."""

    GROUPS = 1
    ALIASES = 3


@attrs.frozen
class FaMember:
    """An account of a group.

    Attributes:
        account: The account.
        amount: Its part, in the unit of the group's method; None where that needs none.
    """

    account: str
    amount: Decimal | None = None


@attrs.frozen
class FaGroup:
    """Accounts among which orders are shared out.

    Attributes:
        name: What orders call it (``Order.faGroup``).
        method: How it shares (``Equal``, ``NetLiq``, ``Percent``...).
        members: Its accounts.
    """

    name: str
    method: str
    members: tuple[FaMember, ...]

    @property
    def accounts(self) -> tuple[str, ...]:
        """The names of its accounts."""
        return tuple(one.account for one in self.members)


def read_fa_groups(xml: str) -> list[FaGroup]:
    """The groups of IB's document, of today's form (``Account``) or the older one (``String``).

    Raises:
        ValueError: It is no such document.
    """
    groups = []
    for node in read_document(xml, "the advisor's data").iterfind("./Group"):
        members = [
            FaMember(_text(one, "acct"), decimal_or_none(_text(one, "amount")))
            for one in node.iterfind("./ListOfAccts/Account")
        ]
        members += [
            FaMember((one.text or "").strip()) for one in node.iterfind("./ListOfAccts/String")
        ]
        groups.append(FaGroup(_text(node, "name"), _text(node, "defaultMethod"), tuple(members)))
    return groups


def write_fa_groups(groups: Iterable[FaGroup]) -> str:
    """IB's document of groups.

    Raises:
        ValueError: A group without a name or accounts, or two of one name.
    """
    root = ET.Element("ListOfGroups")
    names: set[str] = set()
    for group in groups:
        if not group.name or not group.members:
            msg = f"the group {group.name!r} needs a name and at least one account"
            raise ValueError(msg)
        if group.name in names:
            msg = f"there are two groups {group.name!r}"
            raise ValueError(msg)
        names.add(group.name)
        node = ET.SubElement(root, "Group")
        ET.SubElement(node, "name").text = group.name
        ET.SubElement(node, "defaultMethod").text = group.method
        accounts = ET.SubElement(node, "ListOfAccts", varName="list")
        for member in group.members:
            account = ET.SubElement(accounts, "Account")
            ET.SubElement(account, "acct").text = member.account
            if member.amount is not None:
                ET.SubElement(account, "amount").text = f"{member.amount:f}"
    return f"{_HEAD}{ET.tostring(root, encoding='unicode')}"


def read_aliases(xml: str) -> Mapping[str, str]:
    """Account -> what the advisor calls it.

    Raises:
        ValueError: It is no such document.
    """
    nodes = read_document(xml, "the advisor's data").iterfind("./AccountAlias")
    return {_text(node, "account"): _text(node, "alias") for node in nodes}


def _text(node: ET.Element, name: str) -> str:
    return (node.findtext(name) or "").strip()
