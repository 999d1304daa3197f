"""Tiny data sets of the synthetic head, written as the real ones are: file by file, name by name, axis by axis."""

from __future__ import annotations

import csv
import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from emodifftalk.core.camera import Camera
from emodifftalk.core.facs import AU_INDEX, AU_NAMES
from emodifftalk.data.captures.capture import Capture, CaptureCamera, CaptureFrame, save_capture
from tests.helpers import tiny_head as head

OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
LENS = (-0.2, 0.08, 0.002, -0.001, 0.01)
"""What RenderMe-360's pictures are bent by: (k1, k2, p1, p2, k3)."""
OPENFACE = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)
"""The intensities OpenFace 2.x writes: with AU20, without AU24."""
TERMS = {"synthetic": True, "credit": "the tests", "licence": "CC0", "consent": "nobody was captured"}


@dataclass(frozen=True)
class Dataset:
    """path: what a person would name. folder: where landmarks.json lies. world: how it lies in ours."""

    path: Path
    folder: Path
    world: head.World


def emotalk3d(folder: Path) -> Dataset:
    """A sentence with FaceScape's notation of cameras: JPEG pictures by camera, mattes beside them, millimetres."""
    world = head.turned_world(0.001)
    calibration: dict[str, object] = {}
    for name, camera in _cameras(world).items():
        said = {"K": camera.K, "Rt": camera.viewmat[:3], "distortion": np.zeros(5)}
        calibration |= {f"{name}_{key}": value.tolist() for key, value in said.items()}
        calibration |= {f"{name}_width": camera.width, f"{name}_height": camera.height, f"{name}_valid": True}
    _json(folder / "params.json", calibration)
    for name, moment, pixels in _photographs():
        _split_save(pixels, folder / "images" / name / f"{moment}.jpg", folder / "masks" / name / f"{moment}.png")
    _meshes(folder, world)
    return _beside(folder, folder, world)


def nersemble(folder: Path) -> Dataset:
    """A sentence with NeRSemble's notation of cameras, shared by all sentences; pictures in one folder, with alpha."""
    world, sentence = head.turned_world(1.0, 4), folder / "happy_01"
    cameras = _cameras(world)
    poses = {name: camera.viewmat.tolist() for name, camera in cameras.items()}
    K = next(iter(cameras.values())).K.tolist()
    _json(folder / "camera_params.json", {"world_2_cam": poses, "intrinsics": K})
    for name, moment, pixels in _photographs():
        _save(sentence / "images" / f"cam_{name}_{moment}.png", pixels)
    _meshes(sentence, world)
    return _beside(sentence, sentence, world)


def renderme360(folder: Path) -> Dataset:
    """raw and anno of one performance, bent pictures and FLAME's vertices, in the folders they are given out in."""
    import h5py

    world, name = head.turned_world(1.0, 2), "0026_e0"
    raw, anno = (folder / kind / "0026" / f"{name}_{kind}.smc" for kind in ("raw", "anno"))
    for path in (raw, anno):
        path.parent.mkdir(parents=True)
    with h5py.File(raw, "w") as colors, h5py.File(anno, "w") as rest:
        for file in (colors, rest):
            file.attrs["actor_id"], file.attrs["performance_part"] = "0026", "e0"
            file.create_group("Camera").attrs["resolution"] = (head.HEIGHT, head.WIDTH)
        for camera_name, camera in _cameras(world).items():
            K = camera.K.copy()
            K[:2, 2] -= 0.5  # OpenCV's pixel centres
            said = {"K": K, "D": np.array(LENS), "RT": np.linalg.inv(camera.viewmat)}
            for key, value in said.items():
                rest[f"Calibration/{camera_name}/{key}"] = value
        for camera_name, moment, pixels in _photographs(LENS):
            frame = str(int(moment))
            colors[f"Camera/{camera_name}/color/{frame}"] = _encoded(Image.fromarray(pixels[..., :3]), "JPEG")
            matte = Image.fromarray(pixels[..., 3].repeat(3).reshape(*pixels.shape[:2], 3))
            rest[f"Camera/{camera_name}/mask/{frame}"] = _encoded(matte, "PNG")
        for moment in head.MOMENTS:
            rest[f"FLAME/{int(moment)}/verts"] = world.of(head.vertices(moment))
    _obj(anno.parent / "topology.obj", world.of(head.vertices("000000")))
    return _beside(raw, anno.parent, world)


