"""twsloop, in each of the ways in which a program may ask for bars.

``bare`` is IB's reqHistoricalData on a connection without slices, ``raw`` the same call on an
`IBGateway`; both count in IB's callback. ``history`` is ``gw.history.bars``, which asks for the
same span in pieces, checks them and returns all of them; nothing is kept on disk.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ibapi.contract import Contract

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from bench.histories.measured import BAR_SIZE, END, END_TEXT, PATIENCE, Beat, pin, report, turns
from twsloop import Config, IBGateway
from twsloop.connection import IBKRConnection


class Counting:
    """Counts the bars that its callback gets."""

    count = 0
    over: threading.Event

    def historicalData(self, reqId: int, bar: Any) -> None:
        """Count."""
        self.count += 1

    def historicalDataEnd(self, reqId: int, start: str, end: str) -> None:
        """All have come."""
        self.over.set()


class Bare(Counting, IBKRConnection):
    """IB's client and wrapper, and nothing else."""


class Gateway(Counting, IBGateway):
    """All of it."""


def settings(port: int, client_id: int) -> Config:
    """No client waits for a rate in this measurement."""
    told: dict[str, Any] = {
        "connection.port": port,
        "connection.client_id": client_id,
        "pacing.enabled": False,
        "journal.enabled": False,
        "history.store": False,
    }
    return Config.load(environ={}, overrides=told)


def contract() -> Contract:
    """What is asked for."""
    wanted = Contract()
    wanted.conId, wanted.symbol, wanted.secType = 265598, "AAPL", "STK"
    wanted.exchange, wanted.currency = "SMART", "USD"
    return wanted


def raw_call(app: Any) -> Callable[[int], tuple[int, Any]]:
    """IB's call, and its callbacks."""
    app.over = threading.Event()
    number = 0

    def ask(days: int) -> tuple[int, Any]:
        nonlocal number
        number += 1
        app.count = 0
        app.over.clear()
        duration = f"{days} D"
        app.reqHistoricalData(
            number, contract(), END_TEXT, duration, BAR_SIZE, "TRADES", 0, 2, False, []
        )
        if not app.over.wait(PATIENCE):
            raise SystemExit("no end came")
        return app.count, None

    return ask


def own_call(app: IBGateway) -> Callable[[int], tuple[int, Any]]:
    """``gw.history.bars``."""

    def ask(days: int) -> tuple[int, Any]:
        end = datetime.fromtimestamp(END, UTC)
        start = end - timedelta(days=days)
        question = app.history.bars(contract(), start=start, end=end, bar_size=BAR_SIZE, rth=False)
        found = question.result(timeout=PATIENCE)
        assert not found.findings, found.findings[:3]
        return len(found), found

    return ask


def main() -> None:
    """Take turns."""
    pin()
    way = sys.argv[3]
    kind: type[IBKRConnection] = {"bare": Bare, "raw": Gateway}.get(way, IBGateway)
    app: Any = kind(settings(int(sys.argv[1]), int(sys.argv[2])))
    with app:
        ask = raw_call(app) if isinstance(app, Counting) else own_call(app)
        loop = app._tws.event_loop  # noqa: SLF001  (it is looked at)
        beats: list[Beat] = []
        loop.call(lambda: beats.append(Beat(running())))
        for days in turns():

            def both(days: int = days) -> tuple[int, Any]:
                loop.call(beats[0].start)
                found = ask(days)
                loop.call(beats[0].stop)
                return found

            report(both, beats[0])


def running() -> Any:
    """The loop that runs here."""
    import asyncio  # noqa: PLC0415

    return asyncio.get_running_loop()


if __name__ == "__main__":
    main()
