"""Market data: live tickers, subscriptions of many, and lines that are shared."""

from __future__ import annotations
