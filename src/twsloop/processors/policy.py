"""How a callback is called away from the loop thread when it is slower than what comes."""

from __future__ import annotations

import asyncio
import concurrent.futures
from enum import StrEnum
from typing import Any, Literal

import attrs

__all__ = ["Deliver", "DeliveryCounts", "Place", "Policy", "check_where"]

#: Where callbacks run that do not run on the loop thread.
Place = concurrent.futures.Executor | asyncio.AbstractEventLoop


class Policy(StrEnum):
    """What happens when ``bound`` calls wait, and another one comes."""

    BLOCK = "block"
    """The loop thread waits until there is room, but not longer than ``patience``."""
    DROP_OLDEST = "drop_oldest"
    """The call that waited longest is dropped, and counted."""
    LATEST = "latest"
    """Only the newest call of each key (a ticker, say) ever waits."""


def check_where(where: object) -> None:
    """Refuse what is no place to call a callback.

    Raises:
        TypeError: Neither None, an executor, an asyncio loop, nor a `Deliver`.
    """
    if where is not None and not isinstance(where, Place | Deliver):
        msg = (
            f"where={where!r} is no place to call a callback: give None (the loop thread), an "
            "executor, a running asyncio loop, or Deliver(...) with one of them"
        )
        raise TypeError(msg)


def _where(_: object, __: attrs.Attribute[Any], value: Any) -> None:
    if isinstance(value, Deliver):
        msg = "Deliver(where=...) takes an executor, an asyncio loop or None, no other Deliver"
        raise TypeError(msg)
    check_where(value)


def _policy(value: Any) -> Policy:
    try:
        return Policy(value)
    except ValueError:
        msg = f"policy={value!r}: it is one of {', '.join(repr(str(word)) for word in Policy)}"
        raise ValueError(msg) from None


def _bound(_: object, __: object, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        msg = f"bound={value!r}: how many calls may wait, a whole number of at least 1"
        raise ValueError(msg)


def _patience(_: object, __: object, value: float) -> None:
    if not 0 < value < float("inf"):
        msg = f"patience={value!r}: seconds, more than 0; the loop thread never waits for ever"
        raise ValueError(msg)


@attrs.frozen
class Deliver:
    """Where a callback runs, how many calls may wait for it, and what happens beyond that.

    Every ``where=`` takes it. Given a plain executor or loop instead, live quotes keep the newest
    of each ticker, and of everything else the oldest call is dropped when ``[loop] callback_queue``
    wait. With a `Deliver`, never more than ``bound`` calls wait.

    Reports about orders are the exception to all of this. None is ever dropped: beyond the bound
    they wait all the same, and new orders are refused until the callback has caught up.

    With ``"block"`` the loop thread waits for the callback, and with it everything else that this
    gateway does: orders, heartbeats, other callbacks. So it waits for ``patience`` seconds at most,
    says so in the log, gives up the oldest call (counted as dropped), and does not wait again
    before the callback has taken a call. A callback that itself waits for an answer of this gateway
    (``.result()``) can only have it after that. It is for consumers that are quick on the whole and
    must not miss a thing, such as writers to a file.

    Attributes:
        where: An executor or a running asyncio loop; None for the loop thread, where plain
            functions are called at once and nothing ever waits.
        bound: How many calls may wait; of ``"latest"``, one for each key waits instead.
        policy: ``"block"``, ``"drop_oldest"`` or ``"latest"``.
        patience: How long ``"block"`` holds the loop thread for one call, seconds.
    """

    where: concurrent.futures.Executor | asyncio.AbstractEventLoop | None = attrs.field(
        default=None, validator=_where
    )
    bound: int = attrs.field(default=1000, validator=_bound)
    policy: Policy | Literal["block", "drop_oldest", "latest"] = attrs.field(
        default=Policy.BLOCK, converter=_policy
    )
    patience: float = attrs.field(default=1.0, validator=_patience)


@attrs.frozen
class DeliveryCounts:
    """What became of a callback's calls.

    Attributes:
        name: The callback, as its author knows it.
        delivered: Calls made, those that raised included.
        waiting: Calls that wait now.
        dropped: Calls given up because too many waited.
        replaced: Calls that a newer one of the same key took the place of.
        spilled: Reports about orders that had to wait beyond the bound.
    """

    name: str
    delivered: int
    waiting: int
    dropped: int
    replaced: int
    spilled: int = 0
