"""`IBKRConnection`: IB's EWrapper and EClient over our own transport.

* `base` is the object itself: IB's methods as IB's users know them, on our loop thread;
* `lifecycle` makes, ends and remakes the session, with a deadline for each stage;
* `dispatch` takes one frame to IB's decoder and survives whatever is in it;
* `asks` joins requests to their answers;
* `link` is the object that IB's code knows as ``conn``;
* `compat` refuses an ibapi, or an override, that does not fit.
"""

from __future__ import annotations

from .base import IBKRConnection

__all__ = ["IBKRConnection"]
