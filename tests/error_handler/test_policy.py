"""The policy: what is done about a code, in which context, and what a program may choose."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twsloop.account.places import REFUSED
from twsloop.clock import ManualClock
from twsloop.config import Config, ErrorParams
from twsloop.config.sections.errors import CONTEXTS, OVERRIDES, SEVERITIES, ErrorRule, parse_rules
from twsloop.connection.asks import TOO_FAST
from twsloop.connection.care import COMPETING_SESSION, DATA_KEPT, DATA_LOST, SERVERS_LOST
from twsloop.connection.core import CLIENT_ID_IN_USE, SERVER_BACK, SERVER_LOST
from twsloop.connection.farms import SERVING
from twsloop.error_handler import ACTIONS, ErrorHandler, Policy, load_codes, load_policy
from twsloop.error_handler.actions import FIXED
from twsloop.errors import ConfigError
from twsloop.events import Ends
from twsloop.history.asking import SERVICE_ERROR
from twsloop.market_data.event_processor import DEPTH_HALTED
from twsloop.market_data.turns import HASTY, TOO_FAST_BARS
from twsloop.session.farms import FARM_CODES, FarmState

#: The verdicts of the tables that the policy took the place of, for every listed code, some that
#: are not, and every text that decided something.
GOLDEN = [
    *csv.DictReader((Path(__file__).parent / "golden.csv").read_text(encoding="utf-8").splitlines())
]
ORDERS = ("order_new", "order_live")
LISTED = sorted(load_codes())
UNLISTED = st.integers(-(2**31), 2**31 - 1).filter(lambda code: code not in load_codes())


@pytest.fixture
def policy() -> Policy:
    return Policy()


# ------------------------------------------------------------------------------ what it was
def test_every_verdict_is_what_it_was() -> None:
    handler = ErrorHandler(ManualClock())
    assert {int(row["code"]) for row in GOLDEN} > set(load_codes())
    for row in GOLDEN:
        code, text = int(row["code"]), row["text"]
        verdicts = {
            "id_only": handler.classify(code, text=text),
            "id_only_known": handler.classify(code, text=text, order_known=True),
            "order_new": handler.classify(code, text=text, context="order"),
            "order_live": handler.classify(code, text=text, context="order", order_known=True),
            "request": handler.classify(code, text=text, context="request"),
        }
        assert {name: info.ends.value for name, info in verdicts.items()} == {
            name: row[name] for name in verdicts
        }, row
        for info in verdicts.values():
            for field in ("category", "severity", "scope", "retry"):
                assert getattr(info, field) == row[field], row
        # A subscription is a request, and so is what has no id: only more is done about them.
        for context in ("subscription", "connection"):
            info = handler.classify(code, text=text, context=context)
            forgotten = info.action == "resubscribe"  # not what was left, but what is followed
            assert info.ends is verdicts["request"].ends or forgotten, row


# ----------------------------------------------------------------------------- what is safe
@given(code=UNLISTED, context=st.sampled_from(ORDERS), text=st.text(max_size=40))
def test_no_code_that_nobody_knows_ends_an_order(code: int, context: str, text: str) -> None:
    info = Policy().verdict(code, context, text).info
    assert info.ends is Ends.NOTHING
    assert info.action == "keep"


@given(
    code=st.one_of(st.integers(-(2**31), 2**31 - 1), st.sampled_from(LISTED)),
    context=st.sampled_from([*CONTEXTS]),
    text=st.text(max_size=40),
)
def test_every_code_has_a_verdict_with_a_reason(code: int, context: str, text: str) -> None:
    verdict = Policy().verdict(code, context, text)
    assert verdict.info.ends is ACTIONS[verdict.info.action].ends
    assert verdict.info.context == context
    assert verdict.decided_by
    if context not in ORDERS:
        assert verdict.info.ends not in {Ends.ORDER, Ends.CHANGE}


def test_of_a_working_order_only_the_servers_own_words_are_the_end(policy: Policy) -> None:
    ends = {c for c in LISTED if policy.verdict(c, "order_live").info.ends is Ends.ORDER}
    assert ends == {201, 202}


# ---------------------------------------------------------------------------- what it says
@pytest.mark.parametrize(
    ("code", "context", "text", "action"),
    [
        (110, "order_new", "", "end_order"),
        (110, "order_live", "", "refuse_change"),
        (10349, "order_live", "", "keep"),
        (10328, "order_live", "", "query_order"),
        (10147, "order_new", "", "refuse_change"),
        (162, "request", "Historical data request pacing violation", "retry"),
        (162, "order_new", "Historical data request pacing violation", "end_request"),
        (10182, "subscription", "", "resubscribe"),
        (10182, "request", "", "end_request"),
        (10197, "subscription", "", "wait"),
        (10190, "subscription", "", "retry"),
        (420, "subscription", "", "retry"),
        (322, "subscription", "Maximum number of account summary requests exceeded", "retry"),
        (322, "request", "Duplicate ticker id", "keep"),
        (100, "connection", "", "retry"),
        (10225, "subscription", "", "resubscribe"),
        (316, "subscription", "", "resubscribe"),
        (1100, "connection", "", "degrade"),
        (1101, "connection", "", "renew_all"),
        (1102, "connection", "", "verify_all"),
        (2103, "connection", "", "farm_lost"),
        (2106, "connection", "", "farm_back"),
        (326, "connection", "", "reconnect"),
        (300, "request", "", "keep"),
    ],
)
def test_what_is_done(policy: Policy, code: int, context: str, text: str, action: str) -> None:
    assert policy.verdict(code, context, text).info.action == action


def codes_that(action: str) -> set[int]:
    """The codes with a row of that action."""
    by_code = load_policy().by_code.items()
    return {code for code, rows in by_code if any(row.action == action for row in rows)}


def test_the_policy_says_what_the_session_and_its_data_do() -> None:
    """What these modules act on by themselves is what the table explains."""
    assert codes_that("degrade") == SERVER_LOST == SERVERS_LOST
    assert codes_that("renew_all") == {DATA_LOST}
    assert codes_that("verify_all") == {DATA_KEPT}
    assert codes_that("renew_all") | codes_that("verify_all") == SERVER_BACK
    farms = {code: state for code, (_, state) in FARM_CODES.items()}
    assert codes_that("farm_lost") == {c for c, s in farms.items() if s is FarmState.BROKEN}
    assert codes_that("farm_back") == {c for c, s in farms.items() if s in SERVING}
    assert codes_that("wait") == {COMPETING_SESSION, 162}  # history says it in a text of 162
    assert CLIENT_ID_IN_USE in codes_that("reconnect")
    hasty = {HASTY, TOO_FAST_BARS, TOO_FAST, REFUSED, SERVICE_ERROR}
    assert codes_that("retry") == hasty
    assert codes_that("resubscribe") >= {DEPTH_HALTED}


def test_it_says_which_row_decided(policy: Policy) -> None:
    assert policy.verdict(110, "order_live").decided_by == "the row '*' of the policy"
    verdict = policy.verdict(202, "request", "Order Canceled - reason:price")
    assert verdict.decided_by == r"the row '202' of the policy for the text 'reason:\\s*\\S'"
    assert policy.verdict(399, "order_live").because == "A warning ends nothing."


def test_the_rows_name_only_codes_of_the_table_and_each_is_used(policy: Policy) -> None:
    table = load_policy()
    assert set(table.by_code) <= set(load_codes())
    decided = {
        id(policy._deciding(policy._line(code, ""), context, ""))
        for code in [*load_codes(), 99_999]
        for context in CONTEXTS
    }
    idle = [row for row in table.rows if row.action and row.text is None and id(row) not in decided]
    assert not idle


# ------------------------------------------------------------------------- what is chosen
def test_a_choice_counts_from_now_on_and_can_be_taken_back() -> None:
    handler = ErrorHandler(ManualClock())
    before = handler.handle(7, 110, "off the grid", scope_hint="order")
    handler.override(110, "order", action="keep", severity="info")
    chosen = handler.handle(7, 110, "off the grid", scope_hint="order")
    handler.reset(110)
    after = handler.handle(7, 110, "off the grid", scope_hint="order")
    assert (before.ends, before.severity, before.action) == (Ends.ORDER, "error", "end_order")
    assert (chosen.ends, chosen.severity, chosen.action) == (Ends.NOTHING, "info", "keep")
    assert chosen.context == "order_new"
    assert after.ends is Ends.ORDER


def test_a_choice_counts_in_its_context_only() -> None:
    handler = ErrorHandler(ManualClock())
    handler.override(354, "subscription", action="keep")
    assert handler.classify(354, context="subscription").ends is Ends.NOTHING
    assert handler.classify(354, context="request").ends is Ends.REQUEST
    assert [str(rule) for rule in handler.overrides] == ["354 = subscription: keep"]


def test_run_time_wins_over_the_configuration_and_reset_returns_to_it() -> None:
    rules = parse_rules(110, "order_live: keep, info; request: keep")
    handler = ErrorHandler(ManualClock(), rules=rules)
    handler.override(110, "order_live", action="end_order")
    info = handler.classify(110, context="order", order_known=True)
    assert (info.ends, info.severity) == (Ends.ORDER, "info")
    handler.reset()
    info = handler.classify(110, context="order", order_known=True)
    assert (info.ends, info.severity) == (Ends.NOTHING, "info")
    assert handler.classify(110, context="request").ends is Ends.NOTHING


def test_what_was_chosen_before_stays_where_nothing_is_said_of_it() -> None:
    handler = ErrorHandler(ManualClock(), rules=parse_rules(354, "request: keep, info"))
    handler.override(110, "order_live", action="end_order")
    handler.override(110, "order_live", severity="fatal")
    handler.override(354, "request", severity="warning")
    both = (
        ErrorRule(110, "order_live", "end_order", "fatal"),
        ErrorRule(354, "request", "keep", "warning"),
    )
    assert handler.overrides == both
    for rule in both:
        found = handler.explain(rule.code).verdicts[rule.context].info
        assert (found.action, found.severity) == (rule.action, rule.severity)


@pytest.mark.parametrize("context", ["request", "subscription"])
def test_what_is_held_back_for_pacing_cannot_be_chosen_away(context: str) -> None:
    policy = Policy(parse_rules(162, f"{context}: keep, info"))
    held = policy.verdict(162, context, "Historical Market Data Service error: pacing violation")
    assert (held.info.action, held.info.severity) == ("retry", "info")
    assert policy.verdict(162, context, "something else").info.action == "keep"


@pytest.mark.parametrize("code", ["110", 1.5, True, None])
def test_a_code_that_is_no_number_is_refused(code: Any) -> None:
    with pytest.raises(ValueError, match="a code is a whole number, as in 10349"):
        ErrorHandler(ManualClock()).override(code, "request", severity="info")


def test_a_severity_alone_changes_how_it_is_told_and_nothing_else() -> None:
    policy = Policy()
    policy.override(201, "order_live", severity="info")
    info = policy.verdict(201, "order_live").info
    assert (info.severity, info.ends) == ("info", Ends.ORDER)


def test_a_program_may_end_orders_at_a_code_of_its_own() -> None:
    policy = Policy()
    policy.override(99_999, "order_new", action="end_order")
    assert policy.verdict(99_999, "order_new").info.ends is Ends.ORDER
    assert policy.verdict(99_999, "order_live").info.ends is Ends.NOTHING


@pytest.mark.parametrize(
    ("code", "context", "choice", "complaint"),
    [
        (110, "orders", {"action": "keep"}, r"no context 'orders' \(did you mean 'order'\?\)"),
        (110, "order_live", {"action": "keeep"}, r"no action 'keeep'.*did you mean 'keep'"),
        (110, "request", {"action": "end_order"}, "request has no action 'end_order'"),
        (110, "request", {"severity": "warn"}, r"no severity 'warn' \(did you mean 'warning'"),
        (110, "request", {}, "choose an action, a severity, or both"),
        (1100, "connection", {"action": "keep"}, "code 1100 does 'degrade'.*only its severity"),
        (10197, "subscription", {"action": "end_request"}, "does 'wait'"),
    ],
)
def test_what_cannot_be_chosen_is_refused_by_name(
    code: int, context: str, choice: dict[str, str], complaint: str
) -> None:
    handler = ErrorHandler(ManualClock())
    with pytest.raises(ValueError, match=complaint):
        handler.override(code, context, **choice)
    assert handler.overrides == ()


@given(
    code=st.integers(0, 20_000),
    context=st.sampled_from([*CONTEXTS]),
    severity=st.sampled_from([None, *SEVERITIES]),
    data=st.data(),
)
def test_what_is_chosen_is_what_happens(
    code: int, context: str, severity: str | None, data: st.DataObject
) -> None:
    policy = Policy()
    before = policy.verdict(code, context).info
    actions = [before.action] if before.action in FIXED else [*OVERRIDES[context]]
    actions = [action for action in actions if action in OVERRIDES[context]]
    action = data.draw(st.sampled_from([None, *actions]))
    if action is None and severity is None:
        return
    policy.override(code, context, action=action, severity=severity)
    info = policy.verdict(code, context).info
    assert info.action == (action or before.action)
    assert info.severity == (severity or before.severity)
    assert info.ends is ACTIONS[info.action].ends


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (("nowhere", "keep", None), "there is no context 'nowhere'"),
        (("order", "keep", None), "'order' is two contexts: a rule has one"),
        (("request", "refuse_change", None), "request has no action 'refuse_change'"),
        (("request", None, None), "choose an action, a severity, or both"),
        (("request", None, "bad"), "no severity 'bad'"),
    ],
)
def test_a_rule_made_in_code_is_checked_too(
    fields: tuple[str, str | None, str | None], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        ErrorRule(110, *fields)
    rule = ErrorRule(110, "request", "keep")
    assert Policy(ErrorParams(rules=(rule,)).rules).verdict(110, "request").info.action == "keep"


# ------------------------------------------------------------------------ from an INI file
def load(folder: Path, text: str) -> Config:
    file = folder / "config.ini"
    file.write_text(text, encoding="utf-8")
    return Config.load(file, environ={})


def test_codes_are_keys_of_the_section_errors(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        "[errors]\n10349 = order_live: keep, info\n354 = request: warning;order: refuse_change\n",
    )
    assert [str(rule) for rule in config.errors.rules] == [
        "10349 = order_live: keep, info",
        "354 = request: warning",
        "354 = order_new: refuse_change",
        "354 = order_live: refuse_change",
    ]
    assert Policy(config.errors.rules).verdict(354, "order_new").info.ends is Ends.CHANGE


def test_a_code_from_the_environment_and_from_code() -> None:
    config = Config.load(environ={"TWSLOOP_ERRORS_10349": "order_live: error"})
    assert [str(rule) for rule in config.errors.rules] == ["10349 = order_live: error"]
    config = Config.load(environ={}, overrides={"errors.110": "order_live: end_order"})
    assert [str(rule) for rule in config.errors.rules] == ["110 = order_live: end_order"]
    assert Config.load(environ={"TWSLOOP_ERRORS_110": ""}).errors == ErrorParams()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("10349 = keep", r"10349 = keep: 'keep' is not 'context: action, severity'"),
        ("10349 = order_life: keep", r"no context 'order_life' \(did you mean 'order_live'\?\)"),
        ("10349 = order_live: kep", r"order_live has no action 'kep' to choose \(did you mean"),
        ("10349 = order_live: keep, end_order", "has two actions"),
        ("10349 = order_live: keep; order: keep", "order_live is there twice"),
        ("10349 = ;", "it says nothing"),
        ("margin = order_live: keep", r"no such key.*allowed: IB's codes, for example 10349"),
    ],
)
def test_what_cannot_be_read_names_the_file_and_what_is_allowed(
    tmp_path: Path, line: str, complaint: str
) -> None:
    with pytest.raises(ConfigError, match=complaint) as raised:
        load(tmp_path, f"[errors]\n{line}\n")
    assert raised.value.file == str(tmp_path / "config.ini")


def test_a_choice_that_nothing_would_follow_is_a_configuration_error(tmp_path: Path) -> None:
    config = load(tmp_path, "[errors]\n1100 = connection: keep\n")
    with pytest.raises(ConfigError, match=r"\[errors\] 1100 = .*only its severity may be chosen"):
        ErrorHandler(ManualClock(), rules=config.errors.rules)
