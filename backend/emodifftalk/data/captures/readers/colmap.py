"""A COLMAP model, binary or text, with its pictures.

    sparse/0/cameras.bin, images.bin, points3D.bin      or .txt; also sparse/, colmap/sparse/0/ or the folder itself
    images/…                the pictures, named as in the model
    masks/…                 mattes, `<picture>.png` as COLMAP names them or with the ending replaced; or alpha
    mesh/<moment>.obj       tracked meshes in the model's world
    landmarks.json          see world.py

Pictures in folders, `images/<camera>/<moment>.jpg`, are cameras that stand still: a camera needs one picture in the
model, its other pictures are found in its folder. Pictures in no folder are cameras that saw one moment. Lenses are
straightened; rigs and frames files are not needed.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np

from ....core.errors import UserError
from ....core.opening import is_plain_file, resolve_inside
from .calibration import checked_camera, intrinsics, within_reason
from .colmap_files import ModelCamera, ModelImage, read_model
from .lens import Lens, fisheye, radial
from .meshes import MeshFolder
from .photographs import PICTURES, Photograph, find_matte, same_device, sort_photographs
from .picture import StoredPicture
from .recording import DatasetSettings, Device, Recording, Sight

PLACES = ("sparse/0", "sparse", "colmap/sparse/0", "colmap/sparse", "colmap_text", "")
STILL = "still"


def recognises(path: Path) -> bool:
    """Whether there is a model in one of the usual places."""
    return _model(path) is not None


def read(path: Path, settings: DatasetSettings) -> Recording:
    """The model and its pictures, in its own world. Raises UserError naming the file that is wrong."""
    model = _model(path)
    if model is None:
        raise ValueError(f"{path} was not recognised")
    cameras, images, points, colors = read_model(model)
    # The model may lie in a folder of its own, beside the pictures or below them.
    folder = next((p for p in (path, *path.parents[:3]) if (p / "images").is_dir()), path)
    seen: dict[PurePosixPath, list[tuple[ModelImage, Device, Path]]] = {}
    for image in images:
        name, path = PurePosixPath(image.name.replace("\\", "/")), resolve_inside(folder / "images", image.name)
        if not is_plain_file(path):
            raise UserError(f"The picture {path} of the COLMAP model is missing: copy the data set again, whole.")
        seen.setdefault(name.parent, []).append((image, _device(model, image, cameras), path))
    photographs = [one for parent, group in seen.items() for one in _photographs(folder, parent, group, settings.each)]
    devices, moments = sort_photographs(photographs, str(model))
    meshes = MeshFolder(folder)
    if list(moments) == [STILL]:
        meshes = meshes.renamed(STILL)
    return Recording("COLMAP model", folder, folder.name, devices, moments, meshes, extra=points, extra_colors=colors)


def _model(path: Path) -> Path | None:
    for place in PLACES:
        for kind in (".bin", ".txt"):
            if (path / place / f"cameras{kind}").is_file() and (path / place / f"images{kind}").is_file():
                return path / place
    return None


def _photographs(
    folder: Path, parent: PurePosixPath, group: list[tuple[ModelImage, Device, Path]], each: bool
) -> list[Photograph]:
    """The pictures of one folder below images/: of one camera that stands still, or as the model has them."""

    def photograph(moment: str, camera: str, device: Device, path: Path) -> Photograph:
        return Photograph(moment, camera, device, Sight(StoredPicture(path), find_matte(folder, path)))

    if parent == PurePosixPath("."):
        return [photograph(p.stem if each else STILL, p.stem, device, p) for _, device, p in group]
    first = group[0][1]
    if all(same_device(first, device) for _, device, _ in group):
        files = sorted(p for p in group[0][2].parent.iterdir() if p.suffix.lower() in PICTURES)
        return [photograph(p.stem, parent.as_posix(), first, p) for p in files]
    return [photograph(p.stem, parent.as_posix(), device, p) for _, device, p in group]


def _device(model: Path, image: ModelImage, cameras: dict[int, ModelCamera]) -> Device:
    if image.camera not in cameras:
        raise UserError(f"{model}: camera {image.camera} of the picture {image.name} is not in the model.")
    camera = cameras[image.camera]
    K, lens = _optics(model, image, camera)
    view = np.eye(4)
    view[:3, :3], view[:3, 3] = _rotation(model, image), image.shift
    return Device(checked_camera(str(model), image.name, view, K, camera.width, camera.height), lens)


def _optics(model: Path, image: ModelImage, camera: ModelCamera) -> tuple[np.ndarray, Lens | None]:
    """K (3, 3) and the lens of COLMAP's camera models (sensor/models.h)."""
    p = camera.parameters
    if not within_reason(np.array(p)):
        raise UserError(f"{model}: the camera of the picture {image.name} contains numbers that are not finite.")
    shared = {"SIMPLE_PINHOLE": 3, "SIMPLE_RADIAL": 3, "RADIAL": 3, "SIMPLE_RADIAL_FISHEYE": 3, "RADIAL_FISHEYE": 3}
    own = {"PINHOLE": 4, "OPENCV": 4, "OPENCV_FISHEYE": 4, "FULL_OPENCV": 4}
    if camera.model in shared:
        K, bend = intrinsics(p[0], p[0], p[1], p[2]), p[3:]
    elif camera.model in own:
        K, bend = intrinsics(p[0], p[1], p[2], p[3]), p[4:]
    else:
        raise UserError(f"{model}: the camera model {camera.model} is not read: undistort the pictures first.")
    return K, (fisheye if "FISHEYE" in camera.model else radial)(K, *bend)


def _rotation(model: Path, image: ModelImage) -> np.ndarray:
    length = np.linalg.norm(image.quaternion)
    if not 0.9 < length < 1.1:
        raise UserError(f"{model}: the pose of {image.name} is no rotation.")
    # The rotation matrix of a unit quaternion; COLMAP's is wxyz and turns the world into the camera.
    w, x, y, z = image.quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
