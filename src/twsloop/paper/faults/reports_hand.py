"""The faults of reports about orders as methods."""

from __future__ import annotations

from .hand import FaultHand, FaultHandle, Whom
from .reports import (
    DuplicateReports,
    LateAnswers,
    LateReports,
    MissingAnswers,
    MissingReports,
    ReorderedReports,
    ShuffledReports,
)
from .stories import (
    BareStatus,
    CancelledButAlive,
    ExecutionCorrected,
    InactiveThenAlive,
    OrderUnresolved,
    OrderWarning,
    RejectedThenAlive,
)

__all__ = ["ReportHand"]


class ReportHand(FaultHand):
    """Lets reports about orders come late, twice or never, and say what is not so."""

    # ---- on their way ----------------------------------------------------------------------

    def late_reports(
        self,
        client: Whom = None,
        *,
        kind: str = "execDetails",
        status: str | None = None,
        seconds: float = 1.0,
        reports: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let reports come late: see `LateReports`."""
        fault = LateReports(kind=kind, status=status, seconds=seconds, reports=reports)
        return self.begin(fault, client, lasting=lasting)

    def missing_reports(
        self,
        client: Whom = None,
        *,
        kind: str = "execDetails",
        status: str | None = None,
        reports: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let reports never come: see `MissingReports`."""
        fault = MissingReports(kind=kind, status=status, reports=reports)
        return self.begin(fault, client, lasting=lasting)

    def duplicate_reports(
        self,
        client: Whom = None,
        *,
        kind: str = "execDetails",
        status: str | None = None,
        times: int = 1,
        seconds: float = 0.0,
        reports: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let reports come more than once: see `DuplicateReports`."""
        fault = DuplicateReports(
            kind=kind, status=status, times=times, seconds=seconds, reports=reports
        )
        return self.begin(fault, client, lasting=lasting)

    def reordered_reports(
        self,
        client: Whom = None,
        *,
        kind: str = "execDetails",
        status: str | None = None,
        after: str = "commissionAndFeesReport",
        reports: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let reports of one kind come after those of another: see `ReorderedReports`."""
        fault = ReorderedReports(kind=kind, status=status, after=after, reports=reports)
        return self.begin(fault, client, lasting=lasting)

    def shuffled_reports(self, client: Whom = None, *, lasting: float | None = None) -> FaultHandle:
        """Let reports come in a random order: see `ShuffledReports`."""
        return self.begin(ShuffledReports(), client, lasting=lasting)

    def late_answers(
        self,
        client: Whom = None,
        *,
        answer: str = "openOrderEnd",
        seconds: float = 1.0,
        answers: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let an answer, or the end of a list, come late: see `LateAnswers`."""
        fault = LateAnswers(answer=answer, seconds=seconds, answers=answers)
        return self.begin(fault, client, lasting=lasting)

    def missing_answers(
        self,
        client: Whom = None,
        *,
        answer: str = "openOrderEnd",
        answers: int | None = None,
        lasting: float | None = None,
    ) -> FaultHandle:
        """Let an answer, or the end of a list, never come: see `MissingAnswers`."""
        fault = MissingAnswers(answer=answer, answers=answers)
        return self.begin(fault, client, lasting=lasting)

    # ---- of one order ----------------------------------------------------------------------

    def order_warning(
        self,
        client: Whom = None,
        *,
        code: int = 399,
        text: str | None = None,
        order_id: int | None = None,
    ) -> FaultHandle:
        """Warn of an order that lives: see `OrderWarning`."""
        return self.begin(OrderWarning(code=code, text=text, order_id=order_id), client)

    def rejected_then_alive(
        self,
        client: Whom = None,
        *,
        reason: str = "The order was not accepted",
        seconds: float = 0.0,
        order_id: int | None = None,
    ) -> FaultHandle:
        """Tell a live order rejected, then alive: see `RejectedThenAlive`."""
        fault = RejectedThenAlive(reason=reason, seconds=seconds, order_id=order_id)
        return self.begin(fault, client)

    def inactive_then_alive(
        self, client: Whom = None, *, seconds: float = 1.0, order_id: int | None = None
    ) -> FaultHandle:
        """Tell a live order Inactive, then alive: see `InactiveThenAlive`."""
        return self.begin(InactiveThenAlive(seconds=seconds, order_id=order_id), client)

    def cancelled_but_alive(
        self, client: Whom = None, *, order_id: int | None = None
    ) -> FaultHandle:
        """Tell a live order Cancelled; it may fill yet: see `CancelledButAlive`."""
        return self.begin(CancelledButAlive(order_id=order_id), client)

    def bare_status(
        self, client: Whom = None, *, times: int = 1, order_id: int | None = None
    ) -> FaultHandle:
        """Tell an order's status without an openOrder: see `BareStatus`."""
        return self.begin(BareStatus(times=times, order_id=order_id), client)

    def order_unresolved(self, client: Whom = None, *, order_id: int | None = None) -> FaultHandle:
        """Tell 10328: what became of the order is not known: see `OrderUnresolved`."""
        return self.begin(OrderUnresolved(order_id=order_id), client)

    def execution_corrected(
        self, client: Whom = None, *, change: float = 0.01, order_id: int | None = None
    ) -> FaultHandle:
        """Correct the price of an execution: see `ExecutionCorrected`."""
        return self.begin(ExecutionCorrected(change=change, order_id=order_id), client)
