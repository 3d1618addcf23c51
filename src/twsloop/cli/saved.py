"""The saved subscriptions: symbols as they were typed, in their order, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from twsloop.clock import Clock, SystemClock
from twsloop.config import Config
from twsloop.database import Database

__all__ = ["SavedSubscriptions"]


class SavedSubscriptions:
    """What ``subscribe --saved`` subscribes to.

    Args:
        config: Says where the database is.
        clock: Says when a symbol was added.
    """

    def __init__(self, config: Config, clock: Clock | None = None) -> None:
        self._storage = config.storage
        self._clock: Clock = clock or SystemClock()

    def _database(self) -> Database:
        return Database(self._storage.database, busy_timeout=self._storage.busy_timeout)

    async def all(self) -> list[dict[str, str]]:
        """The saved ones in the order in which they were added: ``symbol``, ``added_at``."""
        async with self._database() as db:
            rows = await db.fetch(
                "SELECT symbol, added_at FROM saved_subscription ORDER BY position"
            )
        return [{"symbol": row["symbol"], "added_at": row["added_at"]} for row in rows]

    async def add(self, symbols: Sequence[str]) -> list[str]:
        """Save symbols behind the others; those that were new."""
        now = self._clock.now().isoformat(timespec="seconds")
        added = []
        async with self._database() as db, db.transaction() as tx:
            for symbol in symbols:
                count = await tx.execute(
                    "INSERT OR IGNORE INTO saved_subscription (symbol, position, added_at) "
                    "SELECT ?, coalesce(max(position), 0) + 1, ? FROM saved_subscription",
                    (symbol, now),
                )
                if count:
                    added.append(symbol)
        return added

    async def remove(self, symbols: Iterable[str]) -> list[str]:
        """Forget symbols; those that were there."""
        delete = "DELETE FROM saved_subscription WHERE symbol = ?"
        async with self._database() as db, db.transaction() as tx:
            return [symbol for symbol in symbols if await tx.execute(delete, (symbol,))]
