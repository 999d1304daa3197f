"""transforms.json, as instant-ngp, nerfstudio, the synthetic NeRF scenes and VHAP write it.

    transforms.json         or transforms_train.json, _val and _test: intrinsics of all or of each picture, poses
    images/…                wherever `file_path` says, with or without its ending
    masks/…                 where `mask_path` or `fg_mask_path` says, else found by name; or alpha in the pictures
    mesh/<moment>.obj       tracked meshes in the world of the poses, or where `mesh_path` says
    landmarks.json          see world.py

Poses are camera to world in OpenGL's axes. Which moment a picture belongs to: `timestep_index` (VHAP) or `time`, else
all pictures show one moment, unless the meshes are named like the pictures or dataset.json says `each`.
"""

from __future__ import annotations

import math
from pathlib import Path

from ....core.errors import UserError
from ....core.opening import is_plain_file, resolve_inside
from .calibration import REASON, checked_camera, intrinsics, world_to_camera
from .lens import Lens, fisheye, radial
from .mesh_files import read_mesh
from .meshes import MeshFolder
from .photographs import PICTURES, Photograph, find_matte, sort_photographs
from .picture import StoredPicture
from .recording import DatasetSettings, Device, Recording, Sight, read_json

SPLITS = {"train": "train", "val": "test", "test": "test"}
_FISHEYE = ("OPENCV_FISHEYE", "SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE")
_STRAIGHT = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE")
STILL = "still"
"""The moment of a data set that has only one."""


def recognises(path: Path) -> bool:
    """Whether there is a transforms.json or its parts, or this is one."""
    if path.is_file():
        return path.suffix == ".json" and path.stem.startswith("transforms")
    return (path / "transforms.json").exists() or (path / "transforms_train.json").exists()


def read(path: Path, settings: DatasetSettings) -> Recording:
    """Everything the files say, in their own world. Raises UserError naming the file and the picture that is wrong."""
    folder = path if path.is_dir() else path.parent
    pages = _pages(path)
    meshes = MeshFolder(folder)
    items = [(file, data, frame, split) for file, data, split in pages for frame in data["frames"]]
    each = settings.each or _named_like_pictures(items, meshes)
    tracked: dict[str, Path] = {}
    photographs, notes = [], []
    for file, data, frame, split in items:
        photograph = _photograph(folder, file, data, frame, split, each)
        if "mesh_path" in frame:
            tracked[photograph.moment] = resolve_inside(folder, frame["mesh_path"])
        photographs.append(photograph)
    learned = {s.moment for s in photographs if s.device.split != "test"} or {s.moment for s in photographs}
    later = {s.moment for s in photographs} - learned
    if later:
        notes.append(f"{len(later)} moments are only for testing in {folder.name}: left out.")
    photographs = _once([s for s in photographs if s.moment in learned])
    cameras, moments = sort_photographs(photographs, str(folder))
    if tracked:
        meshes = MeshFolder(folder, {m: p for m, p in tracked.items() if m in learned})
    elif list(moments) == [STILL]:
        meshes = meshes.renamed(STILL)
    extra, colors = _points(folder, pages)
    return Recording("transforms.json", folder, folder.name, cameras, moments, meshes, notes=notes, extra=extra,
                     extra_colors=colors)  # fmt: skip


def _pages(path: Path) -> list[tuple[Path, dict, str]]:
    """The files to read: (file, content, split)."""
    if path.is_file():
        files = [(path, "")]
    elif (path / "transforms_train.json").exists():
        files = [(path / f"transforms_{name}.json", split) for name, split in SPLITS.items()]
        files = [(file, split) for file, split in files if file.exists()]
    else:
        files = [(path / "transforms.json", "")]
    pages = [(file, read_json(file), split) for file, split in files]
    for file, data, _ in pages:
        frames = data.get("frames")
        if not isinstance(frames, list) or not frames or not all(isinstance(f, dict) for f in frames):
            raise UserError(f"{file} lists no frames.")
    return pages


def _photograph(folder: Path, file: Path, data: dict, frame: dict, split: str, each: bool) -> Photograph:
    try:
        said = str(frame["file_path"])
        pose = frame["transform_matrix"]
    except KeyError as error:
        raise UserError(f"{file}: a frame has no {error}.") from error
    picture = _locate(folder, said)
    key = next((k for k in ("mask_path", "fg_mask_path") if k in frame), "")
    matte = StoredPicture(resolve_inside(folder, str(frame[key]))) if key else find_matte(folder, picture)
    camera = str(next((frame[k] for k in ("camera_id", "camera_index", "camera_label") if k in frame), ""))
    device = _device(file, data, frame, pose, camera or said, StoredPicture(picture), _split(data, said, split))
    name = picture.relative_to(folder).with_suffix("").as_posix()
    return Photograph(_moment(frame, picture, each), camera or name, device, Sight(StoredPicture(picture), matte))


