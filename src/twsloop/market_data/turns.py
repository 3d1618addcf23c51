"""IB's limits on how often some live data may be asked for, kept before IB has to.

One tick-by-tick request for an instrument in 15 seconds (IBKR Campus, chapter 22): a hasty one is
refused with the very code of "too many streams" (10190). One regulatory snapshot a second; each
costs. Such requests wait in the queue of what goes out, whoever sends them, and `gw.waiting()` says
why.

IB may refuse one all the same, because another program of the login asks, too. A stream is then
asked for again, a few times at most (`AskAgain`): who follows it sees a delay, and no error.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from twsloop.connection.core import Core
from twsloop.connection.streams import Feed
from twsloop.events import Notice
from twsloop.session.pacing import Wait

from .slots import HASTE

__all__ = ["MARGIN_S", "AskAgain", "Interval", "LiveTurns"]

#: How much longer than IB's our spans are, seconds: what a network may take from between two.
MARGIN_S = 0.5
#: One regulatory snapshot in so many seconds.
SNAPSHOT_S = 1.0
#: How often a stream is asked for again that was refused as too hasty.
MOST_AGAIN = 3
#: The refusals that another try can cure: of tick-by-tick streams, of real-time bars.
HASTY, TOO_FAST_BARS = 10190, 420


class Interval:
    """One of a kind in so many seconds; pure.

    Args:
        seconds: How long two of one kind are apart, at least.
        reason: Why one waits, in words.
    """

    def __init__(self, seconds: float, reason: str) -> None:
        self._seconds = seconds + MARGIN_S
        self._reason = reason
        self._left: dict[Hashable, float] = {}

    def wait(self, now: float, kind: Hashable) -> Wait | None:
        """Why, and how long, the next one of a kind has to wait."""
        at = self._left.get(kind)
        seconds = 0.0 if at is None else at + self._seconds - now
        return Wait(seconds, self._reason) if seconds > 0 else None

    def leave(self, now: float, kind: Hashable) -> None:
        """One leaves."""
        old = now - self._seconds
        if len(self._left) > 1000:
            self._left = {one: at for one, at in self._left.items() if at > old}
        self._left[kind] = now


class _Turn:
    """The turn of one message in an `Interval`."""

    def __init__(self, interval: Interval, kind: Hashable) -> None:
        self._interval = interval
        self._kind = kind

    def wait(self, now: float) -> Wait | None:
        return self._interval.wait(now, self._kind)

    def leave(self, now: float) -> None:
        self._interval.leave(now, self._kind)


class LiveTurns:
    """Registers the rules.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._ticks = Interval(HASTE, f"one tick-by-tick request an instrument in {HASTE:g} s")
        self._snapshots = Interval(SNAPSHOT_S, "one regulatory snapshot a second")
        core.pacing.rule("reqTickByTickData", self._tick_by_tick)
        core.pacing.rule("reqMktData", self._snapshot)

    def _tick_by_tick(self, message: Any, own_call: bool) -> _Turn:
        del own_call
        return _Turn(self._ticks, _instrument(message.contract))

    def _snapshot(self, message: Any, own_call: bool) -> _Turn | None:
        del own_call
        return _Turn(self._snapshots, None) if message.regulatorySnapshot else None


def _instrument(contract: Any) -> Hashable:
    """What IB counts as one: the venue does not matter."""
    if contract.conId:
        return ("id", contract.conId)
    return (
        contract.symbol,
        contract.secType,
        contract.currency,
        contract.lastTradeDateOrContractMonth,
        contract.strike,
        contract.right,
        contract.localSymbol,
    )


class AskAgain:
    """Asks for a stream again that IB refused as too hasty.

    Its request waits for its turn like any other, so that the pause is IB's own.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tries: WeakKeyDictionary[Feed[Any], int] = WeakKeyDictionary()

    def notice(self, feed: Feed[Any], notice: Notice) -> bool:
        """A notice about a stream; True if it is asked for again, and nothing else is to be done.

        See `twsloop.connection.streams.StreamPlan.on_notice`.
        """
        hasty = notice.code in {HASTY, TOO_FAST_BARS} and notice.action == "retry"
        if not hasty or not self._core.pacing.enabled:  # without pauses it would be the same again
            return False
        tries = 0 if feed.known else self._tries.get(feed, 0)
        if tries >= MOST_AGAIN:
            return False
        self._tries[feed] = tries + 1
        self._core.metrics.counter("asked_again").add()
        feed.restart(f"IB refused it as too hasty ({notice.code}): it is asked for again")
        return True
