"""How commands follow a stream: items are printed as they come, until the time is over.

What came, what became of the stream (gaps), and what became of the session go through one `Inbox`
to the main thread, in their order. On a terminal a table that redraws itself takes the place of the
lines.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from rich.console import RenderableType
from rich.live import Live

from twsloop.events import Fact, GapEnded, GapStarted

from .connect import Inbox, Patience, watch_session
from .fields import text
from .output import Output
from .session_words import SessionWords
from .shapes import line

if TYPE_CHECKING:
    from twsloop.connection.stream import Stream
    from twsloop.gateway import IBGateway

__all__ = ["SESSION", "Following", "Redrawn"]

T = TypeVar("T")

#: How often a live table is drawn, times a second.
REDRAW = 4

SESSION = line(
    "session",
    "The session changed.",
    state=text("where it is: READY, DEGRADED, WAITING, CONNECTING..."),
    reason=text("why"),
)


class Redrawn:
    """What redraws itself on a terminal, as large as that is at the moment. A context manager.

    The main thread draws, between two looks at its inbox: what cannot be drawn is an error there,
    and no screen that stands still.

    Args:
        out: Where to; it draws nothing where that is not live.
        draw: Makes what is to be seen.
        patience: Says what time it is.
        screen: Whether it has the whole screen, and leaves it as it was.
    """

    def __init__(
        self,
        out: Output,
        draw: Callable[[], RenderableType],
        patience: Patience,
        *,
        screen: bool = False,
    ) -> None:
        self._patience = patience
        self._due = 0.0
        self._live: Live | None = None
        if out.live:
            self._live = Live(
                get_renderable=draw, console=out.console, auto_refresh=False, screen=screen
            )

    def __enter__(self) -> Self:
        """Take the terminal; the next look draws."""
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        """Leave the terminal as it was, or with the last picture on it."""
        if self._live is not None:
            self._live.stop()

    def look(self) -> None:
        """Draw it again, if it is time to."""
        spent = self._patience.spent
        if self._live is not None and spent >= self._due:
            self._due = spent + 1 / REDRAW
            self._live.refresh()


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
        self._words = SessionWords()
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
        drawn = Redrawn(self._out, self._draw, patience)
        with (
            stream,
            contextlib.closing(self._inbox),
            drawn,
            contextlib.suppress(KeyboardInterrupt),
        ):
            while patience.left > 0 and stream.active and not self._enough:
                self._take(self._inbox.get(patience))
                drawn.look()
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
            words = self._words.of(item["state"], item["reason"])
            self._out.event(SESSION.event, None if self._out.live else words, **item)
        else:
            self._life(item)

    def _life(self, fact: Fact) -> None:
        """People are told of gaps: that it began they see, and why it ended is the last word."""
        if self._out.form == "json":
            self._out.fact(fact, "")
        elif not self._out.live and isinstance(fact, (GapStarted, GapEnded)):
            self._out.fact(fact, f"{fact.time:%H:%M:%S}  {fact}")
