"""Who hears what: the fan-out of IB's callbacks to everyone who listens.

Theory of operation. IB's decoder and IB's client call methods of one object, the wrapper. Ours is a
`Fanout`: it has one attribute for each EWrapper callback, and each attribute is a function made for
exactly those who listen to it now. It is rebuilt when a listener comes or goes, never per message;
a callback that nobody hears is one shared function that does nothing, and its message need not
even be decoded (see `Registry.hears`).

Listeners are called in three tiers: twsloop's own slices, the user's override (the methods of a
subclass, or of a separate wrapper object), then registered processors in the order they came.
Every call is guarded: an exception is reported with the name of the callback that raised it, and
suppresses nobody else's. The slices always run at once, on the loop thread. The two user tiers run
there too, or are queued with their arguments for another thread: that of ``run()``, an executor, or
another asyncio loop.

Answers to the framework's own requests go to its slices only. They are known by their request id
(ours start at 2**30), and for callbacks without an id by `Registry.private`.
"""

from __future__ import annotations

from .policy import Deliver, DeliveryCounts, Place, Policy
from .queue import CallbackQueue, Entry
from .registry import CALLBACKS, SINGLETONS, Fanout, Registry, Where, describe, overrides

__all__ = [
    "CALLBACKS",
    "SINGLETONS",
    "CallbackQueue",
    "Deliver",
    "DeliveryCounts",
    "Entry",
    "Fanout",
    "Place",
    "Policy",
    "Registry",
    "Where",
    "describe",
    "overrides",
]
