"""Plots as SVG: lines and bars with axes, units, a legend and a text for those who cannot see them.

A pure function from values to text. Names are data: whatever they hold is shown as text and is never markup.
Lines differ by colour, dash and marker, with colours that most people can tell apart (Okabe and Ito, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple
from xml.sax.saxutils import escape

from protocol.drivers.terminal import printable

WIDTH: Final = 860
HEIGHT: Final = 460
MAX_NAME: Final = 60
_TOP: Final = 76
_LEGEND_TOP: Final = 52
_BOTTOM: Final = 62
_RIGHT: Final = 28
_LETTER: Final = 6.9
"""Estimated width of a letter at 13 px; SVG cannot measure before it is drawn."""
_SMALL_LETTER: Final = 5.8
_MANY: Final = 6
"""More bars than this have smaller letters."""
_LEGEND_LINE: Final = 20
_STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#56b4e9", "#000000", "#e69f00")
_DASHES: Final = ("", "7 4", "2 3", "10 3 2 3", "", "7 4", "2 3", "10 3 2 3")
_GREY, _INK = "#d9dde2", "#22272e"


class Tick(NamedTuple):
    at: float
    text: str


@dataclass(frozen=True)
class Axis:
    """``label`` says what is measured, with its unit. ``logarithmic``: all values above zero."""

    label: str
    low: float
    high: float
    ticks: Sequence[Tick]
    logarithmic: bool = False

    def share(self, value: float) -> float:
        """Where on the axis the value lies, 0 to 1."""
        low, high = (math.log10(end) if self.logarithmic else end for end in (self.low, self.high))
        at = math.log10(value) if self.logarithmic else value
        return (at - low) / (high - low) if high > low else 0.5


@dataclass(frozen=True)
class Line:
    """``points`` in the order of x; y None is a gap. ``guide``: drawn thin and grey, to compare with."""

    name: str
    points: Sequence[tuple[float, float | None]]
    guide: bool = False


class Bar(NamedTuple):
    """``value`` None: there is nothing to measure, and ``text`` says so in its place."""

    name: str
    value: float | None
    text: str


@dataclass(frozen=True)
class Chart:
    """Lines over ``x``, or bars side by side (then only the label of ``x`` counts)."""

    title: str
    description: str
    x: Axis
    y: Axis
    lines: Sequence[Line] = ()
    bars: Sequence[Bar] = ()
    language: str = "en"
    nothing: str = ""
    """Said in the middle where there are neither lines nor bars."""


def nice_axis(label: str, most: float, *, percent: bool = False, whole: bool = False) -> Axis:
    """From 0 to a round number not below ``most``, with four to six ticks."""
    if percent:
        return Axis(label, 0, 1, [Tick(i / 5, f"{20 * i} %") for i in range(6)])
    most = max(most, 1.0 if whole else 1e-9)
    raw = most / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * s for s in _STEPS if size * s >= raw * (1 - 1e-9))
    if whole:
        step = max(1.0, math.ceil(step))
    count = math.ceil(most / step - 1e-9)
    return Axis(label, 0, count * step, [Tick(i * step, number(i * step)) for i in range(count + 1)])


def decades(label: str, low: float, high: float) -> Axis:
    """A logarithmic axis from power of ten to power of ten."""
    first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    last = max(last, first + 1)
    ticks = [Tick(10.0**power, number(10.0**power)) for power in range(first, last + 1)]
    return Axis(label, 10.0**first, 10.0**last, ticks, logarithmic=True)


def number(value: float) -> str:
    """A short number; thousands apart by a thin space, which both languages read alike."""
    if value == round(value):
        return f"{round(value):,}".replace(",", "\u202f")
    return f"{value:.3g}"


# --- drawing ----------------------------------------------------------------------------------------


class _Area(NamedTuple):
    """Where the data is drawn."""

    left: float
    top: float
    right: float
    bottom: float

    def x(self, share: float) -> float:
        return self.left + share * (self.right - self.left)

    def y(self, share: float) -> float:
        return self.bottom - share * (self.bottom - self.top)


def svg(chart: Chart) -> str:
    """The whole document."""
    legend = _legend(chart)
    widest = max((len(_short(tick.text)) for tick in chart.y.ticks), default=1)
    area = _Area(
        26 + widest * _LETTER, _TOP + _LEGEND_LINE * _legend_lines(chart), WIDTH - _RIGHT, HEIGHT - _BOTTOM
    )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" lang="{_safe(chart.language)}" role="img" '
        'aria-labelledby="title desc" font-family="Helvetica, Arial, DejaVu Sans, sans-serif" '
        f'font-size="13" fill="{_INK}" stroke="none">',
        f'<title id="title">{_safe(chart.title)}</title>',
        f'<desc id="desc">{_safe(chart.description)}</desc>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 28, _short(chart.title, 100), "middle", 'font-size="17" font-weight="bold"'),
        *legend,
        *_frame(chart, area),
        *(_bars(chart, area) if chart.bars else _lines(chart, area)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(chart: Chart, area: _Area) -> list[str]:
    """Grid, ticks and labels of both axes."""
    found = []
    for tick in chart.y.ticks:
        y = area.y(chart.y.share(tick.at))
        found.append(_stroke(area.left, y, area.right, y, _GREY))
        found.append(_text(area.left - 8, y + 4.5, _short(tick.text), "end"))
    if not chart.bars:
        for tick in chart.x.ticks:
            x = area.x(chart.x.share(tick.at))
            found.append(_stroke(x, area.bottom, x, area.bottom + 5, _INK))
            text = _short(tick.text)
            most = WIDTH - 4 - len(text) * _LETTER / 2  # further right its end would be cut off
            found.append(_text(min(x, most), area.bottom + 20, text, "middle"))
    found.append(_stroke(area.left, area.bottom, area.right, area.bottom, _INK))
    found.append(_stroke(area.left, area.top, area.left, area.bottom, _INK))
    middle = (area.top + area.bottom) / 2
    found.append(_text((area.left + area.right) / 2, HEIGHT - 14, _short(chart.x.label, 100), "middle"))
    found.append(_text(14, area.top - 14, _short(chart.y.label, 100), "start", 'font-style="italic"'))
    if not chart.bars and not any(y is not None for line in chart.lines for _, y in line.points):
        found.append(_text((area.left + area.right) / 2, middle, _short(chart.nothing, 80), "middle"))
    return found


def _lines(chart: Chart, area: _Area) -> list[str]:
    found = []
    for i, line in enumerate(chart.lines):
        points = [
            None if y is None else (area.x(chart.x.share(x)), area.y(chart.y.share(y)))
            for x, y in line.points
        ]
        colour = "#8b949e" if line.guide else _COLOURS[i % len(_COLOURS)]
        for piece in _pieces(points):
            path = " ".join(f"{_round(x)},{_round(y)}" for x, y in piece)
            found.append(f'<polyline points="{path}" fill="none" {_pen(line, i)}/>')
        if not line.guide and len(points) <= 60:
            found += [_marker(i, x, y, colour) for x, y in (point for point in points if point)]
    return found


def _pieces(points: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Unbroken stretches; a point alone between gaps is only a marker."""
    found: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            found.append([])
        else:
            found[-1].append(point)
    return [piece for piece in found if len(piece) > 1]


