"""The words for an order that nothing can be expected of any more."""

from __future__ import annotations

__all__ = ["ENDED"]

#: IB's words, and ours in capitals, as the facts about orders say them.
ENDED = frozenset(
    {
        *("Filled", "Cancelled", "ApiCancelled", "Expired"),
        *("REJECTED", "REFUSED", "NOT_SENT", "SIMULATED"),
    }
)
