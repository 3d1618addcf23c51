"""What any gateway must answer, and nothing that changes anything there.

twsloop paper --port 4002                      # or a real gateway
python -m pytest -m integration tests/integration
"""

from __future__ import annotations

import threading

import pytest
from ibapi.contract import ContractDetails

from twsloop import Config, IBGateway, stock

pytestmark = pytest.mark.integration

#: A real gateway may be far away, and may answer slowly at night, seconds.
PATIENCE = 30.0


class _Details:
    """Hears contract details."""

    def __init__(self) -> None:
        self.con_ids: list[int] = []
        self.ended = threading.Event()

    def contractDetails(self, reqId: int, contractDetails: ContractDetails) -> None:
        """IB's callback."""
        self.con_ids.append(contractDetails.contract.conId)

    def contractDetailsEnd(self, reqId: int) -> None:
        """IB's callback."""
        self.ended.set()


def test_a_session_becomes_ready(gateway: IBGateway) -> None:
    assert gateway.accounts
    assert gateway.serverVersion() in range(100, 226)
    assert gateway.orders_known, gateway.orders_unknown_because


def test_a_symbol_is_one_contract(gateway: IBGateway) -> None:
    heard = _Details()
    gateway.add_message_processor(heard)
    gateway.reqContractDetails(9001, stock("AAPL"))
    assert heard.ended.wait(PATIENCE)
    assert heard.con_ids == [265598]


def test_market_data_or_the_reason_why_not(gateway: IBGateway) -> None:
    told = threading.Event()
    gateway.reqMarketDataType(3)  # delayed data is free; live is used where the login has it
    watch = gateway.subscribe(
        ["AAPL"], on_tick=lambda _ticker: told.set(), on_error=lambda _symbol, _error: told.set()
    )
    assert told.wait(PATIENCE)
    watch.cancel()


def test_account_positions_orders_and_executions_come_to_an_end(gateway: IBGateway) -> None:
    summary = gateway.account_summary().result(PATIENCE)
    assert {row.account for row in summary} <= {*gateway.accounts, "All"}
    assert "NetLiquidation" in {row.tag for row in summary}
    assert {one.account for one in gateway.positions().result(PATIENCE)} <= {*gateway.accounts}
    gateway.open_orders().result(PATIENCE)
    gateway.executions().result(PATIENCE)


def test_the_same_client_id_connects_again(config: Config, gateway: IBGateway) -> None:
    accounts = gateway.accounts
    gateway.stop()
    with IBGateway(config) as again:
        assert again.accounts == accounts
