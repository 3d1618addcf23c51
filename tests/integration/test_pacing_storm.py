"""Storms of requests, judged by the paper gateway's own rules: nothing ever has to be refused.

First in virtual time: the whole client over a link in memory, thousands of seconds in one, each
message judged at the moment it leaves. Then over real sockets, against a gateway that rejects.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import config_for
from twsloop import Config, IBGateway, limit_order, stock
from twsloop.events import SessionChanged
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clients.kinds import HISTORY
from twsloop.paper.clients.pacing import PacingJudge
from twsloop.paper.clients.pacing_judge import PacingRules, Strikes
from twsloop.session.pacing import Urgency
from twsloop.testing import GatewayDouble
from twsloop.wire.messages import OUTBOUND_BY_NAME

#: What the gateway allows, and what the client makes of it (`twsloop.session.pacing.own_rate`).
ALLOWED, OWN, RESERVE = 50, 45, 9
SYMBOLS = ("AAPL", "MSFT", "NVDA")
CATALOGUE = Catalogue.standard(date(2026, 1, 5))


class Storm:
    """A client in virtual time, and the judge that looks at all that leaves it."""

    def __init__(self) -> None:
        config = Config.load(
            environ={}, overrides={"history.store": False, "heartbeat.enabled": False}
        )
        self.double = GatewayDouble(lambda: IBGateway(config))
        self.app: IBGateway = self.double.app
        pacing = self.app._tws.pacing
        pacing.enabled, pacing.outbox.pacer.rates.ceiling = True, OWN
        self.client: Any = SimpleNamespace(lines={}, subscriptions={})
        self.hub: Any = SimpleNamespace(
            clock=self.double.clock, clients={1: self.client},
            engine=SimpleNamespace(catalogue=CATALOGUE),
        )  # fmt: skip
        self.judge, self.strikes = PacingJudge(), Strikes(ALLOWED)
        self.verdicts: list[str] = []
        self.seen = 0
        self.next_id = 1
        self.last_raw: dict[str, int] = {}

    def judge_all(self) -> None:
        """Judge what left since the last time; time has not moved meanwhile. Then answer it."""
        while self.seen < len(self.double.sent):
            sent = self.double.sent[self.seen]
            self.seen += 1
            if not self.strikes.offer(self.double.clock.monotonic()):
                self.verdicts.append(f"100 at {sent.name}")
            asked: Any = SimpleNamespace(type=OUTBOUND_BY_NAME[sent.name], message=sent.message)
            refused = self.judge.refusal(self.hub, self.client, asked)
            if refused is not None:
                self.verdicts.append(f"{refused[0]} at {sent.name}: {refused[1]}")
            self.answer(sent)

    def answer(self, sent: Any) -> None:
        key, say = (HISTORY, getattr(sent.message, "reqId", -1)), self.double.say
        if sent.name == "reqHistoricalData":
            self.client.subscriptions[key] = None
            say("historicalDataEnd", reqId=key[1], startDateStr="", endDateStr="")
            del self.client.subscriptions[key]
        elif sent.name == "reqHeadTimeStamp":
            say("headTimestamp", reqId=key[1], headTimestamp="1000000000")
        elif sent.name == "reqContractDetails":
            say("contractDetailsEnd", reqId=key[1])
        elif sent.name == "reqPositions":
            say("positionEnd")

    def advance(self, seconds: float) -> None:
        """Move on in steps, so that whatever leaves is judged at its own time."""
        end = self.double.clock.monotonic() + seconds
        while True:
            self.judge_all()
            until = vars(self)["double"].clock.until_next()
            left = end - self.double.clock.monotonic()
            if until is None or until > left:
                self.double.advance(max(left, 0.0))
                self.judge_all()
                return
            self.double.advance(until)

    def raw_id(self) -> int:
        self.next_id += 1
        return self.next_id

    # ---- what a program does ---------------------------------------------------------------

    def act(self, what: str, symbol: str, size: int) -> None:
        getattr(self, what)(symbol, size)
        self.judge_all()

    def raw_bars(self, symbol: str, size: int) -> None:
        bar, show = ("5 secs", "1 min")[size % 2], ("TRADES", "BID_ASK")[size % 3 == 0]
        self.last_raw["reqHistoricalData"] = req_id = self.raw_id()
        self.app.reqHistoricalData(
            req_id, stock(symbol), "", f"{size * 60} S", bar, show, 1, 1, False, []
        )

    def cancel_bars(self, symbol: str, size: int) -> None:
        if "reqHistoricalData" in self.last_raw:
            self.app.cancelHistoricalData(self.last_raw["reqHistoricalData"])

    def head(self, symbol: str, size: int) -> None:
        self.app.history.head_timestamp(symbol)

    def raw_head(self, symbol: str, size: int) -> None:
        self.app.reqHeadTimeStamp(self.raw_id(), stock(symbol), "TRADES", 1, 1)

    def bars(self, symbol: str, size: int) -> None:
        self.app.history.bars(symbol, duration=f"{size} mins", bar_size="5 secs")

    def live_bars(self, symbol: str, size: int) -> None:
        with self.app.market_data.realtime_bars(symbol):
            self.judge_all()

    def ticks(self, symbol: str, size: int) -> None:
        with self.app.market_data.ticks(symbol, "Last"):
            self.judge_all()

    def raw_ticks(self, symbol: str, size: int) -> None:
        self.app.reqTickByTickData(self.raw_id(), stock(symbol), "BidAsk", 0, False)

    def details(self, symbol: str, size: int) -> None:
        for _ in range(size * 3):
            self.app.reqContractDetails(self.raw_id(), stock(symbol))

    def positions(self, symbol: str, size: int) -> None:
        self.app.positions()

    def orders(self, symbol: str, size: int) -> None:
        for _ in range(size):
            trade = self.app.place_order(stock(symbol), limit_order("BUY", 1, "10"))
            if size % 2:
                trade.cancel()


ACTS = (
    "raw_bars", "cancel_bars", "head", "raw_head", "bars", "live_bars", "ticks", "raw_ticks",
    "details", "positions", "orders",
)  # fmt: skip
storms = st.lists(
    st.tuples(
        st.sampled_from(ACTS),
        st.sampled_from(SYMBOLS),
        st.integers(1, 12),
        st.sampled_from([0.0, 0.0, 0.05, 0.7, 3.0, 20.0]),
    ),
    min_size=5,
    max_size=60,
)


@given(storms)
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_the_judge_of_the_gateway_never_has_to_refuse(
    plan: list[tuple[str, str, int, float]],
) -> None:
    storm = Storm()
    try:
        for what, symbol, size, pause in plan:
            storm.act(what, symbol, size)
            storm.advance(pause)
        storm.advance(3 * 600)
        assert storm.verdicts == []
        assert storm.app.waiting() == (), "and everything has left in the end"
        placed = [one.message.orderId for one in storm.double.sent if one.name == "placeOrder"]
        assert placed == sorted(placed)
    finally:
        storm.double.stop()


def test_every_place_where_something_waits_is_listed_with_its_reason() -> None:
    storm = Storm()
    try:
        for symbol in SYMBOLS:
            storm.raw_ticks(symbol, 1)
            storm.raw_ticks(symbol, 1)
        for _ in range(3):
            storm.app.positions()
        storm.app.history.head_timestamp("AAPL")
        storm.judge_all()
        storm.app.history.head_timestamp("AAPL")
        storm.details("AAPL", 30)
        rows = storm.app.waiting()
        assert {row.lane for row in rows} == {"request", "history"}
        reasons = {row.reason for row in rows}
        assert "one tick-by-tick request an instrument in 15 s" in reasons
        assert "the same was asked less than 15 s ago" in reasons
        assert f"message rate: {OWN - RESERVE} a second for requests" in reasons
        assert all(row.expected is not None and row.expected > 0 for row in rows)
        positions = [row.position for row in rows if row.lane == "request"]
        assert positions == sorted(positions)
        (row,) = (row for row in rows if row.lane == "history")
        assert str(row) == (
            "first time with data of AAPL (TRADES) has waited 0 s, about 16 s more: "
            "the same was asked less than 15 s ago"
        )
    finally:
        storm.double.stop()


# ---- over real sockets -------------------------------------------------------------------------


@pytest.fixture(params=[225, 200], ids=["protobuf", "text"])
def strict(request: pytest.FixtureRequest) -> Iterator[PaperGateway]:
    """A gateway that answers 100 to what comes too fast, and ends the session at the third."""
    rules = PacingRules(excess="reject")
    with PaperGateway(pacing=rules, feed="manual", max_version=request.param) as paper:
        yield paper


class Ends:
    """Counts the answers to a program's own requests."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.ids, self.all = wanted, set[int](), threading.Event()

    def contractDetailsEnd(self, reqId: int) -> None:
        self.ids.add(reqId)
        if len(self.ids) == self.wanted:
            self.all.set()


