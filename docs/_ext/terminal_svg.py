"""Draws what stood on a terminal's screen as an SVG, one picture or a recording that plays.

A recording is made of lines: each line that stood on the screen for a while is in the file once,
with the time at which it appears and the time at which it goes. So half a minute of a table that
redraws itself takes no more room than what changed in it. Where SVGs do not play, the last picture
is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import groupby, pairwise

import attrs

__all__ = ["Cell", "Frame", "Line", "draw"]

#: Sizes of a character and of the window's frame, pixels.
WIDTH, HEIGHT, MARGIN, BAR = 8.4, 18, 14, 34
#: How long the last picture stands before the recording begins anew, seconds.
REST = 6.0
BACKGROUND, FOREGROUND = "#16181d", "#d5d8de"
FONT = "'Fira Code','DejaVu Sans Mono',Menlo,Consolas,monospace"
#: The colours of terminals, on a dark ground.
COLOURS = {
    "black": "#3b4048",
    "red": "#ef6b73",
    "green": "#7ec77b",
    "brown": "#e0b35c",
    "yellow": "#e0b35c",
    "blue": "#6aa7f0",
    "magenta": "#c68ae6",
    "cyan": "#5cc0c7",
    "white": "#d5d8de",
    "brightblack": "#7d838e",
}


@attrs.frozen
class Cell:
    """One character.

    Attributes:
        text: The character.
        colour: A name of `COLOURS`, six hexadecimal digits, or ``default``.
        bold: Whether it is bold.
        dim: Whether it is dim.
        ground: The colour behind it, as ``colour``.
    """

    text: str
    colour: str = "default"
    bold: bool = False
    dim: bool = False
    ground: str = "default"


Line = tuple[Cell, ...]


@attrs.frozen
class Frame:
    """What stood on the screen from a time on.

    Attributes:
        at: When it came, seconds from the beginning.
        lines: The lines of the screen.
    """

    at: float
    lines: tuple[Line, ...]


def draw(frames: Sequence[Frame], *, title: str) -> str:
    """The SVG.

    Args:
        frames: One picture, or several in order: then they play, again and again.
        title: What stands in the window's bar.
    """
    columns = max(len(line) for frame in frames for line in frame.lines)
    rows = max(len(frame.lines) for frame in frames)
    width, height = columns * WIDTH + 2 * MARGIN, rows * HEIGHT + BAR + MARGIN
    start, end = frames[0].at, frames[-1].at + REST
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="{FONT}" font-size="14">'
    )
    named = f'<text x="{width / 2:.0f}" y="22" text-anchor="middle" fill="#9aa0aa">'
    parts = [
        head,
        f"<title>{escape(title)}</title>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="9" fill="{BACKGROUND}"/>',
        *(
            f'<circle cx="{20 + 20 * number}" cy="17" r="6" fill="{colour}"/>'
            for number, colour in enumerate(("#ef6b73", "#e0b35c", "#7ec77b"))
        ),
        f"{named}{escape(title)}</text>",
    ]
    if len(frames) > 1:
        parts.append(
            '<rect width="0" height="0"><animate id="play" attributeName="x" from="0" to="0" '
            f'begin="0s;play.end" dur="{end - start:.2f}s"/></rect>'
        )
    for row in range(rows):
        shown = [(frame.at - start, _line(frame, row)) for frame in frames]
        spans = [(key, next(group)[0]) for key, group in groupby(shown, key=lambda one: one[1])]
        until = [*(after for (_, _), (_, after) in pairwise(spans)), None]
        for (line, since), over in zip(spans, until, strict=True):
            drawn = _draw_line(line, row)
            if drawn:
                parts.append(_group(drawn, since, over))
    parts.append("</svg>\n")
    return "\n".join(parts)


def _line(frame: Frame, row: int) -> Line:
    return frame.lines[row] if row < len(frame.lines) else ()


def _group(drawn: str, since: float, over: float | None) -> str:
    """A line with the time at which it is seen; the last picture is seen without playing, too."""
    if over is None and since == 0:
        return f"<g>{drawn}</g>"
    if over is None:
        hidden = (
            f'<set attributeName="visibility" to="hidden" begin="play.begin" dur="{since:.2f}s"/>'
        )
        return f"<g>{hidden}{drawn}</g>"
    seen = (
        f'<set attributeName="visibility" to="visible" begin="play.begin+{since:.2f}s" '
        f'dur="{over - since:.2f}s"/>'
    )
    return f'<g visibility="hidden">{seen}{drawn}</g>'


def _draw_line(line: Line, row: int) -> str:
    """The runs of characters that look the same."""
    parts = []
    y = BAR + row * HEIGHT
    column = 0
    for look, group in groupby(line, key=lambda cell: attrs.evolve(cell, text="")):
        text = "".join(cell.text for cell in group)
        x, length = MARGIN + column * WIDTH, len(text) * WIDTH
        column += len(text)
        if look.ground != "default":
            ground = _colour(look.ground)
            place = f'x="{x:.1f}" y="{y}" width="{length:.1f}" height="{HEIGHT}"'
            parts.append(f'<rect {place} fill="{ground}"/>')
        if not text.strip():
            continue
        before = len(text) - len(text.lstrip())
        text = text.strip()
        more = ' font-weight="bold"' * look.bold + ' opacity="0.6"' * look.dim
        place = f'x="{x + before * WIDTH:.1f}" y="{y + 14}" textLength="{len(text) * WIDTH:.1f}"'
        style = f'xml:space="preserve" fill="{_colour(look.colour)}"{more}'
        parts.append(f'<text {place} lengthAdjust="spacingAndGlyphs" {style}>{escape(text)}</text>')
    return "".join(parts)


def _colour(name: str) -> str:
    if name == "default":
        return FOREGROUND
    name = name.removeprefix("bright") if name not in COLOURS else name
    return COLOURS.get(name, f"#{name}")
