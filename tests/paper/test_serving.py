"""All that listens starts, stops and refuses a port in the same way."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from twsloop.errors import ListenError
from twsloop.paper import PaperGateway
from twsloop.paper.serving import Serving
from twsloop.paper.tape.player import ScriptedGateway
from twsloop.paper.tape.recorder import Recorder

SCRIPT = "version 200\nclient: reqCurrentTime\n"
Make = Callable[[int], Serving]


@pytest.fixture(params=["paper", "script", "record"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Makes one of the three, to listen on a port."""
    makers: dict[str, Make] = {
        "paper": lambda port: PaperGateway(port=port, feed="manual"),
        "script": lambda port: ScriptedGateway(SCRIPT, port=port),
        "record": lambda port: Recorder(
            tmp_path / "it.tape", "127.0.0.1", 1, port=port, probe=False
        ),
    }
    return makers[request.param]


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def can_connect(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_it_listens_from_start_to_stop_and_twice_is_once(make: Make) -> None:
    it = make(0)
    assert not it.running
    it.start()
    it.start()
    assert it.running
    assert can_connect(it.port)
    it.stop()
    it.stop()
    assert not it.running
    assert not can_connect(it.port)


async def test_it_listens_on_the_running_loop(make: Make) -> None:
    async with make(0) as it:
        await it.open()
        assert it.running
        assert can_connect(it.port)
    await it.close()
    assert not it.running
    assert not can_connect(it.port)


def test_a_port_in_use_is_an_error_that_names_it(make: Make, busy: int) -> None:
    it = make(busy)
    with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{busy}: "):
        it.start()
    assert not it.running
