"""How a generic tick list is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.paper.market import generic_ticks
from twsloop.paper.market.generic_ticks import read

#: As Gateway 10.40 told it for a stock.
LEGAL_STOCK = (
    "100(Option Volume),101(Option Open Interest),105(Average Opt Volume),106(impvolat),"
    "165(Misc. Stats),221/220(Creditman Mark Price),225(Auction),232/221(Pl Price),"
    "233(RTVolume),236(inventory),258/47(Fundamentals),292(Wide_news),293(TradeCount),"
    "294(TradeRate),295(VolumeRate),318(LastRTHTrade),375(RTTrdVolume),411(rthistvol),"
    "456/59(IBDividends),460(Bond Factor Multiplier),577(EtfNavLast(navlast)),586(IPOHLMPRC),"
    "587(Pl Price Delayed),588(Futures Open Interest),595(Short-Term Volume X Mins),"
    "614(EtfNavMisc(high/low)),619(Creditman Slow Mark Price),623(EtfFrozenNavLast(fznavlast))"
)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("233", (233,)),
        (" 233 ,236,,mdoff", (233, 236)),
        ("233,233", (233,)),
        ("221", (232,)),
        ("220", (221,)),
        ("47,59", (258, 456)),
        ("104", (512,)),
        ("+233", (233,)),
        ("292:BRFG+DJNL", (292,)),
        ("576,578", (576, 578)),
    ],
)
def test_valid_lists(text: str, codes: tuple[int, ...]) -> None:
    found = read(text, "STK", 176)
    assert found is not None
    assert found.codes == codes
    assert found.defaults == ("mdoff" not in text)


@pytest.mark.parametrize(
    "text",
    [
        *("999", "13", "512", "233,13", "abc", "292:", ":5", "mdoff", "MDOFF", ",", " ", "-233"),
        *("233.0", "1e2", "233;236", "٢٣٣", "9" * 400, "162", "233\x00"),
    ],
)
def test_one_bad_token_spoils_the_list(text: str) -> None:
    assert read(text, "STK", 225) is None


def test_parameters() -> None:
    found = read("292:A:B,mdoff", "STK", 225)
    assert found is not None
    assert dict(found.parameters) == {292: "A"}
    again = read("292:A,292", "STK", 225)
    assert again is not None
    assert dict(again.parameters) == {}


def test_what_is_legal_depends_on_the_type() -> None:
    assert read("162", "IND", 225) is not None
    assert read("456", "CASH", 225) is None
    assert read("595", "IND", 225) is None
    assert read("595", "CRYPTO", 225) is not None
    assert read("787", "STK", 224) is None
    assert read("787", "STK", 225) is not None


def test_the_refusal_lists_what_is_legal() -> None:
    assert generic_ticks.legal_ones("STK") == LEGAL_STOCK
    assert generic_ticks.refusal("mdoff,292:", "STK") == (
        f"Incorrect generic tick list of mdoff,292:.  Legal ones for (STK) are: {LEGAL_STOCK}"
    )
    assert ",162(Index Future Premium),165" in generic_ticks.legal_ones("IND")


@given(st.text(max_size=40), st.sampled_from(["STK", "OPT", "IND", "CASH", "XYZ", ""]))
def test_no_text_breaks_it(text: str, sec_type: str) -> None:
    found = read(text, sec_type, 225)
    assert found is None or found.codes


@given(st.lists(st.sampled_from([100, 101, 104, 106, 165, 225, 232, 233, 236, 293, 411, 456])))
def test_lists_of_legal_ticks_are_valid(numbers: list[int]) -> None:
    found = read(",".join(map(str, numbers)), "STK", 225)
    if numbers:
        assert found is not None
        assert len(found.codes) == len(set(numbers))
    else:
        assert found is None
