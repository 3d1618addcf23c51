"""Who shares an order's fate: the groups of which one cancels (or reduces) the others.

Pure. A group has a name within an account. The children of one parent are a group, named after the
parent's permId. What a fill does to the others is each one's own ``ocaType``.

A group does not begin anew: one that joins after a member has filled (of ``ocaType`` 1: in part)
is one of the others, and ends as it is sent (`Groups.is_spent`). So it is safe to send the members
one by one. What IB answers to such a latecomer is not in the references.
"""

from __future__ import annotations

import attrs

from .order import PaperOrder, Status

__all__ = ["CANCEL_ALL", "Groups"]

#: ``ocaType``: a fill cancels the others. 2 and 3 reduce them by what was filled.
CANCEL_ALL = 1


@attrs.define(eq=False)
class Groups:
    """The one-cancels-all groups of all accounts."""

    _members: dict[tuple[str, str], list[PaperOrder]] = attrs.Factory(dict)
    _traded: set[tuple[str, str]] = attrs.Factory(set)
    _spent: set[tuple[str, str]] = attrs.Factory(set)

    def join(self, order: PaperOrder) -> None:
        """Put a sent order into the group that it names, if it names one."""
        if order.oca_group:
            self._members.setdefault((order.account, order.oca_group), []).append(order)

    def others(self, order: PaperOrder) -> tuple[PaperOrder, ...]:
        """The live orders of the same group."""
        if not order.oca_group:
            return ()
        key = (order.account, order.oca_group)
        members = self._members.get(key)
        if members is None:
            return ()
        live = [one for one in members if one.is_live]
        if live:
            self._members[key] = live
        else:
            del self._members[key]
        return tuple(one for one in live if one is not order)

    def note_fill(self, order: PaperOrder) -> None:
        """Take note that a member has filled, in part or to its end."""
        if order.oca_group:
            key = (order.account, order.oca_group)
            self._traded.add(key)
            if order.status is Status.FILLED:
                self._spent.add(key)

    def is_spent(self, order: PaperOrder) -> bool:
        """Whether an order comes too late: its group has had the fill that ends it."""
        key = (order.account, order.oca_group)
        return key in (self._traded if order.oca_type == CANCEL_ALL else self._spent)
