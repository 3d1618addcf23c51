"""The log of an order: what happened stays, what only repeats gives way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from twsloop.contracts import stock
from twsloop.orders.builders import limit_order
from twsloop.orders.state import OrderRecord
from twsloop.orders.story import (
    LOG_LENGTH,
    SETTLED_LENGTH,
    LogEntry,
    brief,
    without_repeats,
)

NOW = datetime(2026, 9, 28, 14, 30, tzinfo=UTC)
KINDS = [
    ("orderStatus", "Submitted, 0 filled, 100 open"),
    ("openOrder", "Submitted, 0 filled, 100 open"),
    ("modify", "BUY 100 LMT 189.6 AAPL"),
    ("execDetails", "0001.01 again"),
    ("execDetails", "0001.01: BOT 1 at 189.5"),
    ("orderStatus", "Submitted -> PendingCancel"),
    ("commission", "1.00 USD for 0001.01"),
    ("error", "399: it waits"),
]


def log_of(kinds: list[tuple[str, str]]) -> list[LogEntry]:
    return [
        LogEntry(NOW + timedelta(seconds=n), source, text) for n, (source, text) in enumerate(kinds)
    ]


def told(log: list[LogEntry]) -> int:
    """For how many entries a log stands."""
    return sum(int(e.text.split()[0]) if e.source == "log" else 1 for e in log)


@given(st.lists(st.sampled_from(KINDS), max_size=80), st.integers(2, 40))
def test_nothing_that_happened_is_left_out(kinds: list[tuple[str, str]], length: int) -> None:
    log = log_of(kinds)
    kept = without_repeats(log, length)
    facts = [entry for entry in log if not entry.repeats]
    assert [entry for entry in kept if not entry.repeats and entry.source != "log"] == facts
    assert told(kept) == len(log)
    assert kept == sorted(kept, key=lambda entry: entry.time)
    assert len(kept) <= max(length, len(facts) + length // 2 + 1)
    assert told(without_repeats(kept, length // 2)) == len(log)


@given(st.lists(st.sampled_from(KINDS), max_size=300))
def test_of_what_is_over_the_beginning_and_the_end_are_kept(kinds: list[tuple[str, str]]) -> None:
    log = log_of(kinds)
    kept = brief(log)
    assert len(kept) <= SETTLED_LENGTH
    assert told(kept) == len(log)
    assert brief(kept) == kept
    facts = [entry for entry in log if not entry.repeats]
    assert facts[:10] == [e for e in kept if not e.repeats and e.source != "log"][:10]
    assert facts[-10:] == [e for e in kept if not e.repeats and e.source != "log"][-10:]


def test_an_order_that_lives_for_months_keeps_all_its_facts() -> None:
    record = OrderRecord(1, 0, stock("AAPL"), limit_order("BUY", 100, 5))
    record.note(NOW, "created", "BUY 100 LMT 5 AAPL")
    for day in range(3 * LOG_LENGTH):
        record.note(NOW + timedelta(days=day), "openOrder", "Submitted, 0 filled, 100 open")
    assert record.log[0].source == "created"
    assert len(record.log) <= LOG_LENGTH
    assert told(record.log) == 3 * LOG_LENGTH + 1
    for execution in range(2 * LOG_LENGTH):
        record.note(NOW, "execDetails", f"{execution}: BOT 1 at 5")
    assert sum(entry.source == "execDetails" for entry in record.log) == 2 * LOG_LENGTH
