"""What the gateway says."""

from __future__ import annotations

import attrs

from .basis import Ends, Fact

__all__ = ["Notice", "in_short"]

#: How much of a text a line for people shows, characters: a gateway's may be thousands long.
SHOWN = 400


def in_short(text: str) -> str:
    """A text as one line that is not too long; what is left out is said."""
    line = " ".join(text[: 4 * SHOWN].split())
    if len(line) <= SHOWN and len(text) <= 4 * SHOWN:
        return line
    return f"{line[:SHOWN].rstrip()} … ({len(text)} characters)"


@attrs.frozen(kw_only=True)
class Notice(Fact):
    """What came through IB's ``error`` callback, sorted; or what went wrong on our own side.

    Attributes:
        req_id: The request's or order's id; -1 for what concerns the whole session.
        code: IB's code; None for what has none (a user's callback that raised).
        text: IB's text, as it came.
        category: As in ``error_codes.csv``; ``unknown`` for a code that is not there, ``callback``
            for a user's callback that raised.
        severity: ``info``, ``warning``, ``error`` or ``fatal``.
        scope: ``order``, ``request``, ``connection`` or ``system``.
        retry: ``no``, ``yes`` or ``after_reconnect``: whether asking again can help.
        what_happens_next: What to expect, and what to do.
        ends: What it brings to its end.
        action: What twsloop does about it, by its word in the policy (``twsloop errors CODE``
            explains it); empty for what has no code.
        context: What it is about: ``order_new``, ``order_live``, ``request``, ``subscription`` or
            ``connection``; empty likewise.
        advanced_reject: IB's JSON text about a rejected order, or empty.
        local: It was raised on our side and never crossed the wire.
    """

    req_id: int = -1
    code: int | None
    text: str
    category: str = "unknown"
    severity: str = "error"
    scope: str = "system"
    retry: str = "no"
    what_happens_next: str = ""
    ends: Ends = Ends.NOTHING
    action: str = ""
    context: str = ""
    advanced_reject: str = ""
    local: bool = False

    def __str__(self) -> str:
        """One line for people: severity, code, text, as far as that is not too long."""
        code = f" {self.code}" if self.code is not None else ""
        about = f" (id {self.req_id})" if self.req_id >= 0 else ""
        return f"{self.severity}{code}{about}: {in_short(self.text)}"
