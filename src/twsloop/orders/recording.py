"""What the orders slice needs of a journal, and what stands in where there is none.

The journal itself is a sibling (`twsloop.storage`): the gateway hands it over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twsloop.events import OrderFact

__all__ = ["Durable", "Journal", "NoJournal"]

#: Called once an intent is durable, with an empty text; or with why it will not be.
Durable = Callable[[str], object]


class Journal(Protocol):
    """Writes facts down; all of it on the loop thread."""

    @property
    def refuses(self) -> str:
        """Why new orders are refused, in words; empty while the journal can be written."""
        ...

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Write a fact, and say when it is durable; in the order of the calls.

        ``durable`` is called on the loop thread, once, and never before this returns.
        """
        ...

    def record(self, fact: OrderFact) -> None:
        """Write a fact in its turn."""
        ...


class NoJournal:
    """Stands in for a `Journal` that is switched off: everything is durable at once."""

    refuses = ""

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Call ``durable`` at once."""
        del fact
        durable("")

    def record(self, fact: OrderFact) -> None:
        """Write nothing."""
