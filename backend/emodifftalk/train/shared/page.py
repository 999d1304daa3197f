"""Parts of a report page: one HTML file that holds everything it shows, curves as SVG, pictures as data."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ...core.errors import UserError
from ...core.whole_file import whole_file

_STYLE = (
    "<style>body{font:15px/1.5 system-ui;margin:2em auto;padding:0 1em;max-width:1080px;background:#1d1d1d;color:#ddd}"
    "h2{margin-top:2em}th{text-align:left;padding-right:2em;font-weight:500;vertical-align:top}"
    "td{font-variant-numeric:tabular-nums}img{width:49%;margin:.4%}figure{margin:1em 0}figure img{width:100%;margin:0}"
    ".strip img{width:25%}"
    "figcaption,.aside{color:#999}svg{width:100%;background:#262626}details{margin:.6em 0}"
    ".curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(430px,1fr));gap:1em}</style>"
)
_WIDE, _HIGH, _LEFT, _TOP, _BOTTOM = 1000, 310, 96, 20, 280


def html_page(title: str, body: str) -> str:
    """A whole page of `body`, HTML."""
    return f"<!doctype html><meta charset=utf-8><title>{html.escape(title)}</title>{_STYLE}{body}"


def save_page(path: Path, text: str) -> None:
    """Write a page or another text, whole or not at all. Raises UserError when it cannot be written."""
    try:
        with whole_file(path) as stream:
            stream.write(text.encode())
    except OSError as error:
        raise UserError(f"The report {path.name} cannot be written: {error.strerror}.") from error


def html_table(figures: dict) -> str:
    """Names and values, one a row."""
    rows = (
        f"<tr><th>{html.escape(str(key))}</th><td>{html.escape(said(value))}</td></tr>"
        for key, value in figures.items()
    )
    return f"<table>{''.join(rows)}</table>"


def said(value: object) -> str:
    """A figure of a report in words."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {said(part)}" for key, part in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "; ".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def embedded(picture: np.ndarray | Image.Image, kind: str = "PNG") -> str:
    """An <img> that carries its picture, (H, W, 3) 0..1 or an image. kind: PNG, or JPEG for large ones."""
    data = base64.b64encode(encoded(picture, kind)).decode()
    return f'<img src="data:image/{kind.lower()};base64,{data}">'


def encoded(picture: np.ndarray | Image.Image, kind: str = "PNG") -> bytes:
    """The bytes of a picture file."""
    if isinstance(picture, np.ndarray):
        picture = Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
    stream = io.BytesIO()
    picture.save(stream, kind, **({"quality": 88} if kind == "JPEG" else {}))
    return stream.getvalue()


def chart(points: Sequence[tuple[float, float]], best: float | None = None) -> str:
    """A line through (x, y) with a scale at its left, as SVG. best: the x of the point whose weights were kept."""
    points = [(x, y) for x, y in points if y is not None and math.isfinite(y)]
    if len(points) < 2:
        return "<p class=aside>too few steps to draw</p>"
    x, y = np.array(points, float).T
    ticks = _ticks(y.min(), y.max())
    low, high = ticks[0], ticks[-1]

    # Data to pixels of the picture: x to the right from _LEFT, y upwards from _BOTTOM.
    def across(value: Any) -> Any:  # a number or an array of them
        return _LEFT + (_WIDE - _LEFT - 20) * (value - x.min()) / max(x.max() - x.min(), 1e-9)

    def down(value: Any) -> Any:
        return _BOTTOM - (_BOTTOM - _TOP) * (value - low) / (high - low)

    line = " ".join(f"{a:.1f},{d:.1f}" for a, d in zip(across(x), down(y), strict=True))
    marks = "".join(
        f'<line x1="{_LEFT}" x2="{_WIDE - 20}" y1="{down(v):.0f}" y2="{down(v):.0f}" stroke="#383838"/>'
        f'<text x="8" y="{down(v) + 5:.0f}" fill="#999">{v:g}</text>'
        for v in ticks
    )
    ends = f'<text x="{_WIDE - 70}" y="{_HIGH - 6}" fill="#999">{x.max():g}</text>'
    mark = ""
    if best is not None:
        at = int(np.abs(x - best).argmin())
        mark = f'<circle cx="{across(x[at]):.1f}" cy="{down(y[at]):.1f}" r="6" fill="#6fbf73"/>'
    curve = f'<polyline points="{line}" fill="none" stroke="#e8a33d" stroke-width="3"/>'
    return f'<svg viewBox="0 0 {_WIDE} {_HIGH}" font-size="20">{marks}{curve}{mark}{ends}</svg>'


def _ticks(low: float, high: float) -> list[float]:
    """Round values that enclose low and high, three to seven of them."""
    spread = max(high - low, 1e-3 * max(abs(low), abs(high)), 1e-9)
    # The nice step next above a quarter of the range: 1, 2, 2.5 or 5 times a power of ten.
    raw = spread / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step = unit * min((1, 2, 2.5, 5, 10), key=lambda factor: (factor * unit < raw, abs(factor * unit - raw)))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(k * step, 12) for k in range(first, max(last, first + 1) + 1)]
