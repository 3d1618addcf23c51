"""Run a live trading node of nautilus_trader, a whole trading platform, with a small strategy.

Its adapter is built on IB's client of the 10.30 family. The node loads an instrument, reconciles,
streams quotes, trades and bars, sends a bracket whose entry fills, and changes and cancels a limit
order.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from nautilus_trader.adapters.interactive_brokers import config as ib
from nautilus_trader.adapters.interactive_brokers.common import IB, IB_VENUE
from nautilus_trader.adapters.interactive_brokers.factories import (
    InteractiveBrokersLiveDataClientFactory,
    InteractiveBrokersLiveExecClientFactory,
)
from nautilus_trader.config import LoggingConfig, RoutingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy
from recorder import drive, line  # type: ignore[import-not-found]

SHARE = "AAPL.NASDAQ"
PATIENCE_S = 30


class Small(Strategy):
    """Watches, trades once, and ends the node when it has seen enough."""

    def on_start(self) -> None:
        self.seen = dict.fromkeys(("quotes", "trades", "bars"), 0)
        self.limit: Any = None
        self.share = InstrumentId.from_str(SHARE)
        instrument = self.cache.instrument(self.share)
        line("instrument", increment=float(instrument.price_increment), id=str(instrument.id))
        account = self.portfolio.account(IB_VENUE)
        line("account", id=str(account.id), type=type(account).__name__)
        self.subscribe_quote_ticks(self.share)
        self.subscribe_trade_ticks(self.share)
        self.subscribe_bars(BarType.from_str(f"{SHARE}-5-SECOND-LAST-EXTERNAL"))
        late = self.clock.utc_now() + timedelta(seconds=PATIENCE_S)
        self.clock.set_time_alert("late", late, lambda _event: self.end())

    def on_quote_tick(self, tick: Any) -> None:
        self.seen["quotes"] += 1
        if self.limit is None:
            self.trade()

    def trade(self) -> None:
        """A bracket with an entry at the market, and a limit order far below it."""
        bracket = self.order_factory.bracket(
            self.share,
            OrderSide.BUY,
            Quantity.from_int(10),
            tp_price=Price.from_str("9999.00"),
            sl_trigger_price=Price.from_str("1.00"),
            tp_post_only=False,
            time_in_force=TimeInForce.DAY,
        )
        self.limit = self.order_factory.limit(
            self.share,
            OrderSide.BUY,
            Quantity.from_int(5),
            Price.from_str("100.00"),
            time_in_force=TimeInForce.DAY,
        )
        self.names = {
            one.client_order_id: name
            for name, one in zip(("entry", "stop", "target"), bracket.orders, strict=True)
        }
        self.names[self.limit.client_order_id] = "limit"
        self.submit_order_list(bracket)
        self.submit_order(self.limit)

    def on_order_event(self, event: Any) -> None:
        kind = type(event).__name__
        order = self.names.get(event.client_order_id)
        line("order", kind=kind, order=order, price=float(getattr(event, "last_px", 0) or 0))
        if order == "limit" and kind == "OrderAccepted" and float(self.limit.price) == 100:
            self.modify_order(self.limit, price=Price.from_str("101.00"))
        elif order == "limit" and kind == "OrderUpdated" and float(self.limit.price) == 101:
            self.cancel_order(self.limit)

    def on_trade_tick(self, tick: Any) -> None:
        self.seen["trades"] += 1

    def on_bar(self, bar: Any) -> None:
        self.seen["bars"] += 1
        line("bar", open=float(bar.open), high=float(bar.high), low=float(bar.low))
        if self.seen["bars"] >= 2:
            self.end()

    def end(self) -> None:
        """Tell what was seen, and end the node as Ctrl-C does."""
        line("seen", **self.seen)
        for position in self.cache.positions():
            line("position", side=position.side.name, quantity=float(position.quantity))
        os.kill(os.getpid(), signal.SIGINT)


def run_node(plan: argparse.Namespace) -> None:
    """Build the node, and run it until the strategy ends it."""
    instruments = ib.InteractiveBrokersInstrumentProviderConfig(
        symbology_method=ib.SymbologyMethod.IB_SIMPLIFIED, load_ids=frozenset([SHARE])
    )
    where = {"ibg_host": plan.host, "ibg_port": plan.port, "ibg_client_id": plan.client_id}
    node = TradingNode(
        config=TradingNodeConfig(
            trader_id="PAPER-001",
            logging=LoggingConfig(log_level="ERROR"),
            data_clients={
                IB: ib.InteractiveBrokersDataClientConfig(
                    **where,
                    instrument_provider=instruments,
                    use_regular_trading_hours=False,
                )
            },
            exec_clients={
                IB: ib.InteractiveBrokersExecClientConfig(
                    **where,
                    account_id=plan.trade,
                    instrument_provider=instruments,
                    routing=RoutingConfig(default=True),
                )
            },
            timeout_connection=30,
            timeout_reconciliation=10,
            timeout_portfolio=10,
            timeout_disconnection=5,
            timeout_post_stop=1,
        )
    )
    node.trader.add_strategy(Small())
    node.add_data_client_factory(IB, InteractiveBrokersLiveDataClientFactory)
    node.add_exec_client_factory(IB, InteractiveBrokersLiveExecClientFactory)
    node.build()
    try:
        node.run()
    finally:
        node.dispose()


if __name__ == "__main__":
    # The platform logs to the standard output; that is for our lines.
    ours = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(ours, "w", encoding="utf-8")
    drive(run_node)
