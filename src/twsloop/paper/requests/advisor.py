"""Advisor accounts: requestFA, replaceFA.

A gateway is an advisor's when one of its accounts is called so (``F1234567``, on paper
``DF1234567``); any other gets 321. An advisor has groups (data type 1), which can be replaced, and
aliases (3), which cannot: each account is called by its number. Profiles (2) are gone: 585. The
groups are kept and told; orders are not shared out by them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any
from xml.etree import ElementTree as ET

import attrs
from ibapi.protobuf.ReceiveFA_pb2 import ReceiveFA
from ibapi.protobuf.ReplaceFAEnd_pb2 import ReplaceFAEnd

from twsloop.paper.clients.client import Client
from twsloop.paper.clients.hub import Hub
from twsloop.wire.messages import INBOUND_BY_NAME

from .handling import Handler, desk, ident_of, validating

__all__ = ["HANDLERS", "AdvisorDesk", "members"]

GROUPS, PROFILES, ALIASES = 1, 2, 3
ADVISOR = re.compile(r"D?F\d+")
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NOT_ADVISOR = "FA data operations ignored for non FA customers"
NO_PROFILES = "FA Profile is not supported anymore, use FA Group instead"
WRONG_ACCOUNTS = "The following Groups and/or Profiles contain invalid accounts: {names}"
#: The elements that hold an account: of a group today, and of older clients.
ACCOUNTS = ("./Group/ListOfAccts/Account/acct", "./Group/ListOfAccts/String")


@attrs.define
class AdvisorDesk:
    """What an advisor has set.

    Attributes:
        groups: The groups as XML; None before the first replaceFA.
    """

    groups: str | None = None


def _document(root: ET.Element) -> str:
    ET.indent(root)
    return f"{HEAD}{ET.tostring(root, encoding='unicode')}\n"


def _all_accounts(hub: Hub) -> str:
    """The group that there is before an advisor makes others: everybody."""
    root = ET.Element("ListOfGroups")
    group = ET.SubElement(root, "Group")
    ET.SubElement(group, "name").text = "All"
    ET.SubElement(group, "defaultMethod").text = "Equal"
    accounts = ET.SubElement(group, "ListOfAccts", varName="list")
    for name in _clients_of(hub):
        ET.SubElement(ET.SubElement(accounts, "Account"), "acct").text = name
    return _document(root)


def _clients_of(hub: Hub) -> list[str]:
    return [name for name in hub.accounts if not ADVISOR.fullmatch(name)]


def _aliases(hub: Hub) -> str:
    root = ET.Element("ListOfAccountAliases")
    for name in hub.accounts:
        alias = ET.SubElement(root, "AccountAlias")
        ET.SubElement(alias, "account").text = name
        ET.SubElement(alias, "alias").text = name
    return _document(root)


def _refused(hub: Hub, client: Client, request: Any, known: tuple[int, ...]) -> bool:
    ident = ident_of(request)
    if not any(map(ADVISOR.fullmatch, hub.accounts)):
        validating(hub, client, ident, "bN", NOT_ADVISOR)
    elif request.faDataType == PROFILES:
        hub.error(client, ident, 585, NO_PROFILES)
    elif request.faDataType not in known:
        validating(hub, client, ident, "bN", f"Invalid FA data type: {request.faDataType}")
    else:
        return False
    return True


def request_fa(hub: Hub, client: Client, request: Any) -> None:
    """An advisor's groups or aliases as XML; 321 for all others."""
    if _refused(hub, client, request, (GROUPS, ALIASES)):
        return
    if request.faDataType == ALIASES:
        xml = _aliases(hub)
    else:
        xml = desk(hub, AdvisorDesk).groups or _all_accounts(hub)
    client.send("receiveFA", ReceiveFA(faDataType=request.faDataType, xml=xml))


def replace_fa(hub: Hub, client: Client, request: Any) -> None:
    """Replace an advisor's groups; 10231 names accounts that there are not."""
    if _refused(hub, client, request, (GROUPS,)):
        return
    ident = ident_of(request)
    root = _read(request.xml)
    if root is None or root.tag != "ListOfGroups":
        validating(hub, client, ident, "bN", "The FA groups cannot be read")
        return
    named = [(one.text or "").strip() for path in ACCOUNTS for one in root.iterfind(path)]
    wrong = sorted(set(named) - set(_clients_of(hub)))
    if wrong:
        hub.error(client, ident, 10231, WRONG_ACCOUNTS.format(names=", ".join(wrong)))
        return
    desk(hub, AdvisorDesk).groups = request.xml
    if client.server_version >= INBOUND_BY_NAME["replaceFAEnd"].since:
        client.send("replaceFAEnd", ReplaceFAEnd(reqId=ident, text="success"))


def members(hub: Hub, group: str) -> tuple[str, ...]:
    """The accounts of an advisor's group; none if there is no such group."""
    root = _read(desk(hub, AdvisorDesk).groups or "")
    for one in () if root is None else root.iterfind("Group"):
        if (one.findtext("name") or "").strip() == group:
            paths = (path.removeprefix("./Group") for path in ACCOUNTS)
            named = [leaf.text or "" for path in paths for leaf in one.iterfind(f".{path}")]
            return tuple(name.strip() for name in named)
    return ()


def _read(xml: str) -> ET.Element | None:
    """The document's root; None of what is none, or declares entities that could grow."""
    if "<!" in xml:
        return None
    try:
        return ET.fromstring(xml)  # noqa: S314 - without declarations nothing can grow
    except (ET.ParseError, ValueError):
        return None


HANDLERS: Mapping[int, Handler] = MappingProxyType({18: request_fa, 19: replace_fa})
