"""The gateway's links to IB's data servers, the *farms*: what each is, and whom each serves (pure).

Quotes, history and contract data come from servers of their own, many of each kind, and the gateway
tells how it stands with each: at the start of a session, and whenever that changes (2103 to 2108,
2119, 2120, 2157 to 2160, and the lists in the text of 1102 and 1101). `FarmTable` keeps the newest
word on each.

What the gateway does not tell is which farm serves which request. Names say much: ``usfarm`` has
the quotes of US stocks, ``usfuture`` futures, ``cashfarm`` currencies, ``usopt`` options,
``euhmds`` the history of Europe. `Dependence` reads the names by these rules. Where a kind has
several farms with such a name (``usfarm``, ``usfarm.nj``), every one of them may be the one; where
it has none, every one whose name says nothing; and where nothing is known of the instrument, every
one of its kind. The rest is learned (`Learned`): what is heard while a farm is broken is not of
that farm; what falls silent when one breaks is.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from twsloop.wire.identity import contract_key

__all__ = [
    "FARM_CODES",
    "Dependence",
    "Farm",
    "FarmKind",
    "FarmState",
    "FarmTable",
    "Learned",
    "kind_of",
]


class FarmKind(StrEnum):
    """What a farm serves."""

    MARKET_DATA = "market_data"
    HISTORICAL = "historical"
    SECURITY_DEFINITION = "security_definition"


class FarmState(StrEnum):
    """How the gateway's link to a farm is."""

    UNKNOWN = "unknown"
    """Nothing was said of it in this session."""
    OK = "ok"
    INACTIVE = "inactive"
    """Idle; the next request wakes it."""
    CONNECTING = "connecting"
    """OK, or broken, follows."""
    BROKEN = "broken"


_K, _S = FarmKind, FarmState

#: IB's codes about one farm -> the kind of farm, and how it is now (error_codes.csv).
FARM_CODES: dict[int, tuple[FarmKind, FarmState]] = {
    2103: (_K.MARKET_DATA, _S.BROKEN),
    2104: (_K.MARKET_DATA, _S.OK),
    2105: (_K.HISTORICAL, _S.BROKEN),
    2106: (_K.HISTORICAL, _S.OK),
    2107: (_K.HISTORICAL, _S.INACTIVE),
    2108: (_K.MARKET_DATA, _S.INACTIVE),
    2119: (_K.MARKET_DATA, _S.CONNECTING),
    2120: (_K.HISTORICAL, _S.CONNECTING),
    2157: (_K.SECURITY_DEFINITION, _S.BROKEN),
    2158: (_K.SECURITY_DEFINITION, _S.OK),
    2159: (_K.SECURITY_DEFINITION, _S.INACTIVE),
    2160: (_K.SECURITY_DEFINITION, _S.CONNECTING),
}
#: The gateway has IB's servers again; the text may list its farms.
_BACK = frozenset({1101, 1102})
#: "... farms are connected: usfarm; secdefnj. The ... farms are not connected: ushmds."
_LISTS = re.compile(r"\bfarms are (not )?connected:\s*([^:]*?)(?:\.(?:\s|$)|$)", re.IGNORECASE)
#: A farm's name stands at the end, after a colon, or after the full stop of the idle ones.
_NAME = re.compile(r"[:.]\s*([A-Za-z][\w.\-]*?)\.?\s*$")
#: A name is looked for in so many characters at the end: a text may be of any length.
LONGEST_NAME = 100
#: No gateway has so many farms; a text that invents names shall not fill the memory.
MOST_FARMS = 200


@attrs.frozen(kw_only=True)
class Farm:
    """One farm, as the gateway last told of it.

    Attributes:
        name: As the gateway writes it.
        kind: What it serves.
        state: How the link to it is.
        since: When it was told so, UTC.
        text: The gateway's words.
    """

    name: str
    kind: FarmKind
    state: FarmState
    since: datetime
    text: str


@attrs.frozen(kw_only=True)
class FarmChange:
    """A farm is not what it was.

    Attributes:
        farm: As it is now.
        old: How it was.
    """

    farm: Farm
    old: FarmState


def kind_of(name: str) -> FarmKind:
    """What a farm serves, by its name."""
    lowered = name.lower()
    if "hmds" in lowered:
        return FarmKind.HISTORICAL
    if lowered.startswith("secdef"):
        return FarmKind.SECURITY_DEFINITION
    return FarmKind.MARKET_DATA


