"""The data farms that a gateway hangs on: which there are, how each is, and what each serves.

A gateway gets its data from servers that IB calls farms, each for some markets: a **market data**
farm tells quotes and trades, an **HMDS** farm historical data, a **sec-def** farm contract data.
How a farm is, is told in notices with its name at the end (reference ``error_texts_observed.csv``):

========== ========= ========== ====== ============
kind       connected broken     idle   connecting
========== ========= ========== ====== ============
market     2104      2103       2108   2119
HMDS       2106      2105       2107   2120
sec-def    2158      2157       2159   2160
========== ========= ========== ====== ============

What a farm serves follows from the kind of instrument and its currency, as the farms' own names
say: ``usfarm``, ``usfuture``, ``usopt``, ``cashfarm``, ``eufarm``, ``hfarm``, ``jfarm``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs

from twsloop.paper.catalogue.instruments import Instrument

__all__ = ["FARMS", "FarmKind", "FarmState", "Farms", "history_farm", "kind_of", "market_farm"]


class FarmKind(enum.Enum):
    """What a farm serves; in the order in which a gateway tells them."""

    MARKET = "market data"
    HISTORY = "HMDS"
    CONTRACTS = "sec-def"


class FarmState(enum.Enum):
    """How a farm is."""

    OK = "connected"
    BROKEN = "broken"
    IDLE = "idle"
    CONNECTING = "connecting"


_NOTICES: Mapping[tuple[FarmKind, FarmState], tuple[int, str]] = MappingProxyType(
    {
        (FarmKind.MARKET, FarmState.OK): (2104, "Market data farm connection is OK:"),
        (FarmKind.MARKET, FarmState.BROKEN): (2103, "Market data farm connection is broken:"),
        # A full stop, and no colon.
        (FarmKind.MARKET, FarmState.IDLE): (
            2108,
            "Market data farm connection is inactive but should be available upon demand.",
        ),
        (FarmKind.MARKET, FarmState.CONNECTING): (2119, "Market data farm is connecting:"),
        (FarmKind.HISTORY, FarmState.OK): (2106, "HMDS data farm connection is OK:"),
        (FarmKind.HISTORY, FarmState.BROKEN): (2105, "HMDS data farm connection is broken:"),
        (FarmKind.HISTORY, FarmState.IDLE): (
            2107,
            "HMDS data farm connection is inactive but should be available upon demand.",
        ),
        (FarmKind.HISTORY, FarmState.CONNECTING): (2120, "HMDS data farm is connecting:"),
        (FarmKind.CONTRACTS, FarmState.OK): (2158, "Sec-def data farm connection is OK:"),
        (FarmKind.CONTRACTS, FarmState.BROKEN): (2157, "Sec-def data farm connection is broken:"),
        (FarmKind.CONTRACTS, FarmState.IDLE): (
            2159,
            "Sec-def data farm connection is inactive but should be available upon demand.",
        ),
        (FarmKind.CONTRACTS, FarmState.CONNECTING): (2160, "Sec-def data farm is connecting:"),
    }
)
_KINDS = tuple(FarmKind)
#: The farms that a gateway tells of when a client connects, unless it has told of others.
SHOWN = ("usfarm", "ushmds", "secdefil")
#: The farms that there are, as far as their names are known.
FARMS = (
    *("usfarm", "usfarm.nj", "usfuture", "usopt", "cashfarm", "eufarm", "hfarm", "jfarm"),
    *("ushmds", "euhmds"),
    *("secdefil", "secdefnj", "secdefeu"),
)
_BY_TYPE: Mapping[str, str] = MappingProxyType(
    {
        "FUT": "usfuture",
        "CONTFUT": "usfuture",
        "OPT": "usopt",
        "FOP": "usopt",
        "CASH": "cashfarm",
    }
)
#: Stocks, funds, bonds and indices by their currency; ``usfarm`` for all others.
_BY_CURRENCY: Mapping[str, str] = MappingProxyType(
    {"EUR": "eufarm", "GBP": "eufarm", "CHF": "eufarm", "HKD": "hfarm", "JPY": "jfarm"}
)


def kind_of(name: str) -> FarmKind:
    """What a farm of this name serves."""
    if name.startswith("secdef"):
        return FarmKind.CONTRACTS
    return FarmKind.HISTORY if "hmds" in name else FarmKind.MARKET


def market_farm(instrument: Instrument) -> str:
    """The farm that tells an instrument's quotes and trades."""
    by_type = _BY_TYPE.get(instrument.sec_type)
    return by_type or _BY_CURRENCY.get(instrument.currency, "usfarm")


def history_farm(instrument: Instrument) -> str:
    """The farm that keeps an instrument's history."""
    return "euhmds" if market_farm(instrument) == "eufarm" else "ushmds"


def _place(name: str) -> int:
    return _KINDS.index(kind_of(name))


@attrs.define(eq=False)
class Farms:
    """How the farms are.

    Attributes:
        states: The farms that clients have been told of, each as it is; in the order in which a
            client that connects hears of them. All others are connected, and nobody speaks of them.
        moved: What hangs on another market data farm than its kind and currency say: by symbol.
    """

    states: dict[str, FarmState] = attrs.Factory(lambda: dict.fromkeys(SHOWN, FarmState.OK))
    moved: dict[str, str] = attrs.Factory(dict)
    _held: dict[str, dict[object, FarmState]] = attrs.Factory(dict)

    def state(self, name: str) -> FarmState:
        """How a farm is."""
        return self.states.get(name, FarmState.OK)

    def hold(self, name: str, token: object, state: FarmState) -> bool:
        """A farm is so until `release` with this token; the last one who holds it decides.

        Returns:
            Whether clients have something to be told: it was otherwise before.
        """
        held = self._held.setdefault(name, {})
        held.pop(token, None)
        held[token] = state
        return self._change(name)

    def release(self, name: str, token: object) -> bool:
        """Undo `hold`; a farm that nobody holds is connected. Returns what `hold` does."""
        self._held.get(name, {}).pop(token, None)
        return self._change(name)

    def _change(self, name: str) -> bool:
        state = next(reversed(self._held.get(name, {}).values()), FarmState.OK)
        if self.states.get(name) is state:
            return False
        self.states[name] = state
        self.states = dict(sorted(self.states.items(), key=lambda one: _place(one[0])))
        return True

    def market(self, instrument: Instrument) -> str:
        """The farm that tells an instrument's quotes and trades here."""
        return self.moved.get(instrument.symbol) or market_farm(instrument)

    def serves(self, name: str) -> bool:
        """Whether what it serves can be asked for; an idle farm wakes on demand."""
        return self.state(name) in {FarmState.OK, FarmState.IDLE}

    def contracts_known(self) -> bool:
        """Whether contracts can be looked up: no sec-def farm is broken."""
        return all(self.serves(name) for name in self.states if kind_of(name) is FarmKind.CONTRACTS)

    def notice(self, name: str) -> tuple[int, str]:
        """Code and text that tell how a farm is."""
        code, text = _NOTICES[kind_of(name), self.state(name)]
        return code, text + name

    def notices(self) -> Iterator[tuple[int, str]]:
        """What a client that connects is told."""
        for name in self.states:
            yield self.notice(name)

    def summary(self) -> str:
        """The lists in the text of 1102: who is connected, and who is not."""
        good = "; ".join(name for name in self.states if self.serves(name))
        bad = "; ".join(name for name in self.states if not self.serves(name))
        if not bad:
            return f"All data farms are connected: {good}."
        connected = f"The following farms are connected: {good}. " if good else ""
        return f"{connected}The following farms are not connected: {bad}."
