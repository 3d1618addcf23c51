"""Contracts on any gateway: looked up, listed, rounded for, and when they trade."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from ibapi.contract import Contract

from tests.capabilities.conftest import PATIENCE
from twsloop import IBGateway, future, stock
from twsloop.contracts import Between, Nearest, Within
from twsloop.errors import AmbiguousContract, ContractError, RequestError, UnknownContract
from twsloop.event_loop import Future

T = TypeVar("T")
APPLE = 265598


def answer(asked: Future[T]) -> T:
    return asked.result(PATIENCE)


def now() -> datetime:
    return datetime.now(UTC)


# ------------------------------------------------------------------------------------- lookups
def test_details_of_a_stock(gw: IBGateway) -> None:
    (details,) = answer(gw.contracts.details("AAPL"))
    assert details.contract.conId == APPLE
    assert "LMT" in details.orderTypes.split(",")
    assert gw.contracts.known("AAPL").contract.conId == APPLE  # type: ignore[union-attr]


def test_details_of_a_bond(gw: IBGateway) -> None:
    bond = Contract()
    bond.secType, bond.symbol, bond.exchange, bond.currency = "BOND", "IBM", "SMART", "USD"
    details = answer(gw.contracts.details(bond))
    assert {one.contract.secType for one in details} == {"BOND"}
    assert all(one.maturity or one.cusip for one in details)


def test_a_symbol_becomes_a_complete_contract(gw: IBGateway) -> None:
    contract = answer(gw.contracts.resolve("AAPL"))
    assert (contract.conId, contract.exchange) == (APPLE, "SMART")
    assert contract.primaryExchange == "NASDAQ"
    by_id = answer(gw.contracts.resolve(f"#{APPLE}"))
    assert (by_id.symbol, by_id.secType, by_id.currency) == ("AAPL", "STK", "USD")


def test_an_id_alone_is_routed_where_it_trades(gw: IBGateway) -> None:
    front = answer(gw.contracts.front_month("ES", "CME")).contract
    contract = answer(gw.contracts.resolve(f"#{front.conId}"))
    assert (contract.symbol, contract.exchange) == ("ES", "CME")
    with pytest.raises(UnknownContract):
        answer(gw.contracts.resolve("#2147000000"))


def test_more_than_one_is_an_error_with_all_of_them(gw: IBGateway) -> None:
    vague = future("ES", "202612", "CME")
    vague.lastTradeDateOrContractMonth = ""
    with pytest.raises(AmbiguousContract, match="one is meant") as caught:
        answer(gw.contracts.resolve(vague))
    contracts = caught.value.contracts
    assert len({one.conId for one in contracts}) == len(contracts) > 1
    assert caught.value.candidates[0].startswith("ES 20")
    assert len(answer(gw.contracts.details(vague))) >= len(contracts)
    assert gw.contracts.known(vague) is None


def test_none_is_ibs_error_with_what_is_like_it(gw: IBGateway) -> None:
    with pytest.raises(UnknownContract) as caught:
        answer(gw.contracts.resolve("AAPLQ"))
    assert caught.value.code == 200
    assert isinstance(caught.value, RequestError)
    assert APPLE in [one.conId for one in caught.value.contracts]
    assert "did you mean AAPL (STK" in str(caught.value)


def test_a_pair_without_its_dot_says_how_pairs_are_written(gw: IBGateway) -> None:
    with pytest.raises(UnknownContract, match=r"a currency pair is written EUR\.USD"):
        answer(gw.contracts.resolve("EURUSD"))


def test_an_expired_future_says_how_to_ask(gw: IBGateway) -> None:
    gone = future("ES", "202003", "CME")
    with pytest.raises(UnknownContract, match="includeExpired"):
        answer(gw.contracts.resolve(gone))


def test_one_that_fails_leaves_the_others_be(gw: IBGateway) -> None:
    rows = answer(gw.contracts.resolve_many(["AAPL", "AAPLQ", stock("MSFT")]))
    assert [row.contract and row.contract.symbol for row in rows] == ["AAPL", None, "MSFT"]
    assert isinstance(rows[1].error, UnknownContract)
    assert rows[1].asked == "AAPLQ"


def test_a_search(gw: IBGateway) -> None:
    found = answer(gw.contracts.search("AAPL"))
    assert found[0].contract.conId == APPLE
    assert "OPT" in found[0].derivatives
    assert found[0].name


# -------------------------------------------------------------------------------- what is listed
def test_an_option_chain_and_its_contracts(gw: IBGateway) -> None:
    whole = answer(gw.contracts.option_chain("AAPL"))
    chain = next(one for one in whole if one.trading_class == "AAPL")
    assert chain.exchange == "SMART"
    assert list(chain.expiries) == sorted(set(chain.expiries))
    assert list(chain.strikes) == sorted(set(chain.strikes))
    middle = chain.strikes[len(chain.strikes) // 2]
    (few,) = answer(
        gw.contracts.option_chain("AAPL", Nearest(1), Nearest(3, middle), "C", trading_class="AAPL")
    )
    assert (len(few), few.rights) == (3, ("C",))
    options = answer(gw.contracts.options(few))
    assert {one.contract.strike for one in options} <= set(map(float, few.strikes))
    assert all(one.contract.conId and one.contract.right == "C" for one in options)


def test_chains_by_range_and_around_a_price(gw: IBGateway) -> None:
    (whole,) = answer(gw.contracts.option_chain("AAPL", trading_class="AAPL"))
    last, middle = whole.expiries[-1], whole.strikes[len(whole.strikes) // 2]
    (late,) = answer(
        gw.contracts.option_chain(
            "AAPL", Between(last, None), Within("0.02", middle), trading_class="AAPL"
        )
    )
    assert late.expiries == (last,)
    assert all(abs(one - middle) <= middle * Decimal("0.02") for one in late.strikes)
    with pytest.raises(ContractError, match="is not listed; near it are"):
        answer(gw.contracts.option_chain("AAPL", strikes="0.37"))


def test_chains_of_an_index_and_of_every_exchange(gw: IBGateway) -> None:
    index = answer(gw.contracts.option_chain("SPX IND CBOE", Nearest(1)))
    assert {"SPX"} <= {one.trading_class for one in index}
    every = answer(gw.contracts.option_chain("AAPL", Nearest(1), exchange=None))
    assert len({one.exchange for one in every}) > 1


def test_what_has_no_options_has_no_chain(gw: IBGateway) -> None:
    assert answer(gw.contracts.option_chain("EUR.USD")) == []


def test_futures_of_a_root(gw: IBGateway) -> None:
    chain = answer(gw.contracts.future_chain("ES", "CME"))
    assert [row.expiry for row in chain] == sorted(row.expiry for row in chain)
    assert all(row.contract.conId and row.month for row in chain)
    front = answer(gw.contracts.front_month("ES", "CME"))
    assert front.contract.conId == chain[0].contract.conId
    later = answer(gw.contracts.front_month("ES", "CME", roll_days=120))
    assert later.expiry >= now().date() + timedelta(days=119)
    if front.last_trade_time is not None:
        assert abs(front.last_trade_time.date() - front.expiry) <= timedelta(days=1)


def test_expired_futures_are_there_when_asked_for(gw: IBGateway) -> None:
    listed = answer(gw.contracts.future_chain("ES", "CME"))
    past = answer(gw.contracts.future_chain("ES", "CME", include_expired=True))
    assert len(past) > len(listed)
    assert past[0].expiry < now().date()


def test_a_continuous_future(gw: IBGateway) -> None:
    contract = answer(gw.contracts.continuous_future("ES", "CME"))
    assert (contract.secType, contract.symbol) == ("CONTFUT", "ES")
    assert contract.conId


def test_a_combo_of_symbols(gw: IBGateway) -> None:
    (chain,) = answer(gw.contracts.option_chain("AAPL", Nearest(1), trading_class="AAPL"))
    options = answer(gw.contracts.options(chain))
    low, high = [one.contract for one in options if one.contract.right == "C"][:2]
    spread = answer(gw.contracts.combo([(low, 1, "BUY"), (high, 1, "SELL")]))
    assert (spread.secType, spread.symbol, spread.currency) == ("BAG", "AAPL", "USD")
    assert [leg.conId for leg in spread.comboLegs] == [low.conId, high.conId]
    pair = answer(gw.contracts.combo([("AAPL", 1, "BUY"), ("MSFT", 2, "SELL")]))
    assert pair.symbol == "AAPL,MSFT"
    assert [leg.ratio for leg in pair.comboLegs] == [1, 2]


# ---------------------------------------------------------------------------- prices and sizes
def test_prices_that_an_exchange_takes(gw: IBGateway) -> None:
    contracts = gw.contracts
    assert answer(contracts.round_price("AAPL", "189.537", "BUY")) == Decimal("189.53")
    assert answer(contracts.round_price("AAPL", 189.537, "SELL")) == Decimal("189.54")
    assert answer(contracts.round_price("AAPL", "189.537", "SELL", rounding="down")) == Decimal(
        "189.53"
    )
    es = answer(contracts.front_month("ES", "CME")).contract
    assert answer(contracts.price_increment(es, 5000)) == Decimal("0.25")
    assert answer(contracts.round_price(es, "-3.30", "BUY")) == Decimal("-3.50")
    by_id = f"#{es.conId}"  # which says no exchange, and SMART does not route it
    assert answer(contracts.round_price(by_id, "5000.13", "SELL")) == Decimal("5000.25")


def test_the_rule_of_an_exchange(gw: IBGateway) -> None:
    (details,) = answer(gw.contracts.details("AAPL"))
    rule_id = int(details.marketRuleIds.split(",")[0])
    rule = answer(gw.contracts.market_rule(rule_id))
    assert rule.rule_id == rule_id
    assert rule.steps[0].low_edge == 0
    exchange = details.validExchanges.split(",")[0]
    assert answer(gw.contracts.price_rule("AAPL", exchange)) == rule
    with pytest.raises(ContractError, match="does not trade at 'CME'; it does at"):
        answer(gw.contracts.price_rule("AAPL", "CME"))


def test_an_unknown_rule_is_ibs_error(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as caught:
        answer(gw.contracts.market_rule(987654321))
    assert caught.value.code is not None


def test_sizes_that_are_taken(gw: IBGateway) -> None:
    es = answer(gw.contracts.front_month("ES", "CME")).contract
    assert answer(gw.contracts.round_quantity(es, "2.9")) == 2
    assert answer(gw.contracts.round_quantity(es, "0.5")) == 0
    assert answer(gw.contracts.round_quantity(es, "0.5", "up")) == 1


# --------------------------------------------------------------------------------------- hours
def test_hours_of_a_stock(gw: IBGateway) -> None:
    trading = answer(gw.contracts.trading_hours("AAPL"))
    liquid = answer(gw.contracts.liquid_hours("AAPL"))
    assert trading.is_open(now()) is not None
    assert len(liquid) > 0
    for session in liquid:
        assert trading.is_open(session.start)
        assert session.start.tzinfo is UTC
        there = session.start.astimezone(liquid.zone)
        assert (there.hour, there.minute) == (9, 30)
    opens = liquid.next_open(now())
    assert opens is not None
    assert opens > now()


def test_hours_of_a_future_go_through_the_night(gw: IBGateway) -> None:
    es = answer(gw.contracts.front_month("ES", "CME")).contract
    hours = answer(gw.contracts.trading_hours(es))
    days = {session.day for session in hours}
    assert any(session.start.astimezone(hours.zone).date() < session.day for session in hours)
    assert all(day.weekday() < 5 for day in days)


# ----------------------------------------------------------------------------------- exchanges
def test_exchanges_with_depth(gw: IBGateway) -> None:
    rows = answer(gw.contracts.depth_exchanges())
    assert {"STK"} <= {row.sec_type for row in rows}
    assert all(row.exchange and row.service for row in rows)


def test_the_exchanges_behind_smart(gw: IBGateway) -> None:
    venues = answer(gw.contracts.smart_components("9c0001"))
    letters = {venue.exchange: venue.letter for venue in venues}
    assert letters["ARCA"] == "P"
    assert len({venue.bit for venue in venues}) == len(venues)


def test_a_wrong_code_of_exchanges_is_ibs_error(gw: IBGateway) -> None:
    with pytest.raises(RequestError) as caught:
        answer(gw.contracts.smart_components("nonsense"))
    assert caught.value.code is not None


def test_it_can_be_awaited(gw: IBGateway) -> None:

    async def both() -> tuple[int, str]:
        contract = await gw.contracts.resolve("AAPL")
        chain = await gw.contracts.option_chain("AAPL", Nearest(1), trading_class="AAPL")
        return contract.conId, chain[0].symbol

    assert asyncio.run(both()) == (APPLE, "AAPL")


def test_what_is_no_number_is_told_at_the_call(gw: IBGateway) -> None:
    with pytest.raises(ContractError, match="rule_id='AAPL': a market rule is told by its number"):
        gw.contracts.market_rule("AAPL")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="con_id='AAPL': a position is told by the number"):
        gw.account.position_pnl("AAPL")  # type: ignore[arg-type]