class FarmTable:
    """The newest word on each farm of this session."""

    def __init__(self) -> None:
        self._farms: dict[str, Farm] = {}

    def __len__(self) -> int:
        return len(self._farms)

    def __iter__(self) -> Iterator[Farm]:
        return iter(tuple(self._farms.values()))

    def __getitem__(self, name: str) -> Farm:
        """The farm of that name.

        Raises:
            KeyError: Nothing was said of it.
        """
        return self._farms[name]

    def state(self, name: str) -> FarmState:
        """How a farm is; `FarmState.UNKNOWN` where nothing was said of it."""
        farm = self._farms.get(name)
        return FarmState.UNKNOWN if farm is None else farm.state

    def rows(self) -> dict[str, Farm]:
        """The farms by name, in the order they were first told of; a copy."""
        return dict(self._farms)

    def clear(self) -> None:
        """A session ended: the next one tells of all farms anew."""
        self._farms.clear()

    def notice(self, code: int, text: str, now: datetime) -> tuple[FarmChange, ...]:
        """Take a notice of the gateway.

        Args:
            code: IB's number.
            text: Its words.
            now: The time, UTC.

        Returns:
            What changed by it; nothing for a notice that is not about farms.
        """
        if code in _BACK:
            changes = [
                self._set(name, kind_of(name), state, text=text, now=now)
                for name, state in _listed(text)
            ]
            return tuple(change for change in changes if change is not None)
        known = FARM_CODES.get(code)
        named = _NAME.search(text[-LONGEST_NAME:])
        if known is None or named is None:
            return ()
        change = self._set(named[1], *known, text=text, now=now)
        return () if change is None else (change,)

    def of(self, kind: FarmKind) -> tuple[Farm, ...]:
        """All farms of a kind."""
        return tuple(farm for farm in self._farms.values() if farm.kind is kind)

    def _set(
        self, name: str, kind: FarmKind, state: FarmState, *, text: str, now: datetime
    ) -> FarmChange | None:
        before = self._farms.get(name)
        if before is None and len(self._farms) >= MOST_FARMS:
            return None
        old = FarmState.UNKNOWN if before is None else before.state
        if old is state:
            return None
        farm = Farm(name=name, kind=kind, state=state, since=now, text=text)
        self._farms[name] = farm
        return FarmChange(farm=farm, old=old)


def _listed(text: str) -> Iterator[tuple[str, FarmState]]:
    """The farms that a text lists, each with how it is."""
    for missing, names in _LISTS.findall(text):
        state = FarmState.BROKEN if missing else FarmState.OK
        for name in re.split(r"[;,]", names):
            if name.strip():
                yield name.strip(), state


# ---- whom a farm serves --------------------------------------------------------------------------


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_US_DERIVATIVES = _names("CME CBOT NYMEX COMEX GLOBEX ECBOT CFE CFECRYPTO NYBOT SMFE CBOE CBOE2")
_EUROPE = _names(
    "AEB BM BVME BVME.ETF CPH DTB EBS ENEXT.BE EUREX EUREXUK FTA FWB FWB2 GETTEX HEX IBIS IBIS2 "
    "ICEEU ICEEUSOFT IDEM LSE LSEETF LSEIOB1 MATIF MEFFRV MONEP OMS OMXNO OSE SBF SFB SWB SWB2 "
    "TGATE TRADEGATE VIRTX VSE WSE"
)
_HONG_KONG = _names("HKFE SEHK SEHKNTL SEHKSZSE")
_JAPAN = _names("CHIXJ JPNNEXT OSE.JPN TSEJ")

