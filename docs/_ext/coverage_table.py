"""The page of what serves each request and callback of IB's client, and which test proves it.

``coverage.txt`` beside this file has a line for each: the names of IB's, what serves them, and the
test. The page is complete or not made: every public method of the installed EClient and EWrapper
has to stand there once, every method of ours that is named has to be there, and every test.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from twsloop.connection.core import Shown
from twsloop.gateway import IBGateway

__all__ = ["Row", "coverage_table", "problems", "read_rows", "twin_of"]

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LINES = HERE / "coverage.txt"

TWIN = "ProtoBuf"
#: Twins that are not called like the classic one. (None: there is no classic one.)
ODD_TWINS: dict[str, str | None] = {
    "cancelFundamentalsDataProtoBuf": "cancelFundamentalData",
    "cancelHeadTimestampProtoBuf": "cancelHeadTimeStamp",
    "cancelMarketDataProtoBuf": "cancelMktData",
    "cancelMarketDepthProtoBuf": "cancelMktDepth",
    "cancelTickByTickProtoBuf": "cancelTickByTickData",
    "reqContractDataProtoBuf": "reqContractDetails",
    "reqFAProtoBuf": "requestFA",
    "reqFundamentalsDataProtoBuf": "reqFundamentalData",
    "reqHeadTimestampProtoBuf": "reqHeadTimeStamp",
    "reqMarketDataProtoBuf": "reqMktData",
    "reqMarketDepthExchangesProtoBuf": "reqMktDepthExchanges",
    "reqMarketDepthProtoBuf": "reqMktDepth",
    "reqConfigProtoBuf": None,
    "updateConfigProtoBuf": None,
    "useProtoBuf": None,
    "accountDataEndProtoBuf": "accountDownloadEnd",
    "bondContractDataProtoBuf": "bondContractDetails",
    "configResponseProtoBuf": None,
    "contractDataEndProtoBuf": "contractDetailsEnd",
    "contractDataProtoBuf": "contractDetails",
    "executionDetailsEndProtoBuf": "execDetailsEnd",
    "executionDetailsProtoBuf": "execDetails",
    "fundamentalsDataProtoBuf": "fundamentalData",
    "marketDepthExchangesProtoBuf": "mktDepthExchanges",
    "openOrdersEndProtoBuf": "openOrderEnd",
    "realTimeBarTickProtoBuf": "realtimeBar",
    "rerouteMarketDataRequestProtoBuf": "rerouteMktDataReq",
    "rerouteMarketDepthRequestProtoBuf": "rerouteMktDepthReq",
    "secDefOptParameterEndProtoBuf": "securityDefinitionOptionParameterEnd",
    "secDefOptParameterProtoBuf": "securityDefinitionOptionParameter",
    "tickByTickDataProtoBuf": "tickByTickAllLast",
    "updateConfigResponseProtoBuf": None,
    "updateMarketDataTypeProtoBuf": "marketDataType",
    "updateMarketDepthL2ProtoBuf": "updateMktDepthL2",
    "updateMarketDepthProtoBuf": "updateMktDepth",
    "verifyMessageApiProtoBuf": "verifyMessageAPI",
}

_OURS = re.compile(r"\bgw(?:\.\w+)+")
_TEST = re.compile(r"(?P<path>tests/[\w/]+\.py)::(?P<name>test_\w+)")


class Row(NamedTuple):
    """One request or callback of IB's.

    Attributes:
        name: IB's name.
        served: What serves it, in words; methods of ours begin with ``gw.``.
        test: The test that proves it.
    """

    name: str
    served: str
    test: str


def coverage_table(kind: type) -> str:
    """The table of one of IB's two classes.

    Raises:
        ValueError: A name is missing, or what is said of it is not so.
    """
    rows = {row.name: row for row in read_rows()}
    wrong = problems(list(rows.values()))
    if wrong:
        msg = "the table of coverage is not complete:\n" + "\n".join(wrong)
        raise ValueError(msg)
    lines = ["| IB's name | protobuf twin | served by | proved by |", "|---|---|---|---|"]
    for name in _names(kind):
        row = rows[name]
        served = _OURS.sub(lambda found: f"`{found[0]}`", row.served)
        twin = twin_of(kind, name)
        cells = (f"`{name}`", f"`{twin}`" if twin else "none", served, f"`{row.test}`")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def read_rows(text: str | None = None) -> list[Row]:
    """The lines of the table; a line with several names makes a row of each.

    Raises:
        ValueError: A line has not three parts.
    """
    rows = []
    for number, line in enumerate((text or LINES.read_text(encoding="utf-8")).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = [part.strip() for part in line.split("|")]
        if len(parts) != 3 or not all(parts):
            msg = f"line {number} has not three parts (names | served by | test): {line}"
            raise ValueError(msg)
        names, served, test = parts
        rows += [Row(name.strip(), served, test) for name in names.split(",")]
    return rows


def problems(rows: list[Row]) -> list[str]:
    """What is wrong with the table, in words; nothing if it is complete and true."""
    found = []
    wanted = [*_names(EClient), *_names(EWrapper)]
    told = [row.name for row in rows]
    found += [f"{name}: no row" for name in wanted if name not in told]
    found += [f"{name}: IB has no such name" for name in set(told) - set(wanted)]
    found += [f"{name}: more than one row" for name in set(told) if told.count(name) > 1]
    for row in rows:
        found += [f"{row.name}: {path} is not there" for path in _missing(row.served)]
        test = _TEST.fullmatch(row.test)
        if test is None:
            found.append(f"{row.name}: {row.test!r} names no test")
        elif not _has_test(test["path"], test["name"]):
            found.append(f"{row.name}: there is no {row.test}")
    return found


def twin_of(kind: type, name: str) -> str | None:
    """The protobuf form of a request or callback; None if there is none."""
    odd = [twin for twin, classic in ODD_TWINS.items() if classic == name and hasattr(kind, twin)]
    if odd:
        return odd[0]
    return f"{name}{TWIN}" if hasattr(kind, f"{name}{TWIN}") else None


def _names(kind: type) -> Iterator[str]:
    """All of a class's public methods, each with its protobuf twin as one."""
    for name, _ in inspect.getmembers(kind, inspect.isfunction):
        if name.startswith("_"):
            continue
        if name.endswith(TWIN):
            if ODD_TWINS.get(name, "") is None:
                yield name
            elif not hasattr(kind, ODD_TWINS.get(name) or name.removesuffix(TWIN)):
                yield name  # a twin that nobody knows: it has to be told
        else:
            yield name


def _missing(served: str) -> Iterator[str]:
    """The methods that are named, and are not there."""
    for path in _OURS.findall(served):
        owner: Any = IBGateway
        *spaces, name = path.split(".")[1:]
        for space in spaces:
            member = inspect.getattr_static(owner, space, None)
            shown = isinstance(member, Shown)
            # What a namespace is stands in the annotation of the function behind it.
            owner = get_type_hints(member._read)["return"] if shown else object  # noqa: SLF001
        if not hasattr(owner, name):
            yield path


def _has_test(path: str, name: str) -> bool:
    file = ROOT / path
    return (
        file.exists()
        and re.search(
            rf"^\s*(?:async )?def {name}\(", file.read_text(encoding="utf-8"), re.MULTILINE
        )
        is not None
    )
