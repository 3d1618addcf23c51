"""What bars and ticks show unless somebody says so: trades, where there are such."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import click

if TYPE_CHECKING:
    from ibapi.contract import Contract

__all__ = ["TRADES", "shown_by", "shows_option"]

F = TypeVar("F", bound=Callable[..., object])

TRADES, MIDPOINT = "TRADES", "MIDPOINT"
#: What has quotes, and no trades that IB would tell of (error 162, "no historical market data").
NOT_TRADED = frozenset({"CASH", "CFD", "CMDTY"})


def shown_by(contract: Contract) -> str:
    """IB's word for what its bars show best."""
    return MIDPOINT if contract.secType in NOT_TRADED else TRADES


def shows_option(function: F) -> F:
    """``--what`` of the commands that ask for bars and ticks."""
    return click.option(
        "--what",
        help=f"What they show, in IB's words.  [default: {TRADES}; {MIDPOINT} of currency pairs]",
    )(function)
