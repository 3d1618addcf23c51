"""What the doctor makes of what it found: a verdict on each step, and the remedy (pure).

The steps are in the order of the way: a name, a port, a hello, a session, and what it is good for.
What cannot work makes the gateway unhealthy (`StepOutcome.FAILED`); what may be meant so, or passes
by itself, is a warning: no quote on a Sunday is no reason to restart a container.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import attrs

from twsloop.errors import (
    ClientIdInUse,
    ClientIdLeased,
    ConnectionFailed,
    HandshakeClosed,
    HandshakeTimeout,
    LiveTradingBlocked,
    ServerVersionError,
    TcpFailed,
    TcpRefused,
    TcpTimeout,
)
from twsloop.log import mask_account
from twsloop.session.farms import Farm, FarmKind, FarmState

from .readiness import SERVING, farms_of

__all__ = [
    "STEPS",
    "Report",
    "StepOutcome",
    "Verdict",
    "of_accounts",
    "of_clock",
    "of_failure",
    "of_farms",
    "of_permissions",
    "of_quote",
]

#: The steps, in their order.
STEPS = (
    "process",
    "name",
    "tcp",
    "handshake",
    "version",
    "session",
    "accounts",
    "clock",
    "market_data_farm",
    "historical_farm",
    "quote",
    "permissions",
)
#: What a step is called whose farms are of this kind.
FARM_STEPS = {FarmKind.MARKET_DATA: "market_data_farm", FarmKind.HISTORICAL: "historical_farm"}


class StepOutcome(StrEnum):
    """How a step went."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@attrs.frozen(kw_only=True)
class Verdict:
    """How one step went.

    Attributes:
        step: Which, of `STEPS`.
        outcome: How.
        text: What was found.
        remedy: What to do; empty where nothing has to be done.
        facts: The numbers in it, for programs.
    """

    step: str
    outcome: StepOutcome
    text: str
    remedy: str = ""
    facts: Mapping[str, Any] = attrs.Factory(dict)


