"""A client id that is in use: the newcomer is told 326 and sent away, the first notices nothing."""

from __future__ import annotations

import pytest

from tests.conformance.cases import Case
from tests.conformance.transcript import drive
from tests.conformance.venvs import python_of
from tests.support.raw_client import RawClient
from twsloop.paper.server import PaperGateway

CLIENT_ID = 7

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(200)]


def test_client_id_in_use(case: Case) -> None:
    python = python_of(case.client)
    with (
        PaperGateway(max_version=case.max_version) as gateway,
        RawClient(gateway.host, gateway.port, client_id=CLIENT_ID, versions="v100..225") as first,
    ):
        run = drive(
            python,
            case.driver,
            *("--port", str(gateway.port), "--module", case.client.name),
            *("--client-id", str(CLIENT_ID)),
        )
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
