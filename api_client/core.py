"""The one core of both clients: what to send, when, how often, and what an answer means.

It does no I/O. `Core.run` is a generator that yields what it wants done, and is sent what came of
it::

    effect           the driver does                                    and sends back
    Wait(seconds)    sleeps                                             None
    Send(query,...)  one HTTP GET, with the key                         Reply or Fault

It returns the answer or raises an `ApiError`. The sync and the async client differ only in the few
lines that carry out these effects, so they cannot disagree about retries, limits, errors or
answers. A driver must close the generator when it stops early (`finally: flow.close()`): that gives
the rate limiter its place back.

Time and chance come in through `Timing`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import enum
import http
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable, Generator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import attrs

from .errors import (
    ApiAnswerError,
    ApiAnswerTooLargeError,
    ApiConnectionError,
    ApiError,
    ApiJsonError,
    ApiRateWaitError,
    ApiRedirectError,
    ApiResponse,
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
from .fields import WrongShape, load
from .limiter import RateLimiter, Ticket
from .queries import Query
from .redaction import Redactor
from .settings import Settings, Timeouts

__all__ = [
    "Core",
    "Counters",
    "Effect",
    "Fault",
    "FaultKind",
    "Flow",
    "Outcome",
    "Reply",
    "Send",
    "Timing",
    "Wait",
]

A = TypeVar("A")
log = logging.getLogger("api_client")

_EPOCH_FROM = 1e9  # a reset of more than 30 years is a moment, not a duration
_EPOCH_MS_FROM = 1e11  # and one of 3000 years is a moment in milliseconds
_BODY_KEPT = 65536
_SERVICE_ERRORS: Mapping[int, type[ApiServiceError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: AuthenticationError,
    404: NotFoundError,
    429: RateLimitError,
    501: UnsupportedError,
}


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@attrs.frozen(kw_only=True)
class Timing:
    """Time and chance, so that a test can move both.

    Attributes:
        monotonic: Seconds on a clock that never goes back.
        sleep: For the sync client.
        sleep_async: For the async client.
        chance: A number from 0 up to 1, for the jitter.
        now: The wall clock; used only for a service that gives its reset as a moment.
    """

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    sleep_async: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    now: Callable[[], dt.datetime] = _utc_now


@attrs.frozen
class Wait:
    """Effect: let these seconds pass."""

    seconds: float


@attrs.frozen
class Send:
    """Effect: one GET, and the whole body of its answer."""

    path: str
    params: tuple[tuple[str, str], ...]
    timeouts: Timeouts
    max_body: int


@attrs.frozen
class Reply:
    """Outcome: a whole answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)  # they may echo the key
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    elapsed: float


class FaultKind(enum.Enum):
    """Why no whole answer came."""

    CONNECT = "cannot connect"
    CERTIFICATE = "the server's certificate is not accepted"
    CONNECT_TIMEOUT = "no connection in time"
    TIMEOUT = "no whole answer in time"
    DROPPED = "the connection was dropped"
    TOO_LARGE = "the answer is too large"
    ENCODING = "the answer's content encoding is broken"
    REQUEST = "the request cannot be sent"


@attrs.frozen
class Fault:
    """Outcome: no whole answer. ``detail`` holds no key."""

    kind: FaultKind
    detail: str
    elapsed: float


Effect = Wait | Send
Outcome = Reply | Fault
Flow = Generator[Effect, Outcome | None, A]

_TRANSIENT = {FaultKind.CONNECT, FaultKind.CONNECT_TIMEOUT, FaultKind.DROPPED}


@attrs.define
class Counters:
    """What a client has done so far."""

    requests: int = 0
    retries: int = 0
    rate_limited: int = 0
    waited: float = 0.0


