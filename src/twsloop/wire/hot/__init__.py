"""The hot path: frames, and the messages that come by the thousand, decoded at once.

Theory of operation. Nearly all that a gateway sends are ticks, of ten kinds (`calls.HOT`). For them
the way through IB's decoder is most of what a client costs. A `MessageStream` cuts what a read
brought into frames, decodes those ten itself, and calls who listens, straight; every other message
is handed on whole, to the long way. The rule that makes this safe: a hot decoder either knows
exactly what IB's decoder would call with these very bytes, or it declines before anything is
called, and the message goes the long way like any other. So what is odd, broken or new is never
judged here.

The stream exists twice, with the same interface and the same calls for the same bytes: in Python
(`stream`, with its decoders in `protobuf`, `tick_by_tick`, `rarer` and `text`), and compiled
(`twsloop.wire._native`), which is there where a compiler was when twsloop was installed.
`IMPLEMENTATION` says which runs; ``TWSLOOP_WIRE=python`` or ``native`` in the environment chooses.
"""

from __future__ import annotations

from .calls import CALLED, HOT, Calls, Route, Sink
from .choice import IMPLEMENTATION, MessageStream

__all__ = ["CALLED", "HOT", "IMPLEMENTATION", "Calls", "MessageStream", "Route", "Sink"]
