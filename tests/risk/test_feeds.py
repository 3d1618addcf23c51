"""Which limits need what of accounts."""

from __future__ import annotations

import pytest

from twsloop.config.sections import RiskParams
from twsloop.gateway.risk_feeds import needs
from twsloop.risk.limits import Limits


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, set()),
        ({"max_quantity": 5, "orders_per_day": 3, "collar_percent": 2}, set()),
        ({"max_position": 5}, {"positions"}),
        ({"symbol_limits": ("AAPL:max_position=5",)}, {"positions"}),
        ({"breaker_errors": 5}, {"positions"}),
        ({"before_restart": 5}, {"positions"}),
        ({"max_notional": 5}, {"values"}),
        ({"max_gross_exposure": 5}, {"positions", "values"}),
        ({"day_trading": "broker"}, {"positions", "day trades left"}),
        ({"classic_day_trading": ("DU1",)}, {"positions", "values"}),
        ({"max_drawdown": 5}, {"positions", "values", "profit"}),
        ({"account_limits": ("DU1:max_daily_loss=5",)}, {"positions", "values", "profit"}),
    ],
)
def test_what_is_followed_follows_from_the_limits(
    settings: dict[str, object], needed: set[str]
) -> None:
    assert needs(Limits(RiskParams(**settings))) == needed  # type: ignore[arg-type]
