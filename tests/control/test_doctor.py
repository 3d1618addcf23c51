"""The doctor at a paper gateway that is well, and at ones that are not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import await_condition
from tests.support.stand_in_ibc import free_port
from twsloop.config import Config
from twsloop.control.diagnosis import Report, StepOutcome, Verdict
from twsloop.control.doctor import examine
from twsloop.paper import PaperGateway


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperGateway]:
    """One gateway for all of them; what a test does to it, it undoes."""
    with PaperGateway() as gateway:
        yield gateway


def settings(port: int, folder: Path, **more: Any) -> Config:
    overrides = {
        "connection.port": port,
        "connection.handshake_timeout": 0.5,
        "connection.ready_timeout": 5,
        "control.folder": folder,
        "session.lease_file": folder / "leases.db",
        "journal.file": folder / "journal.db",
    }
    named = {name.replace("__", "."): value for name, value in more.items()}
    return Config.load(environ={}, overrides={**overrides, **named})


def verdicts(report: Report) -> dict[str, Verdict]:
    return {one.step: one for one in report.verdicts}


@pytest.mark.parametrize("version", [225, 200])
def test_a_gateway_that_is_well(paper: PaperGateway, version: int, tmp_path: Path) -> None:
    report = examine(settings(paper.port, tmp_path, connection__max_version=version))
    assert report.healthy
    assert report.failed == report.warnings == ()
    found = verdicts(report)
    assert found["version"].facts == {"version": version}
    assert found["session"].facts == {"client_id": 9990}
    assert found["accounts"].text == "1 paper: DU***567"
    assert abs(found["clock"].facts["skew_s"]) < 2
    assert found["market_data_farm"].facts == {"farms": {"usfarm": "ok"}}
    assert found["quote"].facts["bid"] > 0
    permitted = {"orders": True, "next_order_id": 1, "data": "live"}
    assert found["permissions"].facts == permitted
    await_condition(lambda: not paper.clients)  # it learns of the end in its own time
    assert not (tmp_path / "journal.db").exists()


def test_nobody_listens(tmp_path: Path) -> None:
    report = examine(settings(free_port(), tmp_path))
    assert report.failed == ("tcp",)
    assert "twsloop start" in verdicts(report)["tcp"].remedy
    assert report.skipped[-1] == "permissions"


def test_an_unknown_host(tmp_path: Path) -> None:
    report = examine(settings(4002, tmp_path, connection__host="no-such-host.invalid"))
    assert report.failed == ("name",)
    assert "no-such-host.invalid" in verdicts(report)["name"].text


def test_one_that_accepts_and_says_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        report = examine(settings(mute.getsockname()[1], tmp_path))
    found = verdicts(report)
    assert report.failed == ("handshake",)
    assert found["tcp"].outcome is StepOutcome.OK
    assert "second factor" in found["handshake"].remedy


@contextmanager
def closing_door() -> Iterator[int]:
    """A port that accepts connections and closes them, as containers do."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def close_all() -> None:
            with door:
                while True:
                    try:
                        link, _ = door.accept()
                    except OSError:
                        return
                    link.close()

        thread = threading.Thread(target=close_all)
        thread.start()
        yield door.getsockname()[1]
        with socket.socket() as last:
            door.shutdown(socket.SHUT_RDWR)
            last.close()
        thread.join(10)


def test_one_that_closes_at_once(tmp_path: Path) -> None:
    with closing_door() as port:
        report = examine(settings(port, tmp_path))
    assert report.failed == ("handshake",)
    assert "trusted IPs" in verdicts(report)["handshake"].remedy


def test_another_look_at_the_same_time_takes_another_client_id(
    paper: PaperGateway, tmp_path: Path
) -> None:
    with paper.faults.id_in_use(client=9990):
        report = examine(settings(paper.port, tmp_path))
    assert report.healthy
    assert verdicts(report)["session"].facts == {"client_id": 9991}


def test_a_read_only_gateway(paper: PaperGateway, tmp_path: Path) -> None:
    with paper.faults.read_only():
        report = examine(settings(paper.port, tmp_path))
        data = examine(settings(paper.port, tmp_path, session__role="data"))
    assert (report.healthy, report.warnings) == (True, ("permissions",))
    assert "ReadOnlyApi=no" in verdicts(report)["permissions"].remedy
    assert data.warnings == ()


def test_farms_that_are_broken(paper: PaperGateway, tmp_path: Path) -> None:
    with paper.faults.farm_down(farm="ushmds"):
        report = examine(settings(paper.port, tmp_path))
    assert report.failed == ("historical_farm",)


def test_a_clock_that_is_wrong(tmp_path: Path) -> None:
    with PaperGateway() as paper, paper.faults.clock_jump(seconds=60):
        report = examine(settings(paper.port, tmp_path))
    assert report.warnings == ("clock",)
    assert "NTP" in verdicts(report)["clock"].remedy


def test_a_live_account_behind_the_paper_port(tmp_path: Path) -> None:
    with PaperGateway(accounts=("U1234567",)) as paper:
        report = examine(settings(paper.port, tmp_path))
    assert report.failed == ("accounts",)
    assert "1234567" not in str(report)
    assert verdicts(report)["session"].outcome is StepOutcome.OK


def test_live_without_its_gates_is_not_even_tried(paper: PaperGateway, tmp_path: Path) -> None:
    report = examine(settings(paper.port, tmp_path, connection__mode="live"))
    assert report.failed == ("session",)
    assert "override_file" in verdicts(report)["session"].text
    assert verdicts(report)["handshake"].outcome is StepOutcome.SKIPPED
