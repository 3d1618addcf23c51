"""Each kind of field: the contract's form, none, and every other form."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import answers, fields
from api_client.fields import EASTERN, Record, WrongShape, load, plan, read
from api_client.occ import OptionSymbol

UTC = dt.UTC


@attrs.frozen(kw_only=True)
class Inner(Record):
    name: str | None = fields.text()


def make(field: Any) -> type[Any]:
    """A record with one field called ``it``."""
    return attrs.make_class(
        "One", {"it": field}, bases=(Record,), frozen=True, kw_only=True, slots=True
    )


GOOD: list[tuple[Any, str, object]] = [
    (fields.text, '"x"', "x"),
    (fields.flag, "false", False),
    (fields.integer, "7", 7),
    (fields.integer, "7.0", 7),
    (fields.integer, "1e3", 1000),
    (fields.real, "0.45", 0.45),
    (fields.real, "1", 1.0),
    (fields.money, "0.1", Decimal("0.1")),
    (fields.money, "23", Decimal(23)),
    (fields.money, "1.10", Decimal("1.10")),
    (fields.epoch_ms, "1684503000123", dt.datetime(2023, 5, 19, 13, 30, 0, 123000, tzinfo=UTC)),
    (fields.epoch_ms, "-1", dt.datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
    (
        fields.iso,
        '"2023-05-19T09:30:00-04:00"',
        dt.datetime(2023, 5, 19, 13, 30, tzinfo=UTC),
    ),
    (fields.iso, '"2023-05-19T13:30:00Z"', dt.datetime(2023, 5, 19, 13, 30, tzinfo=UTC)),
    (fields.moment, '"2023-05-19T13:30:00Z"', dt.datetime(2023, 5, 19, 13, 30, tzinfo=UTC)),
    (fields.moment, '"2023-05-19 13:30:00"', "2023-05-19 13:30:00"),
    (fields.moment, '"yesterday"', "yesterday"),
    (fields.moment, "5", 5),
    (
        fields.eastern,
        '"2026-07-01 09:30:00"',
        dt.datetime(2026, 7, 1, 9, 30, tzinfo=EASTERN),
    ),
    (fields.clock_time, '"9:00"', dt.time(9)),
    (fields.clock_time, '"16:15"', dt.time(16, 15)),
    (fields.option, '"SLV230519C00023000"', OptionSymbol.parse("SLV230519C00023000")),
    (fields.raw, '{"a": [1]}', {"a": [1]}),
    (fields.texts, '["a", "b"]', ("a", "b")),
    (fields.numbers, "[0.5, null, 1]", (0.5, None, 1.0)),
    (lambda: fields.record(Inner), '{"name": "n"}', Inner(name="n")),
    (lambda: fields.many(Inner), '[{"name": "n"}, {}]', (Inner(name="n"), Inner())),
    (fields.mapping, '{"a": 1.5, "b": null}', {"a": 1.5, "b": None}),
    (lambda: fields.mapping(Inner), '{"a": {"name": "n"}}', {"a": Inner(name="n")}),
]
BAD: list[tuple[Any, str, str]] = [
    (fields.text, "1", "d.it"),
    (fields.flag, "1", "d.it"),
    (fields.flag, '"true"', "d.it"),
    (fields.integer, "7.5", "d.it"),
    (fields.integer, "true", "d.it"),
    (fields.integer, '"7"', "d.it"),
    (fields.integer, "1e999", "d.it"),
    (fields.integer, "1e31", "d.it"),
    (fields.real, '"0.45"', "d.it"),
    (fields.real, "false", "d.it"),
    (fields.real, "1e999", "d.it"),
    (fields.real, "1" + "0" * 400, "d.it"),
    (fields.money, '"1.10"', "d.it"),
    (fields.money, "[]", "d.it"),
    (fields.epoch_ms, '"1684503000123"', "d.it"),
    (fields.epoch_ms, "1e25", "d.it"),
    (fields.iso, '"2023-05-19T09:30:00"', "d.it"),
    (fields.iso, '"yesterday"', "d.it"),
    (fields.iso, "1684503000123", "d.it"),
    (fields.eastern, '"2026-07-01"', "d.it"),
    (fields.clock_time, '"25:00"', "d.it"),
    (fields.clock_time, '"9"', "d.it"),
    (fields.clock_time, '"9:3x"', "d.it"),
    (fields.option, '"SLV"', "d.it"),
    (fields.option, "5", "d.it"),
    (fields.texts, '["a", 1]', "d.it[1]"),
    (fields.texts, '"a"', "d.it"),
    (fields.numbers, '[1, "2"]', "d.it[1]"),
    (lambda: fields.record(Inner), "[]", "d.it"),
    (lambda: fields.record(Inner), '{"name": 5}', "d.it.name"),
    (lambda: fields.many(Inner), "{}", "d.it"),
    (lambda: fields.many(Inner), "[{}, null]", "d.it[1]"),
    (lambda: fields.many(Inner), '[{}, {"name": []}]', "d.it[1].name"),
    (fields.mapping, "[]", "d.it"),
    (fields.mapping, '{"a": "x"}', "d.it.a"),
]


@pytest.mark.parametrize(("field", "text", "expected"), GOOD)
def test_the_contract_form(field: Any, text: str, expected: object) -> None:
    cls = make(field())
    got = read(cls, load(f'{{"it": {text}}}'.encode()), "d").it
    assert got == expected
    assert type(got) is type(expected)
    if isinstance(expected, Decimal):
        assert str(got) == str(expected)


@pytest.mark.parametrize(("field", "text", "path"), BAD)
def test_every_other_form_is_named(field: Any, text: str, path: str) -> None:
    with pytest.raises(WrongShape) as raised:
        read(make(field()), load(f'{{"it": {text}}}'.encode()), "d")
    assert raised.value.path == path
    assert raised.value.expected
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("field", list(dict.fromkeys(field for field, _, _ in GOOD)))
@pytest.mark.parametrize("value", [{}, {"it": None}])
def test_missing_and_null(field: Any, value: dict[str, object]) -> None:
    cls = make(field())
    if plan(cls)["it"].required:
        with pytest.raises(WrongShape, match=r"d\.it: expected a list, got None"):
            read(cls, value, "d")
    else:
        assert read(cls, value, "d").it is None


def test_unknown_fields_are_kept() -> None:
    trade = read(answers.Trade, load(b'{"id": 1, "venue": "X", "fee": 0.10}'), "d")
    assert trade.id == 1
    assert trade.extra == {"venue": "X", "fee": Decimal("0.10")}
    assert hash(trade) == hash(read(answers.Trade, {"id": 1}, "d"))


def test_eastern_knows_both_offsets() -> None:
    cls = make(fields.eastern())
    summer = read(cls, {"it": "2026-07-01 09:30:00"}, "d").it
    winter = read(cls, {"it": "2026-01-02 09:30:00"}, "d").it
    assert (summer.utcoffset(), winter.utcoffset()) == (
        dt.timedelta(hours=-4),
        dt.timedelta(hours=-5),
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["2023-05-19T09:30:00Z", "SLV230519C00023000", "9:00"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
ANSWERS = [cls for name in answers.__all__ if issubclass(cls := getattr(answers, name), Record)]


@given(st.data())
def test_any_json_is_an_answer_or_a_wrong_shape(data: st.DataObject) -> None:
    cls = data.draw(st.sampled_from(ANSWERS))
    names = st.sampled_from(sorted(plan(cls)))
    value = data.draw(st.dictionaries(names, json_values, max_size=6) | json_values)
    try:
        answer = read(cls, load(json.dumps(value).encode()), "d")
    except WrongShape as wrong:
        path = wrong.path
    else:
        path = "d"
        assert isinstance(value, dict)
        for name in plan(cls):
            assert (getattr(answer, name) is None) == (value.get(name) is None)
    assert path.startswith("d")


@pytest.mark.parametrize(
    "text",
    ["1e1000", "-1e999999999", "1e-999999999", "1e99999999999999999999", f"1.{'0' * 5000}1"],
)
def test_numbers_that_only_take_up_room_are_not_read(text: str) -> None:
    with pytest.raises(ValueError, match="a number beyond reading"):
        load(f'{{"deep": [{text}]}}'.encode())
    with pytest.raises(ValueError, match="4300 digits"):
        load(b"9" * 5000)


def test_money_is_digit_for_digit() -> None:
    for text in ("0.1", "1.10", "123456789012345678901234567890.123456789", "1E-7", "-0.00", "5e2"):
        assert load(text.encode()).as_tuple() == Decimal(text).as_tuple()


def test_a_byte_order_mark_and_utf_16_do_no_harm() -> None:
    for codec in ("utf-8-sig", "utf-16", "utf-32"):
        assert load('{"a": "\N{EURO SIGN}"}'.encode(codec)) == {"a": "\N{EURO SIGN}"}
    with pytest.raises(ValueError, match="utf"):
        load(b'{"a": "\xff"}')


@pytest.mark.parametrize("body", [b"", b"{", b"\x00", b"[" * 100_000, b"{'a': 1}", b"1 2"])
def test_not_json(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\S"):
        load(body)
