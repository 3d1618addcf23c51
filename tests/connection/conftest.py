"""Nothing may go wrong behind a test's back: what asyncio only logs fails the test, too."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest

from tests.support.asking import Wire, opened, session
from tests.support.scripted import ScriptedServer


class _Keeper(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(autouse=True)
def nothing_behind_our_back() -> Iterator[None]:
    """No fatal error in a protocol, no task destroyed, no exception that nobody looked at."""
    keeper = _Keeper()
    logging.getLogger("asyncio").addHandler(keeper)
    yield
    gc.collect()  # what was left lying about complains when it goes
    logging.getLogger("asyncio").removeHandler(keeper)
    assert keeper.lines == []


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A text gateway that notes the requests of the newest `Wire`."""
    with ScriptedServer(session) as server:
        yield server


@pytest.fixture
def wire(server: ScriptedServer) -> Iterator[Wire]:
    """A client on a ManualClock, connected to it."""
    yield from opened(Wire(server))
