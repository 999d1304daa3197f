"""EmoTalk3D: calibrated multi-view pictures with one tracked mesh per frame, one folder per sentence.

The data set is given out on request and its file names are not published, so cameras are read in the two notations
that its authors' and its users' public code has, and pictures by any of the three usual ways to name them:

    cameras      params.json of FaceScape (<camera>_K, _Rt, _distortion, _width, _height, _valid), or
                 camera_params.json of NeRSemble and VHAP (world_2_cam, intrinsics, width, height);
                 in the folder or, shared by all sentences, in the one above it
    pictures     images/<camera>/<moment>.jpg, images/<moment>/<camera>.jpg or images/cam_<camera>_<moment>.jpg
    mattes       masks/… named alike, or alpha
    meshes       mesh/<moment>.obj, .ply or .npy
    landmarks.json          see world.py

Poses are world to camera in OpenCV's axes; the unit is found from the landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from ....core.errors import UserError
from .calibration import checked_camera, within_reason
from .lens import radial
from .meshes import MeshFolder
from .photographs import PICTURES, Photograph, find_matte, sort_photographs
from .picture import StoredPicture
from .recording import DatasetSettings, Device, Recording, Sight, is_number, read_json

CALIBRATIONS = ("camera_params.json", "cameras.json", "params.json")
FOLDERS = ("images", "image", "imgs", "frames", "rgb")
Size = Callable[[], tuple[int, int]]


def recognises(path: Path) -> bool:
    """Whether there is a folder of pictures and a calibration in one of the notations."""
    return _calibration(path) is not None and _images(path) is not None


def read(path: Path, settings: DatasetSettings) -> Recording:
    """One sentence. Raises UserError naming the file that is wrong."""
    calibration, images = _calibration(path), _images(path)
    if calibration is None or images is None:
        raise ValueError(f"{path} was not recognised")
    files = sorted(p for p in images.rglob("*") if p.suffix.lower() in PICTURES)
    if not files:
        raise UserError(f"{images} holds no pictures: copy it again.")
    cameras = _cameras(calibration, lambda: StoredPicture(files[0]).size())
    photographs, strange = [], []
    for file, place in zip(files, _places(files, images, cameras), strict=True):
        if place is None:
            strange.append(file)
        else:
            camera, moment = place
            photographs.append(
                Photograph(moment, camera, cameras[camera], Sight(StoredPicture(file), find_matte(path, file)))
            )
    if not photographs:
        raise UserError(
            f"{strange[0]} is named after no camera of {calibration.name}, such as {', '.join(sorted(cameras)[:4])}."
        )
    devices, moments = sort_photographs(photographs, str(images))
    notes = []
    if strange:
        notes.append(
            f"{len(strange)} pictures belong to no camera of {calibration.name}, the first is "
            f"{strange[0].relative_to(path)}: left out."
        )
    return Recording(
        "EmoTalk3D", path, path.name, cameras | devices, moments, MeshFolder(path),
        credit="EmoTalk3D (He et al., 2024)", notes=notes,
    )  # fmt: skip


def _calibration(path: Path) -> Path | None:
    return next((p for f in (path, path.parent) for n in CALIBRATIONS if (p := f / n).is_file()), None)


def _images(path: Path) -> Path | None:
    return next((path / name for name in FOLDERS if (path / name).is_dir()), None)


def _cameras(path: Path, size: Size) -> dict[str, Device]:
    data = read_json(path)
    cameras = _nersemble(path, data, size) if "world_2_cam" in data else _facescape(path, data)
    if not cameras:
        raise UserError(f"{path} has no cameras: it needs world_2_cam and intrinsics, or <camera>_K and <camera>_Rt.")
    return cameras


def _nersemble(path: Path, data: dict, size: Size) -> dict[str, Device]:
    poses, K = data["world_2_cam"], data.get("intrinsics")
    if not isinstance(poses, dict):
        raise UserError(f"{path}: world_2_cam does not name its cameras.")
    width, height = (data["width"], data["height"]) if "width" in data and "height" in data else size()
    own = K if isinstance(K, dict) else {name: K for name in poses}
    return {n: Device(checked_camera(str(path), n, pose, own.get(n), width, height)) for n, pose in poses.items()}


def _facescape(path: Path, data: dict) -> dict[str, Device]:
    cameras = {}
    for name in (key.removesuffix("_K") for key in data if key.endswith("_K")):
        if data.get(f"{name}_valid", True):
            size = data.get(f"{name}_width"), data.get(f"{name}_height")
            camera = checked_camera(str(path), name, data.get(f"{name}_Rt"), data[f"{name}_K"], *size)
            cameras[name] = Device(camera, _bent(path, name, data.get(f"{name}_distortion", ()), camera.K))
    return cameras


def _bent(path: Path, name: str, said: object, K: np.ndarray):
    try:
        coefficients = np.asarray(said, np.float64).ravel()
    except (TypeError, ValueError, OverflowError):
        coefficients = np.full(1, np.nan)
    if len(coefficients) > 5 or not within_reason(coefficients):
        raise UserError(f"{path}: the distortion of camera {name} is not (k1, k2, p1, p2, k3).")
    return radial(K, *coefficients)


def _places(files: list[Path], images: Path, cameras: dict[str, Device]) -> list[tuple[str, str] | None]:
    """Camera and moment of every picture from its name; None where no camera is named.

    A number may be of a camera or of a moment: all pictures are named one way, in which most names are cameras' own.
    """

    def score(last: bool) -> tuple[int, int, int]:
        said = [_words(file, images, last)[0] for file in files]
        known = [camera for word in said if (camera := _known(word, cameras))]
        own = sum(word in cameras or word.lower().startswith("cam") for word in said)
        return own, len(known), len(set(known))

    last = score(True) > score(False)
    places = []
    for word, moment in (_words(file, images, last) for file in files):
        camera = _known(word, cameras)
        places.append((camera, moment) if camera and moment else None)
    return places


def _words(file: Path, images: Path, last: bool) -> tuple[str, str]:
    """What may name the camera and what the moment: folder and file, or what is before and behind an underscore."""
    parts = file.relative_to(images).with_suffix("").parts
    if len(parts) == 1:
        cut = str.rpartition if last else str.partition
        before, _, behind = cut(parts[0].removeprefix("cam_"), "_")
        parts = before, behind
    if len(parts) != 2:
        return "", ""
    return (parts[1], parts[0]) if last else (parts[0], parts[1])


def _known(word: str, cameras: dict[str, Device]) -> str:
    """The camera that a word names, as it is or by its number; empty when none."""
    plain = word.lower().removeprefix("camera").removeprefix("cam").strip("_-")
    for name in cameras:
        if name == word or name.lower() == plain or (is_number(name) and is_number(plain) and int(name) == int(plain)):
            return name
    return ""
