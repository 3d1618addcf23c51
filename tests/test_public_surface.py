"""The public surface is small, listed, and costs nothing to import."""

from __future__ import annotations

import subprocess
import sys

import pytest

import twsloop

PUBLIC = [
    "Config",
    "ConnectionParams",
    "Deliver",
    "Future",
    "IBGateway",
    "IBKRConnection",
    "IBKREventLoop",
    "OrderStatus",
    "PaperGateway",
    "Quote",
    "Stream",
    "Subscription",
    "Ticker",
    "Trade",
    "TwsLoopError",
    "__version__",
    "bracket",
    "combo",
    "crypto",
    "forex",
    "future",
    "index",
    "limit_order",
    "market_order",
    "market_scan",
    "one_cancels_all",
    "option",
    "stock",
    "stop_limit_order",
    "stop_order",
    "trailing_stop",
    "trailing_stop_limit",
]


def test_the_public_names_are_these() -> None:
    assert sorted(twsloop.__all__) == PUBLIC
    assert dir(twsloop) == PUBLIC


def test_every_public_name_is_there() -> None:
    for name in PUBLIC:
        assert getattr(twsloop, name) is not None


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        twsloop.nothing_of_that_name  # noqa: B018  (the mistake itself)


def test_importing_has_no_effects() -> None:
    code = (
        "import sys, threading, twsloop; "
        "print(threading.active_count(), [m for m in ('ibapi', 'asyncio', 'uvloop', 'click') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "1 []\n"
