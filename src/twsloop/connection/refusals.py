"""What a refusal says of a subscription: that it is over, or only that it waits.

What was answered once ends only by what truly refuses it. Which code is which stands in
``error_policy.csv``; what a code says together with the others that the gateway told stands here.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from twsloop.error_handler import ErrorHandler
from twsloop.errors import (
    ConnectionLost,
    NotConnected,
    RequestError,
    RequestTimeout,
    SendQueueFull,
)
from twsloop.events import Ends, Notice
from twsloop.session.farms import FarmKind

if TYPE_CHECKING:
    from .life import Life

__all__ = ["Standstill", "may_pass", "standstill_of"]

#: The actions of the error policy: data is withheld; the gateway has ended it, and would serve it
#: anew; what was answered once will be again.
WITHHELD, ENDED = "wait", "resubscribe"
PASSING = frozenset({"retry", "ask_again"})
#: Of these kinds are the refusals that a competing session brings (354 and its like).
_REFUSED_DATA = frozenset({"market_data", "permissions"})


class Standstill(Enum):
    """Why a subscription is not over that the gateway serves no longer."""

    WITHHELD = "withheld"
    """Another session has its data: it is tried again until data comes."""
    ENDED = "ended"
    """The gateway has ended it, and would serve it anew."""
    PASSING = "passing"
    """It was answered once, and will be again."""


def standstill_of(life: Life, notice: Notice, *, competed: bool, lacks: bool) -> Standstill | None:
    """Why the subscription that a notice names stands still; None if it goes on, or is over.

    Args:
        life: The subscription's.
        notice: It.
        competed: Whether a competing session has anybody's data.
        lacks: Whether something that it needs is gone, so that a refusal says no more than that.
    """
    if notice.ends is not Ends.REQUEST:
        return None
    begun = life.started is not None
    if notice.action == WITHHELD or (begun and competed and _refuses_quotes(life, notice)):
        return Standstill.WITHHELD
    if notice.action == ENDED:
        return Standstill.ENDED
    if begun and (notice.action in PASSING or lacks):
        return Standstill.PASSING
    return None


def _refuses_quotes(life: Life, notice: Notice) -> bool:
    """Whether it is data that is refused (354), and data that a competing session may have."""
    of_quotes = any(of.kind is FarmKind.MARKET_DATA for of in life.depends)
    return of_quotes and notice.category in _REFUSED_DATA


def may_pass(error: Exception, errors: ErrorHandler) -> bool:
    """Whether a request that failed with this may be answered when it is made again."""
    code = getattr(error, "code", None)
    if not isinstance(error, RequestError) or code is None:
        return isinstance(error, (ConnectionLost, NotConnected, RequestTimeout, SendQueueFull))
    info = errors.classify(code, context="subscription", text=error.text)
    return info.action in PASSING or info.action in {WITHHELD, ENDED}
