"""What the gateway counts of a client."""

from __future__ import annotations

import pytest

from tests.support.desk import open_desk


@pytest.mark.parametrize("version", [225, 200])
def test_messages_are_counted_by_name(version: int) -> None:
    # No session asks for positions by itself: only those that are asked for here are counted.
    with open_desk(version=version, orders__compare_positions=False) as desk:
        before = desk.paper.stats["clients"][desk.gateway._tws.client_id]
        desk.settle()
        desk.settle()
        after = desk.paper.stats["clients"][desk.gateway._tws.client_id]
    assert after["kinds"]["positionEnd"] == before["kinds"].get("positionEnd", 0) + 2
    assert sum(after["kinds"].values()) == after["messages"]
