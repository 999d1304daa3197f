"""RenderMe-360's .smc files: `<actor>_<part>_raw.smc` with the pictures and `<actor>_<part>_anno.smc` with the rest.

    Camera/<cc>/color/<frame>           encoded picture (raw)
    Camera/<cc>/mask/<frame>            encoded matte (anno)
    Calibration/<cc>/K, D, RT           3 × 3, five of OpenCV's coefficients, camera to world in OpenCV's axes, metres
    FLAME/<frame>/verts                 5023 × 3 in the world, parts “e” (expressions) only

Both lie side by side or in raw/<actor>/ and anno/<actor>/; one file may hold everything. Beside the annotations lie
`landmarks.json` and, because FLAME's triangles are not in the files and not free to give away, `topology.obj`: any
mesh of FLAME's vertex order. Parts without FLAME need tracked meshes in `mesh/`, named by frame (000012.obj).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ....core.errors import UserError
from .calibration import checked_camera, world_to_camera
from .lens import radial
from .mesh_files import read_triangles
from .meshes import TOPOLOGY, MeshFolder
from .picture import StoredPicture
from .recording import DatasetSettings, Device, Recording, Sight, is_number
from .smc_file import SmcFile, attribute, has, names, open_smc, stored

FPS = 30.0
_RAW, _ANNO = "_raw", "_anno"


def recognises(path: Path) -> bool:
    """Whether this is an .smc file or a folder with some."""
    return path.suffix == ".smc" or (path.is_dir() and any(path.glob("*.smc")))


def home(path: Path) -> Path:
    """The folder of the annotations, where what a person adds lies. Raises UserError when a file is missing."""
    return _pair(path)[1].parent


def read(path: Path, settings: DatasetSettings) -> Recording:
    """One performance. Raises UserError naming the file and what is wrong with it, or the parts to choose from."""
    raw, anno = _pair(path)
    with open_smc(anno) as file:
        cameras = _cameras(file, anno)
        mattes = {c: set(names(file, f"Camera/{c}/mask")) for c in cameras}
        flame = [f for f in names(file, "FLAME") if is_number(f) and has(file, f"FLAME/{f}/verts")]
    moments: dict[str, dict[str, Sight]] = {}
    notes, bare = [], 0
    with open_smc(raw) as file:
        part = _said(file, "performance_part", raw.stem)
        actor = _said(file, "actor_id", raw.stem.split("_")[0])
        for camera in cameras:
            for frame in names(file, f"Camera/{camera}/color"):
                if frame not in mattes[camera]:
                    bare += 1
                elif is_number(frame):
                    color = StoredPicture(raw, f"Camera/{camera}/color/{frame}")
                    matte = StoredPicture(anno, f"Camera/{camera}/mask/{frame}")
                    moments.setdefault(f"{int(frame):06d}", {})[camera] = Sight(color, matte)
    if not moments:
        raise UserError(
            f"{raw.name} and {anno.name} have no picture with a matte: put the raw and the anno file of one "
            "performance side by side."
        )
    if bare:
        notes.append(f"{bare} pictures of {raw.name} have no matte in {anno.name}: left out.")
    folder = anno.parent
    meshes = FlameMeshes(anno, {f"{int(f):06d}": f for f in flame}) if flame else MeshFolder(folder)
    return Recording(
        "RenderMe-360", folder, f"{actor} {part}", cameras, dict(sorted(moments.items())), meshes,
        credit="RenderMe-360 (Pan et al., 2023)", fps=FPS, metric=True, notes=notes,
    )  # fmt: skip


class FlameMeshes:
    """The fitted FLAME meshes inside an annotation file; triangles from `topology.obj` beside it."""

    def __init__(self, path: Path, frames: dict[str, str]) -> None:
        self._path, self._frames = path, frames
        self.where = str(path)

    def names(self) -> set[str]:
        """The moments that have a mesh."""
        return set(self._frames)

    def triangles(self) -> np.ndarray:
        """(F, 3) int64. Raises UserError when `topology.obj` is missing."""
        paths = [self._path.parent / f"{TOPOLOGY}{kind}" for kind in (".obj", ".ply")]
        path = next((p for p in paths if p.exists()), None)
        if path is None:
            raise UserError(
                f"Add {paths[0]}: any mesh in FLAME's vertex order (the head template of the FLAME download), because "
                "RenderMe-360 carries vertices without triangles."
            )
        return read_triangles(path)

    def vertices(self, moment: str) -> np.ndarray:
        """(N, 3) metres in the world. Raises UserError when damaged."""
        with open_smc(self._path) as file:
            return stored(file, f"FLAME/{self._frames[moment]}/verts", (None, 3))


def _pair(path: Path) -> tuple[Path, Path]:
    """The files with the pictures and with the annotations."""
    if path.is_dir():
        files = sorted(path.glob("*.smc"))
        parts = sorted({_part(f) for f in files})
        if len(parts) > 1:
            raise UserError(f"{path} holds {len(parts)} performances: name a file of one, such as {files[0].name}.")
        path = files[0]
    elif not path.exists():
        raise UserError(f"The file {path} does not exist.")
    if not path.stem.endswith((_RAW, _ANNO)):
        return path, path
    pair = []
    for kind in (_RAW, _ANNO):
        name = f"{_part(path)}{kind}.smc"
        places = [path.parent / name, path.parent.parent.parent / kind[1:] / path.parent.name / name]
        file = next((p for p in places if p.exists()), None)
        if file is None:
            raise UserError(f"{path.name} needs {name} beside it: copy both files of the performance.")
        pair.append(file)
    return pair[0], pair[1]


def _part(path: Path) -> str:
    return path.stem.removesuffix(_RAW).removesuffix(_ANNO)


def _said(file: SmcFile, name: str, otherwise: str) -> str:
    value = attribute(file, "", name)
    return otherwise if value is None else str(value)[:200]


def _cameras(file: SmcFile, path: Path) -> dict[str, Device]:
    cameras = {}
    resolution = np.asarray(attribute(file, "Camera", "resolution"))
    if resolution.shape != (2,) or resolution.dtype.kind not in "fiu" or not resolution.all():
        raise UserError(f"{path.name} does not say how large its pictures are (Camera, resolution).")
    height, width = resolution.tolist()
    for name in names(file, "Calibration"):
        K = stored(file, f"Calibration/{name}/K", (3, 3))
        bent = stored(file, f"Calibration/{name}/D", (5,))
        pose = stored(file, f"Calibration/{name}/RT", (4, 4))
        # OpenCV puts pixel centres at whole numbers, we put them at +0.5.
        K[:2, 2] += 0.5
        camera = checked_camera(path.name, name, world_to_camera(path.name, name, pose, opengl=False), K, width, height)
        cameras[name] = Device(camera, radial(camera.K, *bent))
    if not cameras:
        raise UserError(f"{path.name} has no calibration.")
    return cameras