def _locate(folder: Path, said: str) -> Path:
    path = resolve_inside(folder, said)
    if is_plain_file(path):
        return path
    for suffix in PICTURES:  # the synthetic NeRF scenes leave the ending out
        if is_plain_file(longer := resolve_inside(folder, said + suffix)):
            return longer
    raise UserError(f"The picture {path} is missing: copy the data set again, whole.")


def _moment(frame: dict, picture: Path, each: bool) -> str:
    if each:
        return picture.stem
    if "mesh_path" in frame:
        return Path(str(frame["mesh_path"])).stem
    step = frame.get("timestep_index")
    if isinstance(step, int) and abs(step) < REASON:
        return f"{step:05d}"
    time = frame.get("time")
    if isinstance(time, int | float) and abs(time) < REASON:
        return f"{time:.6f}"
    return STILL


def _named_like_pictures(items: list, meshes: MeshFolder) -> bool:
    stems = {Path(str(frame.get("file_path", ""))).stem for _, _, frame, _ in items}
    return len(stems) > 1 and len(stems & meshes.names()) > 1


def _device(file: Path, data: dict, frame: dict, pose: object, name: str, picture: StoredPicture, split: str) -> Device:
    def value(*keys: str) -> float | None:
        number = next((source[k] for source in (frame, data) for k in keys if k in source), None)
        if number is None:
            return None
        if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < REASON:
            raise UserError(f"{file}: “{keys[0]}” of {name} is no number.")
        return float(number)

    width, height = value("w"), value("h")
    if width is None or height is None:
        width, height = picture.size()
    angles = value("camera_angle_x"), value("camera_angle_y")
    fx = value("fl_x") or _focal(width, angles[0])
    fy = value("fl_y") or _focal(height, angles[1]) or fx
    if not fx or not fy:
        raise UserError(f"{file}: {name} has no focal length (fl_x or camera_angle_x).")
    cx, cy = value("cx"), value("cy")
    K = intrinsics(fx, fy, width / 2 if cx is None else cx, height / 2 if cy is None else cy)
    camera = checked_camera(str(file), name, world_to_camera(str(file), name, pose, opengl=True), K, width, height)
    model = str(frame.get("camera_model", data.get("camera_model", "OPENCV")))
    bent = bool(frame.get("is_fisheye", data.get("is_fisheye", False)))
    return Device(camera, _lens(file, name, model, bent, camera.K, value), split)


def _focal(side: float, angle: float | None) -> float:
    """The focal length in pixels of a picture `side` pixels long that shows an angle, radians; 0 without one."""
    return side / 2 / math.tan(angle / 2) if angle is not None and 1e-3 < angle < math.pi else 0.0


def _lens(file: Path, name: str, model: str, bent: bool, K, value) -> Lens | None:
    k1, k2, k3, k4, p1, p2 = (value(key) or 0.0 for key in ("k1", "k2", "k3", "k4", "p1", "p2"))
    if bent or model in _FISHEYE:
        return fisheye(K, k1, k2, k3, k4)
    if model not in _STRAIGHT:
        raise UserError(f"{file}: camera model {model} of {name} is not read: undistort the pictures first.")
    if k4:
        raise UserError(f"{file}: {name} has a fourth radial coefficient (k4): undistort the pictures first.")
    return radial(K, k1, k2, p1, p2, k3)


def _split(data: dict, said: str, split: str) -> str:
    for key, kind in SPLITS.items():
        listed = data.get(f"{key}_filenames")
        if isinstance(listed, list) and said in listed:
            return kind
    return split


def _once(photographs: list[Photograph]) -> list[Photograph]:
    """Pictures that stand in several files (training and validation) count once; a training camera stays one."""
    train = {s.camera for s in photographs if s.device.split == "train"}
    once: dict[tuple[str, str], Photograph] = {}
    for photograph in photographs:
        if photograph.camera not in train or photograph.device.split != "test":
            once.setdefault((photograph.moment, photograph.camera), photograph)
    return list(once.values())


def _points(folder: Path, pages: list) -> tuple:
    """Points of a reconstruction that nerfstudio points to, with no colours of their own: grey."""
    import numpy as np

    said = next((data["ply_file_path"] for _, data, _ in pages if data.get("ply_file_path")), None)
    path = resolve_inside(folder, str(said)) if said else None
    if path is None or not is_plain_file(path):
        return np.zeros((0, 3)), np.zeros((0, 3))
    points = read_mesh(path)[0]
    return points, np.full(points.shape, 0.5)
