"""The store as a fetch uses it: apart by gateway, and done without when it is broken."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.desk import PATIENCE, config_for
from twsloop import IBGateway
from twsloop.history.keeping import Keeper
from twsloop.paper.server import PaperGateway

ASKED: dict[str, Any] = {"end": datetime(2026, 1, 10, tzinfo=UTC), "duration": "2 days"}


def gateway_of(paper: PaperGateway, store: Path, **more: Any) -> IBGateway:
    kept = {"history__store": True, "history__store_file": store, "contracts__cache": False}
    return IBGateway(config_for(paper, **kept, **more))


def requests(gateway: IBGateway) -> int:
    return gateway.history.bars("AAPL", **ASKED).result(PATIENCE).requests


@pytest.mark.parametrize("table", ["bar", "known"])
def test_a_store_that_breaks_later_is_done_without(
    paper_gateway: PaperGateway,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    table: str,
) -> None:
    store = tmp_path / "history.db"
    with caplog.at_level(logging.WARNING), gateway_of(paper_gateway, store) as gateway:
        assert requests(gateway) == 1
        with sqlite3.connect(store) as other:
            other.execute(f"DROP TABLE {table}")
        other.close()
        for _ in range(2):
            assert requests(gateway) == 1
    (record,) = [one for one in caplog.records if "history is not kept" in one.message]
    assert str(store) in record.message


def test_gateways_are_kept_apart_unless_they_are_one(
    make_paper_gateway: Callable[..., PaperGateway], tmp_path: Path
) -> None:
    one, other = make_paper_gateway(seed=1), make_paper_gateway(seed=1)
    for source, expected in ((None, [1, 1, 0]), ("made up", [1, 0, 0])):
        store = tmp_path / f"{source}.db"
        more = {} if source is None else {"history__source": source}
        found = []
        for paper in (one, other, one):
            with gateway_of(paper, store, **more) as gateway:
                found.append(requests(gateway))
        assert found == expected


def test_its_name_does_not_give_the_account_away(
    paper_gateway: PaperGateway, tmp_path: Path
) -> None:
    with gateway_of(paper_gateway, tmp_path / "history.db") as gateway:
        source = Keeper(gateway._tws).source
        assert len(source) == 16
        assert not any(account in source for account in gateway.accounts)
