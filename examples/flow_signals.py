"""Trade the predictions of a flow service on a paper account, and stop.

Nothing is needed to run it: it starts the flow service's reference server, whose market is made up,
and a paper gateway of its own. With a real service, leave `ReferenceServer` away and use
``ApiClient()``, which takes API_BASE_URL and API_KEY from the environment or a .env file; with IB
Gateway, leave `PaperGateway` and the clock away and use ``IBGateway(Config.load("config.ini"))``.

    python examples/flow_signals.py
"""

from __future__ import annotations

import queue
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import attrs

from api_client import ApiClient
from api_client.testing import ReferenceServer, ServerOptions
from twsloop import Config, ConnectionParams, IBGateway, PaperGateway
from twsloop.app.signals import (
    Outcome,
    Proposal,
    SignalReport,
    SignalRules,
    SignalSource,
    worth,
)
from twsloop.clock import SystemClock

TICKERS = ("SPY", "QQQ", "AAPL")
#: Three seconds before the made-up service predicts again (09:46, 10:01, 10:16... in New York).
START = datetime(2026, 11, 18, 15, 0, 57, tzinfo=UTC)
#: Give up after this, seconds.
PATIENCE = 30.0


class MarketClock(SystemClock):
    """The machine's clock, moved to a morning on which the made-up market is open."""

    def __init__(self) -> None:
        self._moved: timedelta = START - super().now()

    def now(self) -> datetime:
        """The calendar time, in UTC and aware of it."""
        return super().now() + self._moved


def say(text: str) -> None:
    """Print a line in one piece: two threads talk here, and print writes a line and its end."""
    sys.stdout.write(f"{text}\n")


def decide(proposal: Proposal) -> Proposal | bool:
    """Take what is fairly sure, and buy no more than 20 of anything."""
    say(
        f"proposed: {proposal.side} {proposal.quantity} {proposal.ticker}, "
        f"confidence {proposal.confidence:.2f}, {proposal.age:.0f} s old"
    )
    if proposal.confidence < 0.4:
        return False
    return attrs.evolve(proposal, quantity=min(proposal.quantity, Decimal(20)))


def main() -> int:
    """Run until each ticker's next prediction has been dealt with.

    Returns:
        The exit code: 0, or 1 if that took too long.
    """
    clock = MarketClock()
    reports: queue.Queue[SignalReport] = queue.Queue()
    rules = SignalRules(interval=1.0, max_age=60.0, quantity=worth(5_000))
    with (
        ReferenceServer(options=ServerOptions(tickers=TICKERS, now=clock.now)) as service,
        PaperGateway() as paper,
        IBGateway(Config(connection=ConnectionParams(port=paper.port)), clock=clock) as gateway,
        ApiClient(service.base_url, service.key) as client,
        SignalSource(
            gateway, client, TICKERS, decide, rules=rules, on_report=reports.put
        ) as source,
    ):
        waiting = set(TICKERS)
        while waiting:
            try:
                report = reports.get(timeout=PATIENCE)
            except queue.Empty:
                say(f"no news of {', '.join(sorted(waiting))}")
                return 1
            say(f"{report.ticker} {report.outcome}: {report.reason}")
            if report.outcome not in {Outcome.STALE, Outcome.NO_ANSWER}:
                waiting.discard(report.ticker)
        for trade in source.trades:
            status = trade.settled.result(timeout=PATIENCE)
            say(
                f"order {trade.order_id}: {status}, {trade.filled} {trade.symbol} at "
                f"{trade.average_price}, commission {trade.commission}"
            )
        for position in gateway.positions().result(timeout=PATIENCE):
            say(f"position: {position.quantity} {position.symbol} at {position.average_cost}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
