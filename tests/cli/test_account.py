"""``positions`` and ``account``."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

from tests.support.program import run
from twsloop.gateway import IBGateway
from twsloop.orders.builders import market_order
from twsloop.paper.server import PaperGateway

CLIENT = ("--client-id", "5")


def port_of(gateway: PaperGateway) -> tuple[str, str]:
    return "--port", str(gateway.port)


def test_positions(tmp_path: Path, ib_gateway: IBGateway, paper_gateway: PaperGateway) -> None:
    ib_gateway.place_order("AAPL", market_order("BUY", 5)).settled.result(timeout=10)
    ib_gateway.place_order("SPY", market_order("SELL", 7)).settled.result(timeout=10)
    port = port_of(paper_gateway)
    code, out, complaints = run(*port, *CLIENT, "positions", "--output", "csv", home=tmp_path)
    assert (code, complaints) == (0, "")
    rows = {row["symbol"]: row for row in csv.DictReader(io.StringIO(out))}
    assert {symbol: row["quantity"] for symbol, row in rows.items()} == {"AAPL": "5", "SPY": "-7"}
    assert rows["AAPL"]["account"] == "DU1234567"
    assert rows["AAPL"]["con_id"] == "265598"
    assert float(rows["AAPL"]["average_cost"]) > 0
    code, out, _ = run(*port, *CLIENT, "positions", home=tmp_path)
    assert code == 0
    assert "AAPL" in out
    assert "-7" in out


def test_no_positions(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    assert run(*port_of(paper_gateway), "--json", "positions", home=tmp_path) == (0, "", "")


def test_the_account(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, complaints = run(*port_of(paper_gateway), "--json", "account", home=tmp_path)
    assert (code, complaints) == (0, "")
    values = {event["tag"]: event for event in map(json.loads, out.splitlines())}
    assert values["NetLiquidation"] == {
        "event": "account_value",
        "account": "DU1234567",
        "tag": "NetLiquidation",
        "value": "1000000.00",
        "currency": "USD",
    }
    assert "BuyingPower" in values


def test_one_tag(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    code, out, _ = run(
        *port_of(paper_gateway), "account", "--tag", "Cushion", "--output", "csv", home=tmp_path
    )
    assert (code, out) == (0, "account,tag,value,currency\nDU1234567,Cushion,1.000000,\n")


def test_every_value(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = port_of(paper_gateway)
    code, out, _ = run(*port, "--json", "account", "--all", home=tmp_path)
    assert code == 0
    tags = {json.loads(line)["tag"] for line in out.splitlines()}
    assert {"NetLiquidation", "CashBalance", "AccountReady"} <= tags
    assert run(*port, "account", "--all", "--tag", "x", home=tmp_path)[0] == 2
