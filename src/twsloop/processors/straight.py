"""The shortest way from a hot message to who hears it: the functions that a stream calls itself.

Where just one listens to a callback, on the loop thread, the stream calls that one, and not the
fan-out, whose guard and list of listeners cost more than many a callback. The stream guards each
call by itself, and tells here what was raised. Wherever there is more to do than one call (several
listeners, an executor, the queue of ``run()``, calls that are timed) it calls the fan-out's own
function, like everyone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from twsloop.wire.hot import HOT, Calls, MessageStream, Route
from twsloop.wire.messages import INBOUND

__all__ = ["Straight"]

Callback = Callable[..., object]


class Straight:
    """What a `MessageStream` calls (its ``Sink``).

    Args:
        raised: Told of what a function raised; raises it again where it has to end the program.

    Attributes:
        low: For the ids of the program's own requests.
        high: For ids that the framework may have handed out: their answers are its own.
        message_done: Called after each message; None for nothing.
        failed: Told of what a function raised.
    """

    def __init__(self, raised: Callable[[Callback, BaseException], None]) -> None:
        self.low = Calls()
        self.high = Calls()
        self.message_done: Callable[[], object] | None = None
        self.failed = raised
        self._stream: MessageStream | None = None
        self._routes = dict.fromkeys(HOT, Route.SKIP)
        #: Listeners come from any thread: a route that was just read may be none any more.
        self._lock = threading.Lock()

    def attach(self, stream: MessageStream | None) -> None:
        """A session's stream began; None when nothing is to be routed any more."""
        with self._lock:
            self._stream = stream
            if stream is not None:
                for number, route in self._routes.items():
                    stream.route(number, route)

    def put(self, name: str, low: Callback, high: Callback) -> None:
        """Who hears a callback has changed."""
        setattr(self.low, name, low)
        setattr(self.high, name, high)

    def reroute(self, hears: Callable[[Iterable[str]], bool]) -> None:
        """Say anew which messages are decoded by the stream, by IB's decoder, or not at all.

        Args:
            hears: Whether anybody hears one of these callbacks.
        """
        for number, called in HOT.items():
            names = INBOUND[number].callbacks
            if not hears(names):
                route = Route.SKIP
            elif hears(set(names).difference(called)):
                route = Route.OTHER  # the protobuf twin, which a stream does not make
            else:
                route = Route.HOT
            if route is not self._routes[number]:
                with self._lock:
                    self._routes[number] = route
                    if self._stream is not None:
                        self._stream.route(number, route)
