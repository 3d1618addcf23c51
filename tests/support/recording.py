"""Waiting for a recorder that runs on the test's own loop."""

from __future__ import annotations

import asyncio
from typing import Any

from twsloop.paper.tape.recorder import Recorder

__all__ = ["settled"]

PATIENCE = 10.0


async def settled(recorder: Recorder) -> None:
    """Wait until no session is open."""
    over = asyncio.Event()
    observer = recorder._observer

    def look(event: str, fields: dict[str, Any]) -> None:
        if observer is not None:
            observer(event, fields)
        if not recorder.counts.open:
            over.set()

    recorder._observer = look
    try:
        if recorder.counts.open:
            async with asyncio.timeout(PATIENCE):
                await over.wait()
    finally:
        recorder._observer = observer
