"""Every blocking request of ib_async and ib_insync comes back, with an answer or with a refusal."""

from __future__ import annotations

import pytest

from tests.conformance.cases import CASES, Case, plain_case
from tests.conformance.transcript import drive
from tests.conformance.venvs import runtime_of
from twsloop.paper.server import PaperGateway

#: What a login without these permissions, or a question about nothing, is refused with.
REFUSED = {
    "reqContractDetails of nothing": 200,
    "reqFundamentalData": 430,
    "calculateImpliedVolatility": 200,
    "calculateOptionPrice": 200,
    "reqNewsArticle": 10172,
    "requestFA": 321,
    "getWshMetaData": 10276,
    "getWshEventData": 10276,
}

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]


BLOCKING = [one for one in map(plain_case, CASES) if not one.official]


@pytest.mark.parametrize("client", BLOCKING, ids=str)
def test_no_request_waits_for_ever(client: Case) -> None:
    with PaperGateway() as gateway:
        run = drive(
            runtime_of(client.client),
            "ib_interface.py",
            *("--port", str(gateway.port), "--module", client.client.name),
        )
    assert run.code == 0
    calls = run.all("call")
    assert len(calls) > 30
    assert [one["name"] for one in calls if not one["answered"]] == []
    for one in calls:
        expected = REFUSED.get(one["name"])
        # They cancel by themselves what they asked once, and a moment later are told so of the
        # scanner (162), and of what had been refused, that there is none (10280, 10284).
        codes = [code for code in one["codes"] if code not in {162, 10280, 10284}]
        assert codes == ([] if expected is None else [expected]), one
