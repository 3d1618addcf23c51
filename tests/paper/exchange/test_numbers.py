"""Two gateways that began at different times give no id twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.exchange import Exchange

NOON = datetime(2026, 9, 28, 16, tzinfo=UTC)
LARGEST = 2**31 - 1


def ids(begun: datetime) -> tuple[str, int]:
    floor = Exchange().engine.floor
    floor.number_from(begun)
    return floor.ledger.family, floor.orders.take_perm_id()


@given(st.integers(0, 40 * 365 * 86400))
def test_permanent_ids_fit_the_wire(later: int) -> None:
    family, perm_id = ids(NOON + timedelta(seconds=later))
    assert 0 < perm_id < LARGEST - 10_000
    assert len(family) == 8
    assert int(family, 16) >= 0


@given(st.integers(1, 12 * 86400))
def test_another_start_gives_others(later: int) -> None:
    family, perm_id = ids(NOON)
    other_family, other_perm_id = ids(NOON + timedelta(seconds=later))
    assert family != other_family
    assert abs(perm_id - other_perm_id) >= 1000


def test_the_same_start_gives_the_same() -> None:
    assert ids(NOON) == ids(NOON)
