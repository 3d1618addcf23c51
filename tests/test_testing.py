"""The pytest plugin, used as a foreign project would use it."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from twsloop import testing

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

    @pytest.mark.paper(feed="manual", accounts=("DU7", "DU8"))
    class TestMarket:
        def test_a_market_that_is_told(self, ib_gateway, paper_gateway):
            from twsloop.orders.builders import market_order

            assert ib_gateway.accounts == ("DU7", "DU8")
            paper_gateway.market.set_price("AAPL", bid=99.9, ask=100.0)
            trade = ib_gateway.place_order("AAPL", market_order("BUY", 100, account="DU8"))
            assert trade.done.result(timeout=10) == "Filled"

        @pytest.mark.paper(faults={"fault": [{"fault": "clock_jump", "seconds": 3600}]})
        def test_faults(self, ib_gateway, paper_gateway):
            assert [one.fault.name for one in paper_gateway.faults.record] == ["clock_jump"]
            with paper_gateway.faults.half_open(1) as dead:
                assert paper_gateway.faults.active == (dead.fault,)
            assert paper_gateway.faults.active == ()

        @pytest.mark.paper(accounts=("DU9",))
        def test_the_nearest_marker_counts(self, paper_gateway):
            assert paper_gateway.accounts == ("DU9",)
            assert paper_gateway.market.book("AAPL").bid is None

    def test_a_script(scripted_gateway):
        gateway = scripted_gateway("next-id 7\\nversion 178\\n")
        assert gateway.running

    def test_a_double(gateway_double):
        from twsloop import IBGateway

        double = gateway_double(IBGateway, version=178)
        double.app.reqIds(1)
        assert double.last("reqIds").numIds == 1
        assert gateway_double().app.isConnected()
"""

FAILING = """
    import socket

    def test_a_client_that_leaves(scripted_gateway):
        gateway = scripted_gateway("client: reqIds\\nserver: nextValidId orderId=1\\n")
        with socket.create_connection((gateway.host, gateway.port), 5) as client:
            client.sendall(b"API\\0\\0\\0\\0\\tv100..178")
            assert client.recv(100)
        gateway.wait_played()

    def test_a_script_that_is_not_followed(gateway_double):
        gateway_double().play("client: reqIds\\nserver: nextValidId orderId=1\\n")

    def test_a_callback_that_raises(gateway_double):
        from twsloop import IBGateway

        class App(IBGateway):
            def tickSize(self, *args):
                raise ZeroDivisionError("by a tick")

        gateway_double(App).say("tickSize", reqId=1, tickType=5, size=1)

    import pytest

    @pytest.mark.paper("manual")
    def test_a_marker_that_says_nothing(paper_gateway):
        pass
"""


def test_the_public_names_are_these() -> None:
    assert sorted(testing.__all__) == [
        "GatewayDouble",
        "MakePaperGateway",
        "ManualClock",
        "PaperGateway",
        "ScriptedGateway",
        "Sent",
        "gateway_double",
        "ib_gateway",
        "make_paper_gateway",
        "manual_clock",
        "paper_gateway",
        "scripted_gateway",
    ]
    for name in testing.__all__:
        assert getattr(testing, name) is not None
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        testing.nothing_of_that_name  # noqa: B018  (the mistake itself)


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
    assert "9 passed" in done.stdout


def test_the_examples_of_the_page_work_as_they_stand(tmp_path: Path) -> None:
    page = Path(__file__).parents[1].joinpath("docs", "testing.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python tests\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 3
    for number, block in enumerate(blocks):
        (tmp_path / f"test_{number}.py").write_text(block)
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


def test_what_goes_wrong_fails_their_test(tmp_path: Path) -> None:
    (tmp_path / "test_foreign.py").write_text(textwrap.dedent(FAILING))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 1
    words = done.stdout
    assert "transcript:1 waits for startApi; the client left" in words
    assert "transcript:1 waits for reqIds" in words
    assert "tickSize" in words
    assert "by a tick" in words
    assert "takes options of PaperGateway by name, not ('manual',)" in words


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
