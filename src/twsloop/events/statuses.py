"""Words in the facts about orders that several slices go by."""

from __future__ import annotations

__all__ = ["CLOSERS", "ENDED"]

#: What nothing can be expected of any more: IB's words, and ours in capitals.
ENDED = frozenset(
    {
        *("Filled", "Cancelled", "ApiCancelled", "Expired"),
        *("REJECTED", "REFUSED", "NOT_SENT", "SIMULATED"),
    }
)
#: What makes orders that close what the broker holds, whichever tags it is of (``origin``).
CLOSERS = frozenset({"close_position", "end_of_day", "kill_switch"})
