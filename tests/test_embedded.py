"""A gateway that runs in this process is known to, as long as it listens."""

from __future__ import annotations

from twsloop.embedded import is_embedded
from twsloop.paper import PaperGateway


def test_it_is_known_while_it_listens() -> None:
    paper = PaperGateway()
    assert not is_embedded("127.0.0.1", paper.port)
    with paper:
        port = paper.port
        assert is_embedded("127.0.0.1", port)
        assert is_embedded(" LocalHost", port)
        assert not is_embedded("gateway.example", port)
        assert not is_embedded("127.0.0.1", port + 1)
    assert not is_embedded("127.0.0.1", port)


def test_one_that_nobody_has_is_forgotten() -> None:
    with PaperGateway() as paper:
        port = paper.port
    del paper
    assert not is_embedded("127.0.0.1", port)
