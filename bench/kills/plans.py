"""How far a run is, and what comes next: what was met least often. Pure."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import attrs

from .kinds import KINDS, Kind

__all__ = ["CLIENT_ID", "ENOUGH", "NEIGHBOUR", "Due", "Plan", "Progress", "due", "planned"]

#: Who is killed, and who trades beside it and writes to the same journal.
CLIENT_ID, NEIGHBOUR = 7, 8
#: A thousand kills meet every kind and every step so often at least.
ENOUGH = 20


@attrs.frozen
class Plan:
    """What one child does.

    Attributes:
        number: Which child it is.
        seed: Of what it does.
        port: The gateway's.
        file: The journal.
        sync: Its sync policy.
        plain: On asyncio, instead of uvloop.
        kind: The name of the kill.
        point: The step at which it is killed; empty if somebody else kills it, or nobody.
        passes: At the so manieth pass.
        action: What it does then; empty if the step comes while it starts.
        before: What happened before it starts.
        client_id: Who it is.
    """

    number: int
    seed: int
    port: int
    file: Path
    sync: str
    plain: bool
    kind: str
    point: str = ""
    passes: int = 1
    action: str = ""
    before: str = ""
    client_id: int = CLIENT_ID


@attrs.define
class Progress:
    """How far a run is.

    Attributes:
        seed: Of all of it.
        done: How many clients have been killed.
        kinds: How often each kind.
        points: How often each step.
        seconds: How long it has run.
        orders: How many orders the gateways have taken.
        fills: How many executions were compared.
    """

    seed: int
    done: int = 0
    kinds: dict[str, int] = attrs.Factory(dict)
    points: dict[str, int] = attrs.Factory(dict)
    seconds: float = 0.0
    orders: int = 0
    fills: int = 0

    def met(self, due: Due) -> None:
        """A client was killed."""
        self.done += 1
        self.kinds[due.kind] = self.kinds.get(due.kind, 0) + 1
        self.points[due.step] = self.points.get(due.step, 0) + 1

    def least(self, kinds: Collection[str]) -> list[tuple[int, str]]:
        """How often each of these kinds, and each of their steps, was met; the rarest first."""
        steps = {step for name in kinds for step in KINDS[name].steps}
        met = [(self.kinds.get(name, 0), f"kind {name}") for name in kinds]
        return sorted(met + [(self.points.get(step, 0), f"step {step}") for step in steps])


@attrs.frozen
class Due:
    """A kill that comes next.

    Attributes:
        kind: Its kind.
        step: Its step.
    """

    kind: str
    step: str


def due(progress: Progress, kinds: Mapping[str, Kind]) -> Due:
    """What was met least often, of what is possible now; chance decides between equals.

    Args:
        progress: What there was. That alone says what comes next, so that a run can be taken up.
        kinds: The kinds that are possible.
    """
    chance = random.Random(f"{progress.seed}:{progress.done}:due")
    seen, passed = Counter(progress.kinds), Counter(progress.points)

    def rank(due: Due) -> tuple[int, int, bool, int, float]:
        kind, step = seen[due.kind], passed[due.step]
        # What is seldom possible goes first, and a little ahead of the others.
        needs = kinds[due.kind].needs
        return min(kind, step) - (needs == "new"), kind, not needs, step, chance.random()

    each = [Due(name, step) for name, kind in kinds.items() for step in kind.steps]
    return min(each, key=rank)


def planned(progress: Progress, due: Due, round_: Mapping[str, object]) -> Plan:
    """All that the client does which is killed so."""
    chance = random.Random(f"{progress.seed}:{progress.done}")
    kind = KINDS[due.kind]
    return Plan(
        number=progress.done,
        seed=chance.randrange(2**32),
        kind=due.kind,
        point=due.step if kind.points else "",
        passes=chance.randint(1, kind.passes),
        action=chance.choice(kind.actions) if kind.actions else "",
        before=kind.before,
        plain=chance.random() < 0.3,
        **round_,  # type: ignore[arg-type]
    )