class Core:
    """Limits, retries and the meaning of answers.

    Args:
        settings: What the client was told.
        limiter: Shared by the clients of one key, or this client's own.
        timing: Time and chance.
        redactor: Blanks the key out of any text.
    """

    def __init__(
        self, settings: Settings, limiter: RateLimiter, timing: Timing, redactor: Redactor
    ) -> None:
        self.settings = settings
        self.limiter = limiter
        self.timing = timing
        self.redactor = redactor
        self.counters = Counters()

    def run(self, query: Query[A]) -> Flow[A]:
        """Carry one query through: wait for a place, send, judge, and again if that may help.

        Raises:
            ApiError: See the tree in `api_client.errors`.
        """
        policy = self.settings.retries
        attempt = 0
        while True:
            attempt += 1
            reply = yield from self._attempt(query)
            result = self._judge(query, reply)
            if not isinstance(result, ApiError):
                return result
            result.attempts = attempt
            delay = self._delay(query, result, reply, attempt)
            if delay is None or attempt >= policy.attempts:
                raise result
            self.counters.retries += 1
            log.warning(
                "%s; trying again in %.1f s (%d of %d)", result, delay, attempt, policy.attempts
            )
            yield from self._wait(delay)

    def _wait(self, seconds: float) -> Flow[None]:
        if seconds > 0:
            self.counters.waited += seconds
            yield Wait(seconds)

    def _attempt(self, query: Query[Any]) -> Flow[Outcome]:
        ticket = self.limiter.enter(query.spec.rate)
        try:
            yield from self._take_place(query, ticket)
            self.counters.requests += 1
            timeouts = self.settings.timeouts.get(query.spec.name, query.spec.timeouts)
            outcome = yield Send(query.spec.path, query.params, timeouts, self.settings.max_body)
            assert outcome is not None
            self._obey_headers(query, outcome)
        finally:
            self.limiter.leave(ticket, self.timing.monotonic())
        log.debug("GET %s %s", query.spec.path, _described(outcome))
        return outcome

    def _take_place(self, query: Query[Any], ticket: Ticket) -> Flow[None]:
        since = self.timing.monotonic()
        most = self.limiter.limits.max_wait
        while True:
            now = self.timing.monotonic()
            wait = self.limiter.claim(ticket, now)
            if wait == 0.0:
                return
            if most is not None and now - since + wait > most:
                raise ApiRateWaitError(
                    f"GET {query.spec.path}: the rate limiter has no place within {most:g} s "
                    f"(next in {wait:.1f} s)",
                    wait=wait,
                )
            yield from self._wait(wait)

    def _obey_headers(self, query: Query[Any], outcome: Outcome) -> None:
        """The service counts too, and other programs may use the same key: believe its headers."""
        if not isinstance(outcome, Reply):
            return
        reset = self._reset(outcome.headers)
        spent = outcome.status == 429 or _count(outcome.headers, "x-ratelimit-remaining") == 0
        if reset is not None and spent and reset <= self.settings.retries.max_reset:
            self.limiter.pause(query.spec.rate, self.timing.monotonic() + reset)

    def _reset(self, headers: Mapping[str, str]) -> float | None:
        for name in ("x-ratelimit-reset", "retry-after"):
            text = headers.get(name, "")
            try:
                seconds = float(text)
            except ValueError:
                seconds = _http_date(text)
            if seconds >= _EPOCH_MS_FROM:
                seconds /= 1000
            if seconds >= _EPOCH_FROM:
                seconds -= self.timing.now().timestamp()
            if math.isfinite(seconds):
                return max(0.0, seconds)
        return None

    # ---------------------------------------------------------------------------- judgement

    def _judge(self, query: Query[A], outcome: Outcome) -> A | ApiError:
        if isinstance(outcome, Fault):
            return self._fault(query.spec.path, outcome)
        if 300 <= outcome.status < 400:
            return self._redirect(query, outcome)
        try:
            envelope = load(outcome.body)
        except ValueError as error:
            if outcome.status >= 400:
                return self._service_error(query, outcome, {})
            what = f"not JSON: {self.redactor.text(str(error))}" if outcome.body else "empty"
            response = self._response(query, outcome)
            return ApiJsonError(f"the body is {what}", status=outcome.status, response=response)
        if outcome.status >= 400:
            known = envelope if isinstance(envelope, dict) else {}
            return self._service_error(query, outcome, known)
        return self._open_envelope(query, outcome, envelope)

    def _response(self, query: Query[Any], reply: Reply) -> ApiResponse:
        # A little more than is kept is cleaned, so that no key is cut in two at the end.
        body = self.redactor.bytes(reply.body[: 2 * _BODY_KEPT])[:_BODY_KEPT]
        headers = {name: self.redactor.text(value) for name, value in reply.headers.items()}
        return ApiResponse(
            path=query.spec.path,
            status=reply.status,
            headers=headers,
            body=body,
            elapsed=reply.elapsed,
        )

    def _redirect(self, query: Query[Any], reply: Reply) -> ApiRedirectError:
        response = self._response(query, reply)
        location = response.headers.get("location")
        return ApiRedirectError(
            f"the service redirects to {location or 'nowhere'}; redirects are not followed "
            "(the key would go along): correct the base URL",
            location=location,
            status=reply.status,
            response=response,
        )

    def _open_envelope(self, query: Query[A], reply: Reply, envelope: object) -> A | ApiError:
        try:
            if not isinstance(envelope, dict):
                raise WrongShape("envelope", "an object", envelope)
            verdict = envelope.get("status")
            if verdict == "error":
                return self._service_error(query, reply, envelope)
            if verdict != "success":
                raise WrongShape("status", "'success' or 'error'", verdict)
            return query.read(envelope.get("data"), "data")
        except WrongShape as wrong:
            return ApiShapeError(
                self.redactor.text(wrong.path),
                wrong.expected,
                self.redactor.text(wrong.got),
                status=reply.status,
                response=self._response(query, reply),
            )

    def _service_error(
        self, query: Query[Any], reply: Reply, envelope: Mapping[str, Any]
    ) -> ApiServiceError:
        code = envelope.get("code")
        if isinstance(code, bool) or not isinstance(code, int):
            code = None
        # An envelope under HTTP 200 speaks by its code; otherwise the status decides.
        kind = reply.status if reply.status >= 400 else (code or 0)
        default = ServerError if 500 <= kind < 600 else ApiServiceError
        texts = [envelope.get("error"), envelope.get("message")]
        said = ": ".join(text for text in texts if isinstance(text, str) and text)
        error = _SERVICE_ERRORS.get(kind, default)(
            self.redactor.text(said) or _phrase(kind),
            status=reply.status,
            code=code,
            response=self._response(query, reply),
        )
        if isinstance(error, RateLimitError):
            error.limit = _count(reply.headers, "x-ratelimit-limit")
            error.remaining = _count(reply.headers, "x-ratelimit-remaining")
            error.reset = self._reset(reply.headers)
        return error

    def _fault(self, path: str, fault: Fault) -> ApiError:
        kinds: Mapping[FaultKind, type[ApiError]] = {
            FaultKind.CONNECT_TIMEOUT: ApiTimeoutError,
            FaultKind.TIMEOUT: ApiTimeoutError,
            FaultKind.TOO_LARGE: ApiAnswerTooLargeError,
            FaultKind.ENCODING: ApiAnswerError,
        }
        detail = f": {self.redactor.text(fault.detail)}" if fault.detail else ""
        return kinds.get(fault.kind, ApiConnectionError)(f"GET {path}: {fault.kind.value}{detail}")

    # ------------------------------------------------------------------------------ retries

    def _delay(
        self, query: Query[Any], error: ApiError, outcome: Outcome, failures: int
    ) -> float | None:
        """Seconds until another attempt, or None if another cannot help."""
        policy = self.settings.retries
        backoff = policy.delay(failures, self.timing.chance())
        if isinstance(outcome, Fault):
            again = outcome.kind in _TRANSIENT or (
                outcome.kind is FaultKind.TIMEOUT and policy.timeouts
            )
            return backoff if again else None
        if isinstance(error, RateLimitError):
            self.counters.rate_limited += 1
            if error.reset is None:
                return backoff
            if error.reset > policy.max_reset:
                return None
            # Never before the reset; the jitter comes on top, so that not all come back at once.
            until = self.timing.monotonic() + error.reset
            self.limiter.pause(query.spec.rate, until)
            # A reset that has passed tells nothing, and asking at once would not help.
            return max(error.reset + self.timing.chance() * policy.base, backoff)
        if isinstance(error, ServerError) and not isinstance(error, UnsupportedError):
            return backoff
        return None


def _described(outcome: Outcome) -> str:
    if isinstance(outcome, Reply):
        return f"{outcome.status}, {len(outcome.body)} bytes in {outcome.elapsed:.3f} s"
    return f"{outcome.kind.value} after {outcome.elapsed:.3f} s"


def _count(headers: Mapping[str, str], name: str) -> int | None:
    value = headers.get(name, "").strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None


def _http_date(text: str) -> float:
    """A date as HTTP writes it, in epoch seconds; NaN if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return "the service gave no reason"
