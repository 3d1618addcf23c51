"""Client ids between programs: one holds an id at a time, and the dead hold nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.conftest import LoopFactory
from tests.support.clients import PATIENCE, Background, await_condition, settings
from tests.support.scripted import Peer, ScriptedServer
from twsloop.connection import IBKRConnection, leases
from twsloop.connection.leases import MIGRATIONS, SILENT, LeaseFile, address_of
from twsloop.connection.processes import Process, here, is_alive
from twsloop.database import Database
from twsloop.errors import ClientIdLeased, ConnectionFailed
from twsloop.session.state import State

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
PLACE = ("127.0.0.1:4002", 7)
OTHER = Process("another machine", 4711, "99")


def other(path: Path, *, alive: bool | None = True, process: Process = OTHER) -> LeaseFile:
    """The file, as another process sees it; everybody's life is as given."""
    return LeaseFile(path, me=process, alive=lambda _process: alive)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "leases.db"


def test_one_process_holds_an_id_and_the_next_is_told_who(file: Path) -> None:
    mine, theirs = LeaseFile(file), other(file)
    assert mine.take(*PLACE, NOW) is None
    holder = theirs.take(*PLACE, NOW)
    assert holder is not None
    assert holder.process == here()
    assert holder.process.pid == os.getpid()
    assert holder.taken_at == NOW
    assert theirs.take("127.0.0.1:4002", 8, NOW) is None, "another id"
    assert theirs.take("127.0.0.1:4001", 7, NOW) is None, "another gateway"
    mine.give_back(*PLACE)
    assert theirs.take(*PLACE, NOW) is None
    mine.give_back(*PLACE)
    assert other(file, process=attrs.evolve(OTHER, pid=1)).take(*PLACE, NOW) is not None


def test_taking_it_again_is_a_beat_and_keeps_its_beginning(file: Path) -> None:
    mine, later = LeaseFile(file), NOW + timedelta(minutes=1)
    assert mine.take(*PLACE, NOW) is None
    assert mine.take(*PLACE, later) is None
    holder = other(file).take(*PLACE, later)
    assert holder is not None
    assert (holder.taken_at, holder.beat_at) == (NOW, later)


@pytest.mark.parametrize("ends_first", [0, 1])
def test_of_two_connections_of_one_process_the_last_one_gives_the_id_back(
    file: Path, ends_first: int
) -> None:
    """Whether the two may is left to the gateway."""
    files = [LeaseFile(file), LeaseFile(file)]
    for one in files:
        assert one.take(*PLACE, NOW) is None
    files.pop(ends_first).give_back(*PLACE)
    holder = other(file).take(*PLACE, NOW)
    assert holder is not None
    assert holder.process == here()
    files[0].give_back(*PLACE)
    assert other(file).take(*PLACE, NOW) is None


def test_a_row_that_nobody_can_read_holds_nothing(file: Path) -> None:
    for beat in ("yesterday", "0001-01-01T00:00:00+14:00"):
        assert other(file).take(*PLACE, NOW) is None
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("UPDATE lease SET beat_at = ?", (beat,))
        mine = LeaseFile(file)
        assert mine.take(*PLACE, NOW) is None
        assert other(file, process=Process("x", 5, "1")).take(*PLACE, NOW) is not None
        mine.give_back(*PLACE)


def test_a_file_of_the_first_form_is_taken_over(file: Path) -> None:
    with contextlib.closing(Database(file, migrations=MIGRATIONS[:1]).connect()) as database:
        stamp = NOW.isoformat()
        database.execute(
            "INSERT INTO lease VALUES (?, ?, 'x', ?, ?, ?, 'old.py', ?, ?)",
            (*PLACE, OTHER.node, OTHER.pid, OTHER.started, stamp, stamp),
        )
    holder = other(file, process=Process("x", 5, "1")).take(*PLACE, NOW)
    assert holder is not None
    assert (holder.process, holder.program) == (OTHER, "old.py")


