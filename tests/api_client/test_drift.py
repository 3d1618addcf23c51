"""A service that drifts from its contract: each field of each endpoint missing, wrong, and new.

The true answer of the reference server is changed at one place, sent over real HTTP, and read by
both clients.
"""

from __future__ import annotations

import copy
import datetime as dt
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Self

import attrs
import pytest

from api_client import (
    ApiClient,
    ApiError,
    ApiShapeError,
    AsyncApiClient,
    OptionSymbol,
    RateLimits,
    RetryPolicy,
)
from api_client.fields import Record, plan
from api_client.testing import ReferenceServer, faults
from tests.support.flow import FlowTime

LOOSE = RateLimits(standard=100_000, heavy=100_000)
DAY = "2026-11-17"
Path = tuple[str | int, ...]

#: Path of the endpoint -> a call that brings at least one of each row.
CALLS: dict[str, Callable[[Any], Any]] = {
    "/status": lambda client: client.status.get(),
    "/tickers": lambda client: client.tickers.get(),
    "/trades": lambda client: client.trades.get("SLV", limit=1),
    "/minute-data": lambda client: client.minute_data.get("SLV", limit=1),
    "/divergence": lambda client: client.divergence.get("SLV", limit=1),
    "/prediction/latest": lambda client: client.prediction.latest("SLV"),
    "/predictions": lambda client: client.prediction.history("SLV", limit=1),
    "/data-range": lambda client: client.data_range.get(
        "SLV", DAY, DAY, start_time="10:00", end_time="10:00"
    ),
}
#: A value of each JSON type; which of them are wrong, the field's kind says.
VALUES: dict[str, Any] = {
    "string": "nonsense",
    "boolean": True,
    "integer": 7,
    "number": 7.5,
    "array": [[]],
    "object": {"a": []},
}
#: What looks right to JSON and is not: kind -> the JSON type that it shares.
STRICT = {"iso": "string", "eastern": "string", "clock_time": "string", "option": "string"}


def objects(record: Record, path: Path = ()) -> Iterator[tuple[Path, type[Record]]]:
    """Every object of an answer that has a class, and where it stands."""
    yield path, type(record)
    for name in plan(type(record)):
        value = getattr(record, name)
        if isinstance(value, Record):
            yield from objects(value, (*path, name))
        elif isinstance(value, tuple) and value and isinstance(value[0], Record):
            yield from objects(value[0], (*path, name, 0))
        elif isinstance(value, dict):
            for inner, item in value.items():
                if isinstance(item, Record):
                    yield from objects(item, (*path, name, inner))


def at(value: Any, path: Path) -> Any:
    """What stands at a place of an answer, or of its JSON."""
    for step in path:
        found = isinstance(value, Record)
        value = getattr(value, str(step)) if found else value[step]
    return value


def shown(path: Path) -> str:
    """A place as errors name it."""
    return "data" + "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in path)


class Both:
    """Both clients, open for all of a test's questions."""

    def __init__(self, server: ReferenceServer, time: FlowTime, endpoint: str) -> None:
        options: dict[str, Any] = {"timing": time.timing, "retries": RetryPolicy(attempts=1)}
        self._server = server
        self._endpoint = endpoint
        self._data: dict[str, Any] = {}
        self._sync = ApiClient(server.base_url, server.key, limits=LOOSE, **options)
        self._async = AsyncApiClient(server.base_url, server.key, limits=LOOSE, **options)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sync.close()
        await self._async.close()

    async def ask(self) -> tuple[Any, Any]:
        """The outcome of each: its answer, or the error."""
        call = CALLS[self._endpoint]
        outcomes: list[Any] = []
        try:
            outcomes.append(call(self._sync))
        except ApiError as error:
            outcomes.append(error)
        try:
            outcomes.append(await call(self._async))
        except ApiError as error:
            outcomes.append(error)
        return outcomes[0], outcomes[1]

    async def truth(self) -> Any:
        """The true answer, the same for both."""
        self._server.faults.add(self._endpoint, faults.altered(self._data.update), 2)
        mine, theirs = await self.ask()
        assert isinstance(mine, Record), mine
        assert mine == theirs
        return mine

    async def drifted(self, change: Callable[[dict[str, Any]], object]) -> tuple[Any, Any]:
        """What both make of a changed answer."""
        data = copy.deepcopy(self._data)
        change(data)
        body = json.dumps({"status": "success", "data": data}).encode()
        self._server.forget()  # the server's limits are not the subject here
        self._server.faults.add(self._endpoint, faults.body(body), 2)
        return await self.ask()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"  # nothing here depends on the loop, and there is much to ask


@pytest.fixture(params=CALLS)
async def both(
    request: pytest.FixtureRequest, server: ReferenceServer, time: FlowTime
) -> AsyncIterator[Both]:
    async with Both(server, time, request.param) as opened:
        yield opened


async def test_every_field_comes_and_is_read(both: Both) -> None:
    answer = await both.truth()
    for path, cls in objects(answer):
        for name in plan(cls):
            assert getattr(at(answer, path), name) is not None, shown((*path, name))
        for found in attrs.asdict(at(answer, path), recurse=False).values():
            if isinstance(found, dt.datetime):
                assert found.tzinfo is not None
            assert not (isinstance(found, str) and OptionSymbol.__name__ in found)


async def test_every_field_may_be_missing_or_null(both: Both) -> None:
    answer = await both.truth()
    for path, cls in objects(answer):
        for (name, kind), null in itertools.product(plan(cls).items(), (False, True)):

            def change(data: dict[str, Any]) -> None:
                holder = at(data, path)  # noqa: B023 - used up before the next round
                if null:  # noqa: B023
                    holder[name] = None  # noqa: B023
                else:
                    del holder[name]  # noqa: B023

            for outcome in await both.drifted(change):
                if kind.required:
                    assert isinstance(outcome, ApiShapeError)
                    assert outcome.path == shown((*path, name))
                else:
                    assert getattr(at(outcome, path), name) is None


async def test_every_field_may_be_of_a_wrong_type(both: Both) -> None:
    answer = await both.truth()
    for path, cls in objects(answer):
        for name, kind in plan(cls).items():
            if not kind.types:
                continue  # the contract leaves its form open
            allowed = set(kind.types) | ({"integer"} if "number" in kind.types else set())
            for wrong, value in VALUES.items():
                if wrong in allowed and STRICT.get(kind.name) != wrong and wrong != "array":
                    continue
                if wrong == "object" and "object" in kind.types:
                    continue

                def change(data: dict[str, Any]) -> None:
                    at(data, path)[name] = copy.deepcopy(value)  # noqa: B023 - as above

                for outcome in await both.drifted(change):
                    assert isinstance(outcome, ApiShapeError), (shown((*path, name)), wrong)
                    assert outcome.path.startswith(shown((*path, name)))
                    assert outcome.attempts == 1


async def test_every_object_may_have_new_fields(both: Both) -> None:
    answer = await both.truth()
    for path, _ in objects(answer):

        def change(data: dict[str, Any]) -> None:
            at(data, path)["brand_new"] = {"deep": [1, None]}  # noqa: B023 - as above

        for outcome in await both.drifted(change):
            assert at(outcome, path).extra["brand_new"] == {"deep": [1, None]}
