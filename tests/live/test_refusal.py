"""The check that stands before every live test, held to its word; runs with the ordinary suite."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paper_only import NotPaper, require_paper_accounts
from tests.support.processes import ROOT
from twsloop import PaperGateway
from twsloop.testing import MakePaperGateway


def test_paper_accounts_pass() -> None:
    require_paper_accounts(("DU1234567", "DU7654321"))


@pytest.mark.parametrize(
    "accounts", [(), ("U1234567",), ("DU1234567", "U1234567"), ("F1234567",), ("du1234567",)]
)
def test_anything_else_is_refused_without_telling_the_number(accounts: tuple[str, ...]) -> None:
    with pytest.raises(NotPaper, match="no order is placed") as refused:
        require_paper_accounts(accounts)
    assert "U1234567" not in str(refused.value)


def run_selection(
    mark: str, gateway: PaperGateway, **settings: str
) -> subprocess.CompletedProcess[str]:
    """``pytest -m MARK`` as one types it, with the environment pointing at the gateway."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TWSLOOP_", "PYTEST_"))}
    where = {"TWSLOOP_CONNECTION_HOST": gateway.host, "TWSLOOP_CONNECTION_PORT": str(gateway.port)}
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *("-m", mark, "tests/live", "tests/integration"),
        ],
        env=kept | where | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )


def test_a_login_with_a_real_account_is_refused(make_paper_gateway: MakePaperGateway) -> None:
    ran = run_selection("live", make_paper_gateway(accounts=("DU1234567", "U1234567")))
    assert ran.returncode == 1, ran.stdout
    assert "LiveTradingBlocked" in ran.stdout
    assert "passed" not in ran.stdout


def test_with_every_gate_of_live_trading_open_it_is_refused_as_well(
    make_paper_gateway: MakePaperGateway, tmp_path: Path
) -> None:
    override = tmp_path / "override"
    override.touch()
    gateway = make_paper_gateway(accounts=("U1234567",))
    ran = run_selection(
        "live",
        gateway,
        TWSLOOP_CONNECTION_MODE="live",
        TWSLOOP_ORDERS_ENABLED="yes",
        TWSLOOP_LIVE_OVERRIDE_FILE=str(override),
        TWSLOOP_LIVE_ACCOUNT_PREFIX="U1234567",
    )
    assert ran.returncode == 1, ran.stdout
    assert "NotPaper: no order is placed" in ran.stdout
    assert "passed" not in ran.stdout


@pytest.mark.parametrize("mark", ["live", "integration"])
def test_both_selections_pass_on_a_paper_account(mark: str, paper_gateway: PaperGateway) -> None:
    ran = run_selection(mark, paper_gateway)
    assert ran.returncode == 0, ran.stdout
    assert "passed" in ran.stdout
    assert "skipped" not in ran.stdout
