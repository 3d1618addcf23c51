"""Everything about accounts that any gateway answers."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.capabilities.conftest import PATIENCE
from tests.support.desk import Heard
from twsloop import IBGateway
from twsloop.account.rows import AccountProfit, PositionProfit
from twsloop.connection.streams import StreamStatus
from twsloop.errors import RequestError, SlotsExhausted


def test_a_summary_of_no_tag_of_ibs_is_not_silently_empty(gw: IBGateway) -> None:
    with pytest.raises(RequestError, match="nothing was told of NetLiq: are these tags"):
        gw.account.summary("NetLiq").result(PATIENCE)


def test_summary(gw: IBGateway) -> None:
    rows = gw.account.summary(["NetLiquidation", "AccountType"]).result(PATIENCE)
    assert {row.tag for row in rows} == {"NetLiquidation", "AccountType"}
    assert {row.account for row in rows} <= {*gw.accounts, "All"}
    [worth] = [row for row in rows if row.tag == "NetLiquidation" and row.account == gw.accounts[0]]
    assert isinstance(worth.amount, Decimal)
    assert {row.amount for row in rows if row.tag == "AccountType"} == {None}


def test_a_summary_is_followed_and_a_third_one_refused_before_ib_does(gw: IBGateway) -> None:
    heard = Heard()
    with gw.account.watch_summary(["NetLiquidation"], on_update=heard) as first:
        table = first.image.result(PATIENCE)
        assert heard.next().tag == "NetLiquidation"
        assert table.get("NetLiquidation", gw.accounts[0]).amount == heard.all[0].amount
        with gw.account.watch_summary(["BuyingPower"]) as second:
            second.image.result(PATIENCE)
            with pytest.raises(
                SlotsExhausted, match="NetLiquidation of All, BuyingPower of All"
            ) as caught:
                gw.account.watch_summary(["Cushion"])
            assert caught.value.code == 322
            with pytest.raises(SlotsExhausted):
                gw.account.summary(["Cushion"]).result(PATIENCE)
            with gw.account.watch_summary(["BuyingPower"]) as same:
                same.image.result(PATIENCE)
    assert gw.account.summary(["Cushion"]).result(PATIENCE)


def test_values_and_portfolio_of_an_account(gw: IBGateway) -> None:
    account = gw.accounts[0]
    values = {(row.key, row.currency): row for row in gw.account.values().result(PATIENCE)}
    assert len(values) > 50
    assert {row.account for row in values.values()} == {account}
    assert any(key == "NetLiquidation" for key, _ in values)
    assert {item.account for item in gw.account.portfolio().result(PATIENCE)} <= {account}


def test_values_are_followed_and_another_account_s_refused(gw: IBGateway) -> None:
    with gw.account.watch_values() as stream:
        table = stream.image.result(PATIENCE)
        assert len(table.values(gw.accounts[0])) > 50
        with pytest.raises(RequestError, match="one account at a time") as caught:
            gw.account.watch_values("DU0000000")
        assert caught.value.code == 2101
        with pytest.raises(RequestError, match="one account at a time"):
            gw.account.portfolio("DU0000000").result(PATIENCE)


def test_values_and_positions_of_accounts_and_models(gw: IBGateway) -> None:
    account = gw.accounts[0]
    values = gw.account.model_values(account).result(PATIENCE)
    assert {row.account for row in values} == {account}
    assert any(row.key == "NetLiquidation" and row.amount is not None for row in values)
    assert isinstance(gw.account.model_positions(account).result(PATIENCE), list)
    heard = Heard()
    with gw.account.watch_model_values(account, on_update=heard) as stream:
        assert len(stream.image.result(PATIENCE).values()) == len(values)
        assert heard.next().account == account
    with gw.account.watch_model_positions(account) as positions:
        assert isinstance(positions.image.result(PATIENCE).positions(), list)


def test_positions_are_followed(gw: IBGateway) -> None:
    asked = gw.account.positions().result(PATIENCE)
    with gw.account.watch_positions() as stream:
        table = stream.image.result(PATIENCE)
        assert {row.symbol for row in table.rows()} == {row.symbol for row in asked}
        assert stream.status is StreamStatus.LIVE


def test_profit_and_loss_of_an_account(gw: IBGateway) -> None:
    now = gw.account.pnl().result(PATIENCE)
    assert isinstance(now, AccountProfit)
    assert (now.account, now.time.tzinfo is not None) == (gw.accounts[0], True)
    assert all(isinstance(value, Decimal | None) for value in (now.daily, now.realized))
    heard = Heard()
    with gw.account.watch_pnl(on_update=heard) as stream:
        first, second = heard.next(), heard.next()
        assert first.time <= second.time
        assert stream.latest is not None
        assert stream.age is not None


def test_profit_and_loss_of_a_position_that_is_flat(gw: IBGateway) -> None:
    held = {row.contract.conId for row in gw.account.positions().result(PATIENCE)}
    con_id = next(one for one in (265598, 272093, 4815747) if one not in held)
    flat = gw.account.position_pnl(con_id).result(PATIENCE)
    assert isinstance(flat, PositionProfit)
    assert (flat.con_id, flat.quantity, flat.unrealized) == (con_id, Decimal(0), None)
    assert flat.value is None


def test_ledgers_and_the_base_currency(gw: IBGateway) -> None:
    base = gw.account.base_currency().result(PATIENCE)
    assert len(base) == 3
    rows = {row.currency: row for row in gw.account.ledger().result(PATIENCE)}
    assert {"BASE", base} <= set(rows)
    assert isinstance(rows["BASE"].amounts["CashBalance"], Decimal)
    assert rows[base].amounts["ExchangeRate"] == 1


def test_accounts_of_the_login_and_their_families(gw: IBGateway) -> None:
    assert gw.account.managed_accounts().result(PATIENCE) == gw.accounts
    assert {row.account.rstrip("*") for row in gw.account.family_codes().result(PATIENCE)}


def test_the_portfolio_of_this_second(gw: IBGateway) -> None:
    with gw.account.watch_portfolio() as portfolio:
        rows = portfolio.whole.result(PATIENCE)
        held = gw.account.positions().result(PATIENCE)
        assert {row.symbol for row in rows} == {row.symbol for row in held}


async def test_awaiting(gw: IBGateway) -> None:
    assert await gw.account.base_currency()
    async for profit in gw.account.watch_pnl():
        assert profit.account == gw.accounts[0]
        break
