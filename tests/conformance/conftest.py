"""Each client runs once, twice over: a first session, and a second one of the same client id."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.cases import ACCOUNT, CASES, QUANTITY, RATE, SYMBOLS, TICKS, Case
from tests.conformance.table import render
from tests.conformance.transcript import Transcript, drive
from tests.conformance.venvs import runtime_of
from twsloop.paper.catalogue.instruments import Catalogue
from twsloop.paper.feeds.synthetic import SyntheticFeed
from twsloop.paper.server import PaperGateway

#: Where `make conformance` wants the table of clients and capabilities, if it wants one.
TABLE = os.environ.get("CONFORMANCE_TABLE")
#: (test, client) -> whether it passed.
OUTCOMES: dict[tuple[str, str], bool] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how each test of each client ended."""
    found = re.search(r"::(\w+)\[(?:stop-|drop-)?([\w.-]+-at-\d+)", report.nodeid)
    if found is None:
        return
    key = (found[1], found[2])
    if report.when == "call" or report.failed:
        OUTCOMES[key] = OUTCOMES.get(key, True) and report.passed


def pytest_sessionfinish() -> None:
    """Write the table."""
    if TABLE and OUTCOMES:
        results = [(name, client, passed) for (name, client), passed in OUTCOMES.items()]
        Path(TABLE).write_text(render(results, datetime.now(UTC).date()), encoding="utf-8")


@pytest.fixture(scope="session", params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """One client."""
    found: Case = request.param
    # Without an environment this fails: whoever asks for conformance must not get less.
    runtime_of(found.client)
    return found


def fresh_gateway(case: Case) -> PaperGateway:
    """A gateway for one client, with a market busier than most; not started."""

    def feed() -> SyntheticFeed:
        market = Catalogue.standard(datetime.now(UTC).date())
        rates = dict.fromkeys((*SYMBOLS, "EUR.USD"), RATE)
        return SyntheticFeed(market, seed=11, rates=rates)

    return PaperGateway(feed=feed, accounts=(ACCOUNT,), max_version=case.max_version)


@pytest.fixture(scope="session")
def gateway(case: Case) -> Iterator[PaperGateway]:
    """A gateway for this client alone."""
    with fresh_gateway(case) as gateway:
        yield gateway


def drive_plan(case: Case, gateway: PaperGateway, *more: str) -> Transcript:
    """Run the client's plan against the gateway."""
    return drive(
        runtime_of(case.client),
        case.driver,
        *("--port", str(gateway.port), "--module", case.client.name),
        *("--symbols", ",".join(SYMBOLS), "--trade", SYMBOLS[0]),
        *("--quantity", str(QUANTITY), "--ticks", str(TICKS), *more),
    )


@pytest.fixture(scope="session")
def run(case: Case, gateway: PaperGateway) -> Transcript:
    """What the client heard in its first session."""
    return drive_plan(case, gateway)


@pytest.fixture(scope="session")
def again(case: Case, gateway: PaperGateway, run: Transcript) -> Transcript:
    """What the same client id heard in its second session."""
    assert run.code == 0, "the first session failed"
    return drive_plan(case, gateway, "--again")
