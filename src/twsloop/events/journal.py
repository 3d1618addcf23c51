"""What the order journal says of itself."""

from __future__ import annotations

import attrs

from .orders import OrderFact

__all__ = ["JournalTrouble"]


@attrs.frozen(kw_only=True)
class JournalTrouble(OrderFact):
    """The order journal cannot be written, or can be written again.

    Attributes:
        over: It can be written again, and what waited is written.
        reason: Why it cannot be, in words, and what to do about it.
        waiting: How many facts wait in memory to be written.
        dropped: How many facts that are not about orders had no room to wait, since it began.
        refuses: New orders are refused meanwhile.
    """

    over: bool
    reason: str = ""
    waiting: int = 0
    dropped: int = 0
    refuses: bool = True
