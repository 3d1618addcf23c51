"""Words in the facts about orders that several slices go by."""

from __future__ import annotations

__all__ = ["CLOSERS", "ENDED", "STOPS", "TRAILING", "order_type"]

#: What nothing can be expected of any more: IB's words, and ours in capitals.
ENDED = frozenset(
    {
        *("Filled", "Cancelled", "ApiCancelled", "Expired"),
        *("REJECTED", "REFUSED", "NOT_SENT", "SIMULATED"),
    }
)
#: What makes orders that close what the broker holds, whichever tags it is of (``origin``).
CLOSERS = frozenset({"close_position", "end_of_day", "kill_switch"})
#: Types that trail, without blanks.
TRAILING = frozenset({"TRAIL", "TRAILLIMIT", "TRAILLMT"})
#: Types that close a position when the market goes against it, without blanks.
STOPS = TRAILING | {"STP", "STPLMT", "STPPRT"}


def order_type(word: object) -> str:
    """IB's word for an order's type, as the sets here spell it: without blanks, in capitals."""
    return str(word).upper().replace(" ", "")
