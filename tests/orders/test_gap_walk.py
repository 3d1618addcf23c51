"""Random walks through lost links, restarts and outages: every fill is known at the end, once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.support.desk import PATIENCE, Heard, config_for
from tests.support.sessions import SESSIONS
from twsloop import IBGateway, PaperGateway
from twsloop.events import CommissionReported, Fill, SessionChanged
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderStatus
from twsloop.orders.trade import Trade
from twsloop.session.state import State

STEPS = 25


class Walk:
    """A gateway, a client that trades, and what becomes of both."""

    def __init__(self, chance: random.Random, paper: PaperGateway, client: IBGateway) -> None:
        self.chance, self.paper, self.client = chance, paper, client
        self.trades: list[Trade] = []
        self.own, self.fills, self.costs = Heard(), Heard(), Heard()
        self.states = Heard()
        client.observe(Fill, self.fills)
        client.observe(CommissionReported, self.costs)
        client.observe(SessionChanged, lambda fact: self.states(fact.new))

    def order(self) -> None:
        """Place one, near the market."""
        side = self.chance.choice(["BUY", "SELL"])
        price = 100 + self.chance.randint(-3, 3)
        size = self.chance.randint(1, 50)
        order = limit_order(side, size, price)
        self.trades.append(self.client.orders.place("AAPL", order, on_fill=self.own))

    def change(self) -> None:
        """Change one, or cancel it."""
        active = [trade for trade in self.trades if trade.active]
        if active:
            trade = self.chance.choice(active)
            if self.chance.random() < 0.5:
                trade.cancel()
            elif not trade.record.final:
                trade.modify(limit_price=100 + self.chance.randint(-3, 3))

    def move(self) -> None:
        """The market goes somewhere."""
        price = 100 + self.chance.randint(-3, 3)
        self.paper.market.quote("AAPL", price, price + 0.1, bid_size=30, ask_size=30)

    def again(self, lose: Callable[[], object]) -> None:
        """The link is lost, things go on without us, and it is made again."""
        self.states.rest()
        lose()
        self.move()
        self.states.until(lambda state: state == State.DISCONNECTED.name)

    def reset(self) -> None:
        """The link is cut."""
        self.again(self.paper.faults.reset)
        self.states.until(lambda state: state == State.READY.name)

    def restart(self) -> None:
        """The gateway restarts, and may forget its ids."""
        next_id = self.chance.choice(["kept", "reset", "rolled_back"])
        push = self.chance.choice(["usual", "before", "after", "never"])
        away: list[Callable[[], object]] = []
        faults = self.paper.faults
        self.again(lambda: away.append(faults.nightly_restart(next_id=next_id, push=push).end))
        away[0]()
        self.states.until(lambda state: state == State.READY.name)

    def outage(self) -> None:
        """The gateway has no server for a while."""
        lost = self.paper.faults.server_lost(data=self.chance.choice(["kept", "lost"]))
        self.move()
        lost.end()

    def shuffle(self) -> None:
        """What is told of one step comes in any order, twice."""
        with self.paper.faults.shuffled_reports(), self.paper.faults.duplicate_reports():
            self.move()

    def go(self) -> None:
        """All of it."""
        rare = [self.reset, self.restart, self.outage, self.shuffle]
        for _ in range(STEPS):
            common = self.chance.random() < 0.7
            steps = [self.order, self.change, self.move] if common else rare
            self.chance.choice(steps)()

    def is_known(self) -> None:
        """The gateway's own list is what the client was told, each line of it once."""
        report = self.client.orders.reconcile().result(PATIENCE)
        listed = self.client.executions().result(PATIENCE)
        assert not report.unknown
        working = {row.order_id for row in self.client.open_orders().result(PATIENCE)}
        assert working == {trade.order_id for trade in self.trades if trade.active}
        told = Counter(fill.exec_id for fill in self.fills.rest())
        assert told == Counter(row.fill.exec_id for row in listed)
        assert Counter(fill.exec_id for fill in self.own.rest()) == told
        assert Counter(cost.exec_id for cost in self.costs.rest()) == told
        held = sum((_signed(row.fill) for row in listed), Decimal(0))
        positions = self.client.positions().result(PATIENCE)
        assert sum((row.quantity for row in positions), Decimal(0)) == held
        by_order = Counter[int]()
        for row in listed:
            by_order[row.fill.order_id] += int(row.fill.shares)
        for trade in self.trades:
            assert trade.filled == by_order[trade.order_id], trade.log
        ids = [trade.order_id for trade in self.trades]
        assert len(set(ids)) == len(ids)


def until_answered(trade: Trade) -> None:
    """Wait for the gateway's first word of an order; that it is filled may be its first."""
    heard = Heard()
    trade.on_update(lambda shown: heard(shown.status))
    if trade.status is OrderStatus.PENDING_SUBMIT:
        heard.until(lambda status: status is not OrderStatus.PENDING_SUBMIT)


def _signed(fill: Fill) -> Decimal:
    return fill.shares if fill.side == "BOT" else -fill.shares


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SESSIONS)
def test_every_fill_is_known_and_was_told_once(name: str, seed: int) -> None:
    version, loop_factory = SESSIONS[name]
    with PaperGateway(max_version=version, feed="manual") as paper:
        paper.market.set_price("AAPL", bid=100.0, ask=100.1)
        settings = config_for(paper, reconnect__first_delay=0.01, reconnect__quick_delay=0.01)
        with IBGateway(settings, loop_factory=loop_factory) as client:
            walk = Walk(random.Random(seed), paper, client)
            walk.go()
            paper.market.quote("AAPL", 100.0, 100.1)
            for trade in walk.trades:
                until_answered(trade)
            walk.is_known()
