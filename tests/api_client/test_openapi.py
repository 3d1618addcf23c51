"""One OpenAPI file, and both sides held against it."""

from __future__ import annotations

import inspect
import json
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

import api_client
from api_client import ApiClient, answers, queries
from api_client.fields import Kind, Record, plan
from api_client.settings import Timeouts
from api_client.testing import ReferenceServer, faults
from api_client.testing.contract import document, operations
from tests.support.flow import KEY, FlowTime

jsonschema = pytest.importorskip("jsonschema")
DOCUMENT = document()
SCHEMAS: Mapping[str, Any] = DOCUMENT["components"]["schemas"]
RECORDS: dict[str, type[Record]] = {
    name: cls for name in answers.__all__ if issubclass(cls := getattr(answers, name), Record)
}
FORMATS = {
    "money": "decimal",
    "epoch_ms": "epoch-ms",
    "iso": "date-time",
    "eastern": "eastern-time",
    "clock_time": "clock",
    "option": "occ",
}
ITEMS = {"texts": {"type": "string"}, "numbers": {"type": "number"}}


def closed(schema: Any) -> Any:
    """The schema, with no room for fields it does not name."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(item) for name, item in schema.items()}
    if "properties" in inner and "required" in inner and "additionalProperties" not in inner:
        inner["additionalProperties"] = False
    return inner


def validator(name: str) -> Any:
    schemas = closed(SCHEMAS)
    # The contract leaves open what else a worker tells.
    schemas["ThreadStatus"]["additionalProperties"] = True
    return jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}
    )


def problems(name: str, value: object) -> list[str]:
    return [
        f"{error.json_path}: {error.message[:200]}" for error in validator(name).iter_errors(value)
    ]


# ------------------------------------------------------------------------------ the client


def test_each_object_of_the_contract_has_its_class() -> None:
    assert set(SCHEMAS) - {"ErrorEnvelope"} == set(RECORDS)


@pytest.mark.parametrize("name", sorted(RECORDS))
def test_fields_and_their_forms(name: str) -> None:
    properties = SCHEMAS[name]["properties"]
    kinds = plan(RECORDS[name])
    assert list(kinds) == list(properties)
    for field, kind in kinds.items():
        assert mismatch(kind, properties[field]) is None, field


def mismatch(kind: Kind, schema: Mapping[str, Any]) -> str | None:
    """What of a field's kind does not fit its schema."""
    if kind.of is not None:
        inner = {"many": schema.get("items"), "mapping": schema.get("additionalProperties")}.get(
            kind.name, schema.get("oneOf", [schema])[0]
        )
        wanted = {"$ref": f"#/components/schemas/{kind.of.__name__}"}
        return None if inner == wanted else f"{inner} is not {wanted}"
    if kind.types != ({schema["type"]} if "type" in schema else set()):
        return f"{schema.get('type')} is not {kind.types}"
    if schema.get("format") != FORMATS.get(kind.name):
        return f"{schema.get('format')} is not {FORMATS.get(kind.name)}"
    if kind.name in ITEMS and schema["items"] != ITEMS[kind.name]:
        return f"{schema['items']} is not {ITEMS[kind.name]}"
    return None


def test_paths_and_rate_classes() -> None:
    in_file = {
        item["get"]["operationId"]: (path, item["get"]["x-rate-class"])
        for path, item in DOCUMENT["paths"].items()
    }
    assert in_file == {name: (spec.path, spec.rate) for name, spec in queries.ENDPOINTS.items()}
    assert all(isinstance(spec.timeouts, Timeouts) for spec in queries.ENDPOINTS.values())


@pytest.mark.parametrize("name", sorted(queries.ENDPOINTS))
def test_parameters_of_the_functions(name: str) -> None:
    spec = queries.ENDPOINTS[name]
    parameters = inspect.signature(getattr(queries, name)).parameters
    in_file = operations()[spec.path].parameters
    assert set(parameters) == set(in_file)
    required = {name for name, one in in_file.items() if one["required"]}
    empty = inspect.Parameter.empty
    assert {name for name, one in parameters.items() if one.default is empty} == required


def test_answer_classes_of_the_paths() -> None:
    for name, spec in queries.ENDPOINTS.items():
        content = DOCUMENT["paths"][spec.path]["get"]["responses"]["200"]["content"]
        data = content["application/json"]["schema"]["oneOf"][0]["properties"]["data"]
        cls = data["$ref"].rpartition("/")[2]
        hint = str(inspect.signature(getattr(queries, name)).return_annotation)
        assert hint == f"Query[{cls}]"
        assert hasattr(api_client, cls)


# ------------------------------------------------------------------------------ the server

