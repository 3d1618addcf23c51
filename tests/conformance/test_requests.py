"""What ib_async's and ib_insync's own suites ask of a running gateway, asked of ours."""

from __future__ import annotations

import pytest

from tests.conformance.cases import CASES, Case, plain_case
from tests.conformance.transcript import Event, drive
from tests.conformance.venvs import IB_ASYNC, runtime_of
from twsloop.paper.server import PaperGateway

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]

Calls = dict[str, Event]


@pytest.fixture(
    scope="module", params=[one for one in CASES if not plain_case(one).official], ids=str
)
def client(request: pytest.FixtureRequest) -> Case:
    """ib_async, then ib_insync."""
    found: Case = request.param
    return found


@pytest.fixture(scope="module")
def calls(client: Case) -> Calls:
    """How each call ended."""
    with PaperGateway() as gateway:
        run = drive(
            runtime_of(client.client),
            "ib_requests.py",
            *("--port", str(gateway.port), "--module", client.client.name),
        )
    assert run.code == 0
    return {one["name"]: one for one in run.all("call")}


@pytest.mark.parametrize("what", ["share", "pair"])
def test_what_if_by_symbol_alone_has_a_commission(calls: Calls, what: str) -> None:
    told = calls[f"what-if of a {what}"]
    assert (told["end"], told["kind"]) == ("answered", "OrderState")
    assert told["commission"] > 0


def test_what_if_without_an_exchange_is_refused_with_321(calls: Calls, client: Case) -> None:
    told = calls["what-if without an exchange"]
    assert told["codes"] == [321]
    if client.client == IB_ASYNC:
        # Its release 2.1.0 takes every 321 for a warning about an order that stays alive, and
        # goes on to wait, whoever sent it; its predecessor, and its own suite, do not.
        assert told["end"] == "none"
    else:
        assert (told["end"], told["code"]) == ("refused", 321)


def test_what_if_of_nothing_is_refused_with_200(calls: Calls) -> None:
    told = calls["what-if of nothing"]
    assert (told["end"], told["code"], told["codes"]) == ("refused", 200, [200])


def test_account_summary_is_a_list_of_values(calls: Calls) -> None:
    told = calls["account summary"]
    assert (told["end"], told["kinds"]) == ("answered", ["AccountValue"])
    assert told["count"] > 10


def test_gets_contract_details_by_symbol_alone(calls: Calls) -> None:
    told = calls["details of a share"]
    assert (told["end"], told["kinds"], told["count"]) == ("answered", ["ContractDetails"], 1)
    told = calls["qualify a share"]
    assert (told["end"], told["kinds"], told["count"]) == ("answered", ["Stock"], 1)
    told = calls["details of nothing"]
    assert (told["end"], told["code"]) == ("refused", 200)


def test_what_never_ended_disturbs_nothing_after_it(calls: Calls) -> None:
    assert calls["time"]["end"] == "answered"
