"""``twsloop check``: is the gateway there, and what does it say of itself?"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import attrs
import click

from twsloop.clock import SystemClock

from .connect import connected
from .fields import anything, flag, many, number, record, text, whole
from .root import Run
from .shapes import line, prints

if TYPE_CHECKING:
    from twsloop.connection.health import Stats
    from twsloop.metrics import Distribution

__all__ = ["check"]


_SESSION = {
    "state": text("where it is in its life"),
    "reason": text("why"),
    "since": text("since when, in ISO 8601"),
    "epoch": whole("which session of the connection it is, from 1"),
    "attempt": whole("which attempt since a session last stood is under way"),
    "next_attempt_at": text("when the next one comes", null=True),
    "wedged": flag("the gateway accepts connections and does not answer"),
    "id_taken": flag("the client id is in use"),
    "role": text("what the session is for: trade, data, observer"),
    "host": text("the gateway's host"),
    "port": whole("its port"),
    "client_id": whole("as whom we came"),
    "server_version": whole("the protocol version", null=True),
    "silent_for": number("seconds since the gateway's last byte", null=True),
    "window": anything("the reset or restart that is planned for now"),
    "orders_known": flag("the orders could be fetched", null=True),
    "orders_unknown_because": text("why they could not"),
}
_WAITING = {
    "request": text("what is asked, in words"),
    "lane": text("where it waits"),
    "reason": text("why"),
    "since": text("from when on, in ISO 8601"),
    "seconds": number("for how long"),
    "expected": number("how many more seconds it will take", null=True),
    "position": whole("how many leave before it"),
    "req_id": whole("its request id", null=True),
    "order_id": whole("the order it carries, or ends", null=True),
}

#: How long the gateway may take to say what time it is, seconds.
ANSWER_LIMIT = 10.0

CHECK = line(
    "check",
    "What the gateway says of itself.",
    host=text("where it is"),
    port=whole("its port"),
    client_id=whole("as whom we came"),
    server_version=whole("the protocol version that both speak"),
    accounts=many(text("an account"), "the login's"),
    state=text("where the session is: READY, or DEGRADED"),
    orders_known=flag("open, completed and executed orders could be fetched"),
    orders_unknown_because=text("why they could not", null=True),
    ready_in_s=number("from the call until the session was READY"),
    round_trip_ms=number("from the question for its time to the answer"),
    gateway_clock_off_by_s=whole("its clock less ours; it speaks in whole seconds"),
    notices=many(text("in words"), "what it said, the oldest first"),
    session=record("how it stands with the session", _SESSION),
    stats=anything("what was counted and timed: the fields of gw.stats()"),
    waiting=many(record("one request", _WAITING), "requests that have not left yet"),
)


class _TimeTold:
    """Hears the answer to reqCurrentTime."""

    def __init__(self) -> None:
        self.time: queue.SimpleQueue[int] = queue.SimpleQueue()

    def currentTime(self, time: int) -> None:
        """IB's callback."""
        self.time.put(time)


@click.command(
    epilog="""\b
Examples:
  twsloop check
  twsloop --port 7497 --client-id 9 check
  twsloop --paper check --json
"""
)
@prints(CHECK)
@click.pass_obj
def check(run: Run) -> None:
    """Connect, say what was found, and leave.

    The exit code says how it went: 4 nobody listens, 5 somebody listens and says nothing, 6 the
    client id is used, 7 the gateway is not ready.
    """
    clock = SystemClock()
    started = clock.monotonic()
    with connected(run) as gateway:
        took = clock.monotonic() - started
        told = _TimeTold()
        gateway.add_message_processor(told)
        asked = clock.monotonic()
        gateway.reqCurrentTime()
        try:
            seconds = told.time.get(timeout=ANSWER_LIMIT)
        except queue.Empty:
            msg = f"the gateway did not say what time it is within {ANSWER_LIMIT:g} s"
            raise TimeoutError(msg) from None
        answer = clock.monotonic() - asked
        now = int(clock.now().timestamp())  # the gateway speaks in whole seconds
        found: dict[str, Any] = {
            "host": gateway.host,
            "port": gateway.port,
            "client_id": gateway.clientId,
            "server_version": gateway.serverVersion(),
            "accounts": list(gateway.accounts),
            "state": gateway.session_state.name,
            "orders_known": gateway.orders_known,
            "orders_unknown_because": gateway.orders_unknown_because or None,
            "ready_in_s": round(took, 3),
            "round_trip_ms": round(answer * 1000, 2),
            "gateway_clock_off_by_s": seconds - now,
            "notices": [str(notice) for notice in gateway.errors.recent],
        }
        stats, session = gateway.stats(), gateway.session
        waiting = [attrs.asdict(request) for request in gateway.waiting()]
    out = run.output()
    if out.form == "json":
        more = {"session": session.as_dict(), "stats": stats.as_dict(), "waiting": waiting}
        out.event(CHECK.event, **found, **more)
    if out.form == "table":
        for name, value in {**found, **_in_short(stats)}.items():
            shown = "\n".join(f"{'':24}{v}" for v in value).strip() if name == "notices" else value
            if isinstance(shown, list):
                shown = ", ".join(shown)
            if shown not in {None, ""}:
                out.event("", f"{name.replace('_', ' '):<24}{shown}")


def _in_short(stats: Stats) -> dict[str, str]:
    """The main lines of what was counted and timed."""
    traffic, requests = stats.traffic, stats.requests
    dropped = {name: count for name, count in stats.drops.items() if count}
    return {
        "requests": f"{requests.answered} answered, {requests.failed} failed; "
        f"{_spans(requests.hops['whole'])}",
        "traffic": f"{traffic.messages_in} messages ({traffic.bytes_in} bytes) in, "
        f"{traffic.messages_out} ({traffic.bytes_out} bytes) out",
        "loop_lag": _spans(stats.loop.lag),
        "slow_callbacks": ", ".join(
            f"{slow.name} ({slow.count} times, {slow.worst * 1000:.0f} ms at worst)"
            for slow in stats.loop.slow_callbacks
        ),
        "dropped": ", ".join(f"{name} {count}" for name, count in dropped.items()),
    }


def _spans(found: Distribution) -> str:
    """A distribution of seconds, in short; nothing of nothing."""
    half, most = found.percentile(50), found.percentile(99)
    if half is None or most is None:
        return ""
    return f"half within {half * 1000:.1f} ms, 99 % within {most * 1000:.1f} ms"
