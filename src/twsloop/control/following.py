"""A gateway's process with its log: whether it lives, how it ended, where its login stands."""

from __future__ import annotations

import attrs

from twsloop.connection.processes import Process

from .endings import Ending, explain
from .login_log import LoginStory
from .machine import Child, lives
from .steps import Step, Tell, ending_of_log, told_nothing
from .tail import Tail

__all__ = ["Following"]


@attrs.define(eq=False)
class Following:
    """Follows a process.

    Attributes:
        process: Which; None where we started none, and know of none.
        tail: Its log.
        story: Where its login stands.
        child: Its handle, where this very program started it: only that tells the exit status.
        through_ibc: Whether IBC runs it.
    """

    process: Process | None
    tail: Tail
    story: LoginStory = attrs.Factory(LoginStory)
    child: Child | None = None
    through_ibc: bool = True

    def ended(self) -> Ending | None:
        """How it ended; None while it lives, or where nobody knows of a process."""
        if self.child is not None:
            status = self.child.poll()
            return None if status is None else explain(status, through_ibc=self.through_ibc)
        if self.process is None or lives(self.process):
            return None
        self.read()  # what it said last
        return ending_of_log(self.story)

    def read(self, tell: Tell = told_nothing) -> None:
        """Take what the log says, and tell what changed."""
        for line in self.tail.lines():
            if self.story.read(line):
                tell(Step.of_login(self.story.state))
