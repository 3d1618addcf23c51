"""What the migration page shows of other libraries runs with them, as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conformance.transcript import drive
from tests.conformance.venvs import IB_ASYNC, IB_INSYNC, OFFICIAL_10, ForeignClient, runtime_of
from tests.support.guide import blocks_of
from twsloop.paper.server import PaperGateway

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
SHORT = pytest.mark.conformance_short
CLIENTS = [
    pytest.param(IB_ASYNC, "ib_async", id="ib_async", marks=SHORT),
    pytest.param(IB_INSYNC, "ib_async", id="ib_insync"),
    pytest.param(OFFICIAL_10, "ibapi", id="ibapi", marks=SHORT),
]

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(300)]


@pytest.mark.parametrize(("client", "library"), CLIENTS)
def test_their_lines_run_with_their_library(
    client: ForeignClient, library: str, tmp_path: Path
) -> None:
    shown = [one for one in blocks_of(PAGE.read_text("utf-8")) if one.library == library]
    # The two differ in the name that is imported.
    codes = [(one.line, one.code.replace("ib_async", client.name)) for one in shown]
    file = tmp_path / "blocks.json"
    file.write_text(json.dumps(codes), encoding="utf-8")
    with PaperGateway() as gateway:
        run = drive(
            runtime_of(client),
            "page_blocks.py",
            *("--port", str(gateway.port), "--blocks", str(file)),
        )
    assert run.code == 0, run.stderr[-20:]
    assert [one["number"] for one in run.all("block")] == [number for number, _ in codes]
