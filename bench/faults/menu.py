"""What may happen, how often, and with what: drawn from a seed and a number, and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
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


def _some(**choices: Sequence[Any]) -> Draw:
    return lambda chance: {key: chance.choice(values) for key, values in choices.items()}


FARMS = ("usfarm", "usfarm.nj", "ushmds", "secdefnj")
#: Messages whose loss the lists of the gateway make good.
LOST = ("orderStatus", "openOrder", "execDetails", "commissionAndFeesReport", "currentTime")
REPORTS = ("execDetails", "commissionAndFeesReport", "orderStatus", "openOrder", "cancelled")
ANSWERS = ("openOrderEnd", "execDetailsEnd", "completedOrdersEnd", "positionEnd", "nextValidId")
SHORT, LONG = (0.1, 1.0), (0.2, 2.0)

MENU: Mapping[str, _Dish] = MappingProxyType(
    {
        # links
        "half_open": _Dish(6, _some(direction=("both", "read", "write")), LONG),
        "reset": _Dish(5, _plain),
        "close": _Dish(5, _plain),
        "cut": _Dish(3, _some(most=(1, 7, 100, 5000)), LONG),
        "bursts": _Dish(3, _some(quiet=(0.1, 1.5)), LONG),
        "slow_drip": _Dish(2, _some(size=(50, 500), interval=(0.005, 0.02)), SHORT),
        "delay": _Dish(3, _some(seconds=(0.02, 0.2), jitter=(0.0, 0.1)), LONG),
        "duplicate": _Dish(3, _some(copies=(1, 3)), LONG),
        "garbage": _Dish(3, _some(kind=("message", "frame", "bytes"), size=(1, 64, 5000))),
        "oversized": _Dish(1, _some(length=(0xFFFFFF + 1, 0xFFFFFFFF))),
        "truncated": _Dish(2, _some(keep=(1, 4, 9)), LONG),
        # doors
        "wedge": _Dish(3, _some(stage=("connect", "hello", "start")), LONG, all_clients=True),
        "refuse": _Dish(3, _plain, LONG, all_clients=True),
        "close_in_handshake": _Dish(
            3,
            _some(stage=("connect", "hello", "answered", "start"), how=("close", "reset")),
            SHORT,
            all_clients=True,
        ),
        "split_hello": _Dish(3, _some(gap=(0.0, 0.1)), LONG, all_clients=True),
        "coalesce_hello": _Dish(3, _some(notices=(1, 20)), LONG, all_clients=True),
        "bad_hello": _Dish(
            2, _some(kind=("words", "empty", "one_field", "unframed")), SHORT, all_clients=True
        ),
        "id_in_use": _Dish(2, _plain, LONG),
        "ghost": _Dish(2, _some(seconds=(0.5, 2.0)), SHORT),
        "max_clients": _Dish(1, _some(most=(0, 1)), LONG, all_clients=True),
        "strike": _Dish(2, _some(last=(1, 3))),
        # servers and farms
        "server_lost": _Dish(
            6, _some(data=("kept", "lost"), orders=("held", "refused")), LONG, all_clients=True
        ),
        "farm_down": _Dish(6, _some(farm=FARMS, forget=(False, True)), LONG, all_clients=True),
        "farm_idle": _Dish(2, _some(farm=FARMS), SHORT, all_clients=True),
        "live_bars_fail": _Dish(2, _plain),
        "depth_reset": _Dish(2, _plain),
        "competing_session": _Dish(2, _some(resume=(True, False)), LONG, all_clients=True),
        "depth_halted": _Dish(1, _plain),
        "bust_event": _Dish(1, _plain),
        "history_forgotten": _Dish(1, _plain),
        "history_refused": _Dish(1, _some(requests=(1, 2)), LONG),
        # Not "unseen": of an order that was told cancelled, and is in no list, nobody can know.
        "nightly_restart": _Dish(
            4,
            _some(
                away=(0.1, 1.0),
                next_id=("kept", "rolled_back", "reset", "advanced"),
                orders=("kept", "lost"),
                push=("usual", "before", "after", "never"),
            ),
            all_clients=True,
        ),
        "read_only": _Dish(1, _plain, LONG, all_clients=True),
        "clock_jump": _Dish(1, _some(seconds=(-3.0, 2.0)), all_clients=True),
        # messages
        "late_reports": _Dish(3, _some(kind=REPORTS, seconds=(0.05, 0.5)), LONG),
        "missing_reports": _Dish(3, _some(kind=REPORTS, reports=(1, 3)), LONG),
        "duplicate_reports": _Dish(3, _some(kind=REPORTS, times=(1, 3)), LONG),
        "reordered_reports": _Dish(3, _some(kind=REPORTS), LONG),
        "shuffled_reports": _Dish(3, _plain, LONG),
        "late_answers": _Dish(2, _some(answer=ANSWERS, seconds=(0.2, 1.0)), LONG),
        "missing_answers": _Dish(2, _some(answer=ANSWERS, answers=(1, 2)), LONG),
        "order_warning": _Dish(2, _plain),
        "inactive_then_alive": _Dish(2, _some(seconds=(0.05, 0.5))),
        "rejected_then_alive": _Dish(2, _some(seconds=(0.05, 0.5))),
        "cancelled_but_alive": _Dish(2, _plain),
        "bare_status": _Dish(2, _plain),
        "lose": _Dish(4, _some(message=LOST, most=(1, 3)), LONG),
    }
)


def draw(seed: int, number: int, names: Sequence[str] = tuple(MENU)) -> Planned:
    """The fault of that number, of those named."""
    chance = random.Random(f"{seed}:{number}")
    (name,) = chance.choices(names, [MENU[one].weight for one in names])
    dish = MENU[name]
    client = None if dish.all_clients else chance.choice((None, 1, 2))
    lasting = None if dish.lasting is None else round(chance.uniform(*dish.lasting), 2)
    return Planned(name, dish.options(chance), client, lasting)
