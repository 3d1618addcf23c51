"""Fixtures of the tests of orders."""

from tests.support.journal_room import room

__all__ = ["room"]
