"""Our own layout, which `python -m addon.capture.studio` writes.

capture.json            cameras, frames and which camera saw which frame
pictures/*.png          RGBA, straight alpha, sRGB
points.safetensors      points (frames, V, 3), seed_points (M, 3), seed_colors (M, 3), seed_group (M,) u8,
                        eye_centers (2, 3) where they are known
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path

import numpy as np

from ....core import tensors
from ....core.camera import Camera
from ....core.checks import expect, expect_indices
from ....core.errors import UserError
from ....core.facs import AU_INDEX, AU_NAMES
from ....core.opening import is_plain_file, read_json, resolve_inside
from ....core.subject import OTF_GROUPS
from ....core.template import load_template
from ....core.whole_file import whole_file
from ...numpy_files import phrase
from .calibration import checked_camera, within_reason
from .picture import Picture, StoredPicture
from .record import Capture, CaptureCamera, CaptureFrame

FILE = "capture.json"
SCHEMA = 1
_SLACK = 0.01
"""By which rounded colours may be outside 0 to 1."""


def read_own(folder: Path) -> Capture:
    """Read and check a capture folder; pictures are only located. Raises UserError naming the first broken file."""
    data = read_json(folder / FILE, what="The capture")
    try:
        if data["schema"] != SCHEMA:
            raise UserError(f"{folder}: the capture has schema {data['schema']}, this version reads {SCHEMA}.")
        cameras = {c["name"]: _camera(folder / FILE, c) for c in data["cameras"]}
        frames = [_frame(item, folder, cameras) for item in data["frames"]]
        licence, consent = str(data.get("licence", "")), str(data.get("consent", ""))
        names = str(data["name"]), str(data.get("credit", "")), bool(data.get("synthetic", False))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise UserError(f"{folder / FILE} is damaged: {phrase(error)}.") from error
    if not frames or not any(c.split == "train" for c in cameras.values()):
        raise UserError(f"{folder / FILE} has no {'camera to learn from' if frames else 'frames'}: make it again.")
    file = tensors.TensorFile(folder / "points.safetensors")
    points = _places(file, "points", (len(frames), len(load_template().neutral), 3))
    seeds = _places(file, "seed_points", (None, 3))
    colors = expect(file, "seed_colors", (len(seeds), 3))
    if colors.min(initial=0) < -_SLACK or colors.max(initial=0) > 1 + _SLACK:
        raise UserError(f"{file.path.name}: “seed_colors” holds colours outside 0 to 1.")
    group = expect(file, "seed_group", (len(seeds),))
    return Capture(
        *names,
        {name: CaptureCamera(name, _square(c.camera), c.split) for name, c in cameras.items()},
        frames,
        points,
        seeds,
        colors,
        expect_indices(file, "seed_group", group, len(OTF_GROUPS)),
        licence=licence,
        consent=consent,
        eye_centers=_places(file, "eye_centers", (2, 3)) if "eye_centers" in file.shapes else np.zeros((0, 3)),
    )


def _places(file: tensors.TensorFile, name: str, shape: tuple[int | None, ...]) -> np.ndarray:
    places = expect(file, name, shape)
    if places.dtype.kind != "f" or not within_reason(places):
        raise UserError(f"{file.path.name}: “{name}” holds no places in metres.")
    return places


def save_capture(folder: str | os.PathLike, capture: Capture) -> None:
    """Write capture.json and points.safetensors (the pictures are written by whoever took them).

    Pictures are paths inside `folder`, the head stands still: TypeError for a capture read from another layout.
    Raises UserError when the folder cannot be written; an older capture.json stays as it was.
    """
    folder = Path(folder)
    data = _as_json(folder, capture)
    arrays: dict[str, np.ndarray] = {
        "points": capture.points.astype(np.float32),
        "seed_points": capture.seed_points.astype(np.float32),
        "seed_colors": capture.seed_colors.astype(np.float32),
        "seed_group": capture.seed_group.astype(np.uint8),
    }
    if len(capture.eye_centers):
        arrays["eye_centers"] = capture.eye_centers.astype(np.float32)
    tensors.save(folder / "points.safetensors", arrays, {"format": "emodifftalk.capture", "schema": str(SCHEMA)})
    # Last, and whole or not at all: a folder is a capture only when everything else is there.
    try:
        with whole_file(folder / FILE) as stream:
            stream.write(json.dumps(data, indent=1).encode())
    except OSError as error:
        raise UserError(f"{folder / FILE} cannot be written: {error.strerror or error}.") from error


def _as_json(folder: Path, capture: Capture) -> dict:
    """What capture.json says."""
    return {
        "schema": SCHEMA,
        "name": capture.name,
        "units": "metres",
        "credit": capture.credit,
        "licence": capture.licence,
        "consent": capture.consent,
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
                "gaze": [float(angle) for angle in frame.gaze],
                "pictures": {c: _relative(picture, frame, folder) for c, picture in frame.pictures.items()},
            }
            for i, frame in enumerate(capture.frames)
        ],
    }


def _relative(picture: Path | Picture, frame: CaptureFrame, folder: Path) -> str:
    if isinstance(picture, Picture) or frame.head is not None:
        raise TypeError("only captures whose pictures are files of their own can be written")
    return picture.relative_to(folder).as_posix()


def _camera(file: Path, item: dict) -> CaptureCamera:
    name, split = str(item["name"]), item.get("split", "train")
    if split not in ("train", "test"):
        raise ValueError(f"camera {name} is neither for “train” nor for “test”")
    camera = checked_camera(str(file), name, item["viewmat"], item["K"], item["width"], item["height"])
    return CaptureCamera(name, camera, split)


def _frame(item: dict, folder: Path, cameras: dict[str, CaptureCamera]) -> CaptureFrame:
    aus = np.zeros(len(AU_NAMES), np.float32)
    for name, value in item.get("aus", {}).items():
        aus[AU_INDEX[name]] = np.clip(float(value), -2, 2)  # beyond which a single-precision number may be none
    if not (np.isfinite(aus).all() and aus.min() > -1e-3 and aus.max() < 1 + 1e-3):
        raise ValueError(f"frame {item['name']} has action units outside 0 to 1")
    paths = {camera: resolve_inside(folder, path) for camera, path in item["pictures"].items()}
    if unknown := set(paths) - set(cameras):
        raise ValueError(f"frame {item['name']} was seen by unknown cameras {sorted(unknown)}")
    if missing := next((path for path in paths.values() if not is_plain_file(path)), None):
        raise UserError(f"The picture {missing} is missing: copy the capture again, whole.")
    pictures = {c: _picture(p, cameras[c].camera) for c, p in paths.items()}
    aus = aus.clip(0, 1)
    yaw, pitch = (float(angle) for angle in item.get("gaze", (0, 0)))
    if not (abs(yaw) < math.pi and abs(pitch) < math.pi):
        raise ValueError(f"frame {item['name']} looks in a direction that there is not")
    return CaptureFrame(str(item["name"]), aus, pictures, gaze=(yaw, pitch))


def _picture(path: Path, camera: Camera) -> Path | Picture:
    if camera.width == camera.height:
        return path
    return Picture(StoredPicture(path), box=_padded(camera), size=(camera.width, camera.height))


def _padded(camera: Camera) -> tuple[int, int, int]:
    """The square around an oblong picture: left, top, side."""
    side = max(camera.width, camera.height)
    return (camera.width - side) // 2, (camera.height - side) // 2, side


def _square(camera: Camera) -> Camera:
    left, top, side = _padded(camera)
    K = camera.K.copy()
    K[:2, 2] -= (left, top)
    return Camera(camera.viewmat, K, side, side)