@attrs.frozen
class Report:
    """All verdicts.

    Attributes:
        verdicts: One a step, in the order of the steps.
    """

    verdicts: tuple[Verdict, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[str, ...]:
        """The steps that failed."""
        return self.of(StepOutcome.FAILED)

    @property
    def skipped(self) -> tuple[str, ...]:
        """The steps that were not come to."""
        return self.of(StepOutcome.SKIPPED)

    @property
    def warnings(self) -> tuple[str, ...]:
        """The steps with a warning."""
        return self.of(StepOutcome.WARNING)

    def of(self, outcome: StepOutcome) -> tuple[str, ...]:
        """The steps that went so."""
        return tuple(one.step for one in self.verdicts if one.outcome is outcome)

    @classmethod
    def whole(cls, found: Mapping[str, Verdict]) -> Report:
        """A report of what was found; what was not come to was skipped."""
        skipped = "not looked at: a step before it failed"
        return cls(
            tuple(
                found.get(step) or Verdict(step=step, outcome=StepOutcome.SKIPPED, text=skipped)
                for step in STEPS
            )
        )


def _ok(step: str, text: str, **facts: Any) -> Verdict:
    return Verdict(step=step, outcome=StepOutcome.OK, text=text, facts=facts)


def _warning(step: str, text: str, remedy: str, **facts: Any) -> Verdict:
    return Verdict(step=step, outcome=StepOutcome.WARNING, text=text, remedy=remedy, facts=facts)


def _failed(step: str, text: str, remedy: str, **facts: Any) -> Verdict:
    return Verdict(step=step, outcome=StepOutcome.FAILED, text=text, remedy=remedy, facts=facts)


#: Which step an error of the connection belongs to, and what to do; the first that fits counts.
_FAILURES: tuple[tuple[type[ConnectionFailed], str, str], ...] = (
    (
        TcpRefused,
        "tcp",
        (
            "start it (twsloop start), or look at the port: IB Gateway has 4002 for paper and 4001 "
            "for live, TWS 7497 and 7496"
        ),
    ),
    (TcpTimeout, "tcp", "look at the host, its firewall, and the network between"),
    (TcpFailed, "tcp", "look at the host, its firewall, and the network between"),
    (
        HandshakeTimeout,
        "handshake",
        (
            "look at the gateway's window: a login, a second factor or a dialog may be open; if "
            "there is none it hangs, and has to be restarted (twsloop restart)"
        ),
    ),
    (
        HandshakeClosed,
        "handshake",
        (
            "let this machine in (trusted IPs in the API settings), and look whether the port is "
            "that of a gateway which has logged in"
        ),
    ),
    (ServerVersionError, "version", "update TWS or IB Gateway"),
    (ClientIdInUse, "session", "choose another [control] client_id"),
    (ClientIdLeased, "session", "choose another [control] client_id"),
    (LiveTradingBlocked, "accounts", "look at the port and at [connection] mode"),
)


def of_failure(error: ConnectionFailed, *, since: str = "") -> dict[str, Verdict]:
    """The verdicts of a session that did not come about: what went well, and what did not.

    Args:
        error: What stopped it.
        since: What else listens, or what the login waits for, in words; empty for nothing.
    """
    found = next((row for row in _FAILURES if isinstance(error, row[0])), None)
    step, remedy = (
        found[1:]
        if found
        else (
            "session",
            "look at the gateway's window, and restart it if it hangs (twsloop restart)",
        )
    )
    verdicts = {}
    for before in STEPS[STEPS.index("tcp") : STEPS.index(step)]:
        verdicts[before] = _ok(before, _PASSED[before])
    text = f"{error}; {since}" if since else str(error)
    verdicts[step] = _failed(step, text, remedy, error=type(error).__name__)
    return verdicts


#: What is said of a step that was passed on the way to one that failed.
_PASSED = {
    "tcp": "the port accepts connections",
    "handshake": "it said hello",
    "version": "its version is spoken here",
    "session": "it let us in",
}


def of_accounts(accounts: tuple[str, ...], mode: str) -> Verdict:
    """The accounts of the login."""
    shown = ", ".join(mask_account(account) for account in accounts)
    kinds = {"paper" if account.upper().startswith("D") else "live" for account in accounts}
    if not accounts:
        return _failed(
            "accounts", "the login has no account", "log in with another user", mode=mode
        )
    text = f"{len(accounts)} {'/'.join(sorted(kinds))}: {shown}"
    facts = {"mode": mode, "count": len(accounts), "kinds": sorted(kinds)}
    if kinds != {mode}:
        remedy = "look at the port and at [connection] mode"
        return _failed("accounts", f"{text}, but [connection] mode is {mode}", remedy, **facts)
    return _ok("accounts", text, **facts)


def of_clock(skew: float, uncertainty: float, round_trip: float, limit: float) -> Verdict:
    """The gateway's clock beside ours; all in seconds.

    Args:
        skew: By how much the gateway's is ahead.
        uncertainty: By how much that may be wrong.
        round_trip: From question to answer.
        limit: From which difference on it is warned.
    """
    facts = {
        "skew_s": round(skew, 3),
        "uncertainty_s": round(uncertainty, 3),
        "round_trip_ms": round(round_trip * 1000, 2),
    }
    text = (
        f"it differs by {skew:+.2f} s (± {uncertainty:.2f}), answered in {round_trip * 1e3:.1f} ms"
    )
    if abs(skew) - uncertainty > limit:
        remedy = "let NTP or chrony set the clock of this machine, and of the gateway's"
        return _warning("clock", f"{text}: more than {limit:g} s", remedy, **facts)
    return _ok("clock", text, **facts)


def of_farms(farms: Mapping[str, Farm], kind: FarmKind, window: str) -> Verdict:
    """The farms of one kind.

    Args:
        farms: What the session was told.
        kind: Which.
        window: The planned reset that it is; empty for none.
    """
    step = FARM_STEPS[kind]
    rows = [farm for farm in farms.values() if farm.kind is kind]
    text = farms_of(farms, kind)
    facts = {"farms": {farm.name: farm.state.value for farm in rows}}
    serving = [farm for farm in rows if farm.state in SERVING]
    if serving and len(serving) == len(rows):
        return _ok(step, text, **facts)
    remedy = f"wait: it is {window}" if window else _FARM_REMEDY
    if serving:
        return _warning(step, text, remedy, **facts)
    if any(farm.state is FarmState.CONNECTING for farm in rows):
        return _warning(step, text, "wait a moment, and look again", **facts)
    return _failed(step, text, remedy, **facts)


_FARM_REMEDY = (
    "look at the gateway's own connection; IBC's RECONNECTDATA (twsloop ibc reconnectdata) makes "
    "its links to the farms anew"
)


def of_quote(symbol: str, quote: Any, error: Exception | None) -> Verdict:
    """A quote as it was asked for; the market may be closed, so that none is no failure.

    Args:
        symbol: Of what.
        quote: The `Quote`, or None.
        error: What came in its place, or None.
    """
    error = error if error is not None or quote is None else quote.error
    if error is not None or quote is None:
        remedy = "look whether its market is open, and at the market data subscriptions of the user"
        return _warning("quote", f"{symbol}: no quote ({error})", remedy, symbol=symbol)
    kind = "" if quote.market_data_type is None else quote.market_data_type.name.lower()
    prices = {"bid": quote.bid, "ask": quote.ask, "last": quote.last}
    shown = ", ".join(f"{name} {price:g}" for name, price in prices.items() if price is not None)
    facts = {"symbol": symbol, "data": kind, **prices}
    if not shown:
        remedy = "look whether its market is open"
        return _warning("quote", f"{symbol}: no price came", remedy, **facts)
    if quote.not_live_because:
        remedy = "subscribe to live data of this market, if you need it"
        return _warning(
            "quote", f"{symbol}: {shown}, not live: {quote.not_live_because}", remedy, **facts
        )
    return _ok("quote", f"{symbol}: {shown}", **facts)


def of_permissions(
    error: Exception | None, next_id: int | None, *, wants_orders: bool, data: str
) -> Verdict:
    """What the login may do: orders, and the kind of its market data.

    Args:
        error: What the gateway answered to the question for an order id, if that was an error.
        next_id: The order id that it gave.
        wants_orders: Whether the settings let orders out.
        data: The kind of data that the quote had; empty where there was none.
    """
    step = "permissions"
    seen = f"its market data is {data}" if data else "its market data was not seen"
    facts = {"orders": error is None, "next_order_id": next_id, "data": data or None}
    if error is None:
        ours = "" if wants_orders else " (but the settings let none out)"
        return _ok(step, f"the gateway takes orders{ours}; {seen}", **facts)
    if getattr(error, "code", None) == 321 or "read-only" in str(error).lower():
        text = "the API of the gateway is read-only (321): it takes no orders"
        if not wants_orders:
            return _ok(step, f"{text}, and none are meant to leave; {seen}", **facts)
        remedy = "switch Read-Only API off in its API settings (IBC: ReadOnlyApi=no)"
        return _warning(step, f"{text}; {seen}", remedy, **facts)
    return _warning(
        step, f"it gave no order id: {error}; {seen}", "restart it if it hangs", **facts
    )
