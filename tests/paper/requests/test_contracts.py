"""Contract requests, over sockets, at the server versions that clients of today speak."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.manual_feed import ManualFeed
from tests.support.official import Call
from tests.support.wireclient import WireClient, error_of
from twsloop.clock import ManualClock
from twsloop.paper import PaperGateway
from twsloop.paper.catalogue.instruments import MARKET_RULES

#: What living clients speak.
VERSIONS = (151, 157, 173, 176, 177, 178, 187, 193, 200, 213, 225)
NO_DEFINITION = "No security definition has been found for the request"
DECEMBER = {"symbol": "SPY", "secType": "OPT", "lastTradeDateOrContractMonth": "20260116"}


@pytest.fixture
async def gateway() -> AsyncIterator[PaperGateway]:
    async with PaperGateway(feed=ManualFeed(), clock=ManualClock()) as it:
        yield it


def connect(gateway: PaperGateway, version: int = 225, client_id: int = 1) -> WireClient:
    return WireClient(gateway.host, gateway.port, version=version, client_id=client_id)


async def details(client: WireClient, **contract: Any) -> list[Any]:
    """The details that a description gets."""
    client.send("reqContractDetails", reqId=5, contract=contract)
    calls = await client.until("contractDetailsEnd")
    assert calls[-1].args == (5,)
    assert {call.args[0] for call in calls} == {5}
    return [call.args[1] for call in calls[:-1]]


async def refused(client: WireClient, name: str, **fields: Any) -> tuple[int, int, str]:
    client.send(name, **fields)
    (call,) = await client.next()
    assert call.name == "error"
    return error_of(call)


@pytest.mark.parametrize("version", VERSIONS)
async def test_details_of_every_type(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        for contract in (
            {"symbol": "AAPL", "secType": "STK", "exchange": "SMART", "currency": "USD"},
            {"symbol": "USD", "secType": "CASH", "currency": "CHF", "exchange": "IDEALPRO"},
            {"symbol": "CL", "secType": "FUT", "lastTradeDateOrContractMonth": "202603"},
            {"symbol": "NQ", "secType": "CONTFUT", "exchange": "CME"},
            {"symbol": "SPX", "secType": "IND", "exchange": "CBOE"},
            {**DECEMBER, "strike": 660.0, "right": "P"},
            {"symbol": "BRK B", "secType": "STK", "exchange": "SMART"},
        ):
            (found,) = await details(client, **contract)
            kind, symbol = contract["secType"], contract["symbol"]
            assert found["contract"]["secType"] == kind
            assert found["contract"]["symbol"] == symbol
            assert found["contract"]["conId"] > 0
            exchanges = found["validExchanges"].split(",")
            assert len(found["marketRuleIds"].split(",")) == len(exchanges)
            assert found["contract"]["exchange"] in exchanges
            assert found["timeZoneId"] in {"US/Eastern", "US/Central"}


@pytest.mark.parametrize("version", [173, 176, 178, 187, 200, 225])
async def test_the_time_of_the_last_trade_is_split_by_the_client(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        (found,) = await details(client, **DECEMBER, strike=660.0, right="P")
        contract = found["contract"]
        assert contract["lastTradeDateOrContractMonth"] == "20260116"
        assert (found["lastTradeTime"], found["timeZoneId"]) == ("16:00:00", "US/Eastern")
        assert (contract["localSymbol"], contract["right"]) == ("SPY   260116P00660000", "P")
        assert (contract["multiplier"], contract["strike"]) == ("100", 660)
        assert (found["underConId"], found["underSecType"]) == (756733, "STK")
        if version >= 182:
            assert contract["lastTradeDate"] == "20260116"


async def test_a_bond_has_a_callback_of_its_own(gateway: PaperGateway) -> None:
    for version in (157, 178, 200, 225):
        async with connect(gateway, version) as client:
            await client.ready()
            client.send(
                "reqContractDetails", reqId=5, contract={"symbol": "IBM", "secType": "BOND"}
            )
            calls = await client.until("contractDetailsEnd")
            assert [call.name for call in calls] == [
                *("bondContractDetails", "bondContractDetails"),
                "contractDetailsEnd",
            ]
            bond: Any = calls[0].args[1]
            assert bond["coupon"] == 0
            assert (bond["cusip"], bond["descAppend"]) == ("IBCID29105564", "IBM 6.22 08/01/27")


async def test_a_whole_chain_comes_in_pieces_and_others_do_not_wait(gateway: PaperGateway) -> None:
    async with connect(gateway) as client, connect(gateway, client_id=2) as other:
        await client.ready()
        await other.ready()
        client.send("reqContractDetails", reqId=5, contract={"symbol": "BAC", "secType": "OPT"})
        calls = await client.next()
        other.send("reqCurrentTime")
        assert (await other.next())[0].name == "currentTime"
        calls += await client.until("contractDetailsEnd")
        assert len(calls) > 2000
        found: Any = [call.args[1]["contract"] for call in calls[:-1]]
        assert len({one["conId"] for one in found}) == len(found)


async def test_a_long_answer_can_be_cancelled(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqContractDetails", reqId=5, contract={"symbol": "BAC", "secType": "OPT"})
        client.send("cancelContractData", reqId=5)
        client.send("reqCurrentTime")
        calls = await client.until("currentTime")
        assert len(calls) < 1000
        client.send("cancelContractData", reqId=5)
        client.send("reqCurrentTime")
        assert [call.name for call in await client.next()] == ["currentTime"]


async def test_a_client_that_leaves_ends_its_long_answers(gateway: PaperGateway) -> None:
    client = connect(gateway)
    await client.connect()
    await client.ready()
    client.send("reqContractDetails", reqId=5, contract={"symbol": "BAC", "secType": "OPT"})
    await client.next()
    await client.close()
    async with connect(gateway) as again:
        await again.ready()
        again.send("reqCurrentTime")
        assert [call.name for call in await again.next()] == ["currentTime"]


@pytest.mark.parametrize(
    ("contract", "code", "text"),
    [
        ({"symbol": "NOPE", "secType": "STK"}, 200, NO_DEFINITION),
        ({"symbol": "", "secType": "STK"}, 200, NO_DEFINITION),
        ({"conId": -5}, 200, NO_DEFINITION),
        ({"conId": 2_147_483_646}, 200, NO_DEFINITION),
        ({"conId": 1_499_999_999}, 200, NO_DEFINITION),
        ({"conId": 265598, "exchange": "IDEALPRO"}, 200, NO_DEFINITION),
        (
            {"symbol": "AAPL", "secType": "STOCK"},
            321,
            "Error validating request.-'bO' : cause - Please enter a valid security type",
        ),
        ({**DECEMBER, "strike": 1e12}, 200, NO_DEFINITION),
        ({**DECEMBER, "strike": -660.0}, 200, NO_DEFINITION),
        ({**DECEMBER, "right": "CP"}, 200, NO_DEFINITION),
        ({"symbol": "SPY", "secType": "FOP"}, 200, NO_DEFINITION),
        ({"localSymbol": "SPY 260116C00660000", "secType": "OPT"}, 200, NO_DEFINITION),
    ],
)
async def test_what_has_no_details(
    gateway: PaperGateway, contract: dict[str, Any], code: int, text: str
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        assert await refused(client, "reqContractDetails", reqId=-7, contract=contract) == (
            *(-7, code),
            text,
        )


async def test_odd_spellings_find_what_they_mean(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for contract in (
            {"symbol": "aapl", "secType": "stk", "exchange": "smart", "currency": "usd"},
            {"symbol": "AAPL", "secType": "STK", "exchange": "ISLAND"},
            {"conId": 265598},
            {"secIdType": "isin", "secId": "us0378331005", "exchange": "SMART"},
        ):
            (found,) = await details(client, **contract)
            assert found["contract"]["conId"] == 265598
        options: tuple[dict[str, Any], ...] = (
            {"localSymbol": "spy   260116c00660000", "secType": "opt", "exchange": "SMART"},
            {**DECEMBER, "strike": 660.0, "right": "call", "multiplier": 100.0},
            {**DECEMBER, "strike": 660.0000000001, "right": "C"},
        )
        for option in options:
            (found,) = await details(client, **option)
            assert found["contract"]["localSymbol"] == "SPY   260116C00660000"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_chains_of_an_underlying(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send(
            "reqSecDefOptParams",
            reqId=8,
            underlyingSymbol="SPX",
            underlyingSecType="IND",
            underlyingConId=416904,
        )
        calls = await client.until("securityDefinitionOptionParameterEnd")
        rows = [call.args for call in calls[:-1]]
        assert {(row[1], row[3]) for row in rows} == {
            *(("SMART", "SPX"), ("CBOE", "SPX")),
            *(("SMART", "SPXW"), ("CBOE", "SPXW")),
        }
        _, _, con_id, _, multiplier, expirations, strikes = rows[0]
        assert (con_id, multiplier) == (416904, "100")
        assert "20260115" in expirations
        assert 6600 in strikes


async def test_what_a_chain_names_can_be_looked_up(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        fields = {"underlyingSymbol": "IWM", "underlyingSecType": "STK"}
        client.send("reqSecDefOptParams", reqId=8, underlyingConId=9579970, **fields)
        calls = await client.until("securityDefinitionOptionParameterEnd")
        row: Any = calls[0].args
        assert len({call.args[1] for call in calls[:-1]}) == 21
        for expiry in (row[5][0], row[5][-1]):
            for strike in (row[6][0], row[6][-1]):
                contract = {
                    "symbol": "IWM",
                    "secType": "OPT",
                    "strike": float(strike),
                    "right": "C",
                    "lastTradeDateOrContractMonth": expiry,
                }
                (found,) = await details(client, **contract)
                assert found["contract"]["tradingClass"] == row[3]


@pytest.mark.parametrize(
    "fields",
    [
        {"underlyingSymbol": "IWM", "underlyingSecType": "STK", "underlyingConId": 756733},
        {"underlyingSymbol": "SPY", "underlyingSecType": "IND", "underlyingConId": 756733},
        {"underlyingSymbol": "HD", "underlyingSecType": "STK", "underlyingConId": 1},
        {
            "underlyingSymbol": "SPY",
            "underlyingSecType": "STK",
            "underlyingConId": 756733,
            "futFopExchange": "CME",
        },
    ],
)
async def test_a_wrong_underlying_has_no_chain(
    gateway: PaperGateway, fields: dict[str, Any]
) -> None:
    async with connect(gateway) as client:
        await client.ready()
        client.send("reqSecDefOptParams", reqId=8, **fields)
        assert [call.name for call in await client.next()] == [
            "securityDefinitionOptionParameterEnd"
        ]
        got = await refused(client, "reqSecDefOptParams", reqId=9, underlyingSymbol="SPY")
        assert got == (9, 321, "Error validating request.-'bW' : cause - Invalid contract id")


def symbols(calls: list[Call]) -> list[tuple[str, str]]:
    matches: Any = calls[0].args[1]
    return [(one["contract"]["symbol"], one["contract"]["secType"]) for one in matches]


@pytest.mark.parametrize("version", VERSIONS)
async def test_symbols_are_found_by_their_beginning_and_by_name(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()

        async def search(pattern: str) -> list[Call]:
            client.send("reqMatchingSymbols", reqId=3, pattern=pattern)
            return await client.next()

        calls = await search(" aapl ")
        assert symbols(calls) == [("AAPL", "STK")]
        matches: Any = calls[0].args[1]
        assert "OPT" in matches[0]["derivativeSecTypes"]
        assert matches[0]["contract"]["primaryExchange"] == "NASDAQ"
        if version >= 176:
            assert matches[0]["contract"]["description"] == "APPLE INC"
        assert symbols(await search("S&P 500")) == [("SPY", "STK"), ("SPX", "IND")]
        assert symbols(await search("sp"))[:2] == [("SPY", "STK"), ("SPX", "IND")]
        assert symbols(await search("T"))[0] == ("T", "STK")
        assert len(symbols(await search("INC"))) <= 16
        assert symbols(await search("ZZZZ")) == []


async def test_patterns_that_are_none(gateway: PaperGateway) -> None:
    async with connect(gateway) as client:
        await client.ready()
        for pattern, cause in (
            ("", "Pattern must not be empty"),
            ("   ", "Pattern must not be empty"),
            ("Bücher", "Invalid pattern: 'Bücher'"),
        ):
            got = await refused(client, "reqMatchingSymbols", reqId=3, pattern=pattern)
            assert got == (3, 321, f"Error validating request.-'ce' : cause - {cause}")


@pytest.mark.parametrize("version", VERSIONS)
async def test_every_market_rule_that_a_contract_names_can_be_asked(
    gateway: PaperGateway, version: int
) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        for rule, steps in MARKET_RULES.items():
            client.send("reqMarketRule", marketRuleId=rule)
            (call,) = await client.next()
            told: Any = call.args[1]
            assert (call.name, int(call.args[0])) == ("marketRule", rule)
            assert [(one["lowEdge"], one["increment"]) for one in told] == [*steps]
        client.send("reqMarketRule", marketRuleId=4711)
        (call,) = await client.next()
        text = "Error processing request.-'cd' : cause - Market rule with id = 4711 is missing"
        assert error_of(call) == (-1, 322, text)


@pytest.mark.parametrize("version", VERSIONS)
async def test_smart_components_of_a_known_code(gateway: PaperGateway, version: int) -> None:
    async with connect(gateway, version) as client:
        await client.ready()
        client.send("reqSmartComponents", reqId=4, bboExchange="9c0001")
        (call,) = await client.next()
        assert call.name == "smartComponents"
        assert "ARCA" in str(call.args[1])
        for code in ("", "zz0001", "9C0001"):
            got = await refused(client, "reqSmartComponents", reqId=4, bboExchange=code)
            text = "Invalid BBO exchange/security type code"
            assert got == (4, 321, f"Error validating request.-'cb' : cause - {text}")


async def test_a_replay_of_old_data_lists_the_options_of_its_days() -> None:
    feed = ManualFeed()  # of January 2026
    clock = ManualClock(datetime(2030, 6, 3, 15, tzinfo=UTC))
    async with PaperGateway(feed=feed, clock=clock) as gateway, connect(gateway) as client:
        await client.ready()
        feed.send([feed.quote("SPY", 662.0, 662.02)])
        (found,) = await details(client, **DECEMBER, strike=660.0, right="C")
        assert found["contract"]["lastTradeDateOrContractMonth"] == "20260116"
        assert gateway.hub.market_now().year == 2026
        assert gateway.hub.now().year == 2030
