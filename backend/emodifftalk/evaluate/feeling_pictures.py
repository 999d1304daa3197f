"""Feelings as pictures: the sheet of prompts with their bars, the ring of valence and arousal, a changing mood."""

from __future__ import annotations

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from ..core.facs import AU_LABELS, AU_NAMES, FPS
from ..core.gaussians import Gaussians
from ..core.performance import Performance, Prompt
from ..core.subject import Subject, load_subject
from ..core.take import load_take
from ..emotion.affect import PUBLISHED, S6_POINTS, affect_offsets
from ..export.framing import portrait_camera
from ..perform.pipeline import perform
from ..splat.render import render
from .drawing import FAINT, FOUND, GROUND, INK, LINE, TRUTH, as_image, centred, font
from .feelings import Felt, OnSubject

_BACKDROP = (0.23, 0.24, 0.26)
_FACE, _BARS, _GAP, _HEAD = 256, 150, 10, 40
_COLUMNS = 4
_SHOWN = 0.1


def sheet(measured: dict[str, OnSubject]) -> Image.Image:
    """Every prompt on every subject: the face at one moment, and bars of what was asked and what rose."""
    first = next(iter(measured.values()))
    cell = (len(measured) * _FACE + _BARS, _FACE + _HEAD)
    rows = math.ceil(len(first.felt) / _COLUMNS)
    size = (_COLUMNS * (cell[0] + _GAP) + _GAP, rows * (cell[1] + _GAP) + _GAP)
    image = Image.new("RGB", size, GROUND)
    draw = ImageDraw.Draw(image)
    for i, row in enumerate(zip(*(on.felt for on in measured.values()), strict=True)):
        left = _GAP + i % _COLUMNS * (cell[0] + _GAP)
        top = _GAP + i // _COLUMNS * (cell[1] + _GAP)
        draw.text((left + 2, top + 8), f"“{row[0].prompt}”", fill=INK, font=font(20))
        for column, (on, felt) in enumerate(zip(measured.values(), row, strict=True)):
            image.paste(close_portrait(on.subject, felt.gaussians, _FACE), (left + column * _FACE, top + _HEAD))
        _bars(draw, left + len(measured) * _FACE + 10, top + _HEAD, row)
    return image


def _bars(draw: ImageDraw.ImageDraw, left: int, top: int, row: tuple[Felt, ...]) -> None:
    """Asked intensity of each unit in orange, under it what rose on each subject, in grey."""
    asked = row[0].asked
    shown = [k for k in np.argsort(-asked) if asked[k] >= _SHOWN][:8]
    width, step = _BARS - 48, _FACE // 8
    for line, k in enumerate(shown):
        y = top + line * step + 4
        draw.text((left, y), AU_NAMES[k].replace("AU", "AU "), fill=FAINT, font=font(13))
        x = left + 44
        draw.rectangle((x, y + 1, x + width * asked[k], y + 7), fill=FOUND)
        for number, felt in enumerate(row):
            rise = float(np.clip(felt.rise[k], 0, 1))
            low = y + 10 + 5 * number
            draw.rectangle((x, low, x + width * rise, low + 3), fill=FAINT if number == 0 else TRUTH)


def ring(path: Path, held_silence: Performance) -> Image.Image:
    """The twelve labelled points of valence and arousal as faces on their places, and the face at rest between them."""
    subject, side, reach = load_subject(path), 1560, 600
    image = Image.new("RGB", (side, side), GROUND)
    draw, middle, size = ImageDraw.Draw(image), side // 2, 250
    for radius in (0.5, 0.8):
        r = radius / 0.8 * reach
        draw.ellipse((middle - r, middle - r, middle + r, middle + r), outline=LINE, width=2)
    draw.line((40, middle, side - 40, middle), fill=LINE, width=2)
    draw.line((middle, 40, middle, side - 40), fill=LINE, width=2)
    for valence, arousal, label in ((0.0, 0.0, "at rest"), *S6_POINTS):
        performance = replace(held_silence, prompts=(published_face(valence, arousal),))
        inner = math.hypot(valence, arousal) < 0.6
        small = size - 40 if inner else size
        shown = close_portrait(subject, _head(path, subject, performance, 0.2), small)
        x, y = middle + valence / 0.8 * reach, middle - arousal / 0.8 * reach
        image.paste(shown, (round(x - small / 2), round(y - small / 2)))
        centred(draw, x, y + small / 2 + 4, label, 20)
    draw.text((side - 130, middle + 8), "valence", fill=FAINT, font=font(22))
    draw.text((middle + 10, 36), "arousal", fill=FAINT, font=font(22))
    return image


