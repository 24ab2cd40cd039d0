"""The figures against hand-written masked SQL as a plot, in SVG."""

from collections.abc import Iterable, Iterator
from html import escape

from benchmarks.figures import Figure

_LABEL = "of the same SQL written by hand"
_ROW, _LEFT, _UNIT, _TOP = 22, 360, 260, 46
"""Pixels: height of a bar's row, where bars begin, length of a ratio of one, height of the heading."""
_MOST = 1.6
"""Ratios beyond it are cut off; their figure says so."""


def svg(figures: Iterable[Figure]) -> str:
    """A bar for each figure that compares the hook with the same SQL written by hand; the line is at one."""
    rows = [(" · ".join(one.place), float(one.results[_LABEL])) for one in figures if _LABEL in one.results]
    height, width = _TOP + _ROW * len(rows) + 10, _LEFT + round(_UNIT * _MOST) + 60
    line = _LEFT + _UNIT
    parts = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        '<text x="10" y="22" font-size="15">Through the hook, in terms of the same masked SQL by hand</text>',
        *_bars(rows),
        f'<line x1="{line}" y1="{_TOP - 8}" x2="{line}" y2="{height - 6}" stroke="#333"/>',
        f'<text x="{line + 4}" y="{_TOP - 6}" fill="#333">1.00</text>',
        "</svg>",
    )
    return "\n".join(parts) + "\n"


def _bars(rows: Iterable[tuple[str, float]]) -> Iterator[str]:
    for number, (name, ratio) in enumerate(rows):
        top = _TOP + _ROW * number
        length = round(_UNIT * min(ratio, _MOST))
        yield f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(name)}</text>'
        yield f'<rect x="{_LEFT}" y="{top + 3}" width="{length}" height="{_ROW - 8}" fill="#4477aa"/>'
        yield f'<text x="{_LEFT + length + 5}" y="{top + 14}">{ratio:.2f}</text>'