def test_a_storm_over_real_sockets_is_served_whole(strict: PaperGateway) -> None:
    heard: list[int] = []
    with IBGateway(config_for(strict, pacing__enabled=True)) as gateway:
        gateway.errors.on(None, lambda notice: heard.append(notice.code or 0))
        ends = Ends(55)
        gateway.add_message_processor(ends)
        for req_id in range(1, 56):
            gateway.reqContractDetails(req_id, stock("AAPL"))
        trades = [gateway.place_order("AAPL", limit_order("BUY", 1, "1")) for _ in range(4)]
        for trade in trades:
            trade.cancel()
            assert trade.done.result(PATIENCE) is not None
        assert gateway.waiting(), "orders and cancels did not wait for the requests before them"
        assert ends.all.wait(PATIENCE)
        assert 100 not in heard
        await_condition(lambda: gateway.waiting() == ())
        assert gateway.session_state.name == "READY"


class Eager(IBGateway):
    """Asks for much in the callback that IB's examples begin with."""

    def nextValidId(self, orderId: int) -> None:
        for req_id in range(1, 301):
            self.reqContractDetails(req_id, stock("AAPL"))


def test_a_storm_does_not_keep_a_session_from_being_ready(strict: PaperGateway) -> None:
    """Else its 300 requests, at 20 a second, would be before the orders of the session."""
    config = config_for(strict, pacing__enabled=True, pacing__rate=20, connection__ready_timeout=5)
    with Eager(config) as gateway:
        assert gateway.session_state.name == "READY"
        assert gateway.orders_known
        assert len(gateway.waiting()) > 200


def test_three_refusals_in_a_burst_do_not_keep_the_next_session_from_being_ready(
    strict: PaperGateway,
) -> None:
    config = config_for(
        strict, pacing__enabled=True, reconnect__first_delay=0.05, connection__ready_timeout=5
    )
    ready = threading.Semaphore(0)

    def tell(fact: SessionChanged) -> None:
        if fact.new == "READY":
            ready.release()

    with IBGateway(config) as gateway:
        gateway.observe(SessionChanged, tell)
        for _ in range(3):
            strict.faults.strike(last=3)
            assert ready.acquire(timeout=PATIENCE)
        assert gateway.stats().counters["rate_complaints"] >= 3
        assert gateway._tws.outbox.pacer.share(Urgency.BULK, gateway._tws.clock.monotonic()) >= 7
