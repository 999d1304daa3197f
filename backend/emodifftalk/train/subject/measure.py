"""A finished subject beside the pictures it was learned from: held-out figures and a contact sheet."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from ...appearance.decoder import AppearanceDecoder
from ...core.camera import Camera
from ...core.errors import UserError
from ...core.gaussians import Gaussians
from ...core.gaze import turn_eyes
from ...core.subject import Subject, load_subject, pose
from ...core.whole_file import whole_path
from ...data.captures.capture import Capture, load_capture, read_picture
from ...splat.rasterize import choose_rasterizer
from ...splat.render import render
from ..shared.held_out import Score, frame_score, held_out_summary, unseen_frames

_ANGLES, _EXPRESSIONS = 8, 6
_LEVEL = 20.0
"""Degrees above or below the head's plane within which a camera belongs to the turntable."""
_GAP = 8
_GROUND = 24


@dataclass(frozen=True)
class Portrait:
    """The subject and the photograph (S, S, 3), 0..1, both on black, of one frame by one camera."""

    frame: str
    camera: str
    drawn: np.ndarray
    photograph: np.ndarray


class Model:
    """A finished subject that repeats what was captured: pose by the tracked points, rotation and opacity by its
    decoders (those of triangle and canonical when it has none), gaze by turning its eyes."""

    def __init__(self, subject: Subject, capture: Capture, backend: str = "auto") -> None:
        self.subject, self.capture, self.backend = subject, capture, choose_rasterizer(backend)
        self._decoder = AppearanceDecoder.from_subject(subject) if subject.appearance else None

    def gaussians(self, frame: int) -> Gaussians:
        """As in a captured frame; own space, metres."""
        captured = self.capture.frames[frame]
        offsets = (self.capture.points[frame] - self.subject.template.neutral).astype(np.float32)
        decoded = () if self._decoder is None else self._decoder.decode(captured.aus, offsets)
        return turn_eyes(self.subject, pose(self.subject, offsets, *decoded), np.array(captured.gaze))

    def portrait(self, frame: int, camera: str, size: int) -> Portrait:
        """One frame by one camera, at `size` pixels. Raises UserError when its picture is missing or damaged."""
        seen = self.capture.frames[frame]
        lens = self.capture.camera_at(frame, camera).resized(size, size)
        drawn, _, _ = render(self.gaussians(frame), lens, (0.0, 0.0, 0.0), backend=self.backend)
        return Portrait(seen.name, camera, drawn, read_picture(seen.pictures[camera], size)[0])


def measure(
    subject_path: str | os.PathLike,
    capture_dir: str | os.PathLike,
    size: int = 512,
    sheet: str | os.PathLike | None = None,
    poses: tuple[str, ...] = (),
    backend: str = "auto",
) -> dict:
    """Mean PSNR and SSIM of the Subject's file over the pictures of held-out cameras, which it has never seen.

    sheet: a .png to write the contact sheet to.
    poses: as in `contact_sheet`.

    Neutral and expressive frames apart, `expressive_unseen` being those expressions that no trained camera saw either;
    black background, matte applied, mean of per-picture values. Raises UserError.
    """
    capture = load_capture(capture_dir)
    model = Model(load_subject(subject_path), capture, backend)
    held_out = {name for name, camera in capture.cameras.items() if camera.split == "test"}
    pairs = [(i, name) for i, frame in enumerate(capture.frames) for name in frame.pictures if name in held_out]
    scores = [portrait_score(index, model.portrait(index, name, size)) for index, name in pairs]
    report = {"subject": model.subject.name, "gaussians": len(model.subject.gaussians)}
    report |= held_out_summary(scores, size, unseen_frames(capture))
    if sheet is not None:
        _save(contact_sheet(model, poses), Path(sheet))
    return report


def _save(picture: Image.Image, path: Path) -> None:
    try:
        with whole_path(path, path.suffix) as part:
            picture.save(part)
    except (OSError, ValueError) as error:
        raise UserError(f"The sheet {path} cannot be written: {error}.") from error


def portrait_score(frame: int, portrait: Portrait) -> Score:
    """The score of one portrait of a frame."""
    return frame_score(frame, torch.from_numpy(portrait.drawn), torch.from_numpy(portrait.photograph))


