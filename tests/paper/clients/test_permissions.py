"""Who may see what."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from ibapi.protobuf.Contract_pb2 import Contract

from twsloop.paper.catalogue.instruments import Catalogue, Instrument
from twsloop.paper.clients.permissions import Level, Permissions, denial, levels_of

MARKET = Catalogue.standard(date(2026, 1, 5))


def one(name: str) -> Instrument:
    found = MARKET.by_symbol(name)
    assert found is not None
    return found


def test_everything_is_live_unless_said_otherwise() -> None:
    assert Permissions().level(one("AAPL")) is Level.LIVE
    assert not Permissions().has_delayed
    (bond, *_) = MARKET.find(Contract(symbol="IBM", secType="BOND"))
    assert Permissions().level(bond) is Level.NONE


def test_a_symbol_goes_before_an_exchange_and_that_before_a_type() -> None:
    levels = Permissions(
        {"": "none", "stk": "delayed", "NASDAQ": "live", "AAPL": "Delayed", "CASH": "live"}
    )
    assert levels.level(one("IBM")) is Level.DELAYED
    assert levels.level(one("MSFT")) is Level.LIVE
    assert levels.level(one("AAPL")) is Level.DELAYED
    assert levels.level(one("EUR.USD")) is Level.LIVE
    assert levels.level(one("ESH6")) is Level.NONE
    assert levels.has_delayed
    assert Permissions("delayed").level(one("SPX")) is Level.DELAYED


@pytest.mark.parametrize("wrong", ["lively", {"STK": "yes"}, {"STK": None}, ""])
def test_there_are_three_levels(wrong: Any) -> None:
    with pytest.raises(ValueError, match="live, delayed or none"):
        Permissions(wrong)


@pytest.mark.parametrize(
    ("level", "data_type", "code"),
    [
        (Level.LIVE, 1, None),
        (Level.LIVE, 4, None),
        (Level.DELAYED, 1, 10089),
        (Level.DELAYED, 2, 10089),
        (Level.DELAYED, 3, None),
        (Level.DELAYED, 4, None),
        (Level.NONE, 1, 354),
        (Level.NONE, 2, 354),
        (Level.NONE, 3, 10168),
        (Level.NONE, 4, 10168),
    ],
)
def test_denials(level: Level, data_type: int, code: int | None) -> None:
    found = denial(one("AAPL"), level, data_type)
    assert (found and found[0]) == code
    if code == 10089 and found is not None:
        # Observed: no space before the symbol.
        assert found[1].endswith("Delayed market data is available.AAPL NASDAQ.NMS/TOP/ALL")


def test_levels_as_settings_write_them() -> None:
    assert levels_of("live") == {"": "live"}
    found = levels_of("none, OPT=delayed ,BRK B=live")
    assert found == {"": "none", "OPT": "delayed", "BRK B": "live"}
    assert Permissions(found).level(one("BRK B")) is Level.LIVE
