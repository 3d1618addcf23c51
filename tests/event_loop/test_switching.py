"""Python's switch interval: set while a loop that asks for one runs, and given back."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from tests.conftest import LoopFactory
from tests.support.clients import settings
from twsloop.config import Config
from twsloop.connection import IBKRConnection
from twsloop.errors import ConfigError, LoopError
from twsloop.event_loop import IBKREventLoop

FOUND, SHORT, SHORTER = 0.004, 0.001, 0.0005


@pytest.fixture(autouse=True)
def found() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(FOUND)
    yield
    sys.setswitchinterval(before)


def interval() -> float:
    """Python keeps it in whole microseconds."""
    return round(sys.getswitchinterval(), 5)


def test_it_is_set_while_the_loop_runs_and_restored_when_it_stops(
    loop_factory: LoopFactory,
) -> None:
    loop = IBKREventLoop(loop_factory=loop_factory, switch_interval=SHORT)
    assert interval() == FOUND
    for _ in range(2):
        loop.start()
        assert interval() == SHORT
        loop.stop()
        assert interval() == FOUND


def test_a_loop_that_asks_for_none_leaves_it_alone() -> None:
    loop = IBKREventLoop()
    loop.start()
    assert interval() == FOUND
    loop.stop()
    assert interval() == FOUND


@pytest.mark.parametrize("first", ["the shorter", "the longer"])
def test_of_several_loops_the_shortest_counts_and_the_last_restores(first: str) -> None:
    short, shorter = (IBKREventLoop(switch_interval=wanted) for wanted in (SHORT, SHORTER))
    short.start()
    assert interval() == SHORT
    shorter.start()
    assert interval() == SHORTER
    order = (shorter, short) if first == "the shorter" else (short, shorter)
    order[0].stop()
    assert interval() == (SHORT if first == "the shorter" else SHORTER)
    order[1].stop()
    assert interval() == FOUND


def test_two_that_ask_for_the_same_are_two() -> None:
    loops = [IBKREventLoop(switch_interval=SHORT) for _ in range(2)]
    for loop in loops:
        loop.start()
    loops[0].stop()
    assert interval() == SHORT
    loops[1].stop()
    assert interval() == FOUND


def test_what_somebody_else_has_set_meanwhile_stays() -> None:
    loop, other = IBKREventLoop(switch_interval=SHORT), IBKREventLoop(switch_interval=SHORTER)
    loop.start()
    sys.setswitchinterval(0.02)
    other.start()
    assert interval() == 0.02
    other.stop()
    loop.stop()
    assert interval() == 0.02


def test_a_loop_that_cannot_be_made_gives_it_back() -> None:
    def broken() -> object:
        raise OSError("no more descriptors")

    loop = IBKREventLoop(loop_factory=broken, switch_interval=SHORT)  # type: ignore[arg-type]
    with pytest.raises(LoopError):
        loop.start()
    assert interval() == FOUND


def test_loops_that_start_and_stop_at_once_give_it_back() -> None:
    def run(wanted: float) -> None:
        for _ in range(10):
            loop = IBKREventLoop(switch_interval=wanted)
            loop.start()
            loop.stop()

    threads = [threading.Thread(target=run, args=(0.001 * n,)) for n in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert interval() == FOUND


def test_the_setting_is_the_loop_s() -> None:
    app = IBKRConnection(settings(1, **{"loop.switch_interval": SHORT}))
    app.event_loop.start()
    assert interval() == SHORT
    app.event_loop.stop()
    assert interval() == FOUND
    assert Config().loop.switch_interval is None


@pytest.mark.parametrize("wrong", ["0", "1.5", "often"])
def test_what_is_no_interval_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="switch_interval"):
        Config.load(environ={}, overrides={"loop.switch_interval": wrong})
