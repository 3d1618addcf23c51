"""The generic tick list of reqMktData: how a gateway reads it, and the 321 of one that is wrong.

Pure. The rules are those of Gateway 10.40: a list is valid as a whole or not at all; ``mdoff`` is
no tick but turns the default ones off; ``292:BRFG+DJNL`` is a tick with a parameter; some ids are
other names of others (221 of 232). 104, 576 and 578 are taken although the text of the 321 does
not list them, as older gateways did; 787 (odd lot quotes) from server version 225 on.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["NEWS", "GenericTicks", "legal_ones", "read", "refusal"]

#: Headlines as they come.
NEWS = 292

_DIVIDENDS = frozenset({"STK", "CFD", "OPT", "FOP", "FUT", "IND", "SLB"})
_INDEX = frozenset({"IND"})
_SHORT_TERM = frozenset(
    {
        *("STK", "CFD", "OPT", "FOP", "WAR", "FUT", "FWD", "BOND", "BILL", "SLB", "IOPT"),
        "CRYPTO",
    }
)
#: What the text lists, in its order: the code, its other name, its description, where it is legal.
_LISTED: tuple[tuple[int, int, str, frozenset[str] | None], ...] = (
    (100, 0, "Option Volume", None),
    (101, 0, "Option Open Interest", None),
    (105, 0, "Average Opt Volume", None),
    (106, 0, "impvolat", None),
    (162, 0, "Index Future Premium", _INDEX),
    (165, 0, "Misc. Stats", None),
    (221, 220, "Creditman Mark Price", None),
    (225, 0, "Auction", None),
    (232, 221, "Pl Price", None),
    (233, 0, "RTVolume", None),
    (236, 0, "inventory", None),
    (258, 47, "Fundamentals", None),
    (NEWS, 0, "Wide_news", None),
    (293, 0, "TradeCount", None),
    (294, 0, "TradeRate", None),
    (295, 0, "VolumeRate", None),
    (318, 0, "LastRTHTrade", None),
    (375, 0, "RTTrdVolume", None),
    (411, 0, "rthistvol", None),
    (456, 59, "IBDividends", _DIVIDENDS),
    (460, 0, "Bond Factor Multiplier", None),
    (577, 0, "EtfNavLast(navlast)", None),
    (586, 0, "IPOHLMPRC", None),
    (587, 0, "Pl Price Delayed", None),
    (588, 0, "Futures Open Interest", None),
    (595, 0, "Short-Term Volume X Mins", _SHORT_TERM),
    (614, 0, "EtfNavMisc(high/low)", None),
    (619, 0, "Creditman Slow Mark Price", None),
    (623, 0, "EtfFrozenNavLast(fznavlast)", None),
)
_LEGAL: Mapping[int, frozenset[str] | None] = MappingProxyType(
    {code: where for code, _, _, where in _LISTED} | {512: None, 576: None, 578: None}
)
#: Ids that are other names; an id that is both means the other one.
_NAMES: Mapping[int, int] = MappingProxyType(
    {other: code for code, other, _, _ in _LISTED if other} | {104: 512}
)
ODD_LOTS, ODD_LOTS_SINCE = 787, 225
NO_DEFAULTS = "mdoff"


@attrs.frozen
class GenericTicks:
    """A valid list.

    Attributes:
        codes: The codes, in the order of the list, each once.
        parameters: What followed ``id:``, by code.
        defaults: Whether the default ticks are sent, too.
    """

    codes: tuple[int, ...]
    parameters: Mapping[int, str]
    defaults: bool


def read(text: str, sec_type: str, server_version: int) -> GenericTicks | None:
    """Read a list; None: it is not valid for this security type.

    Args:
        text: As the client sent it; not empty.
        sec_type: The instrument's.
        server_version: The client's.
    """
    parameters: dict[int, str] = {}
    codes: dict[int, None] = {}
    defaults = True
    for token in (part.strip() for part in text.split(",") if part):
        if token.lower() == NO_DEFAULTS:
            defaults = False
            continue
        ident, colon, rest = token.partition(":")
        parameter = rest.split(":")[0]
        if colon and not parameter:
            return None
        code = _code(ident, sec_type, server_version)
        if code is None:
            return None
        codes[code] = None
        parameters.pop(code, None)
        if parameter:
            parameters[code] = parameter
    return GenericTicks(tuple(codes), MappingProxyType(parameters), defaults) if codes else None


def _code(ident: str, sec_type: str, server_version: int) -> int | None:
    digits = ident.removeprefix("+")
    if not (digits.isascii() and digits.isdecimal()):
        return None
    number = int(digits) if len(digits) < 10 else 0
    if number == ODD_LOTS:
        return ODD_LOTS if server_version >= ODD_LOTS_SINCE else None
    code = _NAMES.get(number, number)
    if code == 512 and number != 104:
        return None
    if code not in _LEGAL:
        return None
    where = _LEGAL[code]
    return code if where is None or sec_type in where else None


def legal_ones(sec_type: str) -> str:
    """What may be asked for an instrument of this type, in the words of the 321."""
    return ",".join(
        f"{code}/{other}({name})" if other else f"{code}({name})"
        for code, other, name, where in _LISTED
        if where is None or sec_type in where
    )


def refusal(text: str, sec_type: str) -> str:
    """The cause of the 321 of a list that is not valid."""
    return (
        f"Incorrect generic tick list of {text}.  "
        f"Legal ones for ({sec_type}) are: {legal_ones(sec_type)}"
    )
