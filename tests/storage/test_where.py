"""One gateway object, and where it connects to: play is not written, everything else is."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from tests.support.desk import PATIENCE, Heard, config_for, open_paper
from tests.support.fake_tws import FakeTws
from tests.support.journal_files import rows
from twsloop.contracts import stock
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order
from twsloop.session.state import State

#: This machine by a name that a gateway within the program does not go by.
ELSEWHERE = "127.1"


class App(IBGateway):
    """Begun IB's way: one object, one session after the other."""

    def one_session(self, host: str, port: int, during: Any) -> None:
        """One session."""
        ready = Heard()
        self.on_session(lambda state, _reason: ready(state))
        self.connect(host, port, 1)
        runner = threading.Thread(target=self.run)
        runner.start()
        try:
            if self.session_state is not State.READY:
                ready.until(lambda state: state is State.READY)
            during()
        finally:
            self.disconnect()
            runner.join(PATIENCE)


def test_each_session_is_written_as_it_deserves(tmp_path: Path) -> None:
    file = tmp_path / "journal.db"
    with open_paper() as (_feed, paper), FakeTws(next_id=50) as tws:
        app = App(config_for(paper, journal__file=file))

        def ordered() -> None:
            app.placeOrder(70, stock("AAPL"), limit_order("BUY", 1, 100))
            assert tws.next("placeOrder").orderId == 70

        def played() -> None:
            app.place_order("AAPL", limit_order("BUY", 1, 100))

        app.one_session("127.0.0.1", paper.port, played)
        assert not file.exists()
        app.one_session(ELSEWHERE, tws.port, ordered)
        app.one_session("127.0.0.1", paper.port, played)
    assert [tuple(row) for row in rows(file, "SELECT order_id FROM intent")] == [(70,)]
    assert [tuple(row) for row in rows(file, "SELECT port FROM session")] == [(tws.port,)]
