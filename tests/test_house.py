"""The rules of the house that import-linter cannot say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
#: No file is longer than this (design 5.14); most aim at 400.
WALL = 600


def imported_by(module: str) -> set[str]:
    """What a fresh interpreter has loaded after importing ``module``."""
    code = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stdout.split())


def test_the_paper_gateway_runs_without_ibs_client() -> None:
    loaded = imported_by("twsloop.paper.server")
    assert "ibapi" in loaded  # its protobuf messages
    assert not loaded & {"ibapi.client", "ibapi.wrapper", "ibapi.decoder", "ibapi.connection"}


@pytest.mark.parametrize("module", ["twsloop.wire.codec", "twsloop.session.state"])
def test_pure_parts_load_no_sockets_of_their_own(module: str) -> None:
    assert not imported_by(module) & {"twsloop.event_loop", "twsloop.transport", "uvloop"}


def test_no_file_is_over_the_wall() -> None:
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "api_client").rglob("*.py")]
    lengths = {path: len(path.read_text().splitlines()) for path in sources}
    assert {path.name: n for path, n in lengths.items() if n > WALL} == {}