def test_the_dead_hold_nothing(file: Path) -> None:
    assert other(file).take(*PLACE, NOW) is None
    heir = attrs.evolve(OTHER, pid=5)
    assert other(file, process=heir, alive=False).take(*PLACE, NOW) is None
    holder = other(file).take(*PLACE, NOW)
    assert holder is not None
    assert holder.process.pid == 5


def test_who_cannot_be_looked_at_is_believed_by_its_beat(file: Path) -> None:
    holder = other(file)
    assert holder.take(*PLACE, NOW) is None
    blind = other(file, process=attrs.evolve(OTHER, pid=5), alive=None)
    almost = NOW + SILENT - timedelta(seconds=1)
    assert blind.take(*PLACE, almost) is not None
    assert holder.take(*PLACE, almost) is None, "it beats"
    assert blind.take(*PLACE, NOW + SILENT) is not None
    assert blind.take(*PLACE, almost + SILENT) is None


def test_a_process_is_told_from_a_later_one_of_the_same_id() -> None:
    me = here()
    assert is_alive(me) is True
    assert is_alive(attrs.evolve(me, started="1")) is False, "its id was given to us later"
    assert is_alive(attrs.evolve(me, node="elsewhere")) is None
    assert is_alive(attrs.evolve(me, started="")) is None, "the system does not say"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
    theirs = attrs.evolve(me, pid=child.pid, started=started)
    assert is_alive(theirs) is True
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert is_alive(theirs) is False, "a zombie"
    child.communicate()
    assert is_alive(theirs) is False


@pytest.mark.parametrize(
    ("host", "name"),
    [("localhost", "127.0.0.1"), ("::1", "127.0.0.1"), ("GW.Example ", "gw.example")],
)
def test_one_gateway_has_one_name(host: str, name: str) -> None:
    assert address_of(host, 4002) == f"{name}:4002"


# ---- over connections ----------------------------------------------------------------------------


async def serve(peer: Peer) -> None:
    await peer.open_session(178)
    await peer.read_to_end()