def _pen(line: Line, i: int) -> str:
    if line.guide:
        return 'stroke="#8b949e" stroke-width="1.2" stroke-dasharray="4 4"'
    dash = _DASHES[i % len(_DASHES)]
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{_COLOURS[i % len(_COLOURS)]}" stroke-width="2.2" stroke-linejoin="round"{dashed}'


def _marker(i: int, x: float, y: float, colour: str) -> str:
    """A circle, square, triangle or diamond."""
    r = 3.6
    if i % 4 == 0:
        return f'<circle cx="{_round(x)}" cy="{_round(y)}" r="{r}" fill="{colour}"/>'
    if i % 4 == 1:
        corners = ((-r, -r), (r, -r), (r, r), (-r, r))
    elif i % 4 == 2:
        corners = ((0, -r - 1), (r + 1, r), (-r - 1, r), (0, -r - 1))
    else:
        corners = ((0, -r - 1), (r + 1, 0), (0, r + 1), (-r - 1, 0))
    path = " ".join(f"{_round(x + dx)},{_round(y + dy)}" for dx, dy in corners)
    return f'<polygon points="{path}" fill="{colour}"/>'


def _bars(chart: Chart, area: _Area) -> list[str]:
    found, slot = [], (area.right - area.left) / len(chart.bars)
    small = len(chart.bars) > _MANY
    width, letters = min(72.0, slot * 0.66), max(3, int(slot / (_SMALL_LETTER if small else _LETTER)))
    font = 'font-size="11"' if small else ""
    for i, bar in enumerate(chart.bars):
        middle = area.left + (i + 0.5) * slot
        top = area.y(chart.y.share(bar.value or 0.0))
        found.append(
            f'<rect x="{_round(middle - width / 2)}" y="{_round(top)}" width="{_round(width)}" '
            f'height="{_round(area.bottom - top)}" fill="{_COLOURS[0]}">'
            f"<title>{_safe(bar.name)}: {_safe(bar.text)}</title></rect>"
        )
        found.append(_text(middle, top - 6, _short(bar.text, letters), "middle", font))
        found.append(_text(middle, area.bottom + 20, _short(bar.name, letters), "middle", font))
    return found


