"""The table of tick types, and the values that come as text."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ibapi.const import UNSET_DOUBLE
from ibapi.ticktype import TickTypeEnum

from twsloop.market_data.state import Ticker
from twsloop.market_data.ticks import DELAYED, PAIRED, TICKS, Kind, RtVolume, convert, greek


def official_names() -> dict[int, str]:
    """IB's own names, by number."""
    return {number: TickTypeEnum.toStr(number) for number in range(TickTypeEnum.NOT_SET)}


def test_every_tick_type_of_ibapi_has_a_field() -> None:
    assert set(TICKS) == set(official_names())


def test_every_field_exists_and_has_the_type_of_its_kind() -> None:
    types = {field.name: str(field.type) for field in attrs.fields(Ticker)}
    expected = {
        Kind.PRICE: "float | None",
        Kind.NUMBER: "float | None",
        Kind.SIZE: "Decimal | None",
        Kind.TEXT: "str | None",
        Kind.TIME: "datetime | None",
        Kind.GREEKS: "Greeks | None",
        Kind.EFP: "EfpTick | None",
        Kind.RT_VOLUME: "RtVolume | None",
    }
    for name, kind in TICKS.values():
        assert types[name] == expected[kind], name


def test_only_a_delayed_type_shares_its_field() -> None:
    seen: dict[str, int] = {}
    for number, (name, _) in TICKS.items():
        if name in seen:
            assert number in DELAYED
            assert official_names()[number].startswith("DELAYED_")
        seen[name] = number
    assert {number for number, name in official_names().items() if name.startswith("DELAYED_")} == (
        DELAYED
    )


def test_paired_types_are_those_whose_size_the_decoder_derives() -> None:
    names = official_names()
    assert {names[number] for number in PAIRED} == {
        "BID",
        "ASK",
        "LAST",
        "DELAYED_BID",
        "DELAYED_ASK",
        "DELAYED_LAST",
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1759000000", datetime(2025, 9, 27, 19, 6, 40, tzinfo=UTC)),
        ("0", None),
        ("", None),
        ("soon", None),
        ("99999999999999999999", None),
    ],
)
def test_time(text: str, value: datetime | None) -> None:
    assert convert(Kind.TIME, text) == value


def test_rt_volume() -> None:
    # The example of IB's manual.
    value = convert(Kind.RT_VOLUME, "701.28;1;1348075471534;67854;701.46918464;true")
    assert value == RtVolume(
        price=701.28,
        size=Decimal(1),
        time=datetime(2012, 9, 19, 17, 24, 31, 534000, tzinfo=UTC),
        total_volume=Decimal(67854),
        vwap=701.46918464,
        single_trade=True,
    )


def test_rt_volume_without_a_price() -> None:
    # An odd lot: price and size are left empty.
    value = convert(Kind.RT_VOLUME, ";0;1348075471534;67854;701.46918464;false")
    assert (value.price, value.size, value.single_trade) == (None, Decimal(0), False)


@given(st.sampled_from(list(Kind)), st.text(max_size=30))
def test_no_text_breaks_a_reader(kind: Kind, text: str) -> None:
    convert(kind, text)


@given(st.text("0123456789.;-", max_size=60))
def test_no_rt_volume_breaks_its_reader(text: str) -> None:
    assert isinstance(convert(Kind.RT_VOLUME, text), RtVolume)


@pytest.mark.parametrize("value", [None, UNSET_DOUBLE, -2.0])
def test_a_greek_that_ib_could_not_compute(value: float | None) -> None:
    assert greek(value) is None


def test_a_greek_may_be_negative_but_a_price_may_not() -> None:
    assert greek(-0.5) == -0.5
    assert greek(-1.0) == -1.0
    assert greek(-1.0, floor=0.0) is None
