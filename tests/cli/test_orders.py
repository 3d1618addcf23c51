"""``buy``, ``sell``, ``cancel`` and ``orders``: facts to the end, and what the exit code says."""

from __future__ import annotations

import csv
import io
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.program import program, run
from twsloop.gateway import IBGateway
from twsloop.paper.server import PaperGateway

FAR_BELOW = ("--limit", "1", "--tif", "GTC")


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


def events_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_a_market_order_to_its_commission(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway), "--json", "buy", "AAPL", "100", home=tmp_path
    )
    assert (code, complaints) == (0, "")
    events = events_of(out)
    names = [event["event"] for event in events]
    assert names[0] == "OrderCreated"
    assert names[-1] == "order_end"
    assert {"Fill", "OrderFilled", "CommissionReported"} <= set(names)
    end = events[-1]
    assert (end["status"], end["filled"], end["remaining"]) == ("Filled", "100", "0")
    fill = next(event for event in events if event["event"] == "Fill")
    assert (fill["symbol"], fill["side"], fill["shares"]) == ("AAPL", "BOT", "100")
    assert float(end["commission"]) > 0


def test_for_people(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(*port_of(paper_gateway), "sell", "EUR.USD", "20000", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert "SELL 20000 EUR.USD MKT" in out
    assert "fill        SLD 20000 at" in out
    assert out.splitlines()[-1].startswith("order 1 is done [Filled]; commission ")


def test_an_order_that_stays_open_is_listed_and_cancelled(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    port = port_of(paper_gateway)
    code, out, _ = run(
        *port, "--json", "buy", "SPY", "10", *FAR_BELOW, "--timeout", "1", home=tmp_path
    )
    assert code == 13
    *_, end, still_open = events_of(out)
    assert still_open == {"event": "still_open", "order_id": end["order_id"]}
    assert (end["status"], end["remaining"]) == ("Submitted", "10")
    number = str(end["order_id"])

    code, out, _ = run(*port, "orders", "--output", "csv", home=tmp_path)
    (row,) = csv.DictReader(io.StringIO(out))
    assert code == 0
    assert (row["order_id"], row["symbol"], row["limit_price"]) == (number, "SPY", "1")
    assert (row["tif"], row["status"], row["stop_price"]) == ("GTC", "Submitted", "")

    code, out, complaints = run(*port, "--json", "cancel", number, home=tmp_path)
    assert (code, complaints) == (0, "")
    assert "OrderCancelled" in [event["event"] for event in events_of(out)]
    assert run(*port, "--json", "orders", home=tmp_path) == (0, "", "")


def test_an_order_that_nobody_follows_leaves_all_the_same(
    tmp_path: Path, paper_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is written into the journal first: the process must not end before."""
    monkeypatch.setenv("TWSLOOP_JOURNAL_ENABLED", "yes")
    port = port_of(paper_gateway)
    code, out, _ = run(
        *port, "--json", "buy", "SPY", "10", *FAR_BELOW, "--timeout", "0", home=tmp_path
    )
    end = next(event for event in events_of(out) if event["event"] == "order_end")
    assert code == 13
    assert end["status"] in {"PendingSubmit", "PreSubmitted", "Submitted"}
    (listed,) = events_of(run(*port, "--json", "orders", home=tmp_path)[1])
    assert listed["order_id"] == end["order_id"]
    assert (tmp_path / ".twsloop" / "journal.db").exists()


def test_cancel_all_of_our_own_and_nobody_elses(
    tmp_path: Path, paper_gateway: PaperGateway
) -> None:
    port = port_of(paper_gateway)
    buy = ("buy", "SPY", "10", *FAR_BELOW, "--timeout", "0.5")
    run(*port, "--client-id", "2", *buy, home=tmp_path)
    run(*port, *buy, home=tmp_path)
    run(*port, *buy, home=tmp_path)
    code, out, _ = run(*port, "--json", "cancel", "--all", home=tmp_path)
    assert code == 0
    ends = [event for event in events_of(out) if event["event"] == "order_end"]
    assert [end["status"] for end in ends] == ["Cancelled", "Cancelled"]
    assert run(*port, "cancel", "--all", home=tmp_path) == (0, "no open orders\n", "")
    code, out, _ = run(*port, "--json", "orders", home=tmp_path)
    assert [event["client_id"] for event in events_of(out)] == [2]


def test_cancelling_what_is_not_there(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(*port_of(paper_gateway), "cancel", "77", home=tmp_path)
    assert (code, out) == (12, "")
    assert complaints == "twsloop: no open order 77 of client id 1; there are: none\n"
    assert run("cancel", home=tmp_path)[0] == 2
    assert run("cancel", "1", "--all", home=tmp_path)[0] == 2


def test_ctrl_c_leaves_the_order_and_says_so(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = port_of(paper_gateway)
    with program(*port, "buy", "SPY", "10", *FAR_BELOW, home=tmp_path) as command:
        while "submitted" not in command.line():
            pass
        command.send(signal.SIGINT)
        code, out, complaints = command.end()
    assert (code, complaints) == (0, "")
    assert out.endswith("order 1 is still open [Submitted]\n(twsloop cancel 1 cancels it)\n")
    code, out, _ = run(*port, "--json", "orders", home=tmp_path)
    assert [event["order_id"] for event in events_of(out)] == [1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["buy", "AAPL", "none"], "none"),
        (["buy", "AAPL", "-5"], "-5 is no quantity: `buy` and `sell` say the side"),
        (["buy", "AAPL", "0"], "0"),
        (["buy", "AAPL", "10", "--limit", "cheap"], "cheap"),
        (["buy", "AAPL", "10", "-x"], "No such option '-x'"),
        (["sell", "AAPL", "10", "--tif", "SOON"], "SOON"),
        (["buy", "A B C D E F", "10"], "A B C D E F"),
    ],
)
def test_an_order_that_makes_no_sense(tmp_path: Path, arguments: list[str], words: str) -> None:
    # Told before anything is connected: nothing listens on this port.
    code, out, complaints = run("--port", "1", *arguments, home=tmp_path)
    assert (code, out) == (2, "")
    assert words in complaints
    assert "Traceback" not in complaints


def test_an_order_that_the_gateway_refuses(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(
        *port_of(paper_gateway), "--json", "buy", "AAPL", "10", "--limit", "100.001", home=tmp_path
    )
    assert (code, complaints) == (12, "")
    end = events_of(out)[-1]
    assert (end["status"], end["error_code"]) == ("REJECTED", 110)
    assert "minimum price variation" in end["reason"]


def test_a_stop_order_waits(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = port_of(paper_gateway)
    code, out, _ = run(
        *port, "--json", "sell", "SPY", "10", "--stop", "1", "--timeout", "1", home=tmp_path
    )
    assert code == 13
    assert events_of(out)[-2]["status"] == "PreSubmitted"
    code, out, _ = run(*port, "--json", "orders", home=tmp_path)
    (row,) = events_of(out)
    assert (row["order_type"], row["stop_price"], row["why_held"]) == ("STP", "1", "trigger")


def test_orders_disabled_are_simulated(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    env = {"TWSLOOP_ORDERS_ENABLED": "no"}
    port = port_of(paper_gateway)
    code, out, _ = run(*port, "buy", "AAPL", "10", home=tmp_path, env=env)
    assert code == 0
    assert "SIMULATED" in out
    assert "it would have filled at " in out
    assert run(*port, "--json", "positions", home=tmp_path) == (0, "", "")


def test_todays_fills(tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway) -> None:
    from twsloop.orders.builders import market_order  # noqa: PLC0415

    for action in ("BUY", "SELL"):
        ib_gateway.place_order("AAPL", market_order(action, 5)).settled.result(timeout=10)
    port = port_of(paper_gateway)
    code, out, complaints = run(
        *port, "--client-id", "5", "orders", "--fills", "--output", "csv", home=tmp_path
    )
    assert (code, complaints) == (0, "")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert [(row["symbol"], row["side"], row["shares"]) for row in rows] == [
        ("AAPL", "BOT", "5"),
        ("AAPL", "SLD", "5"),
    ]
    assert all(float(row["commission"]) > 0 for row in rows)
