"""Sessions of our client with a paper gateway that a test steers, for each protocol and loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.desk import config_for
from twsloop import IBGateway, PaperGateway

__all__ = ["SESSIONS", "open_session"]

#: Server version and loop of each session: both protocols, and both loops.
SESSIONS = {"protobuf-uvloop": (225, None), "text-asyncio": (200, asyncio.new_event_loop)}


@contextmanager
def open_session(name: str, **paper: Any) -> Iterator[tuple[PaperGateway, IBGateway]]:
    """A paper gateway, and a READY session with it.

    Args:
        name: A key of `SESSIONS`.
        paper: Options of the paper gateway.
    """
    version, loop_factory = SESSIONS[name]
    with (
        PaperGateway(max_version=version, **paper) as gateway,
        IBGateway(config_for(gateway), loop_factory=loop_factory) as client,
    ):
        yield gateway, client
