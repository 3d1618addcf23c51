"""Display groups: what one shows, and changes of it that are under way.

A change is answered by what the group shows then, told to all who follow it; a refusal names the
id of the subscription, which goes on all the same.
"""

from __future__ import annotations

import asyncio
from typing import Any

from twsloop.connection.streams import Feed
from twsloop.errors import RequestError
from twsloop.events import Ends, Notice

from .state import GroupView, read_group

__all__ = ["GroupState", "answers", "refused_change"]


class GroupState:
    """What a display group shows; loop thread only, but for `shown`.

    Attributes:
        shown: What it shows; None before the gateway said so.
    """

    def __init__(self) -> None:
        self.shown: GroupView | None = None
        self._changes: list[tuple[str, asyncio.Future[GroupView]]] = []

    @property
    def changing(self) -> bool:
        """Whether a change of ours is under way."""
        return bool(self._changes)

    def change(self, text: str) -> asyncio.Future[GroupView]:
        """A change left; what the group shows when it was made."""
        future: asyncio.Future[GroupView] = asyncio.get_running_loop().create_future()
        self._changes.append((text, future))
        return future

    def shows(self, view: GroupView) -> None:
        """The gateway said what it shows: that ends the changes up to this one."""
        self.shown = view
        for number, (text, _) in enumerate(self._changes):
            if answers(text, view):
                for _, future in self._changes[: number + 1]:
                    if not future.done():
                        future.set_result(view)
                del self._changes[: number + 1]
                return

    def fail(self, future: asyncio.Future[GroupView], error: Exception) -> None:
        """A change has no answer."""
        self.forget(future)
        if not future.done():
            future.set_exception(error)

    def refuse(self, error: Exception) -> None:
        """The oldest change was refused."""
        if self._changes:
            self.fail(self._changes[0][1], error)

    def forget(self, future: asyncio.Future[GroupView]) -> None:
        """Nobody waits for a change any more."""
        self._changes = [entry for entry in self._changes if entry[1] is not future]


def answers(text: str, view: GroupView) -> bool:
    """Whether what a group shows is what it was told to show; TWS may add the exchange."""
    wanted = read_group(text)
    return (
        wanted.empty == view.empty
        and wanted.con_id == view.con_id
        and wanted.exchange in {"", view.exchange}
    )


def refused_change(feed: Feed[Any], notice: Notice) -> bool:
    """Deal with a notice about a group: while a change is under way, it refuses that one."""
    state: GroupState = feed.state
    if notice.ends is not Ends.REQUEST or not state.changing:
        return False
    state.refuse(
        RequestError(
            notice.text,
            code=notice.code,
            req_id=notice.req_id,
            request=f"change of {feed.request}",
            category=notice.category,
        )
    )
    return True
