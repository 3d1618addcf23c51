"""Conservation through sockets: what each client heard is what the accounts have.

A state machine trades through a running gateway with three clients: two that trade (protobuf at
225, text at 200) and the master client (text at 176). They come and go, and the gateway restarts.
After every step each client that is there has been told each execution it is entitled to exactly
once, by itself or when it asked after its return, and `tests.support.bookkeeping` finds the
accounts right to the last digit from what the master heard.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.bookkeeping import Bookkeeper
from tests.support.manual_feed import ManualFeed
from tests.support.raw_client import RawClient
from twsloop.clock import ManualClock
from twsloop.paper.clients.visibility import Access
from twsloop.paper.market.vocabulary import QuoteChange, Trade
from twsloop.paper.server import PaperGateway
from twsloop.wire import codec
from twsloop.wire.framing import frame
from twsloop.wire.messages import OUTBOUND_BY_NAME, Direction, message_class

#: The nightly profile plays so many sequences that a minute is not enough.
pytestmark = pytest.mark.timeout(1800)

D = Decimal
MASTER = 9
#: Client ids and the versions they speak.
CLIENTS = {1: 225, 2: 200, MASTER: 176}
ACCOUNTS = {"DU1": "USD", "DU2": "EUR"}
TRADED = {
    "AAPL": (D("270.00"), D("0.01"), 10),
    "ES": (D("6650.00"), D("0.25"), 1),
    "EUR.USD": (D("1.10000"), D("0.00005"), 20_000),
}
ASKED = 77


class Listener:
    """One client, and everything that it has heard."""

    def __init__(self, client_id: int, books: Bookkeeper) -> None:
        self.client_id, self.books = client_id, books
        self.raw: RawClient | None = None
        self.next_id = 0
        self.errors: list[int] = []

    def connect(self, paper: PaperGateway) -> None:
        version = CLIENTS[self.client_id]
        versions = f"v100..{version}"
        self.raw = RawClient(paper.host, paper.port, client_id=self.client_id, versions=versions)
        self._read_until("nextValidId")
        self.catch_up()

    def leave(self, paper: PaperGateway) -> None:
        assert self.raw is not None
        self.raw.close()
        self.raw = None
        while self.client_id in paper.clients:
            paper.call(paper.hub.now)

    def send(self, name: str, **fields: Any) -> None:
        assert self.raw is not None
        kind = OUTBOUND_BY_NAME[name]
        message = message_class(kind.proto or "")(**fields)
        body = codec.encode(kind, message, CLIENTS[self.client_id])
        self.raw.sendMsg(frame(body))

    def catch_up(self) -> None:
        """Ask for the executions, and take those that were missed; the others must be the same."""
        mine = 0 if self.client_id == MASTER else self.client_id
        self.send("reqExecutions", reqId=ASKED, executionFilter={"clientId": mine})
        self._read_until("execDetailsEnd")

    def listen(self) -> None:
        """Take everything that has been sent until now."""
        if self.raw is not None:
            self.send("reqCurrentTime")
            self._read_until("currentTime")

    def _read_until(self, name: str) -> None:
        assert self.raw is not None
        version = CLIENTS[self.client_id]

        def wanted(body: bytes) -> bool:
            decoded = codec.decode(Direction.INBOUND, body, version)
            self._hear(decoded.type.name, decoded.message)
            return decoded.type.name == name

        self.raw.read_until(wanted)

    def _hear(self, name: str, message: Any) -> None:
        if name == "execDetails":
            one = message.execution
            assert self.client_id in {MASTER, one.clientId}
            known = self.books.fills.get(one.execId)
            if known is None:
                self.books.execution(message)
            else:  # told again because it was asked for, and only then
                assert message.reqId == ASKED
                assert (known.price, abs(known.signed)) == (
                    D(repr(one.price)),
                    D(one.shares),
                )
        elif name == "commissionReport":
            known = self.books.reports.get(message.execId)
            if known is None:
                self.books.report(message)
            else:
                assert known.commissionAndFees == message.commissionAndFees
        elif name == "nextValidId":
            assert message.orderId >= self.next_id  # never back
            self.next_id = message.orderId
        elif name == "orderStatus":
            assert self.client_id in {MASTER, message.clientId}
        elif name == "errMsg":
            self.errors.append(message.errorCode)


class Market(ManualFeed):
    """A market that is open from the start, the same after every restart."""

    def __init__(self) -> None:
        super().__init__()
        self.future = next(one for one in self.instruments.all() if one.symbol == "ES")
        for name, (price, tick, lot) in TRADED.items():
            self.send(self.events(name, price - tick, price + tick, 8 * lot))

    def named(self, name: str) -> Any:
        return self.future if name == "ES" else self.instrument(name)

    def events(self, name: str, bid: D, ask: D, size: int) -> list[Any]:
        instrument = self.named(name)
        self.time_ns += 10**6
        con_id, shown = instrument.con_id, D(size)
        made: list[Any] = [
            QuoteChange(con_id, self.time_ns, float(bid), shown, float(ask), shown, "P", "Q")
        ]
        if not instrument.quote_driven:
            made.append(Trade(con_id, self.time_ns, float(bid), D(1), "Q"))
        return made


class Sockets(RuleBasedStateMachine):
    """Trades through a gateway at random."""

    def __init__(self) -> None:
        super().__init__()
        self.markets: list[Market] = []
        self.paper = PaperGateway(
            feed=self._make_market,
            clock=ManualClock(),
            accounts=tuple(ACCOUNTS),
            currency=ACCOUNTS,
            cash=D(50_000_000),
            access=Access(master_client_id=MASTER),
        )
        self.clients: dict[int, Listener] = {}
        self.sent: list[tuple[int, int, dict[str, Any], dict[str, Any]]] = []

    def _make_market(self) -> Market:
        self.markets.append(Market())
        return self.markets[-1]

    @initialize()
    def open_gateway(self) -> None:
        self.paper.start()
        by_id = {self.markets[0].named(name).con_id: self.markets[0].named(name) for name in TRADED}
        for client_id in CLIENTS:
            self.clients[client_id] = Listener(client_id, Bookkeeper(by_id))
            self.clients[client_id].connect(self.paper)

    def teardown(self) -> None:
        for client in self.clients.values():
            if client.raw is not None:
                client.raw.close()
        self.paper.stop()

    # ---- what happens ----------------------------------------------------------------------

    @rule(name=st.sampled_from(sorted(TRADED)), move=st.integers(-5, 5), size=st.integers(1, 8))
    def market_moves(self, name: str, move: int, size: int) -> None:
        price, tick, lot = TRADED[name]
        bid = price + move * tick
        events = self.markets[-1].events(name, bid, bid + tick, size * lot)
        self.paper.call(self.markets[-1].send, events)

    @rule(
        client_id=st.sampled_from((1, 2)),
        account=st.sampled_from(sorted(ACCOUNTS)),
        name=st.sampled_from(sorted(TRADED)),
        side=st.sampled_from(("BUY", "SELL")),
        kind=st.sampled_from(("MKT", "LMT", "STP")),
        away=st.integers(-5, 5),
        count=st.integers(1, 12),
        group=st.sampled_from(("", "", "pair")),
    )
    def place(
        self,
        client_id: int,
        account: str,
        name: str,
        side: str,
        kind: str,
        away: int,
        count: int,
        group: str,
    ) -> None:
        price, tick, lot = TRADED[name]
        instrument = self.markets[-1].named(name)
        order: dict[str, Any] = {"action": side, "orderType": kind, "account": account}
        order |= {"totalQuantity": str(count * lot), "tif": "GTC", "transmit": True}
        if kind != "MKT":
            order["lmtPrice" if kind == "LMT" else "auxPrice"] = float(price + away * tick)
        if group:
            order |= {"ocaGroup": group, "ocaType": 2}
        contract = {"conId": instrument.con_id, "exchange": instrument.exchange}
        client = self.clients[client_id]
        if client.raw is None:
            return
        number = max(client.next_id, 1)
        client.next_id = number + 1
        client.send("placeOrder", orderId=number, contract=contract, order=order)
        self.sent.append((client_id, number, contract, order))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), count=st.integers(1, 9), away=st.integers(-5, 5))
    def modify(self, data: st.DataObject, count: int, away: int) -> None:
        client_id, number, contract, order = data.draw(st.sampled_from(self.sent))
        if self.clients[client_id].raw is None or order["orderType"] != "LMT":
            return
        name = next(n for n in TRADED if self.markets[-1].named(n).con_id == contract["conId"])
        price, tick, lot = TRADED[name]
        changed = {**order, "totalQuantity": str(count * lot)}
        changed["lmtPrice"] = float(price + away * tick)
        self.clients[client_id].send("placeOrder", orderId=number, contract=contract, order=changed)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), by=st.sampled_from((1, 2, MASTER)))
    def cancel(self, data: st.DataObject, by: int) -> None:
        """By its owner, or by another, who is refused."""
        owner, number, *_ = data.draw(st.sampled_from(self.sent))
        client = self.clients[by]
        if client.raw is None:
            return
        client.listen()
        client.errors.clear()
        client.send("cancelOrder", orderId=number)
        client.listen()
        if by == MASTER and owner != by:
            assert client.errors == [10147]

    @rule(client_id=st.sampled_from(sorted(CLIENTS)))
    def come_or_go(self, client_id: int) -> None:
        client = self.clients[client_id]
        if client.raw is not None:
            client.leave(self.paper)
        else:
            client.connect(self.paper)

    @rule()
    def restart(self) -> None:
        there = [client for client in self.clients.values() if client.raw is not None]
        self._everyone_listens()
        self.paper.stop()
        for client in there:
            assert client.raw is not None
            client.raw.close()
            client.raw = None
        self.paper.start()
        for client in there:
            client.connect(self.paper)

    # ---- what must hold --------------------------------------------------------------------

    def _everyone_listens(self) -> None:
        for client in self.clients.values():
            client.listen()

    @invariant()
    def everyone_was_told_everything_once_and_it_adds_up(self) -> None:
        if not self.clients:
            return
        self._everyone_listens()
        done = self.paper.call(lambda: tuple(self.paper.engine.executions))
        for client in self.clients.values():
            if client.raw is None:
                continue
            entitled = {
                one.exec_id for one in done if client.client_id in {MASTER, one.order.client_id}
            }
            assert set(client.books.fills) == set(client.books.reports) == entitled

        if self.clients[MASTER].raw is not None:
            self.paper.call(self._check_accounts, self.clients[MASTER].books)

    def _check_accounts(self, books: Bookkeeper) -> None:
        for account in self.paper.engine.accounts.values():
            books.check(account)
        for order in self.paper.engine.book:
            assert order.filled + order.remaining == order.total


TestConservationThroughSockets = Sockets.TestCase
TestConservationThroughSockets.settings = settings(
    max_examples=max(6, settings().max_examples // 40), stateful_step_count=25, deadline=None
)
