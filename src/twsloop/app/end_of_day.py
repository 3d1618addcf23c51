"""The end of a day for a running gateway object, by hand: what ``twsloop close-day`` calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twsloop.config import EndOfDayParams
    from twsloop.events import EndOfDayReport, ProtectionReport
    from twsloop.gateway import IBGateway

__all__ = ["audit", "close_day"]


def audit(gateway: IBGateway, exempt: Iterable[str] = ()) -> ProtectionReport:
    """How the positions of all accounts are protected, as the gateway lists them now.

    Args:
        gateway: A READY session.
        exempt: Kinds of contracts (IB's ``secType``) that need no stop.
    """
    return gateway.protection(exempt).result()


def close_day(gateway: IBGateway, params: EndOfDayParams) -> EndOfDayReport:
    """Go through the end-of-day routine.

    Args:
        gateway: A READY session.
        params: What it may do.
    """
    return gateway.end_of_day(params).result()