def published_face(valence: float, arousal: float) -> Prompt:
    """What the published plane has at a point, put on by hand: the valence and arousal of a Performance are read on the
    plane that animators work on."""
    face = affect_offsets(np.array([valence]), np.array([arousal]), PUBLISHED)[0]
    return Prompt("", ease_in=0.0, ease_out=0.0, aus=dict(zip(AU_NAMES, map(float, face), strict=True)))


def changing_mood(path: Path, plain: Performance, prompts: tuple[Prompt, ...]) -> Image.Image:
    """One sentence under prompts that pass into each other, as a film strip with the curves of the strongest units."""
    subject, count, size = load_subject(path), 10, 236
    with tempfile.TemporaryDirectory() as folder:
        perform(path, replace(plain, prompts=prompts), Path(folder) / "take.safetensors")
        take = load_take(Path(folder) / "take.safetensors")
        seconds = take.frames / FPS
        times = (np.arange(count) + 0.5) / count * seconds
        faces = [close_portrait(subject, take.at(t).gaussians(subject), size) for t in times]
        aus = take.aus - take.aus_voice
    image = Image.new("RGB", (count * (size + 4) + 4, size + 260), GROUND)
    draw = ImageDraw.Draw(image)
    for i, shown in enumerate(faces):
        image.paste(shown, (4 + i * (size + 4), 44))
        centred(draw, 4 + i * (size + 4) + size / 2, 44 + size + 6, f"{times[i]:.1f} s", 17, FAINT)
    across = (image.width - 8) / seconds
    for prompt in prompts:
        draw.text((8 + prompt.start * across, 10), f"“{prompt.text}”", fill=INK, font=font(22))
        x = 4 + prompt.start * across
        draw.line((x, 8, x, 42), fill=FAINT, width=2)
        draw.line((x, size + 74, x, image.height), fill=LINE, width=2)
    colours = (FOUND, (84, 160, 255), (122, 204, 120), (222, 120, 190), (230, 220, 110))
    low, high = image.height - 20, size + 84
    for line, k in enumerate(np.argsort(-aus.max(axis=0))[: len(colours)]):
        points = [(4 + i / FPS * across, low - (low - high) * float(v)) for i, v in enumerate(aus[:, k].clip(0, 1))]
        draw.line(points, fill=colours[line], width=3)
        name = f"{AU_NAMES[k]} {AU_LABELS[AU_NAMES[k]]}"
        draw.text((10 + line * 330, image.height - 190), name, fill=colours[line], font=font(17))
    return image


def close_portrait(subject: Subject, gaussians: Gaussians, size: int) -> Image.Image:
    """A portrait, closer than the usual one."""
    large = round(size * 1.3)
    image, _, _ = render(gaussians, portrait_camera(subject, large), _BACKDROP)
    left, top = (large - size) // 2, round(0.45 * (large - size))
    return as_image(image).crop((left, top, left + size, top + size))


def _head(path: Path, subject: Subject, performance: Performance, second: float) -> Gaussians:
    with tempfile.TemporaryDirectory() as folder:
        perform(path, performance, Path(folder) / "take.safetensors")
        return load_take(Path(folder) / "take.safetensors").at(second).gaussians(subject)
