"""What happens while the journal cannot be written. Loop thread.

A full disk, a file that another program holds, a broken file: whatever it is, market data goes on,
orders are refused with the reason (or leave unwritten, as configured), facts about orders are kept
in memory however many they are, and the file is tried again and again, with longer pauses between.
Nothing is lost silently: the beginning and the end are facts, and a line in the log each. What a
program that ends could not write is put beside the journal, or into the folder for temporary files.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from twsloop.clock import Clock
from twsloop.config import JournalParams
from twsloop.events import Fact, JournalTrouble, to_record
from twsloop.metrics import Metrics

__all__ = ["Trouble", "leave_behind"]

logger = logging.getLogger(__name__)

#: The first pause before the file is tried again, and the longest; each is twice the one before.
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0


class Trouble:
    """Whether the journal can be written, and what to say if it cannot.

    Args:
        params: The settings of the journal.
        clock: Where time comes from.
        metrics: Counts the troubles.
        tell: Told of the beginning and the end.
    """

    def __init__(
        self,
        params: JournalParams,
        clock: Clock,
        metrics: Metrics,
        tell: Callable[[JournalTrouble], object],
    ) -> None:
        self._params, self._clock, self._tell = params, clock, tell
        self._began = metrics.counter("journal_troubles")
        self._lost = metrics.counter("journal_dropped")
        self._pause = FIRST_PAUSE
        self._dropped = 0
        #: Why the journal cannot be written; empty while it can.
        self.reason = ""

    @property
    def refuses(self) -> str:
        """Why new orders are refused; empty if they are not."""
        return self.reason if self._params.on_trouble == "refuse" else ""

    def begin(self, reason: str, waiting: int) -> None:
        """The journal cannot be written; of one trouble, the first reason is told."""
        first, self.reason = not self.reason, f"the order journal cannot be written: {reason}"
        if not first:
            return
        self._began.add()
        then = "orders are refused" if self.refuses else "orders leave without being written down"
        logger.error("%s; until then %s", self.reason, then)
        self._say(over=False, waiting=waiting)

    def pause(self) -> float:
        """How long to wait before the file is tried again, seconds."""
        now, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return now

    def drop(self) -> None:
        """There is no room for a fact that is not about an order."""
        self._dropped += 1
        self._lost.add()

    def end(self, waiting: int) -> None:
        """Something was written again."""
        self._pause = FIRST_PAUSE
        if not self.reason:
            return
        self.reason = ""
        lost = f"; {self._dropped} facts that are not about orders were lost" * bool(self._dropped)
        logger.warning("the order journal can be written again%s", lost)
        self._say(over=True, waiting=waiting)
        self._dropped = 0

    def _say(self, *, over: bool, waiting: int) -> None:
        self._tell(
            JournalTrouble(
                time=self._clock.now(),
                over=over,
                reason=self.reason,
                waiting=waiting,
                dropped=self._dropped,
                refuses=bool(self.refuses),
            )
        )


def leave_behind(facts: Iterable[Fact], journal: Path, stamp: str) -> Path | None:
    """Put facts that could not be written into a file of their own, one JSON object a line.

    Args:
        facts: They, oldest first.
        journal: The journal; the file is put beside it, or else where temporary files are.
        stamp: Makes its name one of its own.

    Returns:
        The file; None if no folder takes it.
    """
    text = "".join(json.dumps(to_record(fact), default=str) + "\n" for fact in facts)
    name = f"{journal.name}.unwritten-{stamp}.jsonl"
    for folder in (journal.parent, Path(tempfile.gettempdir())):
        with contextlib.suppress(OSError):
            file = folder / name
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as out:
                    out.write(text)
            except OSError:  # full: what got into it would pass for the whole
                file.unlink()
                raise
            return file
    return None
