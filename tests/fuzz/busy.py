"""A program that has asked for everything there is, so that every answer finds somebody waiting.

What is fed to a client with nothing under way reaches its decoder and no further.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from twsloop import (
    IBGateway,
    bracket,
    limit_order,
    market_order,
    stock,
)
from twsloop.errors import TwsLoopError

__all__ = ["OVERRIDES", "ask_for_everything"]

#: Settings of a program that stands on its own: nothing paced, nothing in files.
OVERRIDES: dict[str, object] = {
    "contracts.cache": False,
    "pacing.enabled": False,
}


def _shrug(*_: object) -> None:
    """Hear it: a callback nobody hears is not decoded."""


def ask_for_everything(gw: IBGateway) -> list[Any]:
    """Start one of each; the futures of those that are answered once."""
    share = stock("AAPL")
    data, account, history, news = gw.market_data, gw.account, gw.history, gw.news
    calls: tuple[Callable[[], Any], ...] = (
        lambda: gw.subscribe(["AAPL", "MSFT", "EUR.USD"], on_tick=_shrug, generic_ticks="233"),
        lambda: data.depth(share, 5, on_update=_shrug),
        lambda: data.ticks(share, "BidAsk", on_update=_shrug),
        lambda: data.ticks("MSFT", "Last", on_update=_shrug),
        lambda: data.realtime_bars(share, on_update=_shrug),
        lambda: history.live_bars(share, _shrug),
        lambda: gw.place_order(share, market_order("BUY", 100)),
        lambda: gw.place_order(share, limit_order("BUY", 100, "1.00")),
        lambda: gw.orders.bracket(
            "MSFT", bracket("BUY", 10, entry="1.00", take_profit=900, stop_loss="0.5")
        ),
        lambda: gw.orders.what_if(share, limit_order("SELL", 5, "900")),
        lambda: account.watch_positions(_shrug),
        lambda: account.watch_values("", _shrug),
        lambda: account.watch_pnl(on_update=_shrug),
        lambda: account.watch_position_pnl(265598, on_update=_shrug),
        lambda: account.watch_summary(on_update=_shrug),
        lambda: account.watch_model_positions(on_update=_shrug),
        lambda: account.watch_model_values(on_update=_shrug),
        account.family_codes,
        lambda: history.bars(share, duration="1 D", bar_size="1 hour"),
        lambda: history.ticks(share, duration="60 S"),
        lambda: history.head_timestamp(share),
        lambda: history.histogram(share),
        lambda: history.schedule(share),
        lambda: gw.contracts.details("IBM"),
        lambda: gw.contracts.search("IB"),
        lambda: gw.contracts.option_chain("SPY"),
        lambda: gw.contracts.market_rule(26),
        gw.contracts.depth_exchanges,
        lambda: gw.scanner.follow("TOP_PERC_GAIN", _shrug),
        gw.scanner.parameters,
        lambda: news.bulletins(_shrug),
        news.providers,
        lambda: news.headlines(share),
        lambda: news.follow(share, _shrug),
        gw.system.time,
        gw.system.clock,
        gw.system.user_info,
        gw.system.display_groups,
        gw.orders.completed,
        gw.executions,
        gw.orders.all_open,
    )
    started = []
    for call in calls:
        # A session that ends in the middle of it answers the rest by what it raises.
        with contextlib.suppress(TwsLoopError):
            started.append(call())
    return started
