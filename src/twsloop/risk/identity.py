"""Which contract an order is in, by whatever of its names are known. Pure.

A program may name a contract by its id alone, or by its symbol alone; the gateway reports it with
both. A limit on a position has to add these up. So two contracts are the same unless something that
both of them say is different: where in doubt they are added up, which refuses too much rather than
too little.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import attrs

from .values import exact

__all__ = ["Ident", "ident_of", "multiplier_of", "names_of"]

#: Kinds whose contracts are one unit each, whatever IB writes as their multiplier.
_UNITS = frozenset({"STK", "CASH", "CFD", "CRYPTO", "FUND", "CMDTY", "IND"})
_ONE = Decimal(1)


@attrs.define(eq=False)
class Ident:
    """A contract as limits know it.

    Attributes:
        con_id: IB's id; 0 if not known.
        kind: The security type, the symbol and the currency: what is never added up with another.
        terms: Month or day of expiry, strike, right, trading class, local symbol, multiplier;
            empty where not known.
        named: Whether it can be told from others: a combination cannot.
    """

    con_id: int
    kind: tuple[str, str, str]
    terms: tuple[str, ...] = ()
    named: bool = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        """See what can be told of it."""
        kind = self.kind
        self.named = kind[1] != "" and kind[0] != "BAG"

    def same(self, other: Ident) -> bool:
        """Whether both may be the same contract."""
        if self.con_id and other.con_id:
            return self.con_id == other.con_id
        if self.kind != other.kind:
            return False
        # An expiry may be a month in one and a day in the other.
        return all(
            a.startswith(b) or b.startswith(a)
            for a, b in zip(self.terms, other.terms, strict=False)
        )


def ident_of(contract: Any, details: Any = None) -> Ident:
    """How limits know a contract.

    Args:
        contract: IB's Contract.
        details: IB's ContractDetails of it, where they are known.
    """
    if details is not None and contract.secType != "BAG":
        contract = details.contract
    sec_type = contract.secType
    kind = (sec_type, contract.symbol.upper(), contract.currency.upper())
    if sec_type in _UNITS:
        return Ident(contract.conId, kind)
    strike = contract.strike
    terms = (
        contract.lastTradeDateOrContractMonth,
        f"{strike:g} " if strike and strike < 1e300 else "",
        contract.right[:1].upper(),
        contract.tradingClass and f"{contract.tradingClass} ",
        contract.localSymbol and f"{contract.localSymbol} ",
        contract.multiplier and f"{contract.multiplier} ",
    )
    return Ident(contract.conId, kind, terms)


def names_of(contract: Any, details: Any = None) -> frozenset[str]:
    """What a contract may be called in a list of symbols, in capitals.

    A combination has no name that says what its legs are.
    """
    if contract.secType == "BAG":
        return frozenset()
    if details is not None:
        contract = details.contract
    symbol = contract.symbol.upper()
    pair = f"{symbol}.{contract.currency.upper()}"
    return frozenset((symbol, contract.localSymbol.upper(), pair)) - {"", "."}


def multiplier_of(contract: Any, details: Any = None) -> Decimal | None:
    """Units of one contract; None if it is not known."""
    if contract.secType in _UNITS:
        return _ONE
    if contract.secType == "BAG":
        return None
    known = exact(contract.multiplier)
    if known is None and details is not None:
        known = exact(details.contract.multiplier)
    return known or None
