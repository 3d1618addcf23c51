"""Which callbacks the feeds of a connection hear: what nobody hears need not be decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .core import Core
    from .feed import Feed

__all__ = ["Listening"]


class Listening:
    """Lets the listeners of feeds hear callbacks as long as a feed needs them; loop thread.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._heard: dict[Feed[Any], None] = {}

    def begin(self, feed: Feed[Any]) -> None:
        """Let a feed's callbacks be heard."""
        if feed in self._heard:
            return
        listener, names = feed.plan.listener, feed.plan.callbacks
        new = [name for name in names if name not in self._names(listener)]
        self._heard[feed] = None
        if new:
            self._core.add_slice(listener, tuple(new))

    def end(self, feed: Feed[Any]) -> None:
        """A feed needs its callbacks no more."""
        if feed not in self._heard:
            return
        del self._heard[feed]
        listener, names = feed.plan.listener, feed.plan.callbacks
        gone = [name for name in names if name not in self._names(listener)]
        if gone:
            self._core.remove_slice(listener, tuple(gone))

    def _names(self, listener: object) -> set[str]:
        """Which callbacks of a listener are heard now."""
        plans = [feed.plan for feed in self._heard if feed.plan.listener is listener]
        return {name for plan in plans for name in plan.callbacks}
