"""A live node of nautilus_trader on the paper gateway: a platform's own adapter and engines."""

from __future__ import annotations

import pytest

from tests.conformance.cases import ACCOUNT
from tests.conformance.transcript import Transcript, drive, of
from tests.conformance.venvs import NAUTILUS, runtime_of
from twsloop.paper.server import PaperGateway

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def run() -> Transcript:
    """What the node's strategy saw."""
    with PaperGateway(accounts=(ACCOUNT,)) as gateway:
        where = ("--port", str(gateway.port), "--trade", ACCOUNT)
        return drive(runtime_of(NAUTILUS), "nautilus_node.py", *where)


def test_comes_to_its_end(run: Transcript) -> None:
    assert run.code == 0, run.stderr[-20:]
    assert run.all("trouble") == []


def test_knows_the_instrument_and_the_account(run: Transcript) -> None:
    assert run.one("instrument")["increment"] == 0.01
    account = run.one("account")
    assert account["id"].endswith(ACCOUNT)
    assert account["type"] == "MarginAccount"


def test_streams(run: Transcript) -> None:
    seen = run.one("seen")
    assert seen["quotes"] > 10
    assert seen["trades"] > 0
    assert seen["bars"] == 2
    assert all(0 < one["low"] <= one["open"] <= one["high"] for one in run.all("bar"))


def test_trades(run: Transcript) -> None:
    events = of(run.events, "order")
    kinds = {
        name: [one["kind"] for one in events if one["order"] == name]
        for name in ("entry", "stop", "target", "limit")
    }
    assert kinds["entry"][-1] == "OrderFilled"
    assert {"OrderAccepted"} <= set(kinds["stop"]) & set(kinds["target"])
    assert kinds["limit"][-1] == "OrderCanceled"
    assert not {"OrderRejected", "OrderDenied"} & set().union(*kinds.values())
    position = run.one("position")
    assert (position["side"], position["quantity"]) == ("LONG", 10)
