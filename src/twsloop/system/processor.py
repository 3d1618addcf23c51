"""What comes in about the gateway itself: IB's callbacks, read into rows."""

from __future__ import annotations

from typing import Any

from twsloop.connection.core import Core

from .configuration import read_configuration, read_update
from .groups import GroupState
from .state import read_group, read_groups, read_tiers, read_user

__all__ = ["GroupStreams", "SystemProcessor"]


class SystemProcessor:
    """EWrapper's callbacks that answer requests about the gateway, each in one part.

    Args:
        core: The connection; joins answers to our own requests.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def userInfo(self, reqId: int, whiteBrandingId: str) -> None:
        """About the login."""
        self._whole(reqId, read_user(whiteBrandingId))

    def displayGroupList(self, reqId: int, groups: str) -> None:
        """The numbers of the display groups."""
        self._whole(reqId, read_groups(groups))

    def softDollarTiers(self, reqId: int, tiers: list[Any]) -> None:
        """The tiers of soft dollars."""
        self._whole(reqId, read_tiers(tiers))

    def replaceFAEnd(self, reqId: int, text: str) -> None:
        """An advisor's data was replaced."""
        self._whole(reqId, text)

    def configResponseProtoBuf(self, configResponseProto: Any) -> None:
        """The gateway's settings."""
        self._whole(configResponseProto.reqId, read_configuration(configResponseProto))

    def updateConfigResponseProtoBuf(self, updateConfigResponseProto: Any) -> None:
        """What became of a change."""
        self._whole(updateConfigResponseProto.reqId, read_update(updateConfigResponseProto))

    def _whole(self, req_id: int, answer: Any) -> None:
        self._core.answer_part(req_id, answer)
        self._core.answer_end(req_id)


class GroupStreams:
    """EWrapper's callback about display groups; heard while somebody follows one.

    Args:
        core: The connection; knows the streams.
    """

    def __init__(self, core: Core) -> None:
        self._core = core

    def displayGroupUpdated(self, reqId: int, contractInfo: str) -> None:
        """A group shows something."""
        feed = self._core.streams.feed(reqId)
        if feed is not None and feed.plan.listener is self:
            view = read_group(contractInfo)
            state: GroupState = feed.state
            state.shows(view)
            feed.put(view)
