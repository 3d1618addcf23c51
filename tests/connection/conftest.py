"""Nothing may go wrong behind a test's back: what asyncio only logs fails the test, too."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest


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
