"""Answers that are remembered: how old they may be, over restarts, apart by gateway; bad files."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ibapi.contract import ContractDetails

from tests.conftest import LoopFactory
from twsloop.contracts import cache as cache_module
from twsloop.contracts.cache import AnswerCache, source_of
from twsloop.event_loop import IBKREventLoop

HOUR = timedelta(hours=1)


class Place:
    """A loop, a time that a test sets, and caches on it."""

    def __init__(self, loop: IBKREventLoop, folder: Path) -> None:
        self.loop = loop
        self.file = folder / "contracts.db"
        self.now = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
        self.source = "here"

    def cache(self, file: Path | None) -> AnswerCache:
        return AnswerCache(self.loop, lambda: self.now, lambda: self.source, file)

    def run(self, work: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> Any:
        return self.loop.call(work, *args, timeout=10)

    def get(self, cache: AnswerCache, key: Any = "AAPL", age: timedelta = HOUR) -> Any:
        found = self.run(cache.get, "details", key, age)
        return None if found is None else found.value

    def put(self, cache: AnswerCache, value: Any, key: Any = "AAPL") -> None:
        self.loop.call(cache.put, "details", key, value, timeout=10)

    def restart(self) -> None:
        self.loop.stop()
        self.loop.start()


@pytest.fixture
def place(loop_factory: LoopFactory, tmp_path: Path) -> Iterator[Place]:
    loop = IBKREventLoop(name="cache", loop_factory=loop_factory)
    loop.start()
    yield Place(loop, tmp_path)
    loop.stop()


@pytest.mark.parametrize("kept", [True, False], ids=["file", "memory"])
def test_an_answer_is_known_until_it_is_old(place: Place, kept: bool) -> None:
    cache = place.cache(place.file if kept else None)
    assert place.get(cache) is None
    assert cache.empty
    place.put(cache, [1])
    assert not cache.empty
    assert place.get(cache) == [1]
    assert cache.peek("details", "AAPL", HOUR) == [1]
    place.now += HOUR
    assert place.get(cache) is None
    assert cache.peek("details", "AAPL", HOUR) is None
    assert place.get(cache, age=2 * HOUR) == [1]


def test_the_next_run_knows_it(place: Place) -> None:
    details = ContractDetails()
    details.longName = "APPLE INC"
    place.put(place.cache(place.file), [details])
    place.restart()
    (back,) = place.get(place.cache(place.file))
    assert back.longName == "APPLE INC"


def test_one_cache_lives_on_over_a_restart_of_the_loop(place: Place) -> None:
    cache = place.cache(place.file)
    place.put(cache, [1])
    place.restart()
    place.put(cache, [2], "MSFT")
    assert (place.get(cache), place.get(cache, "MSFT")) == ([1], [2])
    place.restart()
    assert place.get(place.cache(place.file), "MSFT") == [2]


def test_gateways_are_kept_apart(place: Place) -> None:
    cache = place.cache(place.file)
    place.put(cache, [1])
    place.source = "there"
    assert place.get(cache) is None
    assert source_of("h", 1, ("DU2", "DU1")) == source_of("h", 1, ("DU1", "DU2"))
    others = [source_of("h", 2, ("DU1",)), source_of("h", 1, ("DU1",)), source_of("i", 1, ("DU1",))]
    assert len(set(others)) == 3
    assert "DU1" not in others[0]


def test_a_clock_that_was_set_back_makes_nothing_young(place: Place) -> None:
    cache = place.cache(None)
    place.put(cache, [1])
    place.now -= HOUR
    assert place.get(cache) is None


def test_what_is_being_written_is_forgotten_too(place: Place) -> None:
    cache = place.cache(place.file)

    async def forget_amid_the_writing() -> None:
        await cache.get("details", "nothing", HOUR)  # the file is open
        for number in range(20):
            cache.put("details", number, [number])
        for _ in range(5):
            await asyncio.sleep(0)
        await cache.forget()

    place.run(forget_amid_the_writing)
    place.restart()
    again = place.cache(place.file)
    assert [place.get(again, number) for number in range(20)] == [None] * 20


def test_forget_is_for_memory_and_file(place: Place) -> None:
    cache = place.cache(place.file)
    place.put(cache, [1])
    place.restart()
    place.run(cache.forget)
    assert place.get(cache) is None
    assert place.get(place.cache(place.file)) is None


def test_memory_has_an_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache_module, "MEMORY_LIMIT", 5)
    cache = place.cache(None)
    for number in range(4):
        place.put(cache, [number, number], number)
    known = [number for number in range(4) if place.get(cache, number) is not None]
    assert known == [2, 3]


def test_what_is_too_large_is_not_remembered(place: Place) -> None:
    cache = place.cache(place.file)
    place.put(cache, [1])
    place.put(cache, list(range(cache_module.LARGEST + 1)))
    assert place.get(cache) == [1], "what was known is not lost"
    place.put(cache, list(range(cache_module.LARGEST)))
    assert len(place.get(cache)) == cache_module.LARGEST


def test_what_is_too_old_for_anybody_is_thrown_away(place: Place) -> None:
    place.put(place.cache(place.file), [1])
    place.restart()
    place.now += timedelta(days=366)
    place.get(place.cache(place.file))
    place.restart()
    with sqlite3.connect(place.file) as file:
        assert file.execute("SELECT count(*) FROM answer").fetchone() == (0,)


def spoil(file: Path, how: str) -> None:
    if how == "noise":
        file.write_bytes(b"this was a database once" * 100)
    elif how == "folder":
        file.mkdir()
    else:
        with sqlite3.connect(file) as other:
            other.execute("CREATE TABLE answer (of TEXT)")


@pytest.mark.parametrize("how", ["noise", "folder", "other"])
def test_a_bad_file_is_one_warning_and_no_more(
    place: Place, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    spoil(place.file, how)
    cache = place.cache(place.file)
    with caplog.at_level(logging.WARNING):
        assert place.get(cache) is None
        place.put(cache, [1])
        assert place.get(cache) == [1]
        place.put(cache, [2], "MSFT")
        place.restart()
    assert cache.broken
    (warning,) = [record for record in caplog.records if "remembered" in record.message]
    assert str(place.file) in warning.message
    assert "[contracts] cache = no" in warning.message


def test_a_row_that_cannot_be_read_is_asked_for_anew(place: Place) -> None:
    cache = place.cache(place.file)
    place.put(cache, [1])
    place.restart()
    with sqlite3.connect(place.file) as file:
        file.execute("""UPDATE answer SET body = '{"$":"Unheard"}'""")
    fresh = place.cache(place.file)
    assert place.get(fresh) is None
    place.put(fresh, [2])
    place.restart()
    assert place.get(place.cache(place.file)) == [2]


def test_a_file_that_is_spoiled_while_open_is_given_up(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    cache = place.cache(place.file)
    place.get(cache)
    with sqlite3.connect(place.file) as file:
        file.execute("DROP TABLE answer")
    with caplog.at_level(logging.WARNING):
        assert place.get(cache) is None
    assert cache.broken
    place.put(cache, [1])
    assert place.get(cache) == [1]
