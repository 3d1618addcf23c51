"""The kill switch: latched, never more than configured, released with a reason, restored."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.risk.support import NOON
from twsloop.config.sections import KillSwitchParams
from twsloop.errors import RiskError
from twsloop.risk.kill import KillSwitch


def test_it_stays_engaged_until_it_is_released_with_a_reason() -> None:
    switch = KillSwitch(KillSwitchParams())
    assert switch.blocks == ""
    fact = switch.engage("api", "enough", NOON)
    assert fact is not None
    assert (fact.engaged, fact.by, fact.reason) == (True, "api", "enough")
    assert (fact.cancel, fact.flatten) == ("entries", False)
    assert switch.engage("cli", "again", NOON) is None
    assert (switch.by, switch.blocks) == ("api", "engaged by api: enough")
    with pytest.raises(RiskError, match="only with a reason"):
        switch.release("  ", NOON)
    assert switch.engaged
    fact = switch.release("it was a test", NOON, by="cli")
    assert fact is not None
    assert (fact.engaged, fact.by, fact.reason) == (False, "cli", "it was a test")
    assert not switch.engaged
    assert switch.release("twice", NOON) is None


def test_what_it_does_is_what_was_configured_whatever_engaged_it() -> None:
    switch = KillSwitch(KillSwitchParams(cancel="none", flatten=True))
    fact = switch.engage("loss limit", "", NOON)
    assert fact is not None
    assert (fact.cancel, fact.flatten) == ("none", True)
    assert (switch.cancels, switch.flattens) == ("none", True)
    assert switch.blocks == "engaged by loss limit"


@pytest.mark.parametrize(
    ("trigger", "params", "heeded"),
    [
        ("api", {}, True),
        ("cli", {}, True),
        ("signal", {}, True),
        ("loss limit", {}, True),
        ("loss limit", {"on_loss": False}, False),
        ("breaker", {}, False),
        ("breaker", {"on_breaker": True}, True),
        ("file", {}, False),
        ("file", {"file": Path("stop")}, True),
    ],
)
def test_the_settings_say_what_engages_it(
    trigger: object, params: dict[str, object], heeded: bool
) -> None:
    switch = KillSwitch(KillSwitchParams(**params))  # type: ignore[arg-type]
    assert (switch.engage(trigger, "why", NOON) is not None) is heeded  # type: ignore[arg-type]
    assert switch.engaged is heeded


@given(st.lists(st.booleans(), max_size=12))
def test_it_is_restored_from_its_facts(calls: list[bool]) -> None:
    switch = KillSwitch(KillSwitchParams())
    facts = [
        switch.engage("api", "stop", NOON) if engage else switch.release("go", NOON)
        for engage in calls
    ]
    again = KillSwitch(KillSwitchParams(cancel="all"))
    again.restore([fact for fact in facts if fact is not None])
    assert (again.engaged, again.by, again.reason) == (switch.engaged, switch.by, switch.reason)
    assert again.cancels == "all"  # as it is configured now
