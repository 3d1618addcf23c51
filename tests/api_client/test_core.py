"""The core, driven by hand: effects out, outcomes in, no network."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api_client import queries
from api_client.core import Core, Effect, Fault, FaultKind, Outcome, Reply, Send, Wait
from api_client.errors import (
    ApiAnswerError,
    ApiAnswerTooLargeError,
    ApiConnectionError,
    ApiError,
    ApiJsonError,
    ApiRateWaitError,
    ApiRedirectError,
    ApiServiceError,
    ApiShapeError,
    ApiTimeoutError,
    AuthenticationError,
    BadRequestError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnsupportedError,
)
from api_client.limiter import RateLimiter
from api_client.redaction import Redactor
from api_client.settings import RateLimits, RetryPolicy, Settings, Timeouts
from tests.support.flow import KEY, NOW, FlowTime

GOOD = {"status": "success", "data": {"tickers": ["SLV"], "count": 1}}


def make(time: FlowTime, **settings: Any) -> Core:
    loaded = Settings.load("http://flow.test/api/v1", KEY, environ={}, env_file=None, **settings)
    return Core(loaded, RateLimiter(loaded.limits), time.timing, Redactor(loaded.api_key))


def reply(content: object = GOOD, status: int = 200, **headers: object) -> Reply:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    names = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return Reply(status, names, body, 0.01)


def error(code: int, status: int | None = None, **headers: object) -> Reply:
    return reply(
        {"status": "error", "error": "no", "code": code},
        code if status is None else status,
        **headers,
    )


def drive(
    core: Core, time: FlowTime, *outcomes: Outcome, query: Any = None
) -> tuple[Any, list[float]]:
    """Play the outcomes; return the answer or the error, and the waits in between."""
    flow = core.run(queries.tickers() if query is None else query)
    waits: list[float] = []
    left = list(outcomes)
    answer: Outcome | None = None
    result: Any = None
    try:
        while True:
            effect: Effect = flow.send(answer)
            if isinstance(effect, Wait):
                waits.append(effect.seconds)
                time.sleep(effect.seconds)
                answer = None
            else:
                assert left, "one request more than expected"
                answer = left.pop(0)
    except StopIteration as end:
        result = end.value
    except ApiError as raised:
        result = raised
    assert left == [], "fewer requests than expected"
    return result, waits


def test_an_answer(time: FlowTime) -> None:
    answer, waits = drive(make(time), time, reply())
    assert answer.tickers == ("SLV",)
    assert waits == []


def test_what_is_sent(time: FlowTime) -> None:
    core = make(time, timeouts={"trades": Timeouts(total=3)}, max_body=1000)
    flow = core.run(queries.trades("SLV", limit=5, recent=True))
    assert flow.send(None) == Send(
        "/trades",
        (("ticker", "SLV"), ("limit", "5"), ("recent", "true")),
        Timeouts(total=3),
        1000,
    )
    flow.close()
    assert core.run(queries.tickers()).send(None) == Send(
        "/tickers", (), queries.ENDPOINTS["tickers"].timeouts, 1000
    )


@pytest.mark.parametrize(
    ("outcome", "kind", "status", "code"),
    [
        (error(400), BadRequestError, 400, 400),
        (error(401), AuthenticationError, 401, 401),
        (error(403), AuthenticationError, 403, 403),
        (error(404), NotFoundError, 404, 404),
        (error(418), ApiServiceError, 418, 418),
        (error(501), UnsupportedError, 501, 501),
        (error(400, 200), BadRequestError, 200, 400),
        (error(401, 200), AuthenticationError, 200, 401),
        (error(404, 200), NotFoundError, 200, 404),
        (error(501, 200), UnsupportedError, 200, 501),
        (error(500, 404), NotFoundError, 404, 500),
        (reply({"status": "error"}), ApiServiceError, 200, None),
        (reply({"status": "error", "code": "400"}), ApiServiceError, 200, None),
        (reply({"status": "error", "code": True}), ApiServiceError, 200, None),
        (reply(b"<html>", 404), NotFoundError, 404, None),
        (reply([], 400), BadRequestError, 400, None),
        (reply(b"<html>"), ApiJsonError, 200, None),
        (reply(b""), ApiJsonError, 200, None),
        (reply(b"\xff\xfe\x00"), ApiJsonError, 200, None),
        (reply(b"[" * 100_000), ApiJsonError, 200, None),
        (reply(b'{"status": "success", "data": '), ApiJsonError, 200, None),
        (reply([]), ApiShapeError, 200, None),
        (reply({}), ApiShapeError, 200, None),
        (reply({"status": "ok", "data": {}}), ApiShapeError, 200, None),
        (reply({"status": "success"}), ApiShapeError, 200, None),
        (reply({"status": "success", "data": []}), ApiShapeError, 200, None),
        (reply({"status": "success", "data": {"tickers": [1]}}), ApiShapeError, 200, None),
        (reply(b"", 301, location="https://other.test/"), ApiRedirectError, 301, None),
        (reply(b"", 304), ApiRedirectError, 304, None),
    ],
)
def test_errors_that_are_not_retried(
    outcome: Reply, kind: type[ApiError], status: int, code: int | None, time: FlowTime
) -> None:
    raised, waits = drive(make(time), time, outcome)
    assert type(raised) is kind
    assert (raised.status, raised.code, raised.attempts) == (status, code, 1)
    assert raised.message
    assert raised.response is not None
    assert raised.response.status == status
    assert "GET /tickers" in str(raised)
    assert waits == []


@pytest.mark.parametrize(
    "outcome",
    [
        error(500),
        error(503),
        error(500, 200),
        reply(b"<html>", 502),
        error(429),
        error(429, 200),
        Fault(FaultKind.CONNECT, "refused", 0.0),
        Fault(FaultKind.DROPPED, "reset", 0.0),
        Fault(FaultKind.CONNECT_TIMEOUT, "", 5.0),
    ],
)
def test_what_may_pass_is_retried(outcome: Outcome, time: FlowTime) -> None:
    answer, waits = drive(make(time), time, outcome, outcome, reply())
    assert answer.count == 1
    assert waits == [0.375, 0.75]  # half of 0.5 and 1, and by chance half of the other half


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (error(500), ServerError),
        (error(429), RateLimitError),
        (Fault(FaultKind.CONNECT, "refused", 0.0), ApiConnectionError),
        (Fault(FaultKind.CONNECT_TIMEOUT, "", 0.0), ApiTimeoutError),
    ],
)
def test_retries_end(outcome: Outcome, kind: type[ApiError], time: FlowTime) -> None:
    raised, waits = drive(make(time), time, *[outcome] * 4)
    assert type(raised) is kind
    assert raised.attempts == 4
    assert len(waits) == 3
    raised, waits = drive(make(time, retries=RetryPolicy(attempts=1)), time, outcome)
    assert (type(raised), waits) == (kind, [])


@pytest.mark.parametrize(
    ("kind", "raises"),
    [
        (FaultKind.TIMEOUT, ApiTimeoutError),
        (FaultKind.TOO_LARGE, ApiAnswerTooLargeError),
        (FaultKind.ENCODING, ApiAnswerError),
        (FaultKind.CERTIFICATE, ApiConnectionError),
        (FaultKind.REQUEST, ApiConnectionError),
    ],
)
def test_faults_that_another_attempt_cannot_mend(
    kind: FaultKind, raises: type[ApiError], time: FlowTime
) -> None:
    raised, waits = drive(make(time), time, Fault(kind, f"detail with {KEY}", 1.0))
    assert type(raised) is raises
    assert kind.value in str(raised)
    assert "detail with ***" in str(raised)
    assert (raised.status, raised.response, waits) == (None, None, [])


def test_timeouts_are_retried_when_told(time: FlowTime) -> None:
    core = make(time, retries=RetryPolicy(timeouts=True))
    answer, waits = drive(core, time, Fault(FaultKind.TIMEOUT, "", 9.0), reply())
    assert answer.count == 1
    assert len(waits) == 1


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x_ratelimit_reset": 7}, 7.0),
        ({"x_ratelimit_reset": "7.5", "retry_after": 100}, 7.5),
        ({"retry_after": 9}, 9.0),
        ({"x_ratelimit_reset": "soon", "retry_after": 9}, 9.0),
        ({"x_ratelimit_reset": -3}, None),
        ({"x_ratelimit_reset": 0}, None),
        ({"x_ratelimit_reset": int(NOW.timestamp()) - 5}, None),
        ({"x_ratelimit_reset": int(NOW.timestamp() * 1000) + 12_000}, 12.0),
        ({"x_ratelimit_reset": "1e400"}, None),
        ({"x_ratelimit_reset": ""}, None),
        ({"x_ratelimit_reset": int(NOW.timestamp()) + 12}, 12.0),
        ({"x_ratelimit_reset": "inf"}, None),
        ({"x_ratelimit_reset": "nan"}, None),
        ({"retry_after": "Wed, 21 Oct 2026 07:28:00 GMT"}, None),
        ({"retry_after": "Wed, 18 Nov 2026 20:00:09 GMT"}, 9.0),
        ({"retry_after": "Wed, 18 Nov 99999999999999999999 20:00:09 GMT"}, None),
        ({"retry_after": "Wednesday"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 200])
def test_the_reset_is_obeyed(
    headers: dict[str, Any], expected: float | None, status: int, time: FlowTime
) -> None:
    time.chance = 0.0
    answer, waits = drive(make(time), time, error(429, status, **headers), reply())
    assert answer.count == 1
    assert sum(waits) == (0.25 if expected is None else expected)


def test_the_reset_is_never_undercut_and_jitter_comes_on_top(time: FlowTime) -> None:
    time.chance = 1.0
    _, waits = drive(make(time), time, error(429, x_ratelimit_reset=7), reply())
    assert waits == [7.5]


def test_a_reset_too_far_away_is_told_at_once(time: FlowTime) -> None:
    raised, waits = drive(
        make(time),
        time,
        error(429, x_ratelimit_reset=121, x_ratelimit_limit=15, x_ratelimit_remaining=0),
    )
    assert isinstance(raised, RateLimitError)
    assert (raised.limit, raised.remaining, raised.reset) == (15, 0, 121.0)
    assert waits == []


def test_a_429_pauses_the_whole_class(time: FlowTime) -> None:
    core = make(time, retries=RetryPolicy(attempts=1))
    drive(core, time, error(429, x_ratelimit_reset=30))
    _, waits = drive(core, time, reply())
    assert waits == [30.0]
    _, waits = drive(core, time, reply({"status": "success", "data": {}}), query=queries.raw("/x"))
    assert waits == []  # another class


def test_nothing_remaining_is_believed(time: FlowTime) -> None:
    core = make(time)
    drive(core, time, reply(x_ratelimit_remaining=0, x_ratelimit_reset=8))
    _, waits = drive(core, time, reply(x_ratelimit_remaining=3, x_ratelimit_reset=50))
    assert waits == [8.0]
    _, waits = drive(core, time, reply(x_ratelimit_remaining=0, x_ratelimit_reset=5000))
    assert waits == []
    _, waits = drive(core, time, reply())  # no reason to sleep for an hour unasked
    assert waits == []


def test_every_attempt_takes_a_place(time: FlowTime) -> None:
    core = make(time, limits=RateLimits(standard=2, margin=0.0))
    answer, waits = drive(core, time, error(500), error(500), reply())
    assert answer.count == 1
    assert sum(waits) >= 60.0
    assert core.counters.requests == 3
    assert core.counters.retries == 2
    assert core.counters.waited == sum(waits)


def test_a_limited_patience_for_a_place(time: FlowTime) -> None:
    core = make(time, limits=RateLimits(standard=1, max_wait=10.0))
    drive(core, time, reply())
    raised, waits = drive(core, time)
    assert isinstance(raised, ApiRateWaitError)
    assert raised.wait == pytest.approx(60.25)
    assert waits == []


def test_closing_early_gives_the_place_back(time: FlowTime) -> None:
    core = make(time, limits=RateLimits(standard=1, margin=0.0))
    flow = core.run(queries.tickers())
    assert isinstance(flow.send(None), Send)
    waiting = core.run(queries.tickers())
    assert waiting.send(None) == Wait(60.0)
    waiting.close()  # it leaves the queue
    flow.close()  # its request may have arrived: the place is held for one more period
    _, waits = drive(core, time, reply())
    assert waits == [60.0]


def test_nan_becomes_none(time: FlowTime) -> None:
    body = b'{"status": "success", "data": {"tickers": [], "count": NaN, "more": -Infinity}}'
    answer, _ = drive(make(time), time, reply(body))
    assert (answer.count, answer.extra) == (None, {"more": None})


def test_the_key_is_blanked_out_of_what_the_service_says(time: FlowTime) -> None:
    body = {"status": "error", "code": 401, "error": f"bad key {KEY}", "message": KEY}
    raised, _ = drive(make(time), time, reply(body, 401, x_echo=KEY))
    shape, _ = drive(make(time), time, reply({"status": KEY}))
    for one in (raised, shape):
        assert KEY not in f"{one} {one!r} {one.response!r} {one.response.headers}"
        assert KEY.encode() not in one.response.body
    assert "bad key ***" in str(raised)


def test_a_long_body_is_kept_in_part(time: FlowTime) -> None:
    raised, _ = drive(make(time), time, reply(b"x" * 65530 + KEY.encode() + b"y" * 100_000))
    assert len(raised.response.body) == 65536
    assert raised.response.body.endswith(b"x***yyy")
