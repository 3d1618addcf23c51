"""What every test shares: both event loops, and the Hypothesis profiles."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
import uvloop
from hypothesis import HealthCheck, settings

import tests.support.live  # noqa: F401  (it takes its variables out of the environment)

settings.register_profile(
    "dev", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", max_examples=100, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("nightly", max_examples=5000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    and threading.current_thread() is threading.main_thread()
):
    # A shell that starts us in the background has SIGINT ignored, and so would every program that
    # a test starts and then interrupts. With a handler of our own, they start with the default.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Make half a million objects without a look at them in between: they stay to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.fixture(scope="module", autouse=True)
def what_stays() -> None:
    """Keep what stays out of the garbage collector's sight: of a module's tests it sees their own.

    To look at all the tests and at all the caches of the modules before takes a third of a second,
    each time that a test, or Python by itself, collects what is no longer used.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A home for the tests alone: what a session remembers there is no part of anybody's own."""
    folder = str(tmp_path_factory.mktemp("home"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", folder)
        patch.setenv("USERPROFILE", folder)
        # Programs that tests start share that home: their orders would be each other's.
        patch.setenv("TWSLOOP_JOURNAL_ENABLED", "no")
        yield


@pytest.fixture(
    params=[
        pytest.param(("asyncio", {"debug": True}), id="asyncio"),
        pytest.param(("asyncio", {"loop_factory": uvloop.new_event_loop}), id="uvloop"),
    ]
)
def anyio_backend(request: pytest.FixtureRequest) -> object:
    """Run every async test on both loops."""
    return request.param


@pytest.fixture(params=["asyncio", "uvloop"])
def loop_factory(request: pytest.FixtureRequest) -> LoopFactory:
    """The loop that an IBKREventLoop thread shall run, for tests that start threads."""
    factories: dict[str, LoopFactory] = {
        "asyncio": asyncio.new_event_loop,
        "uvloop": uvloop.new_event_loop,
    }
    return factories[request.param]
