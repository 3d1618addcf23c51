"""Sessions that do not trade: no orders asked for at the start, and none placed by mistake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ibapi.contract import Contract
from ibapi.order import Order

from tests.support.clients import PATIENCE, Recorder, await_condition, settings
from twsloop import IBGateway, limit_order, stock
from twsloop.clock import ManualClock
from twsloop.errors import ConfigError, RequestError
from twsloop.paper import PaperGateway
from twsloop.session.roles import Role


@pytest.fixture
def gateway() -> Iterator[PaperGateway]:
    with PaperGateway(feed="manual") as gateway:
        yield gateway


@pytest.mark.parametrize("version", [200, 225])
@pytest.mark.parametrize("role", ["data", "observer"])
def test_it_waits_for_no_orders_and_places_none(
    gateway: PaperGateway, version: int, role: str
) -> None:
    heard = Recorder()
    config = settings(gateway.port, connection__max_version=version)
    watcher = IBGateway(config, role=role, wrapper=heard, clock=ManualClock())
    with watcher:
        status = watcher.session
        assert status.role is Role(role)
        assert status.ready
        assert status.orders_known is False
        assert f"role is {role}" in status.orders_unknown_because
        trade = watcher.place_order(stock("AAPL"), limit_order("BUY", 1, "1"))
        assert trade.done.result(PATIENCE).name == "REFUSED"
        assert f"role is {role} ([session] role)" in trade.reason
        contract, order = Contract(), Order()
        contract.symbol, contract.secType, contract.exchange = "AAPL", "STK", "SMART"
        order.action, order.orderType, order.totalQuantity, order.lmtPrice = "BUY", "LMT", 1, 1.0
        watcher.placeOrder(watcher.next_order_id(), contract, order)
        await_condition(lambda: any("places and changes no" in str(e) for e in heard.of("error")))
        watcher.reqGlobalCancel()  # a cancel is never refused by us
        watcher.cancelOrder(trade.order_id)
    assert "openOrder" not in heard.names


@pytest.mark.parametrize("version", [200, 225])
def test_an_observer_reads_what_others_do_and_data_does_not(
    gateway: PaperGateway, version: int
) -> None:
    def client(number: int, role: str) -> IBGateway:
        chosen = {"connection__max_version": version, "connection__client_id": number}
        return IBGateway(settings(gateway.port, **chosen), role=role, clock=ManualClock())

    with client(1, "trade") as trader, client(2, "observer") as observer, client(3, "data") as data:
        trade = trader.place_order(stock("AAPL"), limit_order("BUY", 1, "1"))
        await_condition(lambda: trade.status.name == "SUBMITTED")
        (seen,) = observer.open_orders().result(PATIENCE)
        assert (seen.client_id, seen.order_id) == (1, trade.order_id)
        with pytest.raises(RequestError, match="role = observer to read them"):
            data.open_orders().result(PATIENCE)


def test_a_role_comes_from_the_settings_too() -> None:
    client = IBGateway(settings(4002, session__role="observer"))
    assert client.session.role is Role.OBSERVER
    assert (
        IBGateway(settings(4002, session__role="data"), role=Role.TRADE).session.role is Role.TRADE
    )
    assert [role for role in Role if role.sends_orders] == [Role.TRADE]
    assert [role for role in Role if not role.hears_orders] == [Role.DATA]
    assert all(bool(role.why_no_orders) is not role.sends_orders for role in Role)


def test_a_role_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[session\] role"):
        IBGateway(role="spectator")
