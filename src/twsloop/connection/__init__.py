"""`IBKRConnection`: IB's EWrapper and EClient over our own transport.

* `base` is the object itself: IB's methods as IB's users know them, on our loop thread;
* `core` is its inside, which the slices are given, under names no subclass can take away; `hooks`
  are those who want to know what happens, `moves` takes the session through its table and tells
  them;
* `driver` starts, runs and ends it, in whatever thread that is asked for;
* `lifecycle` makes, ends and remakes the session, with a deadline for each stage; `stages` has the
  words for what can go wrong;
* `dispatch` takes one frame to IB's decoder and survives whatever is in it;
* `asks` joins requests to their answers;
* `streams` are the requests that go on until they are cancelled; `care` looks after them, with
  `patience` for their silence and `refusals` for what the gateway refuses;
* `singletons` puts a user's raw calls of requests without an id in one queue with ours;
* `link` is the object that IB's code knows as ``conn``;
* `compat` refuses an ibapi, or an override, that does not fit.
"""

from __future__ import annotations

from .base import IBKRConnection

__all__ = ["IBKRConnection"]
