"""The table of the docs: which client got through what, as the last whole run saw it.

``make conformance`` writes it. A capability counts for a client only if every test of it passed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date

__all__ = ["CAPABILITIES", "render"]

#: Capability -> the beginnings of the names of the tests that show it.
CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "connect": (
        "test_starts_",
        "test_two_accounts",
        "test_client_zero",
        "test_many",
        "test_client_id_in_use",
        "test_disconnects",
        "test_gateway_",
    ),
    "contracts": ("test_gets_contract_details",),
    "stream": ("test_streams", "test_first_ticks", "test_volume", "test_every_tick"),
    "snapshot": ("test_snapshot",),
    "orders": (
        "test_market_order",
        "test_closing_order",
        "test_limit",
        "test_big_order",
        "test_currency_pair",
        "test_executions",
    ),
    "brackets": ("test_bracket", "test_cancelled_parent", "test_round_trip"),
    "what-if": ("test_what_if",),
    "account": ("test_position", "test_account"),
    "P&L": ("test_profit",),
    "history": ("test_bars", "test_first_time", "test_past_ticks"),
    "live bars": ("test_live_bars",),
    "depth": ("test_deep_book",),
    "tick by tick": ("test_tick_by_tick",),
    "options": ("test_option",),
    "search, scanner": ("test_search",),
    "news": ("test_news",),
    "second session": ("test_second_session",),
}


def render(results: Iterable[tuple[str, str, bool]], day: date) -> str:
    """The table as Markdown.

    Args:
        results: Test name, client as `Case` names it, and whether it passed.
        day: When it ran.
    """
    seen: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for test, client, passed in results:
        for capability, beginnings in CAPABILITIES.items():
            if test.startswith(beginnings):
                seen[client][capability].append(passed)
    head = ["client", "server version", *CAPABILITIES]
    rows = [head, [":--", ":--", *[":-:"] * len(CAPABILITIES)]]
    for client, found in seen.items():
        name, _, version = client.rpartition("-at-")
        rows.append([name, version, *(_mark(found.get(one)) for one in CAPABILITIES)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"Run on {day:%d %B %Y}.\n\n{table}\n"


def _mark(results: list[bool] | None) -> str:
    if not results:
        return ""
    return "yes" if all(results) else "no"
