"""How soon a client is READY again after a clean restart, next to how long a first connect takes.

Three ways to lose a session, on loopback: the link is cut and the gateway goes on; the gateway
restarts and is away for a moment; it is away for longer. Counted is from the moment at which the
gateway can be reached again until READY: orders, executions and subscriptions are known again then.

::

    python bench/recovery.py            20 rounds, interleaved
    python bench/recovery.py --rounds 3
"""

from __future__ import annotations

import argparse
import statistics
import threading
import time
from collections.abc import Callable

from twsloop import Config, IBGateway, limit_order, stock
from twsloop.paper import PaperGateway
from twsloop.session.state import State

PATIENCE = 30.0
#: How long the gateway is away, seconds.
SHORT, LONGER = 0.1, 2.0
#: How long a session stands before it is lost, seconds; and what counts as one that stood.
STANDS, STABLE = 0.2, 0.1


class Watch:
    """Knows when the client became READY, and when it was not."""

    def __init__(self, app: IBGateway) -> None:
        self.ready_at = 0.0
        self._ready = threading.Event()
        app.on_session(self.heard)

    def heard(self, state: State, _reason: str) -> None:
        """Hear of a change."""
        if state is State.READY:
            self.ready_at = time.perf_counter()
            self._ready.set()

    def wait(self, lose: Callable[[], float]) -> float:
        """Lose the session, and wait for the next one: seconds from when it could be made."""
        self._ready.clear()
        possible = lose()
        if not self._ready.wait(PATIENCE):
            raise SystemExit(f"not READY within {PATIENCE:g} s")
        return self.ready_at - possible


def cut(paper: PaperGateway) -> float:
    """Cut the link; the gateway goes on."""
    paper.drop_clients()
    return time.perf_counter()


def restart(paper: PaperGateway, away: float) -> float:
    """Stop the gateway, and start it again after a while."""
    paper.stop()
    time.sleep(away)
    paper.start()
    return time.perf_counter()


def first_connect(port: int) -> float:
    """Connect as somebody new: seconds to READY."""
    began = time.perf_counter()
    with IBGateway(_config(port, 2)):
        return time.perf_counter() - began


def _config(port: int, client_id: int) -> Config:
    overrides = {
        "connection.port": port,
        "connection.client_id": client_id,
        # Rounds are short: the session before must not count as one that failed.
        "reconnect.stable_after": STABLE,
    }
    return Config.load(environ={}, overrides=overrides)


def measure(rounds: int) -> dict[str, list[float]]:
    """Seconds of each round, by what was done."""
    with PaperGateway() as paper, IBGateway(_config(paper.port, 1)) as app:
        app.subscribe(["AAPL", "MSFT", "EUR.USD"])
        for cents in range(10):
            app.place_order(stock("AAPL"), limit_order("BUY", 1, f"1.{cents:02}"))
        watch = Watch(app)
        ways: dict[str, Callable[[], float]] = {
            "first connect": lambda: first_connect(paper.port),
            "link cut": lambda: watch.wait(lambda: cut(paper)),
            f"restart, away {SHORT:g} s": lambda: watch.wait(lambda: restart(paper, SHORT)),
            f"restart, away {LONGER:g} s": lambda: watch.wait(lambda: restart(paper, LONGER)),
        }
        took: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, do in ways.items():
                time.sleep(STANDS)
                took[way].append(do())
        return took


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description="how soon a client is READY again")
    parser.add_argument("--rounds", type=int, default=20)
    took = measure(parser.parse_args().rounds)
    base = statistics.median(took["first connect"])
    print(f"{'':24}{'median':>10}{'longest':>10}{'ratio':>8}")
    for way, seconds in took.items():
        median = statistics.median(seconds)
        print(f"{way:24}{median:>8.3f} s{max(seconds):>8.3f} s{median / base:>8.1f}")


if __name__ == "__main__":
    main()
