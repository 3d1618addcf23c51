"""Fault scripts: what happens when, as data; read from TOML, or from YAML.

A script is a list of entries, each with a fault, when it begins, and whom it hits::

    seed = 7                    # of all that is random

    [[fault]]
    fault = "half_open"         # which
    at = 30                     # seconds after the gateway began to listen
    lasting = 20                # seconds; until the end unless given
    clients = [1]               # client ids; all unless given
    direction = "write"         # the fault's own parameters, or: with = {direction = "write"}

    [[fault]]
    fault = "reset"
    after = "order"             # after something has happened
    nth = 3                     # for the third time
    delay = 0.5                 # and half a second later
    times = 2                   # again after the sixth

A parameter that is called like a key of the entry stands in ``with``.

What an entry waits for is one of ``at`` (seconds of the gateway's clock), ``market`` (a date and
time of the market, New York's unless it names its offset) and ``after`` (an event: see `EVENTS`, or
the name of any request). Events count of the clients in ``by``; unless given, of those in
``clients``. ``times`` says how often (0: without end); where it waits for a time, ``every`` says
how many seconds apart.
"""

from __future__ import annotations

import difflib
import importlib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs

from twsloop.errors import FaultError
from twsloop.paper.clock.market_clock import market_time
from twsloop.wire.messages import OUTBOUND_BY_NAME

from .fault import Fault, params_of
from .params import SECONDS
from .table import FAULTS

__all__ = ["EVENTS", "Plan", "Script", "Trigger", "read_script"]

#: What entries may wait for, beside requests by their names.
EVENTS: Mapping[str, str] = {
    "connect": "a connection was accepted; what begins with it is about that one, too",
    "join": "a client is READY: its accounts, its next order id and the notices have left",
    "message": "a client sent a message",
    "order": "a client sent an order, or a change of one",
    "cancel": "a client sent a cancel",
    "fill": "an order was filled, in part or whole",
}

#: What a script has.
_TABLES = ("fault", "seed")
#: The keys of an entry that are no parameters.
_KEYS = (
    "fault", "at", "market", "after", "by", "nth", "delay", "times", "every", "lasting", "clients",
    "with",
)  # fmt: skip


@attrs.frozen(kw_only=True)
class Trigger:
    """When a plan begins: at a time, at a market time, or after an event.

    Attributes:
        at: Seconds after the gateway began to listen.
        market: A market time.
        event: What has to happen: one of `EVENTS`, or the name of a request.
        by: Whose events count; None: everyone's.
        nth: How often.
        delay: How long after it, seconds.
    """

    at: float = 0.0
    market: datetime | None = None
    event: str | None = None
    by: frozenset[int] | None = None
    nth: int = 1
    delay: float = 0.0

    def counts(self, event: str, client_id: int | None) -> bool:
        """Whether this event of this client is one of those that it waits for."""
        if event != self.event:
            return False
        return self.by is None or client_id is None or client_id in self.by


@attrs.frozen(kw_only=True)
class Plan:
    """One entry of a script.

    Attributes:
        fault: What.
        trigger: When.
        clients: Whom; None: all.
        lasting: How long, seconds; None: until the end.
        times: How often; 0: without end.
        every: How far apart, seconds; None: not by time.
    """

    fault: Fault
    trigger: Trigger = Trigger()
    clients: frozenset[int] | None = None
    lasting: float | None = None
    times: int = 1
    every: float | None = None


@attrs.frozen(kw_only=True)
class Script:
    """What happens to a gateway's clients.

    Attributes:
        plans: In the order of the file.
        seed: Of all that is random; None: the gateway's own.
    """

    plans: tuple[Plan, ...] = ()
    seed: int | None = None


def read_script(source: str | Path | Mapping[str, Any] | Script) -> Script:
    """A script from a TOML or YAML file, or from the tables that such a file has.

    Raises:
        FaultError: It cannot be read, or an entry of it makes no sense.
    """
    if isinstance(source, Script):
        return source
    if isinstance(source, Mapping):
        return _script(source, None)
    path = Path(source)
    try:
        written = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else error
        raise FaultError(f"cannot be read: {why or error}", file=str(path)) from error
    reader = _yaml if path.suffix.lower() in {".yaml", ".yml"} else _toml
    return _script(reader(written, str(path)), str(path))