def transforms(folder: Path) -> Dataset:
    """transforms.json of nerfstudio with a picture per camera and moment: OpenGL's axes, mattes named by the file."""
    world, frames = head.turned_world(2.5, 3), []
    cameras = _cameras(world)
    for name, moment, pixels in _photographs():
        colors, matte = f"images/{moment}_{name}.png", f"fg_masks/{moment}_{name}.png"
        _split_save(pixels, folder / colors, folder / matte)
        pose = np.linalg.inv(cameras[name].viewmat) @ OPENGL
        said = {"file_path": colors, "fg_mask_path": matte, "transform_matrix": pose.tolist()}
        frames.append(said | {"timestep_index": int(moment), "camera_index": int(name)})
    camera = next(iter(cameras.values()))
    shared = {"w": camera.width, "h": camera.height, "fl_x": camera.K[0, 0], "fl_y": camera.K[1, 1]}
    shared |= {"cx": camera.K[0, 2], "cy": camera.K[1, 2], "camera_model": "OPENCV"}
    _json(folder / "transforms.json", shared | {"frames": frames})
    _meshes(folder, world, digits=5)
    return _beside(folder, folder, world)


def colmap_text(folder: Path) -> Dataset:
    """A model exported as text."""
    return _colmap(folder, _model_text)


def colmap_binary(folder: Path) -> Dataset:
    """A model as COLMAP leaves it."""
    return _colmap(folder, _model_binary)


def own(folder: Path) -> Path:
    """A capture as this project writes it, its pictures wider than high; the fourth camera is held out."""
    for name, moment, pixels in _photographs():
        _save(folder / "pictures" / f"{moment}_{name}.png", pixels)
    save_capture(folder, own_capture(folder))
    return folder


def own_capture(folder: Path) -> Capture:
    """What `own` writes, before it is written."""
    cameras = {n: CaptureCamera(n, c, "test" if n == "03" else "train") for n, c in head.cameras().items()}
    frames = [
        CaptureFrame(m, units(m), {name: folder / "pictures" / f"{m}_{name}.png" for name in cameras})
        for m in head.MOMENTS
    ]
    points = np.stack([head.vertices(moment)[: len(head.template().neutral)] for moment in head.MOMENTS])
    seeds = np.zeros((4, 3)), np.full((4, 3), 0.5), np.zeros(4, np.uint8)
    terms = {key: str(TERMS[key]) for key in ("licence", "consent")}
    return Capture("tiny", "the tests", True, cameras, frames, points, *seeds, **terms, eye_centers=head.EYE_CENTERS)


LAYOUTS: dict[str, Callable[[Path], Dataset]] = {
    f.__name__: f for f in (emotalk3d, nersemble, renderme360, transforms, colmap_text, colmap_binary)
}


def openface_csv(path: Path, columns: tuple[int, ...] = OPENFACE, fps: float = 30.0) -> None:
    """The CSV that OpenFace's FeatureExtraction writes of the head's moments: a blank after every comma."""
    header = ["frame", "face_id", "timestamp", "confidence", "success"]
    header += [f"AU{n:02d}_r" for n in columns] + [f"AU{n:02d}_c" for n in (*columns, 28)]
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([header[0], *(f" {name}" for name in header[1:])])
        for i, aus in enumerate(head.MOMENTS.values()):
            values = [5 * aus.get(f"AU{n:02d}", 0.0) for n in columns]
            active = [int(v > 1) for v in (*values, 0)]
            writer.writerow([i + 1, 0, *(f" {x:g}" for x in (round(i / fps, 3), 0.98, 1, *values, *active))])


def units(moment: str) -> np.ndarray:
    """(17,) action units of the head at a moment."""
    aus = np.zeros(len(AU_NAMES), np.float32)
    for name, value in head.MOMENTS[moment].items():
        aus[AU_INDEX[name]] = value
    return aus


def _colmap(folder: Path, write: Callable) -> Dataset:
    world = head.turned_world(0.37, 5)
    for name, moment, pixels in _photographs():
        _split_save(pixels, folder / "images" / name / f"{moment}.png", folder / "masks" / name / f"{moment}.png.png")
    model = folder / "sparse" / "0"
    model.mkdir(parents=True)
    points = world.of(head.vertices("000000")[::40])
    write(model, {f"{name}/000000.png": camera for name, camera in _cameras(world).items()}, points)
    _meshes(folder, world, kind=".ply")
    return _beside(folder, folder, world)


