"""Every recorded message that IB's own client reads, through our whole path: the same callbacks.

The bytes come over a real socket, at the server version they were recorded at: transport, framing,
dispatch, IB's decoder or ours, fan-out, a user's processor.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import pytest

from tests.support import official
from tests.support.clients import Recorder, settings
from tests.support.scripted import Peer, ScriptedServer, text_body
from tests.wire.test_recorded import FOLDER, Row, rows, says
from twsloop.connection import IBKRConnection
from twsloop.connection.stages import VERSIONS

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs ../shared/data/wire: not here")

#: Marks the end of each message: a callback that no recording has with such an id.
MARK = 700_000_000


def replay(version: int, bodies: list[bytes]) -> list[list[tuple[Any, ...]]]:
    """What a user's processor hears of each body, without the protobuf twins."""

    async def script(peer: Peer) -> None:
        await peer.open_session(version)
        await peer.read_frame()  # reqIds: the processor is there
        for number, body in enumerate(bodies):
            await peer.send(body, text_body(64, 1, MARK + number))
        await peer.read_to_end()

    heard = Recorder()
    with (
        ScriptedServer(script) as server,
        IBKRConnection(settings(server.port, heartbeat__enabled=False)) as client,
    ):
        client.add_message_processor(heard)
        client.reqIds(-1)
        heard.wait("accountSummaryEnd", len(bodies))
        client.remove_message_processor(heard)
    calls = [call for call in heard.calls if not call[0].endswith("ProtoBuf")]
    groups: list[list[tuple[Any, ...]]] = [[]]
    for call in calls:
        if call[0] == "accountSummaryEnd" and call[1] >= MARK:
            groups.append([])
        else:
            groups[-1].append(call)
    assert groups.pop() == []
    return groups


def by_version() -> dict[int, list[Row]]:
    found: dict[int, list[Row]] = defaultdict(list)
    for row in rows():
        if row.callbacks is not None and row.version in VERSIONS:
            found[row.version].append(row)
    return found


def test_every_recorded_message_makes_the_noted_callbacks() -> None:
    checked = 0
    for version, group in by_version().items():
        heard = replay(version, [row.body for row in group])
        for row, calls in zip(group, heard, strict=True):
            noted = [(name, official.simple(args)) for name, args in row.callbacks or ()]
            assert [call[0] for call in calls] == [name for name, _ in noted], row
            for (_, args), call in zip(noted, calls, strict=True):
                said = tuple(official.simple(argument) for argument in call[1:])
                assert says(tuple(args.values()), said), (row, args, said)
            judged = [(call.name, *call.args) for call in official.decode(row.body, version).calls]
            ours = [(name, *map(official.simple, args)) for name, *args in calls]
            assert ours == judged, row
            checked += 1
    assert checked > 350


def test_what_ib_s_client_cannot_read_ends_nothing() -> None:
    """Rows without a note: each is an error 508 or a callback, and the next message is unharmed."""
    wrong: dict[int, list[Row]] = defaultdict(list)
    for row in rows():
        if row.callbacks is None and row.direction.name == "INBOUND" and row.version in VERSIONS:
            wrong[row.version].append(row)
    everything = list(itertools.chain.from_iterable(wrong.values()))
    assert everything
    for version, group in wrong.items():
        heard = replay(version, [row.body for row in group])
        assert len(heard) == len(group)
        for row, calls in zip(group, heard, strict=True):
            for call in calls:
                assert call[0] != "error" or call[3] in {505, 508} or row.fields[0] == "4", row
