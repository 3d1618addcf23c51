"""What trades and what is asked about it: ``bracket``, ``close``, ``what-if``, ``pnl``..."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Ask, asking, check_lines, events_of
from tests.support.terminal import on_a_terminal
from twsloop.paper.server import PaperGateway

FAR_BELOW = ("--limit", "1", "--tif", "GTC", "--timeout", "0")


@pytest.fixture(params=[225, 200])
def ask(
    request: pytest.FixtureRequest,
    paper_gateway: PaperGateway,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Ask:
    """Run a command line on a paper gateway of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TWSLOOP_CONNECTION_MAX_VERSION", str(request.param))
    monkeypatch.setenv("TWSLOOP_STORAGE_DATABASE", str(tmp_path / "twsloop.db"))
    return asking(monkeypatch, capsys, "--port", str(paper_gateway.port))


def lines(ask: Ask, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """The lines of a command that ends with this code, as it says they are."""
    ended, out, complaints = ask("--json", *arguments)
    assert (ended, complaints) == (code, "")
    return list(check_lines(arguments[0], out))


def ends_of(events: list[dict[str, Any]]) -> list[str]:
    return [event["status"] for event in events if event["event"] == "order_end"]


def held(ask: Ask) -> dict[str, str]:
    return {row["symbol"]: row["quantity"] for row in lines(ask, "positions")}


def test_a_tag_goes_with_the_order(ask: Ask) -> None:
    lines(ask, "buy", "AAPL", "10", "--tag", "swing")
    lines(ask, "buy", "SPY", "10", *FAR_BELOW, "--tag", "later", code=13)
    (trade, _) = lines(ask, "trades")
    assert (trade["symbol"], trade["tag"]) == ("AAPL", "swing")
    (order,) = lines(ask, "orders")
    assert (order["symbol"], order["tag"]) == ("SPY", "later")


def test_a_limit_too_far_through_the_market_is_told_with_its_reason(ask: Ask) -> None:
    *_, end = lines(ask, "buy", "AAPL", "10", "--limit", "900", code=12)
    assert (end["event"], end["status"], end["error_code"]) == ("order_end", "Cancelled", 202)
    assert "at or more aggressive than" in end["reason"]


def test_a_trailing_stop(ask: Ask) -> None:
    lines(ask, "sell", "SPY", "10", "--trail", "2%", "--timeout", "0", code=13)
    lines(ask, "sell", "SPY", "10", "--trail", "1.50", "--timeout", "0", code=13)
    found = {row["stop_price"]: row["order_type"] for row in lines(ask, "orders")}
    assert found == {None: "TRAIL", "1.5": "TRAIL"}
    for wrong in (("--trail", "2%", "--limit", "5"), ("--trail", "wide")):
        assert ask("sell", "SPY", "10", *wrong)[0] == 2


def test_a_bracket_is_followed_until_its_entry_has_filled(ask: Ask) -> None:
    prices = ("--take-profit", "900", "--stop-loss", "50")
    events = lines(ask, "bracket", "buy", "AAPL", "100", *prices, "--tag", "b")
    entry, profit, loss = ends_of(events)
    assert entry == "Filled"
    assert {profit, loss} <= {"PendingSubmit", "Submitted", "PreSubmitted"}
    assert [one["event"] for one in events].count("still_open") == 2
    found = {row["order_type"]: row for row in lines(ask, "orders")}
    assert (found["LMT"]["limit_price"], found["LMT"]["action"]) == ("900", "SELL")
    assert (found["STP"]["stop_price"], found["STP"]["tag"]) == ("50", "b")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("bracket", "buy", "AAPL", "1", "--take-profit", "9", "--stop-loss", "10"), "stop loss <"),
        (("bracket", "hold", "AAPL", "1", "--take-profit", "9", "--stop-loss", "1"), "'hold'"),
        (("bracket", "buy", "AAPL", "1", "--take-profit", "9"), "--stop-loss"),
        (("close",), "Name a symbol, or use --all"),
        (("close", "AAPL", "--all"), "Name a symbol, or use --all"),
        (("close", "--all", "--limit", "5"), "--limit is the price of one contract"),
        (("close", "AAPL", "none", "--yes"), "none"),
        (("close", "AAPL"), "say --yes"),
        (("cancel-all",), "say --yes"),
        (("what-if", "buy", "AAPL", "0"), "0"),
        (("pnl", "--seconds", "5"), "--seconds belongs to --watch"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_connected(
    arguments: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ask = asking(monkeypatch, capsys, "--port", "1")  # nothing listens there
    code, out, complaints = ask(*arguments)
    assert (code, out) == (2, "")
    assert words in complaints


# ---------------------------------------------------------------------------------- close
def test_a_position_is_closed_in_part_and_then_as_a_whole(ask: Ask) -> None:
    lines(ask, "buy", "AAPL", "100")
    assert ends_of(lines(ask, "close", "AAPL", "40", "--yes")) == ["Filled"]
    assert held(ask) == {"AAPL": "60"}
    assert ends_of(lines(ask, "close", "AAPL", "--limit", "1", "--yes")) == ["Filled"]
    assert held(ask) == {}
    code, out, complaints = ask("close", "AAPL", "--yes")
    assert (code, out) == (12, "")
    assert "no position in AAPL" in complaints


def test_all_positions_are_closed_but_those_that_orders_close_already(ask: Ask) -> None:
    assert lines(ask, "close", "--all", "--yes") == [{"event": "nothing_held"}]
    lines(ask, "buy", "AAPL", "100")
    lines(ask, "sell", "EUR.USD", "20000")
    lines(ask, "sell", "AAPL", "100", "--stop", "1", "--timeout", "0", code=13)
    events = lines(ask, "close", "--all", "--yes", code=12)
    (left,) = [event for event in events if event["event"] == "not_closed"]
    assert left["symbol"] == "AAPL"
    assert ends_of(events) == ["Filled"]
    events = lines(ask, "close", "--all", "--cancel-open", "--yes")
    assert ends_of(events) == ["Filled"]
    assert held(ask) == {}


# ---------------------------------------------------------------------------------- cancel-all
def test_all_orders_of_all_clients_are_cancelled(ask: Ask) -> None:
    assert lines(ask, "cancel-all", "--yes") == [{"event": "nothing_open"}]
    lines(ask, "buy", "SPY", "10", *FAR_BELOW, code=13)
    code, _, _ = ask("--client-id", "2", "buy", "SPY", "10", *FAR_BELOW)
    assert code == 13
    events = lines(ask, "cancel-all", "--yes")
    assert ends_of(events) == ["Cancelled", "Cancelled"]
    counts = {"cancelled": 2, "filled": 0, "ended": 0, "open": 0}
    assert events[-1] == {"event": "cancel_all_end", "complete": True, **counts}
    assert lines(ask, "orders") == []


# ---------------------------------------------------------------------------------- what-if
def test_what_an_order_would_do(ask: Ask) -> None:
    verdict, found = lines(ask, "what-if", "buy", "AAPL", "100", "--limit", "250")
    assert verdict["event"] == "RiskVerdict"
    assert (found["allowed"], found["reasons"], found["answered"]) == (True, [], True)
    assert found["order"] == "BUY 100 AAPL LMT 250"
    assert float(found["initial"]["change"]) > 0
    assert lines(ask, "orders") == []
    code, out, _ = ask("what-if", "buy", "AAPL", "100")
    assert code == 0
    assert out.startswith("BUY 100 AAPL MKT: it would leave\n  commission: ")
    assert "  initial margin: " in out


def test_what_would_not_leave(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWSLOOP_RISK_MAX_QUANTITY", "50")
    *_, found = lines(ask, "what-if", "buy", "AAPL", "100", code=12)
    assert found["allowed"] is False
    assert found["reasons"]
    code, out, _ = ask("what-if", "buy", "AAPL", "100")
    assert code == 12
    assert "it would not leave\n  against it: " in out


def test_what_the_gateway_would_refuse(ask: Ask) -> None:
    *_, found = lines(ask, "what-if", "buy", "AAPL", "100", "--limit", "100.001", code=12)
    assert (found["allowed"], found["answered"]) == (False, False)
    assert "minimum price variation" in found["reasons"][0]
    code, out, _ = ask("what-if", "buy", "AAPL", "100", "--limit", "100.001")
    assert code == 12
    assert "it would leave, and the gateway would refuse it\n  against it: The price does" in out


# ---------------------------------------------------------------------------------- looking
def test_executions_and_what_they_come_to(ask: Ask) -> None:
    assert lines(ask, "trades")[-1]["executions"] == 0
    assert ask("trades") == (0, "no executions today\n", "")
    for arguments in (("buy", "AAPL", "10"), ("sell", "AAPL", "10"), ("buy", "SPY", "5")):
        lines(ask, *arguments)
    *found, end = lines(ask, "trades")
    assert [(one["symbol"], one["side"]) for one in found] == [
        ("AAPL", "BOT"),
        ("AAPL", "SLD"),
        ("SPY", "BOT"),
    ]
    assert (end["executions"], end["unreported"]) == (3, 0)
    total = sum(float(one["commission"]) for one in found)
    assert float(end["commission"]["USD"]) == pytest.approx(total)
    assert [one["symbol"] for one in lines(ask, "trades", "SPY")[:-1]] == ["SPY"]
    assert [one["side"] for one in lines(ask, "trades", "--side", "sell")[:-1]] == ["SLD"]
    assert lines(ask, "trades", "--client-id", "9")[:-1] == []
    code, out, _ = ask("trades", columns=60)
    assert code == 0
    assert "no room for: " in out
    assert out.splitlines()[-1].startswith("3 executions; commission ")


def test_profit_and_loss(ask: Ask) -> None:
    (account,) = lines(ask, "pnl")
    assert (account["event"], account["account"]) == ("account_pnl", "DU1234567")
    lines(ask, "buy", "AAPL", "100")
    position, account = lines(ask, "pnl")
    assert (position["symbol"], position["quantity"]) == ("AAPL", "100")
    assert float(position["value"]) > 0
    assert account["unrealized"] is not None
    code, out, complaints = ask("pnl", "--account", "DU9")
    assert (code, out) == (2, "")
    assert "the login has DU1234567" in complaints
    code, out, _ = ask("--json", "pnl", "--watch", stop_after=2)
    assert (code, [line["event"] for line in check_lines("pnl", out)]) == (0, ["account_pnl"] * 2)


# ---------------------------------------------------------------------------------- asking
def test_with_real_money_it_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ask = asking(monkeypatch, capsys, "--port", "1", "--trading-mode", "live")
    monkeypatch.setenv("TWSLOOP_ORDERS_ENABLED", "yes")
    code, out, complaints = ask("buy", "AAPL", "100", "--limit", "5")
    assert (code, out) == (2, "")
    assert "LIVE, with real money: BUY 100 AAPL LMT 5? There is no terminal" in complaints
    prices = ("--take-profit", "9", "--stop-loss", "1")
    code, _, complaints = ask("bracket", "buy", "AAPL", "100", *prices)
    assert code == 2
    assert "BUY 100 AAPL MKT; SELL 100 AAPL LMT 9; SELL 100 AAPL STP 1?" in complaints
    # Whoever says yes beforehand comes to the gates of live trading.
    assert ask("buy", "AAPL", "100", "--yes")[0] == 8
    monkeypatch.setenv("TWSLOOP_ORDERS_ENABLED", "no")  # nothing would leave: nothing to ask
    complaints = ask("buy", "AAPL", "100")[2]
    assert "no terminal" not in complaints


@pytest.mark.parametrize("ask", [225], indirect=True)
def test_on_a_terminal_it_asks_what_it_is_about_to_do(
    paper_gateway: PaperGateway, tmp_path: Path, ask: Ask
) -> None:
    port = ("--port", str(paper_gateway.port))
    lines(ask, "buy", "AAPL", "100")
    code, drawn, _ = on_a_terminal(*port, "close", "AAPL", home=tmp_path, typed={"[y/N]: ": "n\n"})
    assert code == 1
    assert "Close 100 AAPL of DU1234567 at the market? [y/N]: n" in drawn
    assert held(ask) == {"AAPL": "100"}
    code, drawn, _ = on_a_terminal(*port, "close", "AAPL", home=tmp_path, typed={"[y/N]: ": "y\n"})
    assert code == 0
    assert "[Filled]" in drawn
    assert events_of(ask("--json", "positions")[1]) == []
