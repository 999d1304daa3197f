"""A take rendered without Blender: a video with its voice, or PNG pictures."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core.errors import UserError
from ..core.facs import FPS
from ..core.gaze import GazeKeys, gaze_at, gazing
from ..core.subject import load_subject
from ..core.take import load_take
from ..core.watch import UNWATCHED, Watch
from ..core.whole_file import folder_for_files, whole_file
from ..splat.rasterize import choose_rasterizer
from ..splat.render import render
from .framing import moments, portrait_camera
from .video import VideoWriter


@dataclass(frozen=True)
class RenderSettings:
    """What is seen of a take, and from where.

    size: pixels, square; an even number, 16..8192.
    angle: degrees around the head, 0 is the front.
    background: display-referred red, green, blue, 0..1; None for none.
    start, end: seconds of the take; an `end` of None is its end.
    audio: the voice for a video.
    rasterizer: `auto`, `cpu` or `gsplat`.
    gaze: where the eyes look, in seconds of the take.
    """

    size: int = 512
    angle: float = 0.0
    background: tuple[float, float, float] | None = (0.2, 0.2, 0.2)
    start: float = 0.0
    end: float | None = None
    audio: str | os.PathLike | None = None
    rasterizer: str = "auto"
    gaze: GazeKeys = ()


@dataclass(frozen=True)
class Rendered:
    """How many frames, the seconds spent rendering them, and the rasterizer that did."""

    frames: int
    seconds: float
    rasterizer: str


def render_take(
    subject_path: str | os.PathLike,
    take_path: str | os.PathLike,
    out: str | os.PathLike,
    settings: RenderSettings = RenderSettings(),
    watch: Watch = UNWATCHED,
) -> Rendered:
    """Render at 25 fps to `out`: a .mp4 (background needed), else a folder of PNG pictures (alpha when no background).

    Raises UserError for anything a person can mend, Cancelled.
    """
    size, background = settings.size, settings.background
    if not 16 <= size <= 8192 or size % 2:
        raise UserError("The size must be an even number of pixels from 16 to 8192.")
    subject, take = load_subject(subject_path), load_take(take_path)
    times = moments(take, FPS, settings.start, settings.end)
    camera = portrait_camera(subject, size, settings.angle)
    name = choose_rasterizer(settings.rasterizer)
    out = Path(out)
    as_video = out.suffix.lower() in (".mp4", ".mov", ".mkv")
    if as_video and background is None:
        raise UserError("A video needs a background; render PNG pictures for transparency.")
    spent = 0.0

    def pictures():
        nonlocal spent
        for i, seconds in enumerate(times):
            watch.check()
            began = time.perf_counter()
            gaussians = gazing(subject, take.at(seconds), gaze_at(settings.gaze, seconds))
            image, alpha, _ = render(gaussians, camera, background, backend=name)
            spent += time.perf_counter() - began
            watch.say((i + 1) / len(times), f"Rendering with {name}")
            yield image, alpha

    if as_video:
        with VideoWriter(out, size, size, FPS, settings.audio, settings.start) as video:
            for image, _ in pictures():
                video.add(_bytes(image))
    else:
        _write_pictures(out, pictures(), transparent=background is None)
    return Rendered(len(times), spent, name)


def _write_pictures(folder: Path, pictures, transparent: bool) -> None:
    from PIL import Image

    try:
        with folder_for_files(folder):
            for i, (image, alpha) in enumerate(pictures):
                if transparent:
                    # PNG holds straight alpha, the rasterizer's colours are premultiplied by it.
                    straight = image / np.maximum(alpha, 1e-6)[..., None]
                    image = np.concatenate([straight, alpha[..., None]], axis=-1)
                with whole_file(folder / f"{i:04d}.png") as stream:
                    Image.fromarray(_bytes(image)).save(stream, "PNG")
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror or error}.") from error


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8)
