"""Questions about contracts: remembered, shared, cancelled, and what is wrong said at the call."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from ibapi.contract import Contract, ContractDetails

from tests.support.asking import Wire, opened, session
from tests.support.clients import PATIENCE, await_condition
from tests.support.desk import Heard, config_for
from tests.support.scripted import Peer, ScriptedServer, text_body
from tests.support.sessions import SESSIONS, open_session
from twsloop import Config, IBGateway, PaperGateway, forex, stock
from twsloop.contracts import Between, Nearest, symbol_of, to_contract
from twsloop.contracts.lookups import details_key
from twsloop.contracts.requests import Contracts
from twsloop.contracts.resolving import _by_id
from twsloop.contracts.state import copied, read_chain
from twsloop.errors import (
    AmbiguousContract,
    ContractError,
    NotConnected,
    RequestError,
    RequestTimeout,
    SymbolError,
    UnknownContract,
)
from twsloop.session.state import State

HOURS = 3600.0


# ---------------------------------------------------------------- what leaves, seen at the server
@pytest.fixture
def wire() -> Iterator[Wire]:
    with ScriptedServer(session) as server:
        yield from opened(Wire(server))


@pytest.fixture
def contracts(wire: Wire) -> Contracts:
    return Contracts(wire.core, to_contract=to_contract, label=symbol_of)


def rule(number: int, *steps: tuple[float, float]) -> bytes:
    return text_body(93, number, len(steps), *(part for step in steps for part in step))


def test_a_rule_is_asked_for_once_until_it_is_old(wire: Wire, contracts: Contracts) -> None:
    asked = contracts.market_rule(26)
    assert wire.await_request() == [["91", "26"]]
    wire.reply(rule(26, (0, 0.01)))
    assert asked.result(PATIENCE) == contracts.market_rule(26).result(PATIENCE)
    wire.clock.advance(168 * HOURS - 1)
    contracts.market_rule(26).result(PATIENCE)
    assert len(wire.requests) == 1
    wire.clock.advance(1)
    late = contracts.market_rule(26)
    assert wire.await_request(2)[-1] == ["91", "26"]
    wire.reply(rule(26, (0, 0.05)))
    assert str(late.result(PATIENCE).steps[0].increment) == "0.05"
    anew = contracts.market_rule(26, refresh=True)
    wire.await_request(3)
    wire.reply(rule(26, (0, 0.01)))
    assert str(anew.result(PATIENCE).steps[0].increment) == "0.01"


def test_equal_questions_under_way_are_one_at_the_gateway(wire: Wire, contracts: Contracts) -> None:
    first, second = contracts.smart_components("a60001"), contracts.smart_components("a60001")
    req_id = wire.await_request()[0][1]
    wire.settle()
    assert len(wire.requests) == 1
    wire.reply(text_body(82, req_id, 2, 1, "NASDAQ", "Q", 0, "ARCA", "P"))
    assert [row.exchange for row in first.result(PATIENCE)] == ["ARCA", "NASDAQ"]
    assert second.result(PATIENCE) == first.result(PATIENCE)


def test_an_answer_that_comes_late_is_not_another_rules(wire: Wire, contracts: Contracts) -> None:
    late = contracts.market_rule(26, timeout=5)
    wire.await_request()
    wire.clock.advance(5)
    with pytest.raises(RequestTimeout, match="market rule 26: no answer within 5 s"):
        late.result(PATIENCE)
    asked = contracts.market_rule(32)
    wire.await_request(2)
    wire.reply(rule(26, (0, 0.01)))
    assert wire.await_request(3)[-1] == ["91", "32"]
    wire.reply(rule(32, (0, 0.5)))
    assert asked.result(PATIENCE).rule_id == 32
    wrong = contracts.market_rule(67)
    for count in (4, 5):
        wire.await_request(count)
        wire.reply(rule(26, (0, 0.01)))
    with pytest.raises(RequestError, match="market rule 67: the gateway answered with rule 26"):
        wrong.result(PATIENCE)


def test_a_rule_that_means_nothing_is_named(wire: Wire, contracts: Contracts) -> None:
    asked = contracts.market_rule(7)
    wire.await_request()
    wire.reply(rule(7))
    with pytest.raises(ContractError, match="market rule 7 cannot be used: no step"):
        asked.result(PATIENCE)


def test_a_question_that_nobody_waits_for_is_cancelled_here(
    wire: Wire, contracts: Contracts
) -> None:
    asked = contracts.smart_components("a60001")
    wire.await_request()
    asked.cancel()
    again = contracts.smart_components("a60001")
    req_id = wire.await_request(2)[1][1]
    wire.reply(text_body(82, req_id, 1, 0, "ARCA", "P"))
    assert len(again.result(PATIENCE)) == 1


async def protobuf_session(peer: Peer) -> None:
    """Protobuf 225; the numbers of the messages that come are noted."""
    await peer.open_protobuf_session(225)
    while True:
        body = await peer.read_frame()
        NUMBERS.append(int.from_bytes(body[:4], "big") - 200)


NUMBERS: list[int] = []


def test_details_that_nobody_waits_for_are_cancelled_at_the_gateway() -> None:
    NUMBERS.clear()
    with ScriptedServer(protobuf_session) as server, Wire(server).client as client:
        contracts = Contracts(client._tws, to_contract=to_contract, label=symbol_of)
        first, second = contracts.details("AAPL"), contracts.details("AAPL")
        await_condition(lambda: 9 in NUMBERS)
        first.cancel()
        contracts.smart_components("a60001")
        await_condition(lambda: 83 in NUMBERS)
        assert 106 not in NUMBERS, "one still waits"
        second.cancel()
        await_condition(lambda: 106 in NUMBERS)
        assert NUMBERS.count(9) == 1


# ----------------------------------------------------------------------------- with a paper gateway
Pair = tuple[PaperGateway, IBGateway]


@pytest.fixture(scope="module", params=list(SESSIONS))
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with open_session(request.param) as both:
        yield both


BAG = Contract()
BAG.secType, BAG.symbol = "BAG", "AAPL"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda c: c.details("?!"), "cannot be read"),
        (lambda c: c.details(Contract()), "names nothing"),
        (lambda c: c.details(42), "neither a symbol nor"),
        (lambda c: c.resolve(BAG), "is a combo"),
        (lambda c: c.resolve_many(["AAPL", "?!"]), "cannot be read"),
        (lambda c: c.search("  "), "an empty pattern"),
        (lambda c: c.option_chain("AAPL", Between("soon")), "neither a day"),
        (lambda c: c.option_chain("AAPL", strikes=Nearest(3)), "to what"),
        (lambda c: c.options([]), "nothing in these chains"),
        (lambda c: c.future_chain("", "CME"), "symbol is empty"),
        (lambda c: c.front_month("ES", " "), "exchange is empty"),
        (lambda c: c.front_month("ES", "CME", roll_days=-1), "0 or more"),
        (lambda c: c.combo([("AAPL", 1, "BUY")]), "at least two legs"),
        (lambda c: c.combo([("AAPL", 0, "BUY"), ("MSFT", 1, "SELL")]), "above 0"),
        (lambda c: c.combo([("AAPL", 1), ("MSFT", 1)]), "a leg is"),
        (lambda c: c.round_price("AAPL", "dear"), "is no number"),
        (lambda c: c.round_price("AAPL", 1, "HOLD"), "neither BUY nor SELL"),
        (lambda c: c.round_price("AAPL", 1, rounding="off"), "none of down, up, nearest"),
        (lambda c: c.round_quantity("AAPL", -1), "below 0"),
        (lambda c: c.round_quantity("AAPL", 1, "off"), "none of down, up, nearest"),
        (lambda c: c.smart_components(""), "the code is empty"),
    ],
)
def test_what_is_wrong_is_said_at_the_call(
    pair: Pair, call: Callable[[Contracts], Any], words: str
) -> None:
    with pytest.raises((ContractError, SymbolError), match=words):
        call(pair[1].contracts)


def test_answers_are_the_callers_own(pair: Pair) -> None:
    contracts = pair[1].contracts
    (first,) = contracts.details("AAPL").result(PATIENCE)
    first.contract.symbol, first.orderTypes = "spoiled", ""
    if first.secIdList:
        first.secIdList.clear()
    (second,) = contracts.details("AAPL").result(PATIENCE)
    assert second.contract.symbol == "AAPL"
    assert second.orderTypes
    asked = stock("MSFT")
    question = contracts.resolve(asked)
    asked.symbol = "AAPL"
    assert question.result(PATIENCE).symbol == "MSFT"


def test_a_raw_question_beside_it_is_the_users(pair: Pair) -> None:
    _, gw = pair
    heard: list[tuple[int, str]] = []

    class Listener:
        def contractDetails(self, reqId: int, contractDetails: Any) -> None:
            heard.append((reqId, contractDetails.contract.symbol))

    gw.event_loop.add_message_processor(Listener())
    gw.reqContractDetails(7, stock("TSLA"))
    gw.contracts.details("NVDA", refresh=True).result(PATIENCE)
    gw.contracts.details("MSFT", refresh=True).result(PATIENCE)
    assert heard == [(7, "TSLA")]


def test_a_contract_without_rules_has_its_smallest_tick(pair: Pair) -> None:
    _, gw = pair
    details = gw.contracts.details("AAPL").result(PATIENCE)
    details[0].marketRuleIds, details[0].minTick = "", 0.05
    plain = stock("AAPL", "BATS")
    remember = gw.contracts._lookups.cache.put
    gw.event_loop.call(remember, "details", details_key(plain), details)
    assert str(gw.contracts.round_price(plain, "1.07", "BUY").result(PATIENCE)) == "1.05"


def test_what_memory_has_is_there_without_asking(pair: Pair) -> None:
    contracts = pair[1].contracts
    rule_of = contracts.price_rule("AAPL").result(PATIENCE)
    details = contracts.known("AAPL")
    assert details is not None
    assert contracts.known_rule(details, "SMART") == rule_of
    assert contracts.known_rule(details, "NOWHERE") is None
    assert contracts.known("SAP@IBIS/EUR") is None


def test_legs_of_several_currencies_need_one(pair: Pair) -> None:
    contracts = pair[1].contracts
    legs = [(forex("EUR.USD"), 1, "BUY"), (forex("USD.JPY"), 1, "SELL")]
    with pytest.raises(ContractError, match="JPY, USD: say which currency"):
        contracts.combo(legs).result(PATIENCE)
    made = contracts.combo(legs, currency="USD", symbol="EUR").result(PATIENCE)
    assert (made.symbol, made.currency) == ("EUR", "USD")


def test_chains_where_there_are_none_name_where_they_are(pair: Pair) -> None:
    contracts = pair[1].contracts
    with pytest.raises(ContractError, match=r"no options at 'NOWHERE'; it has some at .*SMART"):
        contracts.option_chain("AAPL", exchange="NOWHERE").result(PATIENCE)
    with pytest.raises(ContractError, match="no options of class 'XYZ'; it has AAPL"):
        contracts.option_chain("AAPL", trading_class="XYZ").result(PATIENCE)


def test_options_on_a_future_are_at_its_exchange(pair: Pair) -> None:
    _, gw = pair
    front = gw.contracts.front_month("ES", "CME").result(PATIENCE)
    days = [f"{front.expiry:%Y%m%d}"]
    chain = read_chain(front.details, ("CME", "E1A", "50", days, [5000, 5010.5]))
    put = gw.contracts._lookups.cache.put
    gw.event_loop.call(put, "chains", (front.contract.conId, "CME"), [chain])
    for where in ({}, {"exchange": "CME"}, {"exchange": None}):
        (found,) = gw.contracts.option_chain(front.contract, **where).result(PATIENCE)
        assert (found.sec_type, found.exchange, len(found.strikes)) == ("FOP", "CME", 2)


def test_options_that_do_not_exist_are_unknown(pair: Pair) -> None:
    contracts = pair[1].contracts
    (chain,) = contracts.option_chain("AAPL", Nearest(1), Nearest(2, 200)).result(PATIENCE)
    sunday = chain.expiries[0] + timedelta(days=6 - chain.expiries[0].weekday())
    with pytest.raises(UnknownContract):
        contracts.options(attrs.evolve(chain, expiries=(sunday,))).result(PATIENCE)
    mixed = attrs.evolve(chain, expiries=(*chain.expiries, sunday))
    assert len(contracts.options(mixed).result(PATIENCE)) == len(
        contracts.options(chain).result(PATIENCE)
    )


def test_the_front_month_is_one_or_an_error(pair: Pair) -> None:
    _, gw = pair
    with pytest.raises(ContractError, match="no future expires 9999 days from now on"):
        gw.contracts.front_month("ES", "CME", roll_days=9999).result(PATIENCE)
    rivals = [copied(row.details) for row in gw.contracts.future_chain("ES", "CME").result(9)[:1]]
    rivals += [copied(one) for one in rivals]
    rivals[1].contract.conId, rivals[1].contract.tradingClass = 1, "ESX"
    root = Contract()
    root.secType, root.symbol, root.exchange = "FUT", "TWIN", "CME"
    gw.event_loop.call(gw.contracts._lookups.cache.put, "details", details_key(root), rivals)
    with pytest.raises(AmbiguousContract, match=r"TWIN: 2 futures expire on .*name a class"):
        gw.contracts.front_month("TWIN", "CME").result(PATIENCE)


def test_an_answer_of_thousands_comes_whole(pair: Pair) -> None:
    _, gw = pair
    every = Contract()
    every.secType, every.symbol, every.exchange = "OPT", "AAPL", "SMART"
    details = gw.contracts.details(every).result(60)
    assert len({one.contract.conId for one in details}) == len(details) > 1000
    assert gw.contracts.known(every) is None


def test_chains_keep_what_was_listed_apart_from_what_expires(pair: Pair) -> None:
    contracts = pair[1].contracts
    (chain,) = contracts.option_chain("AAPL", Nearest(1), Nearest(2, 200)).result(PATIENCE)
    options = contracts.options(chain).result(PATIENCE)
    assert len(options) <= len(chain)
    assert [one.contract.right for one in options[:2]] == ["C", "P"]


# ------------------------------------------------------------------------------ over restarts
def closing(paper: PaperGateway, config: Config) -> IBGateway:
    """A session that has begun, and whose gateway is gone, as the client knows by now."""
    gw, states = IBGateway(config), Heard()
    gw.on_session(lambda state, _reason: states(state))
    gw.start()
    states.until(lambda state: state is State.READY)
    paper.stop()
    states.until(lambda state: state is State.DISCONNECTED)
    return gw


def settings_for(paper: PaperGateway, file: Path, **more: Any) -> Config:
    plain = config_for(paper)
    return Config.load(
        environ={},
        overrides={
            "connection.host": plain.connection.host,
            "connection.port": plain.connection.port,
            "contracts.cache_file": file,
            "reconnect.enabled": False,
            **more,
        },
    )


def test_the_next_session_asks_nobody(tmp_path: Path) -> None:
    with PaperGateway() as paper:
        config = settings_for(paper, tmp_path / "contracts.db")
        with IBGateway(config) as gw:
            first = gw.contracts.details("AAPL").result(PATIENCE)
            chain = gw.contracts.option_chain("AAPL").result(PATIENCE)
            rule_of = gw.contracts.price_rule("AAPL").result(PATIENCE)
        gw = closing(paper, config)
        try:
            again = gw.contracts.details("AAPL").result(PATIENCE)
            assert again[0].contract.conId == first[0].contract.conId
            assert again[0].tradingHours == first[0].tradingHours
            assert gw.contracts.option_chain("AAPL").result(PATIENCE) == chain
            assert gw.contracts.price_rule("AAPL").result(PATIENCE) == rule_of
            for symbol, refresh in (("MSFT", False), ("AAPL", True)):
                with pytest.raises(NotConnected):
                    gw.contracts.details(symbol, refresh=refresh).result(PATIENCE)
        finally:
            gw.stop()


@pytest.mark.parametrize(
    "more",
    [{"contracts.cache": False}, {"contracts.details_age": 0}],
    ids=["without", "no age"],
)
def test_without_memory_it_asks_again(tmp_path: Path, more: dict[str, Any]) -> None:
    with PaperGateway() as paper:
        config = settings_for(paper, tmp_path / "contracts.db", **more)
        with IBGateway(config) as gw:
            gw.contracts.details("AAPL").result(PATIENCE)
        gw = closing(paper, config)
        try:
            with pytest.raises(NotConnected):
                gw.contracts.details("AAPL").result(PATIENCE)
        finally:
            gw.stop()
    assert (tmp_path / "contracts.db").exists() is ("contracts.cache" not in more)


def test_a_spoiled_file_does_not_hinder_anybody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "contracts.db"
    file.write_bytes(b"not a database" * 1000)
    with (
        PaperGateway() as paper,
        IBGateway(settings_for(paper, file)) as gw,
        caplog.at_level(logging.WARNING),
    ):
        assert gw.contracts.resolve("AAPL").result(PATIENCE).conId
    assert [r for r in caplog.records if "contracts are not remembered" in r.message]


def test_forgotten_is_forgotten(tmp_path: Path) -> None:
    with PaperGateway() as paper:
        config = settings_for(paper, tmp_path / "contracts.db")
        with IBGateway(config) as gw:
            gw.contracts.details("AAPL").result(PATIENCE)
            gw.contracts.forget().result(PATIENCE)
            assert gw.contracts.known("AAPL") is None
        gw = closing(paper, config)
        try:
            with pytest.raises(NotConnected):
                gw.contracts.details("AAPL").result(PATIENCE)
        finally:
            gw.stop()


# -------------------------------------------------------------------------------------- pure bits
def listed(con_id: int, exchange: str) -> ContractDetails:
    made = ContractDetails()
    made.contract.conId, made.contract.exchange = con_id, exchange
    return made


def test_one_contract_at_several_exchanges_is_one() -> None:
    rows = [listed(1, "ARCA"), listed(1, "SMART"), listed(1, "BATS"), listed(2, "CME")]
    assert [(one.contract.conId, one.contract.exchange) for one in _by_id(rows)] == [
        (1, "SMART"),
        (2, "CME"),
    ]
