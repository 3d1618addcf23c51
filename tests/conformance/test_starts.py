"""Starts and ends that are not plain: a used client id, two accounts, a gateway that goes away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.conformance.cases import Case
from tests.conformance.transcript import Event, Transcript, drive
from tests.conformance.venvs import runtime_of
from tests.support.raw_client import RawClient
from twsloop.paper.server import PaperGateway

CLIENT_ID = 7
ACCOUNTS = ("DU1000001", "DU1000002")
MANY = 6

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(200)]


def start(case: Case, gateway: PaperGateway, client_id: int = CLIENT_ID) -> Transcript:
    """Start, subscribe, wait for nothing, end."""
    return drive(
        runtime_of(case.client),
        case.driver,
        *("--port", str(gateway.port), "--module", case.client.name),
        *("--client-id", str(client_id), "--trace", "--ticks", "0"),
    )


def judge_start(case: Case, run: Transcript, accounts: tuple[str, ...]) -> None:
    """It came up within its own time-out, and had nothing to complain about."""
    assert run.all("trouble") == []
    assert (run.code, run.stderr) == (0, ())
    assert run.one("started")["seconds"] < 4
    assert run.one("managedAccounts")["accounts"] == list(accounts)
    if not case.official:
        assert run.one("fetched")["accountValues"] > 50 * len(accounts)


def test_client_id_in_use(case: Case) -> None:
    with (
        PaperGateway(max_version=case.max_version) as gateway,
        RawClient(gateway.host, gateway.port, client_id=CLIENT_ID, versions="v100..225") as first,
    ):
        run = start(case, gateway)
        # The session that was there first goes on.
        first.api.reqCurrentTime()
        answer = (49 + 200).to_bytes(4, "big") if case.max_version > 200 else b"49\0"
        first.read_until(lambda body: body.startswith(answer))
        assert gateway.clients == (CLIENT_ID,)
    assert run.code == 1
    (error,) = run.all("error")
    assert (error["reqId"], error["code"]) == (-1, 326)
    assert "client id is already in use" in error["text"]
    assert run.all("managedAccounts") == []
    (trouble,) = run.all("trouble")
    if case.official:
        assert len(run.all("connectionClosed")) == 1
        assert "the connection closed before" in trouble["text"]
    else:
        assert "connect raised" in trouble["text"]


def test_client_zero(case: Case) -> None:
    # ib_async and ib_insync ask for manual orders, too, when they are client 0.
    with PaperGateway(max_version=case.max_version) as gateway:
        run = start(case, gateway, client_id=0)
    judge_start(case, run, ("DU1234567",))


def test_two_accounts(case: Case) -> None:
    # Now ib_async and ib_insync ask for the values of each account.
    with PaperGateway(max_version=case.max_version, accounts=ACCOUNTS) as gateway:
        run = start(case, gateway)
    judge_start(case, run, ACCOUNTS)


def test_many_at_once(case: Case) -> None:
    with (
        PaperGateway(max_version=case.max_version) as gateway,
        ThreadPoolExecutor(MANY) as pool,
    ):
        runs = list(pool.map(lambda number: start(case, gateway, number), range(1, MANY + 1)))
    for run in runs:
        judge_start(case, run, ("DU1234567",))


@pytest.mark.parametrize("how", ["stop", "drop"])
def test_gateway_goes_away_in_mid_stream(case: Case, how: str) -> None:
    with PaperGateway(max_version=case.max_version) as gateway:
        leave = gateway.stop if how == "stop" else gateway.drop_clients

        def on_event(event: Event) -> None:
            if event["event"] == "streaming":
                leave()

        run = drive(
            runtime_of(case.client),
            case.driver,
            *("--port", str(gateway.port), "--module", case.client.name),
            *("--trace", "--ticks", "1000000"),
            on_event=on_event,
        )
    # It hears of the end once, at once, and ends in order.
    assert run.code == 1
    assert len(run.all("connectionClosed")) == 1
    assert len(run.all("trouble")) == 1
