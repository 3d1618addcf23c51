"""A trading session leaves no key and no password anywhere, and no account number in a log."""

from __future__ import annotations

import ipaddress
import logging
import sqlite3
import stat
import traceback
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest

from api_client import ApiClient, ApiError, RetryPolicy
from api_client.testing import ReferenceServer
from tests.support.desk import PATIENCE, Heard, settle
from tests.support.journal_room import Room, resting, room
from twsloop import log
from twsloop.config import Config
from twsloop.errors import ConfigError
from twsloop.events import GapReport, SessionChanged
from twsloop.gateway import IBGateway
from twsloop.orders.builders import limit_order, market_order, stop_order
from twsloop.orders.state import OrderStatus
from twsloop.paper import PaperGateway
from twsloop.session.state import State

__all__ = ["room"]  # a fixture

ACCOUNT = "DU1234567"
PASSWORD = "correct-horse-battery"
WRONG_KEY = "key-0123456789abcdef"


class Plain(logging.Handler):
    """What a program hears that has not set up our log, but one of its own."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{record.name}: {logging.Formatter().format(record)}")


@pytest.fixture
def plain() -> Iterator[Plain]:
    """Every line of ours, as it is."""
    handler = Plain()
    loggers = [logging.getLogger(name) for name in ("twsloop", "api_client")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield handler
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def asked(server: ReferenceServer) -> None:
    """The flow service is asked with its key, and with a wrong one."""
    with ApiClient(server.base_url, server.key, environ={}) as client:
        client.prediction.latest("SPY")
    with (
        ApiClient(server.base_url, WRONG_KEY, environ={}, retries=RetryPolicy(attempts=1)) as wrong,
        pytest.raises(ApiError) as refused,
    ):
        wrong.prediction.latest("SPY")
    logging.getLogger("twsloop.program").warning("no predictions: %s", refused.value)


def traded(room: Room, gateway: IBGateway) -> None:
    """Orders that fill, rest, change, are cancelled, refused and rejected; a link that is lost."""
    reports, sessions = Heard(), Heard()
    gateway.observe(GapReport, reports)
    gateway.observe(SessionChanged, sessions)
    with gateway:
        filled = gateway.place_order("AAPL", market_order("BUY", 100))
        assert filled.settled.result(PATIENCE) is OrderStatus.FILLED
        trade = resting(gateway)
        trade.modify(limit_price=101).result(PATIENCE)
        resting(gateway)
        gateway.place_order("AAPL", stop_order("SELL", 100, 150, account=ACCOUNT))
        elsewhere = gateway.place_order("AAPL", limit_order("BUY", 1, 100, account="DU7654321"))
        elsewhere.done.result(PATIENCE)
        room.paper.market.reject_next_order(
            f"Order rejected - account {ACCOUNT} is restricted", symbol="MSFT"
        )
        rejected = gateway.place_order("MSFT", market_order("BUY", 1))
        assert rejected.done.result(PATIENCE) is OrderStatus.REJECTED
        gateway.placeOrder(gateway.next_order_id(), filled.contract, limit_order("BUY", 1, 99))
        gateway.account_values().result(PATIENCE)
        gateway.portfolio().result(PATIENCE)
        sessions.rest()
        room.paper.market.drop_clients()
        sessions.until(lambda one: one.new == State.READY.name)
        reports.next()
        trade.cancel().result(PATIENCE)
        gateway.orders.reconcile().result(PATIENCE)
        settle(gateway)


def everything(database: Path) -> str:
    """All that a database holds, as text."""
    file = sqlite3.connect(database)
    try:
        return "\n".join(file.iterdump())
    finally:
        file.close()


def test_no_secret_is_left_anywhere(
    room: Room, plain: Plain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWS_PASSWORD", PASSWORD)
    monkeypatch.setenv("TWS_USERID", "somebody")
    with ReferenceServer() as server:
        monkeypatch.setenv("API_BASE_URL", server.base_url)
        monkeypatch.setenv("API_KEY", server.key)
        secrets = {PASSWORD, server.key, WRONG_KEY}
        written = tmp_path / "twsloop.log"
        overrides = {"logging.level": "debug", "logging.file": written}
        settings = Config.load(environ={}, overrides=overrides).logging
        with log.configure(settings):
            asked(server)
            traded(room, room.process())
            with room.process():  # what the journal tells is heard, too
                pass
    lines = {"the log": written.read_text(), "the lines": "\n".join(plain.lines)}
    assert "reconcile" in lines["the log"] or "gap of" in lines["the log"]
    for where, text in lines.items():
        for hidden in (*secrets, ACCOUNT, "DU7654321"):
            found = [line for line in text.splitlines() if hidden in line]
            assert found == [], where
    assert "DU***567" in lines["the log"]
    databases = [each for each in tmp_path.iterdir() if each.suffix == ".db"]
    assert room.file in databases
    for database in databases:
        held = everything(database)
        assert not [secret for secret in secrets if secret in held]
    # Account numbers are there: whose order it was has to be known.
    assert ACCOUNT in everything(room.file)


def test_nobody_else_can_read_the_journal(room: Room, tmp_path: Path) -> None:
    gateway = room.process(journal__backup_folder=tmp_path / "copies")
    with gateway:
        resting(gateway)
        files = [each for each in tmp_path.iterdir() if each.name.startswith(room.file.name)]
        # The file, its log, the index of that, and the slate.
        assert {each.suffix.split("-", 1)[0] for each in files} == {".db", ".slate"}
        assert len(files) == 4
        for each in files:
            assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_what_listens_is_for_this_machine_alone() -> None:
    hosts = [Config().paper.host, signature(PaperGateway).parameters["host"].default]
    assert [ipaddress.ip_address(host).is_loopback for host in hosts] == [True, True]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"[connection]\npassword = {PASSWORD}\n", "password: there is no such key"),
        (f"[login]\npassword = {PASSWORD}\n", "there is no such section"),
        (f"[connection]\npassword {PASSWORD}\n", "line 2"),
        (f"password = {PASSWORD}\n", "line 1"),
    ],
)
def test_an_error_of_the_settings_does_not_repeat_a_password(
    text: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "config.ini"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as wrong:
        Config.load(file, environ={})
    assert told in str(wrong.value)
    assert PASSWORD not in "".join(traceback.format_exception(wrong.value))
