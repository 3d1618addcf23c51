"""Scans, on any gateway."""

from __future__ import annotations

import pytest

from tests.capabilities.conftest import PATIENCE
from twsloop import IBGateway
from twsloop.errors import RequestError
from twsloop.scanner.builders import market_scan


def test_what_can_be_scanned_is_listed(gw: IBGateway) -> None:
    parameters = gw.scanner.parameters().result(PATIENCE)
    scan = market_scan("TOP_PERC_GAIN", rows=5, above_price=1)
    assert parameters.problems(scan, {"avgVolumeAbove": 1}) == []
    assert parameters.problems(market_scan("NO_SUCH"))


def test_a_scan_gives_rows_by_rank(gw: IBGateway) -> None:
    scan = market_scan("MOST_ACTIVE", rows=5, above_price=1)
    rows = gw.scanner.scan(scan, {"avgVolumeAbove": 1000}).result(PATIENCE)
    assert 0 < len(rows) <= 5
    assert [row.rank for row in rows] == sorted(row.rank for row in rows)
    assert all(row.contract.conId and row.symbol for row in rows)


def test_a_scan_goes_on_until_it_is_cancelled(gw: IBGateway) -> None:
    with gw.scanner.follow(market_scan("MOST_ACTIVE", rows=5)) as stream:
        rows = next(stream.items(PATIENCE))
        assert len(rows) <= 5
    assert stream.done.result(PATIENCE) == rows


def test_an_unknown_scan_is_an_error(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as caught:
        gw.scanner.scan("NO_SUCH_SCAN").result(PATIENCE)
    assert caught.value.code in {162, 321, 322}


async def test_a_scan_is_awaited_as_well(gw: IBGateway) -> None:
    assert len(await gw.scanner.scan(market_scan("MOST_ACTIVE", rows=2))) <= 2
