"""A world for the gate: what is known can be set, and counts as known from then on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs
from ibapi.contract import Contract
from ibapi.order import Order

from twsloop.config import Config, ConnectionParams
from twsloop.config.sections import RiskParams
from twsloop.contracts.builders import forex, stock
from twsloop.orders.builders import limit_order
from twsloop.risk.case import Proposal
from twsloop.risk.gate import RiskGate
from twsloop.risk.sources import Sources

NOON = datetime(2026, 9, 28, 16, 0, tzinfo=UTC)
ACCOUNT = "DU1234567"


def aapl() -> Contract:
    contract = stock("AAPL")
    contract.conId = 265598
    return contract


def eurusd() -> Contract:
    contract = forex("EUR.USD")
    contract.conId = 12087792
    return contract


@attrs.define
class Seen:
    """A quote."""

    bid: float | None = 99.9
    ask: float | None = 100.1
    last: float | None = 100.0
    age: float | None = 0.5
    stale: bool = False
    halted: float | None = None
    market_data_type: int | None = 1
    min_tick: float | None = 0.01


@attrs.define
class Row:
    """A position."""

    contract: Contract
    quantity: Decimal


@attrs.define
class Kept:
    """An order of the book."""

    order_id: int
    contract: Contract
    order: Order
    client_id: int = 0
    perm_id: int = 0
    parent_id: int = 0
    before_change: Any = None
    status: str = "Submitted"
    final: bool = False
    filled: Decimal = Decimal(0)


@attrs.define
class World:
    """What the sources tell, and the gate that asks them."""

    quote: Seen | None = attrs.Factory(Seen)
    held: list[Row] | None = attrs.Factory(list)
    values: dict[str, Decimal] = attrs.Factory(dict)
    rates: dict[tuple[str, str], Decimal] = attrs.Factory(dict)
    base: str = "USD"
    profit: Decimal | None = None
    day_trades: int | None = None
    open: bool | None = None
    restart: datetime | None = None
    switch: str = ""
    details: dict[int, Any] = attrs.Factory(dict)
    marks: dict[int, Decimal] = attrs.Factory(dict)
    at: float = 1000.0
    now: datetime = NOON
    next_id: int = 1

    @property
    def sources(self) -> Sources:
        return Sources(
            quote=lambda _contract: self.quote,
            details=lambda contract: self.details.get(contract.conId),
            positions=lambda _account: self.held,
            mark=lambda _account, contract: self.marks.get(contract.conId),
            account_value=lambda _account, key: self.values.get(key),
            base_currency=lambda _account: self.base,
            rate=lambda _account, one, into: self.rates.get((one, into)),
            day_profit=lambda _account: self.profit,
            day_trades=lambda _account: self.day_trades,
            is_open=lambda _contract, _now, _all: self.open,
            next_restart=lambda _now: self.restart,
            kill_switch=lambda: self.switch,
        )

    def gate(self, config: Config | None = None, **limits: Any) -> RiskGate:
        config = config or Config(connection=ConnectionParams(), risk=RiskParams(**limits))
        return RiskGate(config, self.sources)

    def propose(
        self, contract: Contract | None = None, order: Order | None = None, **facts: Any
    ) -> Proposal:
        order = limit_order("BUY", 100, "100") if order is None else order
        self.next_id += 1
        given: dict[str, Any] = {
            "order_id": self.next_id,
            "contract": aapl() if contract is None else contract,
            "order": order,
            "account": ACCOUNT,
            "now": self.now,
            "monotonic": self.at,
        }
        return Proposal(**(given | facts))

    def wait(self, seconds: float) -> None:
        self.at += seconds
        self.now += timedelta(seconds=seconds)
