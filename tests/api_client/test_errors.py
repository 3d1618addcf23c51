"""Errors keep what they know, also on their way to another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from api_client.errors import (
    ApiConfigError,
    ApiError,
    ApiRateWaitError,
    ApiRedirectError,
    ApiResponse,
    ApiShapeError,
    ApiTimeoutError,
    RateLimitError,
)

RESPONSE = ApiResponse(path="/trades", status=429, headers={"a": "b"}, body=b"{}", elapsed=0.5)


def limited() -> RateLimitError:
    error = RateLimitError("slow down", status=429, code=429, response=RESPONSE)
    error.limit, error.remaining, error.reset, error.attempts = 15, 0, 7.5, 4
    return error


ERRORS = [
    limited(),
    ApiShapeError("data.trades[3].price", "an amount", "'x'", status=200, response=RESPONSE),
    ApiRedirectError("elsewhere", location="https://x/", status=302, response=RESPONSE),
    ApiRateWaitError("too long", wait=12.5),
    ApiConfigError("no api_key", setting="api_key"),
    ApiTimeoutError("too slow"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_copied_and_sent_whole(error: ApiError) -> None:
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert vars(other) == vars(error)
        assert (str(other), other.args) == (str(error), error.args)


def test_a_sentence_with_what_is_known() -> None:
    assert str(limited()) == "GET /trades: slow down (HTTP 429, 4 attempts)"
    assert str(ApiError("no", status=200, code=429)) == "no (HTTP 200, code 429)"
