"""What commands say they print: a JSON Schema of each line, and where it is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import attrs
import click
import jsonschema  # type: ignore[import-untyped]
import pytest

from twsloop.cli import run as run_here
from twsloop.cli.fields import Field, decimal, many, moment, record, schema_of_fields, text, whole
from twsloop.cli.root import cli, json_option
from twsloop.cli.schema import documented
from twsloop.cli.shapes import VERSION, fact_lines, line, lines_of, prints, schema_of, walk
from twsloop.events import Fact, Fill, OrderEvent, OrderFilled, to_record
from twsloop.events.records import FACTS

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HELD = line("held", "One.", quantity=decimal("how much", null=True), note=text("why", missing=True))


def is_one_of(found: dict[str, object], *lines: object) -> bool:
    schema = schema_of(lines, strict=True)  # type: ignore[arg-type]
    return bool(jsonschema.Draft202012Validator(schema).is_valid(found))


@pytest.mark.parametrize(
    ("found", "fits"),
    [
        ({"event": "held", "quantity": "-1.50"}, True),
        ({"event": "held", "quantity": None, "note": "x"}, True),
        ({"event": "held"}, False),
        ({"event": "sold", "quantity": "1"}, False),
        ({"event": "held", "quantity": 1.5}, False),
        ({"event": "held", "quantity": "1E+2"}, False),
        ({"event": "held", "quantity": "1", "note": None}, False),
        ({"event": "held", "quantity": "1", "other": 1}, False),
    ],
)
def test_a_line_against_its_shape(found: dict[str, object], fits: bool) -> None:
    assert is_one_of(found, HELD) is fits


def test_who_reads_lines_takes_fields_that_are_new() -> None:
    found = {"event": "held", "quantity": "1", "other": 1}
    assert jsonschema.Draft202012Validator(schema_of([HELD])).is_valid(found)


def test_a_line_may_have_names_that_are_data() -> None:
    counts = attrs.evolve(HELD, more=whole("how many"))
    found = {"event": "held", "quantity": "1", "AAPL": 5}
    assert is_one_of(found, counts)
    assert not is_one_of(found | {"AAPL": "5"}, counts)


def test_parts_of_a_line() -> None:
    fields: dict[str, Field] = {
        "at": moment("when", null=True),
        "parts": many(Field(record("one", {"n": whole("n")}).schema), "all"),
        "side": text("which", "BOT", "SLD", null=True),
    }
    schema = schema_of_fields(fields)
    assert schema["required"] == ["at", "parts", "side"]
    check = jsonschema.Draft202012Validator(schema)
    assert check.is_valid({"at": None, "parts": [{"n": 1}], "side": None})
    assert not check.is_valid({"at": None, "parts": [{"n": "1"}], "side": "BOT"})
    assert not check.is_valid({"at": None, "parts": [], "side": "BUY"})


@pytest.mark.parametrize("kind", FACTS.values(), ids=lambda kind: kind.__name__)
def test_every_fact_has_a_shape_whose_fields_all_say_what_they_mean(kind: type[Fact]) -> None:
    for one in fact_lines(kind):
        jsonschema.Draft202012Validator.check_schema(one.schema(strict=True))
        assert one.meaning.endswith("."), one
        assert {n: f for n, f in one.fields.items() if not f.schema["description"]} == {}


def test_facts_fit_their_shapes() -> None:
    filled = OrderFilled(time=NOON, order_id=7, quantity=Decimal(5), average_price=Decimal("1.5"))
    fill = Fill(time=NOON, exec_id="e", order_id=7, side="BOT", shares=Decimal(5), price=Decimal(1))
    lines = fact_lines(OrderEvent, Fill)
    assert {"OrderFilled", "OrderCreated", "Fill"} <= {one.event for one in lines}
    assert "OrderEvent" not in {one.event for one in lines}  # no fact is just that
    for fact in (filled, fill):
        assert is_one_of(to_record(fact), *lines)
    assert not is_one_of(to_record(filled) | {"order_id": "7"}, *lines)


def test_a_command_tells_its_lines_and_takes_json_behind_its_name() -> None:
    @click.command()
    @json_option
    @prints(HELD, Fill)
    @json_option
    def show() -> None:
        """Show."""

    lines = lines_of(show)
    assert lines is not None
    assert [one.event for one in lines] == ["held", "Fill"]
    assert [option.opts for option in show.params].count(["--json"]) == 1


# ---------------------------------------------------------------------------------- schema
def test_the_schema_of_one_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["schema", "positions"]) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(found)
    assert found["$id"] == f"urn:twsloop:lines:{VERSION}:positions"
    assert found["anyOf"][0]["properties"]["event"] == {"const": "position"}


def test_the_schema_of_all_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["schema"]) == 0
    found = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(found)
    check.check_schema(found)
    commands = {"error", *(name for name, _ in documented())}
    assert {name for name in found["$defs"] if not name.startswith("line:")} == commands
    of_buy = {one["$ref"] for one in found["$defs"]["buy"]["anyOf"]}
    assert {"#/$defs/line:OrderFilled", "#/$defs/line:order_end"} <= of_buy
    assert len([name for name in found["$defs"] if name.startswith("line:OrderFilled")]) == 1
    assert found["$defs"]["line:error_code"] != found["$defs"]["line:error_code:2"]
    assert check.is_valid({"event": "error", "error": "X", "exit": 1, "message": "m"})
    assert not check.is_valid({"event": "error", "error": "X", "exit": "1", "message": "m"})


def test_the_schema_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_here(["schema", "position"]) == 2
    assert "is no command that prints lines" in capsys.readouterr().err


def test_every_command_is_found() -> None:
    found = {" ".join(path) for path, _ in walk(cli)}
    assert {"", "buy", "subscriptions add", "journal orders"} <= found
