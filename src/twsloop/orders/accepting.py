"""Differences that somebody has to look at: asked, accepted, and written down. Loop thread."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence

from twsloop.connection.core import Core
from twsloop.events import (
    Difference,
    DifferencesAccepted,
    DifferencesAsked,
    reconcile_story,
)

from .reconciling import Questions
from .state import OrderRecord

__all__ = ["LOGGED", "Accepting"]

logger = logging.getLogger(__name__)

#: So many differences of one report are logged, each in a line.
LOGGED = 20
#: What makes the orders that have to leave whatever is asked.
KILL_SWITCH = "kill_switch"


class Accepting:
    """Tells what is asked and what is accepted.

    Args:
        core: The connection.

    Attributes:
        questions: What is open.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self.questions = Questions()

    def found(self, differences: Sequence[Difference]) -> None:
        """Differences were found: log them, and ask where that is the policy."""
        for one in differences[:LOGGED]:
            level = logging.INFO if one.policy == "adopt" else logging.WARNING
            logger.log(level, "reconciled: %s", one)
        if len(differences) > LOGGED:
            logger.warning("reconciled: %d more differences", len(differences) - LOGGED)
        core = self._core
        asked = self.questions.ask(differences)
        if asked:
            core.tell(
                DifferencesAsked(
                    time=core.clock.now(),
                    correlation_id=reconcile_story(core.client_id),
                    client_id=core.client_id,
                    differences=asked,
                )
            )

    def refuses(self, record: OrderRecord) -> str:
        """Why a new order may not leave, in words; empty if it may."""
        if record.origin == KILL_SWITCH:
            return ""
        return self.questions.refuses(record.contract, record.symbol)

    async def accept(
        self, chosen: Iterable[Difference] | None, reason: str
    ) -> tuple[Difference, ...]:
        """New orders may leave again, as far as these differences go; all, if none is given."""
        core = self._core
        wanted: Collection[Difference] = tuple(self.questions if chosen is None else chosen)
        accepted = self.questions.accept(wanted)
        if accepted:
            logger.info("%d differences are accepted: %s", len(accepted), reason or "no reason")
            core.tell(
                DifferencesAccepted(
                    time=core.clock.now(),
                    correlation_id=reconcile_story(core.client_id),
                    client_id=core.client_id,
                    differences=accepted,
                    reason=reason,
                )
            )
        return accepted
