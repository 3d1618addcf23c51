"""Who is told of what happens to a connection."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from twsloop.connection.hooks import Hooks
from twsloop.events import Fact
from twsloop.processors import Registry
from twsloop.session.state import State

FACT = Fact(time=datetime(2026, 11, 20, tzinfo=UTC), correlation_id="session-1-1")


@pytest.fixture
def failures() -> list[str]:
    return []


@pytest.fixture
def hooks(failures: list[str]) -> Hooks:
    return Hooks(Registry(lambda _name, error: failures.append(str(error))))


def test_one_that_raises_keeps_nobody_from_being_told(hooks: Hooks, failures: list[str]) -> None:
    told: list[object] = []

    def broken(*_args: object) -> None:
        msg = "broken"
        raise ValueError(msg)

    hooks.on_session(broken)
    hooks.on_session(lambda state, reason: told.append((state, reason)))
    hooks.on_fact(broken)
    hooks.on_fact(told.append)
    hooks.on_down(broken)
    hooks.on_down(lambda: told.append("down"))
    hooks.session(State.READY, "everything may be asked")
    hooks.fact(FACT)
    hooks.down()
    assert told == [(State.READY, "everything may be asked"), FACT, "down"]
    assert failures == ["broken"] * 3


def test_who_comes_or_goes_meanwhile_counts_from_the_next_time_on(hooks: Hooks) -> None:
    told: list[str] = []

    def first(_fact: Fact) -> None:
        told.append("first")
        end_second()
        if len(told) == 1:
            hooks.on_fact(lambda _fact: told.append("third"))

    hooks.on_fact(first)
    end_second = hooks.on_fact(lambda _fact: told.append("second"))
    hooks.fact(FACT)
    assert told == ["first", "second"]
    hooks.fact(FACT)
    assert told[2:] == ["first", "third"]
    end_second()


async def test_hooks_of_both_kinds_run_before_each_attempt(hooks: Hooks) -> None:
    ran: list[str] = []

    async def slowly() -> None:
        await asyncio.sleep(0)
        ran.append("awaited")

    hooks.connect.extend((slowly, lambda: ran.append("called")))
    await hooks.connecting()
    assert ran == ["awaited", "called"]
