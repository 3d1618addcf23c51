"""Journals that a test holds in its hand."""

from __future__ import annotations

from typing import Any

from twsloop.events import OrderFact, OrderIntent, OrderStep
from twsloop.orders.recording import Durable

__all__ = ["Steps"]


class Steps:
    """Keeps what it is told; an intent is durable when the test says so.

    Attributes:
        written: All of it, in order.
        waiting: The intents that are not durable yet.
        refuses: Why orders are refused.
        at_once: Intents are durable at once.
    """

    active = True
    config = "digest"

    def __init__(self, *, at_once: bool = True) -> None:
        self.written: list[OrderFact] = []
        self.waiting: list[tuple[OrderFact, Durable]] = []
        self.refuses = ""
        self.at_once = at_once

    def intend(self, fact: OrderFact, durable: Durable) -> None:
        """Write an intent."""
        self.written.append(fact)
        if self.at_once:
            durable("")
        else:
            self.waiting.append((fact, durable))

    def record(self, fact: OrderFact) -> None:
        """Write a fact."""
        self.written.append(fact)

    def sync(self, problem: str = "") -> None:
        """The disk has got what waits, or has failed."""
        waiting, self.waiting = self.waiting, []
        for _, durable in waiting:
            durable(problem)

    @property
    def intents(self) -> list[OrderIntent]:
        """The intents."""
        return [fact for fact in self.written if isinstance(fact, OrderIntent)]

    @property
    def folded(self) -> dict[str, Any]:
        """The steps, one put upon the other."""
        stands: dict[str, Any] = {}
        for fact in self.written:
            if isinstance(fact, OrderStep):
                stands |= fact.changes
        return stands
