"""What a foreign client heard from a gateway that was recorded, it hears again from the tape."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.conformance.transcript import DRIVERS
from tests.conformance.transcript import drive as drive_plan
from tests.conformance.venvs import (
    IB_ASYNC,
    IB_INSYNC,
    OFFICIAL_9,
    OFFICIAL_10,
    STOQEY,
    runtime_of,
)
from twsloop.paper.server import PaperGateway
from twsloop.paper.tape.player import FLAT_OUT, ScriptedGateway, load_script
from twsloop.paper.tape.recorder import Recorder
from twsloop.paper.tape.transcript import entries_of, read_transcript, write_transcript
from twsloop.wire.tape import Tape

pytestmark = [pytest.mark.conformance, pytest.mark.timeout(120)]

#: Names that masking leaves as they are, so that what is heard is the same to the letter.
ACCOUNT, USER = "DU0000001", "X0002"
#: A client's driver ends by itself; one that hangs is ended.
DEADLINE_S = 90


@attrs.frozen
class Played:
    """A client, its driver, and the server version it ends up with."""

    client: Any
    driver: str
    version: int
    max_version: int = 225

    def __str__(self) -> str:
        return f"{self.client.name}-{self.client.version}-at-{self.version}"


CASES = [
    pytest.param(Played(OFFICIAL_10, "tape_official.py", 225), marks=pytest.mark.conformance_short),
    Played(OFFICIAL_10, "tape_official.py", 200, max_version=200),
    Played(OFFICIAL_9, "tape_official.py", 157),
    pytest.param(Played(IB_ASYNC, "tape_ib.py", 178), marks=pytest.mark.conformance_short),
    Played(IB_INSYNC, "tape_ib.py", 176),
]


def drive(case: Played, port: int, *more: str) -> list[dict[str, Any]]:
    """What the client heard, up to the answer to its last question."""
    command = [str(runtime_of(case.client)), "-I", str(DRIVERS / case.driver)]
    command += ["--port", str(port), *more]
    if case.driver == "tape_ib.py":
        command += ["--module", case.client.name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    end = next(event for event in events if event["call"] == "end")
    assert end["version"] == case.version
    last = max(n for n, event in enumerate(events) if event["call"] in {"currentTime", "49"})
    return [*events[: last + 1], end]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_is_heard_again(case: Played, tmp_path: Path) -> None:
    path = tmp_path / "session.tape.gz"
    with (
        PaperGateway(accounts=(ACCOUNT,), user=USER, max_version=case.max_version, seed=4) as paper,
        Recorder(path, paper.host, paper.port) as recorder,
    ):
        live = drive(case, recorder.port)
    assert len(live) > 60
    for options in ({"speed": FLAT_OUT}, {"speed": 3.0, "strict": True}):
        with ScriptedGateway(path, **options) as gateway:  # type: ignore[arg-type]
            again = drive(case, gateway.port)
            gateway.wait_played()
            assert gateway.problems == []
        assert again == live


def test_a_client_in_another_language(tmp_path: Path) -> None:
    """The whole plan of the conformance drivers, by a client in TypeScript."""
    path = tmp_path / "session.tape"
    runtime, driver = runtime_of(STOQEY), "stoqey/driver.cjs"
    with (
        PaperGateway(accounts=(ACCOUNT,), user=USER) as paper,
        Recorder(path, paper.host, paper.port) as recorder,
    ):
        live = drive_plan(runtime, driver, "--port", str(recorder.port), "--ticks", "50")
    assert live.code == 0, live.stderr
    with ScriptedGateway(path, speed=FLAT_OUT) as gateway:
        again = drive_plan(runtime, driver, "--port", str(gateway.port), "--ticks", "50")
        gateway.wait_played()
        assert gateway.problems == []
    assert again.code == 0, again.stderr
    assert [untimed(event) for event in again.events] == [untimed(event) for event in live.events]


def untimed(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "seconds"}


@pytest.mark.parametrize("case", CASES[:2], ids=["225", "200"])
def test_and_from_its_transcript(case: Played, tmp_path: Path) -> None:
    """Through the readable form and back, with another client id and other request ids."""
    path = tmp_path / "session.tape"
    with (
        PaperGateway(accounts=(ACCOUNT,), user=USER, max_version=case.max_version, seed=4) as paper,
        Recorder(path, paper.host, paper.port) as recorder,
    ):
        live = drive(case, recorder.port)
    script = load_script(path)
    text = "".join(write_transcript(script, sleeps=False))
    with ScriptedGateway(text) as gateway:
        assert drive(case, gateway.port) == live
        moved = drive(case, gateway.port, "--first", "500", "--client-id", "31")
        gateway.wait_played(2)
        assert gateway.problems == []
    assert [event["call"] for event in moved] == [event["call"] for event in live]
    asked = {event["args"][0] for event in moved if event["call"] == "tickPrice"}
    assert asked == {502, 503}
    assert script.header is not None
    assert Tape(script.header, tuple(entries_of(read_transcript(text)))).entries
