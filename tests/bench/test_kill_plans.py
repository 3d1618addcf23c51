"""What a run of kills draws: everything often enough, and the same after it was taken up again."""

from __future__ import annotations

import json

import attrs
import pytest

from bench.kills.kinds import ANY_TIME, KINDS, Kind
from bench.kills.plans import ENOUGH, Due, Progress, due

KILLS, ROUND = 1000, 25


def possible(number: int, made: bool) -> dict[str, Kind]:
    """The kinds of a round, which begins without the newest schema, every third with old days."""
    slate = number % 4 != 3  # sync = normal
    here = {"": True, "old": made and number % 3 == 0, "new": not made}
    here |= {"slate": slate, "left": slate and made}
    return {name: kind for name, kind in KINDS.items() if here[kind.needs]}


def whole(progress: Progress, until: int) -> list[Due]:
    """The kills that are drawn up to a number."""
    drawn, made = [], False
    while progress.done < until:
        number, place = divmod(progress.done, ROUND)
        made = made and place > 0
        comes = due(progress, possible(number, made))
        # Any client that is not killed before makes the schema.
        made = made or comes.step not in {"schema_begun", "schema_made"}
        progress.met(comes)
        drawn.append(comes)
    return drawn


@pytest.mark.parametrize("seed", range(3))
def test_a_thousand_kills_meet_every_kind_and_every_step_often_enough(seed: int) -> None:
    progress = Progress(seed)
    whole(progress, KILLS)
    least, name = progress.least(KINDS)[0]
    assert least >= ENOUGH, name
    assert sum(progress.kinds.values()) == sum(progress.points.values()) == KILLS
    steps = {step for kind in KINDS.values() for step in kind.steps}
    assert set(progress.kinds) == set(KINDS)
    assert set(progress.points) == steps
    assert ANY_TIME in steps


@pytest.mark.parametrize("broken_off", [ROUND, 2 * ROUND])
def test_a_run_that_is_taken_up_again_draws_the_same(broken_off: int) -> None:
    at_once = whole(Progress(7), 75)
    first = Progress(7)
    begun = whole(first, broken_off)
    again = Progress(**json.loads(json.dumps(attrs.asdict(first))))
    assert begun + whole(again, 75) == at_once
    assert whole(Progress(8), 75) != at_once


def test_only_what_is_possible_is_drawn() -> None:
    progress = Progress(1)
    for _ in range(50):
        comes = due(progress, possible(3, made=True))
        assert KINDS[comes.kind].needs in {"", "old"}  # it is a round with sync = full
        progress.met(comes)
