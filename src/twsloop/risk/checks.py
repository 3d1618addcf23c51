"""Who may trade what, and how often: the checks that need no price and no position. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from twsloop.config import Config, closed_gates
from twsloop.config.gates import PAPER_PREFIX
from twsloop.events import RiskCheck

from .case import Case
from .limits import Limits
from .outcomes import at_most, kept, refused, within

__all__ = ["OFTEN", "Check", "Make", "gates", "lists", "stops"]

#: One check; None where it does not apply.
Check = Callable[[Case], RiskCheck | None]
#: Makes a check for limits that set it; what follows from these alone is worked out there.
Make = Callable[[Limits], Check]


def gates(config: Config) -> list[Check]:
    """Mode and account agree, orders are enabled, and live trading passes all its gates.

    Args:
        config: The settings; whether the override file of live trading exists is looked up each
            time.
    """
    live = config.connection.mode == "live"
    fitting, on = kept("mode"), kept("orders_enabled")
    prefix = config.live.account_prefix if live else PAPER_PREFIX

    def mode(case: Case) -> RiskCheck:
        account = case.account
        if not account:
            return kept("mode", "the order names no account; those of the login have been checked")
        fits = account.upper().startswith(prefix) if prefix else False
        if fits and live and account.upper().startswith(PAPER_PREFIX):
            fits = False
        if fits:
            return fitting
        return refused(
            "mode",
            f"the mode is {config.connection.mode}, and the account does not start with "
            f"{prefix or 'anything: [live] account_prefix is not set'}",
        )

    def enabled(_case: Case) -> RiskCheck:
        if config.orders_enabled:
            return on
        return refused("orders_enabled", "orders are disabled ([orders] enabled)")

    def live_gates(_case: Case) -> RiskCheck:
        closed = closed_gates(config)
        return refused("live_gates", "; ".join(closed)) if closed else kept("live_gates")

    return [mode, enabled, live_gates] if live else [mode, enabled]


# ---- what stops new orders ---------------------------------------------------------------


def _kill_switch(case: Case) -> RiskCheck:
    name, reason = "kill_switch", case.sources.kill_switch()
    if not reason:
        return kept(name)
    if case.shrinks:
        return kept(name, f"engaged ({reason}), but {case.reduces}")
    if case.proposal.by_kill_switch and case.reduces:
        return kept(name, "it closes a position with this itself")
    return refused(name, reason)


def _breaker(case: Case) -> RiskCheck:
    name, params = "breaker", case.limits.params
    reason = case.memory.breaker.is_open(case.proposal.monotonic, params)
    if not reason:
        return kept(name)
    if case.reduces:
        return kept(name, f"open ({reason}), but {case.reduces}")
    return refused(name, f"the circuit breaker is open: {reason}")


def _parent(case: Case) -> RiskCheck | None:
    parent = case.order.parentId
    if not parent:
        return None
    if case.memory.was_refused((case.proposal.client_id, parent)):
        return refused("parent", f"its parent, order {parent}, was refused")
    waiting = case.waiting_parent
    if waiting is not None and case.memory.broken(waiting, case.key):
        # It might be the one that lets the others go: an entry without its stop, say.
        return refused("parent", f"another order that is attached to order {parent} was refused")
    return kept("parent")


def stops(limits: Limits) -> list[tuple[str, Check]]:
    """What stops new orders: the kill switch, the circuit breaker, the end of a parent."""
    params = limits.params
    breaks = params.breaker_rejects is not None or params.breaker_errors is not None
    found: list[tuple[str, Check]] = [("kill_switch", _kill_switch)]
    found += [("breaker", _breaker)] if breaks else []
    return [*found, ("parent", _parent)]


# ---- what may be traded ------------------------------------------------------------------


def lists(limits: Limits) -> list[tuple[str, Check]]:
    """The lists of what is allowed; those that are not set are left out."""
    seen: dict[str, tuple[frozenset[str] | None, Callable[[Case], Iterable[str]]]] = {
        "accounts": (limits.accounts, lambda case: (case.account.upper(),)),
        "symbols": (limits.symbols, lambda case: case.names),
        "sec_types": (limits.sec_types, lambda case: (case.ident.kind[0].upper(),)),
        "currencies": (limits.currencies, lambda case: (case.currency,)),
    }
    return [
        (name, _listed(name, allowed, of))
        for name, (allowed, of) in seen.items()
        if allowed is not None
    ]


def _listed(name: str, allowed: frozenset[str], of: Callable[[Case], Iterable[str]]) -> Check:
    listed = kept(name)

    def check(case: Case) -> RiskCheck:
        seen = of(case)
        if not allowed.isdisjoint(seen):
            return listed
        what = " or ".join(sorted(filter(None, seen))) or "what the contract does not say"
        if name == "symbols" and case.contract.secType == "BAG":
            what = "what the legs of a combination are"
        # No account number goes into a text that may be logged.
        return refused(name, f"{'it' if name == 'accounts' else what} is not among [risk] {name}")

    return check


# ---- how often ---------------------------------------------------------------------------


def _rate(name: str, count: Callable[[Case], int]) -> Make:
    """At most so many orders in a time."""

    def make(limits: Limits) -> Check:
        limit = limits.general(name)
        assert limit is not None, name

        def rate(case: Case) -> RiskCheck:
            left = Decimal(count(case) + 1)
            if left <= limit:
                return within(name, left, limit, "orders")
            if case.shrinks:
                return kept(name, case.reduces)
            return at_most(name, left, limit, unit="orders", what="with this one there would be")

        return rate

    return make


def _duplicate(limits: Limits) -> Check:
    """The same order did not leave a short time ago."""
    name = "duplicate_window"
    limit, passes = limits.general(name), kept(name)
    assert limit is not None
    seconds = float(limit)

    def check(case: Case) -> RiskCheck | None:
        if case.proposal.kind != "place":
            return None
        since = case.memory.duplicates.since(case.same_as, case.key, case.proposal.monotonic)
        if since is None or since >= seconds:
            return passes
        text = f"the same order left {since:.2f} s ago"
        return refused(name, text, value=Decimal(f"{since:.6f}"), limit=limit, unit="seconds")

    return check


#: How often, by the names of the limits; each is made of the limits that set it.
OFTEN: dict[str, Make] = {
    "orders_per_second": _rate(
        "orders_per_second", lambda case: case.memory.second.count(case.proposal.monotonic)
    ),
    "orders_per_minute": _rate(
        "orders_per_minute", lambda case: case.memory.minute.count(case.proposal.monotonic)
    ),
    "orders_per_day": _rate("orders_per_day", lambda case: case.memory.of_day.count(case.day)),
    "duplicate_window": _duplicate,
}
