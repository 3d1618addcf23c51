"""History, depth, single ticks, options, search, news, profit: what foreign clients make of it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest

from tests.conformance.cases import Case
from tests.conformance.conftest import drive_plan, fresh_gateway
from tests.conformance.transcript import Event, Transcript, of, word

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def data(case: Case) -> Transcript:
    """What the client heard of everything beyond quotes and orders, on an account of its own."""
    with fresh_gateway(case) as gateway:
        return drive_plan(case, gateway, "--data")


def is_bar(bar: Event) -> bool:
    """Whether open, high, low and close fit together."""
    edges = (bar["open"], bar["close"])
    return bool(0 < bar["low"] <= min(edges) <= max(edges) <= bar["high"])


def test_comes_to_its_end(data: Transcript) -> None:
    assert data.all("trouble") == []
    assert data.code == 0
    # 2152 names the venues of a deep book; the cancel of live bars is told as an error (162).
    refused = {one["code"] for one in data.all("error")} - {2104, 2106, 2158, 2152, 162, 202}
    assert refused == set()


def test_bars(data: Transcript) -> None:
    step = data.step("history")
    bars = of(step, "bar")
    assert all(is_bar(one) for one in bars)
    times = [int(one["time"]) for one in bars]
    assert times == sorted(set(times))
    # Two days of regular hours, at most; at least the whole one before today.
    assert 78 <= len(times) <= 2 * 78
    assert all(time % 300 == 0 for time in times)
    assert sum(one["volume"] for one in bars) > 0
    assert len(of(step, "barsEnd")) == 1


def test_first_time_and_histogram(data: Transcript) -> None:
    step = data.step("history")
    (head,) = of(step, "head")
    year = str(head["value"])[:4]
    if str(head["value"]).isdigit() and len(str(head["value"])) > 8:
        year = str(datetime.fromtimestamp(int(head["value"]), UTC).year)
    assert 1970 <= int(year) < 2026
    (histogram,) = of(step, "histogram")
    prices = histogram["prices"]
    assert len(prices) > 5
    assert len(set(prices)) == len(prices)


def test_past_ticks(data: Transcript) -> None:
    (ticks,) = of(data.step("history"), "pastTicks")
    # From 10:00 in New York on, 50 or a few more: the last second is told whole.
    assert ticks["times"][0] >= 1789740000
    assert ticks["times"] == sorted(ticks["times"])
    assert len(ticks["times"]) >= 50
    assert all(price > 0 for price in ticks["prices"])


def test_live_bars(data: Transcript) -> None:
    step = data.step("live bars")
    five = of(step, "fiveSeconds")
    assert all(is_bar(one) for one in five)
    assert all(one["time"] % 5 == 0 for one in five)
    assert {after["time"] - before["time"] for before, after in itertools.pairwise(five)} == {5}
    updates = of(step, "barUpdate")
    assert all(is_bar(one) for one in updates)
    assert all(int(one["time"]) % 60 == 0 for one in updates)


def test_deep_book(data: Transcript) -> None:
    (book,) = of(data.step("depth"), "book")
    assert book["problems"] == []
    asks, bids = book["asks"], book["bids"]
    assert len(asks) == len(bids) == 5
    assert [price for price, _ in asks] == sorted(price for price, _ in asks)
    assert [price for price, _ in bids] == sorted((price for price, _ in bids), reverse=True)
    assert bids[0][0] < asks[0][0]
    assert all(size > 0 for _, size in (*asks, *bids))


def test_tick_by_tick(data: Transcript) -> None:
    ticks = of(data.step("tick by tick"), "tickByTick")
    trades = [one for one in ticks if one["kind"] == "AllLast"]
    quotes = [one for one in ticks if one["kind"] == "BidAsk"]
    assert all(one["price"] > 0 and one["size"] > 0 for one in trades)
    assert all(0 < one["bid"] <= one["ask"] for one in quotes)
    assert min(len(trades), len(quotes)) > 4


def test_option_chain_and_greeks(data: Transcript) -> None:
    step = data.step("options")
    chains = of(step, "chain")
    assert {one["underlying"] for one in chains} == {756733}
    assert {"SMART", "CBOE"} <= {one["exchange"] for one in chains}
    assert all(one["expirations"] > 5 and one["strikes"] > 20 for one in chains)
    assert {str(one["multiplier"]) for one in chains} == {"100"}
    (option,) = of(step, "contractDetails")
    assert (option["secType"], option["symbol"]) == ("OPT", "SPY")
    model = next(one for one in of(step, "greeks") if one["kind"] == 13)
    # A call near the money.
    assert 0.05 < model["volatility"] < 1
    assert 0.2 < model["delta"] < 0.8
    assert model["gamma"] > 0
    assert model["vega"] > 0
    assert model["theta"] < 0
    assert model["price"] > 0
    assert model["under"] > 100


def test_search_and_scan(data: Transcript) -> None:
    step = data.step("search")
    (found,) = of(step, "symbols")
    assert found["symbols"][0] == "AAPL"
    (rule,) = of(step, "rule")
    assert (rule["ruleId"], rule["increments"]) == (26, [0.01])
    assert [one["rank"] for one in of(step, "scan")] == list(range(10))
    assert len({one["symbol"] for one in of(step, "scan")}) == 10


def test_news(data: Transcript) -> None:
    step = data.step("news")
    (providers,) = of(step, "providers")
    assert providers["codes"]
    headlines = of(step, "headline")
    assert 1 <= len(headlines) <= 5
    assert {one["code"] for one in headlines} <= set(providers["codes"])
    (article,) = of(step, "article")
    assert (article["type"], bool(article["text"])) == (0, True)


def test_round_trip_of_a_bracket(data: Transcript) -> None:
    step = data.step("round trip")
    statuses = of(step, "orderStatus")
    parent, target, stop = sorted({one["orderId"] for one in statuses})
    last = {one["orderId"]: one for one in statuses}
    assert [last[one]["status"] for one in (parent, target, stop)] == [
        "Filled",
        "Filled",
        "Cancelled",
    ]
    sides = [(one["orderId"], one["side"]) for one in of(step, "execDetails")]
    assert {(parent, "BOT"), (target, "SLD")} == set(sides)
    assert {one["reqId"] for one in of(step, "error") if one["code"] == 202} == {stop}
    assert word(step).count("!") == 1


def test_profit_and_loss(data: Transcript) -> None:
    step = data.step("round trip")
    single = of(step, "pnlSingle")[0]
    assert single["position"] == 10
    assert single["value"] > 1000
    assert abs(single["unrealized"]) < 100
    total = of(step, "pnl")[-1]
    assert abs(total["unrealized"]) < 1000