def _model_text(model: Path, images: dict[str, Camera], points: np.ndarray) -> None:
    lines = ["# Camera list with one line of data per camera:"]
    poses = ["# Image list with two lines of data per image:"]
    for i, (name, camera) in enumerate(images.items(), 1):
        K = camera.K
        lines.append(f"{i} PINHOLE {camera.width} {camera.height} {K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}")
        numbers = " ".join(repr(float(v)) for v in (*quaternion(camera.viewmat), *camera.viewmat[:3, 3]))
        poses += [f"{i} {numbers} {i} {name}", "10.5 20.5 -1"]
    cloud = [f"{i} {p[0]} {p[1]} {p[2]} 120 100 90 0.5 1 0" for i, p in enumerate(points, 1)]
    for name, content in (("cameras", lines), ("images", poses), ("points3D", cloud)):
        (model / f"{name}.txt").write_text("\n".join(content) + "\n", encoding="utf-8")


def _model_binary(model: Path, images: dict[str, Camera], points: np.ndarray) -> None:
    cameras, poses = struct.pack("<Q", len(images)), struct.pack("<Q", len(images))
    for i, (name, camera) in enumerate(images.items(), 1):
        K = camera.K
        cameras += struct.pack("<iiQQ4d", i, 1, camera.width, camera.height, K[0, 0], K[1, 1], K[0, 2], K[1, 2])
        poses += struct.pack("<i7di", i, *quaternion(camera.viewmat), *camera.viewmat[:3, 3], i)
        poses += name.encode() + b"\0" + struct.pack("<Qddq", 1, 10.5, 20.5, -1)
    cloud = struct.pack("<Q", len(points))
    for i, point in enumerate(points, 1):
        cloud += struct.pack("<Q3d3BdQii", i, *point, 120, 100, 90, 0.5, 1, 1, 0)
    for name, content in (("cameras", cameras), ("images", poses), ("points3D", cloud)):
        (model / f"{name}.bin").write_bytes(content)


def quaternion(viewmat: np.ndarray) -> np.ndarray:
    """(w, x, y, z) of a rotation, from the eigenvector of its symmetric 4 × 4 form."""
    r = viewmat[:3, :3]
    k = np.zeros((4, 4))
    k[0, 0] = np.trace(r)
    k[0, 1:] = k[1:, 0] = (r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1])
    k[1:, 1:] = r + r.T - np.trace(r) * np.eye(3)
    return np.linalg.eigh(k)[1][:, -1]


def _cameras(world: head.World) -> dict[str, Camera]:
    return {name: world.camera(camera) for name, camera in head.cameras().items()}


def _photographs(distortion: tuple[float, ...] = ()):
    for moment in head.MOMENTS:
        for name, camera in head.cameras().items():
            yield name, moment, head.photograph(camera, moment, distortion)


def _beside(path: Path, folder: Path, world: head.World) -> Dataset:
    _json(folder / "landmarks.json", head.landmarks())
    _json(folder / "dataset.json", TERMS | {"eye_centers": world.of(head.EYE_CENTERS).tolist()})
    openface_csv(folder / "openface.csv")
    return Dataset(path, folder, world)


def _meshes(folder: Path, world: head.World, digits: int = 6, kind: str = ".obj") -> None:
    (folder / "mesh").mkdir(parents=True)
    for moment in head.MOMENTS:
        path = folder / "mesh" / f"{int(moment):0{digits}d}{kind}"
        (_obj if kind == ".obj" else _ply)(path, world.of(head.vertices(moment)))


def _obj(path: Path, vertices: np.ndarray) -> None:
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices]
    lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in head.triangles() + 1]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _ply(path: Path, vertices: np.ndarray) -> None:
    faces = np.zeros(len(head.triangles()), [("n", "u1"), ("v", "<i4", (3,))])
    faces["n"], faces["v"] = 3, head.triangles()
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(vertices)}\n"
    header += "".join(f"property double {axis}\n" for axis in "xyz")
    header += f"element face {len(faces)}\nproperty list uchar int vertex_indices\nend_header\n"
    path.write_bytes(header.encode() + vertices.astype("<f8").tobytes() + faces.tobytes())


def _split_save(pixels: np.ndarray, colors: Path, matte: Path) -> None:
    _save(colors, pixels[..., :3])
    _save(matte, pixels[..., 3])


def _save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **({"quality": 98} if path.suffix == ".jpg" else {}))


def _encoded(image: Image.Image, kind: str) -> np.ndarray:
    stream = io.BytesIO()
    image.save(stream, kind, **({"quality": 98} if kind == "JPEG" else {}))
    return np.frombuffer(stream.getvalue(), np.uint8)


def _json(path: Path, data: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data), encoding="utf-8")
