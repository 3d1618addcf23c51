"""The life of a market data line: what `Care` knows of it, and what becomes of its ticker."""

from __future__ import annotations

from collections.abc import Callable

from twsloop.connection.life import Life, LifeFact, StreamStatus
from twsloop.session.farms import Dependence

from .lines import Line
from .subscriptions import Subscription

__all__ = ["line_life"]


def line_life(line: Line, *, redo: Callable[[Line], None], ages: Callable[[], None]) -> Life:
    """A new line's life.

    Args:
        line: The line.
        redo: Asks for it anew.
        ages: Told that tickers became stale, or fresh, without a tick.
    """
    contract = line.ticker.contract
    return Life(
        line.words,
        _LineVital(line, redo, ages),
        depends=(Dependence.of(contract),),
        contract=contract,
        answers=True,
    )


class _LineVital:
    """A line as `Care` sees it."""

    def __init__(self, line: Line, redo: Callable[[Line], None], ages: Callable[[], None]) -> None:
        self._line = line
        self._redo = redo
        self._ages = ages

    @property
    def received(self) -> float | None:
        return self._line.ticker.received

    @property
    def asked(self) -> bool:
        return self._line.req_id is not None

    @property
    def max_silence(self) -> float | None:
        limits = [holder.max_silence for holder in self._subscriptions()]
        return min((limit for limit in limits if limit is not None), default=None)

    def redo(self, reason: str) -> None:
        del reason
        self._redo(self._line)

    def changed(self) -> None:
        life = self._line.life
        if life is not None and life.status is StreamStatus.INTERRUPTED:
            self._line.ticker.interrupt(life.reason)
            self._ages()

    def resumed(self) -> None:
        self._line.ticker.resume()
        self._ages()

    def tell(self, fact: LifeFact) -> None:
        for holder in self._subscriptions():
            holder.tell_life(self._line, fact)

    def _subscriptions(self) -> list[Subscription]:
        return [one for one in tuple(self._line.holders) if isinstance(one, Subscription)]
