"""OCC option symbols: both forms, and what is not one."""

from __future__ import annotations

import datetime as dt
import doctest
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api_client import occ, settings
from api_client.occ import OptionSymbol

symbols = st.builds(
    OptionSymbol,
    root=st.from_regex(r"[A-Z][A-Z0-9.]{0,5}", fullmatch=True),
    expiry=st.dates(dt.date(2000, 1, 1), dt.date(2099, 12, 31)),
    right=st.sampled_from(["C", "P"]),
    strike=st.integers(0, 99_999_999).map(lambda mills: Decimal(mills).scaleb(-3)),
)


def test_the_examples_in_the_docs() -> None:
    for module in (occ, settings):
        assert doctest.testmod(module).failed == 0
        assert doctest.testmod(module).attempted > 0


def test_contract_example() -> None:
    option = OptionSymbol.parse("SLV230519C00023000")
    assert option == OptionSymbol("SLV", dt.date(2023, 5, 19), "C", Decimal(23))
    assert str(option) == "SLV230519C00023000"
    assert option.padded == "SLV   230519C00023000"
    assert str(option.strike) == "23"


@pytest.mark.parametrize(
    ("text", "root", "strike"),
    [
        ("SPXW  241220P04525500", "SPXW", "4525.5"),
        ("SLV1230519C00100000", "SLV1", "100"),
        ("BRK.B 250117C00400005", "BRK.B", "400.005"),
        ("F270115P00000500", "F", "0.5"),
    ],
)
def test_roots_and_strikes(text: str, root: str, strike: str) -> None:
    option = OptionSymbol.parse(text)
    assert (option.root, str(option.strike)) == (root, strike)


@given(symbols)
def test_both_forms_read_back(option: OptionSymbol) -> None:
    assert OptionSymbol.parse(str(option)) == option
    assert OptionSymbol.parse(option.padded) == option
    assert len(option.padded) == 21


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SLV",
        "slv230519C00023000",
        "SLV230519X00023000",
        "SLV230519C0002300",
        "SLV230519C000230000",
        "SLV231319C00023000",
        "SLV230230C00023000",
        "TOOLONG230519C00023000",
        "230519C00023000",
        "SLV 230519C00023000\n",
        "SLV٢٣٠٥١٩C00023000",  # noqa: RUF001 - digits, but not ours
        "SLV230519C00023000 ",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(ValueError, match="option symbol"):
        OptionSymbol.parse(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        option = OptionSymbol.parse(text)
    except ValueError:
        return
    assert OptionSymbol.parse(str(option)) == option


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"root": ""}, "root"),
        ({"root": "ABCDEFG"}, "root"),
        ({"expiry": dt.date(1999, 1, 1)}, "2000"),
        ({"right": "X"}, "right"),
        ({"strike": Decimal("0.0005")}, "strike"),
        ({"strike": Decimal(-1)}, "strike"),
        ({"strike": Decimal("NaN")}, "strike"),
        ({"strike": Decimal(100_000)}, "strike"),
    ],
)
def test_parts_without_a_place_are_refused(change: dict[str, object], match: str) -> None:
    parts = {"root": "SLV", "expiry": dt.date(2023, 5, 19), "right": "C", "strike": Decimal(23)}
    with pytest.raises(ValueError, match=match):
        OptionSymbol(**{**parts, **change})  # type: ignore[arg-type]
