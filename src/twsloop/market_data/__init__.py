"""Market data: live tickers, subscriptions of many, and lines that are shared.

* `requests`: the public face, ``gw.market_data``;
* `state` and `ticks`: the `Ticker`, and what each of IB's tick types does to it; `generic`: the
  ticks that have to be asked for; `quotes`: what a ticker shows at one moment;
* `lines`: what is one line, and who holds it; `slots`: what of IB's limited places is taken (all of
  these pure);
* `subscriptions`, `subscribing` and `freshness`: the handle, how callbacks are called, and how old
  is too old;
* `desk`: the lines on the loop thread; `processor`: what comes in for them;
* `quoting` and `calculations`: questions with one answer;
* `own_calls`: what a program asks for beside the slice.

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
