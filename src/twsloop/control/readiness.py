"""What has to be seen of a gateway before it is ready (pure).

An open port proves nothing: containers accept connections while the gateway is still at its login.
A session of the API that stands has the handshake, managedAccounts and nextValidId behind it. What
is still needed then is the gateway's own link to IB's servers, and a farm of each kind: 2104 and
2106 say so, and 2107 and 2108 of farms that wake when they are asked.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from twsloop.session.farms import Farm, FarmKind, FarmState

__all__ = ["NEEDED", "SERVING", "Seen", "farms_of", "missing"]

#: A gateway without one of these has no data.
NEEDED = (FarmKind.MARKET_DATA, FarmKind.HISTORICAL)
#: A farm in one of these answers when it is asked.
SERVING = frozenset({FarmState.OK, FarmState.INACTIVE})
#: The paper account's disclaimer was not accepted.
_DISCLAIMER = 10141

_NAMES = {FarmKind.MARKET_DATA: "market data", FarmKind.HISTORICAL: "historical data"}


@attrs.frozen(kw_only=True)
class Seen:
    """What a session of our own saw of a gateway.

    Attributes:
        state: The session's state, by its name.
        reason: Why, in words.
        ready: Whether the session is READY.
        sessions: How many sessions stood so far.
        wedged: Whether the gateway accepts connections and does not answer, again and again.
        farms: The farms that this session was told of, by name.
        accounts: The accounts of the login.
        server_version: The protocol version; None without a session.
        codes: The codes of what the gateway told beside answers.
        failed: What ended the attempts for good; empty while they go on.
    """

    state: str = "DISCONNECTED"
    reason: str = ""
    ready: bool = False
    sessions: int = 0
    wedged: bool = False
    farms: Mapping[str, Farm] = attrs.Factory(dict)
    accounts: tuple[str, ...] = ()
    server_version: int | None = None
    codes: frozenset[int] = frozenset()
    failed: str = ""


def missing(seen: Seen) -> tuple[str, ...]:
    """What is not proven yet, each in words; empty for a gateway that is ready."""
    if seen.state == "DEGRADED":
        return (f"the gateway has no link to IB's servers ({seen.reason})",)
    if not seen.ready:
        # When it is tried again changes with each try, and is nothing that is missing.
        why = seen.reason.partition("; next attempt")[0] or seen.state
        return (seen.failed or f"no session of the API stands ({why})",)
    lacks = [farms_of(seen.farms, kind) for kind in NEEDED if not _serves(seen.farms, kind)]
    if _DISCLAIMER in seen.codes:
        lacks.append("the paper account's disclaimer waits to be accepted (10141)")
    return tuple(lacks)


def farms_of(farms: Mapping[str, Farm], kind: FarmKind) -> str:
    """How it stands with the farms of a kind, in words."""
    rows = [farm for farm in farms.values() if farm.kind is kind]
    if not rows:
        return f"nothing was said of a {_NAMES.get(kind, kind.value)} farm"
    states = ", ".join(f"{farm.name} is {farm.state.value}" for farm in rows)
    return f"{_NAMES.get(kind, kind.value)}: {states}"


def _serves(farms: Mapping[str, Farm], kind: FarmKind) -> bool:
    return any(farm.kind is kind and farm.state in SERVING for farm in farms.values())
