"""Logs: fields, both formats, rotation, and what must never be readable in them."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.config import LogSettings
from twsloop.errors import ConfigError
from twsloop.log import FIELDS, bind, configure, context, mask, mask_account

logger = logging.getLogger("twsloop.test")


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


# ----------------------------------------------------------------------------------- masking
@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("U1234567", "U***567"),
        ("DU1234567", "DU***567"),
        ("DF7654321 and U7654321", "DF***321 and U***321"),
        ("accounts=DU1234567,DU1234568", "accounts=DU***567,DU***568"),
        ("F1234567A (all)", "F***567A (all)"),
        ("account_U1234567", "account_U***567"),
        ("'DU1234567': 1", "'DU***567': 1"),
        ("I12345", "I***345"),
        ("FUT 202612 ESZ6 U12 UTC2026", "FUT 202612 ESZ6 U12 UTC2026"),
        ("execution 0000e0d5.6ab9ea82.01.01", "execution 0000e0d5.6ab9ea82.01.01"),
        ("XU1234567", "XU1234567"),
        ("password=hunter2 next", "password=*** next"),
        ("TWS_PASSWORD=hunter2", "TWS_PASSWORD=***"),
        ('{"apiKey": "hunter2", "n": 1}', '{"apiKey": ***, "n": 1}'),
        ("api_key: 'hunter2'", "api_key: ***"),
        ("Authorization: Bearer abc.def-123", "Authorization: ***"),
        ("sent Bearer abcdefgh123", "sent Bearer ***"),
        ("http://me:hunter2@host:80/x", "http://me:***@host:80/x"),
        ("?token=hunter2&x=1", "?token=***&x=1"),
        ("bypass: yes", "bypass: yes"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_what_is_hidden_and_what_is_not(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    ("account", "masked"),
    [("DU1234567", "DU***567"), ("U9999999", "U***999"), ("X-77-1234", "***234"), ("All", "All")],
)
def test_an_account_field_is_always_hidden(account: str, masked: str) -> None:
    assert mask_account(account) == masked


@given(
    prefix=st.sampled_from(["U", "DU", "F", "DF"]),
    digits=st.integers(10**4, 10**9).map(str),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_account_number_comes_through(prefix: str, digits: str, before: str, after: str) -> None:
    account = prefix + digits
    text = f"{before} {account} {after}"
    if account in before or account in after:
        return
    assert account not in mask(text)


# ----------------------------------------------------------------------------------- formats
def test_a_line_for_people() -> None:
    stream = io.StringIO()
    with configure(LogSettings(), stream=stream):
        logger.info(
            "submitted %d for DU1234567",
            5,
            extra={"orderId": 7, "symbol": "AAPL", "account": "DU1234567", "permId": None},
        )
    time, rest = lines(stream)[0].split(" ", 1)
    assert time.endswith("Z")
    assert len(time) == len("2026-01-05T14:30:00.000Z")
    assert rest == (
        "INFO twsloop.test: submitted 5 for DU***567 [symbol=AAPL orderId=7 account=DU***567]"
    )


def test_a_line_for_machines() -> None:
    stream = io.StringIO()
    with configure(LogSettings(format="json"), stream=stream):
        logger.warning('said "password=x y" to U1234567\nand more', extra={"orderId": 7})
    entry = json.loads(lines(stream)[0])
    assert entry == {
        "time": entry["time"],
        "level": "warning",
        "logger": "twsloop.test",
        "message": 'said "password=*** y" to U***567\nand more',
        "orderId": 7,
    }


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_there_and_masked(form: Any) -> None:
    stream = io.StringIO()
    with configure(LogSettings(format=form), stream=stream):
        try:
            raise KeyError("DU1234567")
        except KeyError:
            logger.exception("no such account", stack_info=True)
    assert "KeyError: 'DU***567'" in stream.getvalue()
    assert "1234567" not in stream.getvalue()
    assert "Stack" in stream.getvalue()


def test_the_fields_come_from_three_places_and_the_nearest_wins() -> None:
    stream = io.StringIO()
    bound = bind(logger, symbol="MSFT", orderId=1)
    with configure(LogSettings(), stream=stream), context(symbol="SPY", correlation_id="order-1-1"):
        logger.info("a")
        with context(permId=9):
            bound.info("b", extra={"orderId": 2})
        bound.info("c")
    assert [line.partition("[")[2] for line in lines(stream)] == [
        "symbol=SPY correlation_id=order-1-1]",
        "symbol=MSFT orderId=2 permId=9 correlation_id=order-1-1]",
        "symbol=MSFT orderId=1 correlation_id=order-1-1]",
    ]


def test_a_field_that_no_line_shows_is_refused() -> None:
    with pytest.raises(TypeError, match="no log field 'order_id'; there are: symbol"):
        bind(logger, order_id=1)
    with pytest.raises(TypeError, match="no log field 'x'"), context(x=1):
        pass
    assert FIELDS == ("symbol", "orderId", "permId", "account", "correlation_id")


async def test_the_context_goes_with_a_task() -> None:
    stream = io.StringIO()

    async def work() -> None:
        await asyncio.sleep(0)
        logger.info("inside")

    with configure(LogSettings(), stream=stream):
        with context(orderId=5):
            task = asyncio.create_task(work())
        await task
    assert "[orderId=5]" in lines(stream)[0]


# ------------------------------------------------------------------------------ set and unset
def test_levels_and_ibapis_chatter() -> None:
    stream = io.StringIO()
    with configure(LogSettings(level="debug"), stream=stream):
        logger.debug("ours")
        logging.getLogger("ibapi.client").info("theirs, at every message")
        logging.getLogger("ibapi.client").warning("theirs, worth it")
    assert [line.split(": ", 1)[1] for line in lines(stream)] == ["ours", "theirs, worth it"]
    stream = io.StringIO()
    with configure(LogSettings(level="error"), stream=stream):
        logger.warning("quiet")
        logging.getLogger("ibapi").warning("quiet")
    assert not stream.getvalue()


def test_closing_puts_everything_back() -> None:
    loggers = [logging.getLogger(name) for name in ("twsloop", "ibapi")]
    before = [(x.level, x.propagate, list(x.handlers)) for x in loggers]
    setup = configure(LogSettings(level="debug"), stream=io.StringIO())
    assert [(x.level, x.propagate, list(x.handlers)) for x in loggers] != before
    setup.close()
    setup.close()
    assert [(x.level, x.propagate, list(x.handlers)) for x in loggers] == before


def test_nothing_happens_at_import() -> None:
    code = (
        "import logging; before = dict(logging.root.manager.loggerDict); import twsloop.log; "
        "assert not logging.root.handlers; "
        "assert not any(logging.getLogger(n).handlers for n in ('twsloop', 'ibapi'))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)


def test_a_file_is_rotated(tmp_path: Path) -> None:
    file = tmp_path / "run.log"
    with configure(LogSettings(file=file, max_bytes=400, backups=2)):
        for number in range(40):
            logger.info("line %02d of a longer text", number)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["run.log", "run.log.1", "run.log.2"]
    assert all(path.stat().st_size <= 400 for path in tmp_path.iterdir())
    assert "line 39" in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    file = tmp_path / "nowhere" / "run.log"
    with pytest.raises(ConfigError, match=r"\[logging\] file = .*nowhere.*cannot be opened"):
        configure(LogSettings(file=file))
    assert not logging.getLogger("twsloop").handlers
