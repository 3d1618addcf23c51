"""What every other test here stands on."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.capabilities.conftest import PATIENCE, SESSIONS
from twsloop import Config, IBGateway


def test_the_session_speaks_the_protocol_and_runs_on_the_loop_that_its_name_says(
    place: tuple[str, Config, Any], gw: IBGateway, is_live: bool
) -> None:
    name = place[0]
    if not is_live:
        assert gw.serverVersion() == SESSIONS[name][0]
        kind = gw.event_loop.call(lambda: type(asyncio.get_running_loop()).__module__)
        assert kind.startswith("uvloop") is name.endswith("uvloop")
    assert gw.isConnected()


def test_positions_come_to_an_end(gw: IBGateway) -> None:
    assert isinstance(gw.account.positions().result(PATIENCE), list)
