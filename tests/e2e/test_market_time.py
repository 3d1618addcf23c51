"""Whole sessions at full speed: IB's own client and ours hold the clock, twice the same way."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.order import Order
from ibapi.wrapper import EWrapper

from tests.support.clients import settings
from twsloop import IBGateway
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.clock.timetable import Timetable
from twsloop.paper.feeds.synthetic import SyntheticFeed

START = datetime(2026, 9, 28, 13, 30, tzinfo=UTC)
MINUTES = (1, 2, 3, 5)
TIMES = tuple(START + timedelta(minutes=minute) for minute in MINUTES)
DONE = "reqCurrentTimeInMillis"
PATIENCE = 60
SYMBOLS = ("AAPL", "MSFT")


def contract(symbol: str) -> Contract:
    made = Contract()
    made.symbol, made.secType, made.exchange, made.currency = symbol, "STK", "SMART", "USD"
    return made


def order(action: str) -> Order:
    made = Order()
    made.action, made.orderType, made.totalQuantity, made.tif = action, "MKT", 10, "DAY"
    return made


class Trader:
    """Buys and sells at its times; each fill ends its step."""

    def prepare(self) -> None:
        self.step = -1
        self.told: list[str] = []
        self.over = threading.Event()
        self.drained = threading.Event()

    def begin(self: Any, first_id: int) -> None:
        self.first_id = first_id
        for place, symbol in enumerate(SYMBOLS):
            self.reqMktData(1000 + place, contract(symbol), "", False, False, [])
        self.reqCurrentTimeInMillis()

    def currentTimeInMillis(self: Any, timeInMillis: int) -> None:
        self.step += 1
        if self.over.is_set():
            self.drained.set()
            return
        self.told.append(f"{datetime.fromtimestamp(timeInMillis / 1000, UTC):%H:%M:%S}")
        if self.step == len(TIMES):
            self.over.set()
            return
        action = "BUY" if self.step % 2 == 0 else "SELL"
        symbol = SYMBOLS[self.step // 2 % 2]
        self.placeOrder(self.first_id + self.step, contract(symbol), order(action))

    def tickPrice(self, reqId: int, tickType: int, price: float, attrib: Any) -> None:
        self.told.append(f"{reqId} {tickType} {price}")

    def execDetails(self: Any, reqId: int, contract: Any, execution: Any) -> None:
        self.told.append(f"{execution.execId} {execution.time} {contract.symbol} {execution.price}")
        self.reqCurrentTimeInMillis()


class Official(Trader, EWrapper, EClient):
    def __init__(self) -> None:
        EWrapper.__init__(self)
        EClient.__init__(self, self)
        self.prepare()

    def nextValidId(self, orderId: int) -> None:
        self.begin(orderId)

    def error(self, *told: Any) -> None:
        assert 2100 <= told[2] < 2170, told


class Ours(Trader, IBGateway):
    pass


def market() -> SyntheticFeed:
    every = Catalogue.standard(START.date())
    return SyntheticFeed(Catalogue([one for one in every if one.symbol in SYMBOLS]), seed=3)


def session(speed: float | str) -> tuple[list[str], list[str], dict[str, Any]]:
    """What IB's client was told, what ours was told, and how the account ended."""
    with PaperGateway(
        feed=market,
        start=START,
        until=START + timedelta(minutes=6),
        speed=speed,
        timetables={client_id: Timetable(TIMES, done=DONE) for client_id in (1, 2)},
    ) as paper:
        official = Official()
        official.connect(paper.host, paper.port, 1)
        worker = threading.Thread(target=official.run)
        worker.start()
        config = settings(paper.port, connection__client_id=2, pacing__enabled=False)
        ours = Ours(config)
        ours.prepare()
        try:
            with ours:
                ours.begin(1)
                assert official.over.wait(PATIENCE)
                assert ours.over.wait(PATIENCE)
                paper.feed.finished.result(PATIENCE)
                # IB's client breaks if it is cut off while it decodes: ask, and hear all before.
                official.reqCurrentTimeInMillis()
                assert official.drained.wait(PATIENCE)
                cash = paper.call(lambda: dict(paper.engine.accounts[paper.account].cash))
        finally:
            official.disconnect()
            worker.join(PATIENCE)
        return official.told, ours.told, cash


def cut(told: list[str]) -> list[str]:
    """Up to the end of the timetable: afterwards nobody waits for anybody."""
    last = max(place for place, line in enumerate(told) if ":" in line and " " not in line)
    return told[:last]


@pytest.mark.timeout(150)
def test_a_session_with_one_seed_is_the_same_session() -> None:
    first, second = session("max"), session("max")
    for one, other in zip(first[:2], second[:2], strict=True):
        assert cut(one) == cut(other)
        times = [line for line in one if ":" in line and " " not in line]
        assert times[:-1] == ["13:31:00", "13:32:00", "13:33:00", "13:35:00"]
        assert len(cut(one)) > 500
    assert first[2] == second[2]
    fills = [line for told in first[:2] for line in told if "US/Eastern" in line]
    assert len(fills) == 2 * len(TIMES)
    assert [line.split()[2] for line in fills[:4]] == [
        "09:31:00",
        "09:32:00",
        "09:33:00",
        "09:35:00",
    ]


@pytest.mark.timeout(150)
def test_a_scaled_session_has_the_same_fills() -> None:
    fast, scaled = session("max"), session(600.0)
    for one, other in zip(fast[:2], scaled[:2], strict=True):
        assert [line for line in cut(one) if "US/Eastern" in line] == [
            line for line in cut(other) if "US/Eastern" in line
        ]
    assert fast[2] == scaled[2]
