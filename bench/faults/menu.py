"""What may happen, how often, and with what: drawn from a seed and a number, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import attrs

__all__ = ["MENU", "Planned", "draw"]

Draw = Callable[[random.Random], dict[str, Any]]


@attrs.frozen
class Planned:
    """One fault.

    Attributes:
        name: Of the table of faults.
        options: Its parameters.
        client: Whom it hits; None: all.
        lasting: How long it lasts, seconds; None for what is over at once.
    """

    name: str
    options: dict[str, Any]
    client: int | None
    lasting: float | None


@attrs.frozen
class _Dish:
    weight: int
    options: Draw
    lasting: tuple[float, float] | None = None
    all_clients: bool = False


def _plain(_chance: random.Random) -> dict[str, Any]:
    return {}


def _one_of(key: str, *values: Any) -> Draw:
    return lambda chance: {key: chance.choice(values)}


MENU: Mapping[str, _Dish] = MappingProxyType(
    {
        "half_open": _Dish(4, _one_of("direction", "both", "read", "write"), (0.1, 2.0)),
        "reset": _Dish(4, _plain),
        "wedge": _Dish(2, _one_of("stage", "connect", "hello", "start"), (0.2, 2.0), True),
    }
)


def draw(seed: int, number: int) -> Planned:
    """The fault of that number."""
    chance = random.Random(f"{seed}:{number}")
    names = list(MENU)
    (name,) = chance.choices(names, [MENU[one].weight for one in names])
    dish = MENU[name]
    client = None if dish.all_clients else chance.choice((None, 1, 2))
    lasting = None if dish.lasting is None else round(chance.uniform(*dish.lasting), 2)
    return Planned(name, dish.options(chance), client, lasting)
