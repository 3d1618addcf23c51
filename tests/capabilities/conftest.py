"""A session for each protocol and each event loop, and for a real paper account if there is one.

What stands in these folders' tests holds for any gateway: a paper gateway of ours, in both
protocols, on asyncio and on uvloop; and a real one, whose port ``TWSLOOP_LIVE_PORT`` names (and its
host ``TWSLOOP_LIVE_HOST``). A real one has to be logged in to paper accounts: one account that does
not start with DU fails every test here before anything is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.desk import config_for
from tests.support.live import LIVE_HOST, LIVE_PORT
from tests.support.paper_only import require_paper_accounts
from twsloop import Config, IBGateway, PaperGateway
from twsloop.event_loop import default_loop_factory

#: Protocol version and event loop of each session with our own paper gateway.
SESSIONS = {
    "protobuf-asyncio": (225, asyncio.new_event_loop),
    "protobuf-uvloop": (225, None),
    "text-asyncio": (200, asyncio.new_event_loop),
    "text-uvloop": (200, None),
}
#: What an answer may take; a real gateway is far away, seconds.
PATIENCE = 30.0


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that takes a session takes each of them."""
    if "place" in metafunc.fixturenames:
        live = pytest.param("live", marks=pytest.mark.live)
        metafunc.parametrize("place", [*SESSIONS, live], scope="module", indirect=True)


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest) -> Iterator[tuple[str, Config, Any]]:
    """Where to connect: the name of the session, its settings, its loop."""
    name: str = request.param
    if name == "live":
        yield name, live_config(), None
        return
    version, loop_factory = SESSIONS[name]
    if loop_factory is None and default_loop_factory() is asyncio.new_event_loop:
        pytest.skip("uvloop is not installed")
    # A module may say how its paper gateway is made.
    with PaperGateway(max_version=version, **getattr(request.module, "PAPER", {})) as paper:
        yield name, config_for(paper), loop_factory


def live_config() -> Config:
    """The settings of the real paper gateway; skips where none is named."""
    if not LIVE_PORT:
        pytest.skip("TWSLOOP_LIVE_PORT names no gateway")
    return Config.load(overrides={"connection.host": LIVE_HOST, "connection.port": int(LIVE_PORT)})


@pytest.fixture(scope="module")
def gw(place: tuple[str, Config, Any]) -> Iterator[IBGateway]:
    """A READY session, on paper accounts only, shared by a module's tests."""
    _, config, loop_factory = place
    with IBGateway(config, loop_factory=loop_factory) as gateway:
        require_paper_accounts(gateway.accounts)
        yield gateway


@pytest.fixture(scope="module")
def is_live(place: tuple[str, Config, Any]) -> bool:
    """Whether this is a real gateway, whose market may be closed."""
    return place[0] == "live"