@contextmanager
def held_elsewhere(file: Path, port: int, client_id: int = 1) -> Iterator[int]:
    """Another process holds a lease; its process id."""
    program = (
        "import sys\n"
        "from datetime import UTC, datetime\n"
        "from pathlib import Path\n"
        "from twsloop.connection.leases import LeaseFile\n"
        "sys.argv[0] = '/opt/strategies/momentum.py'\n"
        f"work = LeaseFile(Path({str(file)!r})).take('127.0.0.1:{port}', {client_id},"
        " datetime.now(UTC))\n"
        "print(work, flush=True)\n"
        "input()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "None\n"
        yield process.pid
        process.kill()


def test_a_second_program_is_refused_before_it_connects_and_told_by_whom(file: Path) -> None:
    with ScriptedServer(serve) as server:
        config = settings(server.port, session__lease_file=file)
        with held_elsewhere(file, server.port) as pid:
            client = IBKRConnection(config)
            with pytest.raises(ClientIdLeased) as caught:
                client.start()
            assert caught.value.pid == pid
            for words in (f"process {pid}", "momentum.py", "choose another client id"):
                assert words in str(caught.value)
            assert server.connections == 0
            assert client.session.state is State.DISCONNECTED
            assert not client.event_loop.running
            retrying = settings(
                server.port, session__lease_file=file, reconnect__first_connect=True
            )
            with pytest.raises(ClientIdLeased):
                IBKRConnection(retrying).start()
            without = settings(server.port, session__lease_file=file, session__lease=False)
            with IBKRConnection(without) as unheeding:
                assert unheeding.session.ready
        with IBKRConnection(config) as heir:
            assert heir.session.ready, "the holder was killed, and holds nothing"


def test_an_id_is_given_back_at_the_end_and_kept_until_then(file: Path) -> None:
    with ScriptedServer(serve) as server:
        place = (address_of("127.0.0.1", server.port), 1)
        client = IBKRConnection(settings(server.port, session__lease_file=file))

        def seen() -> bool:
            """Whether another process finds it taken."""
            looker = other(file)
            found = looker.take(*place, datetime.now(UTC))
            looker.give_back(*place)
            return found is not None

        with client:
            assert seen()
            client.disconnect()
            client.start()
            assert seen(), "connected again"
        assert not seen()


@pytest.mark.parametrize("damage", ["no database", "a folder", "locked"])
def test_a_file_that_cannot_be_used_warns_and_stops_nobody(
    file: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    if damage == "no database":
        file.write_text("this was something else once " * 100)
    elif damage == "a folder":
        file.mkdir()
    else:
        LeaseFile(file).take(*PLACE, NOW)
    with (
        ScriptedServer(serve) as server,
        locked(file, damage == "locked"),
        IBKRConnection(settings(server.port, session__lease_file=file)) as client,
    ):
        assert client.session.ready
    warned = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert any("client ids are not kept apart" in text for text in warned), warned


def test_a_file_that_hangs_warns_and_stops_nobody_and_is_written_when_it_answers(
    file: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    loop_factory: LoopFactory,
) -> None:
    """As on a network drive whose server is away: the system's call does not come back."""
    answers, opened = threading.Event(), sqlite3.connect

    def hang(path: Path, **options: Any) -> Any:
        answers.wait(PATIENCE)
        return opened(path, **options)

    def rows() -> int:
        with contextlib.closing(opened(file)) as connection:
            try:
                return len(connection.execute("SELECT * FROM lease").fetchall())
            except sqlite3.OperationalError:
                return 0  # no table yet, or just being made

    monkeypatch.setattr(sqlite3, "connect", hang)
    monkeypatch.setattr(leases, "ANSWER", 0.05)
    with ScriptedServer(serve) as server:
        config = settings(server.port, session__lease_file=file)
        with IBKRConnection(config, loop_factory=loop_factory) as client:
            assert client.session.ready
            warned = [r.message for r in caplog.records if r.levelno == logging.WARNING]
            assert any("has not answered for 0.05 s" in text for text in warned), warned
            answers.set()
            await_condition(lambda: rows() == 1, "it was not taken")
        assert rows() == 0, "it was given back"


def test_a_stop_does_not_wait_for_a_file_that_hangs(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked, opened = threading.Event(), threading.Event(), sqlite3.connect

    def hang(path: Path, **options: Any) -> Any:
        asked.set()
        answers.wait(PATIENCE)
        return opened(path, **options)

    monkeypatch.setattr(sqlite3, "connect", hang)
    monkeypatch.setattr(leases, "ANSWER", PATIENCE)
    monkeypatch.setattr(leases, "PATIENCE", 0.05)
    with ScriptedServer(serve) as server:
        client = IBKRConnection(settings(server.port, session__lease_file=file))
        starting = Background(client.start)
        assert asked.wait(PATIENCE)
        client.stop()
        with pytest.raises(ConnectionFailed, match="while connecting"):
            starting.result()
        assert not answers.is_set()
        assert server.connections == 0
    answers.set()


@contextmanager
def locked(file: Path, really: bool) -> Iterator[None]:
    """Another program writes, and does not come to an end."""
    if not really:
        yield
        return
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


def test_many_processes_that_want_one_id_at_once_get_it_once(file: Path) -> None:
    files = [other(file, process=Process("x", pid, "1")) for pid in range(1, 9)]
    found: list[object] = []
    start = threading.Barrier(len(files))

    def take(one: LeaseFile) -> None:
        start.wait()
        found.append(one.take(*PLACE, NOW))

    threads = [threading.Thread(target=take, args=(one,)) for one in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found.count(None) == 1, found
    assert len(found) == len(files)
