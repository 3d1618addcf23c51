"""Where the real gateway of the tests marked ``live`` is, if the environment names one.

The two variables are taken out of the environment as soon as tests begin: every other one that
begins with ``TWSLOOP_`` is a setting, and a setting that there is not is an error.
"""

from __future__ import annotations

import os

__all__ = ["LIVE_HOST", "LIVE_PORT"]

LIVE_PORT = os.environ.pop("TWSLOOP_LIVE_PORT", "")
LIVE_HOST = os.environ.pop("TWSLOOP_LIVE_HOST", "") or "127.0.0.1"
