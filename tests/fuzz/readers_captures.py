"""Readers of captures and of what lies in them: every layout, meshes, pictures, recordings, the CC0 heads."""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from emodifftalk.core import tensors
from emodifftalk.core.facs import AU_NAMES
from emodifftalk.core.opening import read_json
from emodifftalk.data.captures.plan import _read_mapping
from emodifftalk.data.captures.readers import colmap, emotalk3d, open_dataset, renderme360, transforms_json
from emodifftalk.data.captures.readers.calibration import checked_camera
from emodifftalk.data.captures.readers.choose import action_units, choose_moments, keep_cameras
from emodifftalk.data.captures.readers.mesh_files import read_mesh, read_triangles
from emodifftalk.data.captures.readers.picture import Picture, StoredPicture
from emodifftalk.data.captures.readers.recording import DatasetSettings, read_settings
from emodifftalk.data.captures.readers.world import find_world, read_landmarks
from emodifftalk.data.face.actor import Actor
from emodifftalk.data.speech.recordings import read_recordings
from tests.helpers import tiny_datasets
from tests.helpers.sounds import save_ramp

from .reader import Reader

_SPARE = {"images", "masks", "fg_masks", "pictures"}
"""Folders of which one picture is damaged, not all."""


def _layout(name: str, folder: Path) -> list[str]:
    made = tiny_datasets.LAYOUTS[name](folder / "set")
    (folder / "path").write_text(made.path.relative_to(folder).as_posix())
    return _small_targets(folder)


def _own(folder: Path) -> list[str]:
    tiny_datasets.own(folder / "set")
    (folder / "path").write_text("set")
    return _small_targets(folder)


def _small_targets(folder: Path) -> list[str]:
    """What is damaged: texts and tables all, of pictures and meshes the first of each kind and folder."""
    targets, seen = [], set()
    for path in sorted((folder / "set").rglob("*")):
        kind = (path.suffix, next((p for p in path.parts if p in {*_SPARE, "mesh"}), path.name))
        if path.is_file() and kind not in seen:
            seen.add(kind)
            targets.append(path.relative_to(folder).as_posix())
    return targets


def _read_layout(root: Path, path: Path) -> None:
    """All but the registration of the template, which takes seconds on good files too."""
    data = root / (root / "path").read_text()
    layout = next((o for o in (renderme360, transforms_json, emotalk3d, colmap) if o.recognises(data)), None)
    if layout is None:
        return
    beside = renderme360.home(data) if layout is renderme360 else data if data.is_dir() else data.parent
    settings = read_settings(beside, {})
    recording = layout.read(data, settings)
    keep_cameras(recording, settings)
    choose_moments(recording, settings, action_units(recording, settings))
    name = next(iter(recording.moments))
    vertices = recording.meshes.vertices(name)
    recording.meshes.triangles()
    landmarks, given = read_landmarks(recording.folder, vertices)
    if given is None:
        find_world(recording.folder, landmarks, vertices, recording.metric)
    camera, sight = next(iter(recording.moments[name].items()))
    device = recording.cameras[camera]
    side = min(device.camera.width, device.camera.height)
    if side <= 4096:
        size = device.camera.width, device.camera.height
        Picture(sight.color, sight.matte, device.lens, (0, 0, side), size).read(32)


def _read_own(root: Path, path: Path) -> None:
    capture = open_dataset(root / "set")
    picture = next(iter(capture.frames[0].pictures.values()))
    (picture if isinstance(picture, Picture) else Picture(StoredPicture(picture))).read(32)


def _meshes(folder: Path) -> list[str]:
    points = np.random.default_rng(0).normal(size=(30, 3))
    faces = np.stack([np.arange(28), np.arange(28) + 1, np.arange(28) + 2], axis=1)
    lines = [*(f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in points), *(f"f {a}/{a} {b} {c}" for a, b, c in faces + 1)]
    (folder / "a.obj").write_text("\n".join(lines))
    np.save(folder / "a.npy", points)
    (folder / "header").write_text("")
    head = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(points)}\n"
    head += "".join(f"property double {axis}\n" for axis in "xyz")
    head += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    rows = np.zeros(len(faces), [("n", "u1"), ("v", "<i4", (3,))])
    rows["n"], rows["v"] = 3, faces
    (folder / "a.ply").write_bytes(head.encode() + points.astype("<f8").tobytes() + rows.tobytes())
    plain = head.replace("binary_little_endian", "ascii")
    table = [*(" ".join(map(repr, map(float, p))) for p in points), *(f"3 {a} {b} {c}" for a, b, c in faces)]
    (folder / "text.ply").write_text(plain + "\n".join(table) + "\n")
    return ["a.obj", "a.npy", "a.ply", "text.ply"]


def _read_mesh(root: Path, path: Path) -> None:
    read_mesh(path)
    read_triangles(path)


