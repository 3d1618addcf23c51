"""Accounts: positions, summaries, values and the portfolio."""

from __future__ import annotations
