"""``twsloop demo``: it shows what happens, and says so if something did not."""

from __future__ import annotations

import io
import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import PATIENCE, settings
from tests.support.program import program, run
from tests.support.terminal import on_a_terminal
from twsloop.cli.demo import _Demo
from twsloop.cli.output import Output
from twsloop.gateway import IBGateway
from twsloop.paper.server import PaperGateway
from twsloop.testing import MakePaperGateway


def test_it_all_happens(tmp_path: Path) -> None:
    code, out, complaints = run("--paper", "--json", "demo", "--seconds", "4", home=tmp_path)
    assert (code, complaints) == (0, "")
    events = [json.loads(line) for line in out.splitlines()]
    names = [event["event"] for event in events]
    assert names[0] == "connected"
    assert [name for name in ("Fill", "OrderFilled", "CommissionReported") if name in names]
    quotes = [event for event in events if event["event"] == "quote"]
    assert len(quotes) >= 8
    assert all(0 < quote["bid"] <= quote["ask"] and quote["ticks"] > 1 for quote in quotes)
    (position,) = [event for event in events if event["event"] == "position"]
    assert (position["symbol"], position["quantity"]) == ("AAPL", "100")
    tags = {event["tag"] for event in events if event["event"] == "account_value"}
    assert {"NetLiquidation", "BuyingPower"} <= tags
    summary = events[-1]
    assert summary["event"] == "summary"
    assert summary["ok"] is True
    assert len(summary["checks"]) == 6
    assert all(summary["checks"].values())


def test_for_people_without_a_terminal(tmp_path: Path) -> None:
    code, out, complaints = run("--paper", "demo", "--seconds", "3", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert out.count("EUR.USD") >= 2, "the table is printed now and then"
    assert "order 1: BUY 100 AAPL MKT, 100 filled at" in out
    assert "commission  1." in out
    assert "net liquidation" in out
    assert "all of it happened" in out
    assert "NOT" not in out


def test_on_a_terminal_the_table_redraws_itself(tmp_path: Path) -> None:
    code, drawn, complaints = on_a_terminal("--paper", "demo", "--seconds", "3", home=tmp_path)
    assert (code, complaints) == (0, "")
    assert drawn.count("\x1b[2K") > 20, "lines are cleared and drawn again"
    assert "all of it happened" in drawn


class _Terminal(io.StringIO):
    """What rich takes for a terminal."""

    def isatty(self) -> bool:
        return True


def test_what_cannot_be_drawn_is_an_error(
    paper_gateway: PaperGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no screen that stands still: nothing draws in a thread that may die unseen."""
    monkeypatch.setenv("TERM", "xterm")
    drew: list[int] = []

    class Broken(_Demo):
        def _screen(self, subscription: Any, patience: Any) -> Any:
            drew.append(threading.get_ident())
            if len(drew) > 1:  # the first picture is drawn at once
                raise ZeroDivisionError
            return ""

    with IBGateway(settings(paper_gateway.port)) as gateway:
        shown = Broken(gateway, Output("table", _Terminal()))
        with pytest.raises(ZeroDivisionError):
            shown.play(PATIENCE)
    assert set(drew) == {threading.get_ident()}
    assert shown.trade is None, "nothing is bought unseen"


def test_it_uses_a_gateway_that_runs(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    port = str(paper_gateway.port)
    for bought in ("0 -> 100", "100 -> 200"):
        code, out, _ = run("--port", port, "demo", "--seconds", "2", home=tmp_path)
        assert code == 0
        assert f"position AAPL {bought}" in out


def test_it_says_what_did_not_happen(tmp_path: Path, paper_gateway: PaperGateway) -> None:
    # Orders are only simulated: no fill, no commission, no position.
    env = {"TWSLOOP_ORDERS_ENABLED": "no"}
    code, out, _ = run(
        "--port", str(paper_gateway.port), "demo", "--seconds", "2", home=tmp_path, env=env
    )
    assert code == 1
    assert "NOT  order 1 SIMULATED" in out
    assert "NOT  position AAPL 0 -> 0" in out
    assert "ok   10 tickers streamed" in out


def test_it_never_buys_on_a_live_account(
    tmp_path: Path, make_paper_gateway: MakePaperGateway
) -> None:
    gateway = make_paper_gateway(accounts=("U1234567",))
    override = tmp_path / "open"
    override.touch()
    env = {
        "TWSLOOP_LIVE_OVERRIDE_FILE": str(override),
        "TWSLOOP_LIVE_ACCOUNT_PREFIX": "U",
        "TWSLOOP_ORDERS_ENABLED": "yes",
        "TWSLOOP_CONNECTION_MODE": "live",
    }
    code, out, complaints = run("--port", str(gateway.port), "demo", home=tmp_path, env=env)
    assert (code, out) == (1, "")
    assert "paper accounts only" in complaints


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(tmp_path: Path, number: int) -> None:
    with program("--paper", "--json", "demo", home=tmp_path) as command:
        command.until("connected")
        command.send(number)
        code, out, complaints = command.end()
    assert (code, complaints) == (0, "")
    assert json.loads(out.splitlines()[-1])["event"] == "stopped"
