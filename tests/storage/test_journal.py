"""The journal of a connection: opened before ids are known, closed last, on every path."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support.clients import PATIENCE, settings
from tests.support.journal_files import NOON, began, fill, intent, rows, step, writing
from tests.support.sessions import SESSIONS
from twsloop import PaperGateway
from twsloop.clock import ManualClock
from twsloop.config import Config
from twsloop.connection import IBKRConnection
from twsloop.errors import ConnectionFailed, StorageError
from twsloop.events import ConfigTaken, JournalTrouble, LoopLagged, SessionChanged
from twsloop.session.state import State
from twsloop.storage.journal import Journal, config_taken
from twsloop.storage.pen import Login

KINDS = "SELECT kind FROM entry ORDER BY seq"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "new" / "journal.db"


@pytest.fixture(params=list(SESSIONS))
def session(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Client:
    """A connection with a journal, and nothing else."""

    def __init__(self, port: int, file: Path, loop_factory: Any = None, **more: Any) -> None:
        values = {"journal__enabled": True, "journal__file": file, "pacing__enabled": False, **more}
        self.connection = IBKRConnection(settings(port, **values), loop_factory=loop_factory)
        self.core = self.connection._tws
        self.journal = Journal(self.core)
        self.told: list[Any] = []
        self.core.on_fact(self.told.append)

    def call(self, work: Any, *args: Any) -> Any:
        return self.connection.event_loop.call(work, *args, timeout=PATIENCE)

    def intend(self, *order_ids: int) -> list[str]:
        """What is said of intents that are told at once."""

        async def tell() -> list[str]:
            loop, said = asyncio.get_running_loop(), []
            for order_id in order_ids:
                done: asyncio.Future[str] = loop.create_future()
                self.journal.intend(intent(order_id), done.set_result)
                said.append(done)
            return list(await asyncio.gather(*said))

        return list(self.call(tell))

    def flush(self) -> None:
        self.call(self.journal.flush)


@pytest.fixture
def client(session: str, file: Path) -> Iterator[Client]:
    """A client that has a paper gateway at hand, and is not connected yet."""
    version, loop_factory = SESSIONS[session]
    with PaperGateway(max_version=version) as paper:
        made = Client(paper.port, file, loop_factory, connection__client_id=1)
        try:
            yield made
        finally:
            made.connection.stop()


def test_what_a_session_leaves_behind(client: Client, file: Path) -> None:
    assert client.journal.refuses == ""
    client.connection.start()
    assert client.intend(5, 6) == ["", ""]
    client.call(client.core.tell, step(5, status="Filled"))
    client.call(client.core.tell, fill())
    client.call(client.core.tell, LoopLagged(time=NOON, lag=1.0))
    client.connection.stop()

    kinds = [kind for (kind,) in rows(file, KINDS)]
    assert kinds[0] == "ConfigTaken"
    assert "LoopLagged" not in kinds
    told = [k for k in kinds if k not in {"SessionChanged", "ConfigTaken", "Notice"}]
    assert told == ["SessionBegan", "OrderIntent", "OrderIntent", "OrderStep", "Fill"]
    # What the session says at its very end is there, too.
    last = rows(file, "SELECT body FROM entry WHERE kind = 'SessionChanged' ORDER BY seq")[-1][0]
    assert '"new":"DISCONNECTED"' in last
    (row,) = rows(file, "SELECT epoch, client_id, mode, accounts, next_id, floor FROM session")
    assert row == (1, 1, "paper", "DU1234567", 1, 1)
    # Nothing that belongs to the session comes before it.
    epochs = dict(rows(file, "SELECT kind, min(epoch) FROM entry GROUP BY kind"))
    assert (epochs["OrderIntent"], epochs["SessionBegan"], epochs["ConfigTaken"]) == (1, 1, 0)
    assert not [name for name in file.parent.iterdir() if name != file], "closed whole"
    assert not [t for t in threading.enumerate() if "_connection_worker" in t.name]


def test_order_ids_go_on_where_they_were(client: Client, file: Path) -> None:
    client.connection.start()
    client.intend(41)
    client.call(client.core.tell, fill(order_id=57))
    client.connection.stop()
    # The same object again, and then another process's.
    client.connection.start()
    assert client.core.order_ids.take() == 58
    assert client.call(client.journal.floor, 1, ["DU1234567"]) == 58
    assert client.call(client.journal.floor, 1, ["DU1234567", "DU9"]) == 58
    assert client.call(client.journal.floor, 1, ["DU9"]) == 1
    assert client.call(client.journal.floor, 2, ["DU1234567"]) == 1
    client.intend(60)
    assert client.call(client.journal.floor, 1, ["DU1234567"]) == 61
    client.connection.stop()
    assert rows(file, "SELECT epoch, floor FROM session") == [(1, 1), (2, 58)]

    later = Client(client.core.config.connection.port, file, connection__client_id=1)
    with later.connection:
        assert later.core.order_ids.floor == 61
    other = Client(client.core.config.connection.port, file, connection__client_id=2)
    with other.connection:
        assert other.core.order_ids.floor == 1


def test_a_later_session_knows_what_another_program_did(client: Client, file: Path) -> None:
    client.connection.start()
    assert client.core.order_ids.floor == 1

    async def other_program() -> None:
        async with writing(file) as bench:
            bench.writer.put(intent(30), Login("DU1234567", "session-1-1"))

    asyncio.run(other_program())
    client.connection.disconnect()
    client.connection.start()
    assert client.core.order_ids.floor == 31


def test_the_floor_is_known_when_the_program_is_told_the_next_id(
    client: Client, file: Path
) -> None:
    client.connection.start()
    client.intend(7)
    client.connection.stop()
    seen: list[int] = []
    again = Client(client.core.config.connection.port, file, connection__client_id=1)
    again.connection.on_session(
        lambda state, _: seen.append(again.core.order_ids.floor) if state is State.SYNCING else None
    )
    with again.connection:
        assert seen == [8]


def test_a_journal_that_cannot_be_opened_fails_no_connect(
    session: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version, loop_factory = SESSIONS[session]
    file = tmp_path / "folder.db"
    file.mkdir()
    with PaperGateway(max_version=version) as paper:
        client = Client(paper.port, file, loop_factory)
        with client.connection:
            assert client.core.state is State.READY
            assert "cannot open it" in client.journal.refuses
            (refused,) = client.intend(1)
            assert refused == client.journal.refuses
            (trouble,) = [fact for fact in client.told if isinstance(fact, JournalTrouble)]
            assert (trouble.over, trouble.refuses) == (False, True)
    left = list(tmp_path.glob("folder.db.unwritten-*.jsonl"))
    assert len(left) == 1
    assert '"event": "OrderIntent"' in left[0].read_text()
    assert "orders are refused" in caplog.text
    assert str(left[0]) in caplog.text


def test_a_start_that_fails_leaves_the_journal_whole(file: Path) -> None:
    with PaperGateway() as paper:
        port = paper.port
    client = Client(port, file, reconnect__enabled=False)
    with pytest.raises(ConnectionFailed):
        client.connection.start()
    assert rows(file, "SELECT kind FROM entry")[0] == ("ConfigTaken",)
    assert not file.with_name("journal.db-wal").exists()


def test_copies_and_queries_while_it_is_written(client: Client, file: Path) -> None:
    client.connection.start()
    client.intend(3)
    copy = client.call(client.journal.backup)
    assert rows(copy, "SELECT order_id FROM intent") == [(3,)]
    client.call(client.journal.record, step(3, status="Filled"))
    (found,) = client.call(client.journal.read, "SELECT * FROM order_event WHERE status = ?",
                           ["Filled"])  # fmt: skip
    assert found["order_id"] == 3
    with pytest.raises(StorageError, match="readonly"):
        client.call(client.journal.read, "INSERT INTO anchor VALUES (1, '', 1, '', '')")


def test_facts_before_the_first_connect_are_written(client: Client, file: Path) -> None:
    client.connection.event_loop.start()
    client.call(client.journal.record, step(1))
    assert client.journal.waiting == 1
    client.connection.start()
    client.connection.stop()
    assert rows(file, KINDS)[0] == ("OrderStep",)


# --------------------------------------------------------------------------------- settings
def test_settings_are_taken_without_their_secrets() -> None:
    config = Config()
    taken = config_taken(config, NOON)
    assert taken.settings["journal.sync"] == "normal"
    assert taken.digest == config_taken(Config(), ManualClock().now()).digest
    other = Config.load(environ={}, overrides={"connection.client_id": 7})
    assert config_taken(other, NOON).digest != taken.digest


def test_other_settings_are_told_once(client: Client, file: Path) -> None:
    client.connection.start()
    before = client.journal.config
    other = Config.load(environ={}, overrides={"connection.client_id": 7})
    client.call(client.journal.take_config, other)
    client.call(client.journal.take_config, other)
    assert client.journal.config != before
    assert [f.digest for f in client.told if isinstance(f, ConfigTaken)] == [
        before,
        client.journal.config,
    ]


# ------------------------------------------------------------------------------ other paths
FORGETFUL = """
from pathlib import Path
from tests.storage.test_journal import Client, step
from twsloop import PaperGateway
paper = PaperGateway()
paper.start()
client = Client(paper.port, Path({file!r}))
client.connection.start()
client.intend(9)
client.connection.event_loop.post(client.journal.record, step(9, status="Submitted"))
{end}
"""


@pytest.mark.parametrize("end", ["", "1 / 0"])
def test_a_program_that_forgets_to_stop_leaves_it_whole(file: Path, end: str) -> None:
    program = textwrap.dedent(FORGETFUL).format(file=str(file), end=end)
    subprocess.run(  # noqa: PLW1510  (how it ends is what differs)
        [sys.executable, "-c", program], timeout=30, cwd=Path(__file__).parents[2],
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert rows(file, "SELECT status FROM order_event") == [("Submitted",)]
    assert not file.with_name("journal.db-wal").exists(), "closed whole"


async def test_another_programs_session_does_not_shift_ours(file: Path) -> None:
    file.parent.mkdir()
    async with writing(file) as bench:
        bench.put(began(), SessionChanged(time=NOON, old="A", new="B"), fill(shares=Decimal(1)))
    assert rows(file, "SELECT epoch FROM entry") == [(1,), (1,), (1,)]