# --- the legend -------------------------------------------------------------------------------------


def _named(chart: Chart) -> list[tuple[int, Line]]:
    return [(i, line) for i, line in enumerate(chart.lines) if line.name]


def _rows(chart: Chart) -> list[list[tuple[int, Line, float]]]:
    """Which line's name stands where: rows of (index, line, x)."""
    rows: list[list[tuple[int, Line, float]]] = [[]]
    x = 60.0
    for i, line in _named(chart):
        width = 46 + len(_short(line.name)) * _LETTER
        if rows[-1] and x + width > WIDTH - _RIGHT:
            rows.append([])
            x = 60.0
        rows[-1].append((i, line, x))
        x += width
    return [row for row in rows if row]


def _legend_lines(chart: Chart) -> int:
    return len(_rows(chart))


def _legend(chart: Chart) -> list[str]:
    found = []
    for row, lines in enumerate(_rows(chart)):
        y = _LEGEND_TOP + row * _LEGEND_LINE
        for i, line, x in lines:
            found.append(f'<line x1="{_round(x)}" y1="{y}" x2="{_round(x + 26)}" y2="{y}" {_pen(line, i)}/>')
            if not line.guide:
                found.append(_marker(i, x + 13, y, _COLOURS[i % len(_COLOURS)]))
            found.append(_text(x + 32, y + 4.5, _short(line.name), "start"))
    return found


# --- pieces of SVG ----------------------------------------------------------------------------------


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    """``text`` is data and is made harmless here; ``more`` is ours."""
    extra = f" {more}" if more else ""
    return f'<text x="{_round(x)}" y="{_round(y)}" text-anchor="{anchor}"{extra}>{_safe(text)}</text>'


def _stroke(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return (
        f'<line x1="{_round(x1)}" y1="{_round(y1)}" x2="{_round(x2)}" y2="{_round(y2)}" stroke="{colour}"/>'
    )


def _round(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")


def _short(text: str, most: int = MAX_NAME) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _safe(text: str) -> str:
    """As text or attribute of XML: no markup, and no character that XML or a reader could stumble over."""
    return escape(printable(text), {'"': "&quot;", "'": "&apos;"})
