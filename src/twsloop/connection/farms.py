"""The data farms of a connection: what the gateway says of them, and what that means for whom.

Kept apart from `Care`, which acts on it: here is what is known (`FarmTable`, for this session), and
what was seen of which farm serves what (`Learned`, for good).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from twsloop.events import FarmChanged, Notice
from twsloop.session.farms import (
    FARM_CODES,
    Dependence,
    Farm,
    FarmChange,
    FarmKind,
    FarmState,
    FarmTable,
    Learned,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .core import Core

__all__ = ["Farms"]

#: A farm in one of these answers when it is asked.
SERVING = frozenset({FarmState.OK, FarmState.INACTIVE})


class Farms:
    """What is known of the farms; loop thread, but for `rows`.

    Args:
        core: The connection.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._table = FarmTable()
        self._learned = Learned()
        self._rows: Mapping[str, Farm] = MappingProxyType({})

    @property
    def rows(self) -> Mapping[str, Farm]:
        """All farms that this session was told of, by name; from any thread, never changes."""
        return self._rows

    def clear(self) -> None:
        """The session ended."""
        self._table.clear()
        self._rows = MappingProxyType({})

    def notice(self, notice: Notice) -> tuple[FarmChange, ...]:
        """Take what the gateway says, and tell the observers what changed."""
        core = self._core
        changes = self._table.notice(notice.code or 0, notice.text, core.clock.now())
        if changes:
            self._rows = MappingProxyType(self._table.rows())
        for change in changes:
            core.tell(
                FarmChanged(
                    time=core.clock.now(),
                    farm=change.farm.name,
                    kind=change.farm.kind.value,
                    old="" if change.old is FarmState.UNKNOWN else change.old.value,
                    state=change.farm.state.value,
                    reason=change.farm.text,
                )
            )
        return changes

    @staticmethod
    def serving_again(notice: Notice) -> FarmKind | None:
        """The kind of farm that a notice says to answer, if it is one of these."""
        kind, state = FARM_CODES.get(notice.code or 0, (None, None))
        return kind if state in SERVING else None

    def is_broken(self, name: str) -> bool:
        """Whether a farm is broken."""
        return self._table.state(name) is FarmState.BROKEN

    def serves(self, name: str, what: Iterable[Dependence]) -> bool:
        """Whether something needs a farm, as far as is known."""
        kind = self._table[name].kind
        return any(
            one.kind is kind and self._learned.serves(one, name, self._table) for one in what
        )

    def broken_for(self, what: Iterable[Dependence]) -> Farm | None:
        """A broken farm that something needs, if there is one."""
        found = (self._learned.broken(one, self._table) for one in what)
        return next((farm for farm in found if farm is not None), None)

    def lacks_definitions(self) -> bool:
        """Whether a farm is broken that looks contracts up: what it does not find may be there."""
        kind = FarmKind.SECURITY_DEFINITION
        return any(farm.state is FarmState.BROKEN for farm in self._table.of(kind))

    def heard(self, what: Iterable[Dependence]) -> None:
        """Data came: what is broken now is not needed for it."""
        for one in what:
            while (farm := self._learned.broken(one, self._table)) is not None:
                self._learned.note(one, farm.name, serves=False)

    def fell_silent(self, what: Iterable[Dependence], name: str) -> bool:
        """It fell silent when a farm broke: it needs that one.

        Returns:
            Whether it can: a farm of another kind has nothing to do with it.
        """
        kind = self._table[name].kind
        of_kind = [one for one in what if one.kind is kind]
        for one in of_kind:
            self._learned.note(one, name, serves=True)
        return bool(of_kind)
