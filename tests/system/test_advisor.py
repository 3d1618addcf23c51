"""An advisor's groups: IB's XML as rows and back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.system.advisor import (
    FaGroup,
    FaMember,
    read_aliases,
    read_fa_groups,
    write_fa_groups,
)

NAMES = st.text(st.characters(categories=["L", "N"], include_characters=" &<>'"), min_size=1).map(
    str.strip
)
MEMBERS = st.builds(
    FaMember,
    NAMES.filter(bool),
    st.none() | st.decimals(allow_nan=False, allow_infinity=False, places=2, max_value=10**9),
)
GROUPS = st.builds(
    FaGroup,
    NAMES.filter(bool),
    st.sampled_from(["Equal", "NetLiq", "Percent"]),
    st.lists(MEMBERS, min_size=1, max_size=3).map(tuple),
)


@given(st.lists(GROUPS, max_size=4, unique_by=lambda group: group.name))
def test_groups_are_read_as_they_were_written(groups: list[FaGroup]) -> None:
    assert read_fa_groups(write_fa_groups(groups)) == groups


def test_the_older_form_is_read_too() -> None:
    xml = (
        "<ListOfGroups><Group><name>all</name><defaultMethod>Equal</defaultMethod>"
        '<ListOfAccts varName="list"><String>DU1</String><String>DU2</String></ListOfAccts>'
        "</Group></ListOfGroups>"
    )
    (group,) = read_fa_groups(xml)
    assert group == FaGroup("all", "Equal", (FaMember("DU1"), FaMember("DU2")))
    assert group.accounts == ("DU1", "DU2")


def test_aliases_are_read() -> None:
    xml = (
        "<ListOfAccountAliases><AccountAlias><account>DU1</account><alias>mine</alias>"
        "</AccountAlias></ListOfAccountAliases>"
    )
    assert read_aliases(xml) == {"DU1": "mine"}


@pytest.mark.parametrize("xml", ["", "words", '<!DOCTYPE a [<!ENTITY b "c">]><ListOfGroups/>'])
def test_what_is_no_xml_is_refused_in_words(xml: str) -> None:
    with pytest.raises(ValueError, match="advisor's data"):
        read_fa_groups(xml)


def test_groups_that_ib_would_refuse_are_refused_in_words() -> None:
    member = (FaMember("DU1", Decimal(1)),)
    with pytest.raises(ValueError, match="at least one account"):
        write_fa_groups([FaGroup("a", "Equal", ())])
    with pytest.raises(ValueError, match="two groups 'a'"):
        write_fa_groups([FaGroup("a", "Equal", member), FaGroup("a", "NetLiq", member)])
