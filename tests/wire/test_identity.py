"""When two contracts are the same for a request."""

from __future__ import annotations

import pytest
from ibapi.contract import Contract

from twsloop.contracts import combo, forex, future, option, stock
from twsloop.wire.identity import contract_key


def with_id(con_id: int, exchange: str = "SMART") -> Contract:
    contract = Contract()
    contract.conId, contract.exchange = con_id, exchange
    return contract


def test_equal_contracts_are_the_same_and_can_be_a_key() -> None:
    assert contract_key(stock("AAPL")) == contract_key(stock("AAPL"))
    assert hash(contract_key(stock("AAPL"))) == hash(contract_key(stock("AAPL")))
    legs = [(1, 1, "BUY"), (2, 1, "SELL")]
    assert contract_key(combo("A", legs)) == contract_key(combo("A", legs))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (stock("AAPL"), stock("MSFT")),
        (stock("AAPL"), stock("AAPL", "ARCA")),
        (stock("AAPL"), stock("AAPL", currency="EUR")),
        (stock("EUR"), forex("EUR.USD")),
        (future("ES", "202612", "CME"), future("ES", "202703", "CME")),
        (option("AAPL", "20261218", 200, "C"), option("AAPL", "20261218", 200, "P")),
        (with_id(265598), with_id(8314)),
        (with_id(265598), with_id(265598, "ARCA")),
        (combo("A", [(1, 1, "BUY"), (2, 1, "SELL")]), combo("A", [(1, 1, "SELL"), (2, 1, "BUY")])),
    ],
)
def test_different_contracts_are_not(one: Contract, other: Contract) -> None:
    assert contract_key(one) != contract_key(other)


def test_with_its_id_nothing_else_matters() -> None:
    described = stock("AAPL")
    described.conId = 265598
    assert contract_key(described) == contract_key(with_id(265598))


def test_the_id_of_a_combination_means_nothing() -> None:
    spread = combo("A", [(1, 1, "BUY"), (2, 1, "SELL")])
    known = combo("A", [(1, 1, "BUY"), (2, 1, "SELL")])
    known.conId = 28812380
    assert contract_key(known) == contract_key(spread)
