"""Orders: builders, the book, the gate, and the handle of each order."""

from __future__ import annotations
