"""The faults of the gateway as methods: its own links, its data, and its restarts."""

from __future__ import annotations

from .competing import (
    BustEvent,
    CompetingSession,
    DataRefused,
    DepthHalted,
    DepthReset,
    HistoryForgotten,
    HistoryRefused,
    LiveBarsFail,
)
from .farms import FarmDown, FarmIdle
from .hand import FaultHandle, Whom
from .outages import ServerLost
from .reports_hand import ReportHand
from .restarts import NightlyRestart, PortChanged, ReadOnly, SundayRestart

__all__ = ["GatewayHand"]


class GatewayHand(ReportHand):
    """Lets the gateway say something to its clients, or forget something."""

    # ---- the gateway's own links -----------------------------------------------------------

    def server_lost(
        self,
        *,
        data: str = "kept",
        orders: str = "held",
        farms: tuple[str, ...] = ("usfarm", "secdefil", "ushmds"),
        repeat: float | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Lose IB's servers, with 1100; its end is 1102, or 1101: see `ServerLost`."""
        fault = ServerLost(data=data, orders=orders, farms=farms, repeat=repeat)
        return self.begin(fault, lasting=lasting)

    def farm_down(
        self,
        farm: str = "usfarm",
        *,
        forget: bool = False,
        symbols: tuple[str, ...] = (),
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let a data farm break; its end brings it back: see `FarmDown`."""
        fault = FarmDown(farm=farm, forget=forget, symbols=symbols)
        return self.begin(fault, lasting=lasting)

    def farm_idle(
        self, farm: str = "ushmds", *, wakes: float = 1.0, lasting: float | None = None
    ) -> FaultHandle:
        """Let a data farm fall asleep until it is needed: see `FarmIdle`."""
        return self.begin(FarmIdle(farm=farm, wakes=wakes), lasting=lasting)

    # ---- data ------------------------------------------------------------------------------

    def competing_session(
        self, client: Whom = None, *, resume: bool = True, lasting: float | None = None
    ) -> FaultHandle:
        """Let another session have the live data, with 10197: see `CompetingSession`."""
        return self.begin(CompetingSession(resume=resume), client, lasting=lasting)

    def data_refused(
        self, client: Whom = None, *, symbol: str | None = None, lasting: float | None = None
    ) -> FaultHandle:
        """Take the permission for live data away, with 354: see `DataRefused`."""
        return self.begin(DataRefused(symbol=symbol), client, lasting=lasting)

    def history_refused(
        self, client: Whom = None, *, requests: int | None = None, lasting: float | None = None
    ) -> FaultHandle:
        """Find that requests for history come too fast, with 162: see `HistoryRefused`."""
        return self.begin(HistoryRefused(requests=requests), client, lasting=lasting)

    def depth_halted(self, client: Whom = None, *, symbol: str | None = None) -> FaultHandle:
        """End depth with 316: see `DepthHalted`."""
        return self.begin(DepthHalted(symbol=symbol), client)

    def depth_reset(self, client: Whom = None, *, symbol: str | None = None) -> FaultHandle:
        """Begin depth anew with 317: see `DepthReset`."""
        return self.begin(DepthReset(symbol=symbol), client)

    def bust_event(self, client: Whom = None, *, symbol: str | None = None) -> FaultHandle:
        """End live bars with 10225: see `BustEvent`."""
        return self.begin(BustEvent(symbol=symbol), client)

    def live_bars_fail(self, client: Whom = None) -> FaultHandle:
        """End bars that are kept up to date with 10182: see `LiveBarsFail`."""
        return self.begin(LiveBarsFail(), client)

    def history_forgotten(self, client: Whom = None) -> FaultHandle:
        """Lose requests for history without a word: see `HistoryForgotten`."""
        return self.begin(HistoryForgotten(), client)

    # ---- restarts --------------------------------------------------------------------------

    def nightly_restart(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        client: Whom = None,
        *,
        away: float = 5.0,
        login: float = 0.0,
        next_id: str = "kept",
        shift: int = 10,
        orders: str = "kept",
        executions: str = "kept",
        push: str = "usual",
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let the gateway go away and come back: see `NightlyRestart`."""
        fault = NightlyRestart(
            away=away,
            login=login,
            next_id=next_id,
            shift=shift,
            orders=orders,
            executions=executions,
            push=push,
        )
        return self.begin(fault, client, lasting=lasting)

    def sunday_restart(  # noqa: PLR0913 - one keyword for each thing that can differ
        self,
        client: Whom = None,
        *,
        away: float = 60.0,
        login: float = 30.0,
        next_id: str = "kept",
        shift: int = 10,
        orders: str = "kept",
        executions: str = "cut",
        push: str = "usual",
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let the gateway go away for the weekly restart, and log in: see `SundayRestart`."""
        fault = SundayRestart(
            away=away,
            login=login,
            next_id=next_id,
            shift=shift,
            orders=orders,
            executions=executions,
            push=push,
        )
        return self.begin(fault, client, lasting=lasting)

    def port_changed(self, *, port: int | None = None) -> FaultHandle:
        """Move to another port, with 1300: see `PortChanged`."""
        return self.begin(PortChanged(port=port))

    def read_only(self, client: Whom = None, *, lasting: float | None = None) -> FaultHandle:
        """Refuse orders with 321: see `ReadOnly`."""
        return self.begin(ReadOnly(), client, lasting=lasting)
