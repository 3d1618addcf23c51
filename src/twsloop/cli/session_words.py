"""The changes of a session in words, for people: why it is away once, and then only the waits."""

from __future__ import annotations

__all__ = ["SessionWords"]

#: What stands between why a session is away and when it is tried again.
_NEXT = "; next attempt in "
#: Here the session stands again: what goes wrong after it is told anew.
_STANDS = "READY"


class SessionWords:
    """Leaves away what was said already since the session stood.

    A gateway that is away for an hour fails every attempt for the same reason: that is told with
    the first one, and after it only how long the next wait is.
    """

    def __init__(self) -> None:
        self._said: set[str] = set()

    def of(self, state: str, reason: str) -> str | None:
        """A line about a change; None for what says nothing new.

        Args:
            state: Where the session is now, by its name.
            reason: Why.
        """
        if state == _STANDS:
            self._said.clear()
            return f"session {state}: {reason}"
        why, _, wait = reason.partition(_NEXT)
        # Each attempt begins alike, but for its number.
        key = state if state == "CONNECTING" else why
        known = key in self._said
        self._said.add(key)
        if wait and known:
            return f"session {state}: next attempt in {wait}"
        return None if known else f"session {state}: {reason}"
