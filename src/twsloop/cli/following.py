"""How commands follow a stream: items are printed as they come, until the time is over.

What came, what became of the stream (gaps), and what became of the session go through one `Inbox`
to the main thread, in their order. On a terminal a table that redraws itself takes the place of the
lines.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rich.console import RenderableType
from rich.live import Live

from twsloop.events import Fact, GapEnded, GapStarted

from .connect import Inbox, Patience, watch_session
from .fields import text
from .output import Output
from .shapes import line

if TYPE_CHECKING:
    from twsloop.connection.stream import Stream
    from twsloop.gateway import IBGateway

__all__ = ["SESSION", "Following", "redrawn"]

T = TypeVar("T")

#: How often a live table is drawn, times a second.
REDRAW = 4

SESSION = line(
    "session",
    "The session changed.",
    state=text("where it is: READY, DEGRADED, WAITING, CONNECTING..."),
    reason=text("why"),
)


def redrawn(out: Output, draw: Callable[[], RenderableType], *, screen: bool = False) -> Live:
    """What redraws itself on the terminal, as wide as that is at the moment."""
    return Live(get_renderable=draw, console=out.console, refresh_per_second=REDRAW, screen=screen)


class Following(Generic[T]):
    """Follows one stream, and prints what it tells.

    Args:
        gateway: The session.
        out: Where to.
        show: Prints an item; in the main thread.
        draw: What a terminal shows in place of lines.
        most: It ends after so many items; None for as many as come.

    Attributes:
        count: How many items came.
        state: The session's state.
    """

    def __init__(
        self,
        gateway: IBGateway,
        out: Output,
        show: Callable[[T], None],
        draw: Callable[[], RenderableType],
        *,
        most: int | None = None,
    ) -> None:
        self._out = out
        self._show = show
        self._draw = draw
        self._most = most
        self._inbox: Inbox[tuple[str, Any]] = Inbox()
        self.count = 0
        self.state = gateway.session_state.name
        watch_session(
            gateway, self._inbox, lambda s, reason: ("session", {"state": s, "reason": reason})
        )

    def put(self, item: T) -> None:
        """Take an item in; on the loop thread."""
        self._inbox.put(("item", item))

    def run(self, stream: Stream[Any], patience: Patience) -> None:
        """Print until the time is over, enough items came, Ctrl-C is pressed, or it ends.

        Raises:
            TwsLoopError: What ended the stream.
        """
        stream.on_life(lambda fact: self._inbox.put(("life", fact)))
        with stream, contextlib.closing(self._inbox), ExitStack() as stack:
            if self._out.live:
                stack.enter_context(redrawn(self._out, self._draw))
            with contextlib.suppress(KeyboardInterrupt):
                while patience.left > 0 and stream.active and not self._enough:
                    self._take(self._inbox.get(patience))
        if stream.error is not None:
            raise stream.error

    @property
    def _enough(self) -> bool:
        return self._most is not None and self.count >= self._most

    def _take(self, told: tuple[str, Any] | None) -> None:
        if told is None:
            return
        what, item = told
        if what == "item":
            self.count += 1
            self._show(item)
        elif what == "session":
            self.state = item["state"]
            words = None if self._out.live else f"session {item['state']}: {item['reason']}"
            self._out.event(SESSION.event, words, **item)
        else:
            self._life(item)

    def _life(self, fact: Fact) -> None:
        """People are told of gaps: that it began they see, and why it ended is the last word."""
        if self._out.form == "json":
            self._out.fact(fact, "")
        elif not self._out.live and isinstance(fact, (GapStarted, GapEnded)):
            self._out.fact(fact, f"{fact.time:%H:%M:%S}  {fact}")
