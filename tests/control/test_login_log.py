"""How a login goes, by the lines of IBC's log."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from twsloop.control.login_log import LoginStory, Stage

#: A start that needs a second factor, line by line, and where the login stands after each.
STORY = [
    ("Starting IBC version 3.24.1 on 2026-09-07 at 07:13:30", Stage.STARTING),
    ("autorestart file not found: full authentication will be required", Stage.STARTING),
    ("Starting Gateway with this command:", Stage.STARTING),
    ("2026-09-07 07:13:41:100 IBC: detected frame entitled: IBKR Gateway; event=Opened",
     Stage.LOGGING_IN),
    ("2026-09-07 07:13:42:238 IBC: Click button: Log In", Stage.LOGGING_IN),
    ("2026-09-07 07:13:43:130 IBC: Second Factor Authentication initiated", Stage.SECOND_FACTOR),
    (("2026-09-07 07:13:43:131 IBC: detected dialog entitled: Second Factor Authentication; "
     "event=Focused"), Stage.SECOND_FACTOR),
    (("2026-09-07 07:13:58:000 IBC: detected dialog entitled: Second Factor Authentication; "
     "event=Closed"), Stage.LOGGING_IN),
    ("2026-09-07 07:14:02:011 IBC: Login has completed", Stage.LOGGED_IN),
    ("2026-09-07 07:14:02:300 IBC: detected frame entitled: IBKR Gateway; event=Opened",
     Stage.LOGGED_IN),
    ("2026-09-07 07:14:05:011 IBC: Configuration tasks completed", Stage.CONFIGURED),
]  # fmt: skip


def after(*lines: str) -> LoginStory:
    story = LoginStory()
    for line in lines:
        story.read(line)
    return story


def test_a_login_with_a_second_factor_step_by_step() -> None:
    story = LoginStory()
    for line, stage in STORY:
        story.read(line)
        assert story.state.stage is stage, line
    assert story.starts == 1
    assert not story.without_login


def test_a_second_factor_is_shown_with_what_to_do_and_since_when() -> None:
    state = after(*(line for line, _ in STORY[:6])).state
    assert state.needs_person
    assert "IBKR Mobile" in state.remedy
    assert str(state) == "waits for the second factor since 2026-09-07 07:13:43"


def test_a_restart_without_a_login() -> None:
    story = after(*(line for line, _ in STORY))
    for line in (
        "IBC returned exit status 0",
        "Finding autorestart file",
        "autorestart file found at Jts/x/autorestart: authentication will not be required",
        "IBC will restart shortly",
        "Starting Gateway with this command:",
    ):
        story.read(line)
    assert (story.starts, story.without_login) == (2, True)
    assert story.state.stage is Stage.STARTING


def test_what_waits_for_a_person_says_so() -> None:
    for line, stage in (
        ("IBC: Re-login after second factor authentication timeout in 5 second",
         Stage.SECOND_FACTOR_EXPIRED),
        ("IBC: closing because login has not completed after Second Factor Authentication",
         Stage.SECOND_FACTOR_EXPIRED),
        ("IBC: Login failed", Stage.FAILED),
        ("IBC: Unrecognized Username or Password", Stage.FAILED),
        ("IBC: Too many failed login attempts. Please wait 53 seconds", Stage.FAILED),
        ("IBC: detected dialog entitled: Existing session detected; event=Opened",
         Stage.EXISTING_SESSION),
        ("IBC: User must choose whether to continue with this session", Stage.EXISTING_SESSION),
        ("IBC: detected dialog entitled: Accept incoming connection?; event=Opened", Stage.DIALOG),
    ):  # fmt: skip
        state = after(line).state
        assert (state.stage, state.needs_person) == (stage, True), line
        assert state.remedy


def test_the_end_is_told() -> None:
    story = after("IBC returned exit status 87")
    assert story.state.stage is Stage.ENDED
    assert not story.state.needs_person


@given(st.lists(st.text(max_size=60) | st.sampled_from([line for line, _ in STORY]), max_size=30))
def test_lines_of_others_between_ours_change_nothing(lines: list[str]) -> None:
    ours = [line for line, _ in STORY]
    known = [line for line in lines if line in ours]
    assert after(*lines).state == after(*known).state or any(
        after(line).state.stage is not Stage.UNKNOWN for line in lines if line not in ours
    )