def contact_sheet(model: Model, poses: tuple[str, ...] = (), width: int = 2048) -> Image.Image:
    """The neutral face from eight sides, then six expressions; in both the subject above, the photograph below.

    poses: names of frames, each by its held-out camera nearest the front; by default six spread over the capture.
    Raises UserError for a name the capture does not have.
    """
    capture = model.capture
    rows = [[(0, camera) for camera in turntable(capture)]]
    names = [frame.name for frame in capture.frames]
    unknown = [name for name in poses if name not in names]
    if unknown:
        raise UserError(f"The capture has no moment “{unknown[0]}”, it has {', '.join(names)}.")
    expressive = [names.index(name) for name in poses] or [i for i, f in enumerate(capture.frames) if i and f.pictures]
    if not poses and len(expressive) > _EXPRESSIONS:
        expressive = [expressive[round(k)] for k in np.linspace(0, len(expressive) - 1, _EXPRESSIONS)]
    rows.append([(index, _frontal(capture, index)) for index in expressive])
    strips = [_strip(model, row, width) for row in rows if row]
    sheet = Image.new("RGB", (width, sum(strip.height for strip in strips) + _GAP * (len(strips) - 1)), (_GROUND,) * 3)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height + _GAP
    return sheet


def _strip(model: Model, row: list[tuple[int, str]], width: int) -> Image.Image:
    side = width // len(row)
    strip = Image.new("RGB", (width, 2 * side), (_GROUND,) * 3)
    for column, (frame, camera) in enumerate(row):
        portrait = model.portrait(frame, camera, 512)
        for line, picture in enumerate((portrait.drawn, portrait.photograph)):
            image = Image.fromarray(np.rint(picture.clip(0, 1) * 255).astype(np.uint8))
            strip.paste(image.resize((side, side), Image.Resampling.LANCZOS), (column * side, line * side))
    return strip


def turntable(capture: Capture) -> list[str]:
    """Eight cameras of the neutral frame around the head, or as many as there are, from one side to the other."""
    directions = {name: _direction(capture, 0, name) for name in capture.frames[0].pictures}
    level = [name for name, (_, elevation) in directions.items() if abs(elevation) < _LEVEL] or list(directions)
    level.sort(key=lambda name: directions[name][0])
    first, last = directions[level[0]][0], directions[level[-1]][0]
    all_round = last - first > 300
    # Every 45° when cameras stand all round, else evenly over the arc they cover; nearest by the angle modulo 360°.
    wanted = np.arange(-180, 180, 360 / _ANGLES) if all_round else np.linspace(first, last, _ANGLES)
    nearest = [min(level, key=lambda name: abs((directions[name][0] - angle + 180) % 360 - 180)) for angle in wanted]
    return list(dict.fromkeys(nearest))


def _frontal(capture: Capture, frame: int) -> str:
    """The held-out camera nearest the front, another one when there is none."""

    def order(name: str) -> tuple[bool, float]:
        azimuth, elevation = _direction(capture, frame, name)
        return capture.cameras[name].split != "test", abs(azimuth) + abs(elevation)

    near = [name for name in capture.frames[frame].pictures if abs(_direction(capture, frame, name)[0]) < 50]
    return min(near or capture.frames[frame].pictures, key=order)


def _direction(capture: Capture, frame: int, name: str) -> tuple[float, float]:
    """Degrees: azimuth, 0 in front and positive to the head's left, and elevation of a camera seen from the face."""
    # The camera's place -Rᵀ t, seen from the middle of the head: azimuth 0 along -y, where the face looks.
    camera: Camera = capture.camera_at(frame, name)
    eye = -camera.viewmat[:3, :3].T @ camera.viewmat[:3, 3]
    face = capture.points[0]
    # The middle of the skull lies behind the mask of the template.
    middle = np.array([*(face[:, :1].min(axis=0) + face[:, :1].max(axis=0)) / 2, face[:, 1].max(), face[:, 2].mean()])
    x, y, z = eye - middle
    return float(np.degrees(np.arctan2(x, -y))), float(np.degrees(np.arctan2(z, np.hypot(x, y))))
