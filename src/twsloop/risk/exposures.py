"""What the positions of an account are worth if all working orders were filled. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from .identity import Ident, ident_of, multiplier_of
from .money import market_price
from .outcomes import Unknown
from .values import ZERO

if TYPE_CHECKING:
    from .case import Case

__all__ = ["Exposure", "exposure", "worth"]


@attrs.frozen
class Exposure:
    """What the positions of an account are worth if all working orders were filled.

    Attributes:
        gross: All of them, long and short added.
        opening: What working orders add to the positions.
    """

    gross: Decimal
    opening: Decimal


def exposure(case: Case) -> Exposure:
    """The exposure of the account with this order.

    Raises:
        Unknown: A number that it needs is not known.
    """
    gross = opening = ZERO
    at, working = case.proposal.monotonic, case.working
    for ident, contract, quantity in _contracts(case):
        own = case.new if ident.same(case.ident) else None
        if not ident.named:
            raise Unknown("a combination, or a contract without a symbol, works: its value is open")
        bought, sold = working.sides(case.account, ident, new=own, without=case.key)
        if bought is None or sold is None:
            raise Unknown("a working order in it has no known size")
        low, high = working.ahead.range(case.account, ident, quantity, at)
        most = max(abs(high + bought), abs(low - sold))
        if not most:
            continue
        unit = worth(case, ident, contract, held=bool(low or high))
        gross += most * unit
        opening += max(most - max(abs(low), abs(high)), ZERO) * unit
    return Exposure(gross, opening)


def _contracts(case: Case) -> Iterator[tuple[Ident, Any, Decimal]]:
    """Every contract that the account holds, or that an order of it may trade, once."""
    held = case.sources.positions(case.whose)
    if held is None:
        raise Unknown("the positions are not known yet")
    seen: dict[tuple[str, str, str], list[Ident]] = {}
    for one in held:
        ident = ident_of(one.contract)
        seen.setdefault(ident.kind, []).append(ident)
        yield ident, one.contract, one.quantity
    rows = [(row.ident, row.contract) for row in case.working.of(case.account, case.key)]
    for ident, contract in [(case.ident, case.contract), *rows]:
        known = seen.setdefault(ident.kind, [])
        if not any(ident.same(one) for one in known):
            known.append(ident)
            yield ident, contract, ZERO


def worth(case: Case, ident: Ident, contract: Any, *, held: bool) -> Decimal:
    """What one contract is worth, in the currency of the limits.

    The order's own price counts for its contract, but never below the market's: a limit to buy far
    below it makes nothing cheaper that is held already.

    Args:
        case: The order.
        ident: The contract, as limits know it.
        contract: IB's Contract.
        held: The account holds some, so that the market's price has to be known.

    Raises:
        Unknown: A number that it needs is not known.
    """
    own = ident.same(case.ident)
    multiplier = multiplier_of(contract, case.sources.details(contract))
    if multiplier is None:
        msg = f"the multiplier of {contract.symbol} is not known; ask for its details"
        raise Unknown(msg)
    market = market_price(case.sources, case.account, contract) if held or not own else None
    if held and market is None:
        msg = f"what {contract.symbol} is worth is not known; follow the portfolio, or its quote"
        raise Unknown(msg)
    seen = [market, case.price if own else None]
    seen += case.working.prices(case.account, ident, case.key)
    prices = [abs(price) for price in seen if price is not None]
    if not prices:
        msg = f"what {contract.symbol} is worth is not known; follow its quote"
        raise Unknown(msg)
    return max(prices) * multiplier * case.rate(ident.kind[2])
