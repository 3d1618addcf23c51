"""How well the loop thread keeps up."""

from __future__ import annotations

import attrs

from .basis import Fact

__all__ = ["CallbackSlow", "LoopLagged"]


@attrs.frozen(kw_only=True)
class LoopLagged(Fact):
    """The loop thread was not free for longer than it may be.

    Attributes:
        lag: How much later than due it came to its timer, seconds.
        callback: The last callback that was slow meanwhile; empty where none was named.
    """

    lag: float
    callback: str = ""


@attrs.frozen(kw_only=True)
class CallbackSlow(Fact):
    """A callback held the loop thread for longer than ``[loop] slow_callback``.

    Attributes:
        name: The callback's.
        took: For how long, seconds.
    """

    name: str
    took: float
