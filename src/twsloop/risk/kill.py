"""The kill switch's state: engaged or not, by what, why, and what it is to do. Pure.

What it does at the broker is somebody else's part; here is only what it may do, which is never more
than the settings allow, whatever engaged it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Literal

import attrs

from twsloop.config.sections import KillSwitchParams
from twsloop.errors import RiskError
from twsloop.events import Fact, KillSwitchChanged

__all__ = ["KillSwitch", "KillTrigger"]

#: What can engage it.
KillTrigger = Literal["api", "cli", "file", "signal", "loss limit", "breaker"]


@attrs.frozen
class _Latch:
    by: str
    reason: str
    since: datetime


class KillSwitch:
    """Latched: once engaged it stays so, over restarts, until somebody releases it with a reason.

    Args:
        params: What it may do.
    """

    def __init__(self, params: KillSwitchParams) -> None:
        self._params = params
        self._latch: _Latch | None = None
        #: What made it what it is; None if nothing ever did.
        self.newest: KillSwitchChanged | None = None

    @property
    def engaged(self) -> bool:
        """Whether new orders are refused."""
        return self._latch is not None

    @property
    def by(self) -> str:
        """What engaged it; empty if nothing did."""
        return "" if self._latch is None else self._latch.by

    @property
    def since(self) -> datetime | None:
        """When it was engaged, UTC; None if it is not."""
        return None if self._latch is None else self._latch.since

    @property
    def reason(self) -> str:
        """Why it is engaged; empty if it is not."""
        return "" if self._latch is None else self._latch.reason

    @property
    def blocks(self) -> str:
        """Why orders are refused, in words; empty if they are not."""
        if self._latch is None:
            return ""
        why = f": {self._latch.reason}" if self._latch.reason else ""
        return f"engaged by {self._latch.by}{why}"

    @property
    def cancels(self) -> Literal["entries", "all", "none"]:
        """What is cancelled at the broker when it is engaged."""
        return self._params.cancel

    @property
    def flattens(self) -> bool:
        """Whether positions are closed when it is engaged."""
        return self._params.flatten

    @property
    def file(self) -> Path | None:
        """The file that engages it as long as it exists."""
        return self._params.file

    def heeds(self, trigger: KillTrigger) -> bool:
        """Whether something engages it by the settings; people always may."""
        if trigger == "loss limit":
            return self._params.on_loss
        if trigger == "breaker":
            return self._params.on_breaker
        return trigger != "file" or self._params.file is not None

    def engage(self, by: KillTrigger, reason: str, now: datetime) -> KillSwitchChanged | None:
        """Refuse new orders from now on.

        Args:
            by: What engages it.
            reason: Why, in words.
            now: UTC.

        Returns:
            The fact to be told, which says what is to be done; None if it is engaged already, or
            the settings do not let this engage it.
        """
        if self._latch is not None or not self.heeds(by):
            return None
        self._latch = _Latch(by, reason.strip(), now)
        self.newest = KillSwitchChanged(
            time=now,
            engaged=True,
            by=by,
            reason=reason.strip(),
            cancel=self.cancels,
            flatten=self.flattens,
        )
        return self.newest

    def release(self, reason: str, now: datetime, *, by: str = "api") -> KillSwitchChanged | None:
        """Let new orders pass again.

        Args:
            reason: Why.
            now: UTC.
            by: Who.

        Returns:
            The fact to be told; None if it is not engaged.

        Raises:
            RiskError: There is no reason.
        """
        if not reason.strip():
            msg = "the kill switch is released only with a reason; give one"
            raise RiskError(msg)
        if self._latch is None:
            return None
        self._latch = None
        self.newest = KillSwitchChanged(time=now, engaged=False, by=by, reason=reason.strip())
        return self.newest

    def restore(self, facts: Iterable[Fact]) -> None:
        """Be what it was when an earlier program ended.

        Args:
            facts: Facts of the journal, the oldest first; others than its own do nothing.
        """
        for fact in facts:
            if isinstance(fact, KillSwitchChanged):
                latch = _Latch(fact.by, fact.reason, fact.time) if fact.engaged else None
                self._latch, self.newest = latch, fact
