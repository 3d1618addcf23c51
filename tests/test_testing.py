"""The pytest plugin, used as a foreign project would use it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

FOREIGN = """
    import socket
    import pytest

    def test_a_whole_session(ib_gateway, paper_gateway):
        from twsloop.orders.builders import market_order

        assert ib_gateway.port == paper_gateway.port
        assert ib_gateway.accounts == ("DU1234567",)
        trade = ib_gateway.place_order("AAPL", market_order("BUY", 100))
        assert trade.done.result(timeout=10) == "Filled"

    kept = []

    def test_more_gateways(make_paper_gateway):
        one = make_paper_gateway(accounts=("DU7",))
        two = make_paper_gateway(seed=3)
        assert one.account == "DU7"
        assert one.port != two.port
        kept.extend([one, two])

    def test_they_ended_with_their_test():
        for gateway in kept:
            assert not gateway.running
            with pytest.raises(OSError):
                socket.create_connection((gateway.host, gateway.port), 1)

    def test_the_clock(manual_clock):
        manual_clock.advance(5)
        assert manual_clock.monotonic() == 5
"""


def test_a_foreign_suite_finds_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(textwrap.dedent(FOREIGN))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout


def test_a_suite_that_does_not_use_it_pays_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(
        textwrap.dedent("""
        import sys

        def test_nothing_heavy_is_loaded():
            heavy = {"ibapi", "twsloop.gateway", "twsloop.paper.server", "uvloop", "rich"}
            assert not heavy & set(sys.modules)
        """)
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
