"""Facts are read again from the records that were made of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.support.facts import facts
from twsloop import events
from twsloop.events import Fact, OrderStep, to_record
from twsloop.events.records import FACTS, from_record

NOON = "2026-01-05T12:00:00+00:00"
STEP = {"event": "OrderStep", "time": NOON, "order_id": 7, "client_id": 1, "changes": {}}


def test_every_kind_is_known_by_its_name() -> None:
    exported = {name for name in events.__all__ if isinstance(getattr(events, name), type)}
    assert {n for n in exported if issubclass(getattr(events, n), Fact)} <= {"Fact", *FACTS}


@given(facts())
def test_a_record_is_read_as_the_fact_it_was_made_of(fact: Fact) -> None:
    assert from_record(json.loads(json.dumps(to_record(fact)))) == fact


def test_what_an_older_version_did_not_write_has_its_default() -> None:
    step = from_record(STEP)
    assert isinstance(step, OrderStep)
    assert (step.perm_id, step.source, step.correlation_id) == (None, "", "")


@pytest.mark.parametrize(
    ("record", "problem"),
    [
        ({"event": "Nothing"}, "'Nothing' is no kind of fact"),
        ({"event": ["OrderStep"]}, r"\['OrderStep'\] is no kind of fact"),
        ({}, "None is no kind of fact"),
        ({**STEP, "more": 1}, "OrderStep has no 'more': a newer version wrote it"),
        ({**STEP, "order_id": "7"}, "OrderStep.order_id: '7' cannot be read: it is no int"),
        ({**STEP, "order_id": True}, "OrderStep.order_id: True cannot be read: it is no int"),
        ({**STEP, "time": "noon"}, "OrderStep.time: 'noon' cannot be read"),
        ({**STEP, "time": None}, "OrderStep.time: None cannot be read"),
        ({**STEP, "time": NOON[:-6]}, "OrderStep.time needs a time zone"),
        ({**STEP, "changes": []}, r"OrderStep.changes: \[\] cannot be read: it is no object"),
        ({"event": "OrderStep", "time": NOON}, "OrderStep: .*missing .*order_id"),
        (
            {"event": "CommissionReported", "time": NOON, "exec_id": "x", "commission": 1.5},
            "CommissionReported.commission: 1.5 cannot be read: a decimal is written as a text",
        ),
        (
            {"event": "CommissionReported", "time": NOON, "exec_id": "x", "commission": "dear"},
            "CommissionReported.commission: 'dear' cannot be read",
        ),
        (
            {"event": "RiskVerdict", "time": NOON, "allowed": True, "checks": [{"name": "x"}]},
            "RiskVerdict.checks: .* cannot be read: RiskCheck: .*passed",
        ),
        (
            {"event": "RiskVerdict", "time": NOON, "allowed": True, "checks": "all"},
            "RiskVerdict.checks: 'all' cannot be read: it is no list",
        ),
        (
            {"event": "RiskBreached", "time": NOON, "check": 7},
            "RiskBreached.check: 7 cannot be read: RiskCheck: 7 is no record",
        ),
    ],
)
def test_what_cannot_be_read_is_one_clear_error(record: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        from_record(record)
