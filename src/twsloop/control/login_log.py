"""How a login goes, by what IBC writes into its log (pure).

IBC tells each step in a line of its own, ``2026-09-07 07:13:43:130 IBC: Second Factor
Authentication initiated``, and each dialog that opens by its title. The newest line that we know
says where the login stands. What needs a person is shown as that, and never answered here.
(Source: IBC's LoginManager, TwsListener and handlers of dialogs, and the log of its script.)
"""

from __future__ import annotations

import re
from enum import Enum

import attrs

__all__ = ["LoginState", "LoginStory", "Stage"]

#: A line is looked at so far; IBC may write the whole structure of a window, characters.
LONGEST = 2000


class Stage(Enum):
    """Where a login stands."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    LOGGING_IN = "logging in"
    SECOND_FACTOR = "waits for the second factor"
    SECOND_FACTOR_EXPIRED = "the second factor was not answered"
    EXISTING_SESSION = "another session of this user is open"
    DIALOG = "a dialog waits for an answer"
    FAILED = "the login failed"
    LOGGED_IN = "logged in"
    CONFIGURED = "logged in and configured"
    ENDED = "ended"


_NEED_PERSON = frozenset(
    {
        Stage.SECOND_FACTOR,
        Stage.SECOND_FACTOR_EXPIRED,
        Stage.EXISTING_SESSION,
        Stage.DIALOG,
        Stage.FAILED,
    }
)

#: What to do where a person is needed.
_REMEDIES = {
    Stage.SECOND_FACTOR: "answer the question of IBKR Mobile, or of your device, now",
    Stage.SECOND_FACTOR_EXPIRED: "start it again, and answer the question in time",
    Stage.EXISTING_SESSION: "end the other session of this user, or set IBC's "
    "ExistingSessionDetectedAction",
    Stage.DIALOG: "look at the screen of the gateway, and answer the dialog",
    Stage.FAILED: "look at user name and password; too many attempts lock the user out",
}


@attrs.frozen(kw_only=True)
class LoginState:
    """Where a login stands, as the log says.

    Attributes:
        stage: Where.
        text: The line that says so, without the time.
        at: When, as IBC wrote it (the gateway's local time); empty where the line has none.
    """

    stage: Stage = Stage.UNKNOWN
    text: str = ""
    at: str = ""

    @property
    def needs_person(self) -> bool:
        """Whether nothing goes on until somebody does something."""
        return self.stage in _NEED_PERSON

    @property
    def remedy(self) -> str:
        """What that is; empty where nothing is needed."""
        return _REMEDIES.get(self.stage, "")

    def __str__(self) -> str:
        """For people."""
        since = f" since {self.at}" if self.at and self.needs_person else ""
        return f"{self.stage.value}{since}"


_S = Stage
#: A line, and where the login stands after it; the first that fits counts. IBC writes the first
#: letter of what it says as a capital.
_LINES: tuple[tuple[re.Pattern[str], Stage], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), stage)
    for pattern, stage in (
        (r"IBC returned exit status", _S.ENDED),
        (r"Starting IBC version|IBC will (cold-)?restart shortly", _S.STARTING),
        (r"Starting (Gateway|TWS) with this command", _S.STARTING),
        (r"Configuration tasks completed", _S.CONFIGURED),
        (r"Login has completed", _S.LOGGED_IN),
        (r"Second Factor Authentication initiated", _S.SECOND_FACTOR),
        (r"Re-login after second factor authentication timeout", _S.SECOND_FACTOR_EXPIRED),
        (r"Second Factor Authentication(; event=| dialog )Closed", _S.LOGGING_IN),
        (r"closing .*Second Factor Authentication", _S.SECOND_FACTOR_EXPIRED),
        (r"Unrecognized Username or Password", _S.FAILED),
        (r"Too many failed login attempts", _S.FAILED),
        (r"IBC: Login failed|entitled: Login failed; event=Opened", _S.FAILED),
        (r"Existing session detected; event=Opened", _S.EXISTING_SESSION),
        (r"User must choose whether to continue with this session", _S.EXISTING_SESSION),
        (r"(Password Notice|password expir\w*).*; event=Opened", _S.DIALOG),
        (r"Accept incoming connection.*; event=Opened", _S.DIALOG),
        (r"Re-login to session|Click button: (Paper )?Log ?In", _S.LOGGING_IN),
        (
            r"entitled: (Authenticating|Login|IBKR Gateway|IB Gateway).*; event=Opened",
            _S.LOGGING_IN,
        ),
    )
)
#: Past the login these say nothing of it: IBC's windows have the program's name in their titles.
_ONLY_BEFORE = _S.LOGGING_IN
_IN = frozenset({_S.LOGGED_IN, _S.CONFIGURED})
_TIMED = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)[:.]?\d* IBC: (.*)")


@attrs.define(eq=False)
class LoginStory:
    """Follows a login through the lines of a log.

    Attributes:
        state: Where it stands.
        starts: How often the program was started, restarts included.
        without_login: Whether the last start found that no login is needed (an autorestart file).
    """

    state: LoginState = attrs.Factory(LoginState)
    starts: int = 0
    without_login: bool = False

    def read(self, line: str) -> bool:
        """Take one line; whether it changed where the login stands."""
        line = line[:LONGEST].strip()
        if "authentication will not be required" in line:
            self.without_login = True
        elif "full authentication will be required" in line.lower():
            self.without_login = False
        stage = self._stage(line)
        if stage is None:
            return False
        if re.search(r"Starting (Gateway|TWS) with this command", line, re.IGNORECASE):
            self.starts += 1
        timed = _TIMED.match(line)
        at, text = (timed[1], timed[2]) if timed else ("", line)
        before, self.state = self.state, LoginState(stage=stage, text=text, at=at)
        return before.stage is not stage

    def _stage(self, line: str) -> Stage | None:
        stage = next((stage for pattern, stage in _LINES if pattern.search(line)), None)
        if stage is _ONLY_BEFORE and self.state.stage in _IN:
            return None
        return stage
