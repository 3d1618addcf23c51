"""Every exception of this package, under one root.

Each carries ``status`` (the HTTP status), ``code`` (the envelope's own), ``message`` and
``response``; what is not known is None. No text here ever holds the API key, and none is chained to
an exception of httpx, whose request object would hold it::

    ApiError
    ├── ApiConfigError              no base URL, no key, or one that cannot be used; nothing sent
    ├── ApiParameterError           an argument the contract does not allow; nothing sent
    ├── ApiClosedError              the client is closed; nothing sent
    ├── ApiRateWaitError            the client's own rate limiter would wait longer than allowed
    ├── ApiTransportError           no whole answer came
    │   ├── ApiConnectionError      refused, unreachable, unknown host, or dropped
    │   └── ApiTimeoutError         not connected or not answered within its deadline
    ├── ApiAnswerError              an answer came that is not of the contract
    │   ├── ApiRedirectError        3xx: never followed, since the key would go along
    │   ├── ApiAnswerTooLargeError  longer than ``max_body``
    │   ├── ApiJsonError            not JSON
    │   ├── ApiShapeError           JSON of another shape (``path``, ``expected``, ``got``)
    │   └── ApiRangeError           a range that cannot be read whole
    └── ApiServiceError             the service said no
        ├── BadRequestError         400
        ├── AuthenticationError     401, 403
        ├── NotFoundError           404
        ├── RateLimitError          429 (``limit``, ``remaining``, ``reset``)
        └── ServerError             5xx
            └── UnsupportedError    501
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = [
    "ApiAnswerError",
    "ApiAnswerTooLargeError",
    "ApiClosedError",
    "ApiConfigError",
    "ApiConnectionError",
    "ApiError",
    "ApiJsonError",
    "ApiParameterError",
    "ApiRangeError",
    "ApiRateWaitError",
    "ApiRedirectError",
    "ApiResponse",
    "ApiServiceError",
    "ApiShapeError",
    "ApiTimeoutError",
    "ApiTransportError",
    "AuthenticationError",
    "BadRequestError",
    "NotFoundError",
    "RateLimitError",
    "ServerError",
    "UnsupportedError",
]


@attrs.frozen
class ApiResponse:
    """The answer an error speaks of, with the API key blanked out.

    Attributes:
        path: The path that was asked, without the base URL.
        status: The HTTP status.
        headers: The answer's headers, names in lower case.
        body: The first 65,536 bytes of the body.
        elapsed: Seconds from sending to the last byte.
    """

    path: str
    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=lambda body: f"<{len(body)} bytes>")
    elapsed: float = attrs.field(repr=lambda seconds: f"{seconds:.3f}")


class ApiError(Exception):
    """The root: anything that keeps a call from giving its answer."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: int | None = None,
        response: ApiResponse | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.response = response
        self.attempts = 0
        """How many requests were sent before this was raised."""

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the class with the message alone; another process gets it whole.
        return _remade, (type(self), self.args, self.__dict__)

    def __str__(self) -> str:
        where = f"GET {self.response.path}: " if self.response is not None else ""
        facts = []
        if self.status is not None:
            facts.append(f"HTTP {self.status}")
        if self.code is not None and self.code != self.status:
            facts.append(f"code {self.code}")
        if self.attempts > 1:
            facts.append(f"{self.attempts} attempts")
        return f"{where}{self.message}" + (f" ({', '.join(facts)})" if facts else "")


def _remade(kind: type[ApiError], args: tuple[Any, ...], state: dict[str, Any]) -> ApiError:
    """Undo `ApiError.__reduce__`."""
    error = kind.__new__(kind, *args)
    error.args = args  # an OSError, which a timeout is, leaves that to __init__
    error.__dict__.update(state)
    return error


class ApiConfigError(ApiError):
    """No base URL or key, or one that cannot be used.

    Attributes:
        setting: ``base_url`` or ``api_key`` where one of the two is missing; else None.
    """

    def __init__(self, message: str, *, setting: str | None = None) -> None:
        super().__init__(message)
        self.setting = setting


class ApiParameterError(ApiError, ValueError):
    """An argument that the contract does not allow."""


class ApiClosedError(ApiError):
    """The client is closed."""


class ApiRateWaitError(ApiError):
    """The client's own limiter would have to wait longer than ``RateLimits.max_wait``.

    Attributes:
        wait: Seconds until the request could have been sent.
    """

    def __init__(self, message: str, *, wait: float) -> None:
        super().__init__(message)
        self.wait = wait


class ApiTransportError(ApiError):
    """No whole answer came."""


class ApiConnectionError(ApiTransportError):
    """Refused, unreachable, unknown host, a bad certificate, or dropped before the last byte."""


class ApiTimeoutError(ApiTransportError, TimeoutError):
    """Not connected, or not answered whole, within its deadline."""


class ApiAnswerError(ApiError):
    """An answer came that is not of the contract."""


class ApiRedirectError(ApiAnswerError):
    """The service answered with a redirect, which is never followed.

    Attributes:
        location: Where it pointed (key blanked out), or None.
    """

    def __init__(
        self, message: str, *, location: str | None, status: int, response: ApiResponse
    ) -> None:
        super().__init__(message, status=status, response=response)
        self.location = location


class ApiAnswerTooLargeError(ApiAnswerError):
    """The body is longer than the client's ``max_body``."""


class ApiJsonError(ApiAnswerError):
    """The body is not JSON."""


class ApiShapeError(ApiAnswerError):
    """The body is JSON of another shape than the contract's.

    Attributes:
        path: Where, as in ``data.trades[3].price``.
        expected: What the contract has there.
        got: What stands there, shortened.
    """

    def __init__(
        self,
        path: str,
        expected: str,
        got: str,
        *,
        status: int | None = None,
        response: ApiResponse | None = None,
    ) -> None:
        super().__init__(
            f"{path}: expected {expected}, got {got}", status=status, response=response
        )
        self.path = path
        self.expected = expected
        self.got = got


class ApiRangeError(ApiAnswerError):
    """A range iterator cannot get a stretch whole: even one minute of it fills the limit."""


class ApiServiceError(ApiError):
    """The service answered with an error envelope, or with a status of 400 or above."""


class BadRequestError(ApiServiceError):
    """400: the service does not accept the parameters."""


class AuthenticationError(ApiServiceError):
    """401 or 403: the service does not accept the key."""


class NotFoundError(ApiServiceError):
    """404: no such ticker, data or path."""


class RateLimitError(ApiServiceError):
    """429: too many requests, also after the retries.

    Attributes:
        limit: Requests a minute, as ``X-RateLimit-Limit`` told.
        remaining: ``X-RateLimit-Remaining``.
        reset: Seconds until requests are taken again, from ``X-RateLimit-Reset`` or
            ``Retry-After``.
    """

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None


class ServerError(ApiServiceError):
    """5xx: the service failed, also after the retries."""


class UnsupportedError(ServerError):
    """501: the service does not have this. Never retried: asking again cannot change it."""
