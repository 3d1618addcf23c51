"""Streams that are held for one answer: a question that IB answers with a subscription."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from twsloop.errors import ConnectionLost, NotConnected

if TYPE_CHECKING:
    from .core import Core
    from .feed import Feed, StreamPlan
    from .stream import Stream
    from .streams import Streams

__all__ = ["Questions"]


class Questions:
    """Asks them; they do not outlive their session. Loop thread.

    Args:
        core: The connection.
        streams: Opens the streams.
    """

    def __init__(self, core: Core, streams: Streams) -> None:
        self._core = core
        self._streams = streams
        self._held: dict[Stream[Any], None] = {}

    def __contains__(self, stream: Stream[Any]) -> bool:
        """Whether a handle is held for one answer."""
        return stream in self._held

    def hold(self, stream: Stream[Any]) -> None:
        """A handle is held for one answer from now on (any thread, under the lock)."""
        self._held[stream] = None

    def only(self, feed: Feed[Any]) -> bool:
        """Whether a feed is held for one answer only, and nobody follows it."""
        return all(handle in self._held for handle in feed.handles)

    async def ask(self, plan: StreamPlan, limit: float | None) -> Stream[Any]:
        """The stream, which is over, once its image was whole.

        Args:
            plan: How it is asked for.
            limit: Seconds for each part of the answer; as planned unless given.

        Raises:
            NotConnected: There is no session.
            ConnectionLost: The link ended before the image was whole.
            RequestError: What ended the stream.
        """
        if not self._core.connected:
            msg = f"{plan.request}: not connected"
            raise NotConnected(msg)
        deadline = plan.deadline if limit is None else limit
        stream = self._streams.open(attrs.evolve(plan, deadline=deadline), question=True)
        try:
            await stream.image
        finally:
            del self._held[stream]
            stream.cancel()
        return stream

    def down(self) -> None:
        """The session ended: no answer will come."""
        for stream in tuple(self._held):
            msg = f"{stream.request}: the link was lost before the answer came"
            stream.finish(ConnectionLost(msg))

    def too_late(self, feed: Feed[Any], error: Exception) -> None:
        """No answer came in time."""
        for handle in tuple(feed.handles):
            if handle in self._held:
                handle.finish(error)
