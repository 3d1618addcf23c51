"""``search``, ``contracts`` and ``chain``: what symbols stand for, and what is listed on them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date

import pytest

from tests.support.commands import Ask, asking, check_lines
from twsloop.paper.server import PaperGateway


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperGateway]:
    with PaperGateway() as gateway:
        yield gateway


@pytest.fixture(params=[225, 200])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("TWSLOOP_CONNECTION_MAX_VERSION", str(request.param))
    return int(request.param)


@pytest.fixture
def ask(
    paper: PaperGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ask:
    monkeypatch.setenv("TWSLOOP_CONTRACTS_CACHE", "no")
    return asking(monkeypatch, capsys, "--port", str(paper.port))


# ---------------------------------------------------------------------------------- search
def test_a_search_by_letters_and_by_name(ask: Ask, protocol: int) -> None:
    code, out, complaints = ask("--json", "search", "AAP")
    assert (code, complaints) == (0, "")
    (found,) = check_lines("search", out)
    assert found == {
        "event": "symbol_match",
        "symbol": "AAPL",
        "name": "APPLE INC" if protocol >= 176 else None,
        "type": "STK",
        "exchange": "NASDAQ",
        "currency": "USD",
        "con_id": 265598,
        "derivatives": ["CFD", "OPT", "IOPT", "WAR", "BAG"],
    }
    assert ask("--json", "search", "apple", "inc")[1] == out


def test_a_search_that_finds_nothing_says_what_to_try(ask: Ask) -> None:
    code, out, complaints = ask("search", "zzzzzz")
    assert (code, out) == (11, "")
    assert "no symbol begins with 'zzzzzz'" in complaints
    assert "fewer letters" in complaints


# ---------------------------------------------------------------------------------- contracts
@pytest.mark.usefixtures("protocol")
def test_what_a_symbol_stands_for(ask: Ask) -> None:
    code, out, complaints = ask("--json", "contracts", "AAPL", "EUR.USD", "#265598")
    assert (code, complaints) == (0, "")
    stock, pair, by_id = check_lines("contracts", out)
    assert stock["symbol"] == "AAPL"
    assert (stock["con_id"], stock["min_tick"], stock["name"]) == (265598, "0.01", "APPLE INC")
    assert {"SMART", "NASDAQ"} <= set(stock["valid_exchanges"])
    assert "LMT" in stock["order_types"]
    assert (pair["type"], pair["exchange"], pair["currency"]) == ("CASH", "IDEALPRO", "USD")
    assert (by_id["asked"], by_id["symbol"]) == ("#265598", "AAPL")


@pytest.mark.parametrize("columns", [60, 120])
def test_one_contract_is_a_card_that_fits_the_terminal(ask: Ask, columns: int) -> None:
    code, out, _ = ask("contracts", "AAPL", columns=columns)
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    assert "con id              265598" in lines
    assert "order types" in out
    assert "strike" not in out, "what does not apply is left out"


def test_a_symbol_that_does_not_exist_leaves_the_others(ask: Ask) -> None:
    code, out, complaints = ask("contracts", "AAPL", "NOSUCH", "--output", "csv")
    assert code == 11
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["symbol"], row["con_id"]) == ("AAPL", "265598")
    assert "NOSUCH" in complaints
    assert "200" in complaints


def test_every_symbol_that_does_not_exist_is_named(ask: Ask) -> None:
    code, out, complaints = ask("contracts", "NOSUCH", "NEITHER")
    assert (code, out) == (11, "")
    assert complaints.count("details of NOSUCH") == 1
    assert complaints.count("details of NEITHER") == 1
    assert complaints.count("twsloop search") == 1, "how they can be found"


def test_trading_hours(ask: Ask) -> None:
    code, out, _ = ask("--json", "contracts", "AAPL", "--hours", "--liquid")
    assert code == 0
    sessions = check_lines("contracts", out)
    assert sessions
    for session in sessions:
        assert session["event"] == "session_hours"
        assert session["start"].startswith(f"{session['day']}T09:30:00")
        assert session["start"] < session["end"]
    code, out, _ = ask("contracts", "AAPL", "--hours")
    assert "04:00" in out, "without --liquid all hours are shown"


# ---------------------------------------------------------------------------------- chain
@pytest.mark.usefixtures("protocol")
def test_what_is_listed_on_a_stock(ask: Ask) -> None:
    code, out, complaints = ask("--json", "chain", "AAPL")
    assert (code, complaints) == (0, "")
    (listed,) = check_lines("chain", out)
    assert (listed["event"], listed["trading_class"]) == ("option_chain", "AAPL")
    days = [date.fromisoformat(day) for day in listed["expiries"]]
    assert days == sorted(days)
    assert len(listed["strikes"]) > 20


@pytest.mark.usefixtures("protocol")
def test_an_expiry_with_its_quotes(ask: Ask) -> None:
    code, out, complaints = ask("--json", "chain", "AAPL", "--expiry", "next", "--nearest", "3")
    assert (code, complaints) == (0, "")
    options = check_lines("chain", out)
    assert [option["right"] for option in options] == ["C", "P"] * 3
    assert len({option["strike"] for option in options}) == 3
    assert len({option["expiry"] for option in options}) == 1
    for option in options:
        assert 0 < option["bid"] <= option["ask"]
        assert (option["delta"] > 0) == (option["right"] == "C")
        assert option["error"] is None


def test_the_classes_of_an_index_stand_apart(ask: Ask) -> None:
    asked = ("SPX IND CBOE", "--expiry", "next", "--nearest", "1", "--no-quotes")
    code, out, _ = ask("chain", *asked)
    assert code == 0
    headings = [line for line in out.splitlines() if ", expiry 2" in line]
    assert {heading.partition(",")[0] for heading in headings} == {"SPX", "SPXW"}
    _, out, _ = ask("--json", "chain", *asked)
    assert {one["trading_class"] for one in check_lines("chain", out)} == {"SPX", "SPXW"}


def test_more_quotes_than_ib_is_asked_for_at_once(ask: Ask) -> None:
    code, out, complaints = ask("--json", "chain", "AAPL", "--expiry", "next", "--nearest", "40")
    assert (code, complaints) == (0, "")
    options = check_lines("chain", out)
    assert len(options) == 80
    puts = [one for one in options if one["right"] == "P" and one["delta"] < -0.3]
    assert len(puts) > 15
    assert [float(one["strike"]) for one in puts] == sorted(float(one["strike"]) for one in puts)
    # Such a put is worth clearly more the higher its strike: each quote is its own option's.
    middles = [(one["bid"] + one["ask"]) / 2 for one in puts]
    assert middles == sorted(middles)


def test_strikes_by_name_without_quotes(ask: Ask) -> None:
    asked = ("chain", "AAPL", "--expiry", "next", "--strike", "270", "--strike", "275")
    code, out, _ = ask(*asked, "--right", "c", "--no-quotes", "--output", "csv")
    assert code == 0
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["strike"], row["right"], row["bid"]) for row in rows] == [
        ("270", "C", ""),
        ("275", "C", ""),
    ]


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_calls_and_puts_side_by_side(ask: Ask, columns: int) -> None:
    code, out, _ = ask("chain", "AAPL", "--expiry", "next", "--nearest", "2", columns=columns)
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    heading = next(line for line in lines if "strike" in line)
    assert heading.index("C bid") < heading.index("strike") < heading.index("P bid")
    assert ("delta" in heading) == (columns >= 80)
    assert len(lines) == 1 + 4 + 2, "no row is broken in two"


def test_the_futures_of_a_root(ask: Ask) -> None:
    code, out, _ = ask("--json", "chain", "ES", "--futures", "CME")
    assert code == 0
    futures = check_lines("chain", out)
    assert futures[0]["event"] == "future"
    assert [one["expiry"] for one in futures] == sorted(one["expiry"] for one in futures)
    assert {one["exchange"] for one in futures} == {"CME"}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("AAPL", "--strike", "200"), 2, "need an --expiry"),
        (("AAPL", "--expiry", "next", "--strike", "9", "--nearest", "1"), 2, "not both"),
        (("ES", "--futures", "CME", "--expiry", "next"), 2, "leave --expiry away"),
        (("AAPL", "--expiry", "soon"), 11, "'soon' is neither a day"),
        (("AAPL", "--expiry", "20200101"), 11, "near it are"),
        (("AAPL", "--expiry", "next", "--strike", "1.23"), 11, "strike 1.23 is not listed"),
        (("EUR.USD",), 11, "no options are listed"),
        (("AAPL", "--class", "NOPE"), 11, "no options of class 'NOPE'"),
        (("A B C D E F",), 2, "A B C D E F"),
    ],
)
def test_what_cannot_be_listed(ask: Ask, arguments: tuple[str, ...], code: int, text: str) -> None:
    ended, out, complaints = ask("chain", *arguments)
    assert (ended, out) == (code, "")
    assert text in complaints
