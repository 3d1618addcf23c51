"""Pages and drawings that are made from the code, so that they cannot disagree with it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import click
from ibapi.client import EClient
from ibapi.wrapper import EWrapper

from twsloop.cli.exits import MEANINGS
from twsloop.cli.root import cli
from twsloop.config.example import render_reference
from twsloop.config.sections.errors import CONTEXTS, OVERRIDES
from twsloop.control.endings import endings_known
from twsloop.error_handler import ACTIONS, load_codes, load_policy
from twsloop.session.state import TRANSITIONS, Event, State

from coverage_table import coverage_table  # isort: skip  (beside this file)
from fault_table import fault_table  # isort: skip  (beside this file)
from fault_reference import events_table, gateway_reference, wire_reference  # isort: skip
from json_lines import lines_reference, shared_reference  # isort: skip  (beside this file)
from requests_page import requests_table  # isort: skip  (beside this file)

#: Where the states stand in the drawing: column, row. A new state fails the build until it is here.
PLACES = {
    State.DISCONNECTED: (0, 1),
    State.CONNECTING: (1, 0),
    State.HANDSHAKE: (2, 0),
    State.STARTING: (3, 0),
    State.SYNCING: (4, 0),
    State.READY: (4, 2),
    State.DEGRADED: (2, 2),
    State.WAITING: (0, 2),
}
COLUMN, ROW, BOX_W, BOX_H, MARGIN = 222, 110, 116, 38, 20


def everything(folder: Path) -> None:
    """Write all generated files."""
    folder.mkdir(exist_ok=True)
    pages = {
        "session.svg": session_svg(),
        "session_table.md": session_table(),
        "config.md": render_reference(),
        "error_codes.md": error_codes(),
        "error_policy.md": error_policy(),
        "error_actions.md": error_actions(),
        "commands.md": commands(),
        "exits.md": exits(),
        "json_lines.md": lines_reference(),
        "json_shared.md": shared_reference(),
        "endings.md": endings(),
        "requests.md": requests_table(),
        "fault_events.md": events_table(),
        "faults_wire.md": wire_reference(),
        "faults_gateway.md": gateway_reference(),
        "coverage_requests.md": coverage_table(EClient),
        "coverage_callbacks.md": coverage_table(EWrapper),
        "faults.md": fault_table(),
    }
    for name, text in pages.items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def session_svg() -> str:
    """The session's transition table as a drawing."""
    arrows: dict[tuple[State, State], list[str]] = defaultdict(list)
    for (before, event), after in TRANSITIONS.items():
        if before is not after:
            arrows[before, after].append(event.name)
    width = 4 * COLUMN + BOX_W + 2 * MARGIN
    height = 3 * ROW + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        'font-family="sans-serif" font-size="13">'
    )
    tip = (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#666"/></marker></defs>'
    )
    parts = [head, tip, '<rect width="100%" height="100%" fill="#fff"/>']
    to_disconnected = {Event.FAILED.name, Event.LINK_LOST.name, Event.DISCONNECT.name}
    for (before, after), events in arrows.items():
        if after is State.DISCONNECTED and set(events) <= to_disconnected:
            continue  # these are said in words below: twenty arrows to one box would say less
        parts.append(_arrow(before, after, " / ".join(events)))
    parts += [_box(state) for state in State]
    parts.append(
        f'<text x="{MARGIN}" y="{height - 14}" fill="#444">FAILED, LINK_LOST and DISCONNECT lead '
        "from every state to DISCONNECTED; from there a lost session goes on to WAITING.</text>"
    )
    parts.append("</svg>\n")
    return "\n".join(parts)


def _centre(state: State) -> tuple[float, float]:
    column, row = PLACES[state]
    return MARGIN + column * COLUMN + BOX_W / 2, MARGIN + row * ROW + BOX_H / 2


def _box(state: State) -> str:
    x, y = _centre(state)
    return (
        f'<rect x="{x - BOX_W / 2}" y="{y - BOX_H / 2}" width="{BOX_W}" height="{BOX_H}" rx="7" '
        f'fill="#eef3fb" stroke="#3f6bb0"/><text x="{x}" y="{y + 4}" text-anchor="middle" '
        f'font-size="13" fill="#1d2b45">{state.name}</text>'
    )


