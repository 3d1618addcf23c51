"""The composition root: what settings become, and that everything is taken down again."""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from twsloop.app import logged, paper_gateway, session
from twsloop.config import Config, ConnectionParams, LogSettings, PaperParams
from twsloop.errors import ConfigError, FeedError, LiveTradingBlocked, TcpFailed
from twsloop.paper.orders.rules import OrderRules


def threads() -> set[str]:
    """The loops that run; their daemon watches stay until the main thread ends."""
    names = {thread.name for thread in threading.enumerate()}
    return {n for n in names if n.startswith("twsloop") and not n.endswith("-watch")}


def test_a_paper_gateway_as_configured() -> None:
    params = PaperParams(port=0, accounts=("DU7", "DU8"), seed=9, max_clients=3, max_version=200)
    with paper_gateway(Config(paper=params)) as gateway:
        assert gateway.accounts == ("DU7", "DU8")
        assert (gateway.seed, gateway.max_clients, gateway.max_version) == (9, 3, 200)
        assert gateway.port
    assert not threads()


def test_its_rules_for_orders_as_configured() -> None:
    def rules(**settings: Any) -> OrderRules:
        params = PaperParams(port=0, **settings)
        with paper_gateway(Config(paper=params)) as gateway:
            found: OrderRules = gateway.engine.rules
            return found

    assert rules() == OrderRules()
    changed = rules(
        empty_tif="refuse", price_band=0.0, direct_routing="discard", fractional_stocks=True
    )
    assert changed == OrderRules(
        empty_tif="refuse", price_band=None, direct_routing="discard", fractional_stocks=True
    )


def test_a_session_on_a_paper_gateway_of_its_own() -> None:
    before = threads()
    with session(Config(), paper=True) as gateway:
        assert gateway.accounts == ("DU1234567",)
        assert gateway.session_state.name == "READY"
        assert len(threads()) == 2
    assert threads() == before
    assert gateway.session_state.name == "DISCONNECTED"


def test_a_session_on_the_configured_gateway() -> None:
    with paper_gateway(Config(paper=PaperParams(port=0))) as server:
        connection = ConnectionParams(port=server.port, client_id=7)
        with session(Config(connection=connection)) as gateway:
            assert (gateway.port, gateway.clientId) == (server.port, 7)
            assert server.clients == (7,)


def test_a_session_that_fails_leaves_nothing_behind() -> None:
    connection = ConnectionParams(port=1, connect_timeout=2)
    with pytest.raises(TcpFailed), session(Config(connection=connection)):
        pass
    assert not threads()


def test_an_exception_inside_takes_everything_down() -> None:
    with pytest.raises(KeyError), session(Config(), paper=True):
        raise KeyError
    assert not threads()


def test_paper_is_never_live() -> None:
    # --paper wins over a configuration file that says live.
    live = Config(connection=ConnectionParams(mode="live"))
    with session(live, paper=True) as gateway:
        assert gateway.accounts == ("DU1234567",)
    with pytest.raises(LiveTradingBlocked), session(live):
        pass


@pytest.mark.parametrize(
    ("params", "window", "problem"),
    [
        (PaperParams(feed="replay"), {}, "a replay needs data"),
        (PaperParams(data=Path("x")), {}, "only a replay has data and a window in it"),
        (PaperParams(), {"since": datetime(2013, 1, 1, tzinfo=UTC)}, "only a replay has"),
    ],
)
def test_settings_that_contradict_each_other(
    params: PaperParams, window: dict[str, datetime], problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem):
        paper_gateway(Config(paper=params), **window)


def test_a_replay_without_its_files(tmp_path: Path) -> None:
    params = PaperParams(feed="replay", data=tmp_path / "missing")
    with pytest.raises(FeedError):
        paper_gateway(Config(paper=params))


def test_logged_writes_inside_the_block_only(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    config = attrs.evolve(Config(), logging=LogSettings(file=file))
    logger = logging.getLogger("twsloop.test")
    with logged(config):
        logger.info("inside")
    logger.info("outside")
    text = file.read_text(encoding="utf-8")
    assert "inside" in text
    assert "outside" not in text
