"""cameras, images and points3D of a COLMAP model, binary (little-endian) or text."""

from __future__ import annotations

import struct
from array import array
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ....core.errors import UserError
from ....core.opening import read_bytes, read_text
from ...numpy_files import phrase
from .calibration import within_reason

MOST_BYTES = 512 << 20
"""Of a file: ten million points, or the keypoints of thousands of pictures."""
MODELS: dict[int, tuple[str, int]] = {
    0: ("SIMPLE_PINHOLE", 3),
    1: ("PINHOLE", 4),
    2: ("SIMPLE_RADIAL", 4),
    3: ("RADIAL", 5),
    4: ("OPENCV", 8),
    5: ("OPENCV_FISHEYE", 8),
    6: ("FULL_OPENCV", 12),
    7: ("FOV", 5),
    8: ("SIMPLE_RADIAL_FISHEYE", 4),
    9: ("RADIAL_FISHEYE", 5),
    10: ("THIN_PRISM_FISHEYE", 12),
}
"""COLMAP's camera models by number: name and how many parameters."""
_COUNTS = dict(MODELS.values())


@dataclass(frozen=True)
class ModelCamera:
    """Intrinsics: model by its name, size in pixels, parameters in COLMAP's order."""

    model: str
    width: int
    height: int
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class ModelImage:
    """A picture: world-to-camera quaternion (4,) wxyz and shift (3,), the number of its camera, its name."""

    name: str
    camera: int
    quaternion: np.ndarray
    shift: np.ndarray


Model = tuple[dict[int, ModelCamera], list[ModelImage], np.ndarray, np.ndarray]


def read_model(folder: Path) -> Model:
    """Cameras by number, images by name, points (M, 3) and colours (M, 3) 0..1 (none when there is no file for them).

    Where both kinds are there the binary one is read, as COLMAP does. Raises UserError naming the file that is damaged.
    """
    binary = (folder / "cameras.bin").is_file() and (folder / "images.bin").is_file()
    kind = ".bin" if binary else ".txt"
    readers = (_cameras_bin, _images_bin, _points_bin) if binary else (_cameras_txt, _images_txt, _points_txt)
    cameras = _read(folder / f"cameras{kind}", readers[0])
    images = sorted(_read(folder / f"images{kind}", readers[1]), key=lambda image: image.name)
    if not images:
        raise UserError(f"{folder / f'images{kind}'} holds no picture: COLMAP registered none.")
    points = folder / f"points3D{kind}"
    table = _read(points, readers[2]) if points.is_file() else np.zeros((0, 6))
    if not within_reason(table):
        raise UserError(f"{points} holds numbers that are not finite: export the COLMAP model again.")
    return cameras, images, table[:, :3], table[:, 3:].clip(0, 255) / 255


def _read(path: Path, reader):
    binary = path.suffix == ".bin"
    data = read_bytes(path, MOST_BYTES, "The file") if binary else read_text(path, MOST_BYTES, "The file")
    try:
        return reader(_Bytes(data) if isinstance(data, bytes) else data)
    except (ValueError, IndexError, KeyError, struct.error, OverflowError, MemoryError) as error:
        raise UserError(f"{path} is damaged or cut short ({phrase(error)}): export the COLMAP model again.") from error


class _Bytes:
    """What is left to read of a binary file; nothing is asked for that the file does not hold."""

    def __init__(self, data: bytes) -> None:
        self._data, self._place = data, 0

    def take(self, form: str) -> tuple:
        values = struct.unpack_from("<" + form, self._data, self._place)
        self._place += struct.calcsize("<" + form)
        return values

    def skip(self, count: int) -> None:
        if count > len(self._data) - self._place:
            raise ValueError("it promises more than it holds")
        self._place += count

    def word(self) -> str:
        end = self._data.index(b"\0", self._place)
        word = self._data[self._place : end].decode("utf-8")
        self._place = end + 1
        return word


def _cameras_bin(data: _Bytes) -> dict[int, ModelCamera]:
    cameras = {}
    for _ in range(data.take("Q")[0]):
        number, model, width, height = data.take("iiQQ")
        name, count = MODELS[model]
        cameras[number] = ModelCamera(name, width, height, data.take("d" * count))
    return cameras


def _images_bin(data: _Bytes) -> list[ModelImage]:
    images = []
    for _ in range(data.take("Q")[0]):
        _, *pose, camera = data.take("i7di")
        name = data.word()
        data.skip(24 * data.take("Q")[0])
        images.append(ModelImage(name, camera, np.array(pose[:4]), np.array(pose[4:])))
    return images


def _points_bin(data: _Bytes) -> np.ndarray:
    rows = array("d")
    for _ in range(data.take("Q")[0]):
        _, *row, _ = data.take("Q3d3Bd")
        data.skip(8 * data.take("Q")[0])
        rows.extend(row)
    return np.array(rows).reshape(-1, 6)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if not line.lstrip().startswith("#")]


def _cameras_txt(text: str) -> dict[int, ModelCamera]:
    cameras = {}
    for parts in (line.split() for line in _lines(text) if line):
        values = tuple(float(v) for v in parts[4:])
        if len(values) != _COUNTS[parts[1]]:
            raise ValueError(f"camera {parts[0]} has {len(values)} parameters")
        cameras[int(parts[0])] = ModelCamera(parts[1], int(parts[2]), int(parts[3]), values)
    return cameras


def _images_txt(text: str) -> list[ModelImage]:
    lines = _lines(text)
    while lines and not lines[0]:
        lines.pop(0)
    images = []
    # Two lines each; the second, the keypoints, may be empty.
    for line in lines[::2]:
        if line:
            parts = line.split(maxsplit=9)
            pose = [float(v) for v in parts[1:8]]
            images.append(ModelImage(parts[9], int(parts[8]), np.array(pose[:4]), np.array(pose[4:])))
    return images


def _points_txt(text: str) -> np.ndarray:
    rows = array("d")
    for line in _lines(text):
        if line:
            x, y, z, red, green, blue = line.split()[1:7]
            rows.extend((float(x), float(y), float(z), float(red), float(green), float(blue)))
    return np.array(rows).reshape(-1, 6)