def _pictures(folder: Path) -> list[str]:
    from PIL import Image

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (32, 32, 4)).astype(np.uint8)
    pixels[:4] = 255
    names = ["a.png", "a.webp", "a.tif", "p.png", "a.jpg"]
    for name in names[:3]:
        Image.fromarray(pixels).save(folder / name)
    Image.fromarray(pixels[..., :3]).quantize(16).save(folder / "p.png")
    Image.fromarray(pixels[..., :3]).save(folder / "a.jpg")
    return names


def _read_picture(root: Path, path: Path) -> None:
    stored = StoredPicture(path)
    stored.size(), stored.has_alpha(), stored.matte()
    Picture(stored, matte=StoredPicture(path)).read(16)


def _recordings(table: str, folder: Path) -> list[str]:
    speech = folder / "speech"
    speech.mkdir()
    save_ramp(speech / "a.wav", 0.4)
    if table == "csv":
        rows = [",".join(AU_NAMES), *(",".join(["0.5"] * len(AU_NAMES)) for _ in range(10))]
        (speech / "a.csv").write_text("\n".join(rows))
    elif table == "openface":
        tiny_datasets.openface_csv(speech / "a.csv", fps=5.0)
    else:
        tensors.save(speech / "a.safetensors", {"aus": np.full((10, 17), 0.5, np.float32)})
    return ["speech/a.wav", f"speech/a.{'safetensors' if table == 'tensors' else 'csv'}"]


def _read_recordings(root: Path, path: Path) -> None:
    if not all(np.isfinite(recording.wave).all() for recording in read_recordings(root)):
        raise AssertionError("sound that is no number")


def _calibration(folder: Path) -> list[str]:
    tiny_datasets.own(folder / "set")
    shutil.copyfile(folder / "set" / "capture.json", folder / "a.json")
    shutil.rmtree(folder / "set")
    return ["a.json"]


def _read_calibration(root: Path, path: Path) -> None:
    data = read_json(path)
    cameras = data.get("cameras") if isinstance(data, dict) else None
    for item in cameras if isinstance(cameras, list) else ():
        if isinstance(item, dict):
            checked_camera("a.json", "c", *(item.get(key) for key in ("viewmat", "K", "width", "height")))


def _settings(folder: Path) -> list[str]:
    (folder / "dataset.json").write_text(
        '{"name": "a", "eye_centers": [[0.1, 0.2, 0.3], [1, 2, 3]], "held_out": ["01"], "fps": 25, "each": true, '
        '"most_pictures": 5, "openface": "x.csv"}'
    )
    return ["dataset.json"]


def _mapping(folder: Path) -> list[str]:
    (folder / "a.json").write_text('{"jawOpen": "Mouth_Open", "AU12": {"SmileLeft": 0.5, "SmileRight": 1}}')
    return ["a.json"]


def _actor(folder: Path) -> list[str]:
    rng = np.random.default_rng(0)
    np.savez(
        folder / "a.npz",
        identities=np.array(["caucasian_female_young"]),
        unit_delta_ancestry=np.array(["caucasian"]),
        neutral=rng.normal(size=(1, 20, 3)).astype(np.float16),
        units=np.array(["mouth-open", "brow-up"]),
        unit_delta=rng.normal(size=(1, 2, 20, 3)).astype(np.float16),
        faces=np.arange(40).reshape(10, 4) % 20,
        face_part=np.zeros(10, np.uint8),
        parts=np.array(["skin"]),
    )
    return ["a.npz"]


def _made(name: str) -> Callable[[Path], list[str]]:
    return functools.partial(_layout, name)


_CHILD = 128
"""MiB of a process that reads HDF5 or sound for us, with its interpreter and libraries."""
CAPTURES = (
    *(Reader(name, _made(name), _read_layout, per_byte=64, fixed=_CHILD) for name in tiny_datasets.LAYOUTS),
    Reader("own_capture", _own, _read_own, per_byte=64),
    Reader("mesh", _meshes, _read_mesh, per_byte=64),
    Reader("picture", _pictures, _read_picture, fixed=64),
    Reader("recordings_csv", functools.partial(_recordings, "csv"), _read_recordings, per_byte=64, fixed=_CHILD),
    Reader(
        "recordings_openface", functools.partial(_recordings, "openface"), _read_recordings, per_byte=64, fixed=_CHILD
    ),
    Reader(
        "recordings_tensors", functools.partial(_recordings, "tensors"), _read_recordings, per_byte=64, fixed=_CHILD
    ),
    Reader("calibration", _calibration, _read_calibration, per_byte=64),
    Reader("dataset_settings", _settings, lambda root, path: read_settings(root, {}) or DatasetSettings(), per_byte=64),
    Reader("capture_mapping", _mapping, lambda root, path: _read_mapping(str(path)), per_byte=64),
    Reader("actor", _actor, lambda root, path: Actor.load(path), per_byte=64),
)
