"""What kinds of kills there are, and at which steps each of them happens. Pure."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["ANY_TIME", "KINDS", "Kind"]

#: A kill that is at no step: it comes from outside, at any time.
ANY_TIME = "any time"

_WRITTEN = ("queued", "batch_begun", "rows_written", "before_commit", "after_commit", "durable")
_BYTES = ("before_bytes", "half_of_bytes", "after_bytes")
_REPORTS = ("before_status", "after_status", "before_open_order", "after_open_order")
_FILLS = ("before_execution", "after_execution", "before_commission", "after_commission")
#: What may happen to an order that is placed, and trades at once or later.
PLACES = ("market", "rest", "near", "part", "raw", "bracket", "burst")
FILLED = ("market", "burst")

Before = Literal["", "reset", "read_only_file", "read_only_disk"]


@attrs.frozen
class Kind:
    """One kind of kill.

    Attributes:
        points: The steps, of which one is drawn; none: at any time.
        actions: What the client does when the trap is armed, of which one is drawn; none: it is
            armed from its start on.
        passes: The step is passed so often at most before it kills.
        before: What happens before the client starts: the gateway gives ids from 1 again, or the
            journal's file, or the disk with it, cannot be written.
        needs: What there has to be: a journal whose schema is not the newest one (``new``), or one
            with days that are old enough for an archive (``old``); a slate that intents are put on
            first (``slate``), or one that somebody who was killed has left (``left``).
    """

    points: tuple[str, ...]
    actions: tuple[str, ...] = ()
    passes: int = 1
    before: Before = ""
    needs: Literal["", "new", "old", "slate", "left"] = ""

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps, as they are counted."""
        return self.points or (ANY_TIME,)


def _each(points: tuple[str, ...], actions: tuple[str, ...]) -> dict[str, Kind]:
    return {point: Kind((point,), actions) for point in points}


#: Every kind, by its name. Those of the same step differ in what is under way.
KINDS: dict[str, Kind] = {
    **_each(_WRITTEN, PLACES),
    **_each(_BYTES, PLACES),
    "acknowledged": Kind(_REPORTS, PLACES),
    "filled": Kind(_FILLS, FILLED, 2),
    "told": Kind(("announced",), PLACES, 4),
    "mid_bracket": Kind((*_WRITTEN, *_BYTES), ("bracket",), 3),
    "mid_burst": Kind((*_WRITTEN, *_BYTES), ("burst",), 4),
    "mid_modify": Kind((*_WRITTEN, *_BYTES, *_REPORTS), ("modify",)),
    "mid_cancel": Kind((*_BYTES, "before_status", "after_status", "announced"), ("cancel",)),
    "journal_opened": Kind(("opened",)),
    "session_begins": Kind(("began", "settings", "recalled")),
    "lists": Kind(_REPORTS),
    "fills_listed": Kind(_FILLS),
    "before_ready": Kind(("restored", "compared")),
    "stopping": Kind(("closing", "closed"), ("stop",)),
    "any_time": Kind((), ("any",)),
    "mid_slate": Kind(("slate_half", "slate_written"), PLACES, needs="slate"),
    "slate_left": Kind(("left_read", "left_taken_in"), needs="left"),
    "mid_copy": Kind(("copy_begun", "copy_half_made", "copy_made"), ("copy",)),
    "mid_archive": Kind(
        ("archive_begun", "entries_gone", "guards_back", "archived"),
        ("archive",),
        needs="old",
    ),
    "mid_migration": Kind(("schema_begun", "schema_made", "schema_kept"), needs="new"),
    "ids_reset": Kind((*_WRITTEN, *_BYTES, "announced"), PLACES, before="reset"),
    "forked": Kind((*_WRITTEN, *_BYTES, "announced"), ("fork",)),
    "read_only_file": Kind((), ("refused",), before="read_only_file"),
    "read_only_disk": Kind((), ("refused",), before="read_only_disk"),
}
