"""``twsloop check``: is the gateway there, and what does it say of itself?"""

from __future__ import annotations

import queue
from typing import TYPE_CHECKING, Any

import attrs
import click

from twsloop.clock import SystemClock

from .connect import connected
from .root import Run, json_option

if TYPE_CHECKING:
    from twsloop.connection.health import Stats
    from twsloop.metrics import Distribution

__all__ = ["check"]


#: How long the gateway may take to say what time it is, seconds.
ANSWER_LIMIT = 10.0


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
@json_option
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
        out.event("check", **found, **more)
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
