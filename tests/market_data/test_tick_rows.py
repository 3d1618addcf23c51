"""Rows that are filled in the quick way are the same rows."""

from __future__ import annotations

import copy
import pickle
import weakref
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from twsloop.market_data.tick_rows import BidAskTick, TradeTick, bid_ask_tick, trade_tick

TIME = datetime(2026, 9, 28, 14, tzinfo=UTC)
TRADE = (TIME, 1.5, Decimal(2), "NYSE", "I", True, False)
QUOTE = (TIME, 1.5, 1.6, Decimal(2), None, False, True)


@pytest.mark.parametrize(
    ("quick", "usual"),
    [
        (trade_tick(*TRADE), TradeTick(*TRADE)),
        (bid_ask_tick(*QUOTE), BidAskTick(*QUOTE)),
    ],
    ids=["trade", "quote"],
)
def test_they_are_equal_and_as_frozen(quick: Any, usual: Any) -> None:
    assert type(quick) is type(usual)
    assert quick == usual
    assert hash(quick) == hash(usual)
    assert repr(quick) == repr(usual)
    assert attrs.asdict(quick) == attrs.asdict(usual)
    assert attrs.evolve(quick, historical=True) == attrs.evolve(usual, historical=True)
    assert pickle.loads(pickle.dumps(quick)) == copy.copy(quick) == usual
    reference = weakref.ref(quick)
    assert reference() == usual
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        quick.time = TIME
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        del quick.time