_OF_CURRENCY = {
    **dict.fromkeys(("USD", "MXN"), "us"),
    **dict.fromkeys(
        ("EUR", "GBP", "CHF", "SEK", "NOK", "DKK", "PLN", "HUF", "CZK", "TRY", "ZAR"), "eu"
    ),
    **dict.fromkeys(("HKD", "CNH", "CNY"), "hk"),
    "JPY": "jp",
    "CAD": "ca",
}
#: Region -> how the names of its farms for quotes begin, by what is quoted; "" for all else. The
#: first beginning that any farm has counts.
_QUOTES: dict[str, dict[str, tuple[str, ...]]] = {
    "us": {
        "FUT": ("usfuture", "us"),
        "CONTFUT": ("usfuture", "us"),
        "FOP": ("usfuture", "usopt", "us"),
        "OPT": ("usopt", "usfarm", "us"),
        "BOND": ("usbond", "usfarm", "us"),
        "BILL": ("usbond", "usfarm", "us"),
        "": ("usfarm", "us"),
    },
    "eu": {"": ("eufarm", "eu")},
    "hk": {"": ("hfarm", "hkfarm", "hk")},
    "jp": {"": ("jfarm", "jpfarm", "jp")},
    "ca": {"": ("cafarm", "usfarm")},
}
#: Region -> how the names of its farms for history begin; the first that any farm has counts.
_HISTORY: dict[str, tuple[str, ...]] = {
    "us": ("ushmds",),
    "eu": ("euhmds",),
    "hk": ("hkhmds", "apachmds"),
    "jp": ("jphmds", "apachmds", "hkhmds"),
    "ca": ("cahmds", "ushmds"),
}
_CASH = frozenset({"CASH", "CMDTY"})
_OF_CASH = {
    FarmKind.MARKET_DATA: ("cashfarm",),
    FarmKind.HISTORICAL: ("cashhmds", "ushmds"),
}
#: A farm whose name begins so serves what the name says, and nothing else.
_TELLING = tuple(
    {
        *(name for of in _QUOTES.values() for names in of.values() for name in names),
        *(name for names in (*_HISTORY.values(), *_OF_CASH.values()) for name in names),
    }
)


def _read_region(contract: Any) -> str:
    """Where a contract is at home; empty where that cannot be told."""
    for exchange in (contract.exchange, contract.primaryExchange):
        name = (exchange or "").upper()
        if name in _EUROPE:
            return "eu"
        if name in _US_DERIVATIVES:
            return "us"
        if name in _HONG_KONG:
            return "hk"
        if name in _JAPAN:
            return "jp"
    return _OF_CURRENCY.get((contract.currency or "").upper(), "")


@attrs.frozen
class Dependence:
    """Of what kind of farm a subscription is, and how the names of those that may serve it begin.

    Attributes:
        kind: What kind of farm serves it.
        instrument: What is asked for, as `contract_key` says it.
        names: How the names of the farms begin that may serve it, the likeliest first; empty
            where nothing is known.
    """

    kind: FarmKind
    instrument: Hashable
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, contract: Any, kind: FarmKind = FarmKind.MARKET_DATA) -> Dependence:
        """What quotes, or the history, of a contract depend on.

        Args:
            contract: An ibapi Contract.
            kind: What is asked of it.
        """
        region, what = _read_region(contract), contract.secType or ""
        names: tuple[str, ...] = ()
        if what in _CASH:
            names = _OF_CASH.get(kind, ())
        elif what in {"BAG", "CRYPTO"} or not region:
            names = ()  # of several, or of one whose name says nothing
        elif kind is FarmKind.MARKET_DATA:
            names = _QUOTES[region].get(what) or _QUOTES[region][""]
        elif kind is FarmKind.HISTORICAL:
            names = _HISTORY[region]
        return cls(kind, contract_key(contract), names)

    def candidates(self, farms: Iterable[Farm]) -> frozenset[str]:
        """The farms that may serve it, by name: see the module's docstring.

        Args:
            farms: All that the gateway has told of.
        """
        kind = {farm.name for farm in farms if farm.kind is self.kind}
        for beginning in self.names:
            named = {name for name in kind if name.lower().startswith(beginning)}
            if named:
                return frozenset(named)
        strange = {name for name in kind if not name.lower().startswith(_TELLING)}
        return frozenset(strange if self.names else kind)


#: So much is remembered; the oldest goes first.
KEPT = 10_000


class Learned:
    """What was seen of which farm serves which instrument; it outlives the sessions."""

    def __init__(self) -> None:
        self._serves: dict[tuple[Hashable, str], bool] = {}

    def __len__(self) -> int:
        return len(self._serves)

    def note(self, what: Dependence, farm: str, *, serves: bool) -> None:
        """Something was seen that shows whether a farm serves this."""
        key = (what.kind, what.instrument), farm
        self._serves.pop(key, None)
        self._serves[key] = serves
        if len(self._serves) > KEPT:
            del self._serves[next(iter(self._serves))]

    def serves(self, what: Dependence, farm: str, table: FarmTable) -> bool:
        """Whether a farm serves it, as far as rules and experience tell."""
        seen = self._serves.get(((what.kind, what.instrument), farm))
        return farm in what.candidates(table) if seen is None else seen

    def broken(self, what: Dependence, table: FarmTable) -> Farm | None:
        """The broken farm that serves it, if there is one."""
        for farm in table.of(what.kind):
            if farm.state is FarmState.BROKEN and self.serves(what, farm.name, table):
                return farm
        return None
