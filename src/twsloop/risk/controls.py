"""What users are given of the risk gate: its limits, and how they are changed."""

from __future__ import annotations

from typing import Any

from twsloop.config import Config
from twsloop.config.sections import RiskParams
from twsloop.events import RiskLimitChanged

from .desk import RiskDesk
from .on_loop import on_loop

__all__ = ["RiskControls"]


class RiskControls:
    """The limits in force: ``gw.risk``. From any thread; a change counts from the next order on.

    Args:
        desk: The gate.
    """

    def __init__(self, desk: RiskDesk) -> None:
        self._desk = desk

    @property
    def limits(self) -> RiskParams:
        """The limits in force, as in ``[risk]``."""
        return self._desk.gate.book.params

    @property
    def latched(self) -> tuple[tuple[str, str], ...]:
        """Which limits of the day were reached: account and limit."""
        return tuple(on_loop(self._desk.core, self._desk.latched))

    @property
    def breaker(self) -> str:
        """Why the circuit breaker is open, in words; empty if it is not."""
        return on_loop(self._desk.core, self._desk.breaker_open)

    def change(self, limit: str, value: Any, *, reason: str = "") -> RiskLimitChanged | None:
        """Change one limit.

        Args:
            limit: Its name, as the settings call it.
            value: The new one; None for no limit.
            reason: Why, in your words; needed if more passes than before.

        Returns:
            What was changed, as the journal has it; None if it was that already.

        Raises:
            RiskError: There is no such limit, or it is loosened without a reason.
            ConfigError: The value does not fit.
        """
        return on_loop(self._desk.core, self._desk.change, limit, value, reason)

    def reload(self, config: Config, *, reason: str = "") -> list[RiskLimitChanged]:
        """Take all limits of settings that were read anew (``[risk]``), or none of them.

        Args:
            config: The settings.
            reason: Why, in your words; needed if any limit lets more pass than before.

        Returns:
            What was changed.

        Raises:
            RiskError: One of them is loosened, and there is no reason.
        """
        return on_loop(self._desk.core, self._desk.reload, config.risk, reason)

    def release(self, account: str, limit: str, reason: str) -> bool:
        """A limit of the day counts as reached no more; it can be reached again.

        The kill switch, if that engaged it, is released for itself.

        Args:
            account: Whose.
            limit: ``max_daily_loss`` or ``max_drawdown``.
            reason: Why, in your words.

        Returns:
            Whether it had been reached.

        Raises:
            RiskError: There is no reason.
        """
        return on_loop(self._desk.core, self._desk.release, account, limit, reason)

    def close_breaker(self) -> bool:
        """Let orders pass the circuit breaker again, and count anew; whether it was open."""
        return on_loop(self._desk.core, self._desk.close_breaker)