def _toml(written: str, file: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(written)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits, brackets without end
        raise FaultError(f"is no TOML: {error}", file=file) from error


def _yaml(written: str, file: str) -> Mapping[str, Any]:
    try:
        yaml: Any = importlib.import_module("yaml")
    except ModuleNotFoundError:
        problem = "needs PyYAML: pip install 'twsloop[yaml]', or write it as TOML"
        raise FaultError(problem, file=file) from None
    try:
        tables = yaml.safe_load(written)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # a date that is none
        told = " ".join(str(error).split())
        raise FaultError(f"is no YAML: {told}", file=file) from error
    if tables is None:
        return {}
    if not isinstance(tables, Mapping):
        raise FaultError("is no script", file=file, allowed="seed, and a list called fault")
    return tables


def _script(tables: Mapping[str, Any], file: str | None) -> Script:
    for key in tables:
        if key not in {"fault", "seed"}:
            problem = f"is not known{_meant(key, ('fault', 'seed'))}"
            allowed = "seed, and [[fault]] entries"
            raise FaultError(problem, file=file, key=str(key), allowed=allowed)
    seed = tables.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise FaultError("is no seed", file=file, key="seed", value=seed, allowed="a whole number")
    entries = tables.get("fault", [])
    if not isinstance(entries, list) or not all(isinstance(one, Mapping) for one in entries):
        raise FaultError("is no list of entries", file=file, key="fault", allowed="[[fault]]")
    plans = []
    for number, entry in enumerate(entries, 1):
        try:
            plans.append(_plan(entry))
        except FaultError as error:
            raise error.placed(file=file, entry=number) from None
    return Script(plans=tuple(plans), seed=seed)


def _plan(entry: Mapping[str, Any]) -> Plan:
    kind = _kind(entry)
    fault = _fault(kind, entry)
    reader = _Reader(entry, kind.name)
    trigger = _trigger(entry, reader)
    lasting = reader.number("lasting")
    if lasting is not None and kind.instant:
        raise FaultError("happens at once, and cannot last", fault=kind.name, key="lasting")
    if "clients" in entry and not kind.of_clients:
        problem = "it is about the gateway, not about clients; whose events count says by"
        raise FaultError(problem, fault=kind.name, key="clients")
    times, every = reader.count("times", low=0), reader.number("every")
    if every is not None and trigger.event is not None:
        problem = "belongs to at and market; an event counts by nth"
        raise FaultError(problem, fault=kind.name, key="every")
    if every == 0:
        allowed = "a number above 0, in seconds"
        raise FaultError("does not fit", fault=kind.name, key="every", value=0, allowed=allowed)
    if times not in {None, 1} and every is None and trigger.event is None:
        problem = "needs every: how many seconds apart"
        raise FaultError(problem, fault=kind.name, key="times", value=times)
    return Plan(
        fault=fault,
        trigger=trigger,
        clients=reader.clients("clients"),
        lasting=lasting,
        times=(0 if every is not None else 1) if times is None else times,
        every=every,
    )


def _fault(kind: type[Fault], entry: Mapping[str, Any]) -> Fault:
    """The fault of an entry, with its parameters."""
    known = params_of(kind)
    inner = entry.get("with", {})
    if not isinstance(inner, Mapping):
        allowed = "a table of parameters"
        raise FaultError("does not fit", fault=kind.name, key="with", value=inner, allowed=allowed)
    for key in entry:
        if key not in _KEYS and key not in known:
            problem = f"is not known{_meant(key, (*known, *_KEYS))}"
            allowed = ", ".join((*known, *_KEYS))
            raise FaultError(problem, fault=kind.name, key=str(key), allowed=allowed)
    for key in inner:
        if key not in known:
            problem = f"is no parameter of it{_meant(key, known)}"
            raise FaultError(problem, fault=kind.name, key=str(key), allowed=", ".join(known))
    given = {key: value for key, value in entry.items() if key not in _KEYS}
    return kind(**given | dict(inner))


def _kind(entry: Mapping[str, Any]) -> type[Fault]:
    name = entry.get("fault")
    if name is None:
        raise FaultError("is missing", key="fault", allowed=", ".join(FAULTS))
    kind = FAULTS.get(name) if isinstance(name, str) else None
    if kind is None:
        meant = _meant(name, FAULTS)
        problem, allowed = f"there is no such fault{meant}", None if meant else ", ".join(FAULTS)
        raise FaultError(problem, key="fault", value=name, allowed=allowed)
    return kind


def _trigger(entry: Mapping[str, Any], reader: _Reader) -> Trigger:
    given = [key for key in ("at", "market", "after") if key in entry]
    if len(given) > 1:
        problem = f"stands beside {given[0]}: an entry waits for one thing"
        raise FaultError(problem, fault=reader.fault, key=given[1])
    if given != ["after"]:
        for key in ("by", "nth", "delay"):
            if key in entry:
                raise FaultError("belongs to after", fault=reader.fault, key=key)
        return Trigger(at=reader.number("at") or 0.0, market=reader.market())
    event = entry["after"]
    if not isinstance(event, str) or (event not in EVENTS and event not in OUTBOUND_BY_NAME):
        meant = _meant(event, (*EVENTS, *OUTBOUND_BY_NAME))
        raise FaultError(
            f"nothing of that name happens{meant}",
            fault=reader.fault,
            key="after",
            value=event,
            allowed=f"{', '.join(EVENTS)}, or the name of a request",
        )
    return Trigger(
        event=event,
        by=reader.clients("by" if "by" in entry else "clients"),
        nth=reader.count("nth", low=1) or 1,
        delay=reader.number("delay") or 0.0,
    )


@attrs.frozen
class _Reader:
    """Reads the keys that all entries have."""

    entry: Mapping[str, Any]
    fault: str

    def number(self, key: str) -> float | None:
        value = self.entry.get(key)
        if value is None:
            return None
        try:
            return float(SECONDS.read(value))
        except ValueError:
            raise self._refused(key, SECONDS.allowed()) from None

    def count(self, key: str, low: int) -> int | None:
        value = self.entry.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            raise self._refused(key, f"a whole number from {low} up")
        return value

    def market(self) -> datetime | None:
        value = self.entry.get("market")
        if value is None:
            return None
        try:
            return market_time(value.isoformat(" ") if isinstance(value, datetime) else value)
        except (ValueError, TypeError):
            raise self._refused("market", "a date and time like '2026-09-28 09:31'") from None

    def clients(self, key: str) -> frozenset[int] | None:
        value = self.entry.get(key)
        if value is None or value == "all":
            return None
        ids = value if isinstance(value, list) else [value]
        if not ids or any(isinstance(one, bool) or not isinstance(one, int) for one in ids):
            raise self._refused(key, 'a client id, a list of them, or "all"')
        return frozenset(ids)

    def _refused(self, key: str, allowed: str) -> FaultError:
        value = self.entry[key]
        return FaultError("does not fit", fault=self.fault, key=key, value=value, allowed=allowed)


def _meant(name: object, known: Iterable[str]) -> str:
    """What might have been meant, as the end of a sentence."""
    close = difflib.get_close_matches(str(name), list(known), n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""
