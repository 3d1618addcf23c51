"""`IBGateway`: IB's EWrapper and EClient with the slices hung on it. Thin: it only passes on.

Everything IB's client can ask is there under IB's own names. What is added has names in Python's
style: each subject by its slice (`IBGateway.contracts`, `IBGateway.orders`...), and the most common
work at hand (`IBGateway.subscribe`, `IBGateway.place_order`, `IBGateway.positions`...).
"""

from __future__ import annotations

from .facade import IBGateway

__all__ = ["IBGateway"]
