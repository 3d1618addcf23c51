"""How long a subscription may be silent, and what its silence means."""

from __future__ import annotations

import itertools
from typing import Any

import attrs
import pytest

from twsloop.clock import ManualClock
from twsloop.connection.life import Life, LifeFact, StreamStatus
from twsloop.connection.patience import BEATS, LONGEST_SILENCE_S, Patience

SILENT_AFTER = 5.0
OPEN_NOW: dict[Any, bool | None] = {"open": False, "closed": True, "unknown": None}


@attrs.define(eq=False)
class Quiet:
    """What has a life that nobody asks anything of."""

    received: float | None = None
    max_silence: float | None = None
    asked: bool = True

    def redo(self, reason: str) -> None:
        raise AssertionError(reason)

    def changed(self) -> None:
        raise AssertionError

    def resumed(self) -> None:
        raise AssertionError

    def tell(self, fact: LifeFact) -> None:
        raise AssertionError(fact)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def patience(clock: ManualClock) -> Patience:
    return Patience(clock, SILENT_AFTER, OPEN_NOW.__getitem__)


def life(vital: Quiet | None = None, **about: Any) -> Life:
    made = Life("it", vital or Quiet())
    for name, value in about.items():
        setattr(made, name, value)
    return made


def test_it_is_lively_for_a_while_after_it_told_something(
    clock: ManualClock, patience: Patience
) -> None:
    assert not patience.is_lively(life())
    heard, beats = life(Quiet(received=0.0)), life(Quiet(received=0.0), rhythm=10.0)
    clock.advance(SILENT_AFTER)
    assert patience.is_lively(heard)
    clock.advance(0.1)
    assert not patience.is_lively(heard)
    clock.advance(BEATS * 10.0 - SILENT_AFTER - 0.1)
    assert patience.is_lively(beats)
    clock.advance(0.1)
    assert not patience.is_lively(beats)


def test_pauses_double_up_to_a_limit_and_a_holders_limit_does_not(patience: Patience) -> None:
    assert [patience.pause(life(attempts=n)) for n in (0, 1, 2, 6, 7, 1000)] == [
        *(5.0, 10.0, 20.0, 320.0),
        *(LONGEST_SILENCE_S, LONGEST_SILENCE_S),
    ]
    assert patience.pause(life(rhythm=300.0)) == 900.0
    assert patience.pause(life(rhythm=300.0, attempts=3)) == 900.0
    limited = Quiet(max_silence=2.0)
    assert [patience.pause(life(limited, attempts=n)) for n in (0, 5)] == [2.0, 2.0]
    assert patience.pause(life(limited, apart=15.0)) == 15.0


def test_a_request_without_an_answer_is_looked_at_where_something_may_be_missing(
    patience: Patience,
) -> None:
    assert not patience.awaits(life())
    assert patience.awaits(life(status=StreamStatus.INTERRUPTED))
    assert patience.awaits(life(doubtful=True))
    assert patience.awaits(life(Quiet(max_silence=2.0)))


@pytest.mark.parametrize(
    ("contract", "lively"), list(itertools.product(["open", "closed", "unknown", None], [0, 1]))
)
def test_silence_of_what_is_traded_or_was_lively_is_worth_another_request(
    patience: Patience, contract: str | None, lively: int
) -> None:
    """Known hours decide; where nobody knows them, whether it was lively before."""
    one = life(status=StreamStatus.INTERRUPTED, contract=contract, lively=bool(lively))
    expected = {"open": True, "closed": False}.get(contract or "", bool(lively))
    assert patience.worth_another(one) is expected


def test_what_answers_or_is_new_or_limited_is_asked_for_and_what_is_quiet_is_not(
    patience: Patience,
) -> None:
    interrupted = StreamStatus.INTERRUPTED
    assert patience.worth_another(life(status=interrupted, answers=True))
    assert patience.worth_another(life())
    assert not patience.worth_another(life(attempts=1))
    assert not patience.worth_another(life(quiet=True, answers=True))
    assert patience.worth_another(life(Quiet(max_silence=2.0), quiet=True))
