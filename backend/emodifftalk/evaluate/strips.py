"""Film strips: truth, the full system and what it is compared with, at the same words."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from .drawing import FAINT, GROUND, INK, as_image, centred, font
from .held_out_set import Moment, Sitter
from .measure import Evaluation
from .picture_scores import read_on_black

_CELL, _SIDE, _TOP, _FOOT, _GAP = 232, 150, 46, 52, 4
_SHARE, _ABOVE = 0.56, 0.10
"""Of the picture: side of the square that is shown, and how far above the lips its middle lies."""
_ROWS = ("full", "no_codes4p", "no_codes4o", "gru")
_TITLES = {"full": "full", "no_codes4p": "w/o codes4P", "no_codes4o": "w/o codes4O", "gru": "GRU"}


def word_strip(evaluation: Evaluation, subject: str) -> Image.Image:
    """The subject's strip clip at its moments: truth, full, GRU."""
    sitter = evaluation.held_out.sitters[subject]
    moments = [moment for moment in sitter.moments if moment.clip == sitter.strip]
    clip = evaluation.held_out.clips[sitter.strip]
    return _strip(
        evaluation, sitter, moments, ("full", "gru"), f"{subject.capitalize()} · {clip.voice} · “{clip.text}”"
    )


def feeling_strip(evaluation: Evaluation, subject: str) -> Image.Image | None:
    """The subject's moments with a feeling, from where the face is seen: truth and all variants. None without any."""
    sitter, clips = evaluation.held_out.sitters[subject], evaluation.held_out.clips
    moments = [m for m in sitter.moments if clips[m.clip].feeling and m.camera != "test03"]
    title = f"{subject.capitalize()} · clips with a feeling as action units"
    return _strip(evaluation, sitter, moments[:8], _ROWS, title) if moments else None


def _strip(
    evaluation: Evaluation, sitter: Sitter, moments: list[Moment], rows: tuple[str, ...], title: str
) -> Image.Image:
    drawn = {
        name: {one.moment.picture: one.picture for one in evaluation.measured[name].seen}
        for name in rows
        if name in evaluation.measured
    }
    width = _SIDE + len(moments) * (_CELL + _GAP)
    height = _TOP + (1 + len(drawn)) * (_CELL + _GAP) + _FOOT
    sheet = Image.new("RGB", (width, height), GROUND)
    draw = ImageDraw.Draw(sheet)
    for column, moment in enumerate(moments):
        left = _SIDE + column * (_CELL + _GAP)
        feeling = evaluation.held_out.clips[moment.clip].feeling
        sound = "pause" if moment.sound == "pau" else f"“{moment.sound}”"
        centred(draw, left + _CELL / 2, 12, f"{feeling}, {sound}" if feeling else sound, 20)
        box = _face(sitter, moment)
        truth = read_on_black(evaluation.held_out.picture_path(moment), evaluation.held_out.size)
        for line, picture in enumerate([truth, *(pictures[moment.picture] for pictures in drawn.values())]):
            cell = as_image(picture).resize((_CELL, _CELL), Image.Resampling.LANCZOS, box=box)
            sheet.paste(cell, (left, _TOP + line * (_CELL + _GAP)))
    for line, name in enumerate(["truth", *(_TITLES[name] for name in drawn)]):
        draw.text((18, _TOP + line * (_CELL + _GAP) + _CELL / 2 - 12), name, fill=INK, font=font(21))
    draw.text((18, height - _FOOT + 15), title, fill=FAINT, font=font(19))
    return sheet


def _face(sitter: Sitter, moment: Moment) -> tuple[float, float, float, float]:
    """The box of a picture that shows the face."""
    camera = sitter.cameras[moment.camera]
    lips = camera.project(sitter.lips[sitter.moments.index(moment)])[:, :2].mean(axis=0)
    side = _SHARE * camera.width
    # The square's upper left corner (2,): its middle lies above the lips, and it is pushed back into the picture.
    x, y = np.clip(lips - np.array([0, _ABOVE * camera.height]) - side / 2, 0, camera.width - side)
    return float(x), float(y), float(x + side), float(y + side)
