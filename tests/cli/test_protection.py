"""``protection`` and ``close-day``, against a paper gateway."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

from tests.support.program import program, run
from twsloop.gateway import IBGateway
from twsloop.orders.builders import bracket, limit_order, market_order
from twsloop.paper.server import PaperGateway

CLIENT = ("--client-id", "5")


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


def events_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def protected(gateway: IBGateway) -> None:
    """Hold 100 shares with a profit taker and a stop that work."""
    entry, *children = gateway.place_orders(
        "AAPL", bracket("BUY", 100, take_profit=100_000, stop_loss=1, tif="GTC")
    )
    entry.settled.result(timeout=10)
    for child in children:
        while "child" in child.why_held:  # until the gateway has told that they work
            gateway.open_orders().result(timeout=10)


def test_protection(tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway) -> None:
    port = port_of(paper_gateway)
    protected(ib_gateway)
    code, out, complaints = run(*port, *CLIENT, "protection", "--json", home=tmp_path)
    assert (code, complaints) == (0, "")
    cover, end = events_of(out)
    assert (cover["event"], cover["symbol"], cover["stopped"]) == ("position_cover", "AAPL", "100")
    assert (cover["targeted"], cover["naked"]) == ("100", "0")
    assert end["event"] == "protection_end"
    assert end["ok"] is True

    ib_gateway.place_order("AAPL", market_order("BUY", 7)).settled.result(timeout=10)
    ib_gateway.place_order("SPY", market_order("SELL", 3)).settled.result(timeout=10)
    code, out, complaints = run(
        *port, *CLIENT, "protection", "--exempt", "cash", "--json", home=tmp_path
    )
    assert (code, complaints) == (19, "")
    found = {one["symbol"]: one for one in events_of(out) if one["event"] == "protection_finding"}
    assert (found["AAPL"]["kind"], found["AAPL"]["quantity"]) == ("stop too small", "7")
    assert (found["SPY"]["kind"], found["SPY"]["danger"]) == ("no stop", True)


def test_a_day_is_closed(
    tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway
) -> None:
    port = (*port_of(paper_gateway), *CLIENT)
    ib_gateway.place_order("SPY", market_order("BUY", 9)).settled.result(timeout=10)
    theirs = ib_gateway.place_order("MSFT", limit_order("BUY", 1, 1, tif="GTC"))
    own = ("buy", "AAPL", "10", "--limit", "1", "--tif", "GTC", "--timeout", "0.5")
    assert run(*port, *own, home=tmp_path)[0] == 13
    # Every step was done, and yet the day ends with money in danger.
    code, out, complaints = run(*port, "close-day", home=tmp_path)
    assert (code, complaints) == (19, "")
    assert "in danger: 1" in out
    code, out, complaints = run(
        *port, "close-day", "--cancel", "entries", "--flatten", "--json", home=tmp_path
    )
    assert (code, complaints) == (0, "")
    (report,) = events_of(out)
    assert report["event"] == "EndOfDayReport"
    (cancelled,) = report["cancelled"]
    assert (cancelled["symbol"], cancelled["status"]) == ("AAPL", "Cancelled")
    (closed,) = report["closed"]
    assert (closed["symbol"], closed["quantity"], closed["filled"]) == ("SPY", "9", "9")
    assert [order["symbol"] for order in report["left"]] == ["MSFT"]
    assert report["count"]["fills"] == 2
    (result,) = report["count"]["results"]
    assert (result["symbol"], result["bought"], result["sold"]) == ("SPY", "9", "9")
    assert theirs.active
    assert ib_gateway.positions().result(timeout=10) == []


def test_what_another_client_protects_is_not_closed(
    tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway
) -> None:
    protected(ib_gateway)
    port = port_of(paper_gateway)
    code, out, _ = run(*port, *CLIENT, "close-day", "--flatten", "--json", home=tmp_path)
    assert code == 20
    (report,) = events_of(out)
    (closed,) = report["closed"]
    assert closed["order_id"] is None
    assert "open orders close all of the position" in closed["reason"]
    assert report["protection"]["findings"] == []


def test_a_day_whose_closing_was_stopped_is_not_closed(
    tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway
) -> None:
    asked = (*port_of(paper_gateway), *CLIENT)
    order = ("buy", "AAPL", "1", "--limit", "1", "--timeout", "2")
    assert run(*asked, *order, home=tmp_path)[0] == 13
    while 5 in paper_gateway.clients:  # its session ends a moment after its process
        ib_gateway.open_orders().result(timeout=10)
    with program(*asked, "close-day", "--wait", "1000", home=tmp_path) as command:
        while 5 not in paper_gateway.clients:
            assert command.process.poll() is None, command.end()
            ib_gateway.open_orders().result(timeout=10)
        command.send(signal.SIGINT)
        code, out, complaints = command.end()
    assert (code, out) == (20, "")
    assert "twsloop: stopped before the day was closed\n" in complaints
