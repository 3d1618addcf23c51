"""What the gateway counts of a client."""

from __future__ import annotations

import pytest

from tests.support.desk import open_desk


@pytest.mark.parametrize("version", [225, 200])
def test_messages_are_counted_by_name(version: int) -> None:
    with open_desk(version=version) as desk:
        desk.settle()  # behind the positions that a session asks for by itself
        before = desk.paper.stats["clients"][desk.gateway._tws.client_id]
        desk.settle()
        desk.settle()
        after = desk.paper.stats["clients"][desk.gateway._tws.client_id]
    assert after["kinds"]["positionEnd"] == before["kinds"].get("positionEnd", 0) + 2
    assert sum(after["kinds"].values()) == after["messages"]
