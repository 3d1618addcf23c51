"""The key is nowhere: not in logs, errors, tracebacks or reprs, whatever the service echoes."""

from __future__ import annotations

import logging
import pickle
import traceback
from typing import Any

import attrs
import pytest

from api_client import ApiClient, ApiError, AsyncApiClient, Secret, Timeouts, queries
from api_client.redaction import LogGuard, Redactor
from api_client.testing import ReferenceServer, faults
from tests.support.flow import KEY, FlowTime

ECHO = faults.body(
    f'{{"status": "error", "code": 400, "error": "your key {KEY}"}}'.encode(),
    status=400,
    headers={"X-Echo": KEY},
)
TROUBLES: dict[str, faults.Fault] = {
    "fine": faults.altered(lambda data: None),
    "echo": ECHO,
    "echo in json": faults.body(b'{"status": "' + KEY.encode() + b'"}'),
    "echo in not json": faults.body(b"<html>" + KEY.encode()),
    "redirect": faults.redirect("https://example.com/login", echo=True),
    "drop": faults.drop(),
    "cut": faults.cut(),
    "silent": faults.silent(3.0),
    "429": faults.rate_limited(1),
    "500": faults.envelope(500, f"crashed on {KEY}"),
}


def everything_said(error: ApiError) -> str:
    """All that a program, a debugger or an error collector would show of an error."""
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = [line for line in shown.format() if "test_redaction.py" not in line]
    return "\n".join([*own, repr(error), str(error), repr(vars(error))])


FORMS = (KEY, "k-3f9%2FZq%2B7%3Dsecret", "k-3f9/Zq%2B7%3Dsecret", "Zq+7", "Zq%2B7")


@pytest.mark.parametrize("place", ["header", "query"])
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_the_key_leaks_nowhere(
    trouble: str,
    place: Any,
    server: ReferenceServer,
    time: FlowTime,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    server.faults.add("/tickers", TROUBLES[trouble], 10)
    errors: list[ApiError] = []
    options: dict[str, Any] = {
        "timing": time.timing,
        "key_place": place,
        "timeouts": {"tickers": Timeouts(total=0.1)} if trouble == "silent" else {},
    }
    with ApiClient(server.base_url, KEY, **options) as client:
        shown = [repr(client), repr(client.settings), f"{client.settings.api_key}"]
        try:
            shown.append(repr(client.tickers.get()))
        except ApiError as error:
            errors.append(error)
    async with AsyncApiClient(server.base_url, KEY, **options) as async_client:
        shown.append(repr(async_client))
        try:
            shown.append(repr(await async_client.tickers.get()))
        except ApiError as error:
            errors.append(error)
    assert len(errors) == (0 if trouble == "fine" else 2)
    shown += [everything_said(one) for one in errors]
    shown += [f"{one.response.headers} {one.response.body!r}" for one in errors if one.response]
    logged = [
        f"{record.name} {record.getMessage()} {record.args!r} {record.exc_text}"
        for record in caplog.records
        if record.name != "asyncio"
    ]
    assert any("httpcore" in line for line in logged), "the loudest log was on"
    for text in shown + logged:
        for form in FORMS:
            assert form not in text
    assert {seen.key_in for seen in server.seen} == {place}


def test_the_url_that_httpx_logs_is_there_without_the_key(
    server: ReferenceServer, time: FlowTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with ApiClient(server.base_url, KEY, timing=time.timing, key_place="query") as client:
        client.trades.get("SLV", limit=3)
    lines = [record.getMessage() for record in caplog.records if record.name == "httpx"]
    assert lines == [
        f'HTTP Request: GET {server.base_url}/trades?ticker=SLV&limit=3 "HTTP/1.1 200 OK"'
    ]


def test_a_retry_is_told(
    client: ApiClient, server: ReferenceServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.faults.add("/tickers", faults.envelope(503, f"busy, {KEY}"))
    client.tickers.get()
    (line,) = [record.getMessage() for record in caplog.records if record.name == "api_client"]
    assert line == "GET /tickers: busy, *** (HTTP 503); trying again in 0.4 s (1 of 4)"


def test_a_secret_shows_itself_only_by_name() -> None:
    secret = Secret(KEY)
    assert secret.reveal() == KEY
    assert KEY not in f"{secret} {secret!r} {[secret]} {secret!s:>5}"
    assert secret == Secret(KEY)
    assert secret != Secret("other")
    assert secret != KEY
    assert len({secret, Secret(KEY)}) == 1
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_settings_as_a_dict_keep_the_secret(client: ApiClient) -> None:
    assert KEY not in repr(attrs.asdict(client.settings))


def test_a_query_cannot_carry_a_key() -> None:
    with pytest.raises(ApiError, match="belongs to the client"):
        queries.raw("/trades", api_key=KEY)


def test_each_form_is_blanked() -> None:
    redactor = Redactor(Secret('a"b/c d'))
    text = r'a"b/c d, a%22b%2Fc%20d, a%22b/c%20d, a%22b%2Fc+d, a\"b/c d'
    assert redactor.text(text) == "***, ***, ***, ***, ***"
    assert redactor.bytes(text.encode()) == b"***, ***, ***, ***, ***"
    assert KEY not in repr(Redactor(Secret(KEY)))


def test_log_arguments_of_any_kind_are_cleaned(caplog: pytest.LogCaptureFixture) -> None:
    guard = LogGuard(Redactor(Secret(KEY)))
    log = logging.getLogger("httpx")
    caplog.set_level(logging.DEBUG)
    guard.install()
    try:
        log.info("plain %s", KEY)
        log.info("number %d %.1f", 5, 0.5)
        log.info("list %s", [KEY, {"a": KEY.encode()}])
        log.info("named %(key)s", {"key": KEY})
        log.info("object %s", ValueError(KEY))
        log.info(KEY)
    finally:
        guard.remove()
        guard.remove()
    text = caplog.text
    assert KEY not in text
    assert "number 5 0.5" in text
    log.info("after: %s", "open")
    assert log.filters == []


def test_two_clients_guard_two_keys(
    server: ReferenceServer, time: FlowTime, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        ApiClient(server.base_url, "key-one", timing=time.timing),
        ApiClient(server.base_url, "key-two", timing=time.timing),
    ):
        logging.getLogger("httpx").info("key-one and key-two")
    assert "*** and ***" in caplog.text