def _arrow(before: State, after: State, label: str) -> str:
    (x1, y1), (x2, y2) = _centre(before), _centre(after)
    length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5 or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    # Both directions between two boxes run side by side, each on its own right-hand side.
    two_way = any(was is after and to is before for (was, _), to in TRANSITIONS.items())
    ox, oy = (-uy * 9, ux * 9) if two_way else (0.0, 0.0)
    start, end = _edge(x1, y1, ux, uy), _edge(x2, y2, -ux, -uy)
    sx, sy, ex, ey = start[0] + ox, start[1] + oy, end[0] + ox, end[1] + oy
    mx, my = (sx + ex) / 2, (sy + ey) / 2
    wide = 8.2 * len(label) + 4
    return (
        f'<path d="M{sx:.0f},{sy:.0f} L{ex:.0f},{ey:.0f}" stroke="#666" fill="none" '
        f'marker-end="url(#tip)"/><rect x="{mx - wide / 2:.0f}" y="{my - 8:.0f}" '
        f'width="{wide:.0f}" height="16" fill="#fff"/><text x="{mx:.0f}" y="{my + 4:.0f}" '
        f'text-anchor="middle" fill="#333">{label}</text>'
    )


def _edge(x: float, y: float, ux: float, uy: float) -> tuple[float, float]:
    """Where a ray from a box's centre leaves the box."""
    reach = min(
        BOX_W / 2 / abs(ux) if ux else float("inf"), BOX_H / 2 / abs(uy) if uy else float("inf")
    )
    return x + ux * reach, y + uy * reach


def session_table() -> str:
    """The same as a table: in this state, this event leads there."""
    lines = ["| in state | event | leads to |", "|---|---|---|"]
    lines += [
        f"| {before.name} | {event.name} | {after.name} |"
        for (before, event), after in TRANSITIONS.items()
    ]
    return "\n".join(lines) + "\n"


def error_codes() -> str:
    """IB's codes as twsloop sorts them."""
    lines = ["| code | category | severity | scope | what happens next |", "|--:|---|---|---|---|"]
    for code, info in sorted(load_codes().items()):
        words = _escaped(info.what_happens_next)
        lines.append(f"| {code} | {info.category} | {info.severity} | {info.scope} | {words} |")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """A text in a cell of a Markdown table."""
    text = text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
    return text.replace("*", "\\*").replace("$", "\\$").replace("_", "\\_")


def error_policy() -> str:
    """The rows of the policy."""
    lines = [
        "| what | IB's text | context | action | changes | because |",
        "|---|---|---|---|---|---|",
    ]
    for row in load_policy().rows:
        where = "all" if len(row.contexts) == len(CONTEXTS) else _in_order(row.contexts)
        text = f"`{row.text.pattern}`".replace("|", "\\|") if row.text else ""
        changes = {k: v for k, v in row.changes.items() if k != "what_happens_next"}
        cells = (
            _escaped(row.match),
            text,
            where,
            row.action,
            ", ".join(f"{name} {value}" for name, value in changes.items()),
            _escaped(row.because),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _in_order(contexts: frozenset[str]) -> str:
    return ", ".join(name for name in CONTEXTS if name in contexts)


def error_actions() -> str:
    """What the actions do, and where a program may choose them."""
    lines = ["| action | ends | what twsloop does | may be chosen for |", "|---|---|---|---|"]
    for name, action in ACTIONS.items():
        where = _in_order(frozenset(c for c, actions in OVERRIDES.items() if name in actions))
        lines.append(f"| `{name}` | {action.ends.value} | {_escaped(action.words)} | {where} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command's own help, as it prints it."""
    parts = []
    for path, command in _walk(cli, ("twsloop",)):
        context = click.Context(command, info_name=" ".join(path), max_content_width=100)
        parts.append(f"## {' '.join(path)}\n\n```text\n{command.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def _walk(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            assert child is not None
            yield from _walk(child, (*path, name))


def endings() -> str:
    """How a gateway's process ends, by its exit status."""
    rows = [
        f"| {shown} | {code} | {meaning} | {remedy} |"
        for code, shown, meaning, remedy in endings_known()
    ]
    head = ["| status | IBC's number | what it means | what to do |", "|--:|--:|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def exits() -> str:
    """The exit codes."""
    lines = ["| code | meaning |", "|--:|---|"]
    lines += [f"| {code.value} | {meaning} |" for code, meaning in MEANINGS.items()]
    return "\n".join(lines) + "\n"
