"""Market data: live tickers, subscriptions of many, and lines that are shared.

* `state` and `ticks`: the `Ticker`, and what each of IB's tick types does to it;
* `lines`: what is one line, and who holds it (all three pure);
* `subscriptions`: the handle, and how callbacks are called;
* `processor`: what comes in; `requests`: what goes out.

What holds for every subscription:

* ``on_tick(ticker)`` is called once for each tick, after the tick was applied whole; the ticker is
  live, and ``ticker.changed`` names the fields that this tick set.
* Where the callback does not run on the loop thread and does not keep up, it gets the newest state
  of each ticker; calls in between are skipped, tickers never are.
* Whoever joins a line that has ticked already is called once at once, with the quote as it stands.
* A line that fails takes nothing else along; its error stands in ``subscription.errors``.
* Between two sessions, and while the gateway has lost IB's servers, ``ticker.stale`` is True.
"""

from __future__ import annotations
