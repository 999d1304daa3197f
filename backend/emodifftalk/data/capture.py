"""The capture folder: pictures with cameras, the tracked template points of every frame, and seeds for the OTF points.

    capture.json            cameras, frames and which camera saw which frame
    pictures/*.png          RGBA, straight alpha, sRGB
    points.safetensors      points (frames, V, 3), seed_points (M, 3), seed_colors (M, 3), seed_group (M,) u8
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..core import tensors
from ..core.camera import Camera
from ..core.checks import expect
from ..core.errors import UserError
from ..core.facs import AU_INDEX, AU_NAMES
from ..core.performance import resolve_inside

SCHEMA = 1


@dataclass(frozen=True)
class CaptureCamera:
    """A calibrated camera. split: `train` or `test` (held out)."""

    name: str
    camera: Camera
    split: str


@dataclass(frozen=True)
class CaptureFrame:
    """One moment: aus (17,) 0..1 and pictures, camera name to path."""

    name: str
    aus: np.ndarray
    pictures: dict[str, Path]


@dataclass(frozen=True)
class Capture:
    """A multi-view capture. points (F, V, 3): template points per frame; seeds of the other points; metres."""

    name: str
    credit: str
    synthetic: bool
    cameras: dict[str, CaptureCamera]
    frames: list[CaptureFrame]
    points: np.ndarray
    seed_points: np.ndarray
    seed_colors: np.ndarray
    seed_group: np.ndarray


def read_picture(path: Path, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Colours premultiplied by the matte (size, size, 3) and the matte (size, size), float32 0..1.

    Raises UserError when the picture is missing, damaged or has no alpha.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode != "RGBA":
                raise UserError(f"{path.name} has no alpha channel: the capture needs mattes.")
            pixels = np.asarray(image, np.float32) / 255
    except (OSError, SyntaxError) as error:
        raise UserError(f"The picture {path} is missing or damaged.") from error
    premultiplied = np.concatenate([pixels[..., :3] * pixels[..., 3:], pixels[..., 3:]], axis=-1)
    factor = len(premultiplied) // size
    if factor * size != len(premultiplied) or premultiplied.shape[1] != len(premultiplied):
        raise UserError(f"{path.name} is {pixels.shape[1]} × {pixels.shape[0]}: it does not reduce to {size} pixels.")
    small = premultiplied.reshape(size, factor, size, factor, 4).mean(axis=(1, 3))
    return small[..., :3], small[..., 3]


def load_capture(folder: str | os.PathLike) -> Capture:
    """Read and check a capture folder; pictures are only located. Raises UserError naming the first broken file."""
    folder = Path(folder)
    try:
        data = json.loads((folder / "capture.json").read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise UserError(f"{folder}: the capture has schema {data['schema']}, this version reads {SCHEMA}.")
        cameras = {c["name"]: _camera(c) for c in data["cameras"]}
        frames = [_frame(item, folder, cameras) for item in data["frames"]]
        names = str(data["name"]), str(data.get("credit", "")), bool(data.get("synthetic", False))
    except OSError as error:
        raise UserError(f"{folder} is not a capture: capture.json cannot be read.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{folder / 'capture.json'} is damaged: {error}.") from error
    file = tensors.TensorFile(folder / "points.safetensors")
    points = expect(file, "points", (len(frames), None, 3))
    seeds = expect(file, "seed_points", (None, 3))
    return Capture(
        *names,
        cameras,
        frames,
        points,
        seeds,
        expect(file, "seed_colors", (len(seeds), 3)),
        expect(file, "seed_group", (len(seeds),)),
    )


def save_capture(folder: str | os.PathLike, capture: Capture) -> None:
    """Write capture.json and points.safetensors (the pictures are written by whoever took them)."""
    folder = Path(folder)
    data = {
        "schema": SCHEMA,
        "name": capture.name,
        "units": "metres",
        "credit": capture.credit,
        "synthetic": capture.synthetic,
        "cameras": [
            {
                "name": c.name,
                "split": c.split,
                "viewmat": c.camera.viewmat.tolist(),
                "K": c.camera.K.tolist(),
                "width": c.camera.width,
                "height": c.camera.height,
            }
            for c in capture.cameras.values()
        ],
        "frames": [
            {
                "index": i,
                "name": frame.name,
                "aus": {au: float(v) for au, v in zip(AU_NAMES, frame.aus, strict=True) if v},
                "pictures": {c: path.relative_to(folder).as_posix() for c, path in frame.pictures.items()},
            }
            for i, frame in enumerate(capture.frames)
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {
        "points": capture.points.astype(np.float32),
        "seed_points": capture.seed_points.astype(np.float32),
        "seed_colors": capture.seed_colors.astype(np.float32),
        "seed_group": capture.seed_group.astype(np.uint8),
    }
    tensors.save(folder / "points.safetensors", arrays, {"format": "emodifftalk.capture", "schema": str(SCHEMA)})
    (folder / "capture.json").write_text(json.dumps(data, indent=1), encoding="utf-8")


def _camera(item: dict) -> CaptureCamera:
    viewmat, intrinsics = np.array(item["viewmat"], float), np.array(item["K"], float)
    rotation = viewmat[:3, :3] if viewmat.shape == (4, 4) else np.zeros((3, 3))
    if intrinsics.shape != (3, 3) or not np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-3):
        raise ValueError(f"camera {item['name']} is not calibrated")
    camera = Camera(viewmat, intrinsics, int(item["width"]), int(item["height"]))
    return CaptureCamera(item["name"], camera, item.get("split", "train"))


def _frame(item: dict, folder: Path, cameras: dict[str, CaptureCamera]) -> CaptureFrame:
    aus = np.zeros(len(AU_NAMES), np.float32)
    for name, value in item.get("aus", {}).items():
        aus[AU_INDEX[name]] = float(value)
    pictures = {camera: resolve_inside(folder, path) for camera, path in item["pictures"].items()}
    if unknown := set(pictures) - set(cameras):
        raise ValueError(f"frame {item['name']} was seen by unknown cameras {sorted(unknown)}")
    return CaptureFrame(str(item["name"]), aus, pictures)
