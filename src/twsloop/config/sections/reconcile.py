"""What is done about differences between the journal and the gateway."""

# ruff: noqa: RUF009  (option() makes attrs fields; nothing of it is shared between instances)
from __future__ import annotations

from typing import ClassVar, Literal

import attrs

from twsloop.config.options import Section, option

__all__ = ["Policy", "ReconcileParams"]

Policy = Literal["adopt", "report", "ask"]


@attrs.frozen
class ReconcileParams(Section):
    """Orders, executions and positions, compared with the journal at the start and after gaps."""

    section: ClassVar[str] = "reconcile"

    missing: Policy = option(
        "report",
        "str",
        "What is done about something that is known here and that the gateway does not show. Its "
        "word is taken over in any case: adopt does nothing else, report warns, ask refuses new "
        "orders in that contract until orders.accept() is called.",
        choices=("adopt", "report", "ask"),
    )
    extra: Policy = option(
        "report",
        "str",
        "The same, where the gateway shows something of ours that is not known here.",
        choices=("adopt", "report", "ask"),
    )
    changed: Policy = option(
        "adopt",
        "str",
        "The same, where something is not what it was.",
        choices=("adopt", "report", "ask"),
    )
    uncertain: Policy = option(
        "report",
        "str",
        "The same, where nobody can say what became of an order.",
        choices=("adopt", "report", "ask"),
    )
    foreign: Policy = option(
        "adopt",
        "str",
        "The same, where the gateway shows for the first time what another client did, or what was "
        "done by hand.",
        choices=("adopt", "report", "ask"),
    )
    dry_run: bool = option(
        False,
        "bool",
        "Compare with the journal, write nothing into it, and let no order leave; as twsloop "
        "reconcile --dry-run does.",
    )

    @property
    def asks(self) -> bool:
        """Whether a difference may keep new orders back."""
        kinds = (self.missing, self.extra, self.changed, self.uncertain, self.foreign)
        return "ask" in kinds