DAY = {"start_date": "2026-11-17", "end_date": "2026-11-17"}
REQUESTS: list[tuple[str, dict[str, Any], str]] = [
    ("/status", {}, "StatusAnswer"),
    ("/tickers", {}, "TickersAnswer"),
    ("/trades", {"ticker": "SLV"}, "TradesAnswer"),
    ("/minute-data", {"ticker": "SLV"}, "MinuteDataAnswer"),
    ("/divergence", {"ticker": "SLV", "days": 2}, "DivergenceAnswer"),
    ("/prediction/latest", {"ticker": "SPY"}, "PredictionAnswer"),
    ("/predictions", {"ticker": "SLV"}, "PredictionsAnswer"),
    ("/data-range", {"ticker": "SLV", **DAY, "min_size": 5}, "DataRangeAnswer"),
]


def plain(value: Any) -> Any:
    """Decimals of the raw answer as the floats that jsonschema knows."""
    return json.loads(json.dumps(value, default=float))


@pytest.mark.parametrize(("path", "query", "name"), REQUESTS)
def test_what_the_server_sends(
    path: str, query: dict[str, Any], name: str, client: ApiClient
) -> None:
    data = plain(client.fetch(queries.raw(path, **query)))
    assert problems(name, data) == []
    rows = [item for item in data.values() if isinstance(item, list)]
    assert all(rows), "an empty list proves nothing"


def test_the_judge_can_fail() -> None:
    assert problems("TickersAnswer", {"tickers": [], "count": 0}) == []
    assert problems("TickersAnswer", {"tickers": [], "count": "0"})
    assert problems("TickersAnswer", {"tickers": []})
    assert problems("TickersAnswer", {"tickers": [], "count": 0, "more": 1})


def fetch(url: str, key: str = KEY) -> tuple[int, Any]:
    request = urllib.request.Request(url, headers={"X-API-Key": key})
    opener = urllib.request.build_opener(NoErrors)
    with opener.open(request, timeout=5) as answer:
        return answer.status, json.load(answer)


class NoErrors(urllib.request.HTTPErrorProcessor):
    def http_response(self, request: Any, response: Any) -> Any:
        return response


@pytest.mark.parametrize(
    ("path", "key", "code"),
    [
        ("/trades", KEY, 400),
        ("/trades?ticker=SLV&limit=0", KEY, 400),
        ("/trades?ticker=SLV", "wrong", 401),
        ("/nothing", KEY, 404),
        ("/trades?ticker=NOPE", KEY, 404),
        ("/status", KEY, 501),
        ("/status", KEY, 500),
    ],
)
def test_error_envelopes(path: str, key: str, code: int, server: ReferenceServer) -> None:
    if code >= 500:
        server.faults.add("/status", faults.envelope(code, message="more"))
    status, content = fetch(server.base_url + path, key)
    assert (status, content["code"]) == (code, code)
    assert problems("ErrorEnvelope", content) == []
    declared = DOCUMENT["paths"]["/trades"]["get"]["responses"]
    assert str(code) in declared


def test_rate_limit_answers(server: ReferenceServer) -> None:
    for _ in range(30):
        assert fetch(f"{server.base_url}/tickers")[0] == 200
    status, content = fetch(f"{server.base_url}/tickers")
    assert (status, content["code"]) == (429, 429)
    assert problems("ErrorEnvelope", content) == []


def bad_values(schema: Mapping[str, Any]) -> Iterator[str]:
    wrong: Mapping[str, Callable[[], list[str]]] = {
        "integer": lambda: ["x", "1.5", "", *(["0", "-1"] if "minimum" in schema else [])],
        "number": lambda: ["x", "nan", *(["0"] if "exclusiveMinimum" in schema else [])],
        "boolean": lambda: ["yes", "1", ""],
        "string": lambda: ["", *(["24:00", "9:00"] if "pattern" in schema else [])],
    }
    yield from wrong[schema["type"]]()
    if schema.get("format") in {"date", "iso-8601"}:
        yield from ("2026-13-01", "yesterday")


@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
def test_every_parameter_is_checked(path: str, server: ReferenceServer, time: FlowTime) -> None:
    operation = operations()[path]
    right = {"ticker": "SLV", **DAY}
    base = {name: value for name, value in right.items() if name in operation.parameters}
    with ApiClient(server.base_url, KEY, timing=time.timing) as client:

        def code(**changes: Any) -> int | None:
            try:
                client.fetch(queries.raw(path, **{**base, **changes}))
            except api_client.ApiServiceError as error:
                return error.code
            return None

        assert code() is None
        assert code(surprise="1") == 400
        for name, parameter in operation.parameters.items():
            if parameter["required"]:
                assert code(**{name: None}) == 400
            for value in bad_values(parameter["schema"]):
                assert code(**{name: value}) == 400, (name, value)


def test_the_file_is_served(server: ReferenceServer) -> None:
    root = server.base_url.removesuffix("/v1")
    assert fetch(f"{root}/openapi.json") == (200, DOCUMENT)
    with urllib.request.urlopen(f"{root}/docs", timeout=5) as answer:
        page = answer.read().decode()
    assert all(path in page for path in DOCUMENT["paths"])
