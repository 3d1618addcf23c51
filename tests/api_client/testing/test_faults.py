"""The queues of faults, and their names on a command line. What faults do is in test_wire."""

from __future__ import annotations

import pytest

from api_client import ApiClient, ApiConnectionError, ApiError, RateLimitError, RetryPolicy
from api_client.testing import ReferenceServer
from api_client.testing.faults import Faults, drop, named
from tests.support.flow import KEY, FlowTime


def test_first_come_first_served_and_any_path_last() -> None:
    faults = Faults()
    one, two, other = drop(), drop(), drop()
    faults.add("/trades", one)
    faults.add("/trades", two, 2)
    faults.add("*", other)
    assert [faults.next("/trades") for _ in range(5)] == [one, two, two, other, None]
    faults.add("*", other, 3)
    faults.clear()
    assert faults.next("/status") is None


@pytest.mark.parametrize(
    ("text", "path", "times", "code", "kind"),
    [
        ("/tickers=500*2", "/tickers", 2, 500, ApiError),
        ("tickers=404", "/tickers", 1, 404, ApiError),
        ("*=429:7", "*", 1, 429, RateLimitError),
        ("*=drop", "*", 1, None, ApiConnectionError),
        ("*=cut", "*", 1, None, ApiConnectionError),
        ("*=garbage", "*", 1, None, ApiError),
        ("*=redirect", "*", 1, None, ApiError),
        ("*=huge:2000000", "*", 1, None, ApiError),
    ],
)
def test_names(
    text: str,
    path: str,
    times: int,
    code: int | None,
    kind: type[ApiError],
    server: ReferenceServer,
    time: FlowTime,
) -> None:
    where, fault, count = named(text)
    assert (where, count) == (path, times)
    server.faults.add(where, fault)
    once = RetryPolicy(attempts=1)
    with (
        ApiClient(server.base_url, KEY, timing=time.timing, retries=once, max_body=1000) as client,
        pytest.raises(kind) as raised,
    ):
        client.tickers.get()
    assert raised.value.code == code
    if isinstance(raised.value, RateLimitError):
        assert raised.value.reset == 7.0


@pytest.mark.parametrize("text", ["", "drop", "/trades=", "/trades=melt", "/trades=429:x", "a=b*c"])
def test_names_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        named(text)


def test_slow_faults_have_names() -> None:
    assert named("*=drip:0.5")[2] == 1
    assert named("*=silent:1*3")[2] == 3
