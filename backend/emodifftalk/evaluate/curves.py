"""Curves of a clip: lip opening and action units, predicted against true."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from ..core.facs import AU_INDEX, AU_LABELS, FPS
from .drawing import FAINT, FOUND, GROUND, INK, LINE, OTHER, TRUTH, font
from .measure import Evaluation, PerformedClip

_WIDTH, _ROW, _SIDE, _TOP, _FOOT = 1040, 96, 210, 84, 44
_FINE = 2
"""Curves are drawn this much larger and made small again, so that they are smooth."""
_SPEECH = ("AU25", "AU26", "AU24")
_MOST = 4


def curve_sheet(evaluation: Evaluation, subject: str) -> Image.Image:
    """The subject's strip clip, and its first clip with a feeling: lip opening and the action units that move."""
    sitter, clips = evaluation.held_out.sitters[subject], evaluation.held_out.clips
    felt = next((m.clip for m in sitter.moments if clips[m.clip].feeling), sitter.strip)
    panels = [_panel(evaluation, subject, name) for name in dict.fromkeys((sitter.strip, felt))]
    sheet = Image.new("RGB", (sum(p.width for p in panels), max(p.height for p in panels)), GROUND)
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width
    return sheet


def _panel(evaluation: Evaluation, subject: str, name: str) -> Image.Image:
    clip = evaluation.held_out.clips[name]
    full, gru = (_of(evaluation, variant, subject, name) for variant in ("full", "gru"))
    assert full is not None  # the full system is always measured
    moving = sorted(AU_INDEX, key=lambda au: -float(np.ptp(clip.true_aus[:, AU_INDEX[au]])))
    felt = [au for au in moving if clip.aus.get(au, 0) > 0.2][:_MOST]
    units = [*_SPEECH, *(felt or [au for au in moving if au not in _SPEECH][: _MOST - 1])]
    rows = [("Lip opening, mm", 1e3 * full.truth, 1e3 * full.opening, None if gru is None else 1e3 * gru.opening)]
    for au in units:
        column = AU_INDEX[au]
        rows.append((f"{au} {AU_LABELS[au]}", clip.true_aus[:, column], full.codes[:, column], None))
    panel = Image.new("RGB", (_WIDTH, _TOP + len(rows) * _ROW + _FOOT), GROUND)
    draw = ImageDraw.Draw(panel)
    feeling = f" · {clip.feeling}" if clip.feeling else ""
    draw.text((18, 12), f"{subject.capitalize()}{feeling} · “{clip.text}”", fill=INK, font=font(18))
    _legend(draw, gru is not None)
    for line, row in enumerate(rows):
        _row(panel, _TOP + line * _ROW, *row)
    bottom = _TOP + len(rows) * _ROW
    seconds = len(full.truth) / FPS
    for second in range(int(seconds) + 1):
        x = _SIDE + (_WIDTH - _SIDE - 24) * second / seconds
        draw.text((x - 5, bottom + 8), f"{second} s", fill=FAINT, font=font(15))
    return panel


def _of(evaluation: Evaluation, variant: str, subject: str, clip: str) -> PerformedClip | None:
    if variant not in evaluation.measured:
        return None
    return next(o for o in evaluation.measured[variant].spoken if o.subject == subject and o.clip == clip)


def _legend(draw: ImageDraw.ImageDraw, gru: bool) -> None:
    x = _SIDE
    for text, colour in (("truth", TRUTH), ("full", FOUND), *((("GRU", OTHER),) if gru else ())):
        draw.line((x, 59, x + 28, 59), fill=colour, width=3)
        draw.text((x + 36, 48), text, fill=FAINT, font=font(16))
        x += 120


def _row(panel: Image.Image, top: int, title: str, truth: np.ndarray, full: np.ndarray, other) -> None:
    draw = ImageDraw.Draw(panel)
    draw.text((18, top + _ROW / 2 - 12), title, fill=INK, font=font(15))
    width, height = _WIDTH - _SIDE - 24, _ROW - 14
    most = 1.0 if title.startswith("AU") else 1.05 * max(float(c.max()) for c in (truth, full, other) if c is not None)
    area = Image.new("RGB", (_FINE * width, _FINE * height), GROUND)
    pen = ImageDraw.Draw(area)
    pen.rectangle((0, 0, area.width - 1, area.height - 1), outline=LINE, width=_FINE)
    for curve, colour in ((truth, TRUTH), (other, OTHER), (full, FOUND)):
        if curve is not None:
            # Frames (T,) across the whole width; values 0..most from the bottom up, rows count downwards.
            x = np.linspace(0, area.width - 1, len(curve))
            y = (area.height - 2 * _FINE) * (1 - np.clip(curve / most, 0, 1)) + _FINE
            if colour is TRUTH:
                pen.polygon([(0, area.height), *zip(x, y, strict=True), (area.width, area.height)], fill=(46, 48, 54))
            pen.line(list(zip(x, y, strict=True)), fill=colour, width=2 * _FINE, joint="curve")
    panel.paste(area.resize((width, height), Image.Resampling.LANCZOS), (_SIDE, top))
    draw.text((_SIDE - 40, top - 2), f"{most:.0f}" if most >= 2 else f"{most:.0f}.0", fill=FAINT, font=font(13))
